//! A server's data as they lie there, read beside the server or without one.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use rusqlite::{Connection, OpenFlags};
use sotto_proto::{FileHash, FileId};

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

/// Every file that the database says is stored is in the spool and is what it says; `acknowledged` are among those it knows.
/// How many files there are.
pub(crate) fn files_are_there(data: &Path, acknowledged: &[FileHash]) -> anyhow::Result<usize> {
    let database = look_at(&data.join("sotto.db"))?;
    let mut statement = database.prepare("SELECT id, hash, stage FROM file")?;
    let mut rows = statement.query([])?;
    let (mut there, mut known) = (0, BTreeSet::new());
    while let Some(row) = rows.next()? {
        let (id, expected, stage): ([u8; 16], [u8; 32], i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if stage != 1 {
            continue;
        }
        let id = FileId::from_bytes(id).to_string();
        let path = data.join("spool").join(id.get(..2).unwrap_or_default()).join(&id);
        let content = std::fs::read(&path).with_context(|| format!("file {id} is stored and not there"))?;
        anyhow::ensure!(FileHash::of(&content).as_bytes() == &expected, "file {id} is not what it was");
        known.insert(expected);
        there += 1;
    }
    let lost = acknowledged.iter().filter(|hash| !known.contains(hash.as_bytes())).count();
    anyhow::ensure!(lost == 0, "{lost} files that were acknowledged are not stored");
    Ok(there)
}
