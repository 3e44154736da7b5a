//! A database of the first release that a newer server finds: the old schema or the new one is there afterwards, never between.

use std::path::Path;

use anyhow::Context;
use rusqlite::Connection;
use sotto_tests::binaries::ServerProcess;

use super::{Row, SYNC, Scale, needs_strace, strace, talk};
use crate::database::{is_sound, look_at};
use crate::stage::Stage;

/// The schema of the first release.
const FIRST: &str = include_str!("../../../server/migrations/001_initial.sql");
/// What changes a file.
const CHANGES: &str = "pwrite64,write,ftruncate,unlink,fsync,fdatasync";
/// All that is done to one.
const ANYTHING: &str =
    "openat,close,fcntl,fstat,mmap,pread64,pwrite64,write,ftruncate,unlink,fsync,fdatasync";

/// `kill -9` at the first, the second, the third … change of a file that the migration makes, until it is through; then, with
/// what cycles are left, at each system call that has to do with the database.
pub(crate) async fn migration(scale: Scale) -> anyhow::Result<Row> {
    needs_strace()?;
    let mut stage = Stage::set(talk(scale.seed)).await?;
    stage.goes_on_for(500).await?;
    stage.kill();
    let old = tempfile::tempdir()?;
    let first = Release::of_the_past(stage.data(), &old.path().join("sotto.db"))?;
    let (mut migrated, mut kills) = (0, 0);
    for calls in [CHANGES, ANYTHING] {
        for when in 1.. {
            if kills == scale.cycles {
                break;
            }
            let dir = tempfile::tempdir()?;
            std::fs::copy(old.path().join("sotto.db"), dir.path().join("sotto.db"))?;
            if is_through(dir.path(), (calls, when))? {
                break;
            }
            kills += 1;
            migrated += usize::from(first.is_whole(dir.path())?);
        }
    }
    anyhow::ensure!(kills > 0, "no kill has hit its place");
    // The last one is gone through by those who were there, with their tokens, and judged as everything else is.
    for file in ["sotto.db-wal", "sotto.db-shm"] {
        let _ = std::fs::remove_file(stage.data().join(file));
    }
    std::fs::copy(old.path().join("sotto.db"), stage.data().join("sotto.db"))?;
    stage.start_under(&strace(SYNC, &format!("{SYNC}:signal=KILL:when=2"), None))?;
    stage.kill();
    stage.start()?;
    stage.goes_on_for(500).await?;
    let note = format!("the old schema {} times, the new one {migrated} times", kills - migrated);
    Ok(Row { cycles: kills, note, verdict: stage.settle().await? })
}

/// Starts a server that is killed at one call. True: it is ready without having come to it.
fn is_through(dir: &Path, (calls, when): (&str, usize)) -> anyhow::Result<bool> {
    let files = ["sotto.db", "sotto.db-wal", "sotto.db-shm", "sotto.db-journal"];
    let mut wrapper = strace(calls, &format!("{calls}:signal=KILL:when={when}"), None);
    wrapper.extend(files.iter().flat_map(|file| ["-P".to_owned(), dir.join(file).display().to_string()]));
    Ok(ServerProcess::start_under(&wrapper, dir, &[]).is_some())
}

/// What an old database is, and what becomes of it.
struct Release {
    old: Vec<String>,
    new: Vec<String>,
    messages: Vec<String>,
}

impl Release {
    /// Makes a database of the first release of what a server of today has left, people, tokens and all.
    fn of_the_past(data: &Path, path: &Path) -> anyhow::Result<Self> {
        let today = data.join("sotto.db");
        let database = Connection::open(path)?;
        database.execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = OFF; BEGIN; {FIRST} PRAGMA user_version = 1; COMMIT;"
        ))?;
        database.execute("ATTACH ?1 AS today", [today.to_str().context("a path that is text")?])?;
        for table in list(&database, "SELECT name FROM main.sqlite_master WHERE type = 'table'")? {
            let columns = list(&database, &format!("SELECT name FROM pragma_table_info('{table}', 'main')"))?;
            let columns = columns.join(", ");
            database.execute_batch(&format!(
                "DELETE FROM main.{table}; INSERT INTO main.{table}({columns}) SELECT {columns} FROM today.{table};"
            ))?;
        }
        database.execute("DETACH today", [])?;
        is_sound(&database)?;
        let (old, messages) = (schema(&database)?, messages(&database)?);
        anyhow::ensure!(!messages.is_empty(), "the old database has no messages");
        // Nothing may stay in its log: it is copied as one file.
        database.pragma_update(None, "wal_checkpoint", "TRUNCATE")?;
        Ok(Self { old, new: schema(&look_at(&today)?)?, messages })
    }

    /// Looks at what a kill has left, and at what a server makes of it. True: the kill left the new schema.
    fn is_whole(&self, dir: &Path) -> anyhow::Result<bool> {
        let path = dir.join("sotto.db");
        // Looking writes, where there is a log to be gone through: so at a copy.
        let copy = tempfile::tempdir()?;
        for file in ["sotto.db", "sotto.db-wal"] {
            if dir.join(file).exists() {
                std::fs::copy(dir.join(file), copy.path().join(file))?;
            }
        }
        let database = Connection::open(copy.path().join("sotto.db"))?;
        let found = schema(&database)?;
        anyhow::ensure!(
            found == self.old || found == self.new,
            "a schema between the old and the new: {found:?}"
        );
        anyhow::ensure!(messages(&database)? == self.messages, "the history is another one after a kill");
        is_sound(&database)?;
        let server = ServerProcess::start_under(&[], dir, &[]);
        drop(server.context("the server does not start after a kill")?);
        let database = look_at(&path)?;
        anyhow::ensure!(schema(&database)? == self.new, "the schema is not the new one after a whole start");
        anyhow::ensure!(
            messages(&database)? == self.messages,
            "the history is another one after a whole start"
        );
        is_sound(&database)?;
        Ok(found == self.new)
    }
}

/// Each table and index, and which version this is.
fn schema(database: &Connection) -> anyhow::Result<Vec<String>> {
    let mut schema = list(database, "SELECT user_version || '' FROM pragma_user_version")?;
    schema.extend(list(database, "SELECT name || coalesce(sql, '') FROM sqlite_master ORDER BY name")?);
    Ok(schema)
}

fn messages(database: &Connection) -> anyhow::Result<Vec<String>> {
    list(
        database,
        "SELECT conv || ' ' || seq || ' ' || sender || ' ' || at || hex(cid) || text FROM message ORDER BY conv, seq",
    )
}

fn list(database: &Connection, query: &str) -> anyhow::Result<Vec<String>> {
    let mut statement = database.prepare(query)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
