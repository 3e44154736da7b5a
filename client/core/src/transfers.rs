//! Files on their way, without IO and without a clock: commands, replies, times and what the disk has done go in; frames, jobs
//! for the disk and updates come out. Nobody is sent a byte they did not ask for, and no byte is kept that was not.

mod kept;
mod sending;
mod taking;

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sotto_proto::{Answer, Attachment, Audience, Cid, FileId, FileInfo, FileName, Refusal, Reply, Request};

use crate::disk::{Done, Job, Place};
use crate::update::Update;
pub(crate) use kept::{Kept, from_toml, to_toml};
use sending::Sending;
use taking::Taking;

/// How often a user interface is told how far a file is.
const TELL_AFTER: Duration = Duration::from_millis(100);

/// Which transfer: of a file that is sent, by the cid of its offer; of one that is taken, by its id.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum TransferId {
    /// From here.
    Sending(Cid),
    /// To here.
    Taking(FileId),
}

/// How a transfer stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    /// Which.
    pub id: TransferId,
    /// The file, once the server knows it.
    pub file: Option<FileId>,
    /// Whom a file from here is for.
    pub to: Option<Audience>,
    /// As it is saved or sent, safe to show.
    pub name: String,
    /// Its length in bytes; 0 while that is being found out.
    pub size: u64,
    /// How many bytes have arrived, there or here.
    pub done: u64,
    /// What it is doing.
    pub phase: Phase,
}

/// What a transfer is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// The file is read once, to say what is in it; or what is here of it is looked at.
    Preparing,
    /// It goes on when there is a connection, or when the server says so.
    Waiting,
    /// It goes on.
    Running,
    /// It was told to wait.
    Paused,
    /// All of it is there, and is what was offered. Of a file that was taken: where it is saved.
    Done(Option<PathBuf>),
    /// It stopped.
    Failed(Snag),
}

/// What stopped a transfer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Snag {
    /// There is no such file.
    #[error("there is no such file")]
    Missing,
    /// It is a directory, or something else that cannot be sent.
    #[error("only files can be sent; pack a folder into one first")]
    NotAFile,
    /// Its name cannot be sent.
    #[error("a file's name has at most 255 bytes")]
    BadName,
    /// It is not any more what was offered.
    #[error("the file has changed since it was offered; offer it again")]
    Changed,
    /// There is no room on this machine.
    #[error("this computer's disk is full; make room, and go on")]
    DiskFull,
    /// What arrived is not what was offered; it has been removed.
    #[error("what arrived is not what was offered, and was removed")]
    Mismatch,
    /// The offer was taken back, by whoever made it.
    #[error("the file is not offered any more")]
    TakenBack,
    /// The server said no.
    #[error("{}", .0.sentence)]
    Refused(Refusal),
    /// The system said no.
    #[error("{0}")]
    Io(String),
}

/// What comes out of a transfer.
#[derive(Debug, Default)]
pub(super) struct Effects {
    output: VecDeque<Bytes>,
    jobs: VecDeque<Job>,
    updates: VecDeque<Update>,
    /// What is to be remembered has changed.
    changed: bool,
}

impl Effects {
    fn say(&mut self, request: &Request) {
        self.output.push_back(request.encode(None));
    }

    fn tell(&mut self, transfer: Transfer) {
        self.updates.push_back(Update::Transfer(transfer));
    }
}

#[derive(Debug)]
enum One {
    Sending(Sending),
    Taking(Taking),
}

/// All transfers of one account.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    /// Whoever sends next stands first.
    all: VecDeque<One>,
    online: bool,
    /// Offers that were given up before the server said that it had them: it is told as soon as it does.
    given_up: HashSet<Cid>,
    effects: Effects,
}

impl Transfers {
    /// What was not finished when the program ended.
    pub(crate) fn new(kept: Vec<Kept>) -> Self {
        let mut transfers = Self::default();
        for kept in kept {
            let one = match kept {
                Kept::Sending(kept) => One::Sending(Sending::again(kept, &mut transfers.effects)),
                Kept::Taking { place, saved: Some(path), .. } => {
                    One::Taking(Taking::again(place, path, &mut transfers.effects))
                }
                Kept::Taking { place, paused, saved: None } => {
                    One::Taking(Taking::new(place, paused, &mut transfers.effects))
                }
            };
            transfers.all.push_back(one);
        }
        transfers
    }

    pub(crate) fn poll_output(&mut self) -> Option<Bytes> {
        self.effects.output.pop_front()
    }

    pub(crate) fn poll_update(&mut self) -> Option<Update> {
        self.effects.updates.pop_front()
    }

    /// What the disk is to do next.
    pub(crate) fn poll_job(&mut self) -> Option<Job> {
        if std::mem::take(&mut self.effects.changed) {
            let kept = self.all.iter().filter_map(One::kept).collect();
            self.effects.jobs.push_back(Job::Keep(kept));
        }
        self.effects.jobs.pop_front()
    }

    /// The next content to send, when nothing else waits. Transfers take turns.
    pub(crate) fn poll_chunk(&mut self) -> Option<[Bytes; 2]> {
        for _ in 0..self.all.len() {
            let mut one = self.all.pop_front()?;
            let chunk = match &mut one {
                One::Sending(sending) => sending.next_chunk(&mut self.effects),
                One::Taking(_) => None,
            };
            self.all.push_back(one);
            if chunk.is_some() {
                return chunk;
            }
        }
        None
    }

    /// Offers a file, once it has been looked at.
    pub(crate) fn send(&mut self, cid: Cid, to: Audience, path: PathBuf) {
        let sending = Sending::new(cid, (to, path), &mut self.effects);
        self.all.push_back(One::Sending(sending));
    }

    /// Accepts a file; it goes to `dir`.
    pub(crate) fn accept(&mut self, (file, name): (&Attachment, &FileName), dir: PathBuf) {
        let (size, hash) = (file.size, file.hash);
        let place = Place { file: file.id, name: name.clone(), size, hash, dir };
        let id = TransferId::Taking(file.id);
        self.all.retain(|one| one.id() != id);
        let taking = Taking::new(place, false, &mut self.effects);
        self.all.push_back(One::Taking(taking));
        self.effects.changed = true;
    }

    /// Ends a transfer here. What is to be said of it: an offer that has been made is taken back, a file that is being taken is
    /// declined.
    pub(crate) fn cancel(&mut self, id: TransferId) -> Option<(FileId, Answer)> {
        let index = self.all.iter().position(|one| one.id() == id)?;
        let one = self.all.remove(index)?;
        self.effects.changed = true;
        match one {
            One::Sending(sending) => {
                sending.cancel(&mut self.effects);
                if sending.may_be_offered() {
                    self.given_up.insert(sending.cid);
                }
                sending.file.map(|file| (file, Answer::Cancel))
            }
            One::Taking(taking) => {
                taking.cancel(&mut self.effects);
                Some((taking.place.file, Answer::Decline))
            }
        }
    }

    pub(crate) fn pause(&mut self, id: TransferId) {
        let online = self.online;
        self.with(id, |one, effects| match one {
            One::Sending(sending) => sending.pause(effects),
            One::Taking(taking) => taking.pause(online, effects),
        });
        self.effects.changed = true;
    }

    /// Goes on with what was paused, or tries again what stopped.
    pub(crate) fn go_on(&mut self, id: TransferId) {
        let online = self.online;
        self.with(id, |one, effects| match one {
            One::Sending(sending) => sending.resume(online, effects),
            One::Taking(taking) => taking.resume(online, effects),
        });
        self.effects.changed = true;
    }

    /// A session has begun.
    pub(crate) fn connected(&mut self) {
        self.online = true;
        for one in &mut self.all {
            match one {
                One::Sending(sending) => sending.connected(&mut self.effects),
                One::Taking(taking) => taking.connected(&mut self.effects),
            }
        }
        self.tidy();
    }

    pub(crate) fn disconnected(&mut self) {
        self.online = false;
        self.effects.output.clear();
        for one in &mut self.all {
            match one {
                One::Sending(sending) => sending.disconnected(&mut self.effects),
                One::Taking(taking) => taking.disconnected(&mut self.effects),
            }
        }
    }

    /// When [`Self::tick`] wants to be called, if at all.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        self.all.iter().filter_map(One::rests_until).min()
    }

    /// Goes on with what the server asked to wait.
    pub(crate) fn tick(&mut self, now: Instant) {
        let online = self.online;
        for one in &mut self.all {
            if one.rests_until().is_some_and(|until| until <= now) {
                match one {
                    One::Sending(sending) => sending.resume(online, &mut self.effects),
                    One::Taking(taking) => taking.resume(online, &mut self.effects),
                }
            }
        }
    }

    /// What an acknowledged offer of ours offers: for the message that it is.
    pub(crate) fn stored(&mut self, cid: Cid, file: FileId) -> Option<(FileInfo, Audience)> {
        let id = TransferId::Sending(cid);
        let effects = &mut self.effects;
        if self.given_up.remove(&cid) {
            effects.say(&Request::Answer { file, answer: Answer::Cancel, who: None });
        }
        let Some(One::Sending(sending)) = self.all.iter_mut().find(|one| one.id() == id) else { return None };
        effects.changed = true;
        sending.stored(file, effects)
    }

    /// An offer of ours was refused. Whether it was one.
    pub(crate) fn not_sent(&mut self, cid: Cid, refusal: Refusal) -> bool {
        self.given_up.remove(&cid);
        let known = self.all.iter().any(|one| one.id() == TransferId::Sending(cid));
        self.with(TransferId::Sending(cid), |one, effects| one.fail(Snag::Refused(refusal), effects));
        known
    }

    /// Takes in what the server says of files.
    pub(crate) fn hear(&mut self, reply: &Reply, now: Instant) {
        let file = match reply {
            Reply::Chunk { file, .. } | Reply::GoOn { file, .. } | Reply::FileRefused { file, .. } => *file,
            Reply::FileState(state) => state.file,
            _ => return,
        };
        let effects = &mut self.effects;
        for one in self.all.iter_mut().filter(|one| one.file() == Some(file)) {
            match one {
                One::Sending(sending) => sending.hear(reply, now, effects),
                One::Taking(taking) => taking.hear(reply, now, effects),
            }
        }
        self.tidy();
    }

    /// Takes in what the disk has done.
    pub(crate) fn done(&mut self, done: Done, now: Instant) {
        let online = self.online;
        self.with(done.id, |one, effects| match one {
            One::Sending(sending) => sending.done(done.what, online, (now, effects)),
            One::Taking(taking) => taking.done(done.what, online, (now, effects)),
        });
        self.tidy();
    }

    fn with(&mut self, id: TransferId, work: impl FnOnce(&mut One, &mut Effects)) {
        if let Some(one) = self.all.iter_mut().find(|one| one.id() == id) {
            work(one, &mut self.effects);
        }
    }

    /// Forgets what has ended well.
    fn tidy(&mut self) {
        let before = self.all.len();
        self.all.retain(|one| !one.is_over());
        self.effects.changed |= self.all.len() < before;
    }
}

impl One {
    fn id(&self) -> TransferId {
        match self {
            Self::Sending(sending) => TransferId::Sending(sending.cid),
            Self::Taking(taking) => TransferId::Taking(taking.place.file),
        }
    }

    fn file(&self) -> Option<FileId> {
        match self {
            Self::Sending(sending) => sending.file,
            Self::Taking(taking) => Some(taking.place.file),
        }
    }

    fn kept(&self) -> Option<Kept> {
        match self {
            Self::Sending(sending) => sending.kept().map(Kept::Sending),
            Self::Taking(taking) => taking.kept(),
        }
    }

    fn fail(&mut self, snag: Snag, effects: &mut Effects) {
        match self {
            Self::Sending(sending) => sending.fail(snag, effects),
            Self::Taking(taking) => taking.fail(snag, effects),
        }
    }

    fn rests_until(&self) -> Option<Instant> {
        match self {
            Self::Sending(sending) => sending.rests_until(),
            Self::Taking(taking) => taking.rests_until(),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Sending(sending) => sending.is_over(),
            Self::Taking(taking) => taking.is_over(),
        }
    }
}

#[cfg(test)]
mod tests;
