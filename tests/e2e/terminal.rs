//! `sotto-cli`, as people and scripts use it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Output, Stdio};

use serde_json::Value;
use sotto_proto::Link;
use sotto_tests::binaries::{Cli, ServerProcess};
use tempfile::TempDir;

/// A server, and a profile for each of its users.
struct Stage {
    _data: TempDir,
    profiles: TempDir,
    server: ServerProcess,
}

fn stage() -> Stage {
    let (data, profiles) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let server = ServerProcess::start(data.path(), &["--registration", "invite"]);
    Stage { _data: data, profiles, server }
}

impl Stage {
    /// Somebody with an account.
    fn user(&self, name: &str) -> Cli {
        let user = self.stranger(name);
        let registered = user.json(&["register"]);
        assert_eq!(registered[0]["type"], "registered");
        user
    }

    /// Somebody without.
    fn stranger(&self, name: &str) -> Cli {
        Cli::new(&self.server.link, name, self.profiles.path())
    }

    fn with_link(&self, name: &str, link: &Link) -> Cli {
        Cli::new(link, name, self.profiles.path())
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn texts(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter(|line| line["type"] == "message").filter_map(|line| line["text"].as_str()).collect()
}

#[test]
fn a_script_sends_listens_and_reads_history() {
    let stage = stage();
    let (ann, bob) = (stage.user("ann"), stage.user("张伟"));
    let sent = ann.json(&["send", "--everyone", "大家好"]);
    assert_eq!((sent.len(), &sent[0]["type"], &sent[0]["seq"]), (1, &"sent".into(), &1.into()));
    ann.json(&["send", "--to", "张伟", "just you\nand me"]);
    let heard = bob.json(&["listen", "--until-caught-up"]);
    assert_eq!(texts(&heard), ["大家好", "just you\nand me"]);
    let message = heard.iter().find(|line| line["kind"] == "set").unwrap();
    assert_eq!((&message["members"], &message["from"]), (&serde_json::json!(["ann", "张伟"]), &"ann".into()));
    assert_eq!(heard.last().unwrap()["type"], "caught-up");
    assert_eq!(texts(&bob.json(&["listen", "--until-caught-up"])), Vec::<&str>::new());
    assert_eq!(texts(&bob.json(&["history", "--with", "ann"])), ["just you\nand me"]);
    assert_eq!(texts(&bob.json(&["history", "--everyone", "--limit", "1"])), ["大家好"]);
}

#[test]
fn users_are_listed_with_presence() {
    let stage = stage();
    let (ann, _bob) = (stage.user("ann"), stage.user("bob"));
    let users = ann.json(&["users"]);
    let expected = [("ann", true), ("bob", false)];
    let listed: Vec<_> =
        users.iter().map(|u| (u["user"].as_str().unwrap(), u["online"].as_bool().unwrap())).collect();
    assert_eq!(listed, expected);
}

#[test]
fn each_line_of_a_pipe_can_be_a_message() {
    let stage = stage();
    let ann = stage.user("ann");
    let mut child = ann.command(&["send", "--everyone", "--lines"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"one\ntwo\nthree").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(texts(&ann.json(&["history"])), ["one", "two", "three"]);
    let mut child = ann.command(&["send", "--everyone", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all("整个\n文本\n".as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(texts(&ann.json(&["history", "--limit", "1"])), ["整个\n文本"]);
}

/// They come in more pages than messages so many would.
#[test]
fn history_has_as_many_messages_as_were_asked_for_however_long_they_are() {
    let stage = stage();
    let ann = stage.user("ann");
    let mut child = ann.command(&["send", "--everyone", "--lines"]).stdin(Stdio::piped()).spawn().unwrap();
    let said: Vec<String> = (0..20).map(|number| format!("{number} {}", "x".repeat(16_000))).collect();
    child.stdin.take().unwrap().write_all(said.join("\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let read = ann.json(&["history", "--limit", "18"]);
    assert!(texts(&read) == said[2..], "{} messages", read.len());
}

#[test]
fn people_chat_line_by_line() {
    let stage = stage();
    let (ann, bob) = (stage.user("ann"), stage.user("bob"));
    let mut listening =
        bob.command(&["--json", "listen", "--count", "2"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut heard = BufReader::new(listening.stdout.take().unwrap()).lines();
    assert!(heard.next().unwrap().unwrap().contains("caught-up"));
    let mut chat = ann.command(&["login"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut typed = chat.stdin.take().unwrap();
    typed.write_all(b"hello\n/to bob\n//just you\n/nonsense\n/quit\n").unwrap();
    let output = chat.wait_with_output().unwrap();
    assert!(output.status.success());
    let screen = String::from_utf8(output.stdout).unwrap();
    assert!(screen.contains("lines go to bob") && screen.contains("there is no /nonsense"), "{screen}");
    let lines: Vec<Value> = heard.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    assert_eq!(texts(&lines), ["hello", "/just you"]);
    assert!(listening.wait().unwrap().success());
}

#[test]
fn exit_codes_and_sentences_say_what_went_wrong() {
    let stage = stage();
    let ann = stage.user("ann");
    let cases: [(Output, i32, &str); 4] = [
        (ann.run(&["send", "--to", "nobody", "x"]), 4, "nobody"),
        (
            ann.command(&["users"]).env("SOTTO_PASSWORD", "a wrong one").output().unwrap(),
            4,
            "wrong name or password",
        ),
        (ann.run(&["send", "x"]), 2, "--everyone"),
        (ann.run(&["register"]), 4, "taken"),
    ];
    for (output, code, sentence) in cases {
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        assert!(said(&output).contains(sentence), "{}", said(&output));
    }
    let gone = stage.with_link("ann", &Link { port: 1, ..stage.server.link.clone() });
    assert_eq!(gone.run(&["users"]).status.code(), Some(5));
    let uninvited = stage.with_link("eve", &Link { invite: None, ..stage.server.link.clone() });
    assert_eq!(uninvited.run(&["register"]).status.code(), Some(4));
}

#[test]
fn a_server_is_trusted_by_comparison_only() {
    let stage = stage();
    let bare = Link { pin: None, invite: None, ..stage.server.link.clone() };
    let eve = stage.with_link("eve", &bare);
    let refused = eve.run(&["users"]);
    let pin = stage.server.link.pin.unwrap();
    assert_eq!(refused.status.code(), Some(3));
    assert!(
        said(&refused).contains(&pin.to_string()) && said(&refused).contains("trust"),
        "{}",
        said(&refused)
    );
    let wrong = eve.run(&["trust", "--fingerprint", &format!("sha256:{}", "A".repeat(43))]);
    assert_eq!(wrong.status.code(), Some(3));
    assert_eq!(eve.run(&["trust"]).status.code(), Some(3));
    let trusted = eve.json(&["trust", "--fingerprint", &pin.to_groups()]);
    assert_eq!(trusted[0]["type"], "trusted");
    assert_eq!(eve.run(&["users"]).status.code(), Some(4), "known now, and without an account");
}

#[test]
fn a_second_place_is_refused_and_can_be_taken_over() {
    let stage = stage();
    let ann = stage.user("ann");
    let mut listening =
        ann.command(&["--json", "listen"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut heard = BufReader::new(listening.stdout.take().unwrap()).lines();
    assert!(heard.next().unwrap().unwrap().contains("caught-up"));
    let refused = ann.run(&["users"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(said(&refused).contains("--take-over"), "{}", said(&refused));
    assert!(ann.run(&["users", "--take-over"]).status.success());
    assert_eq!(listening.wait().unwrap().code(), Some(4));
}
