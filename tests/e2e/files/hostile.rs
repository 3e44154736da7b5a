//! F5 and F6 of the catalogue: liars, and people after others' files.

use super::*;

#[tokio::test]
async fn nobody_but_its_sender_and_those_it_is_for_learns_that_a_file_exists() {
    let house = House::open().await;
    let [mut ann, mut bob, mut eve] = house.join(["ann", "bob", "eve"]).await;
    let file = ann.offers(&["bob"], "secret", b"content").await;
    ann.uploads(file, &Bytes::from_static(b"content")).await;
    let gone = ann.offers(&["eve"], "gone", b"content").await;
    ann.answers(gone, Answer::Cancel).await;
    eve.learns_of(gone).await;
    let absent = FileId::from_bytes([9; 16]);
    for id in [file, gone, absent] {
        for request in [
            Request::Ready { file: id, off: 0, upto: Some(7) },
            Request::Ready { file: id, off: 0, upto: None },
            Request::Answer { file: id, answer: Answer::Accept, who: None },
            Request::Answer { file: id, answer: Answer::Cancel, who: None },
            Request::Chunk { file: id, off: 0, bytes: Bytes::from_static(b"x") },
        ] {
            eve.sends(&request).await;
            assert_eq!(eve.is_refused(id).await, Reason::NoSuchFile, "{request:?}");
        }
    }
    assert!(eve.lists_files().await.is_empty());
    let bare = |reply: &Reply| matches!(reply, Reply::Chunk { .. } | Reply::SmallFile { .. });
    assert!(!eve.passed_over.iter().any(bare));
    assert_eq!(bob.takes(file, 7).await, b"content");
}

#[tokio::test]
async fn ten_thousand_guesses_find_nothing() {
    let house = House::open().await;
    let [mut ann, mut eve] = house.join(["ann", "eve"]).await;
    let file = ann.offers(&["ann"], "secret", b"content").await;
    ann.uploads(file, &Bytes::from_static(b"content")).await;
    let guess = |number: u32| {
        let mut bytes = *file.as_bytes();
        bytes[12..].copy_from_slice(&number.to_be_bytes());
        FileId::from_bytes(bytes)
    };
    for round in 0..100 {
        for number in 0..100 {
            eve.sends(&Request::Ready { file: guess(round * 100 + number), off: 0, upto: Some(7) }).await;
        }
        for number in 0..100 {
            assert_eq!(eve.is_refused(guess(round * 100 + number)).await, Reason::NoSuchFile);
        }
    }
}

#[tokio::test]
async fn content_that_was_not_asked_for_is_passed_over() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    let sent = content(100_000);
    let file = ann.offers(&["bob"], "a.bin", &sent).await;
    let stray = Bytes::from(vec![b'x'; 32_768]);
    ann.hands_over(file, (0, stray.clone())).await;
    assert_eq!(ann.is_refused(file).await, Reason::NoSuchFile, "nobody has asked for it yet");
    assert_eq!(ann.asks_where(file).await, (0, 100_000));
    for off in [1, 32_768, 99_999, 100_000, u64::MAX - 5, u64::MAX] {
        ann.hands_over(file, (off, stray.clone())).await;
        assert_eq!(ann.is_asked_for_more(file).await, (0, 100_000), "{off}");
    }
    ann.hands_over(file, (0, sent.slice(..32_768))).await;
    assert_eq!(ann.is_asked_for_more(file).await.0, 32_768);
    ann.hands_over(file, (0, stray.clone())).await;
    assert_eq!(ann.is_asked_for_more(file).await.0, 32_768, "not again");
    bob.answers(file, Answer::Accept).await;
    bob.hands_over(file, (32_768, stray)).await;
    assert_eq!(bob.is_refused(file).await, Reason::NoSuchFile, "nor from somebody else");
    ann.uploads(file, &sent).await;
    assert_eq!(bob.takes_from(file, (0, 100_000)).await, sent);
}

#[tokio::test]
async fn a_file_with_another_content_than_was_offered_is_not_kept() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    let file = ann.offers(&["bob"], "a.bin", b"what was offered").await;
    let (_, upto) = ann.asks_where(file).await;
    assert_eq!(upto, 16);
    ann.hands_over(file, (0, Bytes::from_static(b"something else!!"))).await;
    assert_eq!(ann.is_refused(file).await, Reason::HashMismatch);
    assert_eq!(bob.learns_of(file).await.stage, FileStage::Gone);
    assert_eq!(spooled(&house), 0);
}

#[tokio::test]
async fn a_lying_size_is_the_size() {
    let house = House::with_limits(&["free-disk-bytes=0"]).await;
    let [mut ann] = house.join(["ann"]).await;
    let mut lie = offer(&["ann"], "a.bin", b"0123456789");
    lie.file.size = 5;
    let file = ann.offers_as(lie).await.unwrap();
    assert_eq!(ann.asks_where(file).await, (0, 5));
    ann.hands_over(file, (0, Bytes::from_static(b"0123456789"))).await;
    assert_eq!(ann.is_asked_for_more(file).await, (0, 5));
    for size in [1 << 62, i64::MAX as u64, 1_073_741_825] {
        let mut lie = offer(&["ann"], "b.bin", b"0123456789");
        lie.file.size = size;
        assert_eq!(ann.offers_as(lie).await, Err(Reason::TooLarge));
    }
}

#[tokio::test]
async fn who_has_not_accepted_gets_no_content() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    let file = ann.offers(&["bob"], "a.bin", b"content").await;
    ann.uploads(file, &Bytes::from_static(b"content")).await;
    bob.sends(&Request::Ready { file, off: 0, upto: Some(7) }).await;
    let refused = bob.waits_for("216", |reply| matches!(reply, Reply::Refused(_))).await;
    assert!(matches!(refused, Reply::Refused(refusal) if refusal.reason == Reason::BadRequest));
    bob.answers(file, Answer::Accept).await;
    for (off, upto) in [(7, 9), (u64::MAX, u64::MAX), (5, 5), (9, 3)] {
        bob.sends(&Request::Ready { file, off, upto: Some(upto) }).await;
    }
    bob.hears_nothing().await;
    assert!(!bob.passed_over.iter().any(|reply| matches!(reply, Reply::Chunk { .. })));
    assert_eq!(bob.takes_from(file, (0, 7)).await, b"content");
}

/// How many files are in a server's spool.
pub(super) fn spooled(house: &House) -> usize {
    files_below(&house.dir().join("spool")).len()
}

pub(super) fn files_below(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
