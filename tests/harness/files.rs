//! Files, as somebody who knows frames and codes sends and takes them.

use bytes::Bytes;
use sotto_client::fresh_cid;
use sotto_proto::{
    Answer, Audience, Cid, FileHash, FileId, FileInfo, FileName, FileStage, FileState, Offer, Reason, Reply,
    Request, Standing, limits,
};

use crate::Person;
use crate::person::{audience, username};

/// How far somebody in a test lets content come.
const WINDOW: u64 = 240 * 1024;

/// So many bytes that no two places have in common.
#[must_use]
pub fn content(bytes: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut content = Vec::with_capacity(bytes + 8);
    while content.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        content.extend_from_slice(&state.to_le_bytes());
    }
    content.truncate(bytes);
    content.into()
}

/// A part of a content.
#[must_use]
pub fn part(content: &Bytes, (from, to): (u64, u64)) -> Bytes {
    let at = |place: u64| usize::try_from(place).expect("a place in memory");
    content.slice(at(from)..at(to))
}

/// These people; nobody named: everyone.
#[must_use]
pub fn to(names: &[&str]) -> Audience {
    audience(names)
}

/// An offer of this content; nobody named: to everyone.
#[must_use]
pub fn offer(to: &[&str], name: &str, content: &[u8]) -> Offer {
    let file = FileInfo {
        name: FileName::new(name).expect("a name"),
        size: content.len() as u64,
        hash: FileHash::of(content),
        media: "application/octet-stream".parse().expect("a media type"),
    };
    Offer { cid: fresh_cid().expect("randomness"), to: audience(to), file }
}

impl Person {
    /// Offers a file and waits until the offer is stored.
    pub async fn offers(&mut self, to: &[&str], name: &str, content: &[u8]) -> FileId {
        match self.offers_as(offer(to, name, content)).await {
            Ok(file) => file,
            Err(reason) => panic!("{} may not offer {name}: {reason}", self.name()),
        }
    }

    /// Offers a file; why not, if not.
    pub async fn offers_as(&mut self, offer: Offer) -> Result<FileId, Reason> {
        let sent = offer.cid;
        self.sends(&Request::Offer(offer)).await;
        let answer = |reply: &Reply| answered(reply) == Some(sent);
        match self.waits_for("an answer to an offer", answer).await {
            Reply::Stored { file: Some(file), .. } => Ok(file),
            Reply::NotSent { reason, .. } => Err(reason),
            other => panic!("{other:?}"),
        }
    }

    /// Hands a file over, as the server asks for it, until the server has all of it.
    pub async fn uploads(&mut self, file: FileId, content: &Bytes) {
        assert_eq!(self.uploads_until(file, content, content.len() as u64).await, content.len() as u64);
        let stored = |reply: &Reply| matches!(reply, Reply::FileState(state) if state.file == file && state.stage == FileStage::Stored);
        self.waits_for("the file to be stored", stored).await;
    }

    /// Hands a file over until the server says that it has `enough`; returns what it has.
    pub async fn uploads_until(&mut self, file: FileId, content: &Bytes, enough: u64) -> u64 {
        let (mut off, mut upto) = self.asks_where(file).await;
        let mut next = off;
        while off < enough {
            next = self.hands_over_up_to(file, content, (next, upto)).await;
            (off, upto) = self.is_asked_for_more(file).await;
        }
        off
    }

    /// Sends a part of a file, as far as content may come; returns where it ends.
    pub async fn hands_over_up_to(&mut self, file: FileId, content: &Bytes, (next, upto): (u64, u64)) -> u64 {
        let mut next = next;
        while next < upto {
            let end = upto.min(next + limits::MAX_CHUNK as u64);
            self.hands_over(file, (next, part(content, (next, end)))).await;
            next = end;
        }
        next
    }

    /// Asks how far the server is with a file, and how far content may come.
    pub async fn asks_where(&mut self, file: FileId) -> (u64, u64) {
        self.sends_bytes(&Request::Ready { file, off: 0, upto: None }.encode(Some("where"))).await;
        loop {
            let frame = self.next_frame().await.expect("an open connection");
            match (frame.tag("ref").as_deref(), Reply::from_frame(&frame).expect("a reply")) {
                (Some("where"), Reply::GoOn { off, upto, .. }) => return (off, upto),
                (Some("where"), other) => panic!("{other:?}"),
                // Those belong to what was sent before.
                (_, Reply::GoOn { .. }) => {}
                (_, other) => self.passed_over.push(other),
            }
        }
    }

    /// Sends content of a file.
    pub async fn hands_over(&mut self, file: FileId, (off, bytes): (u64, Bytes)) {
        self.sends(&Request::Chunk { file, off, bytes }).await;
    }

    /// Waits for a 222.
    pub async fn is_asked_for_more(&mut self, id: FileId) -> (u64, u64) {
        let more = |reply: &Reply| matches!(reply, Reply::GoOn { file, .. } | Reply::FileRefused { file, .. } if *file == id);
        match self.waits_for("to be asked for more", more).await {
            Reply::GoOn { off, upto, .. } => (off, upto),
            other => panic!("{} is not asked for more: {other:?}", self.name()),
        }
    }

    /// Says something to an offer.
    pub async fn answers(&mut self, file: FileId, answer: Answer) {
        self.sends(&Request::Answer { file, answer, who: None }).await;
    }

    /// As the sender, takes an offer back from one person.
    pub async fn cancels_for(&mut self, file: FileId, who: &str) {
        self.sends(&Request::Answer { file, answer: Answer::Cancel, who: Some(username(who)) }).await;
    }

    /// Accepts a file and takes all of its `size` bytes.
    pub async fn takes(&mut self, file: FileId, size: u64) -> Vec<u8> {
        self.answers(file, Answer::Accept).await;
        self.takes_from(file, (0, size)).await
    }

    /// Takes a file that has been accepted from one place to another.
    pub async fn takes_from(&mut self, file: FileId, (from, to): (u64, u64)) -> Vec<u8> {
        let mut taken = Vec::new();
        let mut off = from;
        self.sends(&Request::Ready { file, off, upto: Some(to.min(off + WINDOW)) }).await;
        while off < to {
            let bytes = self.next_content(file, off).await;
            off += bytes.len() as u64;
            taken.extend_from_slice(&bytes);
            self.sends(&Request::Ready { file, off, upto: Some(to.min(off + WINDOW)) }).await;
        }
        taken
    }

    /// Waits for the next content of a file, which has to begin at `expected`.
    pub async fn next_content(&mut self, id: FileId, expected: u64) -> Bytes {
        let content = |reply: &Reply| matches!(reply, Reply::Chunk { file, .. } | Reply::FileRefused { file, .. } if *file == id);
        match self.waits_for("content", content).await {
            Reply::Chunk { off, bytes, .. } => {
                assert_eq!(off, expected, "where content belongs");
                bytes
            }
            other => panic!("{} gets no content: {other:?}", self.name()),
        }
    }

    /// Waits for news of a file.
    pub async fn learns_of(&mut self, file: FileId) -> FileState {
        match self
            .waits_for("223", |reply| matches!(reply, Reply::FileState(state) if state.file == file))
            .await
        {
            Reply::FileState(state) => state,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until somebody's standing with a file is this.
    pub async fn learns_that(&mut self, file: FileId, who: &str, standing: Standing) {
        let who = username(who);
        let told = |reply: &Reply| {
            matches!(reply, Reply::FileState(state)
                if state.file == file && state.people.iter().any(|(name, now)| *name == who && *now == standing))
        };
        self.waits_for("a recipient's standing", told).await;
    }

    /// Waits for the word that a file is not transferred any further.
    pub async fn is_refused(&mut self, id: FileId) -> Reason {
        match self
            .waits_for("224", |reply| matches!(reply, Reply::FileRefused { file, .. } if *file == id))
            .await
        {
            Reply::FileRefused { refusal, .. } => refusal.reason,
            other => panic!("{other:?}"),
        }
    }

    /// Asks which files there are.
    pub async fn lists_files(&mut self) -> Vec<(FileId, FileState)> {
        let (files, more) = self.lists_latest_files().await;
        assert!(!more, "there are files that are not listed");
        files
    }

    /// As [`Self::lists_files`]; and whether there are more, older ones.
    pub async fn lists_latest_files(&mut self) -> (Vec<(FileId, FileState)>, bool) {
        self.sends_bytes(&Request::Files.encode(Some("files"))).await;
        let mut files = Vec::new();
        loop {
            let frame = self.next_frame().await.expect("an open connection");
            let reply = Reply::from_frame(&frame).expect("a reply");
            match (frame.tag("ref").as_deref(), reply) {
                (Some("files"), Reply::Message(_)) => {}
                (Some("files"), Reply::FileState(state)) => files.push((state.file, state)),
                (Some("files"), Reply::End { more }) => return (files, more),
                (Some("files"), other) => panic!("{other:?}"),
                (_, other) => self.passed_over.push(other),
            }
        }
    }
}

fn answered(reply: &Reply) -> Option<Cid> {
    match reply {
        Reply::Stored { cid, .. } | Reply::NotSent { cid: Some(cid), .. } => Some(*cid),
        _ => None,
    }
}
