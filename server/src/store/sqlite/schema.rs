//! Opening the file, its settings, and its migrations.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use sotto_proto::Epoch;

use super::narrow::{Tell, narrow};
use super::reader_flags;
use crate::store::StoreError;

/// What makes a schema of one version one of the next.
enum Migration {
    Sql(&'static str),
    /// What SQL alone cannot do.
    Work(fn(&Transaction<'_>, Tell<'_>) -> Result<(), StoreError>),
}

/// Append-only: a migration that has been released is never edited. `user_version` counts them.
const MIGRATIONS: &[Migration] = &[
    Migration::Sql(include_str!("../../../migrations/001_initial.sql")),
    Migration::Sql(include_str!("../../../migrations/002_in_the_clear.sql")),
    Migration::Sql(include_str!("../../../migrations/003_files.sql")),
    Migration::Work(narrow),
];

/// How long one of our connections waits for another; only a checkpoint ever makes one wait.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection: more than there are in `queries.rs`.
const STATEMENTS: usize = 64;

/// Pages that the connection that writes keeps in memory, in KiB (said to SQLite as a negative number): what five hundred conversations at
/// once write to. It grows to that only when so much is in use.
const CACHE_KIB: i64 = 16 * 1024;
/// Pages in the log before they are put into their places: 32 MiB. A page that is written to again meanwhile, as the last one of a
/// conversation is, is put there once.
const LOG_PAGES: u32 = 8192;

/// Opens the connection that writes, makes the file if there is none.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    keep_statements(&connection)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    keep_order(&connection, true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    check_settings(&connection)?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, reader_flags())?;
    keep_statements(&connection)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// A statement is compiled once. Without the guarantee SQLite compiles some of them anew for every value they are given, because
/// a plan may depend on it; none of ours does.
fn keep_statements(connection: &Connection) -> Result<(), StoreError> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// A pragma that did not take reports nothing; durability rests on these two, so they are read back.
fn check_settings(connection: &Connection) -> Result<(), StoreError> {
    const FULL: i64 = 2;
    let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    if journal != "wal" {
        return Err(StoreError::Setting("journal_mode=WAL"));
    }
    if synchronous != FULL {
        return Err(StoreError::Setting("synchronous=FULL"));
    }
    Ok(())
}

/// The schema's version that this binary writes.
pub(super) fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// Brings the schema up to date, and has references kept from then on. `tell` hears how far that is, if it takes a while.
pub(super) fn migrate(connection: &mut Connection, tell: Tell<'_>) -> Result<Epoch, StoreError> {
    // A table that takes the place of another one goes by the same name; what goes with the other need not be wiped, for it is
    // all in the new one.
    keep_order(connection, false)?;
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let epoch = migrate_in_disorder(connection, tell)?;
    keep_order(connection, true)?;
    if (1..known()).contains(&found) {
        // A log with all that was said in it has done its duty. Where somebody reads it, it goes later.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(epoch)
}

/// Whether references are kept, and what is deleted is wiped. Neither can be changed within a transaction.
fn keep_order(connection: &Connection, whether: bool) -> Result<(), StoreError> {
    connection.pragma_update(None, "foreign_keys", whether)?;
    Ok(connection.pragma_update(None, "secure_delete", whether)?)
}

/// In one transaction, which is also the proof that the file can be written.
fn migrate_in_disorder(connection: &mut Connection, tell: Tell<'_>) -> Result<Epoch, StoreError> {
    let known = known();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    let missing = MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(usize::MAX));
    for migration in missing {
        match migration {
            Migration::Sql(sql) => transaction.execute_batch(sql)?,
            Migration::Work(work) => work(&transaction, tell)?,
        }
    }
    transaction.pragma_update(None, "user_version", known)?;
    let epoch = epoch(&transaction)?;
    transaction.execute(
        "INSERT INTO meta(key, value) VALUES ('starts', 1) ON CONFLICT(key) DO UPDATE SET value = value + 1",
        [],
    )?;
    transaction.commit()?;
    Ok(epoch)
}

fn epoch(connection: &Connection) -> Result<Epoch, StoreError> {
    let query = "SELECT value FROM meta WHERE key = 'epoch'";
    let stored: Option<i64> = connection.query_row(query, [], |row| row.get(0)).optional()?;
    if let Some(bits) = stored {
        return Ok(Epoch::new(bits.cast_unsigned()));
    }
    let bits = getrandom::u64().map_err(|_| StoreError::Setting("a random epoch"))?;
    connection.execute("INSERT INTO meta(key, value) VALUES ('epoch', ?1)", params![bits.cast_signed()])?;
    Ok(Epoch::new(bits))
}
