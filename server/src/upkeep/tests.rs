//! Copies, and looking through them, without a server and without a network.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use sotto_proto::{Cid, FileHash, FileId, FileInfo, FileName, MediaType, MessageText};
use tempfile::TempDir;

use super::*;
use crate::data_dir::{DATABASE, INVITE, SPOOL};
use crate::store::{
    Draft, LobbyHistory, NewAccount, NewFile, PasswordHash, Room, Sqlite, Store, UserId, lobby_id,
};
use crate::{Config, RawConfig, spool};

const CONTENT: &[u8] = b"what is in the file";

fn file() -> FileId {
    FileId::from_bytes([0xab; 16])
}

/// A data directory of three people, three messages to everyone, two to a set, and one file, that no server uses.
async fn data() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&dir.path().join(DATABASE)).unwrap();
    let mut people = Vec::new();
    for name in ["ann", "bob", "eve"] {
        let start = NewAccount { password: PasswordHash("hash".into()), lobby: LobbyHistory::All, at: 1 };
        people.push(store.register(&name.parse().unwrap(), start).await.unwrap().unwrap().id);
    }
    let pair = store.conversation(&people[..2]).await.unwrap().id;
    let draft = |conv, cid, file| Draft {
        conv,
        sender: UserId(1),
        cid: Some(Cid::from_bytes([cid; 16])),
        text: MessageText::new("a.txt").unwrap(),
        clear: false,
        file,
    };
    let mut batch: Vec<_> = (1..=2).map(|cid| draft(lobby_id(), cid, None)).collect();
    batch.extend((3..=4).map(|cid| draft(pair, cid, None)));
    batch.push(draft(lobby_id(), 5, Some(Box::new(offer()))));
    store.append(batch, 1).await.unwrap();
    store.file_stored(file()).await.unwrap();
    let content = content(dir.path());
    fs::create_dir_all(content.parent().unwrap()).unwrap();
    fs::write(content, CONTENT).unwrap();
    fs::write(dir.path().join(INVITE), "come-in\n").unwrap();
    drop(store);
    damage(dir.path(), "PRAGMA wal_checkpoint(TRUNCATE)");
    dir
}

fn offer() -> NewFile {
    let hash = FileHash::of(CONTENT);
    let name = FileName::new("a.txt").unwrap();
    let info = FileInfo::new(name, CONTENT.len() as u64, (hash, MediaType::unknown())).unwrap();
    let room = Room { per_user: u64::MAX, total: u64::MAX, count: u64::MAX };
    NewFile { id: file(), info, until: u64::MAX >> 1, room }
}

fn content(dir: &Path) -> PathBuf {
    spool::place(&dir.join(SPOOL), file())
}

fn damage(dir: &Path, sql: &str) {
    let database = Connection::open(dir.join(DATABASE)).unwrap();
    database.execute_batch(&format!("PRAGMA foreign_keys = off; {sql}")).unwrap();
}

fn config(dir: &Path) -> Config {
    let none = dir.join("none.toml");
    fs::write(&none, "").unwrap();
    let raw = RawConfig { data_dir: Some(dir.to_owned()), ..RawConfig::default() };
    raw.decide(Some(&none)).unwrap()
}

fn found(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let verdict = verify(dir, &mut |finding| found.push(finding.to_string()), &|_| {}).unwrap();
    let faults = found.iter().filter(|finding| finding.starts_with("fault: ")).count();
    assert_eq!(verdict.faults, faults as u64);
    found
}

/// What is done to a database, and what is found then.
const DAMAGE: &[(&str, &str)] = &[
    ("DELETE FROM message WHERE conv = 1 AND seq = 2", "conversation 1 lacks messages 2 to 2"),
    (
        "DELETE FROM message WHERE conv = 2 AND seq = 2",
        "conversation 2 counts to 2, and its last message is 1",
    ),
    (
        "UPDATE conversation SET head = 9 WHERE id = 1",
        "conversation 1 counts to 9, and its last message is 3",
    ),
    ("DELETE FROM conversation WHERE id = 1", "there is no lobby"),
    ("UPDATE conversation SET kind = 7 WHERE id = 2", "conversation 2 is neither the lobby nor a set"),
    (
        "UPDATE conversation SET key = x'00' WHERE id = 2",
        "conversation 2 is not to be found by its members",
    ),
    (
        "UPDATE seat SET confirmed = 4 WHERE account = 1 AND conv = 1",
        "the seat of account 1 in conversation 1 is beyond its end",
    ),
    (
        "UPDATE seat SET since = -1 WHERE account = 1 AND conv = 1",
        "the seat of account 1 in conversation 1 is beyond its end",
    ),
    ("DELETE FROM seat WHERE account = 3", "account 3 has no seat in the lobby"),
    (
        "UPDATE message SET sender = 3 WHERE conv = 2 AND seq = 1",
        "message 1 of conversation 2 is from account 3, which is not in it",
    ),
    ("UPDATE account SET name = 'Tom' WHERE id = 1", "account 1 is not to be found by its name"),
    (
        "DELETE FROM account WHERE id = 1",
        "a row of table message refers to one of account that is not there",
    ),
    (
        "UPDATE message SET text = CAST(x'ff' AS TEXT) WHERE conv = 2",
        "conversation 2 cannot be read after message 0",
    ),
    (
        "UPDATE message SET cid = (SELECT cid FROM message WHERE conv = 1 AND seq = 1) WHERE conv = 2 AND seq = 1",
        "message 1 of conversation 2 is not found when it is sent again",
    ),
    (
        "UPDATE message SET cid = (SELECT cid FROM message WHERE conv = 1 AND seq = 1) WHERE conv = 2 AND seq = 1;
         UPDATE sent SET mark = (SELECT mark FROM sent WHERE conv = 1 AND seq = 1) WHERE conv = 2 AND seq = 1",
        "account 1 has sent messages 1 of conversation 1 and 1 of conversation 2 as one",
    ),
    (
        "DELETE FROM sent WHERE conv = 2 AND seq = 2",
        "4 messages are to be found by what their senders call them, and 5 are called something",
    ),
    (
        "DELETE FROM sent WHERE conv = 2 AND seq = 2",
        "message 2 of conversation 2 is not found when it is sent again",
    ),
    ("UPDATE meta SET value = value + 1 WHERE key = 'mark'", "message 3 of conversation 1 is not found when it is sent again"),
    ("UPDATE file SET sender = 2", "is said to be from account 2, and was offered by 1"),
    ("UPDATE file SET stage = 3", "is at a stage that there is not"),
    ("UPDATE file SET size = 5", "has 19 bytes instead of 5"),
    ("UPDATE file SET size = 5, stage = 0", "has 19 bytes of 5"),
    ("UPDATE file SET hash = zeroblob(32)", "its content is not what was offered"),
];

#[tokio::test]
async fn each_kind_of_damage_is_found() {
    for (sql, sentence) in DAMAGE {
        let dir = data().await;
        assert_eq!(found(dir.path()), [""; 0]);
        damage(dir.path(), sql);
        let found = found(dir.path());
        assert!(found.iter().any(|finding| finding.contains(sentence)), "{sql}: {found:?}");
    }
}

#[tokio::test]
async fn content_that_is_missing_or_changed_is_found_and_orphans_are_a_remark() {
    let dir = data().await;
    let content = content(dir.path());
    fs::write(&content, b"what is in the fale").unwrap();
    assert!(found(dir.path())[0].contains("its content is not what was offered"));
    fs::remove_file(&content).unwrap();
    assert!(found(dir.path())[0].contains("its content is missing"));
    fs::write(&content, CONTENT).unwrap();
    let orphan = dir.path().join(SPOOL).join("ab/orphan");
    File::create(&orphan).unwrap();
    assert_eq!(found(dir.path()), [""; 0], "a server may be about to sweep it");
    let day = Duration::from_secs(86_400);
    File::options().write(true).open(&orphan).unwrap().set_modified(SystemTime::now() - day).unwrap();
    let found = found(dir.path());
    assert!(
        found.len() == 1 && found[0].starts_with("remark: ") && found[0].contains("ab/orphan"),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_database_with_a_page_that_is_none_is_found() {
    let dir = data().await;
    let path = dir.path().join(DATABASE);
    let mut bytes = fs::read(&path).unwrap();
    bytes[2 * 4096..3 * 4096].fill(0xa5);
    fs::write(&path, &bytes).unwrap();
    assert!(!found(dir.path()).is_empty());
    fs::write(&path, vec![b'x'; 8192]).unwrap();
    assert!(found(dir.path())[0].contains("the database cannot be read"));
}

#[tokio::test]
async fn a_backup_has_everything_and_is_another_history() {
    let (dir, to) = (data().await, tempfile::tempdir().unwrap());
    let backup_dir = to.path().join("monday");
    let contents = backup(&config(dir.path()), &backup_dir, &|_| {}).unwrap();
    assert_eq!((contents.accounts, contents.messages, contents.files), (3, 5, 1));
    assert_eq!(fs::read(content(&backup_dir)).unwrap(), CONTENT);
    assert_eq!(fs::read(backup_dir.join(INVITE)).unwrap(), b"come-in\n");
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1, "nothing else is left there");
    assert_eq!(found(&backup_dir), [""; 0]);
    let beside = |name: &str| backup_dir.join(format!("{DATABASE}-{name}")).exists();
    assert!(!beside("wal") && !beside("shm"), "looking at a backup changes nothing");
    let epoch = |dir: &Path| Sqlite::open(&dir.join(DATABASE)).unwrap().epoch();
    assert_ne!(epoch(&backup_dir), epoch(dir.path()));
}

#[tokio::test]
async fn a_file_that_is_let_go_of_while_others_are_copied_is_noted_as_gone() {
    let (dir, to) = (data().await, tempfile::tempdir().unwrap());
    contents::copy_database(dir.path(), to.path(), &|_| {}).unwrap();
    fs::remove_file(content(dir.path())).unwrap();
    let lost = contents::copy_files(dir.path(), to.path(), &|_| {}).unwrap_err().to_string();
    assert!(lost.contains("is missing"), "its row says that it is there: {lost}");
    fs::remove_dir(to.path().join(SPOOL)).unwrap();
    damage(dir.path(), "UPDATE file SET stage = 2");
    contents::copy_files(dir.path(), to.path(), &|_| {}).unwrap();
    assert_eq!(found(to.path()), [""; 0]);
}

#[tokio::test]
async fn a_backup_that_cannot_be_sound_is_none() {
    let (dir, to) = (data().await, tempfile::tempdir().unwrap());
    let backup_dir = to.path().join("monday");
    let refused = || backup(&config(dir.path()), &backup_dir, &|_| {}).unwrap_err().to_string();
    fs::write(content(dir.path()), b"something else").unwrap();
    assert!(refused().contains("is not what was offered"));
    fs::write(content(dir.path()), CONTENT).unwrap();
    damage(dir.path(), "DELETE FROM message WHERE conv = 1 AND seq = 2");
    assert!(refused().contains("lacks messages 2 to 2"));
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_backup_goes_only_where_nothing_is() {
    let (dir, to) = (data().await, tempfile::tempdir().unwrap());
    fs::write(to.path().join("mine"), "").unwrap();
    let refused = |to: &Path| backup(&config(dir.path()), to, &|_| {}).unwrap_err().to_string();
    assert!(refused(to.path()).contains("not an empty directory"));
    assert!(refused(&to.path().join("mine")).contains("not an empty directory"));
    assert!(refused(&to.path().join("no/such")).contains("directory above it"));
    let empty = to.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let unfinished = to.path().join("empty.unfinished");
    fs::create_dir(&unfinished).unwrap();
    fs::write(unfinished.join("mine"), "").unwrap();
    assert!(refused(&empty).contains("is not what a backup has left behind"));
    fs::rename(unfinished.join("mine"), unfinished.join(DATABASE)).unwrap();
    backup(&config(dir.path()), &empty, &|_| {}).unwrap();
}

/// Makes a database one of the first release.
fn as_first_released(path: &Path) {
    let today = path.with_extension("today");
    fs::rename(path, &today).unwrap();
    let database = Connection::open(path).unwrap();
    database.execute_batch(include_str!("../../migrations/001_initial.sql")).unwrap();
    database.execute("ATTACH ?1 AS today", [today.to_str()]).unwrap();
    for (table, columns) in [
        ("meta", "key, value"),
        ("account", "id, key, name, password, created_at"),
        ("conversation", "id, kind, key, head"),
        ("seat", "account, conv, since, confirmed"),
        ("message", "conv, seq, sender, at, cid, text"),
    ] {
        let copy = format!("REPLACE INTO main.{table}({columns}) SELECT {columns} FROM today.{table}");
        database.execute(&copy, []).unwrap();
    }
    database.execute_batch("PRAGMA user_version = 1").unwrap();
    drop(database);
    fs::remove_file(today).unwrap();
}

#[tokio::test]
async fn an_older_backup_is_brought_up_to_date_as_it_is_restored() {
    let (old, new) = (data().await, tempfile::tempdir().unwrap());
    as_first_released(&old.path().join(DATABASE));
    assert!(found(old.path())[0].starts_with("remark: the database is of an earlier version"));
    let restored = restore(&config(new.path()), old.path(), Occupied::Refuse, &|_| {}).unwrap();
    assert_eq!((restored.contents.messages, restored.replaced), (5, None));
    assert!(!found(new.path()).iter().any(|finding| finding.starts_with("fault")));
    damage(old.path(), "PRAGMA user_version = 99");
    let newer = restore(&config(new.path()), old.path(), Occupied::MoveAside, &|_| {}).unwrap_err();
    assert!(format!("{newer:#}").contains("run the newer one"), "{newer:#}");
}
