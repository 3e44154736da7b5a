//! Another password.

use super::*;

/// The passwords of the 104s that it has sent since: until now, from now on.
fn shown(it: &mut Bench) -> Vec<(String, String)> {
    let asked = it.said().into_iter().filter_map(|request| match request {
        Request::ChangePassword { old, new } => Some((old.reveal().to_owned(), new.reveal().to_owned())),
        _ => None,
    });
    asked.collect()
}

fn change(old: Option<&str>, new: &str) -> Command {
    let password = |typed| Password::new(typed).unwrap();
    Command::ChangePassword { old: old.map(password), new: password(new) }
}

fn pair(old: &str, new: &str) -> (String, String) {
    (old.to_owned(), new.to_owned())
}

#[test]
fn another_password_is_asked_for_with_what_was_typed_or_what_was_logged_in_with() {
    let mut it = Bench::ready(0);
    it.session.command(change(Some("typed"), "another"));
    it.session.command(change(None, "another"));
    assert_eq!(shown(&mut it), [pair("typed", "another"), pair("secret", "another")]);
}

#[test]
fn after_a_change_the_new_password_is_the_one_to_come_back_with() {
    let mut it = Bench::ready(0);
    it.session.command(change(None, "another"));
    let asked = frame(&it.session.poll_output().unwrap());
    let changed = Reply::PasswordChanged.encode(asked.tag("ref").as_deref());
    it.session.receive(&frame(&changed), it.now).unwrap();
    assert!(it.told().contains(&Update::Password(PasswordChange::Changed)));
    it.session.command(change(None, "a third"));
    assert_eq!(shown(&mut it), [pair("another", "a third")]);
}
