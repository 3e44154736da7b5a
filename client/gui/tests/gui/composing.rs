//! Writing: the keys, input methods, drafts.

use egui::{Event, ImeEvent, Key as Keyboard, Modifiers};
use egui_kittest::kittest::Queryable;
use sotto_client::Command;
use sotto_gui::{Ask, Key, Lang, SendKey, Settings};
use sotto_proto::Audience;

use crate::stage::{Setting, Stage};

fn stage(lang: Lang, send_with: SendKey) -> Stage {
    let settings = Settings { send_with, ..Settings::default() };
    Stage::chatting(Setting { lang, settings, ..Setting::default() }, &["tom", "anna"])
}

fn preedit(text: &str) -> Event {
    Event::Ime(ImeEvent::Preedit { text: text.to_owned(), active_range_chars: None })
}

fn commit(text: &str) -> Event {
    Event::Ime(ImeEvent::Commit(text.to_owned()))
}

fn enter() -> Event {
    enter_key(true)
}

fn enter_key(pressed: bool) -> Event {
    let (key, modifiers) = (Keyboard::Enter, Modifiers::NONE);
    Event::Key { key, physical_key: Some(key), pressed, repeat: false, modifiers }
}

/// Events that come in one frame.
fn at_once(stage: &mut Stage, events: &[Event]) {
    stage.harness.input_mut().events.extend_from_slice(events);
    if events.contains(&enter()) {
        stage.harness.input_mut().events.push(enter_key(false));
    }
    stage.harness.step();
}

#[test]
fn the_keys_do_what_the_line_below_says() {
    for lang in Lang::ALL {
        let mut stage = stage(lang, SendKey::CtrlEnter);
        assert!(stage.has(stage.says(Key::ComposeKeysCtrl)));
        stage.types("one");
        stage.press(Keyboard::Enter);
        stage.types("two");
        assert_eq!(stage.written(), "one\ntwo");
        stage.press_with(Modifiers::COMMAND, Keyboard::Enter);
        assert_eq!(stage.sent(), [(Audience::Everyone, "one\ntwo".to_owned())]);
        assert_eq!(stage.written(), "", "cleared once it is on its way");

        let mut stage = self::stage(lang, SendKey::Enter);
        assert!(stage.has(stage.says(Key::ComposeKeysEnter)));
        stage.types("one");
        stage.press_with(Modifiers::SHIFT, Keyboard::Enter);
        stage.types("two");
        stage.press(Keyboard::Enter);
        assert_eq!(stage.sent(), [(Audience::Everyone, "one\ntwo".to_owned())]);
        assert_eq!(stage.written(), "");
    }
}

#[test]
fn the_key_is_chosen_where_one_sends() {
    let mut stage = stage(Lang::English, SendKey::CtrlEnter);
    stage.click(Key::ComposeSendWith);
    stage.click(Key::SendWithEnter);
    assert!(stage.has(stage.says(Key::ComposeKeysEnter)));
    assert_eq!(Settings::load(stage.profile()).send_with, SendKey::Enter);
}

#[test]
fn the_enter_of_an_input_method_neither_sends_nor_breaks_the_line() {
    // What the platforms deliver when 测试 is composed and taken with Enter, each line a frame.
    let sequences: [(&str, Vec<Vec<Event>>); 5] = [
        (
            "Windows",
            vec![vec![preedit("ceshi")], vec![preedit("测试")], vec![preedit(""), commit("测试"), enter()]],
        ),
        ("macOS", vec![vec![preedit("ce shi")], vec![preedit("测试")], vec![commit("测试"), enter()]]),
        (
            "Wayland",
            vec![
                vec![preedit("")],
                vec![preedit("测试")],
                vec![preedit(""), commit("测试")],
                vec![enter(), preedit("")],
            ],
        ),
        ("X11", vec![vec![preedit("测试")], vec![enter(), preedit(""), commit("测试")]]),
        ("while composing", vec![vec![preedit("测试")], vec![enter()], vec![preedit(""), commit("测试")]]),
    ];
    for mode in [SendKey::CtrlEnter, SendKey::Enter] {
        for (platform, frames) in &sequences {
            let mut stage = stage(Lang::Chinese, mode);
            let next_frame_counts = *platform == "Wayland";
            for frame in frames {
                at_once(&mut stage, frame);
            }
            if !next_frame_counts {
                assert_eq!(stage.written(), "测试", "{platform}, {mode:?}");
                assert!(stage.sent().is_empty(), "{platform}, {mode:?}");
            }
            stage.run();
            stage.press(Keyboard::Enter);
            let acted = !stage.sent().is_empty() || stage.written().starts_with("测试\n");
            assert!(acted, "{platform}, {mode:?}: the next Enter is the user's");
        }
    }
}

#[test]
fn what_is_being_composed_is_not_sent_and_not_kept() {
    for lang in Lang::ALL {
        let mut stage = stage(lang, SendKey::CtrlEnter);
        stage.types("你好");
        at_once(&mut stage, &[preedit("shi")]);
        assert_eq!(stage.written(), "你好shi");
        stage.click(Key::ComposeSend);
        assert!(stage.sent().is_empty());
        assert!(stage.has(stage.says(Key::ComposeComposing)));
    }
    let mut stage = stage(Lang::Chinese, SendKey::CtrlEnter);
    stage.types("你好");
    at_once(&mut stage, &[preedit("shi")]);
    stage.waits(12);
    let mut kept = stage.asked().into_iter().filter_map(|ask| match ask {
        Ask::Keep(_, _, notes) => notes.drafts.get(&Audience::Everyone).cloned(),
        _ => None,
    });
    assert_eq!(kept.next_back().as_deref(), Some("你好"));
}

#[test]
fn drafts_stay_with_their_room_and_are_kept() {
    let mut stage = stage(Lang::Chinese, SendKey::CtrlEnter);
    stage.types("给大家的");
    let tom = stage.lang.fill(Key::PeopleChat, &[("name", &"tom")]);
    stage.harness.get_by_label_contains(&tom).click();
    stage.run();
    assert_eq!(stage.written(), "");
    stage.types("给汤姆的");
    stage.press_with(Modifiers::ALT, Keyboard::ArrowUp);
    assert_eq!(stage.written(), "给大家的");
    stage.waits(12);
    let mut notes = stage.asked().into_iter().filter_map(|ask| match ask {
        Ask::Keep(_, user, notes) => Some((user, notes)),
        _ => None,
    });
    let (user, notes) = notes.next_back().expect("it was written down");
    assert_eq!(user.as_str(), "mary");
    let drafts: Vec<_> = notes.drafts.values().map(String::as_str).collect();
    assert_eq!(drafts, ["给大家的", "给汤姆的"]);
}

#[test]
fn typing_anywhere_goes_into_the_field_first_letter_included() {
    let mut stage = stage(Lang::English, SendKey::CtrlEnter);
    stage.press(Keyboard::F6);
    assert_ne!(stage.focused(), "");
    stage.types("hello");
    assert_eq!(stage.written(), "hello");
}

#[test]
fn a_text_that_is_too_long_says_by_how_much() {
    let mut stage = stage(Lang::English, SendKey::CtrlEnter);
    stage.types(&"字".repeat(16 * 1024 / 3 + 2));
    assert!(stage.has("5 bytes too long"), "{}", stage.written().len());
    assert!(stage.is_disabled(Key::ComposeSend));
}

#[test]
fn nothing_and_spaces_are_not_sent() {
    let mut stage = stage(Lang::English, SendKey::Enter);
    assert!(stage.is_disabled(Key::ComposeSend));
    stage.types("  ");
    stage.press(Keyboard::Enter);
    assert!(stage.sent().is_empty());
}

#[test]
fn when_too_much_is_waiting_the_text_stays() {
    let mut stage = stage(Lang::English, SendKey::Enter);
    // Nobody takes anything away behind the window.
    for number in 0..600 {
        stage.harness.event(Event::Text(format!("{number}")));
        stage.press(Keyboard::Enter);
        if !stage.written().is_empty() {
            break;
        }
    }
    assert!(stage.has(stage.says(Key::ComposeFull)));
    let last = stage.written();
    let sent: Vec<_> = stage.sent().into_iter().map(|(_, text)| text).collect();
    assert!(sent.len() > 400 && !sent.contains(&last), "{} went, {last} stays", sent.len());
}

#[test]
fn an_empty_room_can_be_greeted_with_one_click() {
    for lang in Lang::ALL {
        let mut stage = stage(lang, SendKey::CtrlEnter);
        stage.click(Key::EmptyHello);
        assert_eq!(stage.sent(), [(Audience::Everyone, stage.says(Key::Hello).to_owned())]);
    }
}

#[test]
fn trying_now_does_not_wait() {
    let mut stage = stage(Lang::English, SendKey::CtrlEnter);
    let why = sotto_client::Trouble::Lost("cut".into());
    stage.tells(sotto_client::Update::Reconnecting { wait: std::time::Duration::from_secs(30), why });
    stage.asked();
    stage.click(Key::ConnNow);
    assert!(stage.asked().iter().any(|ask| matches!(ask, Ask::Do(Command::TryNow))));
}
