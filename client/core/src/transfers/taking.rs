//! A file from the server to here: accepted, asked for as fast as it is written, proven, and given its name.

use std::path::PathBuf;
use std::time::Instant;

use bytes::Bytes;
use sotto_proto::{Answer, FileStage, Refusal, Reply, Request, Window};

use super::{Effects, Kept, Phase, Snag, TELL_AFTER, Transfer, TransferId};
use crate::disk::{Job, Place, What};
use crate::safe_name::safe_name;

/// One such file.
#[derive(Debug)]
pub(super) struct Taking {
    pub(super) place: Place,
    stage: Stage,
    /// What has been written; what is being written; where the next content has to begin, and up to where it may come.
    off: u64,
    in_flight: u64,
    next: u64,
    upto: u64,
    queue: Vec<Bytes>,
    window: Window<Instant>,
    told: Option<Instant>,
}

#[derive(Debug)]
enum Stage {
    /// What is here of it is being looked at; then it goes on, or waits if it is paused.
    Opening {
        paused: bool,
    },
    Waiting,
    Going,
    Paused,
    Resting(Instant),
    Saving,
    /// Saved; the server is told with the next connection.
    Saved(PathBuf),
    Done(PathBuf),
    Failed(Snag),
}

impl Taking {
    pub(super) fn new(place: Place, paused: bool, effects: &mut Effects) -> Self {
        effects.jobs.push_back(Job::Open(place.clone()));
        let stage = Stage::Opening { paused };
        let taking = Self::at(stage, place);
        effects.tell(taking.shown());
        taking
    }

    fn at(stage: Stage, place: Place) -> Self {
        Self {
            place,
            stage,
            off: 0,
            in_flight: 0,
            next: 0,
            upto: 0,
            queue: Vec::new(),
            window: Window::default(),
            told: None,
        }
    }

    /// One that was saved when the program ended, and of which the server has not heard yet.
    pub(super) fn again(place: Place, saved: PathBuf, effects: &mut Effects) -> Self {
        let off = place.size;
        let taking = Self { off, next: off, ..Self::at(Stage::Saved(saved), place) };
        effects.tell(taking.shown());
        taking
    }

    fn id(&self) -> TransferId {
        TransferId::Taking(self.place.file)
    }

    pub(super) fn kept(&self) -> Option<Kept> {
        if matches!(self.stage, Stage::Done(_)) {
            return None;
        }
        let fatal = |snag: &Snag| matches!(snag, Snag::TakenBack | Snag::Refused(_) | Snag::Mismatch);
        if matches!(&self.stage, Stage::Failed(snag) if fatal(snag)) {
            return None;
        }
        let paused = matches!(self.stage, Stage::Paused | Stage::Opening { paused: true } | Stage::Failed(_));
        let saved = if let Stage::Saved(path) = &self.stage { Some(path.clone()) } else { None };
        Some(Kept::Taking { place: self.place.clone(), paused, saved })
    }

    fn shown(&self) -> Transfer {
        let phase = match &self.stage {
            Stage::Opening { .. } => Phase::Preparing,
            Stage::Waiting | Stage::Resting(_) => Phase::Waiting,
            Stage::Going | Stage::Saving => Phase::Running,
            Stage::Paused => Phase::Paused,
            Stage::Saved(path) | Stage::Done(path) => Phase::Done(Some(path.clone())),
            Stage::Failed(snag) => Phase::Failed(snag.clone()),
        };
        Transfer {
            id: self.id(),
            file: Some(self.place.file),
            to: None,
            name: safe_name(&self.place.name),
            size: self.place.size,
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
        self.queue.clear();
        effects.changed = true;
        effects.jobs.push_back(Job::Close(self.id()));
        self.turn(Stage::Failed(snag), effects);
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Done(_))
    }

    pub(super) fn rests_until(&self) -> Option<Instant> {
        if let Stage::Resting(until) = self.stage { Some(until) } else { None }
    }

    pub(super) fn cancel(&self, effects: &mut Effects) {
        effects.jobs.push_back(Job::Discard(self.place.clone()));
        effects.tell(Transfer { phase: Phase::Failed(Snag::TakenBack), ..self.shown() });
    }

    pub(super) fn pause(&mut self, online: bool, effects: &mut Effects) {
        match self.stage {
            Stage::Opening { .. } => self.stage = Stage::Opening { paused: true },
            Stage::Waiting | Stage::Going | Stage::Resting(_) => {
                if online {
                    self.say_ready(self.next, effects);
                }
                self.turn(Stage::Paused, effects);
            }
            _ => {}
        }
    }

    pub(super) fn resume(&mut self, online: bool, effects: &mut Effects) {
        match self.stage {
            Stage::Paused | Stage::Resting(_) => {
                self.turn(Stage::Waiting, effects);
                if online {
                    self.connected(effects);
                }
            }
            // What is here of it may have been removed, or be spoilt.
            Stage::Failed(_) => {
                (self.off, self.next, self.upto, self.in_flight) = (0, 0, 0, 0);
                self.window = Window::default();
                effects.jobs.push_back(Job::Open(self.place.clone()));
                self.turn(Stage::Opening { paused: false }, effects);
            }
            _ => {}
        }
    }

    pub(super) fn connected(&mut self, effects: &mut Effects) {
        let file = self.place.file;
        match &self.stage {
            Stage::Waiting => self.go(effects),
            Stage::Saved(path) => {
                let path = path.clone();
                effects.say(&Request::Answer { file, answer: Answer::Received, who: None });
                self.stage = Stage::Done(path);
            }
            _ => {}
        }
    }

    /// Asks for what is missing.
    fn go(&mut self, effects: &mut Effects) {
        let file = self.place.file;
        effects.say(&Request::Answer { file, answer: Answer::Accept, who: None });
        if self.next == self.place.size {
            return self.wrote_all(effects);
        }
        self.turn(Stage::Going, effects);
        self.ask_on(effects);
    }

    /// Asks for a window from what has been written, however much waits for that.
    fn ask_on(&mut self, effects: &mut Effects) {
        self.upto =
            self.off.saturating_add(self.window.size()).min(self.place.size).max(self.next).max(self.upto);
        if self.upto > self.next {
            self.say_ready(self.upto, effects);
        }
    }

    fn say_ready(&self, upto: u64, effects: &mut Effects) {
        effects.say(&Request::Ready { file: self.place.file, off: self.next, upto: Some(upto) });
    }

    /// What has come stays: it is written, and not asked for again.
    pub(super) fn disconnected(&mut self, effects: &mut Effects) {
        if matches!(self.stage, Stage::Going | Stage::Resting(_)) {
            self.turn(Stage::Waiting, effects);
        }
    }

    pub(super) fn hear(&mut self, reply: &Reply, now: Instant, effects: &mut Effects) {
        match reply {
            Reply::Chunk { off, bytes, .. } => self.take((*off, bytes), effects),
            Reply::FileRefused { refusal, .. } => self.refused(refusal, now, effects),
            Reply::FileState(state) if state.stage == FileStage::Gone && !self.has_all() => {
                self.fail(Snag::TakenBack, effects);
            }
            _ => {}
        }
    }

    /// Keeps content that was asked for, and no other. Some of it may be here already, from before a pause.
    fn take(&mut self, (off, bytes): (u64, &Bytes), effects: &mut Effects) {
        let end = off.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let known = self.next.checked_sub(off).and_then(|known| usize::try_from(known).ok());
        let Some(known) = known.filter(|known| *known < bytes.len()) else { return };
        if matches!(self.stage, Stage::Going) && end <= self.upto {
            self.next = end;
            self.queue.push(bytes.slice(known..));
            self.write(effects);
        }
    }

    fn write(&mut self, effects: &mut Effects) {
        if self.in_flight == 0 && !self.queue.is_empty() {
            let chunks = std::mem::take(&mut self.queue);
            self.in_flight = self.next - self.off;
            effects.jobs.push_back(Job::Write { id: self.id(), chunks });
        }
    }

    fn refused(&mut self, refusal: &Refusal, now: Instant, effects: &mut Effects) {
        match (&self.stage, refusal.retry_after) {
            (Stage::Going | Stage::Waiting, Some(wait)) => {
                self.turn(Stage::Resting(now + wait), effects);
            }
            (Stage::Going | Stage::Waiting | Stage::Resting(_) | Stage::Paused, None) => {
                self.fail(Snag::Refused(refusal.clone()), effects);
            }
            _ => {}
        }
    }

    pub(super) fn done(&mut self, what: What, online: bool, (now, effects): (Instant, &mut Effects)) {
        match what {
            What::Opened(off) => self.opened(off, online, effects),
            What::Written(off) => self.written(off, (now, effects)),
            What::Saved(path) => {
                effects.changed = true;
                self.turn(Stage::Saved(path), effects);
                if online {
                    self.connected(effects);
                }
            }
            What::Failed(snag) => {
                self.in_flight = 0;
                self.fail(snag, effects);
            }
            What::Looked(_) | What::Read { .. } => {}
        }
    }

    fn opened(&mut self, off: u64, online: bool, effects: &mut Effects) {
        let Stage::Opening { paused } = self.stage else { return };
        (self.off, self.next) = (off, off);
        self.turn(if paused { Stage::Paused } else { Stage::Waiting }, effects);
        if online && !paused {
            self.connected(effects);
        }
    }

    /// It can do without the server, or has given up already.
    fn has_all(&self) -> bool {
        matches!(self.stage, Stage::Saving | Stage::Saved(_) | Stage::Done(_) | Stage::Failed(_))
    }

    fn written(&mut self, off: u64, (now, effects): (Instant, &mut Effects)) {
        if matches!(self.stage, Stage::Opening { .. } | Stage::Failed(_)) {
            return;
        }
        self.in_flight = 0;
        self.off = off;
        if off == self.place.size {
            // The server need not keep it open.
            if matches!(self.stage, Stage::Going) {
                self.say_ready(off, effects);
            }
            return self.wrote_all(effects);
        }
        self.window.wrote(off, now);
        let due = self.upto < self.place.size && self.window.is_due(off, self.upto);
        if matches!(self.stage, Stage::Going) && due {
            self.ask_on(effects);
        }
        self.write(effects);
        let due = self.told.is_none_or(|told| now.saturating_duration_since(told) >= TELL_AFTER);
        if due {
            self.told = Some(now);
            effects.tell(self.shown());
        }
    }

    fn wrote_all(&mut self, effects: &mut Effects) {
        if self.in_flight == 0 {
            effects.jobs.push_back(Job::Save(self.place.clone()));
            self.turn(Stage::Saving, effects);
        }
    }
}
