//! What every store has to do, said once: each verb on each backend.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use sotto_proto::{
    Cid, ConvId, Epoch, FileHash, FileId, FileInfo, FileName, FileStage, MessageText, Page, Seq, Username,
};

use super::memory::{Memory, Shelf, Tables};
use super::{
    Account, Draft, ListedFile, LobbyHistory, NewAccount, NewFile, Outcome, PasswordHash, Range, Room, Said,
    Sqlite, Store, TokenUse, UserId, lobby_id,
};
use crate::sim::Disk;

const NOW: u64 = 1_764_000_000_000;

/// A store, and what it leaves behind when it is closed.
struct Fixture {
    kept: Kept,
    store: Box<dyn Store>,
}

enum Kept {
    InADirectory(tempfile::TempDir),
    OnAShelf(Shelf),
}

impl Kept {
    fn sqlite() -> Self {
        Self::InADirectory(tempfile::tempdir().unwrap())
    }

    fn memory() -> Self {
        let epoch = Epoch::new(getrandom::u64().unwrap());
        Self::OnAShelf(Arc::new(Mutex::new(Tables::new(epoch))))
    }

    fn open(self) -> Fixture {
        let store: Box<dyn Store> = match &self {
            Self::InADirectory(dir) => Box::new(Sqlite::open(&dir.path().join("sotto.db")).unwrap()),
            Self::OnAShelf(shelf) => Box::new(Memory::new(Arc::clone(shelf), Disk::sound())),
        };
        Fixture { kept: self, store }
    }
}

impl Fixture {
    fn reopened(self) -> Self {
        let Self { kept, store } = self;
        drop(store);
        kept.open()
    }

    /// Another store of the same kind, with nothing in it.
    fn another(&self) -> Self {
        match self.kept {
            Kept::InADirectory(_) => Kept::sqlite().open(),
            Kept::OnAShelf(_) => Kept::memory().open(),
        }
    }

    async fn account(&self, name: &str) -> Account {
        self.join(name, LobbyHistory::FromRegistration).await.unwrap()
    }

    async fn join(&self, typed: &str, lobby: LobbyHistory) -> Option<Account> {
        let start = NewAccount { password: PasswordHash("hash".into()), lobby, at: NOW };
        self.store.register(&name(typed), start).await.unwrap()
    }

    async fn post(&self, conv: ConvId, drafts: &[(UserId, Option<u8>, &str)]) -> Vec<Outcome> {
        let draft = |(sender, cid, text): &(UserId, Option<u8>, &str)| Draft {
            conv,
            sender: *sender,
            cid: cid.map(|byte| Cid::from_bytes([byte; 16])),
            text: MessageText::new(text).unwrap(),
            clear: *text == "in the clear",
            file: None,
        };
        self.store.append(drafts.iter().map(draft).collect(), NOW).await.unwrap()
    }

    async fn texts(&self, conv: ConvId, since: u64, page: Page) -> Vec<String> {
        let range = Range { since: seq(since), page, limit: 3 };
        let messages = self.store.read(conv, range).await.unwrap();
        messages.iter().map(|message| message.text.as_str().to_owned()).collect()
    }
}

fn name(typed: &str) -> Username {
    typed.parse().unwrap()
}

fn seq(number: u64) -> Seq {
    Seq::new(number).unwrap()
}

fn stored(number: u64) -> Outcome {
    Outcome::Stored { seq: seq(number), at: NOW }
}

/// Every backend has to do the same.
macro_rules! on_every_backend {
    ($($verb:ident,)*) => {
        mod sqlite {
            $(#[tokio::test] async fn $verb() { super::$verb(super::Kept::sqlite().open()).await; })*
        }
        mod memory {
            $(#[tokio::test] async fn $verb() { super::$verb(super::Kept::memory().open()).await; })*
        }
    };
}

on_every_backend! {
    a_name_is_registered_once_in_whatever_spelling,
    what_came_without_encryption_stays_marked,
    a_password_can_be_replaced,
    names_are_resolved_in_their_order,
    seqs_are_dense_in_each_conversation_across_batches_and_restarts,
    a_cid_is_stored_once_per_sender_for_ever,
    pages_come_in_rising_order_from_any_side,
    a_set_is_one_conversation_whoever_names_it,
    a_newcomer_sees_the_lobby_from_registration_on_or_all_of_it,
    seats_show_every_conversation_that_has_begun,
    confirmed_positions_only_rise_and_never_beyond_the_head,
    of_a_conversation_that_is_not_there_nothing_is_confirmed_and_nothing_read,
    a_token_is_good_for_its_owner_until_it_expires_or_is_dropped,
    another_password_voids_all_tokens_but_one,
    an_account_keeps_only_its_latest_tokens,
    the_epoch_stays_the_same_over_a_restart,
    a_file_is_seen_by_its_sender_and_those_it_is_for_until_its_time_is_up,
    files_that_are_kept_take_no_more_room_than_they_may,
    a_set_s_file_is_settled_when_nobody_is_left_who_may_want_it,
    a_file_goes_from_stage_to_stage_and_history_says_when_it_is_gone,
}

async fn a_name_is_registered_once_in_whatever_spelling(it: Fixture) {
    let ann = it.account("Ann").await;
    assert_eq!(it.join("ann", LobbyHistory::All).await, None);
    let known = it.store.credentials(&name("ANN")).await.unwrap().unwrap();
    assert_eq!((known.account.id, known.account.name.as_str()), (ann.id, "Ann"));
    assert!(it.store.credentials(&name("bob")).await.unwrap().is_none());
}

async fn what_came_without_encryption_stays_marked(it: Fixture) {
    let ann = it.account("ann").await;
    it.post(lobby_id(), &[(ann.id, None, "in the clear"), (ann.id, Some(1), "over TLS")]).await;
    let it = it.reopened();
    let range = Range { since: Seq::ZERO, page: Page::Latest, limit: 3 };
    let marks = it.store.read(lobby_id(), range).await.unwrap();
    assert_eq!(marks.iter().map(|message| message.clear).collect::<Vec<_>>(), [true, false]);
}

async fn a_password_can_be_replaced(it: Fixture) {
    let ann = it.account("ann").await;
    it.store.set_password(ann.id, PasswordHash("new".into())).await.unwrap();
    let known = it.store.credentials(&ann.name).await.unwrap().unwrap();
    assert_eq!(known.password.0, "new");
}

async fn names_are_resolved_in_their_order(it: Fixture) {
    let (ann, bob) = (it.account("ann").await, it.account("bob").await);
    let found = it.store.resolve(&[name("BOB"), name("carol"), name("ann")]).await.unwrap();
    assert_eq!(found, [Some(bob.clone()), None, Some(ann.clone())]);
    assert_eq!(it.store.accounts().await.unwrap(), [ann, bob]);
}

async fn seqs_are_dense_in_each_conversation_across_batches_and_restarts(it: Fixture) {
    let (ann, bob) = (it.account("ann").await, it.account("bob").await);
    let pair = it.store.conversation(&[ann.id, bob.id]).await.unwrap().id;
    let batch = [(ann.id, None, "1"), (bob.id, None, "2")];
    assert_eq!(it.post(lobby_id(), &batch).await, [stored(1), stored(2)]);
    assert_eq!(it.post(pair, &batch).await, [stored(1), stored(2)]);
    let it = it.reopened();
    assert_eq!(it.post(lobby_id(), &batch[..1]).await, [stored(3)]);
}

async fn a_cid_is_stored_once_per_sender_for_ever(it: Fixture) {
    let (ann, bob) = (it.account("ann").await, it.account("bob").await);
    let twice = [(ann.id, Some(7), "first"), (ann.id, Some(7), "again"), (bob.id, Some(7), "bob's")];
    let again = Outcome::Duplicate { conv: lobby_id(), seq: seq(1), at: NOW, file: None };
    assert_eq!(it.post(lobby_id(), &twice).await, [stored(1), again, stored(2)]);
    let it = it.reopened();
    assert_eq!(it.post(lobby_id(), &twice[..1]).await, [again]);
    assert_eq!(it.texts(lobby_id(), 0, Page::Latest).await, ["first", "bob's"]);
}

async fn pages_come_in_rising_order_from_any_side(it: Fixture) {
    let ann = it.account("ann").await;
    for text in ["1", "2", "3", "4", "5", "6"] {
        it.post(lobby_id(), &[(ann.id, None, text)]).await;
    }
    assert_eq!(it.texts(lobby_id(), 0, Page::Latest).await, ["4", "5", "6"]);
    assert_eq!(it.texts(lobby_id(), 0, Page::Before(seq(4))).await, ["1", "2", "3"]);
    assert_eq!(it.texts(lobby_id(), 0, Page::After(seq(1))).await, ["2", "3", "4"]);
    assert_eq!(it.texts(lobby_id(), 2, Page::Before(seq(4))).await, ["3"]);
    assert_eq!(it.texts(lobby_id(), 5, Page::After(seq(1))).await, ["6"]);
}

async fn a_set_is_one_conversation_whoever_names_it(it: Fixture) {
    let (ann, bob, eve) = (it.account("ann").await, it.account("bob").await, it.account("eve").await);
    let pair = it.store.conversation(&[bob.id, ann.id]).await.unwrap();
    assert_eq!(pair, it.store.conversation(&[ann.id, bob.id, ann.id]).await.unwrap());
    assert_eq!(pair.members, [ann.clone(), bob.clone()]);
    let trio = it.store.conversation(&[ann.id, bob.id, eve.id]).await.unwrap();
    assert_ne!(pair.id, trio.id);
    assert!(it.store.seat(eve.id, pair.id).await.unwrap().is_none());
    assert!(it.store.seat(eve.id, trio.id).await.unwrap().is_some());
}

async fn a_newcomer_sees_the_lobby_from_registration_on_or_all_of_it(it: Fixture) {
    let ann = it.account("ann").await;
    it.post(lobby_id(), &[(ann.id, None, "before")]).await;
    let bob = it.account("bob").await;
    let eve = it.join("eve", LobbyHistory::All).await.unwrap();
    let mut since = HashMap::new();
    for user in [ann.id, bob.id, eve.id] {
        since.insert(user, it.store.seat(user, lobby_id()).await.unwrap().unwrap().since.get());
    }
    assert_eq!([since[&ann.id], since[&bob.id], since[&eve.id]], [0, 1, 0]);
}

async fn seats_show_every_conversation_that_has_begun(it: Fixture) {
    let (ann, bob) = (it.account("ann").await, it.account("bob").await);
    let pair = it.store.conversation(&[ann.id, bob.id]).await.unwrap();
    let seats =
        async || it.store.seats(bob.id).await.unwrap().iter().map(|s| s.conversation.id).collect::<Vec<_>>();
    assert_eq!(seats().await, [lobby_id()]);
    it.post(pair.id, &[(ann.id, None, "hi")]).await;
    assert_eq!(seats().await, [lobby_id(), pair.id]);
}

async fn confirmed_positions_only_rise_and_never_beyond_the_head(it: Fixture) {
    let ann = it.account("ann").await;
    it.post(lobby_id(), &[(ann.id, None, "1"), (ann.id, None, "2")]).await;
    let confirmed = async |to| {
        it.store.confirm(ann.id, vec![(lobby_id(), seq(to))]).await.unwrap();
        it.store.seat(ann.id, lobby_id()).await.unwrap().unwrap().confirmed.get()
    };
    assert_eq!([confirmed(2).await, confirmed(1).await, confirmed(99).await], [2, 2, 2]);
}

async fn of_a_conversation_that_is_not_there_nothing_is_confirmed_and_nothing_read(it: Fixture) {
    let (ann, nowhere) = (it.account("ann").await, ConvId::new(7).unwrap());
    it.store.confirm(ann.id, vec![(nowhere, seq(0)), (nowhere, seq(1))]).await.unwrap();
    assert_eq!(it.store.seat(ann.id, nowhere).await.unwrap(), None);
    let all = Range { since: Seq::ZERO, page: Page::Latest, limit: 9 };
    assert_eq!(it.store.read(nowhere, all).await.unwrap(), []);
}

async fn a_token_is_good_for_its_owner_until_it_expires_or_is_dropped(it: Fixture) {
    let ann = it.account("ann").await;
    it.account("bob").await;
    it.store.add_token(ann.id, [1; 32], NOW + 10).await.unwrap();
    let shown = |hash, now| TokenUse { hash, now, expires: now + 10 };
    let owner = async |typed: &str, used| it.store.use_token(&name(typed), used).await.unwrap();
    assert_eq!(owner("bob", shown([1; 32], NOW)).await, None);
    assert_eq!(owner("ann", shown([2; 32], NOW)).await, None);
    assert_eq!(owner("Ann", shown([1; 32], NOW + 9)).await, Some(ann.clone()));
    assert_eq!(owner("ann", shown([1; 32], NOW + 18)).await, Some(ann.clone()));
    assert_eq!(owner("ann", shown([1; 32], NOW + 28)).await, None);
    it.store.add_token(ann.id, [3; 32], NOW + 10).await.unwrap();
    it.store.drop_token([3; 32]).await.unwrap();
    assert_eq!(owner("ann", shown([3; 32], NOW)).await, None);
}

async fn another_password_voids_all_tokens_but_one(it: Fixture) {
    let (ann, bob) = (it.account("ann").await, it.account("bob").await);
    for (user, token) in [(ann.id, 1), (ann.id, 2), (bob.id, 3)] {
        it.store.add_token(user, [token; 32], NOW + 10).await.unwrap();
    }
    it.store.change_password(ann.id, PasswordHash("new".into()), [2; 32]).await.unwrap();
    let known = it.store.credentials(&ann.name).await.unwrap().unwrap();
    assert_eq!(known.password, PasswordHash("new".into()));
    for (account, token, is_good) in [(&ann, 1, false), (&ann, 2, true), (&bob, 3, true)] {
        let used = TokenUse { hash: [token; 32], now: NOW, expires: NOW + 20 };
        assert_eq!(it.store.use_token(&account.name, used).await.unwrap().is_some(), is_good, "{token}");
    }
}

async fn an_account_keeps_only_its_latest_tokens(it: Fixture) {
    let ann = it.account("ann").await;
    for index in 0..20 {
        it.store.add_token(ann.id, [index; 32], NOW + 100 + u64::from(index)).await.unwrap();
    }
    let good = async |index| {
        let used = TokenUse { hash: [index; 32], now: NOW, expires: NOW + 100 + u64::from(index) };
        it.store.use_token(&ann.name, used).await.unwrap().is_some()
    };
    assert_eq!([good(0).await, good(11).await, good(12).await, good(19).await], [false, false, true, true]);
}

async fn the_epoch_stays_the_same_over_a_restart(it: Fixture) {
    let epoch = it.store.epoch();
    assert_ne!(it.another().store.epoch(), epoch);
    assert_eq!(it.reopened().store.epoch(), epoch);
}

#[test]
fn a_database_of_a_later_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sotto.db");
    drop(Sqlite::open(&path).unwrap());
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 999).unwrap();
    let error = Sqlite::open(&path).err().unwrap().to_string();
    assert!(error.contains("999") && error.contains("newer"), "{error}");
}

const DAY: u64 = 24 * 3600 * 1000;

/// A file of so many bytes.
fn new_file(number: u8, size: u64) -> NewFile {
    let content = (FileHash::from_bytes([number; 32]), "text/plain".parse().unwrap());
    let info = FileInfo::new(FileName::new(&format!("{number}.txt")).unwrap(), size, content).unwrap();
    let room = Room { per_user: 100, count: 3, total: 150 };
    NewFile { id: FileId::from_bytes([number; 16]), info, until: NOW + DAY, room }
}

impl Fixture {
    async fn offer(&self, conv: ConvId, sender: UserId, (number, size): (u8, u64)) -> Outcome {
        let text = MessageText::new(&format!("{number}.txt")).unwrap();
        let (cid, file) = (Some(Cid::from_bytes([number; 16])), Some(Box::new(new_file(number, size))));
        let draft = Draft { conv, sender, cid, text, clear: false, file };
        self.store.append(vec![draft], NOW + u64::from(number)).await.unwrap().remove(0)
    }

    /// The numbers of the files somebody may see.
    async fn files(&self, user: UserId, now: u64) -> Vec<u8> {
        let files = self.store.files(user, now, 9).await.unwrap();
        files.iter().map(|listed| listed.message.file.as_ref().unwrap().id.as_bytes()[0]).collect()
    }
}

fn file(number: u8) -> FileId {
    FileId::from_bytes([number; 16])
}

async fn a_file_is_seen_by_its_sender_and_those_it_is_for_until_its_time_is_up(it: Fixture) {
    let [ann, bob, eve] =
        [it.account("ann").await.id, it.account("bob").await.id, it.account("eve").await.id];
    let pair = it.store.conversation(&[ann, bob]).await.unwrap().id;
    it.offer(pair, ann, (1, 10)).await;
    it.offer(lobby_id(), bob, (2, 10)).await;
    let late = it.account("late").await.id;
    let it = it.reopened();
    assert_eq!([it.files(ann, NOW).await, it.files(bob, NOW).await], [vec![1, 2], vec![1, 2]]);
    assert_eq!([it.files(eve, NOW).await, it.files(late, NOW).await], [vec![2], vec![]]);
    assert_eq!(it.files(bob, NOW + DAY).await, []);
    let seen = it.store.file(bob, file(1), NOW).await.unwrap().unwrap();
    assert_eq!((seen.sender.id, seen.info, seen.stage), (ann, new_file(1, 10).info, FileStage::Uploading));
    for (user, id, now) in [(eve, 1, NOW), (late, 2, NOW), (bob, 3, NOW), (bob, 1, NOW + DAY)] {
        assert!(it.store.file(user, file(id), now).await.unwrap().is_none());
    }
}

async fn files_that_are_kept_take_no_more_room_than_they_may(it: Fixture) {
    let [ann, bob] = [it.account("ann").await.id, it.account("bob").await.id];
    let (full, kept) = (Outcome::NoRoom, |outcome| matches!(outcome, Outcome::Stored { .. }));
    assert!(kept(it.offer(lobby_id(), ann, (1, 60)).await));
    assert_eq!(it.offer(lobby_id(), ann, (2, 41)).await, full, "hers");
    assert!(kept(it.offer(lobby_id(), ann, (3, 40)).await));
    assert_eq!(it.offer(lobby_id(), bob, (4, 51)).await, full, "all of them");
    assert_eq!(it.offer(lobby_id(), bob, (5, u64::MAX >> 1)).await, full, "no overflow");
    assert!(it.store.end_file(file(1)).await.unwrap() && !it.store.end_file(file(1)).await.unwrap());
    assert!(kept(it.offer(lobby_id(), ann, (6, 1)).await) && kept(it.offer(lobby_id(), ann, (7, 1)).await));
    assert_eq!(it.offer(lobby_id(), ann, (8, 1)).await, full, "as many as she may");
    let again = it.offer(lobby_id(), ann, (1, 60)).await;
    assert!(matches!(again, Outcome::Duplicate { file: Some(id), .. } if id == file(1)));
}

async fn a_set_s_file_is_settled_when_nobody_is_left_who_may_want_it(it: Fixture) {
    let [ann, bob, eve] =
        [it.account("ann").await.id, it.account("bob").await.id, it.account("eve").await.id];
    let set = it.store.conversation(&[ann, bob, eve]).await.unwrap().id;
    it.offer(set, ann, (1, 10)).await;
    it.offer(lobby_id(), ann, (2, 10)).await;
    let say = async |user, said| {
        let noted = it.store.say(user, file(1), said).await.unwrap();
        (noted.news, noted.settled)
    };
    assert_eq!(say(bob, Said::Accepted).await, (true, false));
    assert_eq!(say(bob, Said::Accepted).await, (false, false));
    assert_eq!(say(eve, Said::Declined).await, (true, false));
    assert_eq!(say(bob, Said::Received).await, (true, true));
    assert!(
        !it.store.say(bob, file(2), Said::Received).await.unwrap().settled,
        "everyone is never all there"
    );
    let said =
        |listed: &ListedFile| listed.said.iter().map(|(who, said)| (who.id, *said)).collect::<Vec<_>>();
    let seen = it.store.files(ann, NOW, 9).await.unwrap();
    assert_eq!(said(&seen[0]), [(bob, Said::Received), (eve, Said::Declined)]);
    let seen = it.store.files(eve, NOW, 9).await.unwrap();
    assert_eq!(said(&seen[0]), [(eve, Said::Declined)], "others' answers are the sender's to know");
}

async fn a_file_goes_from_stage_to_stage_and_history_says_when_it_is_gone(it: Fixture) {
    let ann = it.account("ann").await.id;
    it.offer(lobby_id(), ann, (1, 10)).await;
    assert_eq!(it.store.live_files().await.unwrap().len(), 1);
    assert!(it.store.file_stored(file(1)).await.unwrap());
    assert_eq!(it.store.file(ann, file(1), NOW).await.unwrap().unwrap().stage, FileStage::Stored);
    assert!(it.store.end_file(file(1)).await.unwrap());
    assert!(!it.store.file_stored(file(1)).await.unwrap() && it.store.live_files().await.unwrap().is_empty());
    assert!(!it.store.say(ann, file(1), Said::Accepted).await.unwrap().news);
    let range = Range { since: Seq::ZERO, page: Page::Latest, limit: 3 };
    let message = it.store.read(lobby_id(), range).await.unwrap().remove(0);
    assert_eq!((message.text.as_str(), message.file.map(|file| file.gone)), ("1.txt", Some(true)));
}
