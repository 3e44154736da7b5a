//! A client that offers one small file after the other, and knows which of them the server has said it has.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use sotto_client::{
    Account, Client, Command, Dial, FileCommand, Options, Patience, Phase, TransferId, Update, fresh_cid,
};
use sotto_proto::{FileHash, Password};
use sotto_tests::files::to;
use sotto_tests::{PASSWORD, Person};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::scribe::IMPATIENCE;
use sotto_judge::Random;

/// Bytes of the largest file.
const LARGEST: usize = 16 * 1024;
/// For whom the files are. They never come.
const FOR: &str = "absent";

/// Offers files until it is dropped.
pub(crate) struct Courier {
    done: Arc<Mutex<Vec<FileHash>>>,
    working: JoinHandle<anyhow::Result<()>>,
}

impl Courier {
    /// An account of its own, by the way that somebody who is no witness takes; so many files at the most.
    pub(crate) async fn sets_out(dial: &Dial, files: usize, seed: u64) -> anyhow::Result<Self> {
        const NAME: &str = "courier";
        for name in [NAME, FOR] {
            Person::stranger(dial).await.registers(name, PASSWORD).await;
        }
        let password = Password::new(PASSWORD)?;
        let account = Account { user: NAME.parse()?, proof: password.into(), take_over: true, peek: false };
        let options =
            Options { dial: dial.clone(), account, patience: Patience::Always, memory: None, device: None };
        let done = Arc::default();
        let trip = Trip {
            client: Client::start(options, || {}),
            scratch: tempfile::tempdir()?,
            random: Random::new(seed),
            done: Arc::clone(&done),
        };
        Ok(Self { done, working: tokio::spawn(trip.go(files)) })
    }

    /// What the server has said it has.
    pub(crate) fn done(&self) -> Vec<FileHash> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An error if it has given up.
    pub(crate) async fn comes_home(mut self) -> anyhow::Result<()> {
        if self.working.is_finished() {
            return (&mut self.working).await.context("the courier has panicked")?;
        }
        Ok(())
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.working.abort();
    }
}

struct Trip {
    client: Client,
    scratch: TempDir,
    random: Random,
    done: Arc<Mutex<Vec<FileHash>>>,
}

impl Trip {
    async fn go(mut self, files: usize) -> anyhow::Result<()> {
        for number in 0..files {
            let content = self.content();
            let path = self.scratch.path().join(number.to_string());
            std::fs::write(&path, &content)?;
            self.delivers(&path).await?;
            self.done.lock().unwrap_or_else(PoisonError::into_inner).push(FileHash::of(&content));
        }
        // It stays, as people do.
        while self.client.update().await.is_some() {}
        Ok(())
    }

    fn content(&mut self) -> Vec<u8> {
        let length = 1 + self.random.index(LARGEST);
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.random.below(u64::MAX).to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    /// Until the server says that it has it. What is refused for want of space is offered again.
    async fn delivers(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut cid = self.offers(path).await?;
        loop {
            match self.client.update().await.context("the courier's client has ended")? {
                Update::Transfer(transfer) if transfer.id == TransferId::Sending(cid) => match transfer.phase
                {
                    Phase::Done(_) => return Ok(()),
                    Phase::Failed(_) => {
                        tokio::time::sleep(std::time::Duration::from_millis(IMPATIENCE)).await;
                        cid = self.offers(path).await?;
                    }
                    _ => {}
                },
                Update::Reconnecting { .. } => {
                    let commands = self.client.commands();
                    tokio::spawn(async move {
                        tokio::time::sleep(std::time::Duration::from_millis(IMPATIENCE)).await;
                        let _ = commands.send(Command::TryNow).await;
                    });
                }
                Update::Ended(problem) => anyhow::bail!("the courier was let go: {problem:?}"),
                _ => {}
            }
        }
    }

    async fn offers(&mut self, path: &Path) -> anyhow::Result<sotto_proto::Cid> {
        let cid = fresh_cid().map_err(anyhow::Error::msg)?;
        let command = FileCommand::Send { cid, to: to(&[FOR]), path: path.to_owned() };
        self.client.send(Command::File(command)).await;
        Ok(cid)
    }
}
