//! The simulation's house for `tests/fuzz`: whoever holds it says what comes on which wire and in what pieces, how the disk fares and
//! when the server dies. And what can be seen only from inside, for the checks after each step.

use std::sync::Arc;

use sotto_proto::{Cid, ConvId, Seq, Username};
use tokio::io::{AsyncRead, AsyncWrite};

use super::disk::Mood;
use super::house::{House, password_hash, standing};
use super::wire::Weather;
use super::world::{Detail, World};
use crate::store::memory::{Tables, look};
use crate::store::{LobbyHistory, NewAccount, lobby_id};
use crate::{Config, Registration};

/// What a server is opened with.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Of what is left to chance: in which pieces bytes are taken, and what becomes of wires.
    pub seed: u64,
    /// Who may register.
    pub registration: Registration,
    /// As with `--limit`, and also below the floor.
    pub limits: Vec<(&'static str, u64)>,
    /// Bytes that one direction of a wire holds before its writer has to wait.
    pub window: usize,
}

/// A message as it is committed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    /// Who sent it.
    pub sender: Username,
    /// Its cid.
    pub cid: Option<Cid>,
    /// What it says.
    pub text: String,
}

/// A server in the current runtime, whose clock has to be paused.
pub struct Bench {
    world: Arc<World>,
    house: Arc<House>,
}

impl Bench {
    /// Opens it, for these people; their password is [`super::PASSWORD`].
    #[must_use]
    pub fn open(terms: &Terms, people: &[&str]) -> Self {
        let world = World::new(terms.seed, Detail::Nothing);
        let mut config = Config { registration: terms.registration, ..standing().clone() };
        terms.limits.iter().for_each(|(name, value)| config.limits.force(name, *value));
        let house = House::furnished(&world, config, None);
        for name in people {
            let start = NewAccount { password: password_hash(), lobby: LobbyHistory::All, at: 0 };
            look(&house.shelf).register(&name.parse().unwrap(), start);
        }
        house.set_weather(Weather { slowest: 0, mishap_within: 0, window: terms.window });
        house.open();
        Self { world, house }
    }

    /// A client's end of a new connection; `None`: it is not let in.
    #[must_use]
    pub fn connect(&self) -> Option<impl AsyncRead + AsyncWrite + Unpin + use<>> {
        self.house.connect("somebody")
    }

    /// How the disk fares from now on: the longest way to it and back, each, in milliseconds; and that one write, or one read, in so
    /// many fails (0: none).
    pub fn set_disk(&self, slowest: u64, bad_writes: u64, bad_reads: u64) {
        self.house.set_mood(Mood { slowest, bad_writes, bad_reads });
    }

    /// The server dies, and another one starts on what was committed.
    pub fn die(&self) {
        self.house.clear();
        self.house.open();
    }

    /// The message that is committed there.
    #[must_use]
    pub fn stored(&self, conv: ConvId, seq: Seq) -> Option<Stored> {
        let shelf = look(&self.house.shelf);
        let row = shelf.at(conv, seq)?;
        Some(Stored { sender: row.sender.name.clone(), cid: row.cid, text: row.text.as_str().to_owned() })
    }

    /// The newest message in the room of everyone.
    #[must_use]
    pub fn lobby_head(&self) -> Seq {
        look(&self.house.shelf).head(lobby_id())
    }

    /// How many messages are committed.
    #[must_use]
    pub fn messages(&self) -> usize {
        look(&self.house.shelf).messages()
    }

    /// Bytes in the fullest outbox of those who are logged in and live, and of those who are catching up.
    #[must_use]
    pub fn fullest(&self) -> [usize; 2] {
        self.house.server().map_or([0; 2], |server| server.hub.fullest())
    }

    /// How many are logged in, and how many connections there are.
    #[must_use]
    pub fn inside(&self) -> (usize, usize) {
        self.house.server().map_or((0, 0), |server| (server.hub.sessions(), server.door.inside()))
    }

    /// What never may happen, and has.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        self.world.findings()
    }

    /// It is over: nothing of it stays in memory or on the disk.
    pub async fn close(self) {
        if let Some(server) = self.house.server() {
            let files = Tables::live_files(&look(&self.house.shelf));
            for file in files {
                drop(server.spool.remove(file.id).await);
            }
        }
        self.house.clear();
    }
}
