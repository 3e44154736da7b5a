//! What can go wrong with certificates and their files, and what to do about it.

use std::io;
use std::path::PathBuf;

use crate::names::MAX_NAMES;

/// Why something was not minted, renewed or read. The message is a sentence for the person at the server;
/// the cause, where there is one, is the error's source.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// A file that minting would overwrite is there.
    #[error(
        "{} already exists, and a new identity makes every client stop: keep this one with \
         `sotto-certs renew`, or replace it with `sotto-certs mint --force`", path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A directory has no `identity.key`.
    #[error(
        "{} does not exist: put this server's identity back there, or start a new one with \
         `sotto-certs mint`", path.display()
    )]
    NoIdentity {
        /// Where the key was looked for.
        path: PathBuf,
    },
    /// The next identity has been announced already.
    #[error(
        "{} is announced already, and clients may know it: `sotto-certs change-over` puts it in place; to plan anew, \
         delete that directory first", path.display()
    )]
    Announced {
        /// The directory of the next identity.
        path: PathBuf,
    },
    /// There is no next identity that clients could know.
    #[error(
        "{} holds no announced identity: `sotto-certs announce` makes one, and clients have to hear of it before the change",
        path.display()
    )]
    NotAnnounced {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A subject alternative name is neither a DNS name nor an IP address.
    #[error(
        "{name:?} is neither a host name nor an IP address: give something like chat.example.org or \
         192.168.1.20, with names outside ASCII in their xn-- form"
    )]
    Name {
        /// What was given.
        name: String,
    },
    /// There are more than [`MAX_NAMES`] subject alternative names.
    #[error("a certificate has at most {MAX_NAMES} names: leave some out")]
    TooManyNames,
    /// A file cannot be read.
    #[error("cannot read {}: check the path and who may read it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or directory cannot be written.
    #[error("cannot write {}: check the path and who may write there", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file should hold certificates in PEM, and does not.
    #[error("{} does not hold certificates in PEM: restore it, or make it again", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
    },
    /// `identity.key` is not a key that this crate made.
    #[error("{} is not the key of a Sotto identity (ECDSA P-256, PKCS #8): restore it", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        source: rcgen::Error,
    },
    /// `identity.pem` is not the certificate of `identity.key`.
    #[error(
        "{} is not the certificate of the identity.key beside it: restore the right key, or delete the \
         certificate and renew, which makes it again from the key", path.display()
    )]
    Mismatch {
        /// The certificate's file.
        path: PathBuf,
    },
    /// A chain has no certificate.
    #[error("there is no certificate in the chain: give one that starts with the server's own")]
    EmptyChain,
    /// Bytes are not one X.509 certificate in DER.
    #[error("that is not an X.509 certificate: use one in PEM, as `sotto-certs mint` writes it")]
    Certificate,
    /// A key or certificate could not be made.
    #[error("making a key or certificate failed: try again, and report it if that does not help")]
    Issue(#[from] rcgen::Error),
    /// The system gave no randomness.
    #[error("the system gave no random numbers: try again when it has started up")]
    Randomness,
}
