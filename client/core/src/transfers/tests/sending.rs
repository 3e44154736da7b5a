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
    ann.hears(&go_on(long(limits::MAX_CHUNK), WINDOW));
    are(ann.sends(), []);
    assert_eq!(ann.phase(), Phase::Paused);
    ann.it.go_on(sending());
    ann.works();
    assert_eq!(ann.sends().first(), Some(&(long(limits::MAX_CHUNK), 2 * long(limits::MAX_CHUNK))));
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
    let turns = (0..4).map(|_| of(parsed(&ann.it.poll_chunk().unwrap().concat().into()))).collect();
    are(turns, [file(), other, file(), other]);
}

#[test]
fn what_was_being_read_when_the_connection_broke_is_not_sent_after_it() {
    let mut ann = Bench::sending();
    ann.it.hear(&go_on(0, WINDOW), ann.now);
    ann.it.disconnected();
    ann.comes_back();
    are(ann.sends(), []);
    ann.it.hear(&go_on(0, WINDOW), ann.now);
    ann.it.disconnected();
    ann.it.connected();
    ann.it.hear(&go_on(100_000, 100_010), ann.now);
    ann.works();
    are(ann.sends(), [(100_000, 100_010)]);
}

#[test]
fn numbers_that_make_no_sense_move_no_content() {
    let mut ann = Bench::sending();
    ann.hears(&go_on(9, 5));
    are(ann.sends(), []);
    ann.hears(&go_on(0, 19));
    are(ann.sends(), [(9, 19)]);
    ann.hears(&go_on(u64::MAX, u64::MAX));
    ann.hears(&go_on(0, u64::MAX));
    are(ann.sends(), []);
    let done: Vec<_> = ann.told().iter().map(|told| told.done).collect();
    assert!(done.iter().all(|done| *done <= long(SIZE)), "{done:?}");
}

#[test]
fn a_file_that_has_changed_fails_and_can_be_tried_again() {
    let mut ann = Bench::sending();
    ann.said();
    ann.changed = true;
    ann.hears(&go_on(0, WINDOW));
    are(ann.sends(), []);
    assert_eq!(ann.phase(), Phase::Failed(Snag::Changed));
    ann.hears(&go_on(0, WINDOW));
    are(ann.sends(), []);
    ann.changed = false;
    ann.it.go_on(sending());
    are(ann.said(), [asks_where()]);
    ann.uploads_from(0);
    assert_eq!(ann.phase(), Phase::Done(None));
}

#[test]
fn a_file_that_could_not_be_looked_at_is_looked_at_again() {
    let mut ann = Bench::new(Vec::new());
    ann.it.connected();
    ann.it.send(cid(1), Audience::Everyone, "hw3.pdf".into());
    assert_eq!(ann.phase(), Phase::Preparing);
    assert!(matches!(ann.it.poll_job(), Some(Job::Look { .. })));
    ann.it.done(Done { id: sending(), what: What::Failed(Snag::Missing) }, ann.now);
    ann.works();
    assert_eq!((ann.phase(), ann.said(), &ann.kept[..]), (Phase::Failed(Snag::Missing), vec![], &[][..]));
    ann.it.go_on(sending());
    ann.works();
    assert!(matches!(&ann.said()[..], [Request::Offer(_)]));
}

#[test]
fn an_offer_that_was_refused_can_be_made_again() {
    let mut ann = Bench::new(Vec::new());
    ann.it.connected();
    ann.it.send(cid(1), Audience::Everyone, "hw3.pdf".into());
    ann.works();
    ann.said();
    assert!(!ann.it.not_sent(cid(2), Refusal::new(Reason::TooLarge, "no")));
    assert!(ann.it.not_sent(cid(1), Refusal::new(Reason::TooLarge, "no")));
    assert!(matches!(ann.phase(), Phase::Failed(Snag::Refused(why)) if why.reason == Reason::TooLarge));
    ann.it.go_on(sending());
    assert!(matches!(&ann.said()[..], [Request::Offer(_)]));
}

#[test]
fn an_offer_that_is_gone_is_not_sent_any_further() {
    let mut ann = Bench::sending();
    ann.hears(&go_on(0, WINDOW));
    ann.hears(&state(FileStage::Uploading));
    ann.it.poll_chunk().unwrap();
    ann.hears(&state(FileStage::Gone));
    are(ann.sends(), []);
    assert_eq!(ann.phase(), Phase::Failed(Snag::TakenBack));
    are(ann.kept.clone(), []);
}

#[test]
fn progress_of_an_upload_is_told_ten_times_a_second() {
    let mut ann = Bench::sending();
    ann.hears(&go_on(0, WINDOW));
    ann.told();
    let mut told = Vec::new();
    for off in (1..=8).map(|step| step * 1000) {
        ann.now += Duration::from_millis(25);
        ann.hears(&go_on(off, WINDOW));
        told.extend(ann.told().iter().map(|transfer| transfer.done));
    }
    are(told, [4000, 8000]);
}

#[test]
fn the_first_to_rest_is_the_first_to_go_on() {
    let (mut ann, other) = (Bench::sending(), FileId::from_bytes([8; 16]));
    ann.it.send(cid(2), Audience::Everyone, "b".into());
    ann.works();
    ann.it.stored(cid(2), other);
    ann.said();
    let Reply::FileRefused { refusal, .. } = refused(Reason::DiskFull, Some(5)) else { panic!() };
    ann.hears(&refused(Reason::DiskFull, Some(10)));
    ann.hears(&Reply::FileRefused { file: other, refusal });
    let due = ann.now + Duration::from_secs(5);
    assert_eq!(ann.it.next_tick(), Some(due));
    ann.it.tick(due);
    are(ann.said(), [Request::Ready { file: other, off: 0, upto: None }]);
    assert_eq!(ann.it.next_tick(), Some(ann.now + Duration::from_secs(10)));
}
