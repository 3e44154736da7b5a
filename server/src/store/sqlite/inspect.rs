//! Looking through a database without changing it: whether it is what a server has written, and only that.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};
use sotto_proto::{ConvId, FileHash, FileId, FileStage, Page, Seq};

use super::files::{hash_at, stage_at};
use super::patience::Patience;
use super::queries::{KIND_SET, account_at, conv_at, members_of, number_at, set_key, sql};
use super::sent::{self, MarkKey};
use super::{queries, schema};
use crate::store::{Range, StoreError, StoredMessage, UserId};

/// Messages, or files, that are in memory at a time; between them nothing keeps a server's log from being emptied.
const PAGE: u16 = 500;
/// Pages that are kept in memory while one thing is looked up in another, KiB.
const CACHE_KIB: i64 = 64 * 1024;
/// The most complaints that SQLite gives of one database.
const COMPLAINTS: u32 = 1000;

/// Takes what is found, one sentence each.
pub(crate) type Found<'a> = &'a mut dyn FnMut(String);

/// A database that is looked at.
pub(crate) struct Inspection {
    db: Connection,
    schema: u32,
}

/// A file that has not been let go of.
pub(crate) struct KeptFile {
    pub(crate) id: FileId,
    pub(crate) size: u64,
    pub(crate) hash: FileHash,
    pub(crate) stage: FileStage,
}

/// What a query finds is a sentence for each row that should not be.
const RULES: &[&str] = &[
    "SELECT 'there is no lobby' WHERE NOT EXISTS (SELECT 1 FROM conversation WHERE id = 1 AND kind = 0)",
    "SELECT format('conversation %d is neither the lobby nor a set', id) FROM conversation
     WHERE kind <> 1 AND (kind <> 0 OR id <> 1)",
    "SELECT format('conversation %d counts to %d, and its last message is %d', id, head, last)
     FROM (SELECT id, head, (SELECT coalesce(max(place) & 0xFFFFFFFF, 0) FROM message
                             WHERE place BETWEEN c.id << 32 AND c.id << 32 | 0xFFFFFFFF) AS last
           FROM conversation c) WHERE head <> last",
    "SELECT format('account %d has no seat in the lobby', id) FROM account a
     WHERE NOT EXISTS (SELECT 1 FROM seat s WHERE s.account = a.id AND s.conv = 1)",
    "SELECT format('the seat of account %d in conversation %d is beyond its end', s.account, s.conv)
     FROM seat s JOIN conversation c ON c.id = s.conv
     WHERE s.since NOT BETWEEN 0 AND c.head OR s.confirmed NOT BETWEEN 0 AND c.head",
    "SELECT format('message %d of conversation %d is from account %d, which is not in it', m.seq, m.conv, m.sender)
     FROM message m WHERE NOT EXISTS (SELECT 1 FROM seat s WHERE s.account = m.sender AND s.conv = m.conv)",
    "SELECT format('file %s is said to be from account %d, and was offered by %d', lower(hex(f.id)), f.sender, m.sender)
     FROM file f JOIN message m ON m.place = f.place WHERE m.sender <> f.sender",
    "SELECT format('file %s is at a stage that there is not', lower(hex(id))) FROM file WHERE stage NOT BETWEEN 0 AND 2",
];

/// The same for cids.
const CIDS: &[&str] = &[
    "SELECT format('account %d has sent messages %d of conversation %d and %d of conversation %d as one', sender,
                   first & 0xFFFFFFFF, first >> 32, last & 0xFFFFFFFF, last >> 32)
     FROM (SELECT m.sender AS sender, min(m.place) AS first, max(m.place) AS last
           FROM (SELECT mark FROM sent GROUP BY mark HAVING count(*) > 1) twice
           CROSS JOIN sent s ON s.mark = twice.mark JOIN message m ON m.place = s.conv << 32 | s.seq
           GROUP BY s.mark, m.sender, m.cid HAVING count(*) > 1)",
    "SELECT format('%d messages are to be found by what their senders call them, and %d are called something', marks, cids)
     FROM (SELECT (SELECT count(*) FROM sent) AS marks, (SELECT count(cid) FROM message) AS cids) WHERE marks <> cids",
];

impl Inspection {
    /// # Errors
    /// When it is none, or of a later version.
    pub(crate) fn open(database: &Path) -> Result<Self, StoreError> {
        let mut db = schema::open_reader(database)?;
        db.pragma_update(None, "cache_size", -CACHE_KIB)?;
        Patience::with(database).guards(&mut db)?;
        let schema: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let known = schema::known();
        match schema {
            0 => Err(StoreError::Corrupt("nothing")),
            found if found > known => Err(StoreError::TooNew { found, known }),
            _ => Ok(Self { db, schema }),
        }
    }

    /// False: it is of an earlier version, and what is in it can be looked at only once a server has brought it up to date.
    pub(crate) fn is_current(&self) -> bool {
        self.schema == schema::known()
    }

    /// How many accounts there are, and how many messages.
    pub(crate) fn counts(&self) -> Result<(u64, u64), StoreError> {
        let counted = |row: &rusqlite::Row<'_>| Ok((number_at(row, 0)?, number_at(row, 1)?));
        let query = "SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM message)";
        Ok(self.db.query_row(query, [], counted)?)
    }

    /// Whether SQLite finds its own structures whole, and each reference leads somewhere.
    pub(crate) fn structure(&self, found: Found<'_>) -> Result<(), StoreError> {
        let mut statement = self.db.prepare(&format!("PRAGMA integrity_check({COMPLAINTS})"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let complaint: String = row.get(0)?;
            if complaint != "ok" {
                found(format!("the database is damaged: {}", complaint.replace('\n', " ")));
            }
        }
        let mut statement = self.db.prepare("PRAGMA foreign_key_check")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
            found(format!("a row of table {table} refers to one of {parent} that is not there"));
        }
        Ok(())
    }

    /// Whether rows go together as a server has them.
    pub(crate) fn rules(&self, found: Found<'_>) -> Result<(), StoreError> {
        self.obeyed(RULES, found)?;
        self.names(found)?;
        self.sets(found)
    }

    /// Whether no sender has given two messages the same cid, and nothing is found by one that is not there.
    pub(crate) fn cids(&self, found: Found<'_>) -> Result<(), StoreError> {
        self.obeyed(CIDS, found)
    }

    fn obeyed(&self, rules: &[&str], found: Found<'_>) -> Result<(), StoreError> {
        for rule in rules {
            let mut statement = self.db.prepare(rule)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                found(row.get(0)?);
            }
        }
        Ok(())
    }

    /// Whether each account is found by its name.
    fn names(&self, found: Found<'_>) -> Result<(), StoreError> {
        let mut statement = self.db.prepare("SELECT id, name, key FROM account")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, key) = (number_at(row, 0)?, row.get::<_, String>(2)?);
            if account_at(row, 0).map_or(true, |account| account.name.key() != key) {
                found(format!("account {id} is not to be found by its name"));
            }
        }
        Ok(())
    }

    /// Whether each set is found by its members.
    fn sets(&self, found: Found<'_>) -> Result<(), StoreError> {
        let mut statement = self.db.prepare("SELECT id, key FROM conversation WHERE kind = ?1")?;
        let mut rows = statement.query([KIND_SET])?;
        while let Some(row) = rows.next()? {
            let (conv, key) = (conv_at(row, 0)?, row.get::<_, Vec<u8>>(1)?);
            let members: Vec<UserId> =
                members_of(&self.db, conv)?.into_iter().map(|account| account.id).collect();
            if set_key(&members) != key {
                found(format!("conversation {conv} is not to be found by its members"));
            }
        }
        Ok(())
    }

    /// Reads every message as a server does: each has to be there, from 1 on. `tell` hears of how many have been read.
    pub(crate) fn messages(&self, found: Found<'_>, tell: &dyn Fn(u64)) -> Result<(), StoreError> {
        let (mut read, mut last) = (0, 0);
        while let Some(conv) = self.conversation_after(last)? {
            last = conv.get();
            let mut at = Seq::ZERO;
            loop {
                let range = Range { since: Seq::ZERO, page: Page::After(at), limit: PAGE };
                match queries::read(&self.db, conv, range) {
                    Ok(page) => {
                        self.findable((conv, &page), found)?;
                        at = dense((conv, at), &page, found);
                        read += u64::try_from(page.len()).unwrap_or_default();
                        tell(read);
                        if page.len() < usize::from(PAGE) {
                            break;
                        }
                    }
                    Err(fault @ StoreError::LogGrows) => return Err(fault),
                    Err(fault) => {
                        found(format!("conversation {conv} cannot be read after message {at}: {fault}"));
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether each of these messages is found when it is sent once more.
    fn findable(&self, (conv, page): (ConvId, &[StoredMessage]), found: Found<'_>) -> Result<(), StoreError> {
        let key = MarkKey::of(&self.db)?;
        for message in page {
            let Some(cid) = &message.cid else { continue };
            let mark = key.mark(sql(message.sender.id.0), cid.as_bytes());
            if !sent::is_noted(&self.db, mark, (conv, message.seq))? {
                found(format!(
                    "message {} of conversation {conv} is not found when it is sent again",
                    message.seq
                ));
            }
        }
        Ok(())
    }

    fn conversation_after(&self, conv: u64) -> Result<Option<ConvId>, StoreError> {
        let query = "SELECT id FROM conversation WHERE id > ?1 ORDER BY id LIMIT 1";
        let mut statement = self.db.prepare_cached(query)?;
        Ok(statement.query_row([sql(conv)], |row| conv_at(row, 0)).optional()?)
    }

    /// Some of the files that have not been let go of, in the order of their ids from this one on.
    pub(crate) fn files_after(&self, id: Option<FileId>) -> Result<Vec<KeptFile>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT id, size, hash, stage FROM file WHERE stage < 2 AND (?1 IS NULL OR id > ?1) ORDER BY id LIMIT ?2",
        )?;
        let kept = |row: &rusqlite::Row<'_>| {
            let (id, size) = (FileId::from_bytes(row.get(0)?), number_at(row, 1)?);
            Ok(KeptFile { id, size, hash: hash_at(row, 2)?, stage: stage_at(row, 3)? })
        };
        let id = id.as_ref().map(FileId::as_bytes);
        let rows = statement.query_map(params![id, PAGE], kept)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether a file has not been let go of by now.
    pub(crate) fn keeps(&self, id: FileId) -> Result<bool, StoreError> {
        let mut statement = self.db.prepare_cached("SELECT stage < 2 FROM file WHERE id = ?1")?;
        Ok(statement.query_row(params![id.as_bytes()], |row| row.get(0)).optional()?.unwrap_or(false))
    }
}

/// Whether each of these messages is the next one; returns the last.
fn dense((conv, mut at): (ConvId, Seq), page: &[StoredMessage], found: Found<'_>) -> Seq {
    for message in page {
        let (next, before) = (at.next(), message.seq.back(1));
        if message.seq != next {
            found(format!("conversation {conv} lacks messages {next} to {before}"));
        }
        at = message.seq;
    }
    at
}
