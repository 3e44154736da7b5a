//! Files at the wire: offered, answered, carried both ways, resumed, refused.

use bytes::Bytes;
use sotto_proto::{Answer, FileHash, FileId, FileStage, Page, Reason, Reply, Request, Standing};
use sotto_tests::binaries::{ServerProcess, server};
use sotto_tests::files::{content, offer, part};
use sotto_tests::{House, Original, Person};
use tempfile::TempDir;

mod clients;
mod hostile;
mod spool;

#[tokio::test]
async fn a_file_comes_to_everyone_it_is_for_while_it_is_still_on_its_way() {
    let house = House::open().await;
    let [mut ann, mut bob, mut carol] = house.join(["ann", "bob", "carol"]).await;
    let sent = content(1_000_000);
    let file = ann.offers(&["bob", "carol"], "作业 3.pdf", &sent).await;
    let half = ann.uploads_until(file, &sent, 400_000).await;
    for who in [&mut bob, &mut carol] {
        who.reads("ann", "作业 3.pdf").await;
        who.answers(file, Answer::Accept).await;
        assert_eq!(who.takes_from(file, (0, half)).await, part(&sent, (0, half)));
    }
    ann.uploads(file, &sent).await;
    for who in [&mut bob, &mut carol] {
        assert_eq!(who.takes_from(file, (half, 1_000_000)).await, part(&sent, (half, 1_000_000)));
        who.answers(file, Answer::Received).await;
    }
    ann.learns_that(file, "bob", Standing::Received).await;
}

#[tokio::test]
async fn the_sender_sees_how_far_each_one_is() {
    let house = House::open().await;
    let [mut ann, mut bob, mut carol] = house.join(["ann", "bob", "carol"]).await;
    let sent = content(600_000);
    let file = ann.offers(&[], "a.bin", &sent).await;
    ann.uploads(file, &sent).await;
    carol.answers(file, Answer::Decline).await;
    ann.learns_that(file, "carol", Standing::Declined).await;
    bob.answers(file, Answer::Accept).await;
    ann.learns_that(file, "bob", Standing::Accepted(0)).await;
    bob.takes_from(file, (0, 600_000)).await;
    ann.learns_that(file, "bob", Standing::Accepted(61_440)).await;
    bob.answers(file, Answer::Received).await;
    ann.learns_that(file, "bob", Standing::Received).await;
    let (_, listed) = ann.lists_files().await.remove(0);
    assert_eq!((listed.stage, listed.off, listed.people.len()), (FileStage::Stored, 600_000, 2));
    assert_eq!(carol.lists_files().await.remove(0).1.people.len(), 1, "carol is told of herself only");
}

#[tokio::test]
async fn a_file_waits_for_somebody_who_is_away_and_goes_on_after_restarts() {
    let house = House::open().await;
    let [mut ann, bob] = house.join(["ann", "bob"]).await;
    bob.leaves().await;
    let sent = content(900_000);
    let file = ann.offers(&["bob"], "a.bin", &sent).await;
    let before = ann.uploads_until(file, &sent, 300_000).await;
    let house = house.reopen().await;
    let mut ann = Person::returns(&house, "ann").await;
    assert!(ann.asks_where(file).await.0 >= before, "what was written is not sent twice");
    ann.uploads(file, &sent).await;
    let house = house.reopen().await;
    let mut bob = Person::logged_in(&house, "bob").await;
    bob.reads("ann", "a.bin").await;
    assert_eq!(bob.takes(file, 900_000).await, sent);
}

#[tokio::test]
async fn an_offer_that_is_made_twice_is_made_once() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    let twice = offer(&["bob"], "a.bin", b"content");
    let file = ann.offers_as(twice.clone()).await.unwrap();
    assert_eq!(ann.offers_as(twice).await.unwrap(), file);
    bob.reads("ann", "a.bin").await;
    bob.hears_nothing().await;
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    let file = ann.offers(&["bob"], "empty", b"").await;
    ann.uploads(file, &Bytes::new()).await;
    bob.answers(file, Answer::Accept).await;
    bob.answers(file, Answer::Received).await;
    ann.learns_that(file, "bob", Standing::Received).await;
}

#[tokio::test]
async fn a_file_goes_when_nobody_is_left_who_may_want_it_and_history_says_so() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    let file = ann.offers(&["bob"], "a.bin", b"content").await;
    ann.uploads(file, &Bytes::from_static(b"content")).await;
    let conv = bob.reads("ann", "a.bin").await.conv;
    bob.takes(file, 7).await;
    bob.answers(file, Answer::Received).await;
    assert_eq!(bob.learns_of(file).await.stage, FileStage::Gone);
    assert!(bob.lists_files().await.is_empty() && ann.lists_files().await.is_empty());
    bob.sends(&Request::History { conv, page: Page::Latest, limit: 1 }).await;
    let page = bob.waits_for("a message", |reply| matches!(reply, Reply::Message(_))).await;
    assert!(matches!(page, Reply::Message(message) if message.file.as_ref().is_some_and(|file| file.gone)));
}

#[tokio::test]
async fn either_side_can_stop() {
    let house = House::open().await;
    let [mut ann, mut bob, mut carol] = house.join(["ann", "bob", "carol"]).await;
    let sent = content(300_000);
    let file = ann.offers(&["bob", "carol"], "a.bin", &sent).await;
    ann.uploads(file, &sent).await;
    for who in [&mut bob, &mut carol] {
        who.answers(file, Answer::Accept).await;
        who.takes_from(file, (0, 32_768)).await;
    }
    ann.cancels_for(file, "bob").await;
    bob.learns_that(file, "bob", Standing::Cancelled).await;
    bob.sends(&Request::Ready { file, off: 0, upto: Some(9) }).await;
    assert_eq!(bob.is_refused(file).await, Reason::NoSuchFile);
    assert_eq!(
        carol.takes_from(file, (32_768, 100_000)).await,
        sent[32_768..100_000],
        "carol is not concerned"
    );
    carol.answers(file, Answer::Decline).await;
    ann.learns_that(file, "carol", Standing::Declined).await;
    assert_eq!(ann.learns_of(file).await.stage, FileStage::Gone);

    let file = ann.offers(&["carol"], "b.bin", &sent).await;
    ann.uploads_until(file, &sent, 1).await;
    carol.answers(file, Answer::Accept).await;
    carol.sends(&Request::Ready { file, off: 0, upto: Some(300_000) }).await;
    carol.next_content(file, 0).await;
    ann.answers(file, Answer::Cancel).await;
    assert_eq!(ann.is_refused(file).await, Reason::Cancelled);
    assert_eq!(carol.is_refused(file).await, Reason::Cancelled);
}

#[tokio::test]
async fn who_pauses_is_sent_nothing_and_who_goes_on_misses_nothing() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    let sent = content(200_000);
    let file = ann.offers(&["bob"], "a.bin", &sent).await;
    ann.uploads(file, &sent).await;
    bob.answers(file, Answer::Accept).await;
    bob.takes_from(file, (0, 50_000)).await;
    ann.posts("meanwhile").await;
    bob.reads("ann", "meanwhile").await;
    let content = |reply: &Reply| matches!(reply, Reply::Chunk { .. });
    assert!(!bob.passed_over.iter().any(content), "nothing that was not asked for");
    assert_eq!(bob.takes_from(file, (50_000, 200_000)).await, sent[50_000..]);
}

#[tokio::test]
async fn the_original_s_bare_file_is_an_offer_to_those_who_know_what_that_is() {
    let house = House::with_plaintext(&[]).await;
    let [mut ann, mut bob, mut old] = house.join(["ann", "bob", "old"]).await;
    bob.lists_files().await;
    let small = Bytes::from_static(b"\x89PNG and more");
    ann.sends(&Request::SmallFile { content: small.clone() }).await;
    bob.reads("ann", "file.png").await;
    let (file, _) = bob.lists_files().await.remove(0);
    assert_eq!(bob.takes(file, 13).await, small);
    let bare = old.waits_for("a bare 200", |reply| matches!(reply, Reply::SmallFile { .. })).await;
    assert_eq!(bare, Reply::SmallFile { content: small });
}

#[tokio::test(flavor = "multi_thread")]
async fn files_pass_between_the_original_s_programs_and_others() {
    let house = House::with_plaintext(&[]).await;
    let mut ann = Person::newcomer(&house, "ann").await;
    ann.lists_files().await;
    let door = house.plaintext.unwrap();
    let mut tom = Original::newcomer(door, "tom").await;
    let mut wei = Original::newcomer(door, "李雷").await;
    let small = content(3_000);
    tom.sends_bytes(&[b"109", &small[..]].concat()).await;
    assert_eq!(wei.reads().await, ("tom".to_owned(), "[file] file.bin (2.9 KB)".to_owned()));
    assert_eq!(wei.next_file().await, small);
    ann.reads("tom", "file.bin").await;
    let (file, _) = ann.lists_files().await.remove(0);
    assert_eq!(ann.takes(file, 3_000).await, small);

    let file = ann.offers(&["tom"], "note.txt", b"only for tom").await;
    ann.uploads(file, &Bytes::from_static(b"only for tom")).await;
    assert_eq!(tom.reads().await, ("ann".to_owned(), "[file] note.txt (12 bytes)".to_owned()));
    assert_eq!(tom.next_file().await, b"only for tom");
}

#[tokio::test]
async fn who_has_more_files_than_are_listed_at_once_is_told_so() {
    let house = House::with_limits(&["files-per-user=2000"]).await;
    let [mut ann] = house.join(["ann"]).await;
    let first = ann.offers(&["ann"], "0", b"content").await;
    for number in 1..1_000 {
        ann.offers(&["ann"], &number.to_string(), b"content").await;
    }
    assert_eq!(ann.lists_files().await.len(), 1_000, "all of them, and no more");
    ann.offers(&["ann"], "1000", b"content").await;
    let (files, more) = ann.lists_latest_files().await;
    assert!(more && files.len() == 1_000 && files.iter().all(|(file, _)| *file != first));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_named_to_the_original_s_programs_and_kept_for_others() {
    let house = House::with_plaintext(&["plaintext-file-bytes=4000000"]).await;
    let mut ann = Person::newcomer(&house, "ann").await;
    ann.lists_files().await;
    let door = house.plaintext.unwrap();
    let (mut tom, mut wei) = (Original::newcomer(door, "tom").await, Original::newcomer(door, "李雷").await);
    let large = content(3_000_000);
    tom.sends_bytes(&[b"109\r\n", &large[..]].concat()).await;
    let (from, line) = wei.reads().await;
    assert!(from == "tom" && line.starts_with("[file] file.bin (2.8 MB) is too large"), "{line}");
    ann.reads("tom", "file.bin").await;
    let (file, _) = ann.lists_files().await.remove(0);
    assert_eq!(FileHash::of(&ann.takes(file, 3_000_000).await), FileHash::of(&large));
    tom.tells(&["ann"], "still here").await;
    ann.reads("tom", "still here").await;
    wei.tells(&["tom"], "me too").await;
    assert_eq!(tom.reads().await, ("李雷".to_owned(), "me too".to_owned()));
}
