//! N people who talk in turn and read everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use sotto_client::{Connection, Dial, Trust, random_cid};
use sotto_proto::{Audience, Decoder, Frame, MessageText, Reply, Request, code};
use sotto_tests::binaries::ServerProcess;
use sotto_tests::{PASSWORD, Person};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::Arguments;

/// How many log in at once: each costs the server a password hash.
const LOG_INS_AT_ONCE: usize = 8;
/// Without a delivery for this long, what has not come will not come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everybody, logged in and caught up.
pub(crate) struct Crowd {
    people: Vec<Person>,
}

/// What everybody shares: when it began, and how many still miss each message.
struct Board {
    began: Instant,
    missing: Vec<AtomicUsize>,
    in_flight: Semaphore,
}

impl Crowd {
    pub(crate) async fn gather(server: &ServerProcess, count: usize) -> anyhow::Result<Self> {
        let dial = Dial::new(&server.link, Trust::Nothing);
        let gate = Arc::new(Semaphore::new(LOG_INS_AT_ONCE));
        let mut coming = JoinSet::new();
        for index in 0..count {
            let (dial, gate) = (dial.clone(), Arc::clone(&gate));
            coming.spawn(async move {
                let _permit = gate.acquire_owned().await;
                let name = format!("user{index}");
                let mut person = Person::stranger(&dial).await;
                anyhow::ensure!(
                    person.registers(&name, PASSWORD).await == Reply::Registered,
                    "{name} registers"
                );
                person.logs_in(&name, PASSWORD).await;
                person.catches_up().await;
                Ok(person)
            });
        }
        let mut people = Vec::with_capacity(count);
        while let Some(person) = coming.join_next().await {
            people.push(person??);
        }
        Ok(Self { people })
    }

    /// Lets everybody talk in turn; returns how long each delivery took.
    pub(crate) async fn chat(self, arguments: &Arguments) -> Vec<Duration> {
        let others = self.people.len() - 1;
        let board = Arc::new(Board {
            began: Instant::now(),
            missing: (0..arguments.messages).map(|_| AtomicUsize::new(others)).collect(),
            in_flight: Semaphore::new(arguments.in_flight),
        });
        let mut readers = JoinSet::new();
        let mut mouths = Vec::new();
        for person in self.people {
            let (stream, buffer) = person.into_parts();
            let (reader, writer) = tokio::io::split(stream);
            let (mouth, words) = mpsc::channel(arguments.in_flight);
            tokio::spawn(speak(writer, words));
            mouths.push(mouth.clone());
            readers.spawn(listen((reader, buffer), Arc::clone(&board), mouth));
        }
        let speaking = tokio::spawn(talk_in_turn(mouths, Arc::clone(&board), arguments.clone()));
        let mut latencies = Vec::with_capacity(arguments.messages * others);
        while let Some(heard) = readers.join_next().await {
            latencies.extend(heard.unwrap_or_default());
        }
        speaking.abort();
        latencies
    }
}

async fn talk_in_turn(mouths: Vec<mpsc::Sender<Bytes>>, board: Arc<Board>, arguments: Arguments) {
    for (index, mouth) in (0..arguments.messages).zip(mouths.iter().cycle()) {
        let Ok(permit) = board.in_flight.acquire().await else { return };
        // Given back by whoever reads it last.
        permit.forget();
        if mouth.send(message(index, &board, arguments.bytes)).await.is_err() {
            return;
        }
    }
}

/// A message that says which it is and when it was sent, filled up to its size.
fn message(index: usize, board: &Board, bytes: usize) -> Bytes {
    let text = format!("{index} {} {}", board.began.elapsed().as_nanos(), "x".repeat(bytes));
    let text = text.get(..bytes.max(40)).unwrap_or(&text);
    let (Ok(cid), Ok(text)) = (random_cid(), MessageText::new(text)) else { return Bytes::new() };
    Request::Send { cid: Some(cid), to: Audience::Everyone, text }.encode(None)
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

/// Reads until everybody has everything, or nothing comes any more.
async fn listen(
    (mut reader, mut buffer): (ReadHalf<Connection>, BytesMut),
    board: Arc<Board>,
    mouth: mpsc::Sender<Bytes>,
) -> Vec<Duration> {
    let decoder = Decoder::after_login();
    let (mut latencies, mut places) = (Vec::new(), 0);
    loop {
        while let Ok(Some(frame)) = decoder.next(&mut buffer) {
            match frame.code() {
                code::MESSAGE => latencies.extend(board.heard(&frame)),
                code::PING => drop(mouth.try_send(Request::Pong { body: frame.body() }.encode(None))),
                _ => {}
            }
            places += usize::from(matches!(frame.code(), code::MESSAGE | code::STORED));
        }
        if places == board.missing.len() {
            return latencies;
        }
        buffer.reserve(64 * 1024);
        match tokio::time::timeout(PATIENCE, reader.read_buf(&mut buffer)).await {
            Ok(Ok(1..)) => {}
            _ => return latencies,
        }
    }
}

impl Board {
    /// Somebody has a message: how long it took.
    fn heard(&self, frame: &Frame) -> Option<Duration> {
        let now = self.began.elapsed();
        let body = frame.body();
        let text = std::str::from_utf8(&body).ok()?.split_once("\r\n")?.1;
        let mut words = text.split(' ');
        let index: usize = words.next()?.parse().ok()?;
        let sent = Duration::from_nanos(words.next()?.parse().ok()?);
        if self.missing.get(index)?.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.in_flight.add_permits(1);
        }
        Some(now.saturating_sub(sent))
    }
}
