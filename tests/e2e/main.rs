//! Sotto through the front door: real TLS, real certificates, a port of its own for each test.

mod bad_input;
mod conversation;
mod delivery;
mod identity;
mod process;
mod resume;
mod terminal;
