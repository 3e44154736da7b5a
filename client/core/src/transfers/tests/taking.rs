//! Files to here.

use super::*;

#[test]
fn a_file_is_asked_for_as_it_is_written_and_saved_once_it_is_proven() {
    let content = content();
    let mut bob = Bench::taking(&attachment(&content));
    let begin: Vec<_> = bob.said();
    are(begin, [says(Answer::Accept), asks(0, WINDOW)]);
    let chunks = WINDOW / long(limits::MAX_CHUNK);
    for at in (0..chunks).map(|at| at * long(limits::MAX_CHUNK)) {
        bob.it.hear(&chunk(at, &part(&content, at, long(limits::MAX_CHUNK))), bob.now);
    }
    are(bob.said(), []);
    bob.works();
    are(bob.said(), [asks(WINDOW, 2 * WINDOW)]);
    bob.it.pause(taking());
    bob.it.go_on(taking());
    bob.downloads(&content);
    assert_eq!(bob.saved.as_deref(), Some(&content[..]));
    assert_eq!(bob.phase(), Phase::Done(Some("/home/hw3.pdf".into())));
    are(bob.kept.clone(), []);
}

#[test]
fn the_server_is_told_when_all_of_a_file_is_here() {
    let content = content().slice(..40_000);
    let mut bob = Bench::taking(&attachment(&content));
    are(bob.said(), [says(Answer::Accept), asks(0, 40_000)]);
    bob.it.hear(&chunk(0, &content.slice(..32_768)), bob.now);
    bob.hears(&chunk(32_768, &content.slice(32_768..)));
    are(bob.said(), [asks(40_000, 40_000), says(Answer::Received)]);
}

#[test]
fn an_empty_file_is_a_file() {
    let mut bob = Bench::taking(&attachment(b""));
    are(bob.said(), [says(Answer::Accept), says(Answer::Received)]);
    assert_eq!(bob.saved.as_deref(), Some(&b""[..]));
}

#[test]
fn after_a_cut_or_a_restart_a_download_goes_on_and_nothing_comes_twice() {
    let content = content();
    let mut bob = Bench::taking(&attachment(&content));
    bob.it.hear(&chunk(0, &part(&content, 0, 100)), bob.now);
    bob.it.disconnected();
    bob.it.connected();
    are(bob.said(), [says(Answer::Accept), asks(100, WINDOW)]);
    bob.works();
    assert_eq!(bob.has_written(), 100);
    bob.cut();
    let mut later = Bench::new(from_toml(&to_toml(&bob.kept)));
    later.parts = bob.parts;
    later.comes_back();
    are(later.said(), [says(Answer::Accept), asks(100, WINDOW + 100)]);
    bob = later;
    bob.hears(&chunk(100, &part(&content, 100, 200)));
    bob.it.pause(taking());
    bob.it.go_on(taking());
    bob.downloads(&content);
    assert_eq!(bob.saved.as_deref(), Some(&content[..]));
}

#[test]
fn a_disk_that_stands_still_is_given_one_window_however_often_the_connection_breaks() {
    let content = content();
    let mut bob = Bench::taking(&attachment(&content));
    for at in (0..WINDOW).step_by(limits::MAX_CHUNK) {
        bob.it.hear(&chunk(at, &part(&content, at, long(limits::MAX_CHUNK))), bob.now);
    }
    bob.it.disconnected();
    bob.said();
    bob.it.connected();
    are(bob.said(), [says(Answer::Accept)]);
    bob.works();
    are(bob.said(), [asks(WINDOW, 2 * WINDOW)]);
}

#[test]
fn a_paused_download_takes_nothing_and_what_comes_twice_is_kept_once() {
    let content = content();
    let mut bob = Bench::taking(&attachment(&content));
    bob.said();
    bob.hears(&chunk(0, &part(&content, 0, 100)));
    bob.it.pause(taking());
    are(bob.said(), [asks(100, 100)]);
    bob.hears(&chunk(100, &part(&content, 100, 100)));
    assert_eq!((bob.has_written(), bob.phase()), (100, Phase::Paused));
    bob.it.go_on(taking());
    bob.hears(&chunk(100, &part(&content, 100, 50)));
    bob.hears(&chunk(100, &part(&content, 100, 100)));
    bob.cut();
    assert_eq!(bob.parts.get(&taking()).unwrap()[..], content[..200]);
}

#[test]
fn content_that_was_not_asked_for_is_never_written() {
    let content = content();
    let mut bob = Bench::taking(&attachment(&content));
    let few = part(&content, 0, 9);
    let stranger = Reply::Chunk { file: FileId::from_bytes([9; 16]), off: 0, bytes: few.clone() };
    for reply in [stranger, chunk(1, &few), chunk(u64::MAX, &few), chunk(WINDOW, &few), go_on(0, 9)] {
        bob.hears(&reply);
        assert_eq!(bob.has_written(), 0, "{reply:?}");
    }
    let mut small = Bench::taking(&attachment(&content[..10]));
    small.hears(&chunk(0, &part(&content, 0, 11)));
    assert_eq!(small.has_written(), 0, "not a byte beyond the size");
    small.hears(&chunk(0, &part(&content, 0, 9)));
    small.hears(&chunk(9, &part(&content, 9, 2)));
    small.cut();
    assert_eq!(small.has_written(), 9);
    let mut nobody = Bench::new(Vec::new());
    nobody.hears(&chunk(0, &few));
    assert!(nobody.it.poll_job().is_none());
}

#[test]
fn what_is_not_what_was_offered_is_not_saved_and_can_be_tried_again() {
    let (content, other) = (content(), Bytes::from(vec![b'x'; SIZE]));
    let mut bob = Bench::taking(&attachment(&content));
    bob.downloads(&other);
    assert_eq!((bob.saved.clone(), bob.phase()), (None, Phase::Failed(Snag::Mismatch)));
    are(bob.kept.clone(), []);
    bob.it.go_on(taking());
    bob.works();
    bob.downloads(&content);
    assert_eq!(bob.saved.as_deref(), Some(&content[..]));
}

#[test]
fn a_full_disk_stops_a_download_and_room_lets_it_go_on() {
    let content = content();
    let mut bob = Bench::taking(&attachment(&content));
    bob.room = 300_000;
    bob.downloads(&content);
    assert_eq!(bob.phase(), Phase::Failed(Snag::DiskFull));
    assert!(matches!(&bob.kept[..], [Kept::Taking { paused: true, .. }]), "{:?}", bob.kept);
    bob.room = usize::MAX;
    bob.it.go_on(taking());
    bob.works();
    bob.downloads(&content);
    assert_eq!(bob.saved.as_deref(), Some(&content[..]));
}

#[test]
fn what_is_saved_without_a_connection_is_reported_with_the_next() {
    let content = content().slice(..100);
    let mut bob = Bench::taking(&attachment(&content));
    bob.it.hear(&chunk(0, &content), bob.now);
    bob.cut();
    assert_eq!(bob.phase(), Phase::Done(Some("/home/hw3.pdf".into())));
    bob.said();
    bob.comes_back();
    are(bob.said(), [says(Answer::Received)]);
    are(bob.kept.clone(), []);
}

#[test]
fn a_file_that_is_taken_back_is_not_waited_for() {
    let mut bob = Bench::taking(&attachment(&content()));
    bob.hears(&state(FileStage::Gone));
    assert_eq!(bob.phase(), Phase::Failed(Snag::TakenBack));
    are(bob.kept.clone(), []);
    let mut eve = Bench::taking(&attachment(&content()));
    assert_eq!(eve.it.cancel(taking()), Some((file(), Answer::Decline)));
    eve.works();
    assert!(eve.parts.is_empty() && eve.kept.is_empty());
}

#[test]
fn progress_is_told_ten_times_a_second_and_every_turn_at_once() {
    let content = content();
    let mut bob = Bench::taking(&attachment(&content));
    bob.told();
    let (mut told, step) = (0, 100_000);
    for at in (0..9).map(|at| at * step) {
        bob.now += Duration::from_millis(25);
        bob.hears(&chunk(at, &part(&content, at, step)));
        told += bob.told().len();
    }
    assert_eq!(told, 3, "at 25, 125 and 225 ms");
    bob.it.pause(taking());
    assert_eq!(bob.phase(), Phase::Paused);
}

#[test]
fn a_file_that_is_gone_is_saved_if_all_of_it_is_here() {
    let content = content().slice(..100);
    let mut bob = Bench::taking(&attachment(&content));
    bob.it.hear(&chunk(0, &content), bob.now);
    assert!(bob.works_once());
    bob.hears(&state(FileStage::Gone));
    assert_eq!(bob.phase(), Phase::Done(Some("/home/hw3.pdf".into())));
    assert_eq!(bob.said().last(), Some(&says(Answer::Received)));
}

#[test]
fn a_second_attempt_asks_for_one_window_like_the_first() {
    let (content, other) = (content(), Bytes::from(vec![b'x'; SIZE]));
    let mut bob = Bench::taking(&attachment(&content));
    bob.downloads(&other);
    bob.it.go_on(taking());
    bob.works();
    are(bob.said(), [says(Answer::Accept), asks(0, WINDOW)]);
    bob.hears(&chunk(0, &part(&content, 0, WINDOW + 1)));
    assert_eq!(bob.has_written(), 0);
}

#[test]
fn a_file_that_was_saved_when_the_program_ended_is_not_taken_again() {
    let content = content().slice(..100);
    let mut bob = Bench::taking(&attachment(&content));
    bob.it.hear(&chunk(0, &content), bob.now);
    bob.cut();
    let mut later = Bench::new(from_toml(&to_toml(&bob.kept)));
    later.works();
    let told = later.told().pop().unwrap();
    assert_eq!((told.phase, told.done), (Phase::Done(Some("/home/hw3.pdf".into())), 100));
    later.comes_back();
    are(later.said(), [says(Answer::Received)]);
    assert!(later.parts.is_empty() && later.kept.is_empty());
}

#[test]
fn a_download_that_was_paused_before_a_restart_or_a_cut_asks_for_nothing() {
    let mut bob = Bench::taking(&attachment(&content()));
    bob.it.pause(taking());
    bob.works();
    bob.cut();
    bob.said();
    bob.comes_back();
    are(bob.said(), []);
    let mut later = Bench::new(from_toml(&to_toml(&bob.kept)));
    later.comes_back();
    assert_eq!(later.phase(), Phase::Paused);
    are(later.said(), []);
    later.it.go_on(taking());
    are(later.said(), [says(Answer::Accept), asks(0, WINDOW)]);
}

#[test]
fn a_pause_while_what_is_here_is_looked_at_holds() {
    let mut bob = Bench::new(Vec::new());
    bob.it.connected();
    bob.it.accept((&attachment(&content()), &FileName::new("hw3.pdf").unwrap()), "/home".into());
    bob.it.pause(taking());
    bob.works();
    assert_eq!(bob.phase(), Phase::Paused);
    are(bob.said(), []);
}

#[test]
fn a_download_rests_as_long_as_the_server_asks_and_ends_if_it_says_no() {
    let mut bob = Bench::taking(&attachment(&content()));
    bob.hears(&refused(Reason::Busy, Some(3)));
    bob.said();
    assert_eq!(bob.phase(), Phase::Waiting);
    bob.hears(&chunk(0, &part(&content(), 0, 9)));
    bob.it.tick(bob.now + Duration::from_millis(2999));
    assert_eq!((bob.has_written(), bob.said()), (0, vec![]));
    bob.it.tick(bob.now + Duration::from_secs(3));
    are(bob.said(), [says(Answer::Accept), asks(0, WINDOW)]);
    bob.hears(&refused(Reason::NoSuchFile, None));
    assert!(matches!(bob.phase(), Phase::Failed(Snag::Refused(why)) if why.reason == Reason::NoSuchFile));
    are(bob.kept.clone(), []);
}

#[test]
fn what_a_slow_disk_says_of_an_attempt_that_has_ended_is_passed_over() {
    let content = content();
    let mut bob = Bench::taking(&attachment(&content));
    bob.it.hear(&chunk(0, &part(&content, 0, 100)), bob.now);
    bob.it.hear(&state(FileStage::Gone), bob.now);
    bob.it.go_on(taking());
    assert!(bob.works_once());
    bob.said();
    assert_eq!(bob.phase(), Phase::Preparing);
    bob.works();
    bob.downloads(&content);
    assert_eq!(bob.saved.as_deref(), Some(&content[..]));
}
