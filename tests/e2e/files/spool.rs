//! F3 and F4 of the catalogue: quotas that are raced for, kills in the middle, a disk that is full and freed again.

use std::path::Path;

use super::hostile::{files_below, spooled};
use super::*;

fn dial(server: &ServerProcess) -> sotto_client::Dial {
    sotto_client::Dial::new(&server.link, sotto_client::Trust::Nothing)
}

async fn enters(server: &ServerProcess, name: &str) -> Person {
    let mut person = Person::stranger(&dial(server)).await;
    person.registers(name, sotto_tests::PASSWORD).await;
    person.logs_in(name, sotto_tests::PASSWORD).await;
    person.catches_up().await;
    person
}

#[tokio::test]
async fn twenty_offers_at_once_take_no_more_than_the_quota() {
    let house = House::with_limits(&["spool-bytes-per-user=1000000", "free-disk-bytes=0"]).await;
    let [mut ann] = house.join(["ann"]).await;
    let sent = content(600_000);
    for _ in 0..20 {
        ann.sends(&Request::Offer(offer(&["ann"], "a.bin", &sent))).await;
    }
    let (mut kept, mut refused) = (Vec::new(), 0);
    while kept.len() + refused < 20 {
        match ann.next().await {
            Reply::Stored { file: Some(file), .. } => kept.push(file),
            Reply::NotSent { reason: Reason::Quota, .. } => refused += 1,
            _ => {}
        }
    }
    assert_eq!((kept.len(), refused), (1, 19));
    ann.uploads_until(kept[0], &sent, 100_000).await;
    ann.answers(kept[0], Answer::Cancel).await;
    ann.is_refused(kept[0]).await;
    let file = ann.offers(&["ann"], "b.bin", &sent).await;
    ann.uploads(file, &sent).await;
    assert_eq!(spooled(&house), 1, "what was taken back is gone");
}

#[tokio::test]
async fn a_server_whose_disk_is_too_full_takes_no_offer_and_goes_on_chatting() {
    let house = House::with_limits(&["free-disk-bytes=9000000000000000"]).await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    assert_eq!(ann.offers_as(offer(&[], "a.bin", b"content")).await, Err(Reason::DiskFull));
    ann.posts("hello").await;
    bob.reads("ann", "hello").await;
}

/// The server cannot write files of more than 1 MB, as on a disk that is full, until that is lifted.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_disk_that_is_full_in_the_middle_stops_one_upload_and_nobody_else() {
    let dir = TempDir::new().unwrap();
    let server = ServerProcess::start_within(dir.path(), 1024);
    let (mut ann, mut bob) = (enters(&server, "ann").await, enters(&server, "bob").await);
    let sent = content(2_000_000);
    let file = ann.offers(&["bob"], "a.bin", &sent).await;
    let (mut next, mut upto) = ann.asks_where(file).await;
    let refused = loop {
        next = ann.hands_over_up_to(file, &sent, (next, upto)).await;
        let more = |reply: &Reply| matches!(reply, Reply::GoOn { .. } | Reply::FileRefused { .. });
        match ann.waits_for("222 or 224", more).await {
            Reply::GoOn { upto: more, .. } => upto = more,
            Reply::FileRefused { refusal, .. } => break refusal,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused.reason, Reason::DiskFull);
    assert!(refused.retry_after.is_some());
    let small = bob.offers(&["ann"], "small", b"fits").await;
    bob.uploads(small, &Bytes::from_static(b"fits")).await;
    bob.tells(&["ann"], "chat goes on").await;
    ann.reads("bob", "small").await;
    ann.reads("bob", "chat goes on").await;
    server.finds_room();
    ann.uploads(file, &sent).await;
    assert_eq!(FileHash::of(&bob.takes(file, 2_000_000).await), FileHash::of(&sent));
}

#[tokio::test]
async fn a_kill_at_any_moment_leaves_no_row_without_its_content_and_no_content_without_its_row() {
    let dir = TempDir::new().unwrap();
    let sent = content(700_000);
    let mut offered: Vec<FileId> = Vec::new();
    for round in 0..6_u64 {
        let mut server = ServerProcess::start(dir.path(), &[]);
        let mut ann = enters(&server, "ann").await;
        for (file, state) in ann.lists_files().await {
            assert!(offered.contains(&file), "an offer that was acknowledged");
            match state.stage {
                FileStage::Stored => assert_eq!(size_in_spool(dir.path(), file), Some(700_000)),
                _ => ann.uploads(file, &sent).await,
            }
        }
        let file = ann.offers(&["ann"], "a.bin", &sent).await;
        offered.push(file);
        if round % 3 < 2 {
            ann.uploads_until(file, &sent, round * 120_000).await;
        } else {
            // All of it has gone out; somewhere between write, sync and commit it is killed.
            let (mut next, mut upto) = ann.asks_where(file).await;
            while next < 700_000 {
                next = ann.hands_over_up_to(file, &sent, (next, upto)).await;
                if next < 700_000 {
                    upto = ann.is_asked_for_more(file).await.1;
                }
            }
        }
        server.kill();
    }
    std::fs::write(dir.path().join("spool/stray"), b"nobody knows of this").unwrap();
    let server = ServerProcess::start(dir.path(), &[]);
    let mut ann = enters(&server, "ann").await;
    let listed = ann.lists_files().await;
    assert_eq!(listed.len(), offered.len(), "no offer is lost");
    let known = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        offered.iter().any(|file| file.to_string() == name)
    };
    assert!(files_below(&dir.path().join("spool")).iter().all(|path| known(path)), "swept at the start");
    for file in offered {
        if listed.iter().all(|(id, state)| *id != file || state.stage != FileStage::Stored) {
            ann.uploads(file, &sent).await;
        }
        ann.sends(&Request::Answer { file, answer: Answer::Cancel, who: None }).await;
        ann.learns_of(file).await;
    }
    assert!(files_below(&dir.path().join("spool")).is_empty());
}

fn size_in_spool(dir: &Path, file: FileId) -> Option<u64> {
    let name = file.to_string();
    std::fs::metadata(dir.join("spool").join(name.get(..2).unwrap()).join(&name))
        .ok()
        .map(|found| found.len())
}

#[tokio::test]
async fn a_server_takes_part_in_no_upload_of_a_disk_it_cannot_write() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("spool"), b"not a directory").unwrap();
    let output = server(dir.path(), &[]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("cannot make the spool"), "{said}");
}
