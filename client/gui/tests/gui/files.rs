//! Files in the window: sent, offered, taken, and everything that can become of them, in both languages.

use std::path::PathBuf;

use egui::{Key as Keyboard, Modifiers};
use sotto_client::{Command, FileCommand, Phase, Snag, Transfer, TransferId, Update};
use sotto_gui::{Ask, Key, Lang, Picked, Told};
use sotto_proto::{
    Attachment, Audience, Cid, FileHash, FileId, FileName, FileStage, FileState, Message, Standing,
};

use crate::stage::{LOBBY, NOW, Setting, Stage, conv, name, seq};

const DAY: u64 = 24 * 60 * 60 * 1000;

pub(crate) fn file(number: u8) -> FileId {
    FileId::from_bytes([number; 16])
}

pub(crate) fn attachment(number: u8, size: u64, media: &str) -> Attachment {
    let (hash, media) = (FileHash::from_bytes([number; 32]), media.parse().unwrap());
    Attachment { id: file(number), size, hash, media, until: NOW + 7 * DAY, gone: false }
}

/// Somebody offers a file to everyone.
pub(crate) fn offers(stage: &mut Stage, from: &str, (number, called, size): (u8, &str, u64)) {
    let at = stage.last() + 1;
    let message = stage.message((LOBBY, at), from, called);
    let file =
        Some(attachment(number, size, if called.ends_with("png") { "image/png" } else { "text/plain" }));
    stage.hears_message(Message { file, ..message });
}

/// What happens to a file here.
pub(crate) fn transfer(number: u8, (done, size): (u64, u64), phase: Phase) -> Update {
    let id = TransferId::Taking(file(number));
    Update::Transfer(Transfer {
        id,
        file: Some(file(number)),
        to: None,
        name: "hw3.pdf".into(),
        size,
        done,
        phase,
    })
}

fn asked(stage: &mut Stage) -> Vec<FileCommand> {
    let file = |ask| match ask {
        Ask::Do(Command::File(command)) => Some(command),
        _ => None,
    };
    stage.asked().into_iter().filter_map(file).collect()
}

fn in_each_language(play: impl Fn(Lang)) {
    Lang::ALL.into_iter().for_each(play);
}

fn stage(lang: Lang) -> Stage {
    Stage::chatting(Setting { lang, ..Setting::default() }, &["ann", "bob"])
}

#[test]
fn an_offer_asks_and_takes_no_for_an_answer() {
    in_each_language(|lang| {
        let mut stage = stage(lang);
        offers(&mut stage, "ann", (1, "hw3.pdf", 1_258_291));
        let question = lang.fill(Key::FileOffer, &[("name", &"ann")]);
        assert!(stage.shows(&question) && stage.shows("1.2 MB"), "{lang:?}");
        assert!(asked(&mut stage).is_empty(), "nothing is taken unasked");
        stage.click(Key::FileDecline);
        assert!(matches!(asked(&mut stage).as_slice(), [FileCommand::Decline(id)] if *id == file(1)));
        let people = vec![(name("mary"), Standing::Declined)];
        let state = FileState { file: file(1), stage: FileStage::Stored, off: 1_258_291, people };
        stage.tells(Update::FileState(state));
        stage.run();
        assert!(stage.shows(stage.says(Key::FileYouDeclined)));
    });
}

#[test]
fn a_file_is_accepted_paused_resumed_and_saved() {
    in_each_language(|lang| {
        let mut stage = stage(lang);
        offers(&mut stage, "ann", (1, "hw3.pdf", 1000));
        stage.click(Key::FileAccept);
        let [FileCommand::Accept { file: taken, name, dir }] = &asked(&mut stage)[..] else { panic!() };
        assert_eq!((taken.id, name.as_str(), dir), (file(1), "hw3.pdf", &sotto_client::downloads()));
        stage.tells(transfer(1, (620, 1000), Phase::Running));
        stage.run();
        assert!(stage.shows("62"), "{lang:?}");
        stage.click(Key::FilePause);
        stage.tells(transfer(1, (620, 1000), Phase::Paused));
        stage.run();
        assert!(stage.shows(stage.says(Key::FilePaused)));
        stage.click(Key::FileResume);
        let asked = asked(&mut stage);
        let id = TransferId::Taking(file(1));
        assert!(matches!(asked[..], [FileCommand::Pause(a), FileCommand::GoOn(b)] if (a, b) == (id, id)));
        stage.tells(transfer(1, (1000, 1000), Phase::Done(Some(PathBuf::from("/tmp/hw3.pdf")))));
        stage.run();
        assert!(stage.shows(stage.says(Key::FileDone)));
        stage.click(Key::FileFolder);
        assert!(matches!(&stage.asked()[..], [Ask::Reveal(path)] if path.ends_with("hw3.pdf")));
    });
}

#[test]
fn what_stops_a_file_is_said_in_words_and_can_be_tried_again() {
    in_each_language(|lang| {
        let mut stage = stage(lang);
        offers(&mut stage, "ann", (1, "hw3.pdf", 1000));
        for (snag, key) in [
            (Snag::DiskFull, Key::FileDisk),
            (Snag::Mismatch, Key::FileHashBad),
            (Snag::Io("?".into()), Key::FileTrouble),
        ] {
            stage.tells(transfer(1, (620, 1000), Phase::Failed(snag)));
            stage.run();
            let said = lang.fill(key, &[("why", &"?")]);
            assert!(stage.shows(&said), "{lang:?}: {said}");
        }
        stage.click(Key::MsgRetry);
        assert!(matches!(asked(&mut stage)[..], [FileCommand::GoOn(_)]));
    });
}

#[test]
fn an_offer_that_is_gone_offers_nothing_to_press() {
    in_each_language(|lang| {
        let mut stage = stage(lang);
        offers(&mut stage, "ann", (1, "hw3.pdf", 1000));
        let state = FileState { file: file(1), stage: FileStage::Gone, off: 0, people: vec![] };
        stage.tells(Update::FileState(state));
        stage.run();
        assert!(stage.shows(stage.says(Key::FileExpired)) && !stage.has(stage.says(Key::FileAccept)));
    });
}

#[test]
fn a_program_is_named_as_one_and_has_no_button_that_runs_it() {
    let mut stage = stage(Lang::English);
    offers(&mut stage, "ann", (1, "holiday\u{202e}gpj.exe", 1000));
    assert!(stage.shows("holidaygpj.exe"), "its real ending is to be seen");
    let done = Phase::Done(Some(PathBuf::from("/tmp/holidaygpj.exe")));
    stage.tells(transfer(1, (1000, 1000), done));
    stage.run();
    assert!(stage.has(stage.says(Key::FileFolder)) && !stage.has(stage.says(Key::FileOpen)));
}

/// Two files on disk.
fn two_files() -> (tempfile::TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["hw3.pdf", "作业.txt"].map(|name| dir.path().join(name)).to_vec();
    paths.iter().for_each(|path| std::fs::write(path, b"content").unwrap());
    (dir, paths)
}

#[test]
fn files_are_chosen_shown_once_more_and_sent_to_whom_it_says() {
    in_each_language(|lang| {
        let (_dir, paths) = two_files();
        let mut stage = stage(lang);
        stage.ticks("bob");
        stage.press_with(Modifiers::COMMAND, Keyboard::U);
        assert!(matches!(stage.asked()[..], [Ask::PickFiles]));
        stage.told(Told::Picked(Picked::Files(paths.clone())));
        stage.run();
        let to = "ann";
        assert!(stage.shows(&lang.count(Key::FileConfirm, 2, &[("to", &to)])), "{lang:?}");
        stage.click_named(&lang.fill(Key::FileRemove, &[("name", &"hw3.pdf")]));
        assert!(stage.shows(&lang.count(Key::FileConfirm, 1, &[("to", &to)])));
        stage.click(Key::FileSendNow);
        let [FileCommand::Send { to, path, .. }] = &asked(&mut stage)[..] else { panic!("{lang:?}") };
        assert_eq!((to, path), (&Audience::set([name("ann")]).unwrap(), &paths[1]));
    });
}

#[test]
fn files_that_are_dropped_or_pasted_come_to_the_same_question() {
    let (dir, paths) = two_files();
    let mut stage = stage(Lang::English);
    let pasted = format!("file://{}\r\n", paths[0].display());
    stage.harness.event(egui::Event::Paste(pasted));
    stage.run();
    assert!(stage.shows("Send 1 file to everyone?"));
    assert_eq!(stage.written(), "", "it is no text");
    stage.press(Keyboard::Escape);
    stage.told(Told::Picked(Picked::NoDialog));
    stage.run();
    stage.told(Told::Picked(Picked::Files(vec![dir.path().to_owned()])));
    stage.run();
    assert!(!stage.shows("Send 1 file"), "a folder is no file");
    stage.asked();
}

#[test]
fn a_file_that_is_chosen_twice_is_sent_once() {
    let (_dir, paths) = two_files();
    let mut stage = stage(Lang::English);
    for chosen in [&paths[..], &paths[..1]] {
        stage.told(Told::Picked(Picked::Files(chosen.to_vec())));
        stage.run();
    }
    assert!(stage.shows("Send 2 files to everyone?"));
    stage.asked();
}

/// mary's file, which the server has.
pub(crate) fn sent_file(stage: &mut Stage, path: PathBuf) -> Cid {
    let _ = asked(stage);
    let path = if path.is_file() { path } else { std::env::current_exe().unwrap() };
    stage.told(Told::Picked(Picked::Files(vec![path])));
    stage.run();
    stage.press(Keyboard::Enter);
    let [FileCommand::Send { cid, ref to, .. }] = asked(stage)[..] else { panic!("nothing was sent") };
    let (id, done, size) = (TransferId::Sending(cid), 0, 1_258_291);
    let transfer = |phase, done| {
        let (file, to, name) = (Some(file(9)), None, "hw3.pdf".into());
        Update::Transfer(Transfer { id, file, to, name, size, done, phase })
    };
    stage.tells(transfer(Phase::Running, done));
    let file = attachment(9, size, "application/pdf");
    stage.tells(Update::Offered { cid, to: to.clone(), name: FileName::new("hw3.pdf").unwrap(), file });
    let number = stage.last() + 1;
    stage.stored(cid, (LOBBY, number));
    stage.tells(transfer(Phase::Done(None), size));
    stage.run();
    cid
}

#[test]
fn the_sender_sees_each_one_and_can_take_it_back() {
    in_each_language(|lang| {
        let (_dir, paths) = two_files();
        let mut stage = stage(lang);
        sent_file(&mut stage, paths[0].clone());
        assert!(stage.shows(stage.says(Key::FileStored)), "{lang:?}");
        let people = vec![(name("ann"), Standing::Received), (name("bob"), Standing::Accepted(629_145))];
        let state = FileState { file: file(9), stage: FileStage::Stored, off: 1_258_291, people };
        stage.tells(Update::FileState(state));
        stage.run();
        assert!(stage.shows(&format!("ann {}", stage.says(Key::FileReceived))));
        assert!(stage.shows(&format!("bob {}", lang.fill(Key::FilePercent, &[("pct", &49)]))));
        stage.click_named(&lang.fill(Key::FileCancelOne, &[("name", &"bob")]));
        stage.click(Key::FileCancelAll);
        let asked = asked(&mut stage);
        assert!(
            matches!(&asked[..], [FileCommand::TakeBack { who: Some(who), .. }, FileCommand::TakeBack { who: None, .. }] if *who == name("bob"))
        );
    });
}

#[test]
fn files_of_before_the_log_in_are_where_they_were_offered() {
    let mut stage = stage(Lang::English);
    offers(&mut stage, "ann", (1, "old.txt", 7));
    let message = Message {
        file: Some(attachment(2, 8, "text/plain")),
        seq: seq(99),
        conv: conv(LOBBY),
        ..stage.message((LOBBY, 99), "bob", "listed.txt")
    };
    let state = FileState { file: file(2), stage: FileStage::Stored, off: 8, people: vec![] };
    let epoch = sotto_proto::Epoch::new(1);
    stage.tells(Update::LoggedIn { user: name("mary"), epoch, resumed: true });
    stage.tells(Update::Files { files: vec![(message, state)], more: false });
    stage.run();
    assert!(stage.shows(stage.says(Key::FileExpired)), "what is not listed is gone");
}
