//! One client: a real session, pumped as `client/core/src/driver.rs` does, and a log of what it was told.

use std::collections::BTreeSet;

use bytes::BytesMut;
use sotto_client::{Account, Command, Problem, Session, Trouble, Update};
use sotto_judge::Event;
use sotto_proto::{Cid, ConvId, Decoder, Epoch, Message, Page, Seq};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, sleep_until};

use super::person::{Person, Word};
use super::wire::End;
use super::world::lock;
use crate::store::memory::look;

/// What will become of a client.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    /// It is killed then.
    pub(super) until: Instant,
    pub(super) logs_out: Instant,
    /// It does not read for a while, again and again.
    pub(super) dozes: bool,
    /// It is the second one, and leaves holes to the first.
    pub(super) guest: bool,
}

/// A client.
pub(super) struct Device<'a> {
    person: &'a Person,
    plan: Plan,
    session: Session,
    /// Which of the person's runs this is.
    run: usize,
    epoch: Option<Epoch>,
    caught_up: bool,
    /// The hole that is being looked up.
    looking_up: Option<(ConvId, u64, u64)>,
    /// Handed in, and not known to be stored.
    unsettled: BTreeSet<[u8; 16]>,
    /// Refused for a reason that may pass: to be sent again.
    again: Vec<Word>,
    next_word: Instant,
    end: Option<Problem>,
}

impl<'a> Device<'a> {
    /// A client that knows nothing but what its person wants to be known: that it sends again.
    pub(super) fn start(person: &'a Person, account: Account, plan: Plan) -> Self {
        let now = Instant::now();
        let mut notes = lock(&person.notes);
        notes.runs.push(vec![Event::Starts]);
        notes.content &= plan.guest;
        let run = notes.runs.len() - 1;
        let pending: Vec<_> = notes.pending.values().cloned().collect();
        drop(notes);
        person.world.note(person.name.as_str(), || format!("client {run} starts"));
        let mut device = Self {
            person,
            plan,
            session: Session::new(account, now.into_std()),
            run,
            epoch: None,
            caught_up: false,
            looking_up: None,
            unsettled: BTreeSet::new(),
            again: Vec::new(),
            next_word: now,
            end: None,
        };
        pending.into_iter().for_each(|word| device.hand_in(word));
        device
    }

    /// Until it is over.
    pub(super) async fn run(&mut self) -> Problem {
        loop {
            self.pause().await;
            if let Some(end) = self.person.house.connect(self.person.name.as_str())
                && let Err(trouble) = self.converse(end).await
            {
                self.note(|| format!("lost: {trouble}"));
                if matches!(trouble, Trouble::Broken(_)) {
                    self.wrong(&trouble.to_string());
                }
            }
            self.caught_up = false;
            self.session.disconnected();
            self.hear();
            if let Some(end) = self.end.take() {
                return end;
            }
        }
    }

    /// Before each try to connect.
    async fn pause(&mut self) {
        let asked = self.session.asked_to_wait().unwrap_or_default();
        let most = self.person.world.one_of([0, 100, 1000]);
        sleep(asked + self.person.world.millis(most)).await;
    }

    async fn converse(&mut self, end: End) -> Result<(), Trouble> {
        const READ: usize = 16 * 1024;
        let (mut reader, mut writer) = tokio::io::split(end);
        let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
        self.session.connected(Instant::now().into_std());
        loop {
            self.hear();
            self.look_after();
            if self.session.is_over() {
                let _ = writer.shutdown().await;
                return Ok(());
            }
            while let Some(frame) = self.session.poll_output() {
                output.extend_from_slice(&frame);
            }
            input.reserve(READ);
            tokio::select! {
                biased;
                read = reader.read_buf(&mut input) => {
                    if read.map_err(|error| Trouble::Lost(error.to_string()))? == 0 {
                        return Err(Trouble::Lost("closed".to_owned()));
                    }
                    self.receive(&mut input)?;
                    if self.plan.dozes && self.person.world.once_in(8) && !self.person.is_healed() {
                        self.person.world.dawdle(20_000).await;
                    }
                }
                wrote = writer.write_buf(&mut output), if !output.is_empty() => {
                    wrote.map_err(|error| Trouble::Lost(error.to_string()))?;
                }
                () = sleep_until(self.session.next_tick().into()) => {
                    self.session.tick(Instant::now().into_std())?;
                }
                () = sleep_until(self.next_word), if self.has_something_to_say() => self.speak(),
                () = sleep_until(self.plan.logs_out) => {
                    self.plan.logs_out = Instant::now() + std::time::Duration::from_secs(24 * 3600);
                    self.note(|| "logs out".to_owned());
                    self.session.command(Command::LogOut);
                }
            }
        }
    }

    fn receive(&mut self, input: &mut BytesMut) -> Result<(), Trouble> {
        let decoder = Decoder::after_login();
        while let Some(frame) = decoder.next(input).map_err(|error| Trouble::Broken(error.to_string()))? {
            self.session.receive(&frame, Instant::now().into_std())?;
            // Each frame for itself: what it says has to be true at this moment.
            self.hear();
        }
        Ok(())
    }

    fn has_something_to_say(&self) -> bool {
        let new = !self.person.is_healed() && lock(&self.person.notes).words > 0;
        self.session.has_room() && (new || !self.again.is_empty())
    }

    fn speak(&mut self) {
        let wait = self.person.world.one_of([0, 0, 10, 300, 2000]);
        self.next_word = Instant::now() + self.person.world.millis(wait);
        if let Some(word) = self.again.pop() {
            self.note(|| format!("says {} again", word.cid));
            return self.hand_in(word);
        }
        // Another client of the same person may have said the last one.
        let Some(left) = lock(&self.person.notes).words.checked_sub(1) else { return };
        lock(&self.person.notes).words = left;
        let word = self.person.think();
        self.hand_in(word);
    }

    fn hand_in(&mut self, Word { cid, to, text }: Word) {
        self.unsettled.insert(*cid.as_bytes());
        self.session.command(Command::Send { cid, to, text });
    }

    /// Asks for what was left out, and says whether all is well.
    fn look_after(&mut self) {
        if self.plan.guest || !self.caught_up {
            return;
        }
        let mut notes = lock(&self.person.notes);
        if let Some(hole) = notes.holes.last().filter(|_| self.looking_up.is_none()) {
            let (conv, from, _) = *hole;
            let page = Page::After(Seq::new(from - 1).unwrap());
            self.looking_up = Some(*hole);
            self.session.command(Command::History { conv, page, limit: 5 });
        }
        notes.content = notes.holes.is_empty() && self.unsettled.is_empty();
    }

    /// Takes in what the session tells.
    fn hear(&mut self) {
        while let Some(update) = self.session.poll_update() {
            self.take(update);
        }
    }

    fn take(&mut self, update: Update) {
        match update {
            Update::LoggedIn { epoch, .. } => self.logged_in(epoch),
            Update::CaughtUp => {
                self.note(|| "is caught up".to_owned());
                self.caught_up = true;
            }
            Update::StartOver(conv) => self.starts_over(conv),
            Update::Message(message) => self.gets(&message),
            Update::Sent { cid, conv, seq, .. } => self.sent(cid, (conv, seq)),
            Update::NotSent { cid, .. } => self.not_sent(cid),
            Update::Hole { conv, from, to } => {
                self.log(Event::Hole(conv, from.get(), to.get()));
                lock(&self.person.notes).holes.push((conv, from.get(), to.get()));
            }
            Update::History { messages, .. } => self.looked_up(&messages),
            Update::Refused(refusal) => {
                self.note(|| format!("is refused something: {}", refusal.reason));
                self.looking_up = None;
            }
            Update::Ended(problem) => self.end = Some(problem),
            _ => {}
        }
    }

    fn logged_in(&mut self, epoch: Epoch) {
        self.epoch = Some(epoch);
        self.looking_up = None;
        self.log(Event::In(epoch));
    }

    fn starts_over(&mut self, conv: Option<ConvId>) {
        self.log(Event::StartsOver(conv));
        lock(&self.person.notes).holes.retain(|(of, ..)| conv.is_some_and(|conv| conv != *of));
    }

    fn gets(&mut self, message: &Message) {
        let cid = said(message);
        self.is_true(cid, (message.conv, message.seq));
        self.log(Event::Gets((message.conv, message.seq.get()), message.from.to_string(), cid));
        if message.from == self.person.name {
            // Said by another client of the same person, or refused, and there after all.
            self.settle(cid);
        }
    }

    fn sent(&mut self, cid: Cid, (conv, seq): (ConvId, Seq)) {
        self.is_true(cid, (conv, seq));
        self.log(Event::Acknowledged(cid, (conv, seq.get())));
        self.settle(cid);
    }

    fn settle(&mut self, cid: Cid) {
        lock(&self.person.notes).pending.remove(cid.as_bytes());
        self.unsettled.remove(cid.as_bytes());
        self.again.retain(|word| word.cid != cid);
    }

    /// It could not be stored just now, or so the server says: the same is said again, unless another client of the same person
    /// knows by now that it is stored.
    fn not_sent(&mut self, cid: Cid) {
        self.log(Event::Refused(cid));
        let word = lock(&self.person.notes).pending.get(cid.as_bytes()).cloned();
        match word {
            Some(word) => self.again.push(word),
            None => self.settle(cid),
        }
    }

    /// A refusal does not say what it refuses, so a page may have been asked for again that comes after all: it answers the hole
    /// that it begins with.
    fn looked_up(&mut self, messages: &[Message]) {
        let first = messages.first().map(|first| (first.conv, first.seq.get()));
        let Some(hole) = self.looking_up.take_if(|(conv, from, _)| first == Some((*conv, *from))) else {
            return;
        };
        let (conv, _, to) = hole;
        lock(&self.person.notes).holes.retain(|open| *open != hole);
        for message in messages.iter().filter(|message| message.seq.get() <= to) {
            let place = (message.conv, message.seq.get());
            self.log(Event::LooksUp(place, message.from.to_string(), said(message)));
        }
        if let Some(last) = messages.last().map(|last| last.seq.get()).filter(|last| *last < to) {
            lock(&self.person.notes).holes.push((conv, last + 1, to));
        }
    }

    /// Whatever a client is told is committed, at this moment and at this place.
    fn is_true(&self, cid: Cid, (conv, seq): (ConvId, Seq)) {
        let shelf = look(&self.person.house.shelf);
        // Bytes from before a backup was put back may still arrive after it.
        if self.epoch == Some(shelf.epoch) && shelf.at(conv, seq).and_then(|row| row.cid) != Some(cid) {
            drop(shelf);
            self.wrong(&format!("is told that {cid} is at {:?}, which is not committed", (conv, seq.get())));
        }
    }

    fn log(&self, event: Event) {
        self.note(|| format!("{event:?}"));
        lock(&self.person.notes).runs[self.run].push(event);
    }

    fn note(&self, what: impl FnOnce() -> String) {
        self.person.world.note(self.person.name.as_str(), what);
    }

    fn wrong(&self, what: &str) {
        self.person.world.wrong(format!("{} {what}", self.person.name));
    }
}

/// What everybody's text begins with.
fn said(message: &Message) -> Cid {
    message.text.as_str().split(' ').next().unwrap_or_default().parse().unwrap()
}
