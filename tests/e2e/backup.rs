//! Backups through the real binary: made beside a server that is written to, and looked through.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use sotto_client::{Dial, Trust};
use sotto_proto::{ConvId, Page, Reply};
use sotto_tests::binaries::{ServerProcess, server, within};
use sotto_tests::files::content;
use sotto_tests::{PASSWORD, Person};
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
