//! Whether a database may be built upon: at a start, and after a write that has failed.
//!
//! A failed sync is reported once, and then the system takes the pages for clean: it shows what was written to whoever
//! reads it, and a power cut takes it away. SQLite reads its log when nobody has the database open, and believes all of it
//! that is whole. So a transaction that was refused can come back from the cache and carry acknowledged ones that, on the
//! disk, have nothing before them.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::queries::begin;
use super::schema;
use crate::store::StoreError;

/// How long readers may keep the log from being emptied, before what waits to be stored is refused.
const READERS_MAY_TAKE: Duration = Duration::from_millis(500);

/// The log beside a database.
pub(crate) fn log_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    path.into()
}

/// Before anybody opens the database: writes the log once more, as it is, and syncs it. What is then read from it is on the
/// disk, whatever a server that is gone has been told when it synced. A log is some megabytes.
pub(super) fn write_log_again(database: &Path) -> io::Result<()> {
    const PIECE: u64 = 256 * 1024;
    let mut log = match OpenOptions::new().read(true).write(true).open(log_of(database)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let mut piece = Vec::new();
    let mut off = 0;
    while Read::by_ref(&mut log).take(PIECE).read_to_end(&mut piece)? > 0 {
        log.seek(SeekFrom::Start(off))?;
        log.write_all(&piece)?;
        off = log.stream_position()?;
        piece.clear();
    }
    log.sync_all()
}

/// After a failed write: opens the connection that writes again, if the database is found sound.
///
/// Somebody else has to have it open meanwhile: then what was being written stays unread. Then everything that was
/// acknowledged goes from the log into the database and is synced there, with writes of now, and the log is emptied: what was
/// refused is gone for good. Conversations have to end where they count to, which a transaction of which a part is missing
/// would show. Last, something is written. What is on pages that nothing of this touches is not looked at: that takes
/// minutes, and is `sotto-server verify`.
pub(super) fn reopen(database: &Path) -> Result<Connection, StoreError> {
    let mut connection = schema::open(database)?;
    connection.busy_timeout(READERS_MAY_TAKE)?;
    let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    connection.busy_timeout(schema::BUSY_TIMEOUT)?;
    if busy {
        return Err(StoreError::Unsound("is being read, and its log cannot be emptied"));
    }
    let miscounted: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM conversation c
         WHERE c.head <> (SELECT coalesce(max(place) & 0xFFFFFFFF, 0) FROM message
                          WHERE place BETWEEN c.id << 32 AND c.id << 32 | 0xFFFFFFFF))",
        [],
        |row| row.get(0),
    )?;
    if miscounted {
        return Err(StoreError::Unsound("has a conversation that does not end where it counts to"));
    }
    let canary = begin(&mut connection)?;
    canary.execute(
        "INSERT INTO meta(key, value) VALUES ('reopened', 1) ON CONFLICT(key) DO UPDATE SET value = value + 1",
        [],
    )?;
    canary.commit()?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database whose last transactions are in the log only, as a killed server leaves it.
    fn killed(dir: &Path) -> PathBuf {
        let (live, left) = (dir.join("live.db"), dir.join("left.db"));
        let mut connection = schema::open(&live).unwrap();
        schema::migrate(&mut connection, &|_, _| {}).unwrap();
        std::fs::copy(&live, &left).unwrap();
        std::fs::copy(log_of(&live), log_of(&left)).unwrap();
        left
    }

    #[test]
    fn a_log_that_is_written_again_is_what_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let left = killed(dir.path());
        let before = std::fs::read(log_of(&left)).unwrap();
        assert!(before.len() > 4096);
        write_log_again(&left).unwrap();
        assert_eq!(std::fs::read(log_of(&left)).unwrap(), before);
        let starts: i64 = schema::open(&left)
            .unwrap()
            .query_row("SELECT value FROM meta WHERE key = 'starts'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(starts, 1);
        write_log_again(&dir.path().join("none.db")).unwrap();
    }

    #[test]
    fn what_is_found_sound_has_an_empty_log_but_for_what_was_tried() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sotto.db");
        let mut first = schema::open(&path).unwrap();
        schema::migrate(&mut first, &|_, _| {}).unwrap();
        let before = std::fs::metadata(log_of(&path)).unwrap().len();
        drop(reopen(&path).unwrap());
        assert!(std::fs::metadata(log_of(&path)).unwrap().len() < before);
    }

    #[test]
    fn a_database_that_is_being_read_as_it_was_is_not_found_sound_yet() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sotto.db");
        let mut first = schema::open(&path).unwrap();
        schema::migrate(&mut first, &|_, _| {}).unwrap();
        let reader = schema::open_reader(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM meta;").unwrap();
        first.busy_timeout(Duration::ZERO).unwrap();
        first.execute("UPDATE meta SET value = value + 1 WHERE key = 'starts'", []).unwrap();
        assert!(matches!(reopen(&path), Err(StoreError::Unsound(_))));
        reader.execute_batch("COMMIT").unwrap();
        reopen(&path).unwrap();
    }
}
