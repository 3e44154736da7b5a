//! What an operator does with the data of a server, beside it or while it is stopped: copy it, look through it, put a copy
//! back; and what the set-up is like. Nothing here is reached from a connection, and everything may wait for disks.

mod backup;
mod check;
mod contents;
mod disk;
mod install;
mod restore;
mod verify;

pub use backup::backup;
pub use check::{Advice, Weight, check};
pub(crate) use install::finish;
pub use restore::{Occupied, Restored, restore};
pub use verify::{Finding, Verdict, verify};

use std::fmt;

/// How far something has got that takes its time.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being done.
    pub doing: &'static str,
    /// How much of it, in bytes or messages.
    pub done: u64,
    /// Of how much; 0: nobody knows.
    pub all: u64,
}

/// Hears of progress, often.
pub type Tell<'a> = &'a dyn Fn(Progress);

/// What a data directory, or a backup, holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Contents {
    /// Accounts.
    pub accounts: u64,
    /// Messages, those included that offer files.
    pub messages: u64,
    /// Files of which all is there.
    pub files: u64,
    /// Bytes: the database's and those of files.
    pub bytes: u64,
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accounts, messages, files, bytes } = self;
        write!(f, "{messages} messages, {accounts} accounts, {files} files, {bytes} bytes")
    }
}

#[cfg(test)]
mod tests;
