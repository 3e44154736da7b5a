//! Backups through the real binary: made beside a server that is written to, looked through, put back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sotto_client::{Account, Client, Dial, Options, Patience, Trust, Update};
use sotto_proto::{ConvId, Page, Password, Reply};
use sotto_tests::binaries::{ServerProcess, server, within};
use sotto_tests::files::content;
use sotto_tests::{PASSWORD, Person, soon};
use tempfile::TempDir;

fn dial(server: &ServerProcess) -> Dial {
    Dial::new(&server.link, Trust::Nothing)
}

async fn enters(server: &ServerProcess, name: &str) -> Person {
    let mut person = Person::stranger(&dial(server)).await;
    person.registers(name, PASSWORD).await;
    let answer = person.logs_in(name, PASSWORD).await;
    assert!(matches!(answer, Reply::LoggedIn { .. }), "{answer:?}");
    person.catches_up().await;
    person
}

async fn lobby(person: &mut Person) -> Vec<String> {
    let (seen, _) = person.looks_up(ConvId::new(1).unwrap(), Page::Latest, 200).await;
    assert!(seen.iter().zip(1..).all(|(seen, seq)| seen.seq == seq), "dense: {seen:?}");
    seen.into_iter().map(|seen| seen.text).collect()
}

/// A place for a data directory and backups.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn backup(&self) -> PathBuf {
        self.0.path().join("monday")
    }

    fn run(&self, words: &[&str]) -> Output {
        server(&self.data(), words).output().unwrap()
    }

    /// Runs it, expects success; what it says.
    fn does(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success() && output.stderr.is_empty(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs it, expects that it fails with 1; its sentence.
    fn refuses(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn backs_up(&self) -> String {
        self.does(&["backup", text(&self.backup())])
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn a_backup_beside_a_server_that_is_written_to_has_all_that_was_acknowledged_before() {
    let place = Place::new();
    let running = ServerProcess::start(&place.data(), &[]);
    let (mut ann, bob) = (enters(&running, "ann").await, enters(&running, "bob").await);
    let sent = content(300_000);
    let file = ann.offers(&["bob"], "a.bin", &sent).await;
    ann.uploads(file, &sent).await;
    for index in 0..50 {
        ann.posts(&index.to_string()).await;
    }
    let command = (place.data(), place.backup());
    let backing_up = tokio::task::spawn_blocking(move || {
        server(&command.0, &["backup", text(&command.1)]).output().unwrap()
    });
    let mut more = 50;
    while !backing_up.is_finished() {
        ann.posts(&more.to_string()).await;
        more += 1;
    }
    let output = backing_up.await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = place.does(&["verify", text(&place.backup())]);
    assert!(said.contains("is sound") && said.contains("2 accounts, 1 files"), "{said}");
    assert!(place.does(&["verify"]).contains("is sound"), "the server's own directory is, too");

    drop((ann, bob));
    let second = ServerProcess::start(&place.backup(), &[]);
    assert_eq!(second.link.pin, running.link.pin, "a backup has the server's identity");
    let mut bob = enters(&second, "bob").await;
    let there = lobby(&mut bob).await;
    assert!(there.len() >= 50 && there.iter().zip(0..).all(|(text, index)| *text == index.to_string()));
    bob.answers(file, sotto_proto::Answer::Accept).await;
    assert!(bob.takes(file, 300_000).await == sent);
}

#[tokio::test]
async fn after_a_restore_clients_start_over_and_nothing_is_lost_or_doubled() {
    let place = Place::new();
    let mut first = ServerProcess::start(&place.data(), &[]);
    let (mut ann, mut bob) = (enters(&first, "ann").await, enters(&first, "bob").await);
    ann.posts("before").await;
    bob.reads("ann", "before").await;
    place.backs_up();
    ann.posts("after").await;
    bob.reads("ann", "after").await;
    first.kill();
    let said = place.does(&["restore", text(&place.backup()), "--replace"]);
    assert!(said.contains("1 messages") && said.contains("replaced-1"), "{said}");
    let second = ServerProcess::start(&place.data(), &[]);
    let mut again = Person::stranger(&dial(&second)).await;
    assert!(matches!(again.resumes(&bob, &[(ConvId::new(1).unwrap(), 2)]).await, Reply::LoggedIn { .. }));
    assert_eq!(again.next().await, Reply::StartOver { conv: None });
    assert_eq!(again.reads("ann", "before").await.seq, 1);
    again.catches_up().await;
    let mut ann = enters(&second, "ann").await;
    assert_eq!(ann.posts("again").await.1, 2);
    assert_eq!(again.reads("ann", "again").await.seq, 2);
    again.hears_nothing().await;
    let aside = place.does(&["verify", text(&place.data().join("replaced-1"))]);
    assert!(aside.contains("is sound: 2 messages"), "what was replaced is kept, with its log: {aside}");
}

#[tokio::test]
async fn a_client_that_rides_through_a_restore_is_told_to_start_over() {
    let place = Place::new();
    let mut first = ServerProcess::start(&place.data(), &[]);
    let address = format!("127.0.0.1:{}", first.link.port);
    let mut ann = enters(&first, "ann").await;
    drop(enters(&first, "bob").await);
    let account = Account {
        user: "bob".parse().unwrap(),
        proof: Password::new(PASSWORD).unwrap().into(),
        take_over: true,
        peek: false,
    };
    let options =
        Options { dial: dial(&first), account, patience: Patience::Always, memory: None, device: None };
    let mut bob = Client::start(options, || {});
    soon("a log-in", async { while bob.update().await != Some(Update::CaughtUp) {} }).await;
    place.backs_up();
    ann.posts("gone").await;
    soon("it", async { while !matches!(bob.update().await, Some(Update::Message(_))) {} }).await;
    first.kill();
    place.does(&["restore", text(&place.backup()), "--replace"]);
    let second = ServerProcess::start(&place.data(), &["--listen", &address]);
    soon("to start over", async { while bob.update().await != Some(Update::StartOver(None)) {} }).await;
    soon("the rest", async { while bob.update().await != Some(Update::CaughtUp) {} }).await;
    enters(&second, "ann").await.posts("here").await;
    let next = async {
        loop {
            if let Some(Update::Message(message)) = bob.update().await {
                return (message.seq.get(), message.text.as_str().to_owned());
            }
        }
    };
    assert_eq!(soon("what comes then", next).await, (1, "here".to_owned()));
}

#[tokio::test]
async fn a_log_that_lies_about_is_not_read_into_a_restored_database() {
    let place = Place::new();
    let mut first = ServerProcess::start(&place.data(), &[]);
    let mut ann = enters(&first, "ann").await;
    ann.posts("before").await;
    place.backs_up();
    ann.posts("after").await;
    first.kill();
    let log = place.data().join("sotto.db-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0);
    // As somebody would who puts a backup back by hand.
    fs::remove_file(place.data().join("sotto.db")).unwrap();
    place.does(&["restore", text(&place.backup())]);
    assert!(!log.exists() && place.data().join("replaced-1/sotto.db-wal").exists());
    let second = ServerProcess::start(&place.data(), &[]);
    assert_eq!(lobby(&mut enters(&second, "ann").await).await, ["before"]);
}

#[tokio::test]
async fn a_server_finishes_a_restore_that_was_cut_short() {
    let place = Place::new();
    let mut first = ServerProcess::start(&place.data(), &[]);
    let mut ann = enters(&first, "ann").await;
    ann.posts("before").await;
    place.backs_up();
    ann.posts("after").await;
    first.kill();
    // Decided, and nothing moved yet.
    let copied =
        Command::new("cp").arg("-r").arg(place.backup()).arg(place.data().join("restore.ready")).status();
    assert!(copied.unwrap().success());
    assert!(place.refuses(&["verify"]).contains("cut short"));
    let second = ServerProcess::start(&place.data(), &[]);
    assert_eq!(lobby(&mut enters(&second, "ann").await).await, ["before"]);
    assert!(place.does(&["verify", text(&place.data().join("replaced-1"))]).contains("2 messages"));
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_a_word_on_what_to_do() {
    let place = Place::new();
    let (data, backup) = (place.data(), place.backup());
    let (data, backup) = (text(&data), text(&backup));
    assert!(place.refuses(&["backup", backup]).contains("no data of a Sotto server"));
    assert!(place.refuses(&["verify"]).contains("no data of a Sotto server"));
    assert!(place.refuses(&["restore", backup]).contains("no data of a Sotto server"));
    let mut running = ServerProcess::start(&place.data(), &[]);
    place.backs_up();
    assert!(place.refuses(&["backup", backup]).contains("needs a new one"));
    assert!(place.refuses(&["restore", backup, "--replace"]).contains("stop it"));
    running.kill();
    assert!(place.refuses(&["restore", backup]).contains("--replace"));
    assert!(place.refuses(&["restore", data]).contains("name a backup"));
}

#[tokio::test]
async fn damage_is_told_line_by_line_and_such_a_backup_is_not_restored() {
    let place = Place::new();
    let mut running = ServerProcess::start(&place.data(), &[]);
    let mut ann = enters(&running, "ann").await;
    let sent = content(10_000);
    let file = ann.offers(&[], "a.bin", &sent).await;
    ann.uploads(file, &sent).await;
    place.backs_up();
    let name = file.to_string();
    let spooled = place.backup().join("spool").join(name.split_at(2).0).join(&name);
    let mut bytes = fs::read(&spooled).unwrap();
    bytes[5000] ^= 4;
    fs::write(&spooled, bytes).unwrap();
    let output = place.run(&["verify", text(&place.backup())]);
    assert_eq!(output.status.code(), Some(1));
    let told = format!("fault: file {name}: its content is not what was offered\n");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), told);
    running.kill();
    let said = place.refuses(&["restore", text(&place.backup()), "--replace"]);
    assert!(said.contains("is not what was offered"), "{said}");
    assert!(!place.data().join("restore.unfinished").exists());
    assert!(place.does(&["verify"]).contains("is sound"), "nothing has been replaced");
}

/// The backup cannot write files of more than 32 KiB, as on a disk that is full.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_backup_that_finds_the_disk_full_says_so_and_leaves_nothing() {
    let place = Place::new();
    let running = ServerProcess::start(&place.data(), &[]);
    let mut ann = enters(&running, "ann").await;
    ann.posts("hello").await;
    let backup = place.backup();
    let output = within(&server(&place.data(), &["backup", text(&backup)]), 32).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("is the disk full"), "{said}");
    assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 1, "only the data directory is there");
    place.backs_up();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_restore_that_finds_the_disk_full_leaves_what_was_there() {
    let place = Place::new();
    let mut running = ServerProcess::start(&place.data(), &[]);
    enters(&running, "ann").await.posts("hello").await;
    place.backs_up();
    running.kill();
    let backup = place.backup();
    let restore = server(&place.data(), &["restore", text(&backup), "--replace"]);
    let output = within(&restore, 32).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let running = ServerProcess::start(&place.data(), &[]);
    assert_eq!(lobby(&mut enters(&running, "ann").await).await, ["hello"]);
}
