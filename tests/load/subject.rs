//! What is measured: a Sotto server in a process of its own, or the bare relay that it is held against.

use std::fmt;
use std::path::Path;

use anyhow::Context;
use aws_lc_rs::digest;
use rusqlite::{Connection as Database, params};
use sotto_client::{Dial, Trust};
use sotto_proto::{ConvId, Epoch, Request, Seq, Token, Username};
use sotto_tests::binaries::ServerProcess;
use sotto_tests::{PASSWORD, Person, process};
use tempfile::TempDir;

use crate::client::Client;
use crate::relay::{self, Relay};

/// The lobby, where everybody is.
const LOBBY: i64 = 1;

/// Which of the two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Relay,
    Sotto,
}

impl Kind {
    pub(crate) const BOTH: [Self; 2] = [Self::Relay, Self::Sotto];
}

/// Who is known to a server before it starts, and how much has been said by then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    pub(crate) people: usize,
    pub(crate) messages: usize,
}

/// A process that is measured. It ends with this.
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    /// Its process.
    pub(crate) id: u32,
    pub(crate) dial: Dial,
    /// Resident memory before anybody came, KiB.
    pub(crate) empty: u64,
    /// The history that a server's sessions belong to.
    epoch: Option<Epoch>,
    process: Process,
}

enum Process {
    Relay(#[expect(dead_code, reason = "ends with this")] Relay),
    Sotto(ServerProcess, #[expect(dead_code, reason = "removed with this")] TempDir),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Relay => "relay",
            Self::Sotto => "Sotto",
        })
    }
}

impl Subject {
    pub(crate) async fn start(kind: Kind, past: Past) -> anyhow::Result<Self> {
        match kind {
            Kind::Relay => Self::relay(),
            Kind::Sotto => Self::sotto(past).await,
        }
    }

    pub(crate) fn relay() -> anyhow::Result<Self> {
        let relay = Relay::start(relay::Shape::Room)?;
        let (id, dial) = (relay.id(), relay.dial.clone());
        let empty = process::resident(id)?;
        Ok(Self { kind: Kind::Relay, id, dial, empty, epoch: None, process: Process::Relay(relay) })
    }

    /// A server that knows `user0`, `user1`, …: whoever comes in shows a token, because a thousand password hashes would take
    /// longer than what is to be measured.
    pub(crate) async fn sotto(past: Past) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let epoch = begin(data.path()).await?;
        settle(data.path(), past)?;
        let server = crate::start(data.path());
        let (id, dial) = (server.id(), Dial::new(&server.link, Trust::Nothing));
        let process = Process::Sotto(server, data);
        let empty = process::resident(id)?;
        Ok(Self { kind: Kind::Sotto, id, dial, empty, epoch: Some(epoch), process })
    }

    /// The server, if it is one.
    pub(crate) fn server(&self) -> Option<&ServerProcess> {
        match &self.process {
            Process::Relay(_) => None,
            Process::Sotto(server, _) => Some(server),
        }
    }

    /// Somebody who is there: connected to the relay, or logged in to the server and caught up.
    pub(crate) async fn joins(&self, index: usize) -> anyhow::Result<Client> {
        let mut client = self.returns(index, 0).await?;
        client.catches_up().await?;
        Ok(client)
    }

    /// Somebody who goes on where they were, and may have missed something.
    pub(crate) async fn returns(&self, index: usize, cursor: u64) -> anyhow::Result<Client> {
        let mut client = Client::connect(&self.dial).await?;
        if let Some(epoch) = self.epoch {
            let cursors = vec![(ConvId::new(LOBBY.cast_unsigned())?, Seq::new(cursor)?)];
            let resume = Request::Resume { user: name(index)?, token: token(index), epoch, cursors };
            client.send(&resume.encode(None)).await?;
        }
        Ok(client)
    }
}

/// Person number `index`.
pub(crate) fn name(index: usize) -> anyhow::Result<Username> {
    Ok(format!("user{index}").parse()?)
}

fn token(index: usize) -> Token {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(index.to_be_bytes()).for_each(|(to, from)| *to = from);
    Token::from_bytes(bytes)
}

/// Makes a server's data with one account in it; returns its epoch.
async fn begin(dir: &Path) -> anyhow::Result<Epoch> {
    let mut server = crate::start(dir);
    let mut first = Person::stranger(&Dial::new(&server.link, Trust::Nothing)).await;
    let first_name = name(0)?;
    first.registers(first_name.as_str(), PASSWORD).await;
    first.logs_in(first_name.as_str(), PASSWORD).await;
    let epoch = first.epoch.context("the first account is let in")?;
    server.signal("TERM");
    server.wait();
    Ok(epoch)
}

/// Gives everybody the first one's password and a token, and a seat in a lobby where all that has been said before.
fn settle(dir: &Path, past: Past) -> anyhow::Result<()> {
    const NEVER: i64 = i64::MAX / 2;
    let mut database = Database::open(dir.join("sotto.db"))?;
    let changes = database.transaction()?;
    changes.execute("DELETE FROM token", [])?;
    for index in 0..past.people {
        let (name, id) = (name(index)?, i64::try_from(index)? + 1);
        let hash = digest::digest(&digest::SHA256, token(index).as_bytes());
        changes.prepare_cached(
            "INSERT OR IGNORE INTO account(id, key, name, password, created_at) SELECT ?1, ?2, ?3, password, created_at FROM account WHERE id = 1",
        )?
        .execute(params![id, name.key(), name.as_str()])?;
        changes
            .prepare_cached(
                "INSERT OR IGNORE INTO seat(account, conv, since, confirmed) VALUES (?1, ?2, 0, 0)",
            )?
            .execute([id, LOBBY])?;
        changes
            .prepare_cached("INSERT INTO token(hash, account, expires) VALUES (?1, ?2, ?3)")?
            .execute(params![hash.as_ref(), id, NEVER])?;
    }
    for seq in 1..=past.messages {
        changes
            .prepare_cached("INSERT INTO message(conv, seq, sender, at, text) VALUES (?1, ?2, 1, 0, ?3)")?
            .execute(params![LOBBY, i64::try_from(seq)?, format!("{seq} {}", "x".repeat(100))])?;
    }
    changes
        .execute("UPDATE conversation SET head = ?2 WHERE id = ?1", [LOBBY, i64::try_from(past.messages)?])?;
    Ok(changes.commit()?)
}
