//! Who the server is, once it is somebody else: a planned change is said and gone along with, anything else is a full stop.

use egui::{Key as Keyboard, Modifiers, Role};
use egui_kittest::kittest::{NodeT, Queryable, by};
use sotto_client::{ConnectError, Problem, RegisterError, Seen, Trust, TrustError, Update};
use sotto_gui::{Ask, Key, Lang, Told};
use sotto_proto::{Pin, Signature, Succession};

use crate::stage::{Setting, Stage, pin};

const ADDRESS: &str = "lab.example:7443";

fn set(lang: Lang) -> Setting {
    Setting { lang, ..Setting::default() }
}

fn changed() -> TrustError {
    TrustError::Changed { expected: pin(1), seen: Seen { pin: pin(9) } }
}

/// At the log-in card, with a name and a password typed.
fn typed(lang: Lang) -> Stage {
    let mut stage = Stage::with_servers(set(lang), &[(ADDRESS, pin(1), "mary")]);
    stage.run();
    stage.types("correct horse");
    stage
}

/// Every way to come to a server that is somebody else.
fn stopped(lang: Lang) -> [Stage; 4] {
    [arriving(lang), logging_in(lang), registering(lang), chatting(lang)]
}

fn arriving(lang: Lang) -> Stage {
    let setting = Setting { link: Some(ADDRESS), ..set(lang) };
    let mut stage = Stage::with_servers(setting, &[(ADDRESS, pin(1), "mary")]);
    stage.finds(Err(changed()));
    stage
}

fn logging_in(lang: Lang) -> Stage {
    let mut stage = typed(lang);
    stage.press(Keyboard::Enter);
    stage.asked();
    stage.tells(Update::Ended(Problem::NotTrusted(changed())));
    stage.run();
    stage
}

fn registering(lang: Lang) -> Stage {
    let mut stage = typed(lang);
    stage.click(Key::LoginRegister);
    stage.click(Key::RegYes);
    stage.asked();
    let refused = RegisterError::Connect(ConnectError::NotTrusted(changed()));
    stage.told(Told::Registered(Err(refused)));
    stage.run();
    stage
}

fn chatting(lang: Lang) -> Stage {
    let mut stage = Stage::chatting(set(lang), &["tom"]);
    stage.types("half a sentence");
    stage.tells(Update::Ended(Problem::NotTrusted(changed())));
    stage.run();
    stage
}

/// The buttons that can be clicked.
fn buttons(stage: &Stage) -> Vec<String> {
    let nodes = stage.harness.query_all(by().role(Role::Button));
    let open = nodes.filter(|node| !node.accesskit_node().is_disabled());
    open.filter_map(|node| node.accesskit_node().label()).collect()
}

fn trusted(stage: &Stage) -> Vec<Pin> {
    stage.servers().iter().map(|server| server.pin).collect()
}

/// Whether anything has been asked that sends the server more than a greeting.
fn goes_in(stage: &mut Stage) -> bool {
    stage.asked().iter().any(|ask| !matches!(ask, Ask::Leave | Ask::Keep(..)))
}

fn announces(stage: &mut Stage, next: Pin) {
    let signature = Signature::new(&[1]).unwrap();
    stage.tells(Update::NextIdentity(Succession { next, signature }));
    stage.run();
}

#[test]
fn wherever_it_is_noticed_a_changed_identity_is_a_full_stop() {
    for lang in Lang::ALL {
        for mut stage in stopped(lang) {
            assert!(stage.has(stage.says(Key::PinTitle)) && stage.has(stage.says(Key::PinSafe)));
            assert!(stage.shows("0101 0101") && stage.shows("0909 0909"), "both are shown");
            assert_eq!(stage.focused(), stage.says(Key::PinLeave));
            assert!(!goes_in(&mut stage));
            assert_eq!(trusted(&stage), [pin(1)]);
        }
    }
}

#[test]
fn no_single_click_and_no_key_continues_over_a_changed_identity() {
    for way in 0..4 {
        let fresh = || stopped(Lang::English).into_iter().nth(way).unwrap();
        let all = buttons(&fresh());
        assert!(!all.is_empty() && !all.contains(&fresh().says(Key::PinReplace).to_owned()), "{all:?}");
        for button in all {
            let mut stage = fresh();
            stage.click_named(&button);
            assert_eq!(trusted(&stage), [pin(1)], "{button}");
            assert!(!goes_in(&mut stage), "{button}");
        }
        for key in [Keyboard::Enter, Keyboard::Space, Keyboard::Escape, Keyboard::Tab] {
            let mut stage = fresh();
            stage.press(key);
            stage.press_with(Modifiers::COMMAND, Keyboard::Enter);
            assert_eq!(trusted(&stage), [pin(1)], "{key:?}");
            assert!(!goes_in(&mut stage), "{key:?}");
        }
    }
}

#[test]
fn replacing_a_changed_identity_takes_the_fingerprint_and_sends_nothing_by_itself() {
    for mut stage in stopped(Lang::English) {
        let field = stage.says(Key::PinHave);
        stage.harness.get_by_role_and_label(Role::TextInput, field).focus();
        stage.run();
        stage.types(&pin(9).to_groups());
        assert_eq!(trusted(&stage), [pin(1)], "to paste it is not to say so");
        stage.click(Key::PinReplace);
        assert_eq!(trusted(&stage), [pin(9)]);
        assert!(!goes_in(&mut stage), "and nothing of it is sent by itself");
    }
}

#[test]
fn an_announced_identity_is_said_and_either_is_believed_from_then_on() {
    for lang in Lang::ALL {
        let mut stage = Stage::chatting(set(lang), &["tom"]);
        announces(&mut stage, pin(2));
        assert!(stage.has(&stage.lang.fill(Key::IdentityNext, &[("host", &ADDRESS)])));
        assert!(stage.has(stage.says(Key::ComposeSend)), "nobody is stopped by it");
        assert_eq!(trusted(&stage), [pin(1)], "it is not there yet");
        let either = stage.profile().trust(&ADDRESS.parse().unwrap()).unwrap();
        assert!(matches!(either, Trust::Succession { current, next } if (current, next) == (pin(1), pin(2))));
    }
}

#[test]
fn an_announced_identity_that_is_there_is_said_and_the_only_one_from_then_on() {
    for lang in Lang::ALL {
        let mut stage = Stage::chatting(set(lang), &["tom"]);
        announces(&mut stage, pin(2));
        stage.later(60_000);
        stage.tells(Update::IdentityChanged(pin(2)));
        stage.run();
        assert!(stage.has(&stage.lang.fill(Key::IdentityChanged, &[("host", &ADDRESS)])));
        assert!(stage.has(stage.says(Key::ComposeSend)), "nobody is stopped by it");
        assert_eq!(trusted(&stage), [pin(2)]);
        stage.click(Key::NavSettings);
        stage.click(Key::SetServer);
        assert!(stage.shows("0202 0202") && !stage.shows("0101 0101"), "the settings show who it is now");
    }
}

#[test]
fn an_identity_that_nobody_announced_is_not_written_down() {
    let mut stage = Stage::chatting(set(Lang::English), &["tom"]);
    announces(&mut stage, pin(2));
    stage.tells(Update::IdentityChanged(pin(9)));
    stage.run();
    assert_eq!(trusted(&stage), [pin(1)]);
}

#[test]
fn an_announcement_at_the_log_in_card_is_kept_too() {
    let mut stage = typed(Lang::Chinese);
    stage.press(Keyboard::Enter);
    stage.asked();
    announces(&mut stage, pin(2));
    assert!(stage.has(&stage.lang.fill(Key::IdentityNext, &[("host", &ADDRESS)])));
    stage.tells(Update::Ended(Problem::WrongPassword));
    stage.run();
    stage.types("another horse");
    stage.press(Keyboard::Enter);
    let asked = stage.asked();
    let Some(Ask::LogIn(dial, _)) = asked.last() else { panic!("{asked:?}") };
    assert!(matches!(dial.trust, Trust::Succession { next, .. } if next == pin(2)));
}
