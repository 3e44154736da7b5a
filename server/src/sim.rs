//! The simulation: people with real client sessions, a real server, and between them a network and under them a disk that a seed
//! misleads. Everything runs in one thread on a clock that moves only when nobody has anything to do, so a seed gives the same
//! schedule every time, and an hour of silence takes no time.
//!
//! What is real: client sessions, connections, sessions, handlers, outboxes, hub and lane. What is not: TLS, TCP (`wire`), SQLite
//! (`store/memory`, `disk`), and files, which nobody offers here. What has happened is judged by `sotto-judge`, as in
//! `tests/faults`; what may never happen, not even for a moment, is noticed on the spot (`World::wrong`).
//!
//! `bench` lends the same house to `tests/fuzz`, where an input says what a seed says here, and files are offered, too.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "it is for tests, also where it is not built by them"
)]
#![cfg_attr(not(test), allow(dead_code, unused_imports, reason = "tests/fuzz needs a part of it"))]

mod bench;
#[cfg(test)]
mod device;
mod disk;
mod house;
#[cfg(test)]
mod person;
#[cfg(test)]
mod schedule;
mod wire;
mod world;

#[cfg(test)]
mod tests;

pub use bench::{Bench, Stored, Terms};
pub(crate) use disk::{Disk, Lie};
pub use house::PASSWORD;
