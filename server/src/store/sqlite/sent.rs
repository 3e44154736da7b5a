//! Which message a sender has given a cid: the table `sent`, and what finds a message in it.
//!
//! The whole cid is in the message; here a mark is enough to find it: when the cid says it was made, and 14 bits of a hash. So marks
//! of messages that follow one another stand side by side, and a batch of them changes a page or two, not one for each. The hash is keyed:
//! with other bits of the cid, which the sender chooses, somebody could have thousands of messages found together, and compared one
//! by one.

use aws_lc_rs::digest;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sotto_proto::{Cid, ConvId, FileId, Seq};

use super::queries::{conv_at, number_at, seq_at, sql};
use crate::store::{Outcome, StoreError, UserId};

/// Bits of a mark that are of a hash; the others say when.
const HASHED: u32 = 14;
/// Marks of cids made within 2⁸ ms stand together: no more than a few pages of them, however many people talk.
const SPAN_BITS: u32 = 8;

/// What this database's marks are made with.
#[derive(Clone, Copy)]
pub(super) struct MarkKey([u8; 8]);

impl MarkKey {
    pub(super) fn of(db: &Connection) -> Result<Self, StoreError> {
        let mut statement = db.prepare_cached("SELECT value FROM meta WHERE key = 'mark'")?;
        let key = statement.query_row([], |row| row.get::<_, i64>(0)).optional()?;
        Ok(Self(key.ok_or(StoreError::Corrupt("no key for marks"))?.to_be_bytes()))
    }

    /// Gives a database another one. What was made with the one before is not found any more.
    pub(super) fn new(db: &Connection) -> Result<Self, StoreError> {
        let key = getrandom::u64().map_err(|_| StoreError::Setting("a random key"))?.cast_signed();
        db.execute("REPLACE INTO meta(key, value) VALUES ('mark', ?1)", [key])?;
        Ok(Self(key.to_be_bytes()))
    }

    /// The same for the same sender and cid, and for others hardly ever.
    pub(super) fn mark(self, sender: i64, cid: &[u8]) -> i32 {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [&self.0, &sender.to_be_bytes(), cid] {
            hash.update(part);
        }
        let hash = hash.finish().as_ref().first_chunk().copied().map_or(0, u16::from_be_bytes);
        span(cid) << HASHED | i32::from(hash >> (u16::BITS - HASHED))
    }
}

/// The quarter of a second in which a cid says it was made, as a number that begins anew every 18 hours. A cid of random bytes says something
/// random, and is found as well.
fn span(cid: &[u8]) -> i32 {
    let made = cid.first_chunk::<6>().map_or(0, |[_, _, b @ ..]| u32::from_be_bytes(*b));
    (made >> SPAN_BITS).cast_signed()
}

/// The messages with a mark that a sender has given a cid: at most one.
pub(super) const SENT_BEFORE: &str =
    "SELECT m.conv, m.seq, m.at, f.id FROM sent s JOIN message m ON m.place = (s.conv << 32) | s.seq
     LEFT JOIN file f ON f.place = m.place WHERE s.mark = ?1 AND m.sender = ?2 AND m.cid = ?3";

/// What became of a message that was sent before, if it was.
pub(super) fn before(
    db: &Connection,
    mark: i32,
    (sender, cid): (UserId, &Cid),
) -> Result<Option<Outcome>, StoreError> {
    let known = |row: &Row<'_>| {
        Ok(Outcome::Duplicate {
            conv: conv_at(row, 0)?,
            seq: seq_at(row, 1)?,
            at: number_at(row, 2)?,
            file: row.get::<_, Option<[u8; 16]>>(3)?.map(FileId::from_bytes),
        })
    };
    let mut statement = db.prepare_cached(SENT_BEFORE)?;
    Ok(statement.query_row(params![mark, sql(sender.0), cid.as_bytes()], known).optional()?)
}

pub(super) fn note(db: &Connection, mark: i32, (conv, seq): (ConvId, Seq)) -> Result<(), StoreError> {
    db.prepare_cached("INSERT INTO sent(mark, conv, seq) VALUES (?1, ?2, ?3)")?.execute(params![
        mark,
        sql(conv.get()),
        sql(seq.get())
    ])?;
    Ok(())
}

pub(super) fn is_noted(db: &Connection, mark: i32, (conv, seq): (ConvId, Seq)) -> Result<bool, StoreError> {
    let noted = "SELECT 1 FROM sent WHERE mark = ?1 AND conv = ?2 AND seq = ?3";
    Ok(db.prepare_cached(noted)?.exists(params![mark, sql(conv.get()), sql(seq.get())])?)
}

#[cfg(test)]
mod tests {
    use sotto_proto::MessageText;

    use super::super::{queries, schema};
    use super::*;
    use crate::store::{Draft, lobby_id};

    fn database(dir: &tempfile::TempDir) -> Connection {
        let mut db = schema::open(&dir.path().join("sotto.db")).unwrap();
        schema::migrate(&mut db, &|_, _| {}).unwrap();
        db.execute_batch(
            "INSERT INTO account VALUES (1, 'ann', 'ann', 'hash', 1); INSERT INTO seat VALUES (1, 1, 0, 0);",
        )
        .unwrap();
        db
    }

    fn send(db: &mut Connection, cid: u8) -> Outcome {
        let (conv, text) = (lobby_id(), MessageText::new("text").unwrap());
        let cid = Some(Cid::from_bytes([cid; 16]));
        let draft = Draft { conv, sender: UserId(1), cid, text, clear: false, file: None };
        queries::append(db, &[draft], 7).unwrap().remove(0)
    }

    fn stored(number: u64) -> Outcome {
        Outcome::Stored { seq: Seq::new(number).unwrap(), at: 7 }
    }

    #[test]
    fn another_message_with_the_same_mark_is_another_message() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = database(&dir);
        assert_eq!(send(&mut db, 1), stored(1));
        let mark = MarkKey::of(&db).unwrap().mark(1, &[2; 16]);
        note(&db, mark, (lobby_id(), Seq::new(1).unwrap())).unwrap();
        assert_eq!(send(&mut db, 2), stored(2));
        for (cid, number) in [(1, 1), (2, 2)] {
            let again = send(&mut db, cid);
            assert!(matches!(again, Outcome::Duplicate { seq, .. } if seq.get() == number), "{again:?}");
        }
    }

    #[test]
    fn marks_are_another_database_s_own() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mark = |dir| MarkKey::of(&database(dir)).unwrap().mark(1, &[0; 16]);
        assert_ne!(mark(&one), mark(&other));
    }

    #[test]
    fn what_is_sent_at_one_time_is_noted_side_by_side() {
        let mark = |made: u64, chance: u8| {
            let mut cid = [chance; 16];
            cid[..6].copy_from_slice(&made.to_be_bytes()[2..]);
            MarkKey([7; 8]).mark(1, &cid)
        };
        let now = 1_800_000_000_000;
        let moment: std::collections::BTreeSet<_> = (0..=255).map(|chance| mark(now, chance)).collect();
        assert!(moment.len() > 250, "{} marks", moment.len());
        assert!(moment.last().unwrap() - moment.first().unwrap() < 1 << HASHED);
        assert!(moment.last() < Some(&mark(now + (1 << SPAN_BITS), 0)));
    }

    #[test]
    fn a_conversation_that_is_full_takes_nothing_more() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = database(&dir);
        db.execute("UPDATE conversation SET head = 0xFFFFFFFE WHERE id = 1", []).unwrap();
        assert_eq!(send(&mut db, 1), stored(0xFFFF_FFFF));
        assert_eq!(send(&mut db, 2), Outcome::NoRoom);
        assert!(matches!(send(&mut db, 1), Outcome::Duplicate { .. }));
    }
}
