//! Pictures of the main windows, compared with those in `tests/gui/pictures` and, for the two in the README,
//! `screenshots`. After a change that is meant: `client/gui/screenshots/make.sh`, look at them, commit them.

use egui::{Key as Keyboard, Modifiers, vec2};
use egui_kittest::SnapshotOptions;
use sotto_client::{Phase, Problem, Seen, TrustError, Update};
use sotto_gui::{Key, Lang, Picked, Settings, ThemeChoice, Told};
use sotto_proto::{ConvKind, FileStage, FileState, Standing};

use crate::files::{file, offers, sent_file, transfer};
use crate::stage::{LOBBY, MINUTE, Setting, Stage, name, pin};

/// How much of a picture may differ, and by how much: nothing that one could see.
const PIXELS: usize = 40;

fn picture(stage: &mut Stage, file: &str) {
    compare(stage, ("tests/gui/pictures", file));
}

fn compare(stage: &mut Stage, (directory, file): (&str, &str)) {
    stage.harness.remove_cursor();
    stage.waits(1);
    stage.harness.set_render_cursor(false);
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let options = SnapshotOptions::new().threshold(1.0).max_failed_pixels(PIXELS).output_path(directory);
    stage.harness.snapshot_options(file, &options);
}

fn setting(lang: Lang, theme: ThemeChoice) -> Setting {
    let settings = Settings { still: true, ..Settings::default() };
    Setting { lang, theme, settings, ..Setting::default() }
}

/// A class in the middle of a morning.
fn class(setting: Setting) -> Stage {
    let people = ["李雷", "Wang Fang", "Tom", "韩梅梅", "Anna", "Zhao Min"];
    let mut stage = Stage::chatting(setting, &people);
    stage.tells(Update::Left(vec![name("Zhao Min"), name("Anna")]));
    stage.introduces((2, ConvKind::Set), &["mary", "李雷"], (0, 0));
    stage.introduces((3, ConvKind::Set), &["mary", "Tom", "Wang Fang"], (0, 0));
    stage.hears_in((2, 1), "李雷", "老师好，我明天请假可以吗？");
    stage.later(11 * MINUTE);
    stage.hears("Wang Fang", "Good morning! Where do we hand in the homework?");
    stage.hears("李雷", "早上好，作业交到哪里？");
    stage.hears("李雷", "第二题可以用计算器吗？");
    stage.later(2 * MINUTE);
    says(&mut stage, "Into the shared folder, please:\nhttps://files.school.example/3b — before Friday.");
    says(&mut stage, "第二题可以用计算器，第三题不行。");
    stage.later(3 * MINUTE);
    stage.tells(Update::Joined(vec![name("Anna")]));
    stage.tells(Update::Joined(vec![name("Zhao Min")]));
    stage.hears_in((3, 1), "Tom", "Our group is complete: the three of us.");
    stage.later(MINUTE);
    stage.hears("韩梅梅", "谢谢老师！");
    stage.run();
    stage
}

fn says(stage: &mut Stage, text: &str) {
    stage.types(text);
    stage.press_with(Modifiers::COMMAND, Keyboard::Enter);
    let (cid, ..) = stage.sends().remove(0);
    stage.stored(cid, (LOBBY, stage.last() + 1));
}

#[test]
fn the_readme_shows_the_window_as_it_is() {
    let mut stage = class(Setting { scale: 1.5, ..setting(Lang::English, ThemeChoice::Dark) });
    stage.ticks("Tom");
    stage.types("It is Tom’s birthday tomorrow. Shall we sing?");
    compare(&mut stage, ("screenshots", "chat-en-dark"));
}

#[test]
fn the_readme_shows_the_window_in_chinese_too() {
    let mut stage = class(Setting { scale: 1.5, ..setting(Lang::Chinese, ThemeChoice::Light) });
    stage.types("明天见！");
    compare(&mut stage, ("screenshots", "chat-zh-light"));
}

#[test]
fn the_card_and_the_first_screen() {
    let mut stage = Stage::with_servers(
        setting(Lang::Chinese, ThemeChoice::Dark),
        &[("lab.example:7443", pin(1), "李雷")],
    );
    stage.run();
    stage.types("correct horse");
    picture(&mut stage, "login-zh");
    stage.click(Key::LoginOther);
    picture(&mut stage, "connect-zh-dark");
}

#[test]
fn a_new_server_and_one_that_is_not_there() {
    let mut stage = Stage::set(setting(Lang::English, ThemeChoice::Light));
    stage.run();
    stage.types("chat.school.lan");
    stage.press(Keyboard::Enter);
    let unknown = TrustError::Unknown(Seen { pin: pin(0x4F) });
    stage.finds(Err(unknown));
    picture(&mut stage, "trust-en-light");
    stage.click(Key::TrustNo);
    stage.asked();
    stage.types("nowhere");
    stage.press(Keyboard::Enter);
    stage.asked();
    let refused =
        sotto_client::ConnectError::Unreachable { address: "x".into(), why: sotto_client::Obstacle::Refused };
    stage.told(Told::Looked("nowhere".parse().unwrap(), Err(refused)));
    stage.run();
    picture(&mut stage, "connect-en-light");
}

#[test]
fn a_changed_identity_cannot_be_overlooked() {
    let mut stage = Stage::with_servers(
        setting(Lang::Chinese, ThemeChoice::Light),
        &[("lab.example:7443", pin(1), "李雷")],
    );
    stage.run();
    stage.types("correct horse");
    stage.press(Keyboard::Enter);
    stage.asked();
    let seen = Seen { pin: pin(0xC8) };
    stage.tells(Update::Ended(Problem::NotTrusted(TrustError::Changed { expected: pin(1), seen })));
    stage.run();
    picture(&mut stage, "changed-zh-light");
}

#[test]
fn a_narrow_window() {
    let mut stage = class(Setting { size: vec2(560.0, 640.0), ..setting(Lang::English, ThemeChoice::Light) });
    picture(&mut stage, "narrow-en-light");
}

#[test]
fn everything_twice_as_large() {
    let settings = Settings { zoom: 2.0, still: true, ..Settings::default() };
    let mut stage =
        class(Setting { settings, size: vec2(700.0, 450.0), ..setting(Lang::Chinese, ThemeChoice::Dark) });
    picture(&mut stage, "twice-zh-dark");
}

#[test]
fn what_is_hard_to_draw() {
    let people: Vec<_> = (1..=40).map(|number| format!("Person {number:02}")).collect();
    let mut people: Vec<_> = people.iter().map(String::as_str).collect();
    people.push("Wolfeschlegelsteinhausenbergerdo");
    let mut stage = Stage::chatting(setting(Lang::English, ThemeChoice::Dark), &people);
    stage.hears("Wolfeschlegelsteinhausenbergerdo", "a name as long as names may be");
    stage.hears("Person 07", &"字".repeat(400));
    stage.hears("Person 07", &"wall-of-text-without-a-single-space-".repeat(12));
    let why = sotto_client::Trouble::Lost("cut".into());
    stage.tells(Update::Reconnecting { wait: std::time::Duration::from_secs(4), why });
    stage.run();
    stage.types("Still writing while there is no connection");
    stage.press_with(Modifiers::COMMAND, Keyboard::Enter);
    stage.click(Key::PeopleNone);
    stage.types("nobody gets this");
    picture(&mut stage, "hard-en-dark");
}

#[test]
fn dialogs() {
    let mut stage = class(setting(Lang::English, ThemeChoice::Light));
    stage.press_with(Modifiers::COMMAND, Keyboard::Comma);
    stage.click(Key::SetAppearance);
    picture(&mut stage, "settings-en-light");
    stage.press(Keyboard::Escape);
    stage.press_with(Modifiers::COMMAND, Keyboard::K);
    stage.types("a");
    picture(&mut stage, "switcher-en-light");
}

#[test]
fn another_password() {
    let mut stage = class(setting(Lang::English, ThemeChoice::Dark));
    stage.press_with(Modifiers::COMMAND, Keyboard::Comma);
    stage.click(Key::SetAccount);
    picture(&mut stage, "account-en-dark");
}

#[test]
fn another_password_without_the_one_until_now() {
    let mut stage = class(setting(Lang::Chinese, ThemeChoice::Light));
    stage.press_with(Modifiers::COMMAND, Keyboard::Comma);
    stage.click(Key::SetAccount);
    stage.click(Key::PassChange);
    picture(&mut stage, "account-zh-light");
}

#[test]
fn an_empty_room() {
    let mut stage = Stage::chatting(setting(Lang::Chinese, ThemeChoice::Light), &[]);
    picture(&mut stage, "empty-zh-light");
}

/// Files in every state that one sees.
fn files(lang: Lang, theme: ThemeChoice) -> Stage {
    let mut stage = class(setting(lang, theme));
    sent_file(&mut stage, "/dev/null".into());
    let people = vec![
        (name("李雷"), Standing::Received),
        (name("Wang Fang"), Standing::Accepted(780_140)),
        (name("Tom"), Standing::Declined),
    ];
    let state = FileState { file: file(9), stage: FileStage::Stored, off: 1_258_291, people };
    stage.tells(Update::FileState(state));
    offers(
        &mut stage,
        "韩梅梅",
        (1, "第三组的作业，最后一版，真的是最后一版，老师请看这一个，谢谢老师.pdf", 5_242_880),
    );
    offers(&mut stage, "Tom", (2, "setup.exe", 3_145_728));
    stage.tells(transfer(2, (1_048_576, 3_145_728), Phase::Running));
    stage.later(1000);
    stage.tells(transfer(2, (2_097_152, 3_145_728), Phase::Running));
    stage.run();
    stage
}

#[test]
fn files_in_the_timeline() {
    picture(&mut files(Lang::English, ThemeChoice::Dark), "files-en-dark");
}

#[test]
fn files_in_the_timeline_in_chinese() {
    let mut stage = files(Lang::Chinese, ThemeChoice::Light);
    stage.tells(transfer(2, (3_145_728, 3_145_728), Phase::Done(Some("/tmp/setup.exe".into()))));
    stage.run();
    picture(&mut stage, "files-zh-light");
}

#[test]
fn the_question_before_files_are_sent() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["hw3.pdf", "黑板.png"].map(|name| dir.path().join(name)).to_vec();
    paths.iter().for_each(|path| std::fs::write(path, vec![0; 655_360]).unwrap());
    let mut stage = class(setting(Lang::English, ThemeChoice::Light));
    stage.ticks("Tom");
    stage.told(Told::Picked(Picked::Files(paths)));
    stage.run();
    picture(&mut stage, "sheet-en-light");
}

#[test]
fn what_is_not_encrypted_is_marked() {
    let mut stage = class(setting(Lang::English, ThemeChoice::Light));
    stage.tells(Update::InTheClear(vec![name("Tom"), name("韩梅梅")]));
    let next = stage.last() + 1;
    let message = stage.message((LOBBY, next), "韩梅梅", "我还在用旧的程序。");
    stage.tells(Update::Message(sotto_proto::Message { clear: true, ..message }));
    stage.run();
    picture(&mut stage, "clear-en-light");
}
