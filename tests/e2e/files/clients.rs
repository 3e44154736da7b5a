//! Files between real clients: over cuts and restarts, and in the terminal.

use std::path::PathBuf;
use std::process::Stdio;

use sotto_client::{
    Account, Client, Command, FileCommand, Options, Patience, Phase, Profile, Update, fresh_cid,
};
use sotto_proto::{FileName, Password};
use sotto_tests::binaries::Cli;
use sotto_tests::files::to;
use sotto_tests::wire::Wire;
use sotto_tests::{PASSWORD, soon};

use super::*;

const MIB: usize = 1 << 20;

fn client(dial: sotto_client::Dial, name: &str, memory: Option<Profile>) -> Client {
    let (user, password) = (name.parse().unwrap(), Password::new(PASSWORD).unwrap());
    let account = Account { user, proof: password.into(), take_over: true, peek: false };
    Client::start(Options { dial, account, patience: Patience::Always, memory, device: None }, || {})
}

async fn house_of_two() -> (House, TempDir, Bytes, PathBuf) {
    let house = House::open().await;
    for name in ["ann", "bob"] {
        Person::newcomer(&house, name).await.leaves().await;
    }
    let dir = TempDir::new().unwrap();
    let (sent, path) = (content(4 * MIB), dir.path().join("作业 3.pdf"));
    std::fs::write(&path, &sent).unwrap();
    (house, dir, sent, path)
}

/// Goes on until a transfer is done, cutting the wire now and then; where the file is saved, and how often it was cut.
async fn carried(client: &mut Client, wire: &Wire) -> (Option<PathBuf>, u64) {
    let mut cuts = 0;
    loop {
        match soon("an update", client.update()).await.unwrap() {
            Update::Reconnecting { .. } => drop(client.send(Command::TryNow).await),
            Update::Transfer(transfer) => match transfer.phase {
                Phase::Done(path) => return (path, cuts),
                Phase::Running if cuts < 8 && !wire.is_to_be_cut() => {
                    cuts += 1;
                    wire.cut_after(100_000 * i64::try_from(cuts).unwrap());
                }
                Phase::Failed(snag) => panic!("{snag}"),
                _ => {}
            },
            Update::Ended(problem) => panic!("{problem:?}"),
            _ => {}
        }
    }
}

async fn accepts(client: &mut Client, dir: PathBuf) {
    loop {
        if let Update::Files { files, .. } = soon("an update", client.update()).await.unwrap()
            && let Some((message, _)) = files.into_iter().next()
        {
            let name = FileName::new(message.text.as_str()).unwrap();
            let file = message.file.unwrap();
            client.send(Command::File(FileCommand::Accept { file, name, dir })).await;
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_arrives_whole_over_a_wire_that_is_cut_again_and_again() {
    let (house, dir, sent, path) = house_of_two().await;
    let wire = Wire::to(house.address).await;
    let dial = sotto_client::Dial { port: wire.address.port(), ..house.dial() };
    let mut ann = client(dial.clone(), "ann", None);
    let cid = fresh_cid().unwrap();
    ann.send(Command::File(FileCommand::Send { cid, to: to(&["bob"]), path })).await;
    let (_, up) = carried(&mut ann, &wire).await;
    let mut bob = client(dial, "bob", None);
    accepts(&mut bob, dir.path().join("in")).await;
    let (saved, down) = carried(&mut bob, &wire).await;
    assert!(up > 3 && down > 3, "{up} and {down} cuts");
    let saved = saved.unwrap();
    assert_eq!(saved.file_name().unwrap(), "作业 3.pdf");
    assert_eq!(FileHash::of(&std::fs::read(saved).unwrap()), FileHash::of(&sent));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_started_again_goes_on_with_what_it_had_begun() {
    let (house, dir, sent, path) = house_of_two().await;
    let profile = Profile::open(Some(&dir.path().join("profile"))).unwrap();
    let mut ann = client(house.dial(), "ann", Some(profile.clone()));
    let cid = fresh_cid().unwrap();
    ann.send(Command::File(FileCommand::Send { cid, to: to(&["bob"]), path })).await;
    soon("the upload to begin", async {
        let running = |update: &Update| matches!(update, Update::Transfer(it) if it.phase == Phase::Running);
        while !running(&ann.update().await.unwrap()) {}
    })
    .await;
    drop(ann);
    let mut again = client(house.dial(), "ann", Some(profile));
    soon("the upload to end", async {
        let done =
            |update: &Update| matches!(update, Update::Transfer(it) if matches!(it.phase, Phase::Done(_)));
        while !done(&again.update().await.unwrap()) {}
    })
    .await;
    let mut bob = Person::returns(&house, "bob").await;
    let (file, state) = bob.lists_files().await.remove(0);
    assert_eq!(state.stage, FileStage::Stored);
    assert_eq!(FileHash::of(&bob.takes(file, sent.len() as u64).await), FileHash::of(&sent));
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_send_list_accept_and_decline() {
    let dir = TempDir::new().unwrap();
    let server = ServerProcess::start(dir.path(), &[]);
    let [ann, bob] = ["ann", "bob"].map(|name| Cli::new(&server.link, name, dir.path()));
    let tasks = tokio::task::spawn_blocking(move || {
        ann.json(&["register"]);
        bob.json(&["register"]);
        let paths = ["hw3.pdf", "notes.txt"].map(|name| dir.path().join(name).display().to_string());
        for path in &paths {
            std::fs::write(path, content(300_000)).unwrap();
        }
        let sent = ann.json(&["send-file", "--to", "bob", &paths[0], &paths[1]]);
        let stored = sent.iter().filter(|line| line["type"] == "file" && line["state"] == "stored");
        assert_eq!(stored.count(), 2, "{sent:?}");
        let offered = bob.json(&["files"]);
        let id = |name: &str| {
            let line = offered.iter().find(|line| line["name"] == name).unwrap();
            assert_eq!((line["state"].as_str(), line["from"].as_str()), (Some("offered"), Some("ann")));
            line["file"].as_str().unwrap().to_owned()
        };
        let into = dir.path().join("in").display().to_string();
        let taken = bob.json(&["accept", &id("hw3.pdf"), "--into", &into]);
        let last = taken.last().unwrap();
        assert_eq!((last["state"].as_str(), last["size"].as_u64()), (Some("received"), Some(300_000)));
        assert_eq!(std::fs::read(last["path"].as_str().unwrap()).unwrap(), content(300_000));
        bob.json(&["decline", &id("notes.txt")]);
        assert!(bob.json(&["files"]).is_empty() && ann.json(&["files"]).is_empty(), "all is answered");
        let missing = ann.run(&["send-file", "--to", "bob", "/nowhere/at/all"]);
        assert_eq!(missing.status.code(), Some(2));
        let nothing = bob.run(&["accept", "abcd"]);
        assert_eq!(nothing.status.code(), Some(4));
    });
    tasks.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_listens_can_take_every_file_as_it_comes() {
    let dir = TempDir::new().unwrap();
    let server = ServerProcess::start(dir.path(), &[]);
    let [ann, bob] = ["ann", "bob"].map(|name| Cli::new(&server.link, name, dir.path()));
    let work = tokio::task::spawn_blocking(move || {
        ann.json(&["register"]);
        bob.json(&["register"]);
        let path = dir.path().join("hw3.pdf");
        std::fs::write(&path, b"content").unwrap();
        let into = dir.path().join("in");
        let mut listening = bob
            .command(&["--json", "listen", "--accept-files", into.to_str().unwrap()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = std::io::BufReader::new(listening.stdout.take().unwrap());
        let mut lines = std::io::BufRead::lines(stdout).map(|line| line.unwrap());
        assert!(lines.any(|line| line.contains("caught-up")));
        ann.json(&["send-file", "--everyone", path.to_str().unwrap()]);
        assert!(lines.any(|line| line.contains("\"state\":\"received\"")));
        listening.kill().unwrap();
        listening.wait().unwrap();
        assert_eq!(std::fs::read(into.join("hw3.pdf")).unwrap(), b"content");
    });
    work.await.unwrap();
}
