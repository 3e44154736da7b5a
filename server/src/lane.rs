//! Gathers messages, commits them together, then delivers them.
//!
//! There is no timer: while one batch is being committed the next one gathers. What a client is told of a
//! message, it is told after the commit; the order of commits is the order of deliveries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sotto_proto::{Cid, Reason, Reply, Seq};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, yield_now};
use tracing::error;

use crate::bus::Bus;
use crate::hub::{Delivery, Hub, Parcel};
use crate::outbox::{Outbox, Placed};
use crate::store::{Draft, Outcome, Store};

/// The most messages in one transaction.
const BATCH: usize = 512;

const NOT_STORED: &str = "The server could not store this message. Send it again.";
const NO_ROOM: &str = "There is no room on the server for this file. Take back files that nobody needs any more, or wait for some to expire.";
const FULL: &str = "There is no room on the server for more messages in this conversation.";

/// A message on its way into the store, and where to answer.
pub(crate) struct Letter {
    pub(crate) parcel: Parcel,
    pub(crate) sender: Arc<Outbox>,
}

enum Entry {
    Letter(Letter),
    /// Everything before it has been delivered when this is answered.
    Barrier(oneshot::Sender<()>),
}

/// The way into the lane.
#[derive(Clone)]
pub(crate) struct Lane {
    entries: mpsc::Sender<Entry>,
}

/// The lane's other end, to be run by one task.
pub(crate) struct LaneWorker {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) bus: Box<dyn Bus>,
}

impl Lane {
    /// Starts a lane that holds at most `capacity` waiting messages. Its task ends with the last `Lane`, or
    /// by a defect: without it nothing can be said any more.
    pub(crate) fn start(worker: LaneWorker, capacity: usize) -> (Self, JoinHandle<()>) {
        let (entries, waiting) = mpsc::channel(capacity);
        let task = tokio::spawn(worker.run(waiting));
        (Self { entries }, task)
    }

    /// Hands a message in; waits while the lane is full. The answer goes to the sender's outbox.
    pub(crate) async fn submit(&self, letter: Letter) {
        // The lane ends after every session that could submit.
        let _ = self.entries.send(Entry::Letter(letter)).await;
    }

    /// Waits until everything handed in before has been stored and delivered.
    pub(crate) async fn flush(&self) {
        let (passed, barrier) = oneshot::channel();
        let _ = self.entries.send(Entry::Barrier(passed)).await;
        let _ = barrier.await;
    }
}

impl LaneWorker {
    async fn run(self, mut waiting: mpsc::Receiver<Entry>) {
        let mut gathered = Vec::with_capacity(BATCH);
        while waiting.recv_many(&mut gathered, BATCH).await > 0 {
            // Whoever is ready to say something, or to be written to, comes first: what a room says in one moment is one batch, and
            // one write to each. With nobody waiting this takes no time.
            yield_now().await;
            while gathered.len() < BATCH
                && let Ok(entry) = waiting.try_recv()
            {
                gathered.push(entry);
            }
            let mut barriers = Vec::new();
            let mut letters = Vec::with_capacity(gathered.len());
            for entry in gathered.drain(..) {
                match entry {
                    Entry::Letter(letter) => letters.push(letter),
                    Entry::Barrier(passed) => barriers.push(passed),
                }
            }
            self.commit(letters).await;
            for passed in barriers {
                let _ = passed.send(());
            }
        }
    }

    async fn commit(&self, letters: Vec<Letter>) {
        if letters.is_empty() {
            return;
        }
        let drafts = letters.iter().map(draft).collect();
        match self.store.append(drafts, now_millis()).await {
            Ok(outcomes) => self.deliver(letters, outcomes),
            Err(fault) => {
                error!(error = %fault, messages = letters.len(), "messages could not be stored");
                letters.iter().for_each(|letter| refuse(letter, &not_stored(letter.parcel.cid)));
                self.find_out(&letters).await;
            }
        }
    }

    /// A commit that has failed may be one all the same. Whoever is here is to hear of it now, not when the next message comes.
    async fn find_out(&self, letters: &[Letter]) {
        let talks = letters.iter().map(|letter| (letter.parcel.conversation.id, &letter.parcel));
        for (conv, parcel) in BTreeMap::from_iter(talks) {
            let seat = self.store.seat(parcel.sender.id, conv).await;
            for outbox in self.hub.present(&parcel.conversation) {
                match &seat {
                    Ok(seat) => outbox.hear_of(conv, seat.as_ref().map_or(Seq::ZERO, |seat| seat.head)),
                    // Its next connection finds out.
                    Err(_) => outbox.close(crate::session::internal()),
                }
            }
        }
    }

    fn deliver(&self, letters: Vec<Letter>, outcomes: Vec<Outcome>) {
        let mut fresh = Vec::with_capacity(letters.len());
        let mut again = Vec::new();
        for (letter, outcome) in letters.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Stored { seq, at } => fresh.push(Delivery::new(letter.parcel, seq, at)),
                Outcome::Duplicate { .. } => again.push((letter, outcome)),
                Outcome::NoRoom => refuse(&letter, &no_room(&letter.parcel)),
            }
        }
        self.hub.deliver(&fresh);
        self.bus.relay(&fresh);
        for (letter, outcome) in again {
            acknowledge_again(&letter, outcome);
        }
    }
}

fn draft(letter: &Letter) -> Draft {
    let Parcel { conversation, sender, cid, text, clear, file, .. } = &letter.parcel;
    let (text, file) = (text.clone(), file.clone());
    Draft { conv: conversation.id, sender: sender.id, cid: *cid, text, clear: *clear, file }
}

fn acknowledge_again(letter: &Letter, outcome: Outcome) {
    if let (Outcome::Duplicate { conv, seq, at, file }, Some(cid)) = (outcome, letter.parcel.cid) {
        let frame = Reply::Stored { cid, conv, seq, at, file }.encode(letter.parcel.reference.as_deref());
        letter.sender.acknowledge_again(Placed { conv, seq, frame });
    }
}

fn refuse(letter: &Letter, reply: &Reply) {
    letter.sender.reply(reply.encode(letter.parcel.reference.as_deref()));
}

/// What the sender of a message learns when the disk fails.
pub(crate) fn not_stored(cid: Option<Cid>) -> Reply {
    not_sent(cid, (Reason::NotStored, NOT_STORED))
}

fn no_room(parcel: &Parcel) -> Reply {
    let sentence = if parcel.file.is_some() { NO_ROOM } else { FULL };
    not_sent(parcel.cid, (Reason::Quota, sentence))
}

fn not_sent(cid: Option<Cid>, (reason, sentence): (Reason, &str)) -> Reply {
    Reply::NotSent { cid, reason, who: Vec::new(), sentence: sentence.to_owned() }
}

/// Unix milliseconds; 0 on a machine whose clock is before 1970.
pub(crate) fn now_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
