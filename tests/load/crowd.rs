//! N people in one room who talk in turn and read everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use sotto_client::Connection;
use sotto_proto::{Audience, ConvId, Decoder, Frame, Message, MessageText, Reply, Request, Seq, code};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::{Client, PATIENCE, cid};
use crate::figures::{Done, Meter, Report, Row};
use crate::subject::{Kind, Past, Subject, name};

/// How many come in at once.
const AT_ONCE: usize = 64;
/// Frames that may wait to be sent by one of them.
const WORDS: usize = 64;
/// What is asked of a connection at once.
const READ: usize = 64 * 1024;

/// Everybody, there and caught up.
pub(crate) struct Crowd {
    kind: Kind,
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

/// Relay and server in turn, so many times.
pub(crate) async fn compare(
    scenario: &'static str,
    (clients, runs): (usize, usize),
    talk: Talk,
) -> anyhow::Result<Report> {
    anyhow::ensure!(clients > 1 && talk.messages > 0, "it takes two to chat, and a message");
    Report::of((runs, &Kind::BOTH), async |kind| {
        let subject = Arc::new(Subject::start(kind, Past { people: clients, messages: 0 }).await?);
        let crowd = Crowd::gather(&subject, clients).await?;
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
    kind: Kind,
    people: usize,
    talk: Talk,
    missing: Vec<AtomicUsize>,
    in_flight: Semaphore,
}

impl Crowd {
    pub(crate) async fn gather(subject: &Arc<Subject>, count: usize) -> anyhow::Result<Self> {
        let gate = Arc::new(Semaphore::new(AT_ONCE));
        let mut coming = JoinSet::new();
        for index in 0..count {
            let (subject, gate) = (Arc::clone(subject), Arc::clone(&gate));
            coming.spawn(async move {
                let _permit = gate.acquire_owned().await;
                anyhow::Ok((index, subject.joins(index).await?))
            });
        }
        let mut people = Vec::with_capacity(count);
        while let Some(person) = coming.join_next().await {
            people.push(person??);
        }
        people.sort_unstable_by_key(|(index, _)| *index);
        Ok(Self { kind: subject.kind, people: people.into_iter().map(|(_, client)| client).collect() })
    }

    /// Everybody, for something else than to chat.
    pub(crate) fn into_people(self) -> Vec<Client> {
        self.people
    }

    /// Lets everybody talk in turn; returns how long each delivery took.
    pub(crate) async fn chat(self, talk: Talk) -> Vec<Duration> {
        let people = self.people.len();
        let in_flight = match talk.pace {
            Pace::Closed { in_flight } => in_flight,
            Pace::Every(_) => 0,
        };
        let board = Arc::new(Board {
            began: Instant::now(),
            kind: self.kind,
            people,
            talk,
            missing: (0..talk.messages).map(|_| AtomicUsize::new(people - 1)).collect(),
            in_flight: Semaphore::new(in_flight),
        });
        let mut readers = JoinSet::new();
        let mut mouths = Vec::new();
        for (index, Client { stream, buffer }) in self.people.into_iter().enumerate() {
            let (reader, writer) = tokio::io::split(stream);
            let (mouth, words) = mpsc::channel(WORDS);
            tokio::spawn(speak(writer, words));
            mouths.push(mouth.clone());
            let ear = Ear { index, reader, buffer, mouth };
            readers.spawn(ear.listen(Arc::clone(&board)));
        }
        let speaking = tokio::spawn(talk_in_turn(mouths, Arc::clone(&board)));
        let mut latencies = Vec::with_capacity(talk.messages * (people - 1));
        while let Some(heard) = readers.join_next().await {
            latencies.extend(heard.unwrap_or_default());
        }
        speaking.abort();
        latencies
    }
}

async fn talk_in_turn(mouths: Vec<mpsc::Sender<Bytes>>, board: Arc<Board>) {
    for (index, mouth) in (0..board.talk.messages).zip(mouths.iter().cycle()) {
        match board.talk.pace {
            Pace::Closed { .. } => match board.in_flight.acquire().await {
                // Given back by whoever reads it last.
                Ok(permit) => permit.forget(),
                Err(_) => return,
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

async fn speak(mut writer: WriteHalf<Connection>, mut words: mpsc::Receiver<Bytes>) {
    while let Some(frame) = words.recv().await {
        let written = async {
            writer.write_all(&frame).await?;
            writer.flush().await
        };
        if written.await.is_err() {
            return;
        }
    }
}

/// One of them, reading.
struct Ear {
    index: usize,
    reader: ReadHalf<Connection>,
    buffer: BytesMut,
    mouth: mpsc::Sender<Bytes>,
}

impl Ear {
    /// Reads until everybody has everything, or nothing comes any more.
    async fn listen(mut self, board: Arc<Board>) -> Vec<Duration> {
        let decoder = Decoder::after_login();
        let (mut latencies, mut places) = (Vec::new(), 0);
        loop {
            while let Ok(Some(frame)) = decoder.next(&mut self.buffer) {
                match frame.code() {
                    code::MESSAGE => latencies.extend(board.heard(self.index, &frame)),
                    code::PING => {
                        let pong = Request::Pong { body: frame.body() }.encode(None);
                        drop(self.mouth.try_send(pong));
                    }
                    _ => {}
                }
                places += usize::from(matches!(frame.code(), code::MESSAGE | code::STORED));
            }
            if places == board.missing.len() {
                return latencies;
            }
            self.buffer.reserve(READ);
            match timeout(PATIENCE, self.reader.read_buf(&mut self.buffer)).await {
                Ok(Ok(1..)) => {}
                _ => return latencies,
            }
        }
    }
}

impl Board {
    /// A message that says which it is and when it was sent, filled up to its size. The relay is given what a server would make
    /// of it, so that both send the same frames.
    fn message(&self, index: usize) -> anyhow::Result<Bytes> {
        let bytes = self.talk.bytes;
        let text = format!("{index} {} {}", self.began.elapsed().as_nanos(), "x".repeat(bytes));
        let text = MessageText::new(text.get(..bytes.max(40)).unwrap_or(&text))?;
        Ok(match self.kind {
            Kind::Sotto => Request::Send { cid: Some(cid()?), to: Audience::Everyone, text }.encode(None),
            Kind::Relay => {
                let (conv, seq) = (ConvId::new(1)?, Seq::new(u64::try_from(index)? + 1)?);
                let (at, from) = (1_764_000_000_000, name(index % self.people)?);
                Reply::Message(Message { conv, seq, at, cid: None, from, text, clear: false, file: None })
                    .encode(None)
            }
        })
    }

    /// Somebody has a message: how long it took. To have one's own is not counted: a server does not send it back, and a relay
    /// does instead of an acknowledgement.
    fn heard(&self, listener: usize, frame: &Frame) -> Option<Duration> {
        let now = self.began.elapsed();
        let body = frame.body();
        let text = std::str::from_utf8(&body).ok()?.split_once("\r\n")?.1;
        let mut words = text.split(' ');
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
