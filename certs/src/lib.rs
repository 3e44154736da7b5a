//! A Sotto server's identity, and the TLS certificates it vouches for.
//!
//! A server's identity is a key, kept in `identity.key` and minted for this one server. Its *pin*, the
//! SHA-256 of its SubjectPublicKeyInfo, is what clients remember. The key signs short-lived TLS
//! certificates, so renewing one changes nothing a client looks at, and a server with another key is
//! another server. Nothing here talks to a network or runs in the background: callers decide when to
//! mint, renew and look.

mod authority;
mod change;
mod error;
mod files;
mod inspect;
mod mint;
mod names;

pub use change::{announce, change_over, vouches};
pub use error::CertError;
pub use inspect::{Summary, pin_of_chain, remaining, show, spki_pin, summary_of_chain, until_valid};
pub use mint::{Existing, Minted, mint, renew};
pub use names::{MAX_NAMES, Names};

/// How long an identity's certificate is valid, in days. The key outlives it: [`renew`] issues the next
/// one in time, with the same pin.
pub const IDENTITY_DAYS: u16 = 3650;
/// How long a TLS certificate is valid, in days from the moment it is issued.
pub const CERTIFICATE_DAYS: u16 = 90;

/// The identity's certificate, PEM: what `--ca` takes, not secret.
pub const IDENTITY_CERTIFICATE: &str = "identity.pem";
/// The identity's private key, PEM, mode 0600: whoever has it can be this server.
pub const IDENTITY_KEY: &str = "identity.key";
/// What the server presents, PEM: the TLS certificate and then the identity's.
pub const SERVER_CERTIFICATE: &str = "server.pem";
/// The TLS certificate's private key, PEM, mode 0600.
pub const SERVER_KEY: &str = "server.key";
/// Below an identity's directory: the identity that will follow it.
pub const NEXT: &str = "next";
/// In there: its announcement, signed by the identity in force; not secret.
pub const ANNOUNCEMENT: &str = "announcement";
