//! The simulation: people with real client sessions, a real server, and between them a network and under them a disk that a seed
//! misleads. Everything runs in one thread on a clock that moves only when nobody has anything to do, so a seed gives the same
//! schedule every time, and an hour of silence takes no time.
//!
//! What is real: client sessions, connections, sessions, handlers, outboxes, hub and lane. What is not: TLS, TCP (`wire`), SQLite
//! (`store/memory`, `disk`), and files, which nobody offers here. What has happened is judged by `sotto-judge`, as in
//! `tests/faults`; what may never happen, not even for a moment, is noticed on the spot (`World::wrong`).

mod device;
mod disk;
mod house;
mod person;
mod schedule;
mod wire;
mod world;

mod tests;

pub(crate) use disk::{Disk, Lie};
