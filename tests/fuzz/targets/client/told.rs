//! What went in and out of a session: what its user has handed in, what it has said to the server, and what it has told its user.

use std::collections::{BTreeMap, HashMap, HashSet};

use sotto_client::{Command, FileCommand, Session, Update};
use sotto_proto::{Answer, Cid, ConvId, FileId, Frame, Page, Request, Seq, limits};

/// The most messages that may be on their way, and what may be asked besides.
const WAITING: usize = 1024;
/// The widest window of content, in bytes, and where it ends in whole chunks.
const WINDOW: u64 = 480 * 1024;

#[derive(Default)]
pub struct Told {
    /// All there have been, in order.
    pub cids: Vec<Cid>,
    pub offers: Vec<Cid>,
    /// Handed in, and nothing heard of it.
    unsettled: Vec<Cid>,
    settled: HashSet<Cid>,
    /// The user has gone: nothing more counts.
    leaving: bool,
    /// On this connection: how often it was let in, and what it has sent.
    let_in: usize,
    sent: HashMap<Cid, usize>,
    questions: Vec<String>,
    pages: BTreeMap<String, (ConvId, Page, u16)>,
    /// The last message of each conversation that was told.
    news: HashMap<ConvId, Seq>,
    /// Where an honest server would go on.
    places: HashMap<ConvId, Seq>,
    /// How far content of each file was asked for, on this connection.
    wanted: HashMap<FileId, u64>,
    granted: HashMap<FileId, u64>,
}

impl Told {
    pub fn connected(&mut self) {
        self.let_in = 0;
        self.sent.clear();
        self.questions.clear();
        self.pages.clear();
        self.wanted.clear();
        self.granted.clear();
    }

    /// The user hands something in.
    pub fn asks(&mut self, command: &Command, over: bool) {
        if over || self.leaving {
            return;
        }
        match command {
            Command::Send { cid, .. } => {
                self.cids.push(*cid);
                self.unsettled.push(*cid);
            }
            Command::File(FileCommand::Send { cid, .. }) => {
                self.cids.push(*cid);
                self.offers.push(*cid);
            }
            Command::LogOut => self.leaving = true,
            _ => {}
        }
    }

    /// The user is told something.
    pub fn is_told(&mut self, update: &Update) {
        match update {
            Update::LoggedIn { .. } => self.let_in += 1,
            Update::Sent { cid, .. } | Update::NotSent { cid, .. } => self.settle(*cid),
            Update::Message(message) => {
                let last = self.news.insert(message.conv, message.seq);
                assert!(
                    last < Some(message.seq),
                    "{} {} comes again after {last:?}",
                    message.conv,
                    message.seq
                );
            }
            Update::StartOver(Some(conv)) => drop(self.news.remove(conv)),
            Update::StartOver(None) => self.news.clear(),
            Update::Conversation { conv, after, .. } => drop(self.places.insert(*conv, *after)),
            Update::History { conv, messages, .. } => {
                assert!(messages.len() <= usize::from(limits::MAX_PAGE), "a page of {}", messages.len());
                assert!(
                    messages.iter().all(|message| message.conv == *conv),
                    "not of the conversation asked for"
                );
                assert!(messages.is_sorted_by(|one, next| one.seq < next.seq), "history in disorder");
            }
            Update::Ended(_) => self.leaving = true,
            _ => {}
        }
    }

    /// Once for each message; an offer may be refused, and be tried again.
    fn settle(&mut self, cid: Cid) {
        if self.offers.contains(&cid) {
            return;
        }
        assert!(self.cids.contains(&cid), "{cid} was not sent from here");
        assert!(self.settled.insert(cid), "{cid} is settled twice");
        self.unsettled.retain(|waiting| *waiting != cid);
    }

    /// The client says something to the server.
    pub fn says(&mut self, request: &Request, reference: Option<String>) {
        let alone = matches!(
            request,
            Request::LogIn { .. } | Request::Resume { .. } | Request::Ping { .. } | Request::Pong { .. }
        );
        assert!(alone || self.let_in > 0, "said before it was let in: {request:?}");
        if let Some(reference) = reference {
            if let Request::History { conv, page, limit } = request {
                self.pages.insert(reference.clone(), (*conv, *page, *limit));
            }
            self.questions.push(reference);
        }
        match request {
            Request::Send { cid: Some(cid), .. } => {
                let times = self.sent.entry(*cid).or_default();
                *times += 1;
                assert!(*times <= self.let_in + 1, "{cid} is sent {times} times");
            }
            Request::Resume { cursors, .. } => self.places.extend(cursors.iter().copied()),
            Request::Ready { file, off, upto: Some(upto) } => {
                assert!(upto - off <= WINDOW || off > upto, "{upto} at once");
                let wanted = self.wanted.entry(*file).or_default();
                *wanted = (*wanted).max(*upto);
            }
            Request::Answer { answer: Answer::Cancel, .. } => {}
            _ => {}
        }
    }

    /// Content goes out only as far as the server has asked for it.
    pub fn sends_content(&mut self, request: &Request) {
        let Request::Chunk { file, off, bytes } = request else { panic!("no content: {request:?}") };
        let end = off + u64::try_from(bytes.len()).unwrap();
        let granted = self.granted.get(file).copied().unwrap_or_default();
        assert!(end <= granted, "content up to {end}, and {granted} was asked for");
    }

    /// A frame comes.
    pub fn hears(&mut self, frame: &Frame) {
        if let Ok(sotto_proto::Reply::GoOn { file, upto, .. }) = sotto_proto::Reply::from_frame(frame) {
            let granted = self.granted.entry(file).or_default();
            *granted = (*granted).max(upto);
        }
        if frame.code() == sotto_proto::code::END
            && let Some(reference) = frame.tag("ref")
        {
            self.pages.remove(reference.as_ref());
        }
    }

    /// The place that comes next.
    pub fn next(&mut self, conv: ConvId) -> Seq {
        let place = self.places.entry(conv).or_default();
        *place = place.next();
        *place
    }

    pub fn oldest(&self) -> Option<Cid> {
        self.unsettled.first().copied()
    }

    /// One of the questions of this connection.
    pub fn question(&self, number: u8) -> Option<String> {
        self.questions.get(usize::from(number) % self.questions.len().max(1)).cloned()
    }

    /// A page that was asked for, and has not come.
    pub fn page_asked(&self) -> Option<(String, ConvId, Page, u16)> {
        self.pages
            .iter()
            .next()
            .map(|(reference, (conv, page, limit))| (reference.clone(), *conv, *page, *limit))
    }

    pub fn check(&self, session: &Session) {
        assert!(self.unsettled.len() <= WAITING);
        assert!(session.has_room() || self.cids.len() >= WAITING, "no room for what was never handed in");
    }

    /// What was handed in and is not settled has gone out.
    pub fn has_sent_all(&self) {
        if self.leaving || self.let_in == 0 {
            return;
        }
        let lost: Vec<_> =
            self.unsettled.iter().filter(|cid| self.sent.get(cid) != Some(&self.let_in)).collect();
        assert!(lost.is_empty(), "lost on the way: {lost:?}");
    }
}
