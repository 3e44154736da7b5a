//! What a server tells a client: answers to requests, and events that nobody asked for.

mod files;
mod refusal;
mod words;

use bytes::Bytes;

use crate::code;
use crate::error::{DecodeError, ValueError};
use crate::file::{Attachment, FileId};
use crate::frame::{Frame, FrameBuilder};
use crate::head;
use crate::id::{Cid, ConvId, Epoch, Seq, Token};
use crate::limits::{MAX_ADDRESS_BYTES, MAX_HEAD};
use crate::name::Username;
use crate::reason::Reason;
use crate::succession::Succession;
use crate::text::MessageText;
use files::{attachment, content, encode_file_state, file_state, go_on};

pub use files::FileState;
pub use refusal::Refusal;

/// What kind of audience a conversation has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConvKind {
    /// Everyone with an account.
    Lobby,
    /// A fixed set of people.
    Set,
    /// A named room (not built yet; a client shows it as it would a set).
    Room,
}

/// Whether somebody is online.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presence {
    /// Logged in.
    Online,
    /// Has an account and is not logged in.
    Away,
}

/// A reply or event, without its `ref=` (see [`crate::Request::reference`]).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// 201: wrong name or password; which of them is not said.
    WrongPassword,
    /// 202: another session holds the account. Only sent after a correct password.
    AlreadyLoggedIn {
        /// Since when, Unix milliseconds.
        since: u64,
        /// From where: an IP address.
        from: String,
    },
    /// 203: these people logged out.
    Left(Vec<Username>),
    /// 204: the session has begun.
    LoggedIn {
        /// The account's name as it was registered.
        user: Username,
        /// Resumes this session after a cut.
        token: Token,
        /// The history's epoch.
        epoch: Epoch,
        /// The largest payload the server takes from now on, in bytes.
        max: u32,
        /// By which the server knows this device from now on; `None`: it did so before.
        device: Option<Token>,
    },
    /// 205: these people logged in.
    Joined(Vec<Username>),
    /// 206: the account exists now.
    Registered,
    /// 207: there is an account of that name.
    NameTaken,
    /// 208: a message was not sent; nobody got it.
    NotSent {
        /// The message's cid, if it had one.
        cid: Option<Cid>,
        /// Why, for programs.
        reason: Reason,
        /// The names at fault, as far as they fit into the head.
        who: Vec<String>,
        /// Why, for people.
        sentence: String,
    },
    /// 209: a message.
    Message(Message),
    /// 210: who is online, without the asker.
    Online {
        /// Their names.
        people: Vec<Username>,
        /// Whether another 210 of the same answer follows.
        more: bool,
    },
    /// 210 `all=1`: everyone with an account but the asker.
    Everyone {
        /// Names and presence.
        people: Vec<(Username, Presence)>,
        /// Whether another 210 of the same answer follows.
        more: bool,
    },
    /// 105: answer with the same body.
    Ping {
        /// Anything.
        body: Bytes,
    },
    /// 211: the answer to a ping.
    Pong {
        /// What the ping carried.
        body: Bytes,
    },
    /// 212: a message of this session is stored, and durable.
    Stored {
        /// Its cid.
        cid: Cid,
        /// Its conversation.
        conv: ConvId,
        /// Its place there.
        seq: Seq,
        /// When the server stored it, Unix milliseconds.
        at: u64,
        /// The file it offers.
        file: Option<FileId>,
    },
    /// 213: everything there was has been sent; what comes now is new.
    CaughtUp,
    /// 214: these were not sent; a 107 fetches them.
    Hole {
        /// The conversation.
        conv: ConvId,
        /// The first seq left out.
        from: Seq,
        /// The last seq left out.
        to: Seq,
    },
    /// 215: what the client has of this conversation, or of all, is from another history.
    StartOver {
        /// The conversation; all of them without it.
        conv: Option<ConvId>,
    },
    /// 216: the request was refused; the connection goes on unless a 217 follows.
    Refused(Refusal),
    /// 217: the server is ending this connection.
    Goodbye(Refusal),
    /// 218: the end of an answer that took several frames.
    End {
        /// Whether there would have been more beyond the limit asked for.
        more: bool,
    },
    /// 219: the password is the new one from now on.
    PasswordChanged,
    /// 220: a conversation that this member is in.
    Conversation {
        /// Its number.
        conv: ConvId,
        /// Its kind.
        kind: ConvKind,
        /// Everyone in it, the member too; empty for the lobby.
        members: Vec<Username>,
        /// The newest seq in it.
        head: Seq,
        /// The seq after which this session's messages of it begin: the next one is exactly one above.
        after: Seq,
    },
    /// 221: these people, and no others, are reached without encryption just now.
    InTheClear(Vec<Username>),
    /// 225: which identity the server will have next.
    NextIdentity(Succession),
    /// 200 without tags: a small file, as the original has it.
    SmallFile {
        /// All of it.
        content: Bytes,
    },
    /// 200: the next part of a file.
    Chunk {
        /// Which file.
        file: FileId,
        /// Where it belongs.
        off: u64,
        /// 1–61,440 bytes.
        bytes: Bytes,
    },
    /// 222: how much of a file the server has, and how much more may come.
    GoOn {
        /// Which file.
        file: FileId,
        /// So many bytes, from the beginning, are there.
        off: u64,
        /// Content may come up to here.
        upto: u64,
    },
    /// 223: what has become of a file.
    FileState(FileState),
    /// 224: a file is not transferred any further, on this connection or at all.
    FileRefused {
        /// Which file.
        file: FileId,
        /// Why.
        refusal: Refusal,
    },
}

/// A message as it was stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Its conversation.
    pub conv: ConvId,
    /// Its place there.
    pub seq: Seq,
    /// When the server stored it, Unix milliseconds; for showing only.
    pub at: u64,
    /// Its cid, told to its sender only.
    pub cid: Option<Cid>,
    /// Who sent it.
    pub from: Username,
    /// What it says.
    pub text: MessageText,
    /// It came to the server without encryption.
    pub clear: bool,
    /// The file it offers; its text is that file's name.
    pub file: Option<Attachment>,
}

impl Reply {
    /// Understands a frame from a server.
    ///
    /// # Errors
    /// [`DecodeError::UnknownCode`] for a code to be ignored; anything else is a server's fault.
    pub fn from_frame(frame: &Frame) -> Result<Self, DecodeError> {
        Ok(match frame.code() {
            code::WRONG_PASSWORD => Self::WrongPassword,
            code::ALREADY_LOGGED_IN => already_logged_in(frame)?,
            code::LEFT => Self::Left(names(frame)?),
            code::LOGGED_IN => logged_in(frame)?,
            code::JOINED => Self::Joined(names(frame)?),
            code::REGISTERED => Self::Registered,
            code::NAME_TAKEN => Self::NameTaken,
            code::NOT_SENT => not_sent(frame)?,
            code::MESSAGE => Self::Message(message(frame)?),
            code::ONLINE => online(frame)?,
            code::PING => Self::Ping { body: frame.body() },
            code::PONG => Self::Pong { body: frame.body() },
            code::STORED => stored(frame)?,
            code::CAUGHT_UP => Self::CaughtUp,
            code::HOLE => hole(frame)?,
            code::START_OVER => Self::StartOver { conv: frame.parsed("conv")? },
            code::REFUSED => Self::Refused(Refusal::from_frame(frame)?),
            code::GOODBYE => Self::Goodbye(Refusal::from_frame(frame)?),
            code::END => Self::End { more: is_set(frame, "more") },
            code::PASSWORD_CHANGED => Self::PasswordChanged,
            code::CONVERSATION => conversation(frame)?,
            code::IN_THE_CLEAR => Self::InTheClear(names(frame)?),
            code::NEXT_IDENTITY => Self::NextIdentity(Succession::from_frame(frame)?),
            code::FILE => content(frame)?,
            code::GO_ON => go_on(frame)?,
            code::FILE_STATE => Self::FileState(file_state(frame)?),
            code::FILE_REFUSED => {
                Self::FileRefused { file: frame.required("file")?, refusal: Refusal::from_frame(frame)? }
            }
            other => return Err(DecodeError::UnknownCode(other)),
        })
    }

    /// The frame of [`Self::Chunk`], length included, up to its body of `content` bytes: those follow from where they are.
    #[must_use]
    pub fn before_chunk(file: FileId, off: u64, content: usize) -> Bytes {
        FrameBuilder::new(code::FILE).tag("file", file).tag("off", off).before_body(content)
    }

    /// The frame, length included. `reference` goes into `ref=`.
    #[must_use]
    pub fn encode(&self, reference: Option<&str>) -> Bytes {
        let head = |code| FrameBuilder::new(code).maybe("ref", reference);
        match self {
            Self::WrongPassword => head(code::WRONG_PASSWORD).end(),
            Self::AlreadyLoggedIn { since, from } => {
                head(code::ALREADY_LOGGED_IN).tag("since", since).tag("from", from).end()
            }
            Self::Left(people) => head(code::LEFT).fields(&shown(people)),
            Self::LoggedIn { user, token, epoch, max, device } => {
                logged_in_tags(head(code::LOGGED_IN), (token, device.as_ref()), (*epoch, *max))
                    .fields(&[user.as_str()])
            }
            Self::Joined(people) => head(code::JOINED).fields(&shown(people)),
            Self::Registered => head(code::REGISTERED).end(),
            Self::NameTaken => head(code::NAME_TAKEN).end(),
            Self::NotSent { cid, reason, who, sentence } => head(code::NOT_SENT)
                .maybe("cid", *cid)
                .tag("reason", reason)
                .maybe("who", names_that_fit(who))
                .body(sentence.as_bytes()),
            Self::Message(message) => encode_message(head(code::MESSAGE), message),
            Self::Online { people, more } => {
                head(code::ONLINE).maybe("more", more.then_some(1)).fields(&shown(people))
            }
            Self::Everyone { people, more } => encode_everyone(head(code::ONLINE), people, *more),
            Self::Ping { body } => head(code::PING).body(body),
            Self::Pong { body } => head(code::PONG).body(body),
            Self::Stored { cid, conv, seq, at, file } => head(code::STORED)
                .tag("cid", cid)
                .tag("conv", conv)
                .tag("seq", seq)
                .tag("at", at)
                .maybe("file", *file)
                .end(),
            Self::CaughtUp => head(code::CAUGHT_UP).end(),
            Self::Hole { conv, from, to } => {
                head(code::HOLE).tag("conv", conv).tag("from", from).tag("to", to).end()
            }
            Self::InTheClear(people) => head(code::IN_THE_CLEAR).fields(&shown(people)),
            Self::NextIdentity(announced) => announced.encode(head(code::NEXT_IDENTITY)),
            Self::StartOver { conv } => head(code::START_OVER).maybe("conv", *conv).end(),
            Self::Refused(refusal) => refusal.encode(head(code::REFUSED)),
            Self::Goodbye(refusal) => refusal.encode(head(code::GOODBYE)),
            Self::End { more } => head(code::END).tag("more", u8::from(*more)).end(),
            Self::PasswordChanged => head(code::PASSWORD_CHANGED).end(),
            Self::Conversation { conv, kind, members, head: newest, after } => head(code::CONVERSATION)
                .tag("conv", conv)
                .tag("kind", kind.as_str())
                .tag("head", newest)
                .tag("after", after)
                .fields(&shown(members)),
            Self::SmallFile { content } => head(code::FILE).body(content),
            Self::Chunk { file, off, bytes } => {
                head(code::FILE).tag("file", file).tag("off", off).body(bytes)
            }
            Self::GoOn { file, off, upto } => {
                head(code::GO_ON).tag("file", file).tag("off", off).tag("upto", upto).end()
            }
            Self::FileState(state) => encode_file_state(head(code::FILE_STATE), state),
            Self::FileRefused { file, refusal } => refusal.encode(head(code::FILE_REFUSED).tag("file", file)),
        }
    }
}

fn logged_in_tags(
    head: FrameBuilder,
    (token, device): (&Token, Option<&Token>),
    (epoch, max): (Epoch, u32),
) -> FrameBuilder {
    head.tag("token", token.reveal())
        .tag("epoch", epoch)
        .tag("max", max)
        .maybe("device", device.map(Token::reveal))
}

fn shown(people: &[Username]) -> Vec<&str> {
    people.iter().map(Username::as_str).collect()
}

fn encode_message(head: FrameBuilder, message: &Message) -> Bytes {
    let mut head = head
        .tag("conv", message.conv)
        .tag("seq", message.seq)
        .tag("at", message.at)
        .maybe("cid", message.cid)
        .maybe("clear", message.clear.then_some(1));
    if let Some(Attachment { id, size, hash, media, until, gone }) = &message.file {
        head = head
            .tag("file", id)
            .tag("size", size)
            .tag("hash", hash)
            .tag("media", media)
            .tag("until", until)
            .maybe("gone", gone.then_some(1));
    }
    head.fields(&[message.from.as_str(), message.text.as_str()])
}

fn encode_everyone(head: FrameBuilder, people: &[(Username, Presence)], more: bool) -> Bytes {
    let lines: Vec<_> =
        people.iter().map(|(name, presence)| format!("{name}\t{}", presence.as_str())).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    head.tag("all", 1).maybe("more", more.then_some(1)).fields(&lines)
}

/// The names that leave room for the rest of the head, or `None` when there are none.
fn names_that_fit(names: &[String]) -> Option<String> {
    let mut room = MAX_HEAD / 2;
    let fits = |name: &&String| {
        let needed = head::encoded_len(name) + head::encoded_len("\t");
        let enough = needed <= room;
        room = room.saturating_sub(needed);
        enough
    };
    let fitting: Vec<_> = names.iter().take_while(fits).map(String::as_str).collect();
    (!fitting.is_empty()).then(|| fitting.join("\t"))
}

fn names(frame: &Frame) -> Result<Vec<Username>, DecodeError> {
    Ok(frame.lines()?.map(str::parse).collect::<Result<_, _>>()?)
}

fn is_set(frame: &Frame, key: &str) -> bool {
    frame.tag(key).as_deref() == Some("1")
}

fn reason(frame: &Frame) -> Reason {
    frame.tag("reason").and_then(|word| word.parse().ok()).unwrap_or(Reason::Other)
}

fn needed<T>(value: Option<T>, key: &'static str) -> Result<T, DecodeError> {
    value.ok_or(DecodeError::MissingTag(key))
}

fn already_logged_in(frame: &Frame) -> Result<Reply, DecodeError> {
    let from = frame.tag("from").map(|from| from.into_owned()).unwrap_or_default();
    if from.len() > MAX_ADDRESS_BYTES {
        return Err(ValueError::Invalid("address").into());
    }
    Ok(Reply::AlreadyLoggedIn { since: frame.number("since")?.unwrap_or(0), from })
}

fn logged_in(frame: &Frame) -> Result<Reply, DecodeError> {
    Ok(Reply::LoggedIn {
        user: frame.text()?.parse()?,
        token: frame.required("token")?,
        epoch: frame.required("epoch")?,
        max: needed(frame.number("max")?, "max")?,
        device: frame.parsed("device")?,
    })
}

fn not_sent(frame: &Frame) -> Result<Reply, DecodeError> {
    let who = frame.tag("who").unwrap_or_default();
    Ok(Reply::NotSent {
        cid: frame.parsed("cid")?,
        reason: reason(frame),
        who: who.split('\t').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        sentence: frame.text()?.to_owned(),
    })
}

/// Where a message is: places begin with 1.
fn place(frame: &Frame) -> Result<Seq, DecodeError> {
    match frame.required("seq")? {
        Seq::ZERO => Err(ValueError::Invalid("seq: a message's place is 1 or above").into()),
        seq => Ok(seq),
    }
}

fn message(frame: &Frame) -> Result<Message, DecodeError> {
    let (from, text) = frame.two_fields("a sender, CRLF and a text")?;
    Ok(Message {
        conv: frame.required("conv")?,
        seq: place(frame)?,
        at: needed(frame.number("at")?, "at")?,
        cid: frame.parsed("cid")?,
        from: from.parse()?,
        text: MessageText::new(text)?,
        clear: is_set(frame, "clear"),
        file: attachment(frame, text)?,
    })
}

fn online(frame: &Frame) -> Result<Reply, DecodeError> {
    let more = is_set(frame, "more");
    if !is_set(frame, "all") {
        return Ok(Reply::Online { people: names(frame)?, more });
    }
    let people = frame.lines()?.map(name_and_presence).collect::<Result<_, _>>()?;
    Ok(Reply::Everyone { people, more })
}

fn name_and_presence(line: &str) -> Result<(Username, Presence), DecodeError> {
    let (name, presence) = line.split_once('\t').ok_or(DecodeError::Body("names, TAB and a presence"))?;
    let presence = if presence == "online" { Presence::Online } else { Presence::Away };
    Ok((name.parse()?, presence))
}

fn stored(frame: &Frame) -> Result<Reply, DecodeError> {
    Ok(Reply::Stored {
        cid: frame.required("cid")?,
        conv: frame.required("conv")?,
        seq: place(frame)?,
        at: needed(frame.number("at")?, "at")?,
        file: frame.parsed("file")?,
    })
}

fn hole(frame: &Frame) -> Result<Reply, DecodeError> {
    let (conv, from, to) = (frame.required("conv")?, frame.required("from")?, frame.required("to")?);
    if from == Seq::ZERO || to < from {
        return Err(ValueError::Invalid("hole: it goes from a seq to one that is not below it").into());
    }
    Ok(Reply::Hole { conv, from, to })
}

fn conversation(frame: &Frame) -> Result<Reply, DecodeError> {
    Ok(Reply::Conversation {
        conv: frame.required("conv")?,
        kind: frame.required("kind")?,
        members: names(frame)?,
        head: frame.required("head")?,
        after: frame.required("after")?,
    })
}
