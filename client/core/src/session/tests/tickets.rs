//! Going on with a session that another run of the program began.

use super::*;
use crate::ticket::Ticket;

fn with_a_ticket() -> Bench {
    let now = Instant::now();
    let ticket = Ticket { token: Token::from_bytes([1; 32]), epoch: Epoch::new(7) };
    let account = Account { user: name("ann"), proof: Proof::Ticket(ticket), take_over: false, peek: false };
    Bench { session: Session::new(account, now), now }
}

#[test]
fn a_log_in_with_the_password_gives_a_ticket_and_going_on_gives_no_other() {
    let tickets = |it: &mut Bench| it.told().iter().filter(|told| matches!(told, Update::Ticket(_))).count();
    let mut it = Bench::new();
    it.connects();
    it.tells([logged_in()]);
    assert_eq!(tickets(&mut it), 1);
    it.session.disconnected();
    it.connects();
    it.tells([logged_in()]);
    assert_eq!(tickets(&mut it), 0, "it is the one that is there");
}

#[test]
fn a_ticket_lets_in_without_the_password_and_nothing_has_been_seen_before() {
    let mut it = with_a_ticket();
    it.connects();
    let [Request::Resume { epoch, cursors, .. }] = &it.said()[..] else { panic!("no 103") };
    assert_eq!((*epoch, cursors.len()), (Epoch::new(7), 0));
    assert!(!it.session.has_been_in());
    it.tells([logged_in(), lobby(4), message(5, None), Reply::CaughtUp]);
    let told = it.told();
    assert!(told.iter().any(|update| matches!(update, Update::LoggedIn { resumed: false, .. })), "{told:?}");
    assert!(told.iter().any(|update| matches!(update, Update::Message(_))), "{told:?}");
}

#[test]
fn a_ticket_that_is_refused_is_the_end_and_no_password_is_made_up() {
    let mut it = with_a_ticket();
    it.connects();
    it.said();
    it.tells([Reply::WrongPassword]);
    assert!(it.said().is_empty());
    assert!(it.told().contains(&Update::Ended(Problem::WrongPassword)));
}

#[test]
fn without_a_password_another_one_is_asked_for_with_what_is_typed_only() {
    let mut it = with_a_ticket();
    it.connects();
    it.tells([logged_in()]);
    it.said();
    it.told();
    let new = Password::new("another").unwrap();
    it.session.command(Command::ChangePassword { old: None, new });
    assert!(it.told().contains(&Update::Password(PasswordChange::WrongOld)) && it.said().is_empty());
}
