//! From the first screen to the log-in.

use egui::{Key as Keyboard, Modifiers, Role};
use egui_kittest::kittest::{NodeT, Queryable};
use sotto_client::{ConnectError, Obstacle, Problem, RegisterError, Seen, TrustError, Update};
use sotto_gui::{Ask, Key, Lang, Told};
use sotto_proto::{Reason, Refusal};

use crate::stage::{MINUTE, NOW, Setting, Stage, name, pin};

fn set(lang: Lang) -> Stage {
    Stage::set(Setting { lang, ..Setting::default() })
}

fn types_address(stage: &mut Stage, address: &str) {
    stage.run();
    let field = stage.says(Key::ConnectField);
    stage.harness.get_by_role_and_label(Role::TextInput, field).focus();
    stage.run();
    stage.types(address);
}

fn at_the_door(lang: Lang) -> Stage {
    let setting = Setting { lang, ..Setting::default() };
    let mut stage = Stage::with_servers(setting, &[("lab.example:7443", pin(1), "")]);
    stage.run();
    stage
}

/// Types a name and a password and asks to be let in.
fn knocks(stage: &mut Stage, user: &str) {
    stage.types(user);
    stage.press(Keyboard::Enter);
    stage.types("correct horse");
    stage.press(Keyboard::Enter);
}

fn unreachable(why: Obstacle) -> Result<(), ConnectError> {
    Err(ConnectError::Unreachable { address: "x".into(), why })
}

#[test]
fn an_invite_link_connects_without_a_question() {
    for lang in Lang::ALL {
        let mut stage = set(lang);
        let link = format!("sotto://10.0.0.5/?pin={}&invite=abc", pin(7).to_base64url());
        types_address(&mut stage, &link);
        stage.finds(Ok(()));
        assert!(stage.has(stage.says(Key::LoginPass)));
        assert_eq!(stage.servers().first().map(|server| server.pin), Some(pin(7)));
    }
}

#[test]
fn an_address_in_full_width_letters_is_understood() {
    let mut stage = set(Lang::Chinese);
    types_address(&mut stage, " 10．0．0．5：7000 ");
    stage.press(Keyboard::Enter);
    let asked = stage.asked();
    assert!(matches!(&asked[..], [Ask::Look(link, _)] if link.address() == "10.0.0.5:7000"), "{asked:?}");
    assert!(stage.is_disabled(Key::ConnectBusy));
}

#[test]
fn what_is_no_address_is_said_under_the_field_and_asks_nobody() {
    let typed = [
        ("https://lab", Key::ConnectBad),
        ("lab:99999", Key::ConnectBadPort),
        ("sotto://lab/?pin=abc", Key::ConnectBadPin),
    ];
    for lang in Lang::ALL {
        for (text, said) in typed {
            let mut stage = set(lang);
            types_address(&mut stage, text);
            stage.press(Keyboard::Enter);
            assert!(stage.has(stage.says(said)), "{text}");
            assert!(stage.asked().is_empty());
        }
    }
}

#[test]
fn each_way_of_not_getting_there_has_its_own_words() {
    let ways = [
        (Obstacle::Refused, Key::ObstacleRefused),
        (Obstacle::NoAnswer, Key::ObstacleTimeout),
        (Obstacle::UnknownHost, Key::ObstacleDns),
        (Obstacle::NotSotto("http".into()), Key::ObstacleNotSotto),
        (Obstacle::Network("os error 101".into()), Key::ObstacleNetwork),
    ];
    for lang in Lang::ALL {
        for (why, said) in ways.clone() {
            let mut stage = set(lang);
            types_address(&mut stage, "lab");
            stage.press(Keyboard::Enter);
            stage.asked();
            stage.told(Told::Looked("lab".parse().unwrap(), unreachable(why)));
            stage.run();
            assert!(stage.has(stage.says(said)), "{said:?}");
            assert!(!stage.is_disabled(Key::ConnectButton), "it can be tried again");
        }
    }
}

#[test]
fn a_new_server_shows_its_fingerprint_to_be_compared() {
    for lang in Lang::ALL {
        let mut stage = set(lang);
        types_address(&mut stage, "lab");
        stage.press(Keyboard::Enter);
        stage.finds(Err(TrustError::Unknown(Seen { pin: pin(0xAB) })));
        assert!(stage.has(stage.says(Key::TrustTitle)));
        assert_eq!(stage.focused(), stage.says(Key::TrustNo), "the safe answer has the keyboard");
        let field = stage.says(Key::TrustPaste);
        stage.harness.get_by_role_and_label(Role::TextInput, field).focus();
        stage.run();
        stage.types("ABAB abab:1");
        assert!(stage.has(stage.says(Key::TrustDiffer)));
        assert!(stage.is_disabled(Key::TrustOk));
        stage.press_with(Modifiers::COMMAND, Keyboard::A);
        stage.types(&pin(0xAB).to_groups().to_uppercase());
        assert!(stage.has(stage.says(Key::TrustMatch)));
        assert!(stage.servers().is_empty(), "nothing is trusted yet");
        stage.click(Key::TrustOk);
        assert_eq!(stage.servers().first().map(|server| server.pin), Some(pin(0xAB)));
        assert!(stage.has(stage.says(Key::LoginUser)));
    }
}

#[test]
fn without_comparing_it_is_a_choice_and_escape_is_no() {
    let mut stage = set(Lang::English);
    types_address(&mut stage, "lab");
    stage.press(Keyboard::Enter);
    stage.finds(Err(TrustError::Unknown(Seen { pin: pin(1) })));
    assert!(!stage.is_disabled(Key::TrustUnchecked));
    stage.press(Keyboard::Escape);
    assert!(stage.has(stage.says(Key::ConnectTitle)) && stage.servers().is_empty());
}

#[test]
fn a_changed_identity_is_a_full_stop() {
    for lang in Lang::ALL {
        for leaves_by in [Keyboard::Escape, Keyboard::Enter] {
            let mut stage = at_the_door(lang);
            knocks(&mut stage, "mary");
            let asked = stage.asked();
            let Some(Ask::LogIn(dial, _)) = asked.last() else { panic!("{asked:?}") };
            assert!(
                matches!(dial.trust, sotto_client::Trust::Pin(trusted) if trusted == pin(1)),
                "checked before anything is sent"
            );
            let seen = Seen { pin: pin(9) };
            stage.tells(Update::Ended(Problem::NotTrusted(TrustError::Changed { expected: pin(1), seen })));
            stage.run();
            assert!(stage.has(stage.says(Key::PinTitle)) && stage.has(stage.says(Key::PinSafe)));
            assert!(
                stage.shows(if lang == Lang::English { "November 3" } else { "11月3日" }),
                "since when it was trusted"
            );
            assert!(stage.is_disabled(Key::PinReplace));
            assert_eq!(stage.focused(), stage.says(Key::PinLeave));
            stage.press(leaves_by);
            assert!(stage.has(stage.says(Key::ConnectTitle)));
            assert_eq!(stage.servers().first().map(|server| server.pin), Some(pin(1)), "still the old one");
            assert!(stage.asked().iter().all(|ask| matches!(ask, Ask::Leave)), "nothing else was asked");
        }
    }
}

#[test]
fn a_changed_identity_is_replaced_only_by_the_fingerprint_that_is_shown() {
    let mut stage = at_the_door(Lang::English);
    knocks(&mut stage, "mary");
    stage.asked();
    let seen = Seen { pin: pin(9) };
    stage.tells(Update::Ended(Problem::NotTrusted(TrustError::Changed { expected: pin(1), seen })));
    stage.run();
    for (pasted, replaces) in
        [(pin(1).to_groups(), false), (format!("sotto://lab/?pin={}", pin(9).to_base64url()), true)]
    {
        let field = stage.says(Key::PinHave);
        stage.harness.get_by_role_and_label(Role::TextInput, field).focus();
        stage.run();
        stage.press_with(Modifiers::COMMAND, Keyboard::A);
        stage.types(&pasted);
        assert_eq!(stage.is_disabled(Key::PinReplace), !replaces, "{pasted}");
    }
    stage.click(Key::PinReplace);
    assert_eq!(stage.servers().first().map(|server| server.pin), Some(pin(9)));
}

#[test]
fn a_new_link_replaces_a_changed_identity() {
    let mut stage = at_the_door(Lang::English);
    stage.click(Key::LoginOther);
    types_address(&mut stage, &format!("sotto://lab.example/?pin={}", pin(9).to_base64url()));
    stage.finds(Ok(()));
    assert_eq!(stage.servers().iter().map(|server| server.pin).collect::<Vec<_>>(), [pin(9)]);
}

#[test]
fn the_keyboard_goes_round_and_enter_logs_in() {
    for lang in Lang::ALL {
        let mut stage = at_the_door(lang);
        assert_eq!(stage.focused(), stage.says(Key::LoginUser));
        stage.types("mary");
        stage.press(Keyboard::Tab);
        assert_eq!(stage.focused(), stage.says(Key::LoginPass));
        stage.press_with(Modifiers::SHIFT, Keyboard::Tab);
        assert_eq!(stage.focused(), stage.says(Key::LoginUser));
        // Enter in the name goes to the password as long as there is none.
        stage.press(Keyboard::Enter);
        assert_eq!(stage.focused(), stage.says(Key::LoginPass));
        stage.types("correct horse");
        assert!(stage.harness.get_by_role(Role::PasswordInput).value().unwrap().chars().all(|c| c == '•'));
        stage.press(Keyboard::Enter);
        let asked = stage.asked();
        assert!(
            matches!(&asked[..], [Ask::LogIn(_, account)] if account.user == name("mary") && !account.take_over),
            "{asked:?}"
        );
    }
}

#[test]
fn what_is_missing_is_said_before_anything_is_sent() {
    let mut stage = at_the_door(Lang::Chinese);
    stage.click(Key::LoginButton);
    assert!(stage.has(stage.says(Key::LoginNoName)));
    stage.types("李雷");
    stage.click(Key::LoginButton);
    assert!(stage.has(stage.says(Key::LoginNoPassword)));
    stage.types("ｐassword1");
    assert!(stage.has(stage.says(Key::LoginFullwidth)), "full-width letters are pointed out");
    assert!(stage.asked().is_empty());
}

#[test]
fn a_wrong_password_and_a_taken_account_are_different_things() {
    for lang in Lang::ALL {
        let mut stage = at_the_door(lang);
        knocks(&mut stage, "mary");
        stage.asked();
        stage.tells(Update::Ended(Problem::WrongPassword));
        stage.run();
        assert!(stage.has(stage.says(Key::LoginWrong)));
        assert_eq!(stage.focused(), stage.says(Key::LoginPass), "to be typed again");
        stage.types("another horse");
        assert!(!stage.has(stage.says(Key::LoginWrong)));
        stage.press(Keyboard::Enter);
        stage.asked();
        let (from, since) = ("10.0.0.7".to_owned(), NOW - 20 * MINUTE);
        stage.tells(Update::Ended(Problem::AlreadyLoggedIn { from, since }));
        stage.run();
        assert!(stage.has(stage.says(Key::AlreadyTitle)) && stage.shows("10.0.0.7") && stage.shows("09:10"));
        assert_eq!(stage.focused(), stage.says(Key::Cancel));
        stage.click(Key::AlreadyTake);
        let asked = stage.asked();
        assert!(matches!(&asked[..], [Ask::LogIn(_, account)] if account.take_over), "{asked:?}");
    }
}

#[test]
fn a_throttle_says_how_long() {
    let mut stage = at_the_door(Lang::English);
    knocks(&mut stage, "mary");
    stage.asked();
    let refusal = Refusal::new(Reason::Throttled, "zzz").retry(std::time::Duration::from_secs(42));
    stage.tells(Update::Ended(Problem::Refused(refusal)));
    stage.run();
    assert!(stage.has("Too many tries. Try again in 42 seconds."));
    assert!(!stage.shows("zzz"), "the server's own words stay out");
}

#[test]
fn registering_asks_first_and_then_says_what_happened() {
    let outcomes = [
        (Ok(()), Key::RegDone),
        (Err(RegisterError::NameTaken), Key::RegTakenTitle),
        (Err(RegisterError::Refused(Refusal::new(Reason::RegistrationClosed, ""))), Key::RegClosed),
        (Err(RegisterError::Refused(Refusal::new(Reason::BadPassword, ""))), Key::PasswordBad),
        (Err(RegisterError::Lost("cut".into())), Key::RegLost),
    ];
    for (index, (outcome, said)) in outcomes.into_iter().enumerate() {
        let mut stage = at_the_door(Lang::ALL[index % 2]);
        stage.types("mary");
        stage.press(Keyboard::Tab);
        stage.types("correct horse");
        stage.click(Key::LoginRegister);
        assert!(stage.asked().is_empty(), "not yet");
        assert_eq!(stage.focused(), stage.says(Key::Cancel));
        stage.click(Key::RegYes);
        let asked = stage.asked();
        assert!(matches!(&asked[..], [Ask::Register(_, wanted)] if wanted.user == name("mary")), "{asked:?}");
        stage.told(Told::Registered(outcome));
        stage.run();
        assert!(stage.has(stage.says(said)), "{said:?}");
        if said == Key::RegDone {
            stage.click(Key::RegLogin);
            assert!(matches!(&stage.asked()[..], [Ask::LogIn(..)]));
        }
    }
}

#[test]
fn the_invite_comes_from_the_link_or_is_asked_for() {
    let mut stage = set(Lang::English);
    types_address(&mut stage, &format!("sotto://lab/?pin={}&invite=CODE", pin(1).to_base64url()));
    stage.finds(Ok(()));
    stage.types("mary");
    stage.press(Keyboard::Enter);
    stage.types("correct horse");
    stage.click(Key::LoginRegister);
    stage.click(Key::RegYes);
    let invite = |stage: &mut Stage| match stage.asked().pop() {
        Some(Ask::Register(_, wanted)) => wanted.invite,
        other => panic!("{other:?}"),
    };
    assert_eq!(invite(&mut stage).as_deref(), Some("CODE"));
    stage.told(Told::Registered(Err(RegisterError::Refused(Refusal::new(Reason::NotInvited, "")))));
    stage.run();
    stage.click(Key::Ok);
    let field = stage.says(Key::RegInvite);
    stage.harness.get_by_role_and_label(Role::TextInput, field).focus();
    stage.run();
    stage.types("OTHER");
    stage.click(Key::LoginRegister);
    stage.click(Key::RegYes);
    assert_eq!(invite(&mut stage).as_deref(), Some("OTHER"));
}

#[test]
fn language_theme_and_size_are_on_the_first_screen() {
    let mut stage = set(Lang::English);
    stage.run();
    stage.click_named("简体中文");
    stage.lang = Lang::Chinese;
    assert!(stage.has(stage.says(Key::ConnectTitle)));
    stage.click(Key::ZoomIn);
    let theme = format!("{}: {}", stage.says(Key::Theme), stage.says(Key::ThemeDark));
    stage.click_named(&theme);
    let kept = sotto_gui::Settings::load(stage.profile());
    assert_eq!((kept.lang, kept.zoom), (Some(Lang::Chinese), 1.1));
    assert_eq!(kept.theme, sotto_gui::ThemeChoice::System);
}

#[test]
fn the_last_server_and_name_are_there_at_the_next_start() {
    let setting = Setting::default();
    let mut stage =
        Stage::with_servers(setting, &[("lab.example:7443", pin(1), "李雷"), ("old:1", pin(2), "")]);
    stage.run();
    assert_eq!(stage.focused(), stage.says(Key::LoginPass));
    stage.click(Key::LoginOther);
    assert!(stage.shows("old:1") && stage.shows("lab.example:7443"));
    let forget: Vec<_> =
        stage.harness.get_all_by_role_and_label(Role::Button, stage.lang.text(Key::ConnectForget)).collect();
    assert_eq!(forget.len(), 2);
    forget[1].click();
    drop(forget);
    stage.run();
    assert_eq!(stage.servers().len(), 1);
}

#[test]
fn everything_on_the_way_in_has_a_name() {
    for lang in Lang::ALL {
        let mut stage = at_the_door(lang);
        stage.run();
        for node in stage.harness.query_all(egui_kittest::kittest::by()) {
            let node = node.accesskit_node();
            if matches!(node.role(), Role::Button | Role::TextInput | Role::PasswordInput | Role::CheckBox) {
                assert!(node.label().is_some_and(|label| !label.is_empty()), "{:?}", node.role());
            }
        }
    }
}

#[test]
fn a_spoiled_profile_is_said_in_words_and_nothing_is_trusted_by_accident() {
    for lang in Lang::ALL {
        let mut stage = set(lang);
        stage.profile().write("servers.toml", "[[server]]\naddress = 3").unwrap();
        types_address(&mut stage, "lab");
        stage.press(Keyboard::Enter);
        assert!(
            stage.shows("servers.toml") && !stage.shows("TOML"),
            "the file, and not what the parser says"
        );
        assert!(stage.asked().is_empty());
    }
}
