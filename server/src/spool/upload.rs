//! A file on its way to the server. Content is taken only where the last ended and only as far as it has been asked for, so what
//! waits to be written is bounded. Writing and hashing are for a thread that may wait; everything else returns at once.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use sotto_proto::{ConvId, FileHash, FileHasher, FileId, Reply, Window};

use super::{open_or_make, sync_dir};
use crate::outbox::{Outbox, OutboxId};
use crate::store::{StoredFile, UserId};

/// The system is told to write what has come to the disk whenever there is this much more of it, in bytes.
const WRITTEN_OUT: u64 = 8 * 1024 * 1024;

/// A file on its way.
pub(crate) struct Upload {
    pub(crate) id: FileId,
    /// Where it was offered, and by whom.
    pub(crate) conv: ConvId,
    pub(crate) owner: UserId,
    size: u64,
    hash: FileHash,
    path: PathBuf,
    /// What has been written, from the beginning. Read without the lock: those who read the file hold their own.
    off: AtomicU64,
    state: Mutex<State>,
}

struct State {
    /// Where the next content has to begin, and up to where it may come.
    next: u64,
    granted: u64,
    queue: Vec<Bytes>,
    window: Window<Instant>,
    /// The session that sends it.
    sender: Option<Arc<Outbox>>,
    /// The sender waits for a first 222, with what it called its question.
    greet: Option<Reference>,
    /// Somebody is at it.
    running: bool,
    writing: Option<Writing>,
    /// Some of it was written before this server started; a power cut may have spoilt that.
    found: bool,
    ended: bool,
    /// Those who are being sent it meanwhile.
    watchers: Vec<Arc<Outbox>>,
}

/// The `ref=` of a request.
type Reference = Option<Box<str>>;

/// What is needed to write on. Without a file: it has been closed, nobody sends just now.
struct Writing {
    file: Option<File>,
    hasher: FileHasher,
}

/// What became of content that came.
pub(crate) enum Taken {
    /// It will be written; `start`: by somebody who has to be started.
    Kept { start: bool },
    /// It was not what is next, or more than was asked for: this is where it stands.
    PassedOver(Reply),
    /// This session does not send this file.
    NotYours,
    /// Nobody does: it was under way when the upload was interrupted.
    Late,
}

/// What became of a file that is all here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    /// It is what was offered, and durable.
    Whole,
    /// It is not what was offered.
    Wrong,
    /// It is not what was offered, but may be if it is sent once more: part of it has been through a restart.
    Again,
}

/// What is to be written now.
pub(crate) struct Batch {
    upload: Arc<Upload>,
    writing: Option<Writing>,
    off: u64,
    chunks: Vec<Bytes>,
}

impl Upload {
    pub(crate) fn new(file: &StoredFile, path: PathBuf) -> Self {
        let (size, hash) = (file.info.size, file.info.hash);
        let off = fs::symlink_metadata(&path).map_or(0, |there| there.len().min(size));
        let state = State {
            next: off,
            granted: off,
            queue: Vec::new(),
            window: Window::default(),
            sender: None,
            greet: None,
            running: false,
            writing: None,
            found: off > 0,
            ended: false,
            watchers: Vec::new(),
        };
        Self {
            id: file.id,
            conv: file.conv,
            owner: file.sender.id,
            size,
            hash,
            path,
            off: AtomicU64::new(off),
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much can be read.
    pub(crate) fn off(&self) -> u64 {
        self.off.load(Ordering::Acquire)
    }

    /// This session sends it from now on; what another one has sent is written first. True: somebody has to be started.
    pub(crate) fn attach(&self, sender: &Arc<Outbox>, reference: Reference) -> bool {
        let mut state = self.state();
        state.sender = Some(Arc::clone(sender));
        state.greet = Some(reference);
        !std::mem::replace(&mut state.running, true)
    }

    /// This session has ended.
    pub(crate) fn detach(&self, sender: OutboxId) {
        let mut state = self.state();
        if state.sender.as_ref().is_some_and(|own| own.id() == sender) {
            state.sender = None;
            state.close();
        }
    }

    /// Tells this client when there is more to read.
    pub(crate) fn watch(&self, reader: &Arc<Outbox>) {
        let mut state = self.state();
        if state.watchers.iter().all(|known| known.id() != reader.id()) {
            state.watchers.push(Arc::clone(reader));
        }
    }

    /// Takes content that has come.
    pub(crate) fn take(&self, sender: OutboxId, (off, bytes): (u64, Bytes)) -> Taken {
        let mut state = self.state();
        match &state.sender {
            Some(own) if own.id() == sender && !state.ended => {}
            None if !state.ended => return Taken::Late,
            _ => return Taken::NotYours,
        }
        let end = off.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if state.greet.is_some() || off != state.next || end > state.granted {
            return Taken::PassedOver(Reply::GoOn { file: self.id, off: state.next, upto: state.granted });
        }
        state.next = end;
        state.queue.push(bytes);
        Taken::Kept { start: !std::mem::replace(&mut state.running, true) }
    }

    /// Takes all of a file at once, from nobody who would have to be told. The caller writes it.
    pub(crate) fn take_whole(&self, content: Bytes) {
        let mut state = self.state();
        state.running = true;
        state.queue.push(content);
    }

    /// What to write next; `None`: nothing, and whoever asked is not at it any more.
    pub(crate) fn next_batch(self: &Arc<Self>) -> Option<Batch> {
        let mut state = self.state();
        if state.ended || (state.queue.is_empty() && state.greet.is_none()) {
            state.running = false;
            if state.sender.is_none() {
                state.close();
            }
            return None;
        }
        let chunks = std::mem::take(&mut state.queue);
        Some(Batch { upload: Arc::clone(self), writing: state.writing.take(), off: self.off(), chunks })
    }

    /// Tells the sender how far it is, and those who read that there is more. True: all of it is here.
    fn wrote(&self, writing: Writing, off: u64) -> bool {
        let mut state = self.state();
        state.writing = Some(writing);
        self.off.store(off, Ordering::Release);
        // What had come before the question is written first; until then no 222 may be taken for its answer.
        let greeting = if state.queue.is_empty() { state.greet.take() } else { None };
        if greeting.is_some() {
            state.next = off;
            state.granted = off;
        }
        state.window.wrote(off, Instant::now());
        if greeting.is_some() || state.greet.is_none() && state.window.is_due(off, state.granted) {
            state.granted = off.saturating_add(state.window.size()).min(self.size).max(state.granted);
            let go_on = Reply::GoOn { file: self.id, off, upto: state.granted };
            if let Some(sender) = &state.sender {
                sender.reply(go_on.encode(greeting.flatten().as_deref()));
            }
        }
        state.watchers.retain(|reader| reader.downloads.stir(self.id));
        off == self.size
    }

    /// Nothing more is written: the file has been let go of. Returns who sent it.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        state.queue.clear();
        state.close();
        state.watchers.clear();
    }

    /// Who sends it just now.
    pub(crate) fn sender(&self) -> Option<Arc<Outbox>> {
        self.state().sender.clone()
    }

    /// Something went wrong: the session that sends it has to ask again. Returns it.
    pub(crate) fn interrupt(&self) -> Option<Arc<Outbox>> {
        let mut state = self.state();
        state.queue.clear();
        state.greet = None;
        state.running = false;
        state.writing = None;
        state.sender.take()
    }

    /// Closes a file that is all here: syncs it, and says what it is. May take its time.
    pub(crate) fn close(&self) -> io::Result<Fate> {
        let Some(Writing { file: Some(mut file), hasher }) = self.state().writing.take() else {
            return Err(io::Error::other("the file was closed meanwhile"));
        };
        if hasher.finish() == self.hash {
            file.sync_all()?;
            sync_dir(&self.path)?;
            return Ok(Fate::Whole);
        }
        let mut state = self.state();
        if !std::mem::take(&mut state.found) {
            return Ok(Fate::Wrong);
        }
        file.set_len(0)?;
        file.rewind()?;
        self.off.store(0, Ordering::Release);
        state.writing = Some(Writing { file: Some(file), hasher: FileHasher::default() });
        Ok(Fate::Again)
    }
}

impl State {
    fn close(&mut self) {
        if let Some(writing) = &mut self.writing {
            writing.file = None;
        }
    }
}

impl Batch {
    /// How many bytes it will write.
    pub(crate) fn len(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::try_from(chunk.len()).unwrap_or(u64::MAX)).sum()
    }

    /// Writes it, and tells whom it concerns. True: all of the file is here. May take its time.
    pub(crate) fn write(self) -> io::Result<bool> {
        let Self { upload, writing, mut off, chunks } = self;
        let mut writing = writing.map_or_else(|| upload.find(off), Ok)?;
        let file = match &mut writing.file {
            Some(file) => file,
            closed => {
                let mut file = open_or_make(&upload.path)?;
                file.seek(SeekFrom::Start(off))?;
                closed.insert(file)
            }
        };
        let from = off;
        for chunk in chunks {
            file.write_all(&chunk)?;
            writing.hasher.update(&chunk);
            off += u64::try_from(chunk.len()).unwrap_or(0);
        }
        begin_to_write_out(file, (from, off));
        Ok(upload.wrote(writing, off))
    }
}

impl Upload {
    /// Opens what was left of it, and hashes that again; whatever is behind it is cut off.
    fn find(&self, off: u64) -> io::Result<Writing> {
        const PIECE: usize = 256 * 1024;
        let mut file = open_or_make(&self.path)?;
        file.set_len(off)?;
        let mut hasher = FileHasher::default();
        let mut left = off;
        let mut buffer = vec![0; PIECE];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let read = file.read(buffer.get_mut(..most).unwrap_or_default())?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            hasher.update(buffer.get(..read).unwrap_or_default());
            left -= u64::try_from(read).unwrap_or(left);
        }
        Ok(Writing { file: Some(file), hasher })
    }
}

/// Has the system begin to write what has come to the disk, a part at a time: the sync at the end finds little left to wait for.
fn begin_to_write_out(file: &File, (from, to): (u64, u64)) {
    let (from, to) = (from / WRITTEN_OUT * WRITTEN_OUT, to / WRITTEN_OUT * WRITTEN_OUT);
    // Where that is not to be had, the sync takes longer.
    #[cfg(target_os = "linux")]
    if let Some(part) = std::num::NonZeroU64::new(to - from) {
        let _ = rustix::fs::fadvise(file, from, Some(part), rustix::fs::Advice::DontNeed);
    }
}
