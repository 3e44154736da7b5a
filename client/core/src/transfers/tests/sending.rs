//! Files from here.

use super::*;

#[test]
fn a_file_is_looked_at_and_offered_and_sent_as_far_as_the_server_asks() {
    let mut ann = Bench::sending();
    are(ann.said(), [asks_where()]);
    are(ann.sends(), []);
    ann.uploads_from(0);
    assert_eq!(ann.phase(), Phase::Done(None));
    are(ann.kept.clone(), []);
    are(ann.said(), []);
}

#[test]
fn after_a_cut_or_a_restart_an_upload_goes_on_where_the_server_is() {
    let mut ann = Bench::sending();
    ann.hears(&go_on(0, WINDOW));
    ann.it.poll_chunk().unwrap();
    ann.cut();
    ann.said();
    are(ann.sends(), []);
    ann.comes_back();
    are(ann.said(), [asks_where()]);
    ann.hears(&go_on(5, 7));
    are(ann.sends(), [(5, 7)]);
    let mut later = Bench::new(from_toml(&to_toml(&ann.kept)));
    later.comes_back();
    are(later.said(), [asks_where()]);
    later.uploads_from(32_768);
    assert_eq!(later.phase(), Phase::Done(None));
}

#[test]
fn an_offer_goes_out_with_the_same_cid_until_it_is_acknowledged() {
    let mut ann = Bench::new(Vec::new());
    ann.it.send(cid(1), Audience::Everyone, "hw3.pdf".into());
    ann.works();
    are(ann.said(), []);
    for _ in 0..2 {
        ann.comes_back();
        assert!(matches!(&ann.said()[..], [Request::Offer(offer)] if offer.cid == cid(1)));
        ann.cut();
    }
    let mut later = Bench::new(from_toml(&to_toml(&ann.kept)));
    later.comes_back();
    assert!(matches!(&later.said()[..], [Request::Offer(offer)] if offer.cid == cid(1)));
    assert!(later.it.stored(cid(1), file()).is_some());
    assert!(later.it.stored(cid(1), file()).is_none(), "what is known is no news");
}

#[test]
fn a_paused_upload_sends_nothing_and_goes_on_without_asking_once_more() {
    let mut ann = Bench::sending();
    ann.it.pause(sending());
    ann.it.go_on(sending());
    are(ann.said(), [asks_where()]);
    ann.hears(&go_on(0, WINDOW));
    ann.it.poll_chunk().unwrap();
    ann.it.pause(sending());
    ann.hears(&go_on(32_768, WINDOW));
    are(ann.sends(), []);
    assert_eq!(ann.phase(), Phase::Paused);
    ann.it.go_on(sending());
    ann.works();
    assert_eq!(ann.sends().first(), Some(&(32_768, 65_536)));
    are(ann.said(), []);
}

#[test]
fn an_upload_that_stays_paused_over_a_restart_asks_when_it_goes_on() {
    let mut ann = Bench::sending();
    ann.it.pause(sending());
    ann.works();
    let mut later = Bench::new(from_toml(&to_toml(&ann.kept)));
    assert_eq!(later.phase(), Phase::Paused);
    later.comes_back();
    are(later.said(), []);
    later.it.go_on(sending());
    are(later.said(), [asks_where()]);
}

#[test]
fn a_server_that_is_full_is_left_alone_and_what_was_on_its_way_ends_nothing() {
    let mut ann = Bench::sending();
    ann.said();
    ann.hears(&go_on(0, WINDOW));
    ann.hears(&refused(Reason::DiskFull, Some(10)));
    ann.hears(&refused(Reason::NoSuchFile, None));
    are(ann.sends(), []);
    assert_eq!(ann.phase(), Phase::Waiting);
    assert_eq!(ann.it.next_tick(), Some(ann.now + Duration::from_secs(10)));
    ann.it.tick(ann.now + Duration::from_secs(9));
    are(ann.said(), []);
    ann.it.tick(ann.now + Duration::from_secs(10));
    are(ann.said(), [asks_where()]);
    ann.uploads_from(0);
    assert_eq!(ann.phase(), Phase::Done(None));
}

#[test]
fn what_a_server_refuses_for_good_has_failed_for_that_reason() {
    let mut ann = Bench::sending();
    ann.hears(&refused(Reason::HashMismatch, None));
    ann.hears(&state(FileStage::Gone));
    assert!(matches!(ann.phase(), Phase::Failed(Snag::Refused(why)) if why.reason == Reason::HashMismatch));
    are(ann.kept.clone(), []);
}

#[test]
fn an_offer_that_was_given_up_is_taken_back_once_the_server_has_it() {
    let mut ann = Bench::new(Vec::new());
    ann.it.send(cid(1), Audience::Everyone, "hw3.pdf".into());
    ann.comes_back();
    ann.works();
    ann.said();
    assert_eq!(ann.it.cancel(sending()), None);
    assert!(ann.it.stored(cid(1), file()).is_none());
    are(ann.said(), [says(Answer::Cancel)]);
    let mut bob = Bench::sending();
    assert_eq!(bob.it.cancel(sending()), Some((file(), Answer::Cancel)));
    bob.works();
    are(bob.kept.clone(), []);
}

#[test]
fn uploads_take_turns() {
    let mut ann = Bench::sending();
    let other = FileId::from_bytes([8; 16]);
    ann.it.send(cid(2), Audience::Everyone, "b".into());
    ann.works();
    ann.it.stored(cid(2), other);
    ann.hears(&go_on(0, WINDOW));
    ann.hears(&Reply::GoOn { file: other, off: 0, upto: WINDOW });
    let of = |request| match request {
        Request::Chunk { file, .. } => file,
        other => panic!("{other:?}"),
    };
    let turns = (0..4).map(|_| of(parsed(&ann.it.poll_chunk().unwrap()))).collect();
    are(turns, [file(), other, file(), other]);
}
