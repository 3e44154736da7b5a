//! The real server binary: its one line, its signals, its refusals to start, and what a kill leaves behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sotto_client::{Account, Client, Command, Dial, Options, Patience, Trust, Update, fresh_cid};
use sotto_proto::{Audience, MessageText, Page, Password, Reason, Reply};
use sotto_tests::binaries::{ServerProcess, server};
use sotto_tests::{PASSWORD, Person, soon};
use tempfile::TempDir;

fn dial(server: &ServerProcess) -> Dial {
    Dial::new(&server.link, Trust::Nothing)
}

async fn newcomer(server: &ServerProcess, name: &str) -> Person {
    let mut person = Person::stranger(&dial(server)).await;
    assert_eq!(person.registers(name, PASSWORD).await, Reply::Registered);
    person.logs_in(name, PASSWORD).await;
    person.catches_up().await;
    person
}

/// What a server that cannot start says, and that its exit code says so, too.
fn refusal(dir: &Path, arguments: &[&str]) -> String {
    let output = server(dir, arguments).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    said.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn standard_output_gets_exactly_one_line() {
    let dir = TempDir::new().unwrap();
    let mut server = ServerProcess::start(dir.path(), &[]);
    let words: Vec<_> = server.ready.split_whitespace().collect();
    let pin = server.link.pin.unwrap();
    let port = server.link.port;
    let link = format!("link={}", server.link);
    assert_eq!(words, ["ready", &format!("tls=127.0.0.1:{port}"), &format!("pin={pin}"), &link]);
    server.signal("TERM");
    assert_eq!(server.wait(), (Some(0), String::new()));
}

#[tokio::test]
async fn nothing_acknowledged_is_missing_after_a_kill() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..5_u64 {
        let mut server = ServerProcess::start(dir.path(), &[]);
        let mut ann =
            if round == 0 { newcomer(&server, "ann").await } else { returning(&server, "ann").await };
        for index in 0..40 {
            ann.drops_in(&[], &format!("{round}.{index}")).await;
        }
        // Killed in the middle of the answers: somewhere between the first and the last.
        for _ in 0..=(round * 7) {
            let stored = ann.waits_for("212", |reply| matches!(reply, Reply::Stored { .. })).await;
            let Reply::Stored { cid, conv, seq, .. } = stored else { panic!("{stored:?}") };
            acknowledged.push((cid, conv, seq));
        }
        server.kill();
    }
    let server = ServerProcess::start(dir.path(), &[]);
    let mut ann = returning(&server, "ann").await;
    let (_, conv, _) = acknowledged[0];
    let (history, _) = ann.looks_up(conv, Page::Latest, 200).await;
    assert!(
        history.iter().enumerate().all(|(index, seen)| seen.seq == index as u64 + 1),
        "dense: {history:?}"
    );
    for (cid, conv, seq) in acknowledged {
        let text = MessageText::new("sent again").unwrap();
        ann.sends(&sotto_proto::Request::Send { cid: Some(cid), to: Audience::Everyone, text }).await;
        assert_eq!(ann.is_acknowledged(cid).await, (conv, seq.get()));
    }
}

async fn returning(server: &ServerProcess, name: &str) -> Person {
    let mut person = Person::stranger(&dial(server)).await;
    let answer = person.logs_in(name, PASSWORD).await;
    assert!(matches!(answer, Reply::LoggedIn { .. }), "{answer:?}");
    person.catches_up().await;
    person
}

#[tokio::test]
async fn a_client_rides_out_a_kill_and_a_restart() {
    let dir = TempDir::new().unwrap();
    let mut server = ServerProcess::start(dir.path(), &[]);
    drop(newcomer(&server, "bob").await);
    let address = format!("127.0.0.1:{}", server.link.port);
    let account = Account {
        user: "bob".parse().unwrap(),
        proof: Password::new(PASSWORD).unwrap().into(),
        take_over: true,
        peek: false,
    };
    let mut bob = Client::start(
        Options { dial: dial(&server), account, patience: Patience::Always, memory: None, device: None },
        || {},
    );
    soon("a log-in", async { while bob.update().await != Some(Update::CaughtUp) {} }).await;
    server.kill();
    let cid = fresh_cid().unwrap();
    let text = MessageText::new("written while the server was dead").unwrap();
    bob.send(Command::Send { cid, to: Audience::Everyone, text }).await;
    let _server = ServerProcess::start(dir.path(), &["--listen", &address]);
    let sent = async {
        loop {
            match bob.update().await.unwrap() {
                Update::Sent { cid: stored, seq, .. } if stored == cid => return seq.get(),
                Update::Ended(problem) => panic!("{problem:?}"),
                _ => {}
            }
        }
    };
    assert_eq!(soon("the message to be stored", sent).await, 1);
}

#[tokio::test]
async fn a_signal_under_traffic_ends_with_everything_answered_and_a_good_bye() {
    let dir = TempDir::new().unwrap();
    let mut server = ServerProcess::start(dir.path(), &[]);
    let (mut ann, mut bob) = (newcomer(&server, "ann").await, newcomer(&server, "bob").await);
    for index in 0..200 {
        ann.drops_in(&[], &index.to_string()).await;
    }
    bob.next_message().await;
    server.signal("TERM");
    for person in [&mut ann, &mut bob] {
        let said = person.until_the_end().await;
        let Some(Reply::Goodbye(bye)) = said.last() else { panic!("no good-bye: {said:?}") };
        assert_eq!(bye.reason, Reason::Shutdown);
        assert!(bye.retry_after.is_some());
    }
    assert_eq!(server.wait().0, Some(0));
}

#[test]
fn a_second_server_on_the_same_data_refuses_and_touches_nothing() {
    let dir = TempDir::new().unwrap();
    let _first = ServerProcess::start(dir.path(), &[]);
    let said = refusal(dir.path(), &[]);
    assert!(said.contains("another sotto-server") && said.contains("--data-dir"), "{said}");
}

#[test]
fn a_busy_port_is_named() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let first = ServerProcess::start(dir.path(), &[]);
    let address = format!("127.0.0.1:{}", first.link.port);
    let said = refusal(other.path(), &["--listen", &address]);
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");
}

#[test]
fn a_wrong_setting_is_named_with_its_line() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("wrong.toml");
    fs::write(&file, "# fine\nregistraton = \"open\"\n").unwrap();
    let said = refusal(dir.path(), &["--config", file.to_str().unwrap()]);
    assert!(said.contains("wrong.toml") && said.contains("line 2") && said.contains("registraton"), "{said}");
    let said = refusal(dir.path(), &["--limit", "conections=3"]);
    assert!(said.contains("conections"), "{said}");
}

#[test]
fn a_key_that_is_missing_or_belongs_elsewhere_is_named() {
    use sotto_certs::{Existing, Names};
    let (dir, ours, theirs) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    for certs in [&ours, &theirs] {
        sotto_certs::mint(certs.path(), &Names::of_this_machine(), Existing::Keep).unwrap();
    }
    let cert = ours.path().join(sotto_certs::SERVER_CERTIFICATE);
    for (key, complaint) in
        [(theirs.path().join("server.key"), "does not belong"), (theirs.path().join("no.key"), "no.key")]
    {
        let said = refusal(dir.path(), &["--cert", cert.to_str().unwrap(), "--key", key.to_str().unwrap()]);
        assert!(said.contains(complaint), "{said}");
    }
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("a-file");
    fs::write(&file, "").unwrap();
    let said = refusal(&file, &[]);
    assert!(said.contains("a-file") && said.contains("data directory"), "{said}");
}

#[test]
fn a_database_that_is_none_is_named() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("sotto.db"), vec![b'x'; 8192]).unwrap();
    let said = refusal(dir.path(), &[]);
    assert!(said.contains("sotto.db"), "{said}");
}

#[test]
fn secrets_are_readable_by_their_owner_only() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let _server = ServerProcess::start(&data, &[]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for secret in ["identity/identity.key", "identity/server.key", "invite-code"] {
        assert_eq!(mode(&data.join(secret)), 0o600, "{secret}");
    }
}

#[test]
fn the_invite_can_be_shown_and_replaced_while_the_server_runs() {
    let dir = TempDir::new().unwrap();
    let invited = ["--registration", "invite"];
    let server_process = ServerProcess::start(dir.path(), &invited);
    let shown = |more: &[&str]| {
        let output = server(dir.path(), &[&invited, more].concat()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<sotto_proto::Link>().unwrap()
    };
    assert_eq!(shown(&["invite"]).invite, server_process.link.invite);
    let new = shown(&["invite", "--new"]);
    assert_ne!(new.invite, server_process.link.invite);
    assert_eq!(new.pin, server_process.link.pin);
}

#[test]
fn the_example_configuration_is_accepted_as_it_is_printed() {
    let dir = TempDir::new().unwrap();
    let printed = server(dir.path(), &["--print-config"]).output().unwrap();
    let file = dir.path().join("printed.toml");
    fs::write(&file, printed.stdout).unwrap();
    ServerProcess::start(dir.path(), &["--config", file.to_str().unwrap()]);
}

#[test]
fn check_says_what_is_dangerous_with_its_remedy_and_in_its_exit_code() {
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let check = |more: &[&str]| {
        let output = server(dir.path(), &[more, &["check"]].concat()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = check(&[]);
    assert!(code == Some(0) && !said.contains("DANGER"), "{said}");
    let open_door = ["--plaintext-compat", "0.0.0.0:8888", "--plaintext-compat-any-interface"];
    let (code, said) = check(&open_door);
    assert!(code == Some(1) && said.starts_with("DANGER: --plaintext-compat"), "{said}");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (code, said) = check(&[]);
    assert!(code == Some(1) && said.contains("chmod 700"), "{said}");
}

/// A core dump would hold keys, passwords and messages.
#[cfg(target_os = "linux")]
#[test]
fn the_server_leaves_no_core() {
    let dir = TempDir::new().unwrap();
    let server = ServerProcess::start(dir.path(), &[]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>()[..2], ["0", "0"], "{line}");
}

/// A thousand clients are a thousand open files, and the usual soft limit is 1,024.
#[cfg(target_os = "linux")]
#[test]
fn the_server_opens_as_many_files_as_the_hard_limit_allows() {
    let dir = TempDir::new().unwrap();
    let limited = ["sh", "-c", "ulimit -S -n 256; exec \"$0\" \"$@\""].map(str::to_owned);
    let server = ServerProcess::start_under(&limited, dir.path(), &[]).unwrap();
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let [soft, hard, ..] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
    assert!(soft == hard && soft != "256", "{line}");
}

/// Judged by the systemd of this machine, where there is one.
#[test]
fn the_unit_for_systemd_is_understood_and_leaves_the_server_little() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/packaging/sotto-server.service");
    // Nothing of it is installed here.
    let unit = fs::read_to_string(unit).unwrap().replace("/usr/local/bin/sotto-server", "/bin/true");
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("sotto-server.service");
    fs::write(&file, unit).unwrap();
    let judge = |arguments: &[&str]| {
        std::process::Command::new("systemd-analyze").args(arguments).arg(&file).output()
    };
    let Ok(verdict) = judge(&["verify"]) else { return };
    let said = String::from_utf8_lossy(&verdict.stderr);
    assert!(verdict.status.success() && !said.contains("sotto"), "{said}");
    // 1.5 on systemd's scale, from 0 to 10, of what somebody could do who has taken the server over.
    let verdict = judge(&["security", "--offline=yes", "--threshold=15"]).unwrap();
    assert!(verdict.status.success(), "{}", String::from_utf8_lossy(&verdict.stdout));
}
