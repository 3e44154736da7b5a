//! The SQL of the verbs that concern files.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use sotto_proto::{Attachment, FileHash, FileId, FileInfo, FileName, FileStage, MediaType, ValueError};

use super::queries::{MESSAGE, account_at, begin, conv_at, message_at, number_at, sql, unreadable};
use crate::store::{Account, ListedFile, LiveFile, NewFile, Noted, Said, StoreError, StoredFile, UserId};

const GONE: i64 = 2;

/// Who may see file `f` as user `?1` at `?2`: its sender, and those its message is for.
const VISIBLE: &str = "f.stage < 2 AND f.until > ?2 AND EXISTS
    (SELECT 1 FROM seat s WHERE s.account = ?1 AND s.conv = f.conv AND (s.since < f.seq OR f.sender = ?1))";

pub(super) fn has_room(tx: &Transaction<'_>, sender: UserId, file: &NewFile) -> Result<bool, StoreError> {
    let taken = |row: &Row<'_>| Ok((number_at(row, 0)?, number_at(row, 1)?));
    let (own, count) = tx
        .prepare_cached("SELECT coalesce(sum(size), 0), count(*) FROM file WHERE stage < 2 AND sender = ?1")?
        .query_row([sql(sender.0)], taken)?;
    let (all, _) = tx
        .prepare_cached("SELECT coalesce(sum(size), 0), count(*) FROM file WHERE stage < 2")?
        .query_row([], taken)?;
    let fits = |taken: u64, most: u64| taken.checked_add(file.info.size).is_some_and(|sum| sum <= most);
    Ok(fits(own, file.room.per_user) && fits(all, file.room.total) && count < file.room.count)
}

pub(super) fn insert(
    tx: &Transaction<'_>,
    (place, sender): (i64, UserId),
    file: &NewFile,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO file(id, place, sender, size, hash, media, until, stage) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)",
    )?
    .execute(params![
        file.id.as_bytes(),
        place,
        sql(sender.0),
        sql(file.info.size),
        file.info.hash.as_bytes(),
        file.info.media.as_str(),
        sql(file.until)
    ])?;
    Ok(())
}

pub(super) fn file(
    db: &Connection,
    (user, id): (UserId, FileId),
    now: u64,
) -> Result<Option<StoredFile>, StoreError> {
    let query = format!(
        "SELECT f.conv, f.stage, m.text, f.size, f.hash, f.media, a.id, a.name, t.said FROM file f
         JOIN message m ON m.place = f.place JOIN account a ON a.id = f.sender
         LEFT JOIN standing t ON t.file = f.id AND t.account = ?1 WHERE f.id = ?3 AND {VISIBLE}"
    );
    let found = |row: &Row<'_>| {
        let name: String = row.get(2)?;
        let name = FileName::new(&name).map_err(|error| unreadable(2, Type::Text, error))?;
        let info =
            FileInfo { name, size: number_at(row, 3)?, hash: hash_at(row, 4)?, media: media_at(row, 5)? };
        let said = row.get::<_, Option<i64>>(8)?.map(|said| said_from(said, 8)).transpose()?;
        let (conv, stage, sender) = (conv_at(row, 0)?, stage_at(row, 1)?, account_at(row, 6)?);
        Ok(StoredFile { conv, sender, info, id, stage, said })
    };
    let mut statement = db.prepare_cached(&query)?;
    Ok(statement.query_row(params![sql(user.0), sql(now), id.as_bytes()], found).optional()?)
}

pub(super) fn files(
    db: &Connection,
    user: UserId,
    (now, limit): (u64, u16),
) -> Result<Vec<ListedFile>, StoreError> {
    let query = format!(
        "SELECT {MESSAGE} JOIN seat s0 ON s0.conv = m.conv AND s0.account = ?1 WHERE f.id IS NOT NULL AND {VISIBLE}
         ORDER BY m.at DESC, m.place DESC LIMIT ?3"
    )
    .replacen(" FROM message m", ", f.conv FROM message m", 1);
    let listed = |row: &Row<'_>| {
        let (message, stage, conv) = (message_at(row)?, stage_at(row, 12)?, conv_at(row, 13)?);
        Ok(ListedFile { conv, message, stage, said: Vec::new() })
    };
    let mut statement = db.prepare_cached(&query)?;
    let rows = statement.query_map(params![sql(user.0), sql(now), limit], listed)?;
    let mut files = rows.collect::<Result<Vec<_>, _>>()?;
    files.reverse();
    for file in &mut files {
        file.said = said(db, file, user)?;
    }
    Ok(files)
}

/// For the sender of a file everybody's word, for others their own.
fn said(db: &Connection, listed: &ListedFile, user: UserId) -> Result<Vec<(Account, Said)>, StoreError> {
    let Some(file) = &listed.message.file else { return Ok(Vec::new()) };
    let mut statement = db.prepare_cached(
        "SELECT a.id, a.name, t.said FROM standing t JOIN account a ON a.id = t.account
         WHERE t.file = ?1 AND (?2 OR t.account = ?3) ORDER BY a.id",
    )?;
    let everybody = listed.message.sender.id == user;
    let word = |row: &Row<'_>| Ok((account_at(row, 0)?, said_from(row.get(2)?, 2)?));
    let rows = statement.query_map(params![file.id.as_bytes(), everybody, sql(user.0)], word)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn say(
    db: &mut Connection,
    (user, id): (UserId, FileId),
    said: Said,
) -> Result<Noted, StoreError> {
    let tx = begin(db)?;
    let news = tx
        .prepare_cached(
            "INSERT INTO standing(file, account, said) SELECT id, ?2, ?3 FROM file WHERE id = ?1 AND stage < 2
             ON CONFLICT(file, account) DO UPDATE SET said = excluded.said WHERE said <> excluded.said",
        )?
        .execute(params![id.as_bytes(), sql(user.0), to_number(said)])?
        > 0;
    let settled = tx
        .prepare_cached(
            "SELECT c.kind = 1 AND NOT EXISTS (SELECT 1 FROM seat s LEFT JOIN standing t
               ON t.file = f.id AND t.account = s.account
               WHERE s.conv = f.conv AND s.account <> f.sender AND coalesce(t.said, 1) = 1)
             FROM file f JOIN conversation c ON c.id = f.conv WHERE f.id = ?1",
        )?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    tx.commit()?;
    Ok(Noted { news, settled: settled.unwrap_or(false) })
}

pub(super) fn move_on(db: &mut Connection, id: FileId, stage: FileStage) -> Result<bool, StoreError> {
    let tx = begin(db)?;
    let moved = tx
        .prepare_cached("UPDATE file SET stage = ?2 WHERE id = ?1 AND stage < 2")?
        .execute(params![id.as_bytes(), if stage == FileStage::Stored { 1 } else { GONE }])?;
    tx.commit()?;
    Ok(moved > 0)
}

pub(super) fn live(db: &Connection) -> Result<Vec<LiveFile>, StoreError> {
    let mut statement = db.prepare_cached("SELECT id, until, conv, sender FROM file WHERE stage < 2")?;
    let live = |row: &Row<'_>| {
        let (id, until) = (FileId::from_bytes(row.get(0)?), number_at(row, 1)?);
        Ok(LiveFile { id, until, conv: conv_at(row, 2)?, sender: UserId(number_at(row, 3)?) })
    };
    let rows = statement.query_map([], live)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The file of a message in the columns from `column` on, if it offers one.
pub(super) fn attachment_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Attachment>> {
    let Some(id) = row.get::<_, Option<[u8; 16]>>(column)? else {
        return Ok(None);
    };
    Ok(Some(Attachment {
        id: FileId::from_bytes(id),
        size: number_at(row, column + 1)?,
        hash: hash_at(row, column + 2)?,
        media: media_at(row, column + 3)?,
        until: number_at(row, column + 4)?,
        gone: stage_at(row, column + 5)? == FileStage::Gone,
    }))
}

pub(super) fn hash_at(row: &Row<'_>, column: usize) -> rusqlite::Result<FileHash> {
    row.get(column).map(FileHash::from_bytes)
}

fn media_at(row: &Row<'_>, column: usize) -> rusqlite::Result<MediaType> {
    let media: String = row.get(column)?;
    media.parse().map_err(|error| unreadable(column, Type::Text, error))
}

pub(super) fn stage_at(row: &Row<'_>, column: usize) -> rusqlite::Result<FileStage> {
    Ok(match row.get::<_, i64>(column)? {
        0 => FileStage::Uploading,
        1 => FileStage::Stored,
        _ => FileStage::Gone,
    })
}

fn to_number(said: Said) -> i64 {
    match said {
        Said::Accepted => 1,
        Said::Declined => 2,
        Said::Received => 3,
        Said::Cancelled => 4,
    }
}

fn said_from(number: i64, column: usize) -> rusqlite::Result<Said> {
    match number {
        1 => Ok(Said::Accepted),
        2 => Ok(Said::Declined),
        3 => Ok(Said::Received),
        4 => Ok(Said::Cancelled),
        _ => Err(unreadable(column, Type::Integer, ValueError::Invalid("standing"))),
    }
}
