//! N people in one room who talk in turn and hear everything.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use clap::Args;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::{Client, PATIENCE};
use crate::daemon::Daemon;
use crate::dialect::{Dialect, Heard, Words};
use crate::figures::{Done, Meter, Report, Row};
use crate::past::Past;
use crate::subject::{Kind, Subject};

/// How many come in at once.
const AT_ONCE: usize = 64;
/// Words that may wait to be said by one of them.
const WORDS: usize = 64;
/// The least text that says which message it is, and when it was sent.
const MIN_TEXT: usize = 40;

/// How often, and what else is measured in the same run.
#[derive(Args, Clone, Debug)]
pub(crate) struct Rounds {
    /// Runs of relay and server, one after the other
    #[arg(long, default_value_t = 3)]
    pub(crate) runs: usize,
    /// Other servers in the same runs, where they are installed
    #[arg(long, value_delimiter = ',', value_name = "SERVER")]
    pub(crate) beside: Vec<Daemon>,
}

/// Everybody, there and caught up.
pub(crate) struct Crowd {
    dialect: Dialect,
    people: Vec<Client>,
}

/// What they talk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    pub(crate) messages: usize,
    /// Bytes of text in a message.
    pub(crate) bytes: usize,
    pub(crate) pace: Pace,
}

/// When the next message is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As soon as fewer than so many are on their way: what is sustained, not how long queues may grow.
    Closed { in_flight: usize },
    /// Every so often, whatever has become of the ones before.
    Every(Duration),
}

/// Relay, server and what is beside them in turn.
pub(crate) async fn compare(
    (scenario, clients): (&'static str, usize),
    rounds: &Rounds,
    talk: Talk,
) -> anyhow::Result<Report> {
    anyhow::ensure!(clients > 1 && talk.messages > 0, "it takes two to chat, and a message");
    Report::of((rounds.runs, &Kind::both_and(&rounds.beside)), async |kind| {
        let subject = Arc::new(Subject::start(kind, Past { people: clients, messages: 0 }).await?);
        let mut crowd = Crowd::gather(&subject, 0..clients).await?;
        let meter = Meter::start(&subject)?;
        let latencies = crowd.chat(talk).await;
        let expected = talk.messages * (clients - 1);
        let done = Done { scenario, unit: "deliveries", kind, clients, expected };
        Ok(Row::new(done, meter.stop()?, latencies))
    })
    .await
}

/// What everybody shares: when it began, and how many still miss each message.
struct Board {
    began: Instant,
    dialect: Dialect,
    people: usize,
    talk: Talk,
    missing: Vec<AtomicUsize>,
    in_flight: Semaphore,
}

impl Crowd {
    /// Lets these people in, some at once, and waits until each has heard of all that happened by then.
    pub(crate) async fn gather(subject: &Arc<Subject>, who: Range<usize>) -> anyhow::Result<Self> {
        let gate = Arc::new(Semaphore::new(AT_ONCE));
        let mut coming = JoinSet::new();
        for index in who {
            let (subject, gate) = (Arc::clone(subject), Arc::clone(&gate));
            coming.spawn(async move {
                let _permit = gate.acquire_owned().await;
                anyhow::Ok((index, subject.joins(index).await?))
            });
        }
        let dialect = subject.kind.dialect();
        let mut settling = JoinSet::new();
        for (index, mut client) in all_of(coming).await? {
            settling.spawn(async move { client.settles(dialect).await.map(|()| (index, client)) });
        }
        let people = all_of(settling).await?.into_iter().map(|(_, client)| client).collect();
        Ok(Self { dialect, people })
    }

    /// Everybody, for something else than to chat.
    pub(crate) fn into_people(self) -> Vec<Client> {
        self.people
    }

    /// Lets everybody talk in turn; returns how long each delivery took. Nobody leaves, of which others would be told.
    pub(crate) async fn chat(&mut self, talk: Talk) -> Vec<Duration> {
        let people = self.people.len();
        let in_flight = match talk.pace {
            Pace::Closed { in_flight } => in_flight,
            Pace::Every(_) => 0,
        };
        let board = Arc::new(Board {
            began: Instant::now(),
            dialect: self.dialect,
            people,
            talk,
            missing: (0..talk.messages).map(|_| AtomicUsize::new(people - 1)).collect(),
            in_flight: Semaphore::new(in_flight),
        });
        let mut readers = JoinSet::new();
        let mut mouths = Vec::with_capacity(people);
        for (index, client) in self.people.drain(..).enumerate() {
            let (mouth, words) = mpsc::channel(WORDS);
            mouths.push(mouth);
            readers.spawn(Person { index, client, words }.takes_part(Arc::clone(&board)));
        }
        let speaking = tokio::spawn(talk_in_turn(mouths, Arc::clone(&board)));
        let mut latencies = Vec::with_capacity(talk.messages * (people - 1));
        while let Some(Ok((client, heard))) = readers.join_next().await {
            latencies.extend(heard);
            self.people.push(client);
        }
        speaking.abort();
        latencies
    }
}

/// What these have come to, in the order of their numbers.
async fn all_of(mut tasks: JoinSet<anyhow::Result<(usize, Client)>>) -> anyhow::Result<Vec<(usize, Client)>> {
    let mut people = Vec::with_capacity(tasks.len());
    while let Some(person) = tasks.join_next().await {
        people.push(person??);
    }
    people.sort_unstable_by_key(|(index, _)| *index);
    Ok(people)
}

/// Ends when everything has been said, or when what has been said does not arrive any more.
async fn talk_in_turn(mouths: Vec<mpsc::Sender<Bytes>>, board: Arc<Board>) {
    for (index, mouth) in (0..board.talk.messages).zip(mouths.iter().cycle()) {
        match board.talk.pace {
            Pace::Closed { .. } => match timeout(PATIENCE, board.in_flight.acquire()).await {
                // Given back by whoever reads it last.
                Ok(Ok(permit)) => permit.forget(),
                _ => return,
            },
            Pace::Every(interval) => {
                let due = interval * u32::try_from(index).unwrap_or(u32::MAX);
                tokio::time::sleep_until((board.began + due).into()).await;
            }
        }
        let Ok(message) = board.message(index) else { return };
        if mouth.send(message).await.is_err() {
            return;
        }
    }
}

/// One of them.
struct Person {
    index: usize,
    client: Client,
    /// What to say. It is closed when everything has been said.
    words: mpsc::Receiver<Bytes>,
}

impl Person {
    /// Reads and talks until everything is heard, or nothing comes any more; how long each message of the others took.
    async fn takes_part(mut self, board: Arc<Board>) -> (Client, Vec<Duration>) {
        let (mut latencies, mut heard) = (Vec::new(), 0);
        while self.goes_on().await.is_ok() {
            let now = board.began.elapsed();
            while let Ok(Some((came, bytes))) = board.dialect.hear(&self.client.buffer) {
                heard += usize::from(matches!(came, Heard::Message(_) | Heard::Stored));
                match came {
                    Heard::Message(text) => latencies.extend(board.heard((self.index, now), text)),
                    Heard::Ping(pong) => drop(self.client.send(&pong).await),
                    _ => {}
                }
                self.client.buffer.advance(bytes);
            }
            if self.has_said_everything() && heard == board.heard_by(self.index) {
                break;
            }
        }
        (self.client, latencies)
    }

    fn has_said_everything(&self) -> bool {
        self.words.is_closed() && self.words.is_empty()
    }

    /// Says the next thing, or reads. Only when there is nothing more to say does it lose patience.
    async fn goes_on(&mut self) -> anyhow::Result<()> {
        if self.has_said_everything() {
            return self.client.reads_on().await;
        }
        let Self { client, words, .. } = self;
        tokio::select! {
            biased;
            said = words.recv() => match said {
                Some(words) => client.send(&words).await,
                None => Ok(()),
            },
            read = client.read() => {
                anyhow::ensure!(read? > 0, "the connection was closed");
                Ok(())
            }
        }
    }
}

impl Board {
    /// A message that says which it is and when it was sent, filled up to its size.
    fn message(&self, index: usize) -> anyhow::Result<Bytes> {
        let bytes = self.talk.bytes.max(MIN_TEXT);
        let text = format!("{index} {} {}", self.began.elapsed().as_nanos(), "x".repeat(bytes));
        let text = text.get(..bytes).unwrap_or(&text);
        self.dialect.say(&Words { index, speaker: index % self.people, text })
    }

    /// How many messages somebody hears of; whether one's own are among them is up to the dialect.
    fn heard_by(&self, person: usize) -> usize {
        let all = self.talk.messages;
        let own = all / self.people + usize::from(person < all % self.people);
        if self.dialect.answers_speakers() { all } else { all - own }
    }

    /// Somebody has a message by now: how long it took. To have one's own is not counted: a server does not send it back, and a
    /// relay does instead of an acknowledgement.
    fn heard(&self, (listener, now): (usize, Duration), text: &[u8]) -> Option<Duration> {
        let mut words = std::str::from_utf8(text).ok()?.split(' ');
        let index: usize = words.next()?.parse().ok()?;
        let sent = Duration::from_nanos(words.next()?.parse().ok()?);
        if index % self.people == listener {
            return None;
        }
        if self.missing.get(index)?.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.in_flight.add_permits(1);
        }
        Some(now.saturating_sub(sent))
    }
}
