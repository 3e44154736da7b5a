//! The desktop client, as people use it: the real window, the real server, keys and a clipboard.

use std::io::Write;

use sotto_tests::binaries::{Cli, ServerProcess};
use sotto_tests::desktop::{Display, Window, missing};
use tempfile::TempDir;

/// From the log-in card, with everything filled in, by way of the question and the welcome, to the chat.
fn registers(window: &Window<'_>, user: &str) {
    window.focus();
    window.presses(&["Tab", "Tab", "Tab", "Tab", "Return"]);
    window.keep_picture(&format!("{user}-1-sure"));
    window.presses(&["Tab", "Return"]);
    window.keep_picture(&format!("{user}-2-welcome"));
    window.press("Return");
    window.titled(&format!("^Sotto .*{user}$"));
}

/// The cross, four pages and the account's; three more pages, three passwords with their eyes, a button, and the way out.
fn logs_out(window: &Window<'_>) {
    window.presses(&["ctrl+comma", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Return"]);
    window.keep_picture("wei-5-account");
    window.presses(&["Tab"; 11]);
    window.press("Return");
}

/// Says so where there is nothing to open a window on.
fn skipped() -> bool {
    let missing = missing();
    if !missing.is_empty() {
        let _ = writeln!(std::io::stderr(), "skipped: no desktop to test on; install {}", missing.join(" "));
    }
    !missing.is_empty()
}

fn heard(user: &Cli) -> Vec<String> {
    let lines = user.json(&["listen", "--until-caught-up"]);
    let texts = lines.iter().filter(|line| line["type"] == "message").map(|line| line["text"].as_str());
    texts.map(|text| text.expect("a text").to_owned()).collect()
}

#[test]
fn two_windows_chat_in_chinese_and_only_the_ticked_get_what_is_for_them() {
    if skipped() {
        return;
    }
    let (data, profiles) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = ServerProcess::start(data.path(), &[]);
    let address = server.link.address();
    let [anna, tom] = ["anna", "tom"].map(|name| Cli::new(&server.link, name, profiles.path()));
    for user in [&anna, &tom] {
        user.json(&["register"]);
    }

    let display = Display::open("two-windows");
    let open = |user: &str, lang: &str| {
        display.client(&server.link, (user, lang, &profiles.path().join(format!("{user}-gui"))))
    };
    let wei = open("wei", "zh-CN");
    wei.titled(&format!("^Sotto .*{address}$"));
    registers(&wei, "wei");
    let mut mary = open("mary", "en");
    mary.titled(&format!("^Sotto .*{address}$"));
    registers(&mary, "mary");

    mary.pastes("大家早上好！\n作业交到哪里？");
    mary.presses(&["ctrl+Return"]);
    wei.titled(r"^Sotto \(1\) .*wei$");
    wei.focus();
    wei.titled("^Sotto [^(]*wei$");
    wei.pastes("老师好，交到共享文件夹。");
    wei.presses(&["ctrl+Return"]);
    wei.keep_picture("wei-3-answered");
    mary.titled(r"^Sotto \(1\) .*mary$");

    // Wei, who is online, is the first among the people, then Anna: she is unticked, with the keyboard.
    mary.focus();
    mary.titled("^Sotto [^(]*mary$");
    mary.presses(&["F6", "F6", "Tab", "Tab", "space", "F6", "F6", "F6", "F6"]);
    mary.pastes("明天给安娜过生日。");
    mary.keep_picture("mary-3-not-to-anna");
    mary.presses(&["ctrl+Return"]);
    wei.titled(r"^Sotto \(1\) .*wei$");
    let greetings = ["大家早上好！\n作业交到哪里？", "老师好，交到共享文件夹。"];
    assert_eq!(heard(&anna), greetings, "Anna must not hear of her birthday");
    assert_eq!(heard(&tom), [&greetings[..], &["明天给安娜过生日。"]].concat());

    // What Wei sees can be selected and copied: names, times and texts.
    wei.focus();
    wei.titled("^Sotto [^(]*wei$");
    wei.presses(&["shift+F6", "ctrl+a"]);
    display.clip("nothing yet");
    wei.presses(&["ctrl+c"]);
    wei.keep_picture("wei-4-copied");
    let copied = display.clipped();
    for text in greetings.iter().chain(&["明天给安娜过生日。"]) {
        assert!(copied.contains(text), "{text:?} is missing in {copied:?}");
    }

    // Logging out leads back to the card; Ctrl+Q ends the program in good order.
    logs_out(&wei);
    wei.titled(&format!("^Sotto .*{address}$"));
    wei.keep_picture("wei-6-logged-out");
    mary.focus();
    mary.press("ctrl+q");
    assert!(mary.ends_well());
    let away = tom.json(&["users"]);
    let away = away.iter().filter(|user| user["online"] == false).count();
    assert!(away >= 2, "both have said goodbye");
}
