//! The fourth migration: all that was said is written once more, narrower, in the transaction that the old tables go in.
//!
//! It says how far it is, and is not begun where the disk has no room for both: it goes through the log.

use std::fs;
use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement, Transaction, params};
use sotto_proto::{ConvId, Seq};

use super::places::place;
use super::queries::{conv_at, number_at, seq_at, sql};
use super::sent::MarkKey;
use super::sound::log_of;
use crate::spool;
use crate::store::StoreError;

const TABLES: &str = include_str!("../../../migrations/004_places.sql");
const EXCHANGE: &str = include_str!("../../../migrations/004_places_exchange.sql");

/// Marks that are sorted in memory at a time, 64 MiB of them: each time the table that they go into is written from one end to the other.
const MARKS: usize = 4 << 20;
/// Messages between two words about them.
const TOLD: u64 = 4096;

/// A mark, and whose.
type Sent = (i32, ConvId, Seq);

/// Hears of how many messages have been brought over, and of how many there are.
pub(super) type Tell<'a> = &'a dyn Fn(u64, u64);

pub(super) fn narrow(tx: &Transaction<'_>, tell: Tell<'_>) -> Result<(), StoreError> {
    ensure_room(tx)?;
    tx.execute_batch(TABLES)?;
    messages((tx, MARKS), tell)?;
    tx.execute_batch(EXCHANGE)?;
    Ok(())
}

/// What is written goes into the log first, and from there behind what is in the database.
fn ensure_room(db: &Connection) -> Result<(), StoreError> {
    let number = |name| db.pragma_query_value(None, name, |row| number_at(row, 0));
    let used = number("page_count")?.saturating_sub(number("freelist_count")?);
    let needed = used.saturating_mul(number("page_size")?).saturating_mul(2);
    let Some(database) = db.path().map(Path::new) else { return Ok(()) };
    // What is in the log of an attempt that was cut short is written over.
    let log = fs::metadata(log_of(database)).map_or(0, |log| log.len());
    match database.parent().and_then(spool::free).map(|free| free.saturating_add(log)) {
        Some(free) if free < needed => Err(StoreError::NoRoom { needed, free }),
        _ => Ok(()),
    }
}

fn messages((tx, marks): (&Transaction<'_>, usize), tell: Tell<'_>) -> Result<(), StoreError> {
    let key = MarkKey::new(tx)?;
    let all = tx.query_row("SELECT coalesce(sum(head), 0) FROM conversation", [], |row| number_at(row, 0))?;
    let mut old =
        tx.prepare("SELECT conv, seq, sender, at, cid, text, clear FROM message ORDER BY conv, seq")?;
    let mut insert =
        tx.prepare("INSERT INTO placed(place, sender, stamp, cid, text) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut note = tx.prepare("INSERT INTO sent(mark, conv, seq) VALUES (?1, ?2, ?3)")?;
    let (mut rows, mut done, mut sent) = (old.query([])?, 0, Vec::new());
    while let Some(row) = rows.next()? {
        let (conv, seq, sender) = (conv_at(row, 0)?, seq_at(row, 1)?, row.get::<_, i64>(2)?);
        let (at, cid, clear) = (row.get::<_, i64>(3)?, row.get_ref(4)?, row.get::<_, bool>(6)?);
        let place = place(conv, seq).ok_or(StoreError::Corrupt("a message that there is no place for"))?;
        let stamp = if clear { !at } else { at };
        // As it is, whatever it is.
        let (cid_as_it_is, text) = (ToSqlOutput::Borrowed(cid), ToSqlOutput::Borrowed(row.get_ref(5)?));
        insert.execute(params![place, sender, stamp, cid_as_it_is, text])?;
        if let ValueRef::Blob(cid) = cid {
            sent.push((key.mark(sender, cid), conv, seq));
        }
        if sent.len() == marks {
            write_down(&mut sent, &mut note)?;
        }
        done += 1;
        if done % TOLD == 0 {
            tell(done, all);
        }
    }
    write_down(&mut sent, &mut note)
}

fn write_down(sent: &mut Vec<Sent>, note: &mut Statement<'_>) -> Result<(), StoreError> {
    sent.sort_unstable();
    for (mark, conv, seq) in sent.drain(..) {
        note.execute(params![mark, sql(conv.get()), sql(seq.get())])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sotto_proto::{Cid, MessageText};

    use super::super::{queries, schema};
    use super::*;
    use crate::store::{Draft, Outcome, UserId};

    /// A database of the third version: two people in the lobby and a set of both, five messages, one of them without a cid and one
    /// in the clear, and two files, of which one has been let go of.
    fn third(path: &Path) -> Connection {
        let db = schema::open(path).unwrap();
        for earlier in [
            include_str!("../../../migrations/001_initial.sql"),
            include_str!("../../../migrations/002_in_the_clear.sql"),
            include_str!("../../../migrations/003_files.sql"),
        ] {
            db.execute_batch(earlier).unwrap();
        }
        db.execute_batch(
            "INSERT INTO account VALUES (1, 'ann', 'ann', 'hash', 1), (2, 'bob', 'Bob', 'hash', 1);
             INSERT INTO conversation VALUES (2, 1, x'22', 2);
             UPDATE conversation SET head = 3 WHERE id = 1;
             INSERT INTO seat VALUES (1, 1, 0, 3), (2, 1, 0, 0), (1, 2, 0, 0), (2, 2, 0, 2);
             INSERT INTO message(conv, seq, sender, at, cid, text, clear) VALUES
               (1, 1, 1, 1700000000001, zeroblob(16), 'one', 0), (1, 2, 2, 0, NULL, 'in the clear', 1),
               (1, 3, 2, 1700000000003, zeroblob(16), 'three', 0), (2, 1, 1, 1700000000004, randomblob(16), 'b.txt', 0),
               (2, 2, 2, 1700000000005, randomblob(16), 'a.txt', 0);
             INSERT INTO file VALUES (x'aa', 2, 2, 2, 7, x'77', 'text/plain', 9, 1), (x'bb', 2, 1, 1, 8, x'88', 'text/plain', 9, 2);
             INSERT INTO standing VALUES (x'aa', 1, 1);
             PRAGMA user_version = 3;",
        )
        .unwrap();
        db
    }

    /// Every row of a query, its columns one after the other.
    fn rows(db: &Connection, query: &str) -> Vec<String> {
        let mut statement = db.prepare(query).unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            (0..columns).map(|column| Ok(format!("{:?} ", row.get_ref(column)?))).collect()
        };
        statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
    }

    const ALL: [&str; 3] = [
        "SELECT conv, seq, sender, at, cid, text, clear FROM message ORDER BY conv, seq",
        "SELECT id, conv, seq, sender, size, hash, media, until, stage FROM file ORDER BY id",
        "SELECT * FROM standing JOIN file ON file.id = standing.file",
    ];

    #[test]
    fn all_that_was_said_is_there_afterwards_and_found_when_it_is_sent_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = third(&dir.path().join("sotto.db"));
        let before = ALL[..2].iter().map(|query| rows(&db, query)).collect::<Vec<_>>();
        assert_eq!(before.iter().map(Vec::len).collect::<Vec<_>>(), [5, 2]);
        schema::migrate(&mut db, &|_, _| {}).unwrap();
        assert_eq!(ALL[..2].iter().map(|query| rows(&db, query)).collect::<Vec<_>>(), before);
        assert_eq!(rows(&db, ALL[2]).len(), 1);
        assert!(rows(&db, "PRAGMA foreign_key_check").is_empty());
        assert_eq!(rows(&db, "PRAGMA integrity_check"), [format!("{:?} ", ValueRef::Text(b"ok"))]);
        let sends = |sender, text: &str| Draft {
            conv: ConvId::new(1).unwrap(),
            sender: UserId(sender),
            cid: Some(Cid::from_bytes([0; 16])),
            text: MessageText::new(text).unwrap(),
            clear: false,
            file: None,
        };
        let outcomes = queries::append(&mut db, &[sends(2, "three"), sends(1, "one")], 7).unwrap();
        let seq = |outcome: &Outcome| match outcome {
            Outcome::Duplicate { seq, at, .. } => (seq.get(), *at),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            outcomes.iter().map(seq).collect::<Vec<_>>(),
            [(3, 1_700_000_000_003), (1, 1_700_000_000_001)]
        );
        let orphan = db.execute("INSERT INTO file VALUES (x'cc', 9, 1, 1, x'77', 'text/plain', 9, 1)", []);
        assert!(orphan.is_err(), "references are kept again");
    }

    #[test]
    fn marks_are_sorted_in_as_many_portions_as_it_takes() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = third(&dir.path().join("sotto.db"));
        let tx = db.transaction().unwrap();
        tx.execute_batch(TABLES).unwrap();
        messages((&tx, 3), &|_, _| {}).unwrap();
        let key = MarkKey::of(&tx).unwrap();
        let mut noted = tx.prepare("SELECT mark FROM sent WHERE conv = ?1 AND seq = ?2").unwrap();
        let mut said = tx.prepare("SELECT conv, seq, sender, cid FROM placed WHERE cid IS NOT NULL").unwrap();
        let (mut said, mut count) = (said.query([]).unwrap(), 0);
        while let Some(row) = said.next().unwrap() {
            let place = [0, 1].map(|column| row.get::<_, i64>(column).unwrap());
            let mark: i32 = noted.query_row(place, |row| row.get(0)).unwrap();
            assert_eq!(mark, key.mark(row.get(2).unwrap(), &row.get::<_, Vec<u8>>(3).unwrap()));
            count += 1;
        }
        assert_eq!((count, rows(&tx, "SELECT 1 FROM sent").len()), (4, 4));
    }
}
