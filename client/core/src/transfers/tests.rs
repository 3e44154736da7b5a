//! Transfers against a server made of replies and a disk made of memory, on a clock that only the test moves.

mod kept;
mod sending;
mod taking;

use std::collections::HashMap;
use std::fmt::Debug;

use bytes::BytesMut;
use sotto_proto::{Decoder, FileHash, FileStage, FileState, MediaType, Reason, limits};

use super::*;
use crate::disk::{Source, What};

/// How far content may come before it has been written: at first, and ever.
const WINDOW: u64 = 240 * 1024;
const WIDEST: u64 = 480 * 1024;
/// As much as one file of these tests has: some windows, and a part of a chunk.
const SIZE: usize = 1_000_001;

fn file() -> FileId {
    FileId::from_bytes([7; 16])
}

fn cid(byte: u8) -> Cid {
    Cid::from_bytes([byte; 16])
}

fn sending() -> TransferId {
    TransferId::Sending(cid(1))
}

fn taking() -> TransferId {
    TransferId::Taking(file())
}

fn content() -> Bytes {
    (0..SIZE).map(|at| u8::try_from(at * at % 251).unwrap()).collect()
}

fn long(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap()
}

fn part(content: &Bytes, off: u64, len: u64) -> Bytes {
    let at = |place: u64| usize::try_from(place).unwrap().min(content.len());
    content.slice(at(off)..at(off + len))
}

fn attachment(content: &[u8]) -> Attachment {
    let (size, hash, media) = (long(content.len()), FileHash::of(content), MediaType::unknown());
    Attachment { id: file(), size, hash, media, until: 0, gone: false }
}

fn go_on(off: u64, upto: u64) -> Reply {
    Reply::GoOn { file: file(), off, upto }
}

fn chunk(off: u64, bytes: &Bytes) -> Reply {
    Reply::Chunk { file: file(), off, bytes: bytes.clone() }
}

fn refused(reason: Reason, wait: Option<u64>) -> Reply {
    let refusal = Refusal::new(reason, "no");
    let refusal = match wait {
        Some(wait) => refusal.retry(Duration::from_secs(wait)),
        None => refusal,
    };
    Reply::FileRefused { file: file(), refusal }
}

fn state(stage: FileStage) -> Reply {
    Reply::FileState(FileState { file: file(), stage, off: 0, people: Vec::new() })
}

fn parsed(bytes: &Bytes) -> Request {
    let frame = Decoder::after_login().next(&mut BytesMut::from(&bytes[..])).unwrap().unwrap();
    Request::from_frame(&frame).unwrap()
}

/// Transfers, a disk, and what is to be seen of both.
struct Bench {
    it: Transfers,
    now: Instant,
    /// What is on the disk to be sent.
    there: Bytes,
    /// What has been written of each file, and what has got its name.
    parts: HashMap<TransferId, Vec<u8>>,
    saved: Option<Vec<u8>>,
    kept: Vec<Kept>,
    /// The disk has no room for more than this.
    room: usize,
    /// What is there is not what it was.
    changed: bool,
}

impl Bench {
    fn new(kept: Vec<Kept>) -> Self {
        let (it, now, there) = (Transfers::new(kept.clone()), Instant::now(), content());
        let (parts, saved, room, changed) = (HashMap::new(), None, usize::MAX, false);
        Self { it, now, there, parts, saved, kept, room, changed }
    }

    /// Somebody who is logged in and has offered a file; the server knows it.
    fn sending() -> Self {
        let mut it = Self::new(Vec::new());
        it.it.connected();
        it.it.send(cid(1), Audience::Everyone, "hw3.pdf".into());
        it.works();
        assert!(matches!(&it.said()[..], [Request::Offer(offer)] if offer.cid == cid(1)));
        assert!(it.it.stored(cid(1), file()).is_some());
        it
    }

    /// Somebody who is logged in and has accepted a file.
    fn taking(offered: &Attachment) -> Self {
        let mut it = Self::new(Vec::new());
        it.it.connected();
        it.it.accept((offered, &FileName::new("hw3.pdf").unwrap()), "/home".into());
        it.works();
        it
    }

    /// The disk does all there is to do.
    fn works(&mut self) {
        while self.works_once() {}
    }

    /// The disk does one thing that it says. Whether there was one.
    fn works_once(&mut self) -> bool {
        while let Some(job) = self.it.poll_job() {
            if let Some((id, what)) = self.carry_out(job) {
                self.it.done(Done { id, what }, self.now);
                return true;
            }
        }
        false
    }

    fn carry_out(&mut self, job: Job) -> Option<(TransferId, What)> {
        match job {
            Job::Look { id, .. } => {
                let (name, size) = (FileName::new("hw3.pdf").unwrap(), long(self.there.len()));
                let info =
                    FileInfo::new(name, size, (FileHash::of(&self.there), MediaType::unknown())).unwrap();
                Some((id, What::Looked(Source { info, modified: 1 })))
            }
            Job::Read { id, .. } if self.changed => Some((id, What::Failed(Snag::Changed))),
            Job::Read { id, off, len, .. } => {
                Some((id, What::Read { off, bytes: part(&self.there, off, len) }))
            }
            Job::Open(place) => {
                let id = TransferId::Taking(place.file);
                Some((id, What::Opened(long(self.parts.entry(id).or_default().len()))))
            }
            Job::Write { id, chunks } => {
                let part = self.parts.get_mut(&id).unwrap();
                for chunk in chunks {
                    if part.len() + chunk.len() > self.room {
                        return Some((id, What::Failed(Snag::DiskFull)));
                    }
                    part.extend_from_slice(&chunk);
                }
                Some((id, What::Written(long(part.len()))))
            }
            Job::Save(place) => Some((TransferId::Taking(place.file), self.save(&place))),
            Job::Discard(place) => {
                self.parts.remove(&TransferId::Taking(place.file));
                None
            }
            Job::Close(_) => None,
            Job::Keep(kept) => {
                self.kept = kept;
                None
            }
        }
    }

    fn save(&mut self, place: &Place) -> What {
        let part = self.parts.remove(&TransferId::Taking(place.file)).unwrap();
        if FileHash::of(&part) != place.hash {
            return What::Failed(Snag::Mismatch);
        }
        self.saved = Some(part);
        What::Saved("/home/hw3.pdf".into())
    }

    fn said(&mut self) -> Vec<Request> {
        std::iter::from_fn(|| self.it.poll_output()).map(|bytes| parsed(&bytes)).collect()
    }

    /// Where the content begins and ends that it would send now.
    fn sends(&mut self) -> Vec<(u64, u64)> {
        let mut sent = Vec::new();
        while let Some(bytes) = self.it.poll_chunk() {
            let Request::Chunk { off, bytes, .. } = parsed(&bytes.concat().into()) else {
                panic!("no content")
            };
            assert_eq!(bytes, part(&content(), off, long(bytes.len())));
            sent.push((off, off + long(bytes.len())));
            self.works();
        }
        sent
    }

    fn hears(&mut self, reply: &Reply) {
        self.it.hear(reply, self.now);
        self.works();
    }

    fn told(&mut self) -> Vec<Transfer> {
        let told = |update| match update {
            Update::Transfer(transfer) => transfer,
            other => panic!("{other:?}"),
        };
        std::iter::from_fn(|| self.it.poll_update()).map(told).collect()
    }

    /// What it was last told to be doing.
    fn phase(&mut self) -> Phase {
        self.told().pop().unwrap().phase
    }

    fn cut(&mut self) {
        self.it.disconnected();
        self.works();
    }

    fn comes_back(&mut self) {
        self.it.connected();
        self.works();
    }

    /// A server takes all that comes from `off` on, and asks for more as it does; to the end.
    fn uploads_from(&mut self, mut off: u64) {
        while off < long(SIZE) {
            let upto = (off + WINDOW).min(long(SIZE));
            self.hears(&go_on(off, upto));
            for (from, to) in self.sends() {
                assert!(from == off && to <= upto && to - from <= long(limits::MAX_CHUNK));
                off = to;
            }
            assert_eq!(off, upto, "all that was asked for");
        }
        self.hears(&go_on(off, off));
        self.hears(&state(FileStage::Stored));
    }

    /// A server sends what is asked for, and what was asked for is never more than the widest window.
    fn downloads(&mut self, content: &Bytes) {
        loop {
            let ready = |request: &Request| match request {
                Request::Ready { off, upto: Some(upto), .. } if upto > off => Some((*off, *upto)),
                _ => None,
            };
            let Some((off, upto)) = self.said().iter().find_map(ready) else { return };
            assert!(upto - off <= WIDEST && upto <= long(content.len()));
            let mut at = off;
            while at < upto {
                let len = long(limits::MAX_CHUNK).min(upto - at);
                self.it.hear(&chunk(at, &part(content, at, len)), self.now);
                at += len;
            }
            self.works();
        }
    }

    fn has_written(&self) -> usize {
        self.parts.get(&taking()).map_or(0, Vec::len)
    }
}

fn asks(off: u64, upto: u64) -> Request {
    Request::Ready { file: file(), off, upto: Some(upto) }
}

fn asks_where() -> Request {
    Request::Ready { file: file(), off: 0, upto: None }
}

fn says(answer: Answer) -> Request {
    Request::Answer { file: file(), answer, who: None }
}

/// One after the other, as a matter of fact.
fn are<T: PartialEq + Debug>(found: Vec<T>, expected: impl IntoIterator<Item = T>) {
    assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
}
