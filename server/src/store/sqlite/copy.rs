//! A copy of a database that may be in use, as it was at one moment.

use std::fs::OpenOptions;
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, params};
use sotto_proto::{Epoch, FileId};

use super::patience::Patience;
use super::queries::number_at;
use super::schema;
use crate::store::StoreError;

/// Pages copied, synced and told of at a time: 16 MiB, so that the server's own syncs wait for no more than these.
const STEP: i32 = 4096;

/// Copies a database to a file that is there and empty; `tell` hears of bytes copied, and of how many there are.
///
/// All of it is read in one snapshot: writers go on meanwhile, and their log grows. Without the snapshot each write of a server
/// would make the copy begin again. The copy has no epoch: whoever opens it first begins a history of its own. It also has no log:
/// to look at it changes nothing beside it.
pub(crate) fn copy(from: &Path, to: &Path, tell: &dyn Fn(u64, u64)) -> Result<(), StoreError> {
    let (source, patience) = (schema::open_reader(from)?, Patience::with(from));
    let snapshot = source.unchecked_transaction()?;
    let page = snapshot.pragma_query_value(None, "page_size", |row| number_at(row, 0))?;
    let mut copy = Connection::open(to)?;
    // What is not whole in the end is thrown away: nothing has to be undone.
    copy.pragma_update(None, "journal_mode", "OFF")?;
    copy.pragma_update(None, "synchronous", "OFF")?;
    let written = OpenOptions::new().write(true).open(to).map_err(StoreError::Copy)?;
    let backup = Backup::new(&snapshot, &mut copy)?;
    loop {
        let step = backup.step(STEP)?;
        written.sync_data().map_err(StoreError::Copy)?;
        let progress = backup.progress();
        let bytes = |pages: i32| u64::try_from(pages).unwrap_or_default().saturating_mul(page);
        tell(bytes(progress.pagecount - progress.remaining), bytes(progress.pagecount));
        match step {
            StepResult::Done => break,
            _ => patience.lasts()?,
        }
    }
    drop(backup);
    drop(copy);
    drop(snapshot);
    let copy = Connection::open(to)?;
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    copy.execute("DELETE FROM meta WHERE key = 'epoch'", [])?;
    Ok(())
}

/// Notes in a copy that files have been let go of.
pub(crate) fn let_go(copy: &Path, files: &[FileId]) -> Result<(), StoreError> {
    let mut copy = Connection::open(copy)?;
    let tx = copy.transaction()?;
    for file in files {
        tx.execute("UPDATE file SET stage = 2 WHERE id = ?1", params![file.as_bytes()])?;
    }
    Ok(tx.commit()?)
}

/// Brings a copy up to date, and begins a history of its own; `tell` hears of messages.
pub(crate) fn begin_history(copy: &Path, tell: &dyn Fn(u64, u64)) -> Result<Epoch, StoreError> {
    schema::migrate(&mut Connection::open(copy)?, tell)
}
