//! What is measured: a Sotto server in a process of its own, the bare relay that it is held against, or somebody else's server.

use std::fmt;

use sotto_certs::IDENTITY_CERTIFICATE;
use sotto_proto::{ConvId, Epoch, Request, Seq};
use sotto_tests::binaries::ServerProcess;
use sotto_tests::process;

use crate::client::Client;
use crate::daemon::{Daemon, Running};
use crate::dialect::Dialect;
use crate::irc;
use crate::past::{House, LOBBY, Past, name, token};
use crate::relay::{self, Relay};
use crate::way::Way;

/// Files that are open in a process and are no connections: more than there are.
const OTHER_FILES: usize = 100;

/// Which of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Relay,
    Sotto,
    Irc(Daemon),
}

impl Kind {
    pub(crate) const BOTH: [Self; 2] = [Self::Relay, Self::Sotto];

    /// Both, and others in the same run.
    pub(crate) fn both_and(others: &[Daemon]) -> Vec<Self> {
        Self::BOTH.into_iter().chain(others.iter().copied().map(Self::Irc)).collect()
    }

    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Relay => Dialect::Relayed,
            Self::Sotto => Dialect::Sotto,
            Self::Irc(_) => Dialect::Irc,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Relay => "relay",
            Self::Sotto => "Sotto",
            Self::Irc(daemon) => daemon.name(),
        })
    }
}

/// A process that is measured. It ends with this.
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    /// Its process.
    pub(crate) id: u32,
    pub(crate) way: Way,
    /// Resident memory before anybody came, KiB.
    pub(crate) empty: u64,
    /// The history that a server's sessions belong to, and how far it has come.
    history: Option<(Epoch, u64)>,
    process: Process,
}

enum Process {
    Relay(#[expect(dead_code, reason = "ends with this")] Relay),
    Sotto(ServerProcess, House),
    Irc(#[expect(dead_code, reason = "ends with this")] Running),
}

impl Subject {
    pub(crate) async fn start(kind: Kind, past: Past) -> anyhow::Result<Self> {
        can_have(past.people)?;
        match kind {
            Kind::Relay => Self::relay(),
            Kind::Sotto => Self::at(House::with(past).await?),
            Kind::Irc(daemon) => Self::irc(daemon),
        }
    }

    pub(crate) async fn sotto(past: Past) -> anyhow::Result<Self> {
        Self::start(Kind::Sotto, past).await
    }

    fn relay() -> anyhow::Result<Self> {
        let relay = Relay::start(relay::Shape::Room)?;
        let (id, way) = (relay.id(), Way::to(relay.dial.port, &relay.identity())?);
        let empty = process::resident(id)?;
        Ok(Self { kind: Kind::Relay, id, way, empty, history: None, process: Process::Relay(relay) })
    }

    /// A server on data that is there.
    pub(crate) fn at(house: House) -> anyhow::Result<Self> {
        let server = crate::start(house.dir.path());
        let identity = house.dir.path().join("identity").join(IDENTITY_CERTIFICATE);
        let (id, way) = (server.id(), Way::to(server.link.port, &identity)?);
        let history = Some((house.epoch, house.head));
        let empty = process::resident(id)?;
        Ok(Self { kind: Kind::Sotto, id, way, empty, history, process: Process::Sotto(server, house) })
    }

    fn irc(daemon: Daemon) -> anyhow::Result<Self> {
        let running = daemon.start()?;
        let (id, way) = (running.id(), Way::to(running.port, &running.identity())?);
        let empty = process::resident(id)?;
        Ok(Self { kind: Kind::Irc(daemon), id, way, empty, history: None, process: Process::Irc(running) })
    }

    /// Stops a server of ours, as its operator would; its data is left.
    pub(crate) fn stop(self) -> Option<House> {
        let Process::Sotto(mut server, house) = self.process else { return None };
        server.signal("TERM");
        server.wait();
        Some(house)
    }

    /// The server, if it is one of ours.
    pub(crate) fn server(&self) -> Option<&ServerProcess> {
        match &self.process {
            Process::Sotto(server, _) => Some(server),
            Process::Relay(_) | Process::Irc(_) => None,
        }
    }

    /// Somebody who is in the room and has missed nothing: connected to the relay, or logged in to the server.
    pub(crate) async fn joins(&self, index: usize) -> anyhow::Result<Client> {
        if self.kind.dialect() == Dialect::Irc {
            let mut client = Client::connect(&self.way).await?;
            irc::comes_in(&mut client, name(index)?.as_str()).await?;
            return Ok(client);
        }
        let head = self.history.map_or(0, |(_, head)| head);
        let mut client = self.returns(index, head).await?;
        client.catches_up().await?;
        Ok(client)
    }

    /// Somebody who goes on where they were, and may have missed something.
    pub(crate) async fn returns(&self, index: usize, cursor: u64) -> anyhow::Result<Client> {
        let mut client = Client::connect(&self.way).await?;
        if let Some((epoch, _)) = self.history {
            let cursors = vec![(ConvId::new(LOBBY.cast_unsigned())?, Seq::new(cursor)?)];
            let resume = Request::Resume { user: name(index)?, token: token(index), epoch, cursors };
            client.send(&resume.encode(None)).await?;
        }
        Ok(client)
    }
}

/// A connection is a file in this process and one in what is measured: says what to do when so many are not allowed.
fn can_have(people: usize) -> anyhow::Result<()> {
    let (needed, allowed) = (people + OTHER_FILES, process::files_allowed());
    anyhow::ensure!(
        u64::try_from(needed)? <= allowed,
        "{people} people are {needed} open files in each process, and {allowed} are allowed: run this after `ulimit -n {needed}`, or as root in a shell that may raise it"
    );
    Ok(())
}
