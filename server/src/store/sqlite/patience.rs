//! Reading for long beside a server that writes: its log cannot be emptied meanwhile, and grows.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::sound::log_of;
use crate::store::StoreError;

/// By how much the log may grow, or by a quarter of the database if that is more: then the reading is given up, and the disk is
/// not filled.
const GROWTH: u64 = 256 * 1024 * 1024;
/// SQLite's steps between two looks at the log: a fraction of a millisecond.
const STEPS: i32 = 1000;

/// With how long a log a database is still read.
#[derive(Clone)]
pub(super) struct Patience {
    log: PathBuf,
    bound: u64,
}

impl Patience {
    pub(super) fn with(database: &Path) -> Self {
        let log = log_of(database);
        let bound = length(&log) + GROWTH.max(length(database) / 4);
        Self { log, bound }
    }

    /// # Errors
    /// When it has run out.
    pub(super) fn lasts(&self) -> Result<(), StoreError> {
        if length(&self.log) > self.bound { Err(StoreError::LogGrows) } else { Ok(()) }
    }

    /// Has whatever the connection is asked end with [`StoreError::LogGrows`] once it has run out.
    pub(super) fn guards(self, connection: &mut Connection) -> Result<(), StoreError> {
        Ok(connection.progress_handler(STEPS, Some(move || self.lasts().is_err()))?)
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_on_while_the_log_beside_it_grows_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sotto.db");
        let mut connection = Connection::open(&path).unwrap();
        Patience::with(&path).guards(&mut connection).unwrap();
        let takes_its_time = || -> Result<i64, StoreError> {
            let count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT max(i) FROM n";
            Ok(connection.query_row(count, [], |row| row.get(0))?)
        };
        assert_eq!(takes_its_time().unwrap(), 10_000);
        let log = fs::File::create(log_of(&path)).unwrap();
        log.set_len(GROWTH + 1).unwrap();
        assert!(matches!(takes_its_time(), Err(StoreError::LogGrows)));
        log.set_len(GROWTH).unwrap();
        assert_eq!(takes_its_time().unwrap(), 10_000);
    }
}
