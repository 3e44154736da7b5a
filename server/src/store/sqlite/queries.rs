//! The SQL of each verb. Statements are parameterized, cached, and for writes inside one transaction:
//! `INSERT … RETURNING` outside of one can return a row whose commit then fails.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, Transaction, TransactionBehavior, params};
use sotto_proto::{Cid, ConvId, ConvKind, MessageText, Page, Seq, Username};

use super::places::{has_places, place, places};
use super::sent::MarkKey;
use super::{files, sent};
use crate::store::{
    Account, Conversation, Credentials, Draft, LobbyHistory, NewAccount, Outcome, PasswordHash, Range, Seat,
    StoreError, StoredMessage, TokenUse, UserId, lobby_id,
};

/// How many tokens an account may have: one for each place it was logged in from lately.
const TOKENS_PER_ACCOUNT: u32 = 8;

const KIND_LOBBY: i64 = 0;
pub(super) const KIND_SET: i64 = 1;

pub(super) fn register(
    db: &mut Connection,
    name: &Username,
    start: &NewAccount,
) -> Result<Option<Account>, StoreError> {
    let tx = begin(db)?;
    let inserted = tx
        .prepare_cached(
            "INSERT INTO account(key, name, password, created_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT(key) DO NOTHING",
        )?
        .execute(params![name.key(), name.as_str(), start.password.0, sql(start.at)])?;
    if inserted == 0 {
        return Ok(None);
    }
    let id = UserId(tx.last_insert_rowid().cast_unsigned());
    let head = head(&tx, lobby_id())?;
    let since = match start.lobby {
        LobbyHistory::FromRegistration => head,
        LobbyHistory::All => Seq::ZERO,
    };
    tx.prepare_cached("INSERT INTO seat(account, conv, since, confirmed) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![sql(id.0), sql(lobby_id().get()), sql(since.get()), sql(since.get())])?;
    tx.commit()?;
    Ok(Some(Account { id, name: name.clone() }))
}

pub(super) fn credentials(db: &Connection, name: &Username) -> Result<Option<Credentials>, StoreError> {
    let mut statement = db.prepare_cached("SELECT id, name, password FROM account WHERE key = ?1")?;
    let row =
        |row: &Row<'_>| Ok(Credentials { account: account_at(row, 0)?, password: PasswordHash(row.get(2)?) });
    Ok(statement.query_row([name.key()], row).optional()?)
}

pub(super) fn set_password(db: &mut Connection, user: UserId, hash: &PasswordHash) -> Result<(), StoreError> {
    let tx = begin(db)?;
    tx.prepare_cached("UPDATE account SET password = ?2 WHERE id = ?1")?
        .execute(params![sql(user.0), hash.0])?;
    Ok(tx.commit()?)
}

pub(super) fn change_password(
    db: &mut Connection,
    user: UserId,
    (hash, kept): (&PasswordHash, &[u8; 32]),
) -> Result<(), StoreError> {
    let tx = begin(db)?;
    tx.prepare_cached("UPDATE account SET password = ?2 WHERE id = ?1")?
        .execute(params![sql(user.0), hash.0])?;
    tx.prepare_cached("DELETE FROM token WHERE account = ?1 AND hash <> ?2")?
        .execute(params![sql(user.0), kept])?;
    Ok(tx.commit()?)
}

pub(super) fn accounts(db: &Connection) -> Result<Vec<Account>, StoreError> {
    let mut statement = db.prepare_cached("SELECT id, name FROM account ORDER BY id")?;
    let rows = statement.query_map([], |row| account_at(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn resolve(db: &Connection, names: &[Username]) -> Result<Vec<Option<Account>>, StoreError> {
    let mut statement = db.prepare_cached("SELECT id, name FROM account WHERE key = ?1")?;
    let find = |name: &Username| statement.query_row([name.key()], |row| account_at(row, 0)).optional();
    Ok(names.iter().map(find).collect::<Result<_, _>>()?)
}

pub(super) fn add_token(
    db: &mut Connection,
    user: UserId,
    hash: &[u8; 32],
    expires: u64,
) -> Result<(), StoreError> {
    let tx = begin(db)?;
    tx.prepare_cached("INSERT INTO token(hash, account, expires) VALUES (?1, ?2, ?3)")?.execute(params![
        hash,
        sql(user.0),
        sql(expires)
    ])?;
    tx.prepare_cached(
        "DELETE FROM token WHERE account = ?1 AND hash NOT IN
           (SELECT hash FROM token WHERE account = ?1 ORDER BY expires DESC LIMIT ?2)",
    )?
    .execute(params![sql(user.0), TOKENS_PER_ACCOUNT])?;
    Ok(tx.commit()?)
}

/// Whose token this is, and when it expires.
pub(super) fn token_owner(
    db: &Connection,
    name: &Username,
    token: TokenUse,
) -> Result<Option<(Account, u64)>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT account.id, account.name, token.expires FROM token JOIN account ON account.id = token.account
         WHERE token.hash = ?1 AND token.expires > ?2 AND account.key = ?3",
    )?;
    let owner = statement.query_row(params![token.hash, sql(token.now), name.key()], |row| {
        Ok((account_at(row, 0)?, number_at(row, 2)?))
    });
    Ok(owner.optional()?)
}

pub(super) fn prolong_token(db: &mut Connection, token: TokenUse) -> Result<(), StoreError> {
    let tx = begin(db)?;
    tx.prepare_cached("UPDATE token SET expires = ?2 WHERE hash = ?1")?
        .execute(params![token.hash, sql(token.expires)])?;
    Ok(tx.commit()?)
}

pub(super) fn drop_token(db: &mut Connection, hash: &[u8; 32]) -> Result<(), StoreError> {
    let tx = begin(db)?;
    tx.prepare_cached("DELETE FROM token WHERE hash = ?1")?.execute([hash])?;
    Ok(tx.commit()?)
}

/// `members` are sorted.
pub(super) fn find_conversation(
    db: &Connection,
    members: &[UserId],
) -> Result<Option<Conversation>, StoreError> {
    let id = db
        .prepare_cached("SELECT id FROM conversation WHERE key = ?1")?
        .query_row([set_key(members)], |row| conv_at(row, 0))
        .optional()?;
    id.map(|id| Ok(Conversation { id, kind: ConvKind::Set, members: members_of(db, id)? })).transpose()
}

/// `members` are sorted.
pub(super) fn make_conversation(db: &mut Connection, members: &[UserId]) -> Result<Conversation, StoreError> {
    let tx = begin(db)?;
    let inserted = tx
        .prepare_cached("INSERT INTO conversation(kind, key) VALUES (?1, ?2) ON CONFLICT(key) DO NOTHING")?
        .execute(params![KIND_SET, set_key(members)])?;
    if inserted == 1 {
        let conv = tx.last_insert_rowid();
        if !has_places(conv.cast_unsigned()) {
            return Err(StoreError::Corrupt("more conversations than there are places for"));
        }
        let mut seat =
            tx.prepare_cached("INSERT INTO seat(account, conv, since, confirmed) VALUES (?1, ?2, 0, 0)")?;
        for member in members {
            seat.execute(params![sql(member.0), conv])?;
        }
    }
    tx.commit()?;
    find_conversation(db, members)?.ok_or(StoreError::Corrupt("a conversation without a row"))
}

pub(super) fn seats(db: &Connection, user: UserId) -> Result<Vec<Seat>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT c.id, c.kind, c.head, s.since, s.confirmed FROM seat s JOIN conversation c ON c.id = s.conv
         WHERE s.account = ?1 AND (c.head > 0 OR c.kind = 0) ORDER BY c.id",
    )?;
    let rows = statement.query_map([sql(user.0)], seat_at)?.collect::<Result<Vec<_>, _>>()?;
    rows.into_iter().map(|seat| with_members(db, seat)).collect()
}

pub(super) fn seat(db: &Connection, user: UserId, conv: ConvId) -> Result<Option<Seat>, StoreError> {
    let seat = db
        .prepare_cached(
            "SELECT c.id, c.kind, c.head, s.since, s.confirmed FROM seat s JOIN conversation c ON c.id = s.conv
             WHERE s.account = ?1 AND s.conv = ?2",
        )?
        .query_row(params![sql(user.0), sql(conv.get())], seat_at)
        .optional()?;
    seat.map(|seat| with_members(db, seat)).transpose()
}

pub(super) fn append(db: &mut Connection, batch: &[Draft], at: u64) -> Result<Vec<Outcome>, StoreError> {
    let tx = begin(db)?;
    let mut appending = Appending { tx: &tx, key: MarkKey::of(&tx)?, at, heads: BTreeMap::new() };
    let outcomes = batch.iter().map(|draft| appending.append(draft)).collect::<Result<_, _>>()?;
    appending.keep_heads()?;
    // Only now is any of it true: a row id seen before the commit proves nothing.
    tx.commit()?;
    Ok(outcomes)
}

/// A batch on its way into the store.
struct Appending<'a> {
    tx: &'a Transaction<'a>,
    key: MarkKey,
    at: u64,
    /// How far the conversations have got that something has been said in: looked up, and written down, once for all of it.
    heads: BTreeMap<ConvId, Seq>,
}

impl Appending<'_> {
    fn append(&mut self, draft: &Draft) -> Result<Outcome, StoreError> {
        let tx = self.tx;
        let mark = draft.cid.as_ref().map(|cid| (self.key.mark(sql(draft.sender.0), cid.as_bytes()), cid));
        if let Some((mark, cid)) = mark
            && let Some(duplicate) = sent::before(tx, mark, (draft.sender, cid))?
        {
            return Ok(duplicate);
        }
        if let Some(file) = &draft.file
            && !files::has_room(tx, draft.sender, file)?
        {
            return Ok(Outcome::NoRoom);
        }
        let before = self.heads.get(&draft.conv).copied();
        let seq = before.map_or_else(|| head(tx, draft.conv), Ok)?.next();
        let Some(place) = place(draft.conv, seq) else { return Ok(Outcome::NoRoom) };
        self.heads.insert(draft.conv, seq);
        tx.prepare_cached(
            "INSERT INTO message(place, sender, stamp, cid, text) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            place,
            sql(draft.sender.0),
            stamp(self.at, draft.clear),
            draft.cid.as_ref().map(Cid::as_bytes),
            draft.text.as_str(),
        ])?;
        if let Some((mark, _)) = mark {
            sent::note(tx, mark, (draft.conv, seq))?;
        }
        if let Some(file) = &draft.file {
            files::insert(tx, (place, draft.sender), file)?;
        }
        Ok(Outcome::Stored { seq, at: self.at })
    }

    fn keep_heads(self) -> Result<(), StoreError> {
        let mut raise = self.tx.prepare_cached("UPDATE conversation SET head = ?2 WHERE id = ?1")?;
        for (conv, seq) in self.heads {
            raise.execute(params![sql(conv.get()), sql(seq.get())])?;
        }
        Ok(())
    }
}

/// When, and whether without encryption, in one number.
fn stamp(at: u64, clear: bool) -> i64 {
    let at = sql(at);
    if clear { !at } else { at }
}

/// What [`message_at`] reads, and where from.
pub(super) const MESSAGE: &str =
    "m.seq, m.at, m.cid, m.text, a.id, a.name, m.clear, f.id, f.size, f.hash, f.media,
    f.until, f.stage FROM message m JOIN account a ON a.id = m.sender
    LEFT JOIN file f ON f.place = m.place";

pub(super) fn read(db: &Connection, conv: ConvId, range: Range) -> Result<Vec<StoredMessage>, StoreError> {
    let (above, last, rising) = match range.page {
        Page::Latest => (range.since, None, false),
        Page::Before(seq) => (range.since, Some(seq.back(1)), false),
        Page::After(seq) => (range.since.max(seq), None, true),
    };
    let Some((first, last)) = places(conv, (above.next(), last)) else { return Ok(Vec::new()) };
    let order = if rising { "ASC" } else { "DESC" };
    let query = format!("SELECT {MESSAGE} WHERE m.place BETWEEN ?1 AND ?2 ORDER BY m.place {order} LIMIT ?3");
    let bounds: [&dyn ToSql; 3] = [&first, &last, &range.limit];
    let mut statement = db.prepare_cached(&query)?;
    let mut messages = statement.query_map(bounds, message_at)?.collect::<Result<Vec<_>, _>>()?;
    if !rising {
        messages.reverse();
    }
    Ok(messages)
}

pub(super) fn confirm(
    db: &mut Connection,
    user: UserId,
    positions: &[(ConvId, Seq)],
) -> Result<(), StoreError> {
    let tx = begin(db)?;
    let mut raise = tx.prepare_cached(
        "UPDATE seat SET confirmed = ?3 WHERE account = ?1 AND conv = ?2 AND confirmed < ?3
         AND ?3 <= (SELECT head FROM conversation WHERE id = ?2)",
    )?;
    for (conv, seq) in positions {
        raise.execute(params![sql(user.0), sql(conv.get()), sql(seq.get())])?;
    }
    drop(raise);
    Ok(tx.commit()?)
}

pub(super) fn begin(db: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    Ok(db.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

fn head(db: &Connection, conv: ConvId) -> Result<Seq, StoreError> {
    let mut statement = db.prepare_cached("SELECT head FROM conversation WHERE id = ?1")?;
    Ok(statement.query_row([sql(conv.get())], |row| seq_at(row, 0))?)
}

fn with_members(db: &Connection, mut seat: Seat) -> Result<Seat, StoreError> {
    if seat.conversation.kind != ConvKind::Lobby {
        seat.conversation.members = members_of(db, seat.conversation.id)?;
    }
    Ok(seat)
}

pub(super) fn members_of(db: &Connection, conv: ConvId) -> Result<Vec<Account>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT a.id, a.name FROM seat s JOIN account a ON a.id = s.account WHERE s.conv = ?1 ORDER BY a.id",
    )?;
    let rows = statement.query_map([sql(conv.get())], |row| account_at(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What identifies a set: the hash of its members' numbers, sorted, all of the same width.
pub(super) fn set_key(members: &[UserId]) -> Vec<u8> {
    let mut bytes = b"set1".to_vec();
    for member in members {
        bytes.extend_from_slice(&member.0.to_be_bytes());
    }
    digest::digest(&digest::SHA256, &bytes).as_ref().to_vec()
}

/// Our numbers are at most 2⁶³−1, which is what an SQL integer holds.
pub(super) fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn number_at(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

pub(super) fn conv_at(row: &Row<'_>, column: usize) -> rusqlite::Result<ConvId> {
    ConvId::new(number_at(row, column)?).map_err(|error| unreadable(column, Type::Integer, error))
}

pub(super) fn seq_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Seq> {
    Seq::new(number_at(row, column)?).map_err(|error| unreadable(column, Type::Integer, error))
}

/// An account in two columns: id and name.
pub(super) fn account_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Account> {
    let name: String = row.get(column + 1)?;
    let name = name.parse().map_err(|error| unreadable(column + 1, Type::Text, error))?;
    Ok(Account { id: UserId(number_at(row, column)?), name })
}

fn seat_at(row: &Row<'_>) -> rusqlite::Result<Seat> {
    let kind = if row.get::<_, i64>(1)? == KIND_LOBBY { ConvKind::Lobby } else { ConvKind::Set };
    Ok(Seat {
        conversation: Conversation { id: conv_at(row, 0)?, kind, members: Vec::new() },
        head: seq_at(row, 2)?,
        since: seq_at(row, 3)?,
        confirmed: seq_at(row, 4)?,
    })
}

pub(super) fn message_at(row: &Row<'_>) -> rusqlite::Result<StoredMessage> {
    let cid: Option<[u8; 16]> = row.get(2)?;
    let text: String = row.get(3)?;
    Ok(StoredMessage {
        seq: seq_at(row, 0)?,
        at: number_at(row, 1)?,
        cid: cid.map(Cid::from_bytes),
        text: MessageText::new(&text).map_err(|error| unreadable(3, Type::Text, error))?,
        sender: account_at(row, 4)?,
        clear: row.get(6)?,
        file: files::attachment_at(row, 7)?,
    })
}

pub(super) fn unreadable(column: usize, kind: Type, error: sotto_proto::ValueError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}
