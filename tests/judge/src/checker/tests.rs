//! Logs that are doctored in every way there is: what the checker does not find here it would not find there.

use super::*;

const NOW: u64 = 1;

fn cid(number: u8) -> Cid {
    Cid::from_bytes([number; 16])
}

fn at(conv: u64, seq: u64) -> Place {
    (ConvId::new(conv).unwrap(), seq)
}

fn gets(place: Place, from: &str, number: u8) -> Event {
    Event::Gets(place, from.to_owned(), cid(number))
}

fn sends(number: u8, to: &[&str]) -> Event {
    Event::Sends(cid(number), to.iter().map(ToString::to_string).collect())
}

fn witness(name: &str, events: Vec<Event>, history: &[(Place, &str, u8)]) -> Witness {
    let history = history.iter().map(|(place, from, number)| (*place, ((*from).to_owned(), cid(*number))));
    let events = [Event::Starts, Event::In(Epoch::new(NOW))].into_iter().chain(events).collect();
    Witness { name: name.to_owned(), events, history: history.collect(), was_killed: false }
}

/// Ann says 1 and 2 to everyone and 3 to Bob; Bob answers Ann with 4; Eve reads what is for everyone.
fn a_good_run() -> [Witness; 3] {
    let lobby = [(at(1, 1), "ann", 1), (at(1, 2), "ann", 2)];
    let both = [lobby[0], lobby[1], (at(2, 1), "ann", 3), (at(2, 2), "bob", 4)];
    let ann = vec![
        sends(1, &[]),
        Event::Acknowledged(cid(1), at(1, 1)),
        sends(2, &[]),
        sends(3, &["bob"]),
        Event::Acknowledged(cid(2), at(1, 2)),
        Event::Acknowledged(cid(3), at(2, 1)),
        gets(at(2, 2), "bob", 4),
    ];
    let bob = vec![
        gets(at(1, 1), "ann", 1),
        gets(at(2, 1), "ann", 3),
        sends(4, &["ann"]),
        gets(at(1, 2), "ann", 2),
        Event::Acknowledged(cid(4), at(2, 2)),
    ];
    let eve = vec![gets(at(1, 1), "ann", 1), gets(at(1, 2), "ann", 2)];
    [witness("ann", ann, &both), witness("bob", bob, &both), witness("eve", eve, &lobby)]
}

fn judged(witnesses: &[Witness]) -> [usize; 5] {
    let verdict = judge(witnesses, (Epoch::new(NOW), &HashSet::new()));
    let Verdict { lost, doubled, reordered, gaps, overheard, .. } = &verdict;
    [lost.len(), doubled.len(), reordered.len(), gaps.len(), overheard.len()]
}

const LOST: usize = 0;
const DOUBLED: usize = 1;
const REORDERED: usize = 2;
const GAPS: usize = 3;
const OVERHEARD: usize = 4;

#[track_caller]
fn finds(kind: usize, doctor: impl FnOnce(&mut [Witness; 3])) {
    let mut run = a_good_run();
    doctor(&mut run);
    let found = judged(&run);
    assert!(found[kind] > 0, "{found:?}");
}

#[test]
fn a_good_run_is_good() {
    assert_eq!(judged(&a_good_run()), [0; 5]);
    let verdict = judge(&a_good_run(), (Epoch::new(NOW), &HashSet::new()));
    assert_eq!((verdict.sent, verdict.acknowledged), (4, 4));
}

#[test]
fn what_was_never_acknowledged_may_be_there_once_or_not_at_all() {
    let mut run = a_good_run();
    run[0].events.retain(|event| !matches!(event, Event::Acknowledged(which, _) if *which == cid(3)));
    run[0].events.push(gets(at(2, 1), "ann", 3));
    let [ann, ..] = &mut run;
    // Her own message came by itself, in the place where it belongs.
    ann.events.retain(|event| *event != gets(at(2, 2), "bob", 4));
    ann.events.push(gets(at(2, 2), "bob", 4));
    ann.events.push(sends(9, &[]));
    assert_eq!(judged(&run), [0; 5]);
}

#[test]
fn an_acknowledged_message_that_is_nowhere_is_lost() {
    finds(LOST, |run| {
        for witness in run {
            witness.history.remove(&at(1, 2));
        }
    });
}

#[test]
fn a_message_twice_in_history_is_doubled() {
    finds(DOUBLED, |run| {
        for witness in run {
            witness.history.insert(at(1, 3), ("ann".to_owned(), cid(2)));
        }
    });
}

#[test]
fn a_message_handed_on_twice_is_doubled() {
    finds(DOUBLED, |run| run[2].events.push(gets(at(1, 2), "ann", 2)));
}

#[test]
fn a_message_acknowledged_and_handed_on_is_doubled() {
    finds(DOUBLED, |run| run[0].events.push(gets(at(2, 1), "ann", 3)));
    finds(DOUBLED, |run| run[0].events.push(Event::Acknowledged(cid(1), at(1, 1))));
}

#[test]
fn messages_in_falling_order_are_reordered() {
    finds(REORDERED, |run| run[2].events.swap(2, 3));
}

#[test]
fn two_people_who_read_different_orders_are_found() {
    finds(REORDERED, |run| {
        let [_, bob, _] = run;
        bob.history.insert(at(1, 1), ("ann".to_owned(), cid(2)));
        bob.history.insert(at(1, 2), ("ann".to_owned(), cid(1)));
    });
}

#[test]
fn an_acknowledgement_with_another_place_than_history_is_reordered() {
    finds(REORDERED, |run| {
        for event in &mut run[0].events {
            if let Event::Acknowledged(which, place) = event
                && *which == cid(3)
            {
                *place = at(2, 7);
            }
        }
    });
}

#[test]
fn what_was_handed_on_and_is_not_in_history_is_found() {
    finds(REORDERED, |run| run[2].events.push(gets(at(1, 3), "ann", 2)));
}

#[test]
fn a_message_that_somebody_never_got_is_a_gap() {
    finds(GAPS, |run| run[2].events.retain(|event| *event != gets(at(1, 1), "ann", 1)));
    finds(GAPS, |run| run[1].events.retain(|event| *event != gets(at(1, 2), "ann", 2)));
}

#[test]
fn a_seq_that_does_not_exist_is_a_gap() {
    finds(GAPS, |run| {
        for witness in run {
            if let Some(said) = witness.history.remove(&at(1, 2)) {
                witness.history.insert(at(1, 3), said);
            }
        }
    });
}

#[test]
fn a_message_that_reaches_somebody_else_is_overheard() {
    finds(OVERHEARD, |run| run[2].events.push(gets(at(2, 1), "ann", 3)));
    finds(OVERHEARD, |run| drop(run[2].history.insert(at(2, 1), ("ann".to_owned(), cid(3)))));
}

#[test]
fn a_message_that_nobody_sent_is_found() {
    finds(OVERHEARD, |run| run[0].events.retain(|event| *event != sends(2, &[])));
}

#[test]
fn what_a_killed_client_had_taken_may_be_missing_between_its_runs_and_only_there() {
    let mut run = a_good_run();
    run[2].was_killed = true;
    run[2].events.remove(2);
    assert_eq!(judged(&run), [0; 5]);
    let [ann, bob, eve] = &mut run;
    for witness in [ann, bob, eve] {
        witness.history.insert(at(1, 3), ("ann".to_owned(), cid(5)));
        witness.events.push(gets(at(1, 3), "ann", 5));
        witness.events.push(sends(5, &[]));
    }
    run[2].events.insert(2, gets(at(1, 1), "ann", 1));
    run[2].events.retain(|event| *event != gets(at(1, 2), "ann", 2));
    assert_eq!(judged(&run)[GAPS], 1);
    run[2].events.push(Event::Hole(ConvId::new(1).unwrap(), 2, 2));
    assert_eq!(judged(&run), [0; 5], "it was told to look that up");
    run[2].was_killed = false;
    assert_eq!(judged(&run)[GAPS], 1, "whoever was only cut off gets everything");
}

#[test]
fn what_was_acknowledged_after_the_backup_that_was_put_back_may_be_gone_and_nothing_else() {
    let mut run = a_good_run();
    let later = Epoch::new(2);
    for witness in &mut run {
        witness.history.retain(|place, _| *place == at(1, 1));
        witness.events.extend([Event::In(later), Event::StartsOver(None), gets(at(1, 1), "ann", 1)]);
    }
    let kept = HashSet::from([cid(1)]);
    assert_eq!(judge(&run, (later, &kept)).findings().count(), 0);
    let kept = HashSet::from([cid(1), cid(2)]);
    assert_eq!(judge(&run, (later, &kept)).lost.len(), 1);
}

#[test]
fn what_was_handed_on_before_a_backup_was_put_back_counts_if_the_backup_has_it() {
    let later = Epoch::new(2);
    let restored = |place, from: &str, number| {
        let mut run = a_good_run();
        for witness in &mut run {
            witness.events.extend([Event::In(later), Event::StartsOver(None)]);
        }
        run[2].history.insert(place, (from.to_owned(), cid(number)));
        let verdict = judge(&run, (later, &HashSet::new()));
        verdict.gaps.len()
    };
    assert_eq!(restored(at(1, 2), "ann", 2), 0);
    assert_eq!(restored(at(1, 2), "ann", 9), 1, "it has another one there");
    assert_eq!(restored(at(1, 3), "ann", 9), 1, "it came after that");
}

#[test]
fn a_client_that_starts_over_gets_everything_again() {
    let mut run = a_good_run();
    run[2].events.push(Event::StartsOver(None));
    run[2].events.push(gets(at(1, 1), "ann", 1));
    run[2].events.push(gets(at(1, 2), "ann", 2));
    assert_eq!(judged(&run), [0; 5]);
}

#[test]
fn what_a_hole_left_out_counts_as_handed_on_once_it_has_been_looked_up() {
    let looks_up = |seq, number| Event::LooksUp(at(1, seq), "ann".to_owned(), cid(number));
    let eve = |events: Vec<Event>| {
        let mut run = a_good_run();
        run[2].events.retain(|event| !matches!(event, Event::Gets(..)));
        run[2].events.extend(events);
        judged(&run)
    };
    let hole = || Event::Hole(ConvId::new(1).unwrap(), 1, 2);
    assert_eq!(eve(vec![hole(), looks_up(1, 1), looks_up(2, 2)]), [0; 5]);
    assert_eq!(
        eve(vec![looks_up(1, 1), looks_up(2, 2), hole()]),
        [0; 5],
        "another client of hers was told of it"
    );
    assert_eq!(eve(vec![hole(), looks_up(2, 2)])[GAPS], 1);
    assert_eq!(eve(vec![looks_up(1, 1), looks_up(2, 2)])[GAPS], 2, "nobody told her of it");
}
