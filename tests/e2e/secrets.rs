//! Canaries: secrets that are easy to recognise go through a server that tells all it can and is then killed. They may be found
//! where they belong, and nowhere else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sotto_client::{Account, Dial, Registration, Trust, fresh_cid};
use sotto_proto::{Audience, ConvId, Epoch, Frame, MessageText, Page, Password, Reply, Request, Token};
use sotto_tests::binaries::{Cli, ServerProcess};
use sotto_tests::wire::{Heard, Wire};
use sotto_tests::{House, Person};
use tempfile::TempDir;

use crate::certificates::chain_in;

const RIGHT: &str = "canary-of-the-right-password";
const WRONG: &str = "canary-of-a-wrong-password";
const POOR: &str = "canary-";
const TEXT: &str = "canary of a text";

/// A server whose log, temporary files and key log, if it had one, all go into `dir`.
fn talkative(dir: &Path) -> ServerProcess {
    let script = format!(
        "export TMPDIR='{0}' SSLKEYLOGFILE='{0}/keys' RUST_BACKTRACE=full RUST_LOG=trace; exec \"$0\" \"$@\" 2>>'{0}/log'",
        dir.display()
    );
    let wrapper = ["sh".to_owned(), "-c".to_owned(), script];
    let telling = ["--log", "trace", "--registration", "invite", "--limit", "password-bytes=12"];
    ServerProcess::start_under(&wrapper, &dir.join("data"), &telling).unwrap()
}

/// The files below `dir` in which these bytes stand, by name.
fn found(dir: &Path, bytes: &[u8]) -> Vec<String> {
    let holds = |file: &PathBuf| fs::read(file).unwrap().windows(bytes.len()).any(|part| part == bytes);
    let relative = |file: PathBuf| file.strip_prefix(dir).unwrap().display().to_string();
    let mut names: Vec<_> = files(dir).into_iter().filter(holds).map(relative).collect();
    names.sort();
    names
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn all_in(found: &[String], homes: &[&str]) -> bool {
    found.iter().all(|file| homes.contains(&file.as_str()))
}

/// What happens with secrets in the life of an account; returns the token of its session.
async fn life(server: &ServerProcess, name: &str) -> Token {
    let dial = Dial::new(&server.link, Trust::Nothing);
    let invite = server.link.invite.as_deref();
    let mut person = Person::stranger(&dial).await;
    assert!(matches!(person.registers_with(name, POOR, invite).await, Reply::Refused(_)));
    assert!(matches!(person.registers_with(name, RIGHT, Some(WRONG)).await, Reply::Refused(_)));
    assert_eq!(person.registers_with(name, RIGHT, invite).await, Reply::Registered);
    assert_eq!(person.logs_in(name, WRONG).await, Reply::WrongPassword);
    assert!(matches!(person.logs_in(name, RIGHT).await, Reply::LoggedIn { .. }));
    person.catches_up().await;
    person.posts(TEXT).await;
    let mut resumed = Person::stranger(&dial).await;
    assert!(matches!(resumed.resumes(&person, &[]).await, Reply::LoggedIn { .. }));
    resumed.catches_up().await;
    // A password where none is expected, and a frame that is none.
    let mut confused = Person::stranger(&dial).await;
    confused.sends_payload(format!("101\r\n{RIGHT}").as_bytes()).await;
    confused.sends_payload(format!("101 {RIGHT}\r\n{name}\r\n{RIGHT}").as_bytes()).await;
    confused.until_the_end().await;
    resumed.token.clone().unwrap()
}

#[tokio::test]
async fn secrets_are_found_where_they_belong_and_nowhere_else() {
    let dir = TempDir::new().unwrap();
    let mut server = talkative(dir.path());
    let tokens = [life(&server, "ann").await, life(&server, "bob").await];
    let invite = server.link.invite.clone().unwrap();
    server.kill();
    // The database's log is still as the kill has left it.
    let database = ["data/sotto.db", "data/sotto.db-wal"];
    let keys = ["data/identity/identity.key", "data/identity/server.key"];
    let key = fs::read_to_string(dir.path().join(keys[1])).unwrap();
    let key = key.lines().nth(1).unwrap();
    for restarted in [false, true] {
        for password in [RIGHT, WRONG, "canary-of"] {
            assert_eq!(found(dir.path(), password.as_bytes()), [""; 0], "{password}, {restarted}");
        }
        for token in &tokens {
            assert_eq!(found(dir.path(), token.reveal().as_bytes()), [""; 0], "a token, {restarted}");
            assert_eq!(found(dir.path(), token.as_bytes()), [""; 0], "a token's bytes, {restarted}");
        }
        let text = found(dir.path(), TEXT.as_bytes());
        assert!(!text.is_empty() && all_in(&text, &database), "{text:?}, {restarted}");
        assert_eq!(found(dir.path(), invite.as_bytes()), ["data/invite-code"], "{restarted}");
        assert!(all_in(&found(dir.path(), key.as_bytes()), &keys), "{restarted}");
        assert!(!dir.path().join("keys").exists(), "TLS secrets were written down");
        let log = fs::read_to_string(dir.path().join("log")).unwrap();
        assert!(log.contains("logged in") && log.contains("wrong name or password"), "{log}");
        let mut again = talkative(dir.path());
        again.signal("TERM");
        again.wait();
    }
}

/// The records that a TLS peer has sent, by type and length.
fn records(mut bytes: &[u8]) -> Vec<(u8, usize)> {
    let mut records = Vec::new();
    while let [kind, 3, 1 | 3, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        records.push((*kind, length));
        bytes = rest.get(length..).unwrap_or_default();
    }
    assert_eq!(bytes, b"", "what is no record of TLS");
    records
}

/// Who listens to the wire learns that there is a conversation, when, and how long what is said is: no more.
#[tokio::test]
async fn the_wire_shows_sizes_and_times_and_nothing_else() {
    const HANDSHAKE: u8 = 22;
    const CHANGE_CIPHER_SPEC: u8 = 20;
    const APPLICATION_DATA: u8 = 23;
    let house = House::with_registration(sotto_server::Registration::Invite).await;
    let wire = Wire::tapped_to(house.address).await;
    let mut link = house.link.clone();
    (link.host, link.port) = (wire.address.ip().to_string(), wire.address.port());
    let dial = Dial::new(&link, Trust::Nothing);
    let invite = link.invite.as_deref();
    let mut tokens = Vec::new();
    for (name, friend) in [("canary-ann", "canary-ann"), ("canary-bob", "canary-ann")] {
        let mut person = Person::stranger(&dial).await;
        assert_eq!(person.registers_with(name, RIGHT, invite).await, Reply::Registered);
        assert_eq!(person.logs_in(name, WRONG).await, Reply::WrongPassword);
        let Reply::LoggedIn { token, device, .. } = person.logs_in(name, RIGHT).await else {
            panic!("not in")
        };
        person.catches_up().await;
        person.posts(TEXT).await;
        person.tells(&[friend], TEXT).await;
        person.looks_up(ConvId::new(1).unwrap(), Page::Latest, 10).await;
        let mut resumed = Person::stranger(&dial).await;
        assert!(matches!(resumed.resumes(&person, &[]).await, Reply::LoggedIn { .. }));
        resumed.leaves().await;
        tokens.extend([token, device.unwrap()]);
    }
    let heard = wire.heard();
    assert_eq!(heard.len(), 4);
    for Heard { asked, answered } in &heard {
        let from_client = records(asked);
        assert!(matches!(from_client[..], [(HANDSHAKE, _), (CHANGE_CIPHER_SPEC, 1), ..]), "{from_client:?}");
        assert!(from_client[2..].iter().all(|record| record.0 == APPLICATION_DATA), "{from_client:?}");
        let from_server = records(answered);
        assert!(matches!(from_server[..], [(HANDSHAKE, _), (CHANGE_CIPHER_SPEC, 1), ..]), "{from_server:?}");
        assert!(from_server[2..].iter().all(|record| record.0 == APPLICATION_DATA), "{from_server:?}");
        let all = [&asked[..], answered].concat();
        let holds = |bytes: &[u8]| all.windows(bytes.len()).any(|part| part == bytes);
        assert!(!holds(b"canary") && !holds(invite.unwrap().as_bytes()));
        assert!(!tokens.iter().any(|token| holds(token.as_bytes()) || holds(token.reveal().as_bytes())));
        let chain = chain_in(&house.dir().join("identity"));
        assert!(
            !chain.is_empty() && !chain.iter().any(|certificate| holds(certificate)),
            "who the server is"
        );
    }
}

#[test]
fn a_client_leaves_no_password_behind() {
    let dir = TempDir::new().unwrap();
    let server = talkative(dir.path());
    let profiles = dir.path().join("profiles");
    let ann = Cli::new(&server.link, "ann", &profiles);
    let run = |arguments: &[&str]| {
        let mut command: Command = ann.command(arguments);
        command.env("SOTTO_PASSWORD", RIGHT).env("SSLKEYLOGFILE", profiles.join("keys"));
        command.env("TMPDIR", &profiles);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    run(&["register"]);
    run(&["send", "--everyone", TEXT]);
    run(&["listen", "--until-caught-up"]);
    assert!(!files(&profiles).is_empty());
    assert_eq!(found(dir.path(), RIGHT.as_bytes()), [""; 0]);
    assert_eq!(found(&profiles, server.link.invite.clone().unwrap().as_bytes()), [""; 0]);
    assert!(!profiles.join("keys").exists());
}

/// What a panic, or a line somebody adds to the log, would show.
#[test]
fn what_holds_a_secret_does_not_print_it() {
    let (user, token) = (
        "ann".parse::<sotto_proto::Username>().unwrap(),
        Token::from_bytes(*b"canary-of-a-token-with-32-bytes!"),
    );
    let password = Password::new(RIGHT).unwrap();
    let (epoch, cid, text) = (Epoch::new(1), fresh_cid().unwrap(), MessageText::new(TEXT).unwrap());
    let account =
        Account { user: user.clone(), proof: password.clone().into(), take_over: false, peek: false };
    let requests = [
        Request::LogIn {
            user: user.clone(),
            password: password.clone(),
            take_over: false,
            peek: false,
            device: Some(token.clone()),
        },
        Request::Register { user: user.clone(), password: password.clone(), invite: None },
        Request::ChangePassword { old: password.clone(), new: password.clone() },
        Request::Resume { user: user.clone(), token: token.clone(), epoch, cursors: Vec::new() },
        Request::Send { cid: Some(cid), to: Audience::Everyone, text },
    ];
    let registration = Registration { user: user.clone(), password: password.clone(), invite: None };
    let reply = Reply::LoggedIn { user, token: token.clone(), epoch, max: 1, device: Some(token.clone()) };
    let frames = requests.each_ref().map(|request| Frame::parse(request.encode(None).slice(4..)).unwrap());
    let printed =
        format!("{account:?} {requests:?} {frames:?} {registration:?} {reply:?} {password:?} {token:?}");
    // 99 97 110: how bytes would be printed.
    for canary in ["canary", "99, 97, 110", &token.reveal()] {
        assert!(!printed.contains(canary), "{canary} in {printed}");
    }
}
