//! A file from here to the server: looked at, offered, and handed over as the server asks for it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Instant;

use bytes::Bytes;
use sotto_proto::{
    Audience, Cid, FileId, FileInfo, FileStage, Offer, Reason, Refusal, Reply, Request, limits,
};

use super::{Effects, Phase, Snag, TELL_AFTER, Transfer, TransferId};
use crate::disk::{Job, Source, What};
use crate::safe_name::safe_name;

/// What is read at once, in bytes; and how many chunks may wait when more is read: the next is read while the last goes out.
const READ: u64 = 120 * 1024;
const AHEAD: usize = 3;

/// One such file.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) cid: Cid,
    to: Audience,
    path: PathBuf,
    /// What it is, once it has been looked at.
    source: Option<Source>,
    pub(super) file: Option<FileId>,
    stage: Stage,
    question: Question,
    /// What the server has; where the next content to be read begins; up to where it may be sent.
    off: u64,
    next: u64,
    upto: u64,
    reading: bool,
    chunks: VecDeque<(u64, Bytes)>,
    told: Option<Instant>,
}

#[derive(Debug)]
enum Stage {
    Looking,
    /// The offer goes out with every new connection until it is acknowledged.
    Offering,
    /// The server has been asked how far it is, or will be.
    Asking,
    Going,
    Paused,
    Resting(Instant),
    Failed(Snag),
    Done,
}

/// Where to go on, asked on this connection. Once only: a server that is asked again passes over what comes before its answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Question {
    Unasked,
    Asked,
    Answered,
}

/// What is remembered of one over a restart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeptSending {
    pub(crate) cid: Cid,
    pub(crate) to: Audience,
    pub(crate) path: PathBuf,
    pub(crate) source: Source,
    pub(crate) file: Option<FileId>,
    pub(crate) paused: bool,
}

impl Sending {
    pub(super) fn new(cid: Cid, (to, path): (Audience, PathBuf), effects: &mut Effects) -> Self {
        effects.jobs.push_back(Job::Look { id: TransferId::Sending(cid), path: path.clone() });
        let sending = Self::at(Stage::Looking, cid, (to, path));
        effects.tell(sending.shown());
        sending
    }

    fn at(stage: Stage, cid: Cid, (to, path): (Audience, PathBuf)) -> Self {
        Self {
            cid,
            to,
            path,
            source: None,
            file: None,
            stage,
            question: Question::Unasked,
            off: 0,
            next: 0,
            upto: 0,
            reading: false,
            chunks: VecDeque::new(),
            told: None,
        }
    }

    /// One that was not finished when the program ended.
    pub(super) fn again(kept: KeptSending, effects: &mut Effects) -> Self {
        let KeptSending { cid, to, path, source, file, paused } = kept;
        let stage = match (paused, file) {
            (true, _) => Stage::Paused,
            (false, Some(_)) => Stage::Asking,
            (false, None) => Stage::Offering,
        };
        let sending = Self { source: Some(source), file, ..Self::at(stage, cid, (to, path)) };
        effects.tell(sending.shown());
        sending
    }

    pub(super) fn kept(&self) -> Option<KeptSending> {
        if matches!(self.stage, Stage::Looking | Stage::Failed(_) | Stage::Done) {
            return None;
        }
        Some(KeptSending {
            cid: self.cid,
            to: self.to.clone(),
            path: self.path.clone(),
            source: self.source.clone()?,
            file: self.file,
            paused: matches!(self.stage, Stage::Paused),
        })
    }

    fn shown(&self) -> Transfer {
        let phase = match &self.stage {
            Stage::Looking => Phase::Preparing,
            Stage::Offering | Stage::Asking | Stage::Resting(_) => Phase::Waiting,
            Stage::Going => Phase::Running,
            Stage::Paused => Phase::Paused,
            Stage::Failed(snag) => Phase::Failed(snag.clone()),
            Stage::Done => Phase::Done(None),
        };
        let name = self.source.as_ref().map(|source| safe_name(&source.info.name));
        let named =
            || self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Transfer {
            id: TransferId::Sending(self.cid),
            file: self.file,
            to: Some(self.to.clone()),
            name: name.unwrap_or_else(named),
            size: self.source.as_ref().map_or(0, |source| source.info.size),
            done: self.off,
            phase,
        }
    }

    fn turn(&mut self, stage: Stage, effects: &mut Effects) {
        self.stage = stage;
        self.told = None;
        effects.tell(self.shown());
    }

    pub(super) fn fail(&mut self, snag: Snag, effects: &mut Effects) {
        self.chunks.clear();
        self.question = Question::Unasked;
        effects.changed = true;
        effects.jobs.push_back(Job::Close(TransferId::Sending(self.cid)));
        self.turn(Stage::Failed(snag), effects);
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    pub(super) fn rests_until(&self) -> Option<Instant> {
        if let Stage::Resting(until) = self.stage { Some(until) } else { None }
    }

    /// Whether the server may have an offer of which nothing has been heard yet.
    pub(super) fn may_be_offered(&self) -> bool {
        self.file.is_none() && matches!(self.stage, Stage::Offering | Stage::Paused)
    }

    pub(super) fn cancel(&self, effects: &mut Effects) {
        effects.jobs.push_back(Job::Close(TransferId::Sending(self.cid)));
        effects.tell(Transfer { phase: Phase::Failed(Snag::TakenBack), ..self.shown() });
    }

    pub(super) fn pause(&mut self, effects: &mut Effects) {
        if !matches!(self.stage, Stage::Looking | Stage::Failed(_) | Stage::Done) {
            self.turn(Stage::Paused, effects);
        }
    }

    pub(super) fn resume(&mut self, online: bool, effects: &mut Effects) {
        if !matches!(self.stage, Stage::Paused | Stage::Resting(_) | Stage::Failed(_)) {
            return;
        }
        if self.source.is_none() {
            effects.jobs.push_back(Job::Look { id: TransferId::Sending(self.cid), path: self.path.clone() });
            return self.turn(Stage::Looking, effects);
        }
        let stage = match (self.file, self.question) {
            (None, _) => Stage::Offering,
            (Some(_), Question::Answered) => Stage::Going,
            (Some(_), _) => Stage::Asking,
        };
        self.turn(stage, effects);
        self.read(effects);
        if online {
            self.connected(effects);
        }
    }

    pub(super) fn connected(&mut self, effects: &mut Effects) {
        match (&self.stage, self.file, &self.source) {
            (Stage::Offering, None, Some(source)) => {
                let (to, file) = (self.to.clone(), source.info.clone());
                effects.say(&Request::Offer(Offer { cid: self.cid, to, file }));
            }
            (Stage::Asking | Stage::Offering, Some(file), _) if self.question == Question::Unasked => {
                self.stage = Stage::Asking;
                self.question = Question::Asked;
                effects.say(&Request::Ready { file, off: 0, upto: None });
            }
            _ => {}
        }
    }

    pub(super) fn disconnected(&mut self, effects: &mut Effects) {
        self.chunks.clear();
        self.question = Question::Unasked;
        if matches!(self.stage, Stage::Going | Stage::Resting(_)) {
            self.turn(Stage::Asking, effects);
        }
    }

    /// The offer is stored. What it is, the first time.
    pub(super) fn stored(&mut self, file: FileId, effects: &mut Effects) -> Option<(FileInfo, Audience)> {
        let known = self.file.replace(file).is_some();
        if matches!(self.stage, Stage::Offering) {
            self.turn(Stage::Asking, effects);
            self.connected(effects);
        }
        if known {
            return None;
        }
        Some((self.source.as_ref()?.info.clone(), self.to.clone()))
    }

    pub(super) fn hear(&mut self, reply: &Reply, now: Instant, effects: &mut Effects) {
        match reply {
            Reply::GoOn { off, upto, .. } => self.asked_for((*off, *upto), now, effects),
            Reply::FileRefused { refusal, .. } => self.refused(refusal, now, effects),
            Reply::FileState(state) if state.stage == FileStage::Stored => {
                self.off = self.source.as_ref().map_or(0, |source| source.info.size);
                effects.jobs.push_back(Job::Close(TransferId::Sending(self.cid)));
                self.turn(Stage::Done, effects);
            }
            // What it has failed for says more than that it is gone.
            Reply::FileState(_) if matches!(self.stage, Stage::Failed(_)) => {}
            Reply::FileState(state) if state.stage == FileStage::Gone => self.fail(Snag::TakenBack, effects),
            _ => {}
        }
    }

    fn asked_for(&mut self, (off, upto): (u64, u64), now: Instant, effects: &mut Effects) {
        if !matches!(self.stage, Stage::Asking | Stage::Going | Stage::Paused) {
            return;
        }
        let size = self.source.as_ref().map_or(0, |source| source.info.size);
        (self.off, self.upto) = (off.min(size), upto.min(size));
        // The first answer says where to begin; a later one that is ahead says that what is before it is not wanted.
        if self.question != Question::Answered || self.off > self.next {
            self.chunks.clear();
            self.next = self.off;
        }
        self.question = Question::Answered;
        if matches!(self.stage, Stage::Asking) {
            self.turn(Stage::Going, effects);
        }
        self.progress(now, effects);
        self.read(effects);
    }

    fn refused(&mut self, refusal: &Refusal, now: Instant, effects: &mut Effects) {
        // What was still on its way when an attempt ended is refused, too; that says nothing new.
        let late = matches!(self.stage, Stage::Resting(_) | Stage::Paused)
            && self.question == Question::Unasked
            && refusal.reason == Reason::NoSuchFile;
        if late || matches!(self.stage, Stage::Failed(_)) {
            return;
        }
        self.chunks.clear();
        self.question = Question::Unasked;
        match refusal.retry_after {
            Some(_) if matches!(self.stage, Stage::Paused) => {}
            Some(wait) => self.turn(Stage::Resting(now + wait), effects),
            None => self.fail(Snag::Refused(refusal.clone()), effects),
        }
    }

    /// Has more read, if more may be sent and little waits.
    fn read(&mut self, effects: &mut Effects) {
        let Some(source) = self.source.as_ref().filter(|_| matches!(self.stage, Stage::Going)) else {
            return;
        };
        let left = source.info.size.saturating_sub(self.next);
        if self.reading || self.chunks.len() > AHEAD || left == 0 {
            return;
        }
        self.reading = true;
        let (off, len) = (self.next, left.min(READ));
        let (path, source) = (self.path.clone(), source.clone());
        effects.jobs.push_back(Job::Read {
            id: TransferId::Sending(self.cid),
            from: (path, source),
            off,
            len,
        });
    }

    pub(super) fn next_chunk(&mut self, effects: &mut Effects) -> Option<[Bytes; 2]> {
        if !matches!(self.stage, Stage::Going) {
            return None;
        }
        let file = self.file?;
        let (first, waiting) = self.chunks.front_mut()?;
        let room = usize::try_from(self.upto.saturating_sub(*first)).unwrap_or(usize::MAX);
        let (off, bytes) = (*first, waiting.split_to(waiting.len().min(room)));
        if bytes.is_empty() {
            return None;
        }
        // The server may take less than what was read as one.
        *first += u64::try_from(bytes.len()).unwrap_or(0);
        if waiting.is_empty() {
            self.chunks.pop_front();
        }
        self.read(effects);
        Some([Request::before_chunk(file, off, bytes.len()), bytes])
    }

    pub(super) fn done(&mut self, what: What, online: bool, (now, effects): (Instant, &mut Effects)) {
        match what {
            What::Looked(source) => {
                self.source = Some(source);
                effects.changed = true;
                self.turn(Stage::Offering, effects);
                if online {
                    self.connected(effects);
                }
            }
            What::Read { off, bytes } => {
                self.reading = false;
                self.was_read((off, bytes), effects);
            }
            What::Failed(snag) => {
                self.reading = false;
                self.fail(snag, effects);
            }
            What::Opened(_) | What::Written(_) | What::Saved(_) => {}
        }
        self.progress(now, effects);
    }

    /// What was read before the server said where to go on is not what is next.
    fn was_read(&mut self, (off, mut bytes): (u64, Bytes), effects: &mut Effects) {
        if off == self.next && matches!(self.stage, Stage::Going) {
            while !bytes.is_empty() {
                let chunk = bytes.split_to(bytes.len().min(limits::MAX_CHUNK));
                let at = self.next;
                self.next += u64::try_from(chunk.len()).unwrap_or(0);
                self.chunks.push_back((at, chunk));
            }
        }
        self.read(effects);
    }

    fn progress(&mut self, now: Instant, effects: &mut Effects) {
        let due = self.told.is_none_or(|told| now.saturating_duration_since(told) >= TELL_AFTER);
        if due && matches!(self.stage, Stage::Going) {
            self.told = Some(now);
            effects.tell(self.shown());
        }
    }
}
