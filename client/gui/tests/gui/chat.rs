//! The main window: recipients, states of messages, the connection, moving about.

use std::time::Duration;

use egui::{Key as Keyboard, Modifiers, Role};
use egui_kittest::kittest::{NodeT, Queryable};
use sotto_client::{Command, Obstacle, Problem, Trouble, Update};
use sotto_gui::{Ask, Key, Lang, Notify, Settings};
use sotto_proto::{Audience, ConvKind, Reason};

use crate::stage::{LOBBY, MINUTE, Setting, Stage, name};

fn to(people: &[&str]) -> Audience {
    Audience::set(people.iter().map(|person| name(person))).unwrap()
}

fn chatting(lang: Lang) -> Stage {
    Stage::chatting(Setting { lang, ..Setting::default() }, &["tom", "anna", "李雷"])
}

fn says(stage: &mut Stage, text: &str) {
    stage.types(text);
    stage.press_with(Modifiers::COMMAND, Keyboard::Enter);
}

fn opens(stage: &mut Stage, person: &str) {
    let label = stage.lang.fill(Key::PeopleChat, &[("name", &person)]);
    stage.harness.get_by_label_contains(&label).click();
    stage.run();
}

fn is_ticked(stage: &Stage, person: &str) -> bool {
    let label = stage.lang.fill(Key::PeopleSend, &[("name", &person)]);
    let node = stage.harness.get_by_role_and_label(Role::CheckBox, &label);
    node.accesskit_node().toggled() == Some(egui::accesskit::Toggled::True)
}

#[test]
fn everyone_is_a_mode_and_a_ticked_set_is_a_set() {
    for lang in Lang::ALL {
        let mut stage = chatting(lang);
        assert!(stage.has(&stage.lang.fill(Key::ToEveryone, &[("n", &3)])));
        says(&mut stage, "to all");
        stage.ticks("anna");
        assert!(!is_ticked(&stage, "anna") && is_ticked(&stage, "tom"));
        assert!(stage.has(&stage.lang.count(Key::ToSome, 2, &[])));
        says(&mut stage, "not to anna");
        let sent = stage.sent();
        assert_eq!(
            sent,
            [(Audience::Everyone, "to all".into()), (to(&["tom", "李雷"]), "not to anna".into())]
        );
        assert!(stage.shows(&stage.lang.fill(Key::ToBadge, &[("n", &2)])), "the line says whom it went to");
        stage.click(Key::PeopleAll);
        says(&mut stage, "to all again");
        assert_eq!(stage.sent(), [(Audience::Everyone, "to all again".into())]);
    }
}

#[test]
fn somebody_new_is_not_in_a_ticked_set_and_a_line_says_so() {
    for lang in Lang::ALL {
        let mut stage = chatting(lang);
        stage.ticks("anna");
        stage.tells(Update::Joined(vec![name("Zhao Min")]));
        stage.run();
        assert!(stage.has(&stage.lang.fill(Key::PeopleExcluded, &[("name", &"Zhao Min")])));
        assert!(!is_ticked(&stage, "Zhao Min"));
        says(&mut stage, "hi");
        assert_eq!(stage.sent(), [(to(&["tom", "李雷"]), "hi".into())]);
        stage.click(Key::PeopleAll);
        says(&mut stage, "welcome");
        assert_eq!(stage.sent(), [(Audience::Everyone, "welcome".into())], "everyone includes who came");
    }
}

#[test]
fn with_nobody_ticked_nothing_can_be_sent_and_the_reason_is_there() {
    for lang in Lang::ALL {
        let mut stage = chatting(lang);
        stage.click(Key::PeopleNone);
        stage.types("to whom?");
        assert!(stage.is_disabled(Key::ComposeSend) && stage.has(stage.says(Key::ToNone)));
        stage.press_with(Modifiers::COMMAND, Keyboard::Enter);
        assert!(stage.sent().is_empty());
        assert_eq!(stage.written(), "to whom?");
    }
}

#[test]
fn boxes_are_ticked_with_the_keyboard() {
    let mut stage = chatting(Lang::English);
    stage.press(Keyboard::F6);
    stage.press(Keyboard::F6);
    assert_eq!(stage.focused(), "Send to anna");
    stage.press(Keyboard::Space);
    assert!(!is_ticked(&stage, "anna"));
}

#[test]
fn what_goes_to_one_goes_on_as_a_talk_with_that_one() {
    let mut stage = chatting(Lang::English);
    stage.click(Key::PeopleNone);
    stage.ticks("tom");
    says(&mut stage, "only you");
    assert_eq!(stage.sent(), [(to(&["tom"]), "only you".into())]);
    assert!(stage.has("To: tom"));
    says(&mut stage, "and more");
    assert_eq!(stage.sent(), [(to(&["tom"]), "and more".into())]);
}

#[test]
fn what_was_said_to_some_is_seen_beside_what_was_said_to_all() {
    for lang in Lang::ALL {
        let mut stage = chatting(lang);
        stage.introduces((2, ConvKind::Set), &["mary", "tom", "anna"], (0, 0));
        stage.hears_in((2, 1), "tom", "three of us");
        stage.run();
        assert!(stage.shows("three of us") && stage.shows(&stage.lang.count(Key::ToBadgeIn, 1, &[])));
    }
}

#[test]
fn a_message_shows_what_became_of_it() {
    for lang in Lang::ALL {
        let mut stage = chatting(lang);
        says(&mut stage, "here it goes");
        let sends = stage.sends();
        let [(cid, ..)] = sends.as_slice() else { panic!("{sends:?}") };
        assert!(stage.shows(stage.says(Key::MsgSending)));
        stage.stored(*cid, (LOBBY, 11));
        stage.run();
        assert!(!stage.shows(stage.says(Key::MsgSending)) && stage.shows(stage.says(Key::MsgSent)));
    }
}

#[test]
fn what_was_refused_says_why_and_can_be_tried_again_or_deleted() {
    for lang in Lang::ALL {
        let mut stage = chatting(lang);
        for (button, sends_again) in [(Key::MsgRetry, true), (Key::MsgDelete, false)] {
            says(&mut stage, "will it go?");
            let (cid, ..) = stage.sends().remove(0);
            let (reason, who, sentence) =
                (Reason::UnknownRecipient, vec!["zoe".to_owned()], "raw".to_owned());
            stage.tells(Update::NotSent { cid, reason, who, sentence });
            stage.run();
            assert!(stage.shows(&stage.lang.fill(Key::RefusedUnknownRecipient, &[("who", &"zoe")])));
            assert!(!stage.shows("raw"));
            stage.click(button);
            let again = stage.sends();
            assert_eq!(again.len(), usize::from(sends_again));
            if let [(new, ..)] = again.as_slice() {
                assert_ne!(*new, cid, "it was never stored: a new message");
                stage.stored(*new, (LOBBY, stage.last() + 1));
            }
            stage.run();
            assert!(!stage.has(stage.says(button)));
        }
    }
}

#[test]
fn without_a_connection_one_can_go_on_writing() {
    for lang in Lang::ALL {
        let mut stage = chatting(lang);
        let why = Trouble::Unreachable { address: "lab".into(), why: Obstacle::Refused };
        stage.tells(Update::Reconnecting { wait: Duration::from_secs(4), why });
        stage.run();
        assert!(stage.shows(stage.says(Key::ObstacleRefused)), "why");
        assert!(stage.shows(if lang == Lang::English { "4 s" } else { "4 秒" }), "how long");
        says(&mut stage, "for later");
        assert_eq!(stage.sent().len(), 1, "handed over: it goes when it can");
        assert!(stage.shows(stage.says(Key::MsgQueued)));
        stage.later(MINUTE + 1);
        assert!(stage.shows(stage.says(Key::ConnOffline)), "after a minute it is said that nothing is lost");
        stage.tells(Update::LoggedIn {
            user: name("mary"),
            epoch: sotto_proto::Epoch::new(1),
            resumed: true,
        });
        stage.run();
        assert!(!stage.shows(stage.says(Key::ConnOffline)) && stage.shows(stage.says(Key::MsgSending)));
    }
}

#[test]
fn being_logged_out_elsewhere_keeps_what_can_be_read() {
    for lang in Lang::ALL {
        let mut stage = chatting(lang);
        stage.hears("tom", "still here to read");
        stage.tells(Update::Ended(Problem::Replaced));
        stage.run();
        assert!(stage.shows(stage.says(Key::ConnReplaced)) && stage.shows("still here to read"));
        stage.click(Key::ConnAgain);
        assert!(stage.has(stage.says(Key::LoginPass)));
    }
}

#[test]
fn logging_out_leads_back_to_the_card() {
    for lang in Lang::ALL {
        let mut stage = chatting(lang);
        stage.click(Key::NavSettings);
        stage.click(Key::SetAccount);
        stage.click(Key::SetLogOut);
        assert!(stage.asked().iter().any(|ask| matches!(ask, Ask::Do(Command::LogOut))));
        stage.tells(Update::Ended(Problem::LoggedOut));
        stage.run();
        assert_eq!(stage.focused(), stage.says(Key::LoginPass));
    }
}

#[test]
fn unread_messages_are_counted_in_the_list_and_in_the_title() {
    let mut stage = chatting(Lang::English);
    stage.introduces((2, ConvKind::Set), &["mary", "tom"], (0, 0));
    stage.hears_in((2, 1), "tom", "one");
    stage.hears_in((2, 2), "tom", "two");
    stage.run();
    assert!(stage.has("tom, 2 unread messages"));
    let title = |stage: &Stage| {
        let commands = &stage.harness.output().viewport_output[&egui::ViewportId::ROOT].commands;
        commands.iter().find_map(|command| match command {
            egui::ViewportCommand::Title(title) => Some(title.clone()),
            _ => None,
        })
    };
    stage.hears_in((2, 3), "tom", "three");
    assert_eq!(title(&stage).as_deref(), Some("Sotto (3) · mary"));
    stage.press_with(Modifiers::ALT | Modifiers::SHIFT, Keyboard::ArrowDown);
    assert!(stage.has("To: tom"), "the next unread one");
    stage.waits(6);
    assert!(!stage.shows("unread"), "seen is read");
}

#[test]
fn the_switcher_finds_people_and_rooms_by_any_part_of_the_name() {
    for lang in Lang::ALL {
        let mut stage =
            Stage::chatting(Setting { lang, ..Setting::default() }, &["Wang Fang", "李雷", "tom"]);
        for (typed, found) in [("wf", "Wang Fang"), ("雷", "李雷"), ("OM", "tom")] {
            stage.press_with(Modifiers::COMMAND, Keyboard::K);
            assert_eq!(stage.focused(), stage.says(Key::SwitchField));
            stage.types(typed);
            stage.press(Keyboard::Enter);
            assert!(stage.has(&stage.lang.fill(Key::ToOne, &[("name", &found)])), "{typed}");
        }
        stage.press_with(Modifiers::COMMAND, Keyboard::K);
        stage.press(Keyboard::Escape);
        assert!(!stage.has(stage.says(Key::SwitchTitle)));
    }
}

#[test]
fn f6_reaches_every_part_of_the_window_both_ways() {
    let mut stage = chatting(Lang::English);
    let mut seen = Vec::new();
    for _ in 0..4 {
        stage.press(Keyboard::F6);
        seen.push(stage.focused());
    }
    assert_eq!(seen, ["Everyone", "Send to anna", "Messages in Everyone", "Message to Everyone"]);
    stage.press_with(Modifiers::SHIFT, Keyboard::F6);
    assert_eq!(stage.focused(), "Messages in Everyone");
}

#[test]
fn settings_are_so_at_once_and_kept() {
    let mut stage = chatting(Lang::English);
    stage.press_with(Modifiers::COMMAND, Keyboard::Comma);
    stage.click(Key::SetNotifications);
    let level = stage.says(Key::SetNotifyNothing);
    stage.harness.get_by_role_and_label(Role::RadioButton, level).click();
    stage.run();
    stage.click(Key::SetGeneral);
    stage.harness.get_by_role_and_label(Role::RadioButton, "简体中文").click();
    stage.run();
    stage.lang = Lang::Chinese;
    assert!(stage.has(stage.says(Key::SetTitle)), "the other language, now");
    stage.press(Keyboard::Escape);
    assert!(stage.has(stage.says(Key::ComposeSend)));
    let kept = Settings::load(stage.profile());
    assert_eq!((kept.lang, kept.notify), (Some(Lang::Chinese), Notify::Nothing));
}

#[test]
fn every_page_of_the_settings_has_named_controls_in_both_languages() {
    let pages = [
        Key::SetGeneral,
        Key::SetAppearance,
        Key::SetMessages,
        Key::SetNotifications,
        Key::SetAccount,
        Key::SetServer,
        Key::SetShortcuts,
        Key::SetAbout,
    ];
    for lang in Lang::ALL {
        let mut stage = chatting(lang);
        stage.click(Key::NavSettings);
        for page in pages {
            stage.click(page);
            assert_named(&stage);
        }
    }
}

#[test]
fn every_control_of_the_main_window_has_a_name() {
    for lang in Lang::ALL {
        let mut stage = chatting(lang);
        stage.hears("tom", "hi");
        stage.run();
        assert_named(&stage);
    }
}

fn assert_named(stage: &Stage) {
    let controls =
        [Role::Button, Role::CheckBox, Role::RadioButton, Role::TextInput, Role::MultilineTextInput];
    for node in stage.harness.query_all(egui_kittest::kittest::by()) {
        let node = node.accesskit_node();
        if controls.contains(&node.role()) {
            assert!(
                node.label().is_some_and(|label| !label.trim().is_empty()),
                "{:?} without a name",
                node.role()
            );
        }
    }
}

#[test]
fn quitting_with_unsent_messages_asks() {
    let mut stage = chatting(Lang::English);
    says(&mut stage, "not gone yet");
    stage.press_with(Modifiers::COMMAND, Keyboard::Q);
    assert!(stage.has(stage.says(Key::QuitTitle)) && stage.shows("1 message has not been sent"));
    stage.press(Keyboard::Escape);
    assert!(!stage.has(stage.says(Key::QuitTitle)));
}

#[test]
fn a_link_is_shown_whole_before_it_is_opened() {
    let mut stage = chatting(Lang::English);
    stage.hears("tom", "https://files.example/3b?x=1");
    stage.run();
    let link = |node: &egui_kittest::Node<'_>| {
        node.accesskit_node().label().is_some_and(|label| label.contains("files.example"))
    };
    let row = stage.harness.get_all_by_role(Role::ListItem).find(link).expect("the message").rect();
    let at = row.left_bottom() + egui::vec2(120.0, -12.0);
    stage.harness.hover_at(at);
    stage.harness.drag_at(at);
    stage.harness.drop_at(at);
    stage.run();
    assert!(stage.has(stage.says(Key::LinkTitle)) && stage.shows("https://files.example/3b?x=1"));
    stage.press(Keyboard::Escape);
    let opened = |stage: &Stage| {
        let commands = &stage.harness.output().platform_output.commands;
        commands.iter().any(|command| matches!(command, egui::OutputCommand::OpenUrl(_)))
    };
    assert!(!opened(&stage));
}

#[test]
fn members_of_a_room_are_listed() {
    let mut stage = chatting(Lang::Chinese);
    let people = stage.says(Key::NavPeople);
    stage.harness.get_by_role_and_label(Role::Button, people).click();
    stage.run();
    stage.click(Key::Close);
    opens(&mut stage, "李雷");
    assert!(stage.has("发送给：李雷"));
}

#[test]
fn who_is_reached_without_encryption_is_marked_before_and_after_sending() {
    for lang in Lang::ALL {
        let mut stage = chatting(lang);
        stage.tells(Update::InTheClear(vec![name("tom")]));
        let message = sotto_proto::Message { clear: true, ..stage.message((LOBBY, 11), "tom", "hello") };
        stage.tells(Update::Message(message));
        stage.run();
        let warning = stage.lang.count(Key::ToClear, 1, &[]);
        assert!(stage.has(&warning), "before one sends");
        let mark = stage.says(Key::MsgClear);
        assert!(stage.shows(&format!("hello · {mark}")), "on what came");
        assert!(stage.shows(&format!("{} · {mark}", stage.says(Key::PresenceOnline))), "on the person");
        stage.ticks("tom");
        assert!(!stage.has(&warning), "not to those who are encrypted");
        stage.tells(Update::InTheClear(Vec::new()));
        stage.click(Key::PeopleAll);
        assert!(!stage.has(&warning));
    }
}
