//! Reading: where the timeline stands, whatever comes, loads or is resized; searching, selecting, copying.

use egui::{
    Event, Key as Keyboard, Modifiers, MouseWheelUnit, OutputCommand, Rect, Role, TouchPhase, pos2, vec2,
};
use egui_kittest::kittest::{NodeT, Queryable};
use proptest::prelude::*;
use sotto_client::{Command, Update};
use sotto_gui::{Ask, Key, Lang};
use sotto_proto::{ConvKind, Page};

use crate::stage::{LOBBY, MINUTE, Setting, Stage, conv, name};

fn room(lang: Lang) -> Stage {
    Stage::chatting(Setting { lang, ..Setting::default() }, &["tom", "anna"])
}

/// A room with this much said in it, each text in its own way long.
fn full(messages: u64) -> Stage {
    let mut stage = room(Lang::English);
    for number in 1..=messages {
        stage.hears("tom", &text(number));
    }
    stage.run();
    stage
}

fn text(number: u64) -> String {
    let lines = 1 + number % 3;
    (0..lines).map(|line| format!("#{number}/{line} some words")).collect::<Vec<_>>().join("\n")
}

/// Where a message is on the screen.
fn row(stage: &Stage, number: u64) -> Option<Rect> {
    let wanted = format!("#{number}/0 ");
    let says = |node: &egui_kittest::Node<'_>| {
        node.accesskit_node().label().is_some_and(|label| label.contains(&wanted))
    };
    stage.harness.query_all_by_role(Role::ListItem).find(says).map(|node| node.rect())
}

/// The bottom of what can be seen of the timeline.
fn bottom(stage: &Stage) -> f32 {
    stage.harness.get_by_label_contains("Messages in").rect().bottom()
}

fn scrolls(stage: &mut Stage, by: f32) {
    stage.harness.hover_at(pos2(700.0, 300.0));
    let (unit, delta, modifiers) = (MouseWheelUnit::Point, vec2(0.0, by), Modifiers::NONE);
    stage.harness.event(Event::MouseWheel {
        unit,
        delta,
        phase: TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers,
    });
    stage.waits(6);
}

#[test]
fn what_would_be_hidden_or_turned_round_is_shown() {
    let mut stage = room(Lang::English);
    stage.hears("tom", "gpj\u{202e}exe.x and pay\u{200b}pal");
    stage.run();
    assert!(stage.shows("gpj□exe.x and pay□pal"));
}

#[test]
fn the_newest_line_is_whole_in_the_frame_in_which_it_comes() {
    let mut stage = full(40);
    for number in 41..60 {
        stage.hears("tom", &text(number));
        let row = row(&stage, number).expect("it is there, without another frame");
        assert!(row.bottom() <= bottom(&stage) && row.bottom() > bottom(&stage) - 20.0, "{row:?}");
    }
}

#[test]
fn any_step_up_lets_go_of_the_end_and_coming_near_it_holds_on_again() {
    let mut stage = full(60);
    for _ in 0..3 {
        scrolls(&mut stage, 4.0);
    }
    let before = row(&stage, 60).unwrap();
    assert!(before.bottom() > bottom(&stage), "scrolled up by a little");
    stage.hears("tom", &text(61));
    assert_eq!(row(&stage, 60).unwrap(), before, "nothing moves under the eyes");
    assert!(row(&stage, 61).is_none_or(|row| row.top() > bottom(&stage) - 40.0));
    scrolls(&mut stage, -300.0);
    stage.hears("tom", &text(62));
    assert!(row(&stage, 62).unwrap().bottom() <= bottom(&stage), "it follows again");
}

#[test]
fn a_button_leads_back_to_the_newest_line_and_says_how_many_there_are() {
    let mut stage = full(80);
    assert!(!stage.has(stage.says(Key::Jump)));
    scrolls(&mut stage, 300.0);
    assert!(!stage.has(stage.says(Key::Jump)), "the end is near");
    scrolls(&mut stage, 300.0);
    assert!(stage.has(stage.says(Key::Jump)));
    scrolls(&mut stage, -300.0);
    stage.hears("tom", &text(81));
    stage.run();
    assert!(stage.has(stage.says(Key::Jump)), "something new is below");
    stage.click(Key::Jump);
    assert!(row(&stage, 81).unwrap().bottom() <= bottom(&stage));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_stays_where_it_is_whatever_happens(events in proptest::collection::vec(0_u8..4, 1..12)) {
        let mut stage = full(50);
        scrolls(&mut stage, 700.0);
        let (number, before) = (1..=50)
            .filter_map(|number| Some((number, row(&stage, number)?)))
            .find(|(_, rect)| rect.top() > 80.0)
            .expect("something in sight");
        let (mut said, mut oldest, mut wide) = (50, 11, true);
        for event in events {
            match event {
                0 => {
                    said += 1;
                    stage.hears("anna", &text(said));
                }
                1 => {
                    // What is asked for comes: 5 older ones.
                    let from = oldest - 5_u64.min(oldest - 1);
                    let messages = (from..oldest).map(|seq| stage.message((LOBBY, seq), "tom", "long ago\nand far away"));
                    let messages = messages.collect();
                    stage.tells(Update::History { conv: conv(LOBBY), messages, more: true });
                    oldest = from;
                }
                2 => {
                    // Narrower and back: texts break differently, the row stays.
                    wide = !wide;
                    stage.harness.set_size(vec2(if wide { 1080.0 } else { 820.0 }, 720.0));
                }
                _ => stage.tells(Update::Joined(vec![name("anna")])),
            }
            stage.run();
            let now = row(&stage, number).expect("still in sight");
            // The first row in sight is what is held; rows below it may move by what became of it.
            if wide {
                prop_assert!((now.top() - before.top()).abs() <= 1.0, "{before:?} → {now:?}");
            }
        }
    }
}

#[test]
fn older_messages_are_asked_for_near_the_beginning_and_once() {
    let mut stage = room(Lang::English);
    stage.introduces((2, ConvKind::Set), &["mary", "tom"], (300, 300));
    stage.tells(Update::CaughtUp);
    let asked = stage.asked();
    let history = |asks: &[Ask]| {
        asks.iter()
            .filter(|ask| matches!(ask, Ask::Do(Command::History { page: Page::Before(_), .. })))
            .count()
    };
    assert_eq!(history(&asked), 1, "for the list: {asked:?}");
    let messages: Vec<_> = (271..=300).map(|seq| stage.message((2, seq), "tom", &text(seq))).collect();
    stage.tells(Update::History { conv: conv(2), messages, more: true });
    stage.press_with(Modifiers::ALT, Keyboard::ArrowDown);
    assert_eq!(history(&stage.asked()), 1);
    stage.waits(4);
    assert_eq!(history(&stage.asked()), 0, "one at a time");
    let messages: Vec<_> = (200..=270).map(|seq| stage.message((2, seq), "tom", &text(seq))).collect();
    stage.tells(Update::History { conv: conv(2), messages, more: true });
    stage.run();
    assert!(row(&stage, 300).is_some(), "the view did not move");
}

#[test]
fn opening_a_room_with_news_shows_where_they_begin() {
    for lang in Lang::ALL {
        let mut stage = room(lang);
        stage.introduces((2, ConvKind::Set), &["mary", "tom"], (0, 0));
        for seq in 1..=60 {
            stage.hears_in((2, seq), "tom", &text(seq));
        }
        stage.press_with(Modifiers::ALT, Keyboard::ArrowDown);
        stage.waits(1);
        let first = row(&stage, 1).expect("the first of the news");
        assert!(first.top() > 40.0 && first.bottom() < 300.0, "in the upper third: {first:?}");
        stage.waits(8);
        assert!(stage.shows("#1/0"), "and it stays while one reads");
    }
}

#[test]
fn messages_of_one_sender_stand_together_for_five_minutes() {
    let mut stage = room(Lang::English);
    let heights = |stage: &Stage, number| row(stage, number).unwrap().height();
    stage.hears("tom", "#1/0 x");
    stage.later(4 * MINUTE);
    stage.hears("tom", "#2/0 x");
    stage.later(6 * MINUTE);
    stage.hears("tom", "#3/0 x");
    stage.hears("anna", "#4/0 x");
    stage.hears("anna", "#5/0 x");
    stage.tells(Update::Joined(vec![name("zoe")]));
    stage.hears("anna", "#6/0 x");
    stage.run();
    let joined: Vec<_> = (2..=6).map(|number| heights(&stage, number) < 30.0).collect();
    assert_eq!(joined, [true, false, false, true, false], "later, another one, the same one, after a line");
}

#[test]
fn those_who_come_together_share_a_line() {
    let cases = [
        (&["Mary Ann"][..], "Mary Ann entered the room", "Mary Ann 进入了聊天室"),
        (&["a", "b"], "a and b entered the room", "a 和 b 进入了聊天室"),
        (&["a", "b", "c", "d"], "a and 3 others entered the room", "a 等另外 3 人进入了聊天室"),
    ];
    for (who, english, chinese) in cases {
        for (lang, said) in [(Lang::English, english), (Lang::Chinese, chinese)] {
            let mut stage = room(lang);
            for person in who {
                stage.tells(Update::Joined(vec![name(person)]));
            }
            stage.run();
            assert!(stage.shows(said), "{said}");
        }
    }
}

#[test]
fn comings_and_goings_can_be_hidden() {
    let settings = sotto_gui::Settings { show_joins: false, ..sotto_gui::Settings::default() };
    let mut stage = Stage::chatting(Setting { settings, ..Setting::default() }, &["tom"]);
    stage.tells(Update::Joined(vec![name("anna")]));
    stage.run();
    assert!(!stage.shows("entered the room"));
}

#[test]
fn days_are_separated_and_yesterday_becomes_older() {
    let mut stage = room(Lang::English);
    stage.hears("tom", "#1/0 x");
    let alone = row(&stage, 1).unwrap().height();
    stage.later(24 * 60 * MINUTE);
    stage.hears("tom", "#2/0 x");
    stage.run();
    assert!((row(&stage, 2).unwrap().height() - alone).abs() < 1.0, "a day of its own, a head of its own");
}

#[test]
fn searching_goes_from_match_to_match() {
    for lang in Lang::ALL {
        let mut stage = room(lang);
        for number in 1..=40 {
            let text = if number % 10 == 0 { format!("第{number}次作业 HOMEWORK") } else { text(number) };
            stage.hears("tom", &text);
        }
        stage.run();
        for wanted in ["作业", "homework"] {
            stage.press_with(Modifiers::COMMAND, Keyboard::F);
            assert_eq!(stage.focused(), stage.says(Key::SearchHere));
            stage.types(wanted);
            stage.run();
            let count = |stage: &Stage, k: u32| {
                stage.has(&stage.lang.fill(Key::SearchCount, &[("k", &k), ("n", &4)]))
            };
            assert!(count(&stage, 4), "the newest first");
            stage.press(Keyboard::Enter);
            assert!(count(&stage, 3));
            stage.click(Key::SearchNext);
            stage.click(Key::SearchNext);
            assert!(count(&stage, 1) && stage.shows("第10次作业"), "round to the oldest, and in sight");
            stage.press(Keyboard::Escape);
            assert!(!stage.has(stage.says(Key::SearchNext)));
        }
    }
}

#[test]
fn a_selection_over_several_messages_is_copied_with_names_and_times() {
    let mut stage = full(6);
    let (first, last) = (row(&stage, 2).unwrap(), row(&stage, 4).unwrap());
    let from = pos2(first.left() + 60.0, first.top() + 6.0);
    let to = pos2(last.left() + 600.0, last.bottom() - 4.0);
    stage.harness.hover_at(from);
    stage.harness.drag_at(from);
    for step in 1..=4 {
        stage.harness.hover_at(from + (to - from) * (step as f32 / 4.0));
    }
    stage.harness.drop_at(to);
    stage.run();
    stage.harness.event(Event::Copy);
    stage.harness.step();
    let copied = stage.harness.output().platform_output.commands.iter().find_map(|command| match command {
        OutputCommand::CopyText(text) => Some(text.clone()),
        _ => None,
    });
    let expected: Vec<_> = (2..=4).map(|number| format!("tom 09:30\n{}", text(number))).collect();
    assert_eq!(copied.unwrap_or_default(), expected.join("\n"));
}

#[test]
fn a_long_text_is_folded_and_can_be_unfolded() {
    let mut stage = room(Lang::English);
    stage.hears("tom", &"line\n".repeat(100));
    stage.hears("tom", "after");
    stage.run();
    stage.click(Key::ShowMore);
    scrolls(&mut stage, -5000.0);
    assert!(stage.has(stage.says(Key::ShowLess)));
}

#[test]
fn messages_that_are_not_here_can_be_fetched() {
    let mut stage = room(Lang::English);
    stage.hears("tom", "before");
    let (from, to) = (crate::stage::seq(12), crate::stage::seq(19));
    stage.tells(Update::Hole { conv: conv(LOBBY), from, to });
    stage.run();
    stage.click_named("Show 8 messages that are not loaded");
    let asked = stage.asked();
    assert!(
        asked.iter().any(|ask| matches!(ask, Ask::Do(Command::History { page: Page::After(_), .. }))),
        "{asked:?}"
    );
}

#[test]
fn with_nothing_going_on_nothing_is_drawn() {
    let mut stage = full(30);
    // The caret rests after ten seconds.
    stage.waits(80);
    stage.run();
    let delay = stage.harness.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay;
    assert!(delay.as_secs() >= 60, "the next frame is due in {delay:?}");
}

#[test]
fn without_a_connection_an_unread_past_costs_no_frames() {
    let mut stage = room(Lang::English);
    stage.introduces((2, ConvKind::Set), &["mary", "tom"], (300, 300));
    stage.tells(Update::CaughtUp);
    stage.press_with(Modifiers::ALT, Keyboard::ArrowDown);
    stage.tells(Update::Ended(sotto_client::Problem::Replaced));
    stage.waits(80);
    stage.run();
    let delay = stage.harness.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay;
    assert!(delay.as_secs() >= 60, "the next frame is due in {delay:?}");
}
