//! The account's page: another password.

use std::time::Duration;

use egui::{Key as Keyboard, Modifiers, Role};
use egui_kittest::kittest::Queryable;
use sotto_client::{Command, PasswordChange, Trouble, Update};
use sotto_gui::{Ask, Key, Lang};
use sotto_proto::{Reason, Refusal};

use crate::stage::{Setting, Stage};

/// At the page, with a person to talk to.
fn at_the_account(lang: Lang) -> Stage {
    let mut stage = Stage::chatting(Setting { lang, ..Setting::default() }, &["tom"]);
    stage.click(Key::NavSettings);
    stage.click(Key::SetAccount);
    stage
}

fn fills(stage: &mut Stage, part: Key, text: &str) {
    let name = stage.says(part);
    stage.harness.get_by_role_and_label(Role::PasswordInput, name).focus();
    stage.run();
    stage.press_with(Modifiers::COMMAND, Keyboard::A);
    stage.types(text);
}

fn fills_all(stage: &mut Stage, [old, new, again]: [&str; 3]) {
    fills(stage, Key::PassOld, old);
    fills(stage, Key::PassNew, new);
    fills(stage, Key::PassAgain, again);
}

/// What the fields hold, as dots.
fn dots(stage: &Stage) -> [usize; 3] {
    [Key::PassOld, Key::PassNew, Key::PassAgain].map(|part| {
        let field = stage.harness.get_by_role_and_label(Role::PasswordInput, stage.says(part));
        let value = field.value().unwrap_or_default();
        assert!(value.chars().all(|c| c == '•'), "nobody reads along");
        value.chars().count()
    })
}

/// The passwords that were asked for: the one until now and the one from now on.
fn asked(stage: &mut Stage) -> Vec<(String, String)> {
    let asked = stage.asked().into_iter().filter_map(|ask| match ask {
        Ask::Do(Command::ChangePassword { old: Some(old), new }) => {
            Some((old.reveal().to_owned(), new.reveal().to_owned()))
        }
        _ => None,
    });
    asked.collect()
}

fn answers(stage: &mut Stage, change: PasswordChange) {
    stage.tells(Update::Password(change));
    stage.run();
}

#[test]
fn another_password_is_asked_for_with_the_one_until_now() {
    for lang in Lang::ALL {
        let mut stage = at_the_account(lang);
        assert!(stage.has(stage.says(Key::PassRule)), "what it has to be, and what it does to other devices");
        fills_all(&mut stage, ["correct horse", "battery staple", "battery staple"]);
        stage.press(Keyboard::Enter);
        assert_eq!(asked(&mut stage), [("correct horse".to_owned(), "battery staple".to_owned())]);
        assert!(stage.is_disabled(Key::PassBusy), "once is enough");
        answers(&mut stage, PasswordChange::Changed);
        assert!(stage.has(stage.says(Key::PassDone)));
        assert_eq!(dots(&stage), [0, 0, 0], "nothing stays in the fields");
    }
}

#[test]
fn what_is_missing_or_differs_is_said_and_nothing_is_asked() {
    let ways = [
        (["", "battery staple", "battery staple"], Key::PassNoOld, Key::PassOld),
        (["correct horse", "", ""], Key::PassNoNew, Key::PassNew),
        (["correct horse", "battery staple", "battery stable"], Key::PassDiffer, Key::PassAgain),
    ];
    for lang in Lang::ALL {
        for (typed, said, at_fault) in ways {
            let mut stage = at_the_account(lang);
            fills_all(&mut stage, typed);
            stage.click(Key::PassChange);
            assert!(stage.has(stage.says(said)), "{said:?}");
            assert_eq!(stage.focused(), stage.says(at_fault));
            assert_eq!(asked(&mut stage), []);
            fills(&mut stage, at_fault, "x");
            assert!(!stage.has(stage.says(said)), "it is said until something is typed");
        }
    }
}

#[test]
fn each_answer_has_its_own_words() {
    let refused = |reason| PasswordChange::Refused(Refusal::new(reason, "zzz"));
    let answered = [
        (PasswordChange::WrongOld, Key::PassWrongOld, Key::PassOld),
        (refused(Reason::BadPassword), Key::PasswordBad, Key::PassNew),
        (refused(Reason::Busy), Key::RefusedBusy, Key::PassNew),
        (PasswordChange::Unknown, Key::PassUnknown, Key::PassOld),
    ];
    for lang in Lang::ALL {
        let mut stage = at_the_account(lang);
        for (change, said, at_fault) in answered.clone() {
            fills_all(&mut stage, ["correct horse", "password", "password"]);
            stage.click(Key::PassChange);
            answers(&mut stage, change);
            assert!(stage.has(stage.says(said)) && !stage.shows("zzz"), "{said:?}");
            assert_eq!(stage.focused(), stage.says(at_fault));
            assert!(!stage.is_disabled(Key::PassChange), "it can be tried again");
        }
    }
}

#[test]
fn guessing_the_password_of_a_desk_that_was_left_is_throttled_in_words() {
    let mut stage = at_the_account(Lang::English);
    fills_all(&mut stage, ["guess", "battery staple", "battery staple"]);
    stage.click(Key::PassChange);
    let refusal = Refusal::new(Reason::Throttled, "").retry(Duration::from_secs(42));
    answers(&mut stage, PasswordChange::Refused(refusal));
    assert!(stage.has("Too many tries. Try again in 42 seconds."));
}

#[test]
fn what_is_typed_is_gone_when_the_settings_are_left() {
    for leave in [Key::Close, Key::SetGeneral] {
        let mut stage = at_the_account(Lang::English);
        fills_all(&mut stage, ["correct horse", "battery staple", "battery staple"]);
        stage.click(leave);
        if leave == Key::Close {
            stage.click(Key::NavSettings);
        }
        stage.click(Key::SetAccount);
        assert_eq!(dots(&stage), [0, 0, 0]);
        fills(&mut stage, Key::PassOld, "x");
        stage.press_with(Modifiers::COMMAND, Keyboard::Z);
        stage.press_with(Modifiers::COMMAND, Keyboard::Z);
        assert_eq!(dots(&stage), [0, 0, 0], "nor does undoing bring it back");
    }
}

#[test]
fn an_answer_that_comes_after_the_settings_were_left_is_said_all_the_same() {
    let mut stage = at_the_account(Lang::Chinese);
    fills_all(&mut stage, ["correct horse", "battery staple", "battery staple"]);
    stage.click(Key::PassChange);
    stage.click(Key::Close);
    answers(&mut stage, PasswordChange::Unknown);
    assert!(stage.has(stage.says(Key::PassUnknown)));
}

#[test]
fn without_a_connection_the_password_cannot_be_changed() {
    let mut stage = at_the_account(Lang::English);
    fills_all(&mut stage, ["correct horse", "battery staple", "battery staple"]);
    let why = Trouble::Lost("cut".into());
    stage.tells(Update::Reconnecting { wait: Duration::from_secs(4), why });
    stage.run();
    assert!(stage.is_disabled(Key::PassChange) && stage.has(stage.says(Key::PassOffline)));
    stage.press(Keyboard::Enter);
    assert_eq!(asked(&mut stage), []);
}

#[test]
fn full_width_letters_in_a_new_password_are_pointed_out() {
    let mut stage = at_the_account(Lang::Chinese);
    fills(&mut stage, Key::PassNew, "ｂattery");
    assert!(stage.has(stage.says(Key::LoginFullwidth)));
}
