//! What a client has not been sent, and is told of instead.

use super::*;

#[test]
fn a_hole_that_ends_with_a_message_of_ours_is_told_unless_there_is_nothing_else_in_it() {
    let behind = || {
        let mut it = Bench::ready(5);
        it.session.command(say(1));
        it.session.command(say(2));
        it.tells([stored(7, 1), stored(8, 2)]);
        it
    };
    let hole = |from| Reply::Hole { conv: conv(), from: seq(from), to: seq(8) };
    let is_told = |it: &mut Bench| it.told().iter().any(|update| matches!(update, Update::Hole { .. }));
    let mut it = behind();
    it.tells([hole(6), message(9, None)]);
    assert!(is_told(&mut it));
    let mut it = behind();
    it.tells([message(6, None), hole(7), message(9, None)]);
    assert!(!is_told(&mut it));
}
