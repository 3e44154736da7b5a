//! What can happen, in words from a small alphabet: people, passwords, cids, conversations and files meet again and again.

use arbitrary::Arbitrary;
use bytes::Bytes;
use sotto_proto::{
    Answer, Audience, Cid, ConvId, Epoch, FileHash, FileId, FileInfo, FileName, MediaType, MessageText,
    Offer, Page, Password, Request, Seq, Token,
};
use sotto_server::Registration;
use sotto_server::sim::{PASSWORD, Terms};

/// Who has an account from the beginning.
pub const PEOPLE: [&str; 3] = ["ann", "bob", "eve"];
/// Names that are tried. The last two are nobody's until somebody registers them, and ann's in other letters.
const NAMES: [&str; 5] = ["ann", "bob", "eve", "zoe", "Ann"];
const PASSWORDS: [&str; 3] = [PASSWORD, "another good one", "wrong horse battery"];
const OUTBOX: [u64; 4] = [300, 1000, 4000, 262_144];
const WINDOW: [usize; 4] = [64, 500, 4096, 65_536];
/// Lengths of files: of none, of some bytes, of more than fits into a frame.
const SIZES: [usize; 3] = [0, 10, 61_500];

/// What is played.
#[derive(Arbitrary, Debug)]
pub struct Play {
    seed: u16,
    outbox: u8,
    window: u8,
    narrow_lane: bool,
    registration: Door,
    /// In this order.
    pub steps: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
enum Door {
    Open,
    Invite,
    Closed,
}

/// One thing that happens.
#[derive(Arbitrary, Debug)]
pub enum Step {
    /// Somebody connects; whoever was on that line has gone.
    Connect(u8),
    /// Somebody asks for something; a part of the bytes may come later.
    Ask(u8, Ask, Cut),
    /// Bytes come that need not mean anything.
    Bytes(u8, Vec<u8>),
    /// What was held back comes.
    Rest(u8),
    /// Somebody stops reading, or goes on.
    Doze(u8),
    /// Somebody goes without a word.
    Leave(u8),
    /// Time passes.
    Wait(Span),
    /// The disk changes.
    Disk(Disk),
    /// The server dies, and comes back with what was committed.
    Die,
}

/// How much of a request comes now.
#[derive(Arbitrary, Debug)]
pub enum Cut {
    /// All of it.
    Whole,
    /// So many bytes.
    After(u8),
}

/// How much time passes.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Span {
    /// A fifth of a second: presence is announced, somebody's turn to send comes again.
    Moment,
    /// Three seconds: a ghost is found out.
    Breath,
    /// Sixteen: a stranger's time is up, and somebody who was lost has left.
    While,
    /// More than a minute: pings, and silence.
    Long,
}

/// How the disk fares.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Disk {
    /// As it should.
    Sound,
    /// It takes its time.
    Slow,
    /// Every third write fails, before the commit or after it.
    BadWrites,
    /// Every third read fails.
    BadReads,
}

/// What can be asked for. Numbers say which one of those there are.
#[derive(Arbitrary, Debug)]
pub enum Ask {
    LogIn { name: u8, password: u8, take_over: bool, peek: bool, device: Option<u8> },
    Register { name: u8, password: u8 },
    Resume { name: u8, token: u8, another_history: bool, cursors: Vec<(u8, u8)> },
    Change { old: u8, new: u8 },
    Ping(u8),
    Pong,
    Send { cid: Option<u8>, to: To, long: bool },
    History { conv: u8, page: Pages, limit: u8 },
    Who { all: bool },
    Small(u8),
    Offer { cid: u8, to: To, content: u8, wrong: bool },
    Chunk { file: u8, content: u8, from: u16, len: u16 },
    Answer { file: u8, answer: Said, who: Option<u8> },
    Ready { file: u8, off: u32, upto: Option<u32> },
    Files,
    LogOut { taken: Option<Vec<(u8, u8)>> },
}

#[derive(Arbitrary, Debug)]
pub enum To {
    Everyone,
    One(u8),
    Two(u8, u8),
}

#[derive(Arbitrary, Debug)]
pub enum Pages {
    Latest,
    Before(u8),
    After(u8),
}

#[derive(Arbitrary, Debug)]
pub enum Said {
    Accept,
    Decline,
    Received,
    Cancel,
}

/// What has been given out so far, to be shown again.
#[derive(Default)]
pub struct Known {
    pub tokens: Vec<Token>,
    pub devices: Vec<Token>,
    pub epochs: Vec<Epoch>,
    pub files: Vec<FileId>,
    /// How many texts there have been: each is said once.
    texts: usize,
}

impl Play {
    pub fn terms(&self) -> Terms {
        let lane = if self.narrow_lane { 1 } else { 4096 };
        Terms {
            seed: self.seed.into(),
            registration: match self.registration {
                Door::Open => Registration::Open,
                Door::Invite => Registration::Invite,
                Door::Closed => Registration::Closed,
            },
            limits: vec![("outbox-bytes", one_of(&OUTBOX, self.outbox)), ("lane-messages", lane)],
            window: one_of(&WINDOW, self.window),
        }
    }
}

impl Span {
    pub fn millis(self) -> u64 {
        match self {
            Self::Moment => 200,
            Self::Breath => 3000,
            Self::While => 16_000,
            Self::Long => 80_000,
        }
    }
}

impl Disk {
    /// The longest way to it, and how often writes and reads fail.
    pub fn mood(self) -> (u64, u64, u64) {
        match self {
            Self::Sound => (0, 0, 0),
            Self::Slow => (500, 0, 0),
            Self::BadWrites => (2, 3, 0),
            Self::BadReads => (2, 0, 3),
        }
    }
}

impl Ask {
    pub fn request(&self, known: &mut Known) -> Request {
        match self {
            Self::LogIn { name, password: shown, take_over, peek, device } => Request::LogIn {
                user: user(*name),
                password: password(*shown),
                take_over: *take_over,
                peek: *peek,
                device: device.map(|device| some(&known.devices, device).unwrap_or(token())),
            },
            Self::Register { name, password: chosen } => {
                Request::Register { user: user(*name), password: password(*chosen), invite: None }
            }
            Self::Resume { name, token: shown, another_history, cursors: taken } => Request::Resume {
                user: user(*name),
                token: some(&known.tokens, *shown).unwrap_or(token()),
                epoch: if *another_history {
                    Epoch::new(7)
                } else {
                    known.epochs.last().copied().unwrap_or(Epoch::new(7))
                },
                cursors: cursors(taken),
            },
            Self::Change { old, new } => Request::ChangePassword { old: password(*old), new: password(*new) },
            Self::Ping(body) => Request::Ping { body: vec![*body; usize::from(*body)].into() },
            Self::Pong => Request::Pong { body: Bytes::new() },
            Self::Send { cid: number, to, long } => {
                Request::Send { cid: number.map(cid), to: to.audience(), text: known.text(*long) }
            }
            Self::History { conv: number, page, limit } => {
                Request::History { conv: conv(*number), page: page.page(), limit: u16::from(*limit % 20) + 1 }
            }
            Self::Who { all } => Request::Who { all: *all },
            Self::Small(number) => Request::SmallFile { content: some_content(*number) },
            Self::Offer { cid: number, to, content: which, wrong } => {
                let (content, name) = (content(*which), FileName::new(known.text(false).as_str()).unwrap());
                let hash = if *wrong { FileHash::from_bytes([7; 32]) } else { FileHash::of(&content) };
                let size = u64::try_from(content.len()).unwrap();
                let file = FileInfo::new(name, size, (hash, MediaType::unknown())).unwrap();
                Request::Offer(Offer { cid: cid(*number), to: to.audience(), file })
            }
            Self::Chunk { file: number, content: which, from, len } => {
                let content = some_content(*which);
                let from = usize::from(*from).min(content.len() - 1);
                let to = (from + usize::from(*len).clamp(1, 61_440)).min(content.len());
                let (file, off) = (file(known, *number), u64::try_from(from).unwrap());
                Request::Chunk { file, off, bytes: content.slice(from..to) }
            }
            Self::Answer { file: number, answer, who } => Request::Answer {
                file: file(known, *number),
                answer: match answer {
                    Said::Accept => Answer::Accept,
                    Said::Decline => Answer::Decline,
                    Said::Received => Answer::Received,
                    Said::Cancel => Answer::Cancel,
                },
                who: who.map(user),
            },
            Self::Ready { file: number, off, upto } => Request::Ready {
                file: file(known, *number),
                off: u64::from(*off % 70_000),
                upto: upto.map(|upto| u64::from(upto % 70_000)),
            },
            Self::Files => Request::Files,
            Self::LogOut { taken } => Request::LogOut { taken: taken.as_deref().map(cursors) },
        }
    }
}

impl To {
    fn audience(&self) -> Audience {
        let names = match self {
            Self::Everyone => return Audience::Everyone,
            Self::One(one) => vec![user(*one)],
            Self::Two(one, other) => vec![user(*one), user(*other)],
        };
        Audience::set(names).unwrap()
    }
}

impl Pages {
    fn page(&self) -> Page {
        match self {
            Self::Latest => Page::Latest,
            Self::Before(at) => Page::Before(seq(*at)),
            Self::After(at) => Page::After(seq(*at)),
        }
    }
}

impl Known {
    fn text(&mut self, long: bool) -> MessageText {
        self.texts += 1;
        let filler = if long { "x".repeat(900) } else { String::new() };
        MessageText::new(&format!("text {}{filler}", self.texts)).unwrap()
    }
}

/// What is in a file.
fn content(which: u8) -> Bytes {
    (0..one_of(&SIZES, which)).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

/// As [`content`], and never nothing.
fn some_content(which: u8) -> Bytes {
    content(which % 2 + 1)
}

fn user(number: u8) -> sotto_proto::Username {
    one_of(&NAMES, number).parse().unwrap()
}

fn password(number: u8) -> Password {
    Password::new(one_of(&PASSWORDS, number)).unwrap()
}

fn cid(number: u8) -> Cid {
    Cid::from_bytes([number % 16; 16])
}

fn conv(number: u8) -> ConvId {
    ConvId::new(u64::from(number % 6) + 1).unwrap()
}

fn seq(number: u8) -> Seq {
    Seq::new(u64::from(number)).unwrap()
}

fn file(known: &Known, number: u8) -> FileId {
    some(&known.files, number).unwrap_or(FileId::from_bytes([number; 16]))
}

fn cursors(taken: &[(u8, u8)]) -> Vec<(ConvId, Seq)> {
    taken.iter().take(8).map(|(of, at)| (conv(*of), seq(*at))).collect()
}

/// One that nobody was given.
fn token() -> Token {
    Token::from_bytes([7; 32])
}

fn one_of<T: Copy>(choices: &[T], number: u8) -> T {
    choices[usize::from(number) % choices.len()]
}

fn some<T: Clone>(choices: &[T], number: u8) -> Option<T> {
    (!choices.is_empty()).then(|| choices[usize::from(number) % choices.len()].clone())
}
