//! What transfers need of the disk, each in a thread that may wait; one job of a transfer at a time, with what it has open.
//! Nothing here knows of the network.

mod place;
mod source;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sotto_proto::{FileHash, FileId, FileInfo, FileName, Username};
use tokio::task::JoinSet;

use crate::profile::Profile;
use crate::transfers::{Kept, Snag, TransferId};
use place::Partial;
pub use place::downloads;
use source::Reading;

/// A file that is sent: what it is, and when it was changed last, so that it is known again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Source {
    pub(crate) info: FileInfo,
    /// Unix nanoseconds.
    pub(crate) modified: u64,
}

/// A file that is taken, and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) file: FileId,
    pub(crate) name: FileName,
    pub(crate) size: u64,
    pub(crate) hash: FileHash,
    pub(crate) dir: PathBuf,
}

/// What the disk is to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Find out what a file is: [`What::Looked`].
    Look { id: TransferId, path: PathBuf },
    /// Read a part of it: [`What::Read`].
    Read { id: TransferId, from: (PathBuf, Source), off: u64, len: u64 },
    /// Open what is here of a file, or make it: [`What::Opened`].
    Open(Place),
    /// Write on: [`What::Written`].
    Write { id: TransferId, chunks: Vec<Bytes> },
    /// Prove that it is what was offered, and give it its name: [`What::Saved`].
    Save(Place),
    /// Remove what is here of it.
    Discard(Place),
    /// Close it.
    Close(TransferId),
    /// Remember what is not finished.
    Keep(Vec<Kept>),
}

/// What the disk has done.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) id: TransferId,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Looked(Source),
    Read {
        off: u64,
        bytes: Bytes,
    },
    /// So many bytes are here.
    Opened(u64),
    Written(u64),
    Saved(PathBuf),
    Failed(Snag),
}

/// Where unfinished transfers are remembered.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) profile: Profile,
    pub(crate) account: (String, Username),
}

enum Handle {
    Reading(Reading),
    Partial(Partial),
}

/// What comes back from a thread: the handle, to be used again, and what was done.
type Outcome = (TransferId, Option<Handle>, Option<What>);

/// The disk.
pub(crate) struct Disk {
    open: HashMap<TransferId, Handle>,
    /// Transfers with a job that is being done, and the jobs that wait for that.
    busy: HashSet<TransferId>,
    waiting: VecDeque<Job>,
    running: JoinSet<Outcome>,
    /// What has been done and not told yet.
    ready: VecDeque<Done>,
    memory: Option<Memory>,
    /// Counts what has been handed over to be remembered, and what has been written: never an older one after a newer.
    handed: u64,
    kept: Arc<Mutex<u64>>,
}

impl Disk {
    pub(crate) fn new(memory: Option<Memory>) -> Self {
        Self {
            open: HashMap::new(),
            busy: HashSet::new(),
            waiting: VecDeque::new(),
            running: JoinSet::new(),
            ready: VecDeque::new(),
            memory,
            handed: 0,
            kept: Arc::default(),
        }
    }

    /// What was not finished when the program ended.
    pub(crate) fn kept(&self) -> Vec<Kept> {
        let read = |Memory { profile, account: (address, user) }: &Memory| profile.transfers((address, user));
        self.memory.as_ref().map(read).map(|text| crate::transfers::from_toml(&text)).unwrap_or_default()
    }

    /// Begins a job, or has it wait for the one before it.
    pub(crate) fn start(&mut self, job: Job) {
        let id = match &job {
            Job::Look { id, .. } | Job::Read { id, .. } | Job::Write { id, .. } | Job::Close(id) => *id,
            Job::Open(place) | Job::Save(place) | Job::Discard(place) => TransferId::Taking(place.file),
            Job::Keep(kept) => return self.keep(kept),
        };
        if !self.busy.insert(id) {
            self.waiting.push_back(job);
            return;
        }
        if let Some(done) = self.at_once(&job) {
            self.busy.remove(&id);
            self.ready.push_back(done);
            return;
        }
        let handle = self.open.remove(&id);
        self.running.spawn_blocking(move || {
            let (handle, what) = carry_out(job, handle);
            (id, handle, what)
        });
    }

    /// What is in memory already is read without a thread.
    fn at_once(&mut self, job: &Job) -> Option<Done> {
        let Job::Read { id, off, len, .. } = job else { return None };
        let Some(Handle::Reading(reading)) = self.open.get(id) else { return None };
        reading.read_at_once(*off, *len).map(|bytes| Done { id: *id, what: What::Read { off: *off, bytes } })
    }

    fn keep(&mut self, kept: &[Kept]) {
        let Some(Memory { profile, account: (address, user) }) = self.memory.clone() else { return };
        let text = crate::transfers::to_toml(kept);
        self.handed += 1;
        let (number, kept) = (self.handed, Arc::clone(&self.kept));
        tokio::task::spawn_blocking(move || {
            let mut last = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if number > *last && profile.keep_transfers((&address, &user), &text).is_ok() {
                *last = number;
            }
        });
    }

    /// The next thing that has been done. Waits for ever when nothing is to be done.
    pub(crate) async fn next(&mut self) -> Done {
        if let Some(done) = self.ready.pop_front() {
            return done;
        }
        loop {
            let Some(ended) = self.running.join_next().await else {
                return std::future::pending().await;
            };
            // A job that panicked has taken its handle with it; its transfer stands still.
            let Ok((id, handle, what)) = ended else { continue };
            self.busy.remove(&id);
            self.open.extend(handle.map(|handle| (id, handle)));
            for job in std::mem::take(&mut self.waiting) {
                self.start(job);
            }
            if let Some(what) = what {
                return Done { id, what };
            }
        }
    }
}

fn carry_out(job: Job, handle: Option<Handle>) -> (Option<Handle>, Option<What>) {
    match job {
        Job::Look { path, .. } => (None, Some(source::look(&path).map_or_else(What::Failed, What::Looked))),
        Job::Read { from: (path, source), off, len, .. } => {
            let open = match handle {
                Some(Handle::Reading(reading)) => Ok(reading),
                _ => Reading::open(&path, &source),
            };
            match open.and_then(|mut reading| reading.read(off, len).map(|bytes| (reading, bytes))) {
                Ok((reading, bytes)) => (Some(Handle::Reading(reading)), Some(What::Read { off, bytes })),
                Err(snag) => (None, Some(What::Failed(snag))),
            }
        }
        Job::Open(place) => match Partial::open(&place) {
            Ok(partial) => {
                let off = partial.off();
                (Some(Handle::Partial(partial)), Some(What::Opened(off)))
            }
            Err(error) => (None, Some(What::Failed(error.into()))),
        },
        Job::Write { chunks, .. } => write(&chunks, handle),
        Job::Save(place) => {
            let partial = match handle {
                Some(Handle::Partial(partial)) => Ok(partial),
                _ => Partial::open(&place),
            };
            let saved = partial.map_err(Snag::from).and_then(|partial| partial.save(&place));
            (None, Some(saved.map_or_else(What::Failed, What::Saved)))
        }
        Job::Discard(place) => {
            place::discard(&place);
            (None, None)
        }
        Job::Close(_) | Job::Keep(_) => (None, None),
    }
}

fn write(chunks: &[Bytes], handle: Option<Handle>) -> (Option<Handle>, Option<What>) {
    let Some(Handle::Partial(mut partial)) = handle else {
        return (None, Some(What::Failed(Snag::Io("the file was closed".to_owned()))));
    };
    match partial.write(chunks) {
        Ok(()) => {
            let off = partial.off();
            (Some(Handle::Partial(partial)), Some(What::Written(off)))
        }
        Err(error) => (None, Some(What::Failed(error.into()))),
    }
}

impl From<io::Error> for Snag {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull
            }
            _ => Self::Io(error.to_string()),
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
