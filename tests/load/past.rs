//! What was before a measurement: a server's data with everybody in it who will come, and all that has been said by then.

use std::path::Path;

use anyhow::Context;
use aws_lc_rs::digest;
use rusqlite::{Connection as Database, Transaction, params};
use sotto_client::{Dial, Trust};
use sotto_judge::Random;
use sotto_proto::{Epoch, Token, Username};
use sotto_tests::{PASSWORD, Person};
use tempfile::TempDir;

/// The lobby, where everybody is.
pub(crate) const LOBBY: i64 = 1;

/// What making it may keep of a database in memory, KiB.
const CACHE: i64 = 1 << 20;

/// Who is known to a server before it starts, and how much has been said by then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    pub(crate) people: usize,
    pub(crate) messages: usize,
}

/// A server's data. It is removed with this.
pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) epoch: Epoch,
    /// The last message in the lobby.
    pub(crate) head: u64,
}

impl House {
    /// Knows `user0`, `user1`, …: whoever comes in shows a token, because a thousand password hashes would take longer than what is
    /// to be measured.
    pub(crate) async fn with(past: Past) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let epoch = begin(dir.path()).await?;
        settle(dir.path(), past)?;
        Ok(Self { dir, epoch, head: u64::try_from(past.messages)? })
    }
}

/// Person number `index`.
pub(crate) fn name(index: usize) -> anyhow::Result<Username> {
    Ok(format!("user{index}").parse()?)
}

pub(crate) fn token(index: usize) -> Token {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(index.to_be_bytes()).for_each(|(to, from)| *to = from);
    Token::from_bytes(bytes)
}

/// Makes a server's data with one account in it; returns its epoch.
async fn begin(dir: &Path) -> anyhow::Result<Epoch> {
    let mut server = crate::start(dir);
    let mut first = Person::stranger(&Dial::new(&server.link, Trust::Nothing)).await;
    let first_name = name(0)?;
    first.registers(first_name.as_str(), PASSWORD).await;
    first.logs_in(first_name.as_str(), PASSWORD).await;
    let epoch = first.epoch.context("the first account is let in")?;
    server.signal("TERM");
    server.wait();
    Ok(epoch)
}

/// Gives everybody the first one's password and a token, and a seat in a lobby where all that has been said before.
fn settle(dir: &Path, past: Past) -> anyhow::Result<()> {
    const NEVER: i64 = i64::MAX / 2;
    let mut database = Database::open(dir.join("sotto.db"))?;
    // Nobody minds if this has to be done again; the server makes it as safe as it wants it.
    database.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
    database.pragma_update(None, "synchronous", "OFF")?;
    database.pragma_update(None, "cache_size", -CACHE)?;
    let changes = database.transaction()?;
    changes.execute("DELETE FROM token", [])?;
    for index in 0..past.people {
        let (name, id) = (name(index)?, i64::try_from(index)? + 1);
        let hash = digest::digest(&digest::SHA256, token(index).as_bytes());
        changes.prepare_cached(
            "INSERT OR IGNORE INTO account(id, key, name, password, created_at) SELECT ?1, ?2, ?3, password, created_at FROM account WHERE id = 1",
        )?
        .execute(params![id, name.key(), name.as_str()])?;
        changes
            .prepare_cached(
                "INSERT OR IGNORE INTO seat(account, conv, since, confirmed) VALUES (?1, ?2, 0, 0)",
            )?
            .execute([id, LOBBY])?;
        changes
            .prepare_cached("INSERT INTO token(hash, account, expires) VALUES (?1, ?2, ?3)")?
            .execute(params![hash.as_ref(), id, NEVER])?;
    }
    say(&changes, past)?;
    Ok(changes.commit()?)
}

/// Everybody has spoken in turn, 10 times a second, by clocks that go up to two seconds wrong: the index of the ids that senders give is not
/// built in its order, and has the gaps that come of that.
fn say(changes: &Transaction<'_>, past: Past) -> anyhow::Result<()> {
    const BEGAN: i64 = 1_700_000_000_000;
    const WRONG: u64 = 2000;
    let (mut random, words) = (Random::new(1), "x".repeat(100));
    let key: i64 = changes.query_row("SELECT value FROM meta WHERE key = 'mark'", [], |row| row.get(0))?;
    let mut insert = changes
        .prepare("INSERT INTO message(place, sender, stamp, cid, text) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut note = changes.prepare("INSERT INTO sent(mark, conv, seq) VALUES (?1, ?2, ?3)")?;
    for index in 0..past.messages {
        let (seq, sender) = (i64::try_from(index)? + 1, i64::try_from(index % past.people.max(1))? + 1);
        let at = BEGAN + 100 * seq;
        let made = at.cast_unsigned() - WRONG + random.below(2 * WRONG);
        let chance = [0; 2].map(|_: u64| random.below(u64::MAX).to_be_bytes()).concat();
        let cid: Vec<_> = made.to_be_bytes().into_iter().skip(2).chain(chance).take(16).collect();
        let place = LOBBY << 32 | seq;
        insert.execute(params![place, sender, at, cid, format!("{seq} {words}")])?;
        note.execute(params![mark(key, (sender, &cid)), LOBBY, seq])?;
    }
    let head = i64::try_from(past.messages)?;
    changes.execute("UPDATE conversation SET head = ?2 WHERE id = ?1", [LOBBY, head])?;
    Ok(())
}

/// As the server computes it (`sotto-server verify` says if it does not).
fn mark(key: i64, (sender, cid): (i64, &[u8])) -> i32 {
    let hashed = [&key.to_be_bytes(), &sender.to_be_bytes(), cid].concat();
    let hash = digest::digest(&digest::SHA256, &hashed);
    let hash = hash.as_ref().first_chunk().copied().map_or(0, u16::from_be_bytes);
    let made = cid.iter().take(6).fold(0, |made: u32, byte| made << 8 | u32::from(*byte));
    (made >> 8).cast_signed() << 14 | i32::from(hash >> 2)
}
