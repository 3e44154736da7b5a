//! A disk that is full to the last byte: nothing new is said, and everything else goes on.

use sotto_client::{Dial, Trust};
use sotto_proto::{ConvId, Page, Reason, Reply, Request};
use sotto_tests::binaries::ServerProcess;
use sotto_tests::{PASSWORD, Person};
use tempfile::TempDir;

/// KiB that no file of a test comes near.
const ROOM: u32 = 1024 * 1024;

struct Full {
    server: ServerProcess,
    _dir: TempDir,
}

impl Full {
    fn not_yet() -> Self {
        let dir = TempDir::new().unwrap();
        Self { server: ServerProcess::start_within(dir.path(), ROOM), _dir: dir }
    }

    async fn stranger(&self) -> Person {
        Person::stranger(&Dial::new(&self.server.link, Trust::Nothing)).await
    }

    async fn newcomer(&self, name: &str) -> Person {
        assert_eq!(self.stranger().await.registers(name, PASSWORD).await, Reply::Registered);
        self.enters(name).await
    }

    async fn enters(&self, name: &str) -> Person {
        let mut person = self.stranger().await;
        let answer = person.logs_in(name, PASSWORD).await;
        assert!(matches!(answer, Reply::LoggedIn { .. }), "{name} is let in: {answer:?}");
        person.catches_up().await;
        person
    }
}

/// A message is refused as a message: by its cid, so that its sender knows which.
async fn is_refused(person: &mut Person, to: &[&str]) {
    let cid = person.drops_in(to, "no room").await;
    let refused = person.waits_for("208", |reply| matches!(reply, Reply::NotSent { .. })).await;
    let Reply::NotSent { cid: of, reason, .. } = refused else { panic!("{refused:?}") };
    assert_eq!((of, reason), (Some(cid), Reason::NotStored));
}

#[tokio::test]
async fn a_message_is_refused_by_its_cid_also_in_a_conversation_that_would_be_new() {
    let house = Full::not_yet();
    let (mut ann, mut bob) = (house.newcomer("ann").await, house.newcomer("bob").await);
    house.server.finds_the_disk_full();
    is_refused(&mut ann, &[]).await;
    is_refused(&mut ann, &["bob"]).await;
    house.server.finds_room();
    ann.tells(&["bob"], "again").await;
    bob.reads("ann", "again").await;
}

#[tokio::test]
async fn who_has_an_account_logs_in_reads_and_logs_out() {
    let house = Full::not_yet();
    let mut ann = house.newcomer("ann").await;
    let (conv, _) = ann.posts("before").await;
    let (messages, _) = ann.looks_up(conv, Page::Latest, 10).await;
    ann.leaves().await;
    house.server.finds_the_disk_full();
    let mut ann = house.enters("ann").await;
    assert_eq!(ann.looks_up(conv, Page::Latest, 10).await.0, messages);
    ann.sends(&Request::LogOut { taken: None }).await;
    let last_words = ann.until_the_end().await;
    assert!(!last_words.iter().any(|reply| matches!(reply, Reply::Refused(_))), "{last_words:?}");
    house.enters("ann").await;
}

#[tokio::test]
async fn a_session_is_resumed_and_gets_what_is_said_later() {
    let house = Full::not_yet();
    let (mut ann, bob) = (house.newcomer("ann").await, house.newcomer("bob").await);
    let (lobby, seq): (ConvId, u64) = ann.posts("before").await;
    house.server.finds_the_disk_full();
    let mut again = house.stranger().await;
    assert!(matches!(again.resumes(&bob, &[(lobby, seq)]).await, Reply::LoggedIn { .. }));
    again.catches_up().await;
    house.server.finds_room();
    ann.posts("after").await;
    again.reads("ann", "after").await;
}
