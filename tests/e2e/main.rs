//! Sotto through the front door: real TLS, real certificates, a port of its own for each test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "that is how a test fails"
)]

mod backup;
mod bad_input;
mod certificates;
mod conversation;
mod crowd;
mod delivery;
mod desktop;
mod files;
#[cfg(target_os = "linux")]
mod full_disk;
mod guessing;
mod identity;
mod original;
mod process;
mod race;
mod resume;
mod secrets;
mod terminal;
