//! A server's data as they lie there, read beside the server or without one.

use std::path::Path;

use anyhow::Context;
use rusqlite::{Connection, OpenFlags};

/// Opens a database to look at it. Beside a server this changes nothing.
pub(crate) fn look_at(path: &Path) -> anyhow::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// What SQLite says of the whole file: an error if it is not "ok".
pub(crate) fn is_sound(database: &Connection) -> anyhow::Result<()> {
    let said: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    anyhow::ensure!(said == "ok", "the database is damaged: {said}");
    let mut strays = database.prepare("PRAGMA foreign_key_check")?;
    anyhow::ensure!(!strays.exists([])?, "the database has rows that belong to nothing");
    Ok(())
}
