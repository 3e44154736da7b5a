//! Verbs for tests through the front door: a server on port 0 with its own certificates and data, people who
//! speak the protocol over real TLS, the real binaries, and a wire that can be cut.
//!
//! Every wait has a deadline here. Nothing sleeps to let something else happen: a ping round trip is what
//! turns "nothing else came" into a fact.

#![expect(clippy::expect_used, clippy::panic, reason = "a harness fails a test by panicking")]

pub mod binaries;
pub mod certificates;
pub mod desktop;
pub mod files;
mod house;
mod original;
mod person;
pub mod process;
pub mod wire;

use std::time::Duration;

pub use house::House;
pub use original::{Original, Read};
pub use person::{Person, Seen};

/// The password of everybody who does not say otherwise.
pub const PASSWORD: &str = "correct horse battery";

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits, but not for ever.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}
