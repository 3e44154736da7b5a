//! One connection: what has gone out on it and what has come, and what a client may rely on.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use sotto_proto::{ConvId, ConvKind, Decoder, FileId, Frame, Message, Reply, Request, Seq, Token, Username};
use sotto_server::sim::Bench;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::ledger::Ledger;
use crate::step::Cut;

/// The default of the limit `stranger-requests`, and the two last words: what was wrong, and good-bye.
const MOST_TO_A_STRANGER: usize = 16 + 2;

trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// A question, by its `ref=`.
#[derive(Default)]
struct Question {
    asked: usize,
    answered: usize,
    /// Each of them is to have an answer.
    counts: bool,
    /// The last seq of the page that answers it.
    last: Option<(ConvId, Seq)>,
}

impl Question {
    fn open(&self) -> usize {
        self.asked - self.answered
    }
}

/// A connection, as its client sees it.
pub struct Line {
    stream: Box<dyn Stream>,
    pub awake: bool,
    /// To be written, and how much of it is held back.
    out: BytesMut,
    held_back: usize,
    /// What has been written and is not a whole frame; `None`: it is none, and nothing more counts.
    went: Option<BytesMut>,
    came: BytesMut,
    /// What may let somebody in.
    keys: Vec<Request>,
    questions: HashMap<String, Question>,
    /// Whom this may be: keys of names.
    claimed: HashSet<String>,
    user: Option<Username>,
    token: Option<Token>,
    told_as_stranger: usize,
    /// Where each conversation is; `None`: at the next message, above what a 103 listed.
    places: HashMap<ConvId, Option<Seq>>,
    members: HashMap<ConvId, Vec<Username>>,
    /// Something was asked without a `ref=` whose answer looks like news, or changes where conversations are.
    blurred: bool,
    /// How far content of each file was asked for.
    wanted: HashMap<FileId, u64>,
    /// Nothing may come any more.
    over: bool,
    ended: bool,
}

impl Line {
    pub fn new(stream: impl AsyncRead + AsyncWrite + Unpin + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            awake: true,
            out: BytesMut::new(),
            held_back: 0,
            went: Some(BytesMut::new()),
            came: BytesMut::new(),
            keys: Vec::new(),
            questions: HashMap::new(),
            claimed: HashSet::new(),
            user: None,
            token: None,
            told_as_stranger: 0,
            places: HashMap::new(),
            members: HashMap::new(),
            blurred: false,
            wanted: HashMap::new(),
            over: false,
            ended: false,
        }
    }

    /// To be written; what was held back before goes first.
    pub fn say(&mut self, bytes: &[u8], cut: &Cut) {
        self.out.extend_from_slice(bytes);
        self.held_back = match cut {
            Cut::Whole => 0,
            Cut::After(some) => bytes.len().saturating_sub(usize::from(*some)),
        };
    }

    pub fn hold_nothing_back(&mut self) {
        self.held_back = 0;
    }

    /// Writes what can be written now. Whether anything could.
    pub fn write(&mut self, ledger: &mut Ledger, bench: &Bench) -> bool {
        let ready = self.out.len() - self.held_back;
        if ready == 0 || self.ended {
            return false;
        }
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.stream).poll_write(&mut cx, &self.out[..ready]) {
            Poll::Ready(Ok(written)) => {
                let piece = self.out.split_to(written);
                self.note(&piece, ledger, bench);
                written > 0
            }
            Poll::Ready(Err(_)) => {
                self.out.clear();
                self.held_back = 0;
                true
            }
            Poll::Pending => false,
        }
    }

    /// What has gone out may be believed by the server from now on.
    fn note(&mut self, piece: &[u8], ledger: &mut Ledger, bench: &Bench) {
        let Some(mut went) = self.went.take() else { return };
        went.extend_from_slice(piece);
        while let Ok(frame) = Decoder::after_login().next(&mut went) {
            let Some(frame) = frame else {
                self.went = Some(went);
                return;
            };
            self.asks(&frame, ledger, bench);
        }
    }

    fn asks(&mut self, frame: &Frame, ledger: &mut Ledger, bench: &Bench) {
        let reference = Request::reference(frame).ok().flatten();
        let request = Request::from_frame(frame);
        if let Ok(Request::LogIn { user, .. } | Request::Resume { user, .. }) = &request {
            self.claimed.insert(user.key().to_owned());
        }
        self.blurred |= reference.is_none()
            && matches!(request, Ok(Request::History { .. } | Request::Files | Request::Resume { .. }));
        if let Some(reference) = reference {
            let question = self.questions.entry(reference.into()).or_default();
            question.asked += 1;
            question.counts = request.as_ref().map_or(true, has_one_answer);
        }
        let Ok(request) = request else { return };
        if let Request::Ready { file, upto: Some(upto), .. } = &request {
            let most = self.wanted.entry(*file).or_default();
            *most = (*most).max(*upto);
        }
        ledger.asks(&request, &self.claimed, bench);
        ledger.count_unanswered(self.questions.values().map(Question::open).sum());
        match &request {
            Request::LogIn { .. } => self.keys.push(request),
            // What is voided later may have let somebody in before.
            Request::Resume { user, token, .. } if ledger.is_good(token, user) => self.keys.push(request),
            _ => {}
        }
    }

    /// Reads what there is. Whether anything came.
    pub fn read(&mut self, ledger: &mut Ledger, bench: &Bench) -> bool {
        if !self.awake || self.ended {
            return false;
        }
        let mut space = [0; 4096];
        let mut buffer = ReadBuf::new(&mut space);
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.stream).poll_read(&mut cx, &mut buffer) {
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                self.came.extend_from_slice(buffer.filled());
                while let Some(frame) = Decoder::after_login().next(&mut self.came).expect("good framing") {
                    self.gets(&frame, ledger, bench);
                }
                true
            }
            Poll::Ready(_) => {
                self.ended = true;
                true
            }
            Poll::Pending => false,
        }
    }

    fn gets(&mut self, frame: &Frame, ledger: &mut Ledger, bench: &Bench) {
        assert!(!self.over, "something comes after good-bye: {frame:?}");
        ledger.weigh(frame.body().remaining());
        let reply = Reply::from_frame(frame).expect("a reply");
        let reference = frame.tag("ref").map(|reference| reference.into_owned());
        if let Some(reference) = &reference {
            self.is_answered(reference, &reply);
        }
        match self.user.clone() {
            None => self.gets_as_stranger(reply, ledger),
            Some(user) => self.gets_as_member((&user, reply), reference.as_deref(), (ledger, bench)),
        }
    }

    /// A question has so many answers and no more.
    fn is_answered(&mut self, reference: &str, reply: &Reply) {
        let question = self.questions.get_mut(reference).expect("an answer to what was asked here");
        if let Reply::Message(message) = reply {
            let place = (message.conv, message.seq);
            let in_order = question.last.is_none_or(|last| last.0 != place.0 || last.1 < place.1);
            assert!(in_order || question.asked > 1, "{place:?} is not in order");
            question.last = Some(place);
        }
        if ends_an_answer(reply) {
            question.answered += 1;
            question.last = None;
            assert!(question.answered <= question.asked, "one question, two answers: {reference}");
        }
    }

    fn gets_as_stranger(&mut self, reply: Reply, ledger: &mut Ledger) {
        self.told_as_stranger += 1;
        assert!(self.told_as_stranger <= MOST_TO_A_STRANGER, "a stranger asks on and on");
        match reply {
            Reply::LoggedIn { user, token, epoch, device, .. } => {
                self.may_be(&user, ledger);
                self.begin(&user, ledger);
                self.token = Some(token.clone());
                ledger.lets_in(&user, token);
                ledger.known.devices.extend(device);
                ledger.known.epochs.push(epoch);
                self.user = Some(user);
            }
            // Only after the right password; whose it is, is not said.
            Reply::AlreadyLoggedIn { .. } => {
                let right = |name: &String| {
                    let user = name.parse().unwrap();
                    self.keys.iter().any(|request| ledger.opens(request, &user))
                };
                assert!(self.claimed.iter().any(right), "a stranger learns who is here");
            }
            Reply::Goodbye(_) => self.over = true,
            Reply::WrongPassword
            | Reply::Registered
            | Reply::NameTaken
            | Reply::Refused(_)
            | Reply::NotSent { .. }
            | Reply::Pong { .. } => {}
            other => panic!("not for strangers: {other:?}"),
        }
    }

    /// Something that was asked here lets this person in.
    fn may_be(&self, user: &Username, ledger: &Ledger) {
        assert!(
            self.keys.iter().any(|request| ledger.opens(request, user)),
            "somebody is {user} without a password"
        );
    }

    /// What a 103 listed goes on from there.
    fn begin(&mut self, user: &Username, ledger: &Ledger) {
        let resumed =
            |request: &&Request| matches!(request, Request::Resume { .. }) && ledger.opens(request, user);
        for request in self.keys.iter().filter(resumed) {
            if let Request::Resume { cursors, .. } = request {
                self.places.extend(cursors.iter().map(|(conv, _)| (*conv, None)));
            }
        }
    }

    fn gets_as_member(
        &mut self,
        (user, reply): (&Username, Reply),
        reference: Option<&str>,
        (ledger, bench): (&mut Ledger, &Bench),
    ) {
        match reply {
            Reply::LoggedIn { .. } => panic!("logged in twice"),
            Reply::Goodbye(_) => self.over = true,
            Reply::Message(message) => {
                ledger.is_for(user, &message, bench);
                if reference.is_none() {
                    self.moves(message.conv, (message.seq, message.seq));
                    self.is_a_member(&message);
                }
            }
            Reply::Stored { cid, conv, seq, file, .. } => {
                ledger.is_stored(user, (cid, conv, seq), bench);
                file.into_iter().for_each(|file| ledger.offered(file));
                self.acknowledged(conv, seq);
            }
            Reply::Hole { conv, from, to } => self.moves(conv, (from, to)),
            Reply::StartOver { conv: Some(conv) } => drop(self.places.remove(&conv)),
            Reply::StartOver { conv: None } => self.places.clear(),
            Reply::Conversation { conv, kind, members, after, .. } => {
                let among = kind == ConvKind::Lobby || members.contains(user);
                assert!(among, "{user} learns of a conversation of others");
                self.members.insert(conv, members);
                self.places.insert(conv, Some(after));
            }
            Reply::Chunk { file, off, bytes } => {
                ledger.is_offered(user, file);
                let wanted = self.wanted.get(&file).copied().unwrap_or_default();
                let end = off + u64::try_from(bytes.len()).unwrap();
                assert!(end <= wanted, "content up to {end}, and {wanted} was asked for");
            }
            Reply::PasswordChanged => ledger.void(user.key(), self.token.as_ref()),
            _ => {}
        }
    }

    /// What comes by itself comes without a gap.
    fn moves(&mut self, conv: ConvId, (from, to): (Seq, Seq)) {
        if self.blurred {
            return;
        }
        let place = self.places.get_mut(&conv).expect("introduced before its first message");
        assert!(place.is_none_or(|last| last.next() == from), "{conv} goes from {place:?} to {from}");
        *place = Some(to);
    }

    /// An acknowledgement counts as its message's place exactly when that is the next one.
    fn acknowledged(&mut self, conv: ConvId, seq: Seq) {
        if let Some(place) = self.places.get_mut(&conv)
            && place.is_some_and(|last| last.next() == seq)
        {
            *place = Some(seq);
        }
    }

    fn is_a_member(&self, message: &Message) {
        let Some(members) = self.members.get(&message.conv).filter(|members| !members.is_empty()) else {
            return;
        };
        assert!(members.contains(&message.from), "{} speaks in a conversation of others", message.from);
    }

    /// Whether there is something that is to be answered still.
    pub fn waits(&self) -> bool {
        let waits = |question: &Question| question.counts && question.open() > 0;
        !self.ended && (self.questions.values().any(waits) || self.out.len() > self.held_back)
    }

    /// Each question that has gone out has its answer, unless the connection was ended before.
    pub fn has_its_answers(&self) {
        if self.ended || self.over {
            return;
        }
        for (reference, question) in &self.questions {
            assert!(!question.counts || question.open() == 0, "{reference} is not answered");
        }
    }
}

/// Whether a request gets exactly one answer. Of those that are about content of files not all do, nor does a message without a cid.
fn has_one_answer(request: &Request) -> bool {
    match request {
        Request::LogIn { .. }
        | Request::Register { .. }
        | Request::Resume { .. }
        | Request::ChangePassword { .. }
        | Request::Ping { .. }
        | Request::Offer(_)
        | Request::History { .. }
        | Request::Who { .. }
        | Request::Files => true,
        Request::Send { cid, .. } => cid.is_some(),
        Request::LogOut { .. }
        | Request::Pong { .. }
        | Request::SmallFile { .. }
        | Request::Chunk { .. }
        | Request::Answer { .. }
        | Request::Ready { .. } => false,
    }
}

/// Whether an answer ends with this.
fn ends_an_answer(reply: &Reply) -> bool {
    match reply {
        Reply::Online { more, .. } | Reply::Everyone { more, .. } => !more,
        Reply::Message(_) | Reply::FileState(_) | Reply::GoOn { .. } | Reply::StartOver { .. } => false,
        _ => true,
    }
}
