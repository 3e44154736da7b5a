//! What can happen to a client, in words from a small alphabet. The server is as hostile as it likes, but can also be asked for what
//! an honest one would say next, so that a play gets anywhere.

use std::time::Duration;

use arbitrary::Arbitrary;
use bytes::Bytes;
use sotto_client::sim::{Luck, content};
use sotto_proto::{
    Attachment, Audience, Cid, ConvId, ConvKind, Epoch, FileHash, FileId, FileStage, FileState, MediaType,
    Message, MessageText, Presence, Reason, Refusal, Reply, Seq, Standing, Token, Username,
};

const NAMES: [&str; 5] = ["ann", "bob", "eve", "zoe", "Ann"];
const FILES: [&str; 3] = ["10", "150000", "0"];

/// One thing that happens.
#[derive(Arbitrary, Debug)]
pub enum Step {
    /// There is a connection.
    Connect,
    /// It is lost.
    Cut,
    /// The server takes what there is to send, or lets it wait from now on.
    Listen(bool),
    /// A message that comes next, as an honest server would send it.
    News { conv: u8, from: u8, at: u8 },
    /// The server acknowledges the oldest message that waits, at the next place.
    Acknowledge { conv: u8 },
    /// The server answers the oldest question about history with so many messages below, or above, what was asked for.
    Page { messages: u8, more: bool, at: u8 },
    /// The server says this, maybe as an answer.
    Says(Says, Option<u8>),
    /// The server sends a frame of this.
    Bytes(Vec<u8>),
    /// The user does something.
    User(Deed),
    /// The disk does what it was asked for.
    Disk(u8),
    /// Content goes out.
    Content,
    /// So much time passes.
    Wait(Span),
    /// The program ends, and is started again.
    Restart,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Span {
    Moment,
    /// Until a ping is due.
    Quiet,
    Long,
}

/// What a user does.
#[derive(Arbitrary, Debug)]
pub enum Deed {
    Send { to: To },
    Retry(u8),
    SendFile { to: To, file: u8 },
    Accept { file: u8, content: u8, wrong: bool },
    Decline(u8),
    TakeBack { file: u8, who: Option<u8> },
    Transfer { number: u8, what: Handle },
    ListFiles,
    Older { room: To },
    Fill { room: To, entry: u8 },
    Open { room: To },
    Close { room: To },
    Seen { room: To, entry: u8 },
    MarkUnread { room: To, entry: u8 },
    Previews,
    People,
    Password,
    LogOut,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Handle {
    Cancel,
    Pause,
    GoOn,
}

#[derive(Arbitrary, Debug)]
pub enum To {
    Everyone,
    One(u8),
    Two(u8, u8),
}

/// A number that may be anything.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Number {
    Small(u8),
    Large(u32),
    Last(u8),
}

/// What a server says.
#[derive(Arbitrary, Debug)]
pub enum Says {
    WrongPassword,
    AlreadyLoggedIn,
    Left(Vec<u8>),
    Joined(Vec<u8>),
    LoggedIn { user: u8, epoch: u8, device: bool },
    NotSent { cid: u8, reason: u8 },
    Message { conv: u8, seq: Number, at: Number, cid: Option<u8>, from: u8, file: Option<u8>, size: Number },
    Online { people: Vec<u8>, more: bool },
    Everyone { people: Vec<u8>, more: bool },
    Ping(u16),
    Stored { cid: u8, conv: u8, seq: Number, file: Option<u8> },
    CaughtUp,
    Hole { conv: u8, from: Number, to: Number },
    StartOver(Option<u8>),
    Refused { reason: u8, wait: Option<Number> },
    Goodbye { reason: u8, wait: Option<Number> },
    End { more: bool },
    PasswordChanged,
    Conversation { conv: u8, kind: u8, members: Vec<u8>, head: Number, after: Number },
    InTheClear(Vec<u8>),
    SmallFile,
    Chunk { file: u8, content: u8, off: u32, len: u16 },
    GoOn { file: u8, off: Number, upto: Number },
    FileState { file: u8, stage: u8, off: Number, who: Option<u8>, standing: u8 },
    FileRefused { file: u8, reason: u8, wait: Option<Number> },
}

impl Span {
    pub fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Moment => 1,
            Self::Quiet => 41,
            Self::Long => 500,
        })
    }
}

impl To {
    pub fn audience(&self) -> Audience {
        match self {
            Self::Everyone => Audience::Everyone,
            Self::One(one) => Audience::set([user(*one)]).unwrap(),
            Self::Two(one, other) => Audience::set([user(*one), user(*other)]).unwrap(),
        }
    }
}

impl Number {
    fn get(self) -> u64 {
        match self {
            Self::Small(number) => number.into(),
            Self::Large(number) => number.into(),
            Self::Last(back) => u64::MAX - u64::from(back),
        }
    }

    /// Clamped to what a seq, or a length, can be.
    fn signed(self) -> u64 {
        self.get().min(i64::MAX.unsigned_abs())
    }

    fn seq(self) -> Seq {
        Seq::new(self.signed()).unwrap()
    }
}

impl Says {
    /// `cids`: those that somebody has used.
    pub fn reply(&self, cids: &[Cid]) -> Option<Reply> {
        let cid = |number: u8| {
            let some = cids.get(usize::from(number) % cids.len().max(1)).copied();
            some.unwrap_or(Cid::from_bytes([number; 16]))
        };
        Some(match self {
            Self::WrongPassword => Reply::WrongPassword,
            Self::AlreadyLoggedIn => Reply::AlreadyLoggedIn { since: 1, from: "127.0.0.1".to_owned() },
            Self::Left(some) => Reply::Left(users(some)),
            Self::Joined(some) => Reply::Joined(users(some)),
            Self::LoggedIn { user: name, epoch, device } => Reply::LoggedIn {
                user: user(*name),
                token: Token::from_bytes([*name; 32]),
                epoch: Epoch::new(u64::from(*epoch % 2)),
                max: 65_536,
                device: device.then(|| Token::from_bytes([1; 32])),
            },
            Self::NotSent { cid: number, reason: why } => Reply::NotSent {
                cid: Some(cid(*number)),
                reason: reason(*why),
                who: vec!["bob".to_owned()],
                sentence: "no".to_owned(),
            },
            Self::Message { conv: of, seq, at, cid: number, from, file, size } => Reply::Message(Message {
                conv: conv(*of),
                seq: seq.seq(),
                at: at.get(),
                cid: number.map(cid),
                from: user(*from),
                text: MessageText::new("hello").unwrap(),
                clear: false,
                file: file.map(|number| Attachment { size: size.signed(), ..attachment(number, 0, false) }),
            }),
            Self::Online { people, more } => Reply::Online { people: users(people), more: *more },
            Self::Everyone { people, more } => {
                let people = users(people).into_iter().map(|name| (name, Presence::Away)).collect();
                Reply::Everyone { people, more: *more }
            }
            Self::Ping(length) => Reply::Ping { body: vec![0; usize::from(*length)].into() },
            Self::Stored { cid: number, conv: of, seq, file: which } => Reply::Stored {
                cid: cid(*number),
                conv: conv(*of),
                seq: seq.seq(),
                at: 1,
                file: which.map(file),
            },
            Self::CaughtUp => Reply::CaughtUp,
            Self::Hole { conv: of, from, to } => {
                Reply::Hole { conv: conv(*of), from: from.seq(), to: to.seq() }
            }
            Self::StartOver(of) => Reply::StartOver { conv: of.map(conv) },
            Self::Refused { reason, wait } => Reply::Refused(refusal(*reason, *wait)),
            Self::Goodbye { reason, wait } => Reply::Goodbye(refusal(*reason, *wait)),
            Self::End { more } => Reply::End { more: *more },
            Self::PasswordChanged => Reply::PasswordChanged,
            Self::Conversation { conv: of, kind, members, head, after } => Reply::Conversation {
                conv: conv(*of),
                kind: [ConvKind::Lobby, ConvKind::Set, ConvKind::Room][usize::from(*kind % 3)],
                members: users(members),
                head: head.seq(),
                after: after.seq(),
            },
            Self::InTheClear(some) => Reply::InTheClear(users(some)),
            Self::SmallFile => Reply::SmallFile { content: Bytes::from_static(b"hello") },
            Self::Chunk { file: number, content: which, off, len } => {
                return chunk(*number, *which, (*off, *len));
            }
            Self::GoOn { file: number, off, upto } => {
                Reply::GoOn { file: file(*number), off: off.signed(), upto: upto.signed() }
            }
            Self::FileState { file: number, stage, off, who, standing } => Reply::FileState(FileState {
                file: file(*number),
                stage: [FileStage::Uploading, FileStage::Stored, FileStage::Gone][usize::from(*stage % 3)],
                off: off.signed(),
                people: who.iter().map(|who| (user(*who), stands(*standing))).collect(),
            }),
            Self::FileRefused { file: number, reason, wait } => {
                Reply::FileRefused { file: file(*number), refusal: refusal(*reason, *wait) }
            }
        })
    }
}

fn chunk(number: u8, which: u8, (off, len): (u32, u16)) -> Option<Reply> {
    let content = content(file_name(which));
    let from = usize::try_from(off).unwrap() % content.len().max(1);
    let to = (from + usize::from(len).clamp(1, 61_440)).min(content.len());
    let bytes = content.slice(from..to);
    (!bytes.is_empty()).then(|| Reply::Chunk { file: file(number), off: u64::try_from(from).unwrap(), bytes })
}

fn refusal(why: u8, wait: Option<Number>) -> Refusal {
    let wait = wait.map(|wait| Duration::from_secs(wait.get()));
    Refusal { reason: reason(why), retry_after: wait, sentence: "no".to_owned() }
}

fn reason(number: u8) -> Reason {
    const REASONS: [Reason; 8] = [
        Reason::Busy,
        Reason::Throttled,
        Reason::Internal,
        Reason::Replaced,
        Reason::NoSuchFile,
        Reason::NotStored,
        Reason::Shutdown,
        Reason::Other,
    ];
    REASONS[usize::from(number) % REASONS.len()]
}

fn stands(number: u8) -> Standing {
    [Standing::Accepted(3), Standing::Declined, Standing::Received, Standing::Cancelled]
        [usize::from(number % 4)]
}

/// A file that is offered.
pub fn attachment(number: u8, which: u8, wrong: bool) -> Attachment {
    let content = content(file_name(which));
    let hash = if wrong { FileHash::from_bytes([7; 32]) } else { FileHash::of(&content) };
    let size = u64::try_from(content.len()).unwrap();
    Attachment { id: file(number), size, hash, media: MediaType::unknown(), until: 0, gone: false }
}

/// As it is on the disk, and how long it is.
pub fn file_name(number: u8) -> &'static str {
    FILES[usize::from(number) % FILES.len()]
}

pub fn file(number: u8) -> FileId {
    FileId::from_bytes([number % 4; 16])
}

pub fn user(number: u8) -> Username {
    NAMES[usize::from(number) % NAMES.len()].parse().unwrap()
}

pub fn users(numbers: &[u8]) -> Vec<Username> {
    numbers.iter().map(|number| user(*number)).collect()
}

pub fn conv(number: u8) -> ConvId {
    ConvId::new(u64::from(number % 4) + 1).unwrap()
}

pub fn luck(number: u8) -> Luck {
    match number % 8 {
        0 => Luck::Full,
        1 => Luck::Changed,
        _ => Luck::Good,
    }
}
