//! What every store has to do, said once: each verb on each backend.

use std::collections::HashMap;

use sotto_proto::{Cid, ConvId, MessageText, Page, Seq, Username};

use super::{
    Account, Draft, LobbyHistory, NewAccount, Outcome, PasswordHash, Range, Sqlite, Store, TokenUse, UserId,
    lobby_id,
};

const NOW: u64 = 1_764_000_000_000;

/// A store in a directory that goes with it.
struct Fixture {
    dir: tempfile::TempDir,
    store: Sqlite,
}

fn fresh() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&dir.path().join("sotto.db")).unwrap();
    Fixture { dir, store }
}

impl Fixture {
    fn reopened(self) -> Self {
        let Self { dir, store } = self;
        drop(store);
        let store = Sqlite::open(&dir.path().join("sotto.db")).unwrap();
        Self { dir, store }
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

#[tokio::test]
async fn a_name_is_registered_once_in_whatever_spelling() {
    let it = fresh();
    let ann = it.account("Ann").await;
    assert_eq!(it.join("ann", LobbyHistory::All).await, None);
    let known = it.store.credentials(&name("ANN")).await.unwrap().unwrap();
    assert_eq!((known.account.id, known.account.name.as_str()), (ann.id, "Ann"));
    assert!(it.store.credentials(&name("bob")).await.unwrap().is_none());
}

#[tokio::test]
async fn what_came_without_encryption_stays_marked() {
    let it = fresh();
    let ann = it.account("ann").await;
    it.post(lobby_id(), &[(ann.id, None, "in the clear"), (ann.id, Some(1), "over TLS")]).await;
    let it = it.reopened();
    let range = Range { since: Seq::ZERO, page: Page::Latest, limit: 3 };
    let marks = it.store.read(lobby_id(), range).await.unwrap();
    assert_eq!(marks.iter().map(|message| message.clear).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn a_password_can_be_replaced() {
    let it = fresh();
    let ann = it.account("ann").await;
    it.store.set_password(ann.id, PasswordHash("new".into())).await.unwrap();
    let known = it.store.credentials(&ann.name).await.unwrap().unwrap();
    assert_eq!(known.password.0, "new");
}

#[tokio::test]
async fn names_are_resolved_in_their_order() {
    let it = fresh();
    let (ann, bob) = (it.account("ann").await, it.account("bob").await);
    let found = it.store.resolve(&[name("BOB"), name("carol"), name("ann")]).await.unwrap();
    assert_eq!(found, [Some(bob.clone()), None, Some(ann.clone())]);
    assert_eq!(it.store.accounts().await.unwrap(), [ann, bob]);
}

#[tokio::test]
async fn seqs_are_dense_in_each_conversation_across_batches_and_restarts() {
    let it = fresh();
    let (ann, bob) = (it.account("ann").await, it.account("bob").await);
    let pair = it.store.conversation(&[ann.id, bob.id]).await.unwrap().id;
    let batch = [(ann.id, None, "1"), (bob.id, None, "2")];
    assert_eq!(it.post(lobby_id(), &batch).await, [stored(1), stored(2)]);
    assert_eq!(it.post(pair, &batch).await, [stored(1), stored(2)]);
    let it = it.reopened();
    assert_eq!(it.post(lobby_id(), &batch[..1]).await, [stored(3)]);
}

#[tokio::test]
async fn a_cid_is_stored_once_per_sender_for_ever() {
    let it = fresh();
    let (ann, bob) = (it.account("ann").await, it.account("bob").await);
    let twice = [(ann.id, Some(7), "first"), (ann.id, Some(7), "again"), (bob.id, Some(7), "bob's")];
    let again = Outcome::Duplicate { conv: lobby_id(), seq: seq(1), at: NOW };
    assert_eq!(it.post(lobby_id(), &twice).await, [stored(1), again, stored(2)]);
    let it = it.reopened();
    assert_eq!(it.post(lobby_id(), &twice[..1]).await, [again]);
    assert_eq!(it.texts(lobby_id(), 0, Page::Latest).await, ["first", "bob's"]);
}

#[tokio::test]
async fn pages_come_in_rising_order_from_any_side() {
    let it = fresh();
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

#[tokio::test]
async fn a_set_is_one_conversation_whoever_names_it() {
    let it = fresh();
    let (ann, bob, eve) = (it.account("ann").await, it.account("bob").await, it.account("eve").await);
    let pair = it.store.conversation(&[bob.id, ann.id]).await.unwrap();
    assert_eq!(pair, it.store.conversation(&[ann.id, bob.id, ann.id]).await.unwrap());
    assert_eq!(pair.members, [ann.clone(), bob.clone()]);
    let trio = it.store.conversation(&[ann.id, bob.id, eve.id]).await.unwrap();
    assert_ne!(pair.id, trio.id);
    assert!(it.store.seat(eve.id, pair.id).await.unwrap().is_none());
    assert!(it.store.seat(eve.id, trio.id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_newcomer_sees_the_lobby_from_registration_on_or_all_of_it() {
    let it = fresh();
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

#[tokio::test]
async fn seats_show_every_conversation_that_has_begun() {
    let it = fresh();
    let (ann, bob) = (it.account("ann").await, it.account("bob").await);
    let pair = it.store.conversation(&[ann.id, bob.id]).await.unwrap();
    let seats =
        async || it.store.seats(bob.id).await.unwrap().iter().map(|s| s.conversation.id).collect::<Vec<_>>();
    assert_eq!(seats().await, [lobby_id()]);
    it.post(pair.id, &[(ann.id, None, "hi")]).await;
    assert_eq!(seats().await, [lobby_id(), pair.id]);
}

#[tokio::test]
async fn confirmed_positions_only_rise_and_never_beyond_the_head() {
    let it = fresh();
    let ann = it.account("ann").await;
    it.post(lobby_id(), &[(ann.id, None, "1"), (ann.id, None, "2")]).await;
    let confirmed = async |to| {
        it.store.confirm(ann.id, vec![(lobby_id(), seq(to))]).await.unwrap();
        it.store.seat(ann.id, lobby_id()).await.unwrap().unwrap().confirmed.get()
    };
    assert_eq!([confirmed(2).await, confirmed(1).await, confirmed(99).await], [2, 2, 2]);
}

#[tokio::test]
async fn a_token_is_good_for_its_owner_until_it_expires_or_is_dropped() {
    let it = fresh();
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

#[tokio::test]
async fn an_account_keeps_only_its_latest_tokens() {
    let it = fresh();
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

#[tokio::test]
async fn the_epoch_stays_the_same_over_a_restart() {
    let it = fresh();
    let epoch = it.store.epoch();
    assert_eq!(it.reopened().store.epoch(), epoch);
    assert_ne!(fresh().store.epoch(), epoch);
}

#[tokio::test]
async fn a_database_of_a_later_version_is_refused() {
    let it = fresh();
    let path = it.dir.path().join("sotto.db");
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 999).unwrap();
    let error = Sqlite::open(&path).err().unwrap().to_string();
    assert!(error.contains("999") && error.contains("newer"), "{error}");
}
