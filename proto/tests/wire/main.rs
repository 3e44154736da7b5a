//! The wire format from outside: every code there and back, its exact bytes, and whatever a peer may send instead.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "that is how a test fails"
)]

mod golden;
mod properties;
mod readme;
mod refused;
mod round_trip;
mod stream;
mod table;
