//! What a client may ask of the server.

use std::fmt;

use bytes::Bytes;
use zeroize::Zeroizing;

use crate::code;
use crate::error::{DecodeError, ValueError};
use crate::file::{Answer, FileId, FileInfo, FileName, MediaType, checked_size};
use crate::frame::{Frame, FrameBuilder};
use crate::id::{Cid, ConvId, Epoch, Seq, Token};
use crate::limits::{MAX_CHUNK, MAX_CURSORS, MAX_INVITE_CHARS, MAX_PAGE, MAX_PASSWORD_BYTES, MAX_REF_CHARS};
use crate::name::Username;
use crate::text::{Audience, MessageText};

/// A password as it was typed: at most 1,024 bytes. Its `Debug` is `…`, and its memory is overwritten when it is dropped.
#[derive(Clone, Eq, PartialEq)]
pub struct Password(Zeroizing<Box<str>>);

impl Password {
    /// Takes a password as it is; what makes a good one is the server's business.
    ///
    /// # Errors
    /// [`ValueError::PasswordTooLong`].
    pub fn new(typed: &str) -> Result<Self, ValueError> {
        if typed.len() > MAX_PASSWORD_BYTES {
            Err(ValueError::PasswordTooLong)
        } else {
            Ok(Self(Zeroizing::new(typed.into())))
        }
    }

    /// The password.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A request, without its `ref=` (see [`Request::reference`]).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// 100: end the session.
    LogOut {
        /// The last seq taken, per conversation, as in a 103 (`taken=1`). `None`: all that was written to it.
        taken: Option<Vec<(ConvId, Seq)>>,
    },
    /// 101: begin a session.
    LogIn {
        /// Whose.
        user: Username,
        /// The password.
        password: Password,
        /// End the session that holds the account now (`take-over=1`).
        take_over: bool,
        /// Leave what was missed for another session (`peek=1`): it is not sent, and nothing this session
        /// gets counts as taken. For programs that log in to say or ask one thing.
        peek: bool,
        /// By which the server knows a device that has been let in before (`device=`): what others guess wrong
        /// does not count against it.
        device: Option<Token>,
    },
    /// 102: make an account.
    Register {
        /// Its name.
        user: Username,
        /// Its password.
        password: Password,
        /// The invite code (`invite=`), at most 64 characters.
        invite: Option<String>,
    },
    /// 103: go on with a session after a cut.
    Resume {
        /// Whose.
        user: Username,
        /// What 204 gave.
        token: Token,
        /// The epoch the cursors belong to.
        epoch: Epoch,
        /// The last seq taken, per conversation; at most 512.
        cursors: Vec<(ConvId, Seq)>,
    },
    /// 104: another password; all tokens but this session's are void then.
    ChangePassword {
        /// The one until now.
        old: Password,
        /// The one from now on.
        new: Password,
    },
    /// 105: answer with the same body.
    Ping {
        /// Anything.
        body: Bytes,
    },
    /// 211: the answer to the server's ping.
    Pong {
        /// What the ping carried.
        body: Bytes,
    },
    /// 106: send a message.
    Send {
        /// Makes it safe to send again.
        cid: Option<Cid>,
        /// Whom it is for.
        to: Audience,
        /// What it says.
        text: MessageText,
    },
    /// 107: read a page of history, in rising seq.
    History {
        /// Which conversation.
        conv: ConvId,
        /// Which messages.
        page: Page,
        /// How many, 1–200.
        limit: u16,
    },
    /// 108: who is online, or (`all=1`) everyone with an account.
    Who {
        /// Whether to list those who are away, too.
        all: bool,
    },
    /// 109 without tags: a small file to everyone online, as the original sends it.
    SmallFile {
        /// All of it.
        content: Bytes,
    },
    /// 109: the next part of a file that was offered.
    Chunk {
        /// Which file.
        file: FileId,
        /// Where it belongs: as many bytes are before it.
        off: u64,
        /// 1–61,440 bytes.
        bytes: Bytes,
    },
    /// 110: offer a file.
    Offer(Offer),
    /// 111: answer to an offer, or take it back.
    Answer {
        /// Which file.
        file: FileId,
        /// What is said.
        answer: Answer,
        /// For a sender who takes an offer back from one recipient only: from whom.
        who: Option<Username>,
    },
    /// 112: from a recipient, how much has been taken and how much more may come; from the sender, a question
    /// for the same.
    Ready {
        /// Which file.
        file: FileId,
        /// So many bytes, from the beginning, have been taken.
        off: u64,
        /// Content may come up to here; without it none is asked for.
        upto: Option<u64>,
    },
    /// 113: which files there are to take, or on their way from here.
    Files,
}

/// A file for somebody.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offer {
    /// Makes it safe to offer again.
    pub cid: Cid,
    /// Whom it is for.
    pub to: Audience,
    /// The file.
    pub file: FileInfo,
}

/// Which messages of a conversation to read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Page {
    /// The newest.
    Latest,
    /// Those just below this seq.
    Before(Seq),
    /// Those just above this seq.
    After(Seq),
}

impl Request {
    /// Understands a frame from a client.
    ///
    /// # Errors
    /// [`DecodeError`]; none of these ends the connection.
    pub fn from_frame(frame: &Frame) -> Result<Self, DecodeError> {
        match frame.code() {
            code::LOG_OUT => log_out(frame),
            code::LOG_IN => log_in(frame),
            code::REGISTER => register(frame),
            code::RESUME => resume(frame),
            code::CHANGE_PASSWORD => change_password(frame),
            code::PING => Ok(Self::Ping { body: frame.body() }),
            code::PONG => Ok(Self::Pong { body: frame.body() }),
            code::SEND => send(frame),
            code::HISTORY => history(frame),
            code::WHO => Ok(Self::Who { all: flag(frame, "all")? }),
            code::SEND_FILE => content(frame),
            code::OFFER => offer(frame),
            code::ANSWER => answer(frame),
            code::READY => ready(frame),
            code::FILES => Ok(Self::Files),
            other => Err(DecodeError::UnknownCode(other)),
        }
    }

    /// The `ref=` of a frame, at most 32 characters, to be repeated in every answer.
    ///
    /// # Errors
    /// [`ValueError::Invalid`] when it is longer.
    pub fn reference(frame: &Frame) -> Result<Option<Box<str>>, DecodeError> {
        match frame.tag("ref") {
            Some(value) if value.chars().count() > MAX_REF_CHARS => Err(ValueError::Invalid("ref").into()),
            value => Ok(value.map(|value| value.into())),
        }
    }

    /// The frame of [`Self::Chunk`], length included, up to its body of `content` bytes: those follow from where they are.
    #[must_use]
    pub fn before_chunk(file: FileId, off: u64, content: usize) -> Bytes {
        FrameBuilder::new(code::SEND_FILE).tag("file", file).tag("off", off).before_body(content)
    }

    /// The frame, length included. `reference` goes into `ref=`.
    #[must_use]
    pub fn encode(&self, reference: Option<&str>) -> Bytes {
        let head = |code| FrameBuilder::new(code).maybe("ref", reference);
        match self {
            Self::LogOut { taken: None } => head(code::LOG_OUT).end(),
            Self::LogOut { taken: Some(cursors) } => {
                head(code::LOG_OUT).tag("taken", 1).body(cursor_lines(cursors).as_bytes())
            }
            Self::LogIn { user, password, take_over, peek, device } => head(code::LOG_IN)
                .maybe("take-over", take_over.then_some(1))
                .maybe("peek", peek.then_some(1))
                .maybe("device", device.as_ref().map(Token::reveal))
                .fields(&[user.as_str(), password.reveal()]),
            Self::Register { user, password, invite } => head(code::REGISTER)
                .maybe("invite", invite.as_deref())
                .fields(&[user.as_str(), password.reveal()]),
            Self::Resume { user, token, epoch, cursors } => head(code::RESUME)
                .tag("user", user)
                .tag("token", token.reveal())
                .tag("epoch", epoch)
                .body(cursor_lines(cursors).as_bytes()),
            Self::ChangePassword { old, new } => {
                let (old, new) = (old.reveal(), new.reveal());
                head(code::CHANGE_PASSWORD).tag("old", old.len()).body([old, new].concat().as_bytes())
            }
            Self::Ping { body } => head(code::PING).body(body),
            Self::Pong { body } => head(code::PONG).body(body),
            Self::Send { cid, to, text } => {
                head(code::SEND).maybe("cid", *cid).fields(&[&to.to_line(), text.as_str()])
            }
            Self::History { conv, page, limit } => {
                page_tags(head(code::HISTORY).tag("conv", conv), *page).tag("limit", limit).end()
            }
            Self::Who { all } => head(code::WHO).maybe("all", all.then_some(1)).end(),
            Self::SmallFile { content } => head(code::SEND_FILE).body(content),
            Self::Chunk { file, off, bytes } => FrameBuilder::with_room(code::SEND_FILE, bytes.len())
                .maybe("ref", reference)
                .tag("file", file)
                .tag("off", off)
                .body(bytes),
            Self::Offer(offer) => encode_offer(head(code::OFFER), offer),
            Self::Answer { file, answer, who } => head(code::ANSWER)
                .tag("file", file)
                .tag("say", answer.as_str())
                .maybe("who", who.as_ref())
                .end(),
            Self::Ready { file, off, upto } => {
                head(code::READY).tag("file", file).tag("off", off).maybe("upto", *upto).end()
            }
            Self::Files => head(code::FILES).end(),
        }
    }
}

fn credentials(frame: &Frame) -> Result<(Username, Password), DecodeError> {
    let (user, password) = frame.two_fields("a username, CRLF and a password")?;
    Ok((user.parse()?, Password::new(password)?))
}

fn log_in(frame: &Frame) -> Result<Request, DecodeError> {
    let (user, password) = credentials(frame)?;
    let (take_over, peek) = (flag(frame, "take-over")?, flag(frame, "peek")?);
    Ok(Request::LogIn { user, password, take_over, peek, device: frame.parsed("device")? })
}

fn register(frame: &Frame) -> Result<Request, DecodeError> {
    let (user, password) = credentials(frame)?;
    let invite = frame.tag("invite").map(|code| code.into_owned());
    if invite.as_ref().is_some_and(|code| code.chars().count() > MAX_INVITE_CHARS) {
        return Err(ValueError::Invalid("invite code").into());
    }
    Ok(Request::Register { user, password, invite })
}

/// A password may hold anything, so that nothing could stand between two.
fn change_password(frame: &Frame) -> Result<Request, DecodeError> {
    let old = frame.number("old")?.ok_or(DecodeError::MissingTag("old"))?;
    let both = frame.text()?.split_at_checked(old);
    let (old, new) = both.ok_or(DecodeError::Body("as many bytes of the old password as old= says"))?;
    Ok(Request::ChangePassword { old: Password::new(old)?, new: Password::new(new)? })
}

/// Whoever does not say what it has taken may say who it is instead, as the original does.
fn log_out(frame: &Frame) -> Result<Request, DecodeError> {
    let taken = flag(frame, "taken")?.then(|| cursors(frame)).transpose()?;
    Ok(Request::LogOut { taken })
}

fn resume(frame: &Frame) -> Result<Request, DecodeError> {
    Ok(Request::Resume {
        cursors: cursors(frame)?,
        user: frame.required("user")?,
        token: frame.required("token")?,
        epoch: frame.required("epoch")?,
    })
}

fn cursors(frame: &Frame) -> Result<Vec<(ConvId, Seq)>, DecodeError> {
    let cursors = frame.lines()?.map(cursor).collect::<Result<Vec<_>, _>>()?;
    if cursors.len() > MAX_CURSORS {
        return Err(DecodeError::Body("at most 512 conversations"));
    }
    Ok(cursors)
}

fn cursor(line: &str) -> Result<(ConvId, Seq), DecodeError> {
    let (conv, seq) =
        line.split_once(' ').ok_or(DecodeError::Body("lines of a conversation, a space and a seq"))?;
    Ok((conv.parse()?, seq.parse()?))
}

fn cursor_lines(cursors: &[(ConvId, Seq)]) -> String {
    cursors.iter().map(|(conv, seq)| format!("{conv} {seq}")).collect::<Vec<_>>().join("\r\n")
}

fn send(frame: &Frame) -> Result<Request, DecodeError> {
    let (to, text) = frame.two_fields("an audience, CRLF and a text")?;
    Ok(Request::Send {
        cid: frame.parsed("cid")?,
        to: Audience::from_line(to)?,
        text: MessageText::new(text)?,
    })
}

/// A part of a file: which one, where it belongs, and what is in it.
pub(crate) fn chunk(frame: &Frame) -> Result<(FileId, u64, Bytes), DecodeError> {
    let bytes = frame.body();
    if bytes.is_empty() || bytes.len() > MAX_CHUNK {
        return Err(DecodeError::Body("1 to 61,440 bytes of the file"));
    }
    let off = frame.number("off")?.ok_or(DecodeError::MissingTag("off"))?;
    Ok((frame.required("file")?, off, bytes))
}

fn content(frame: &Frame) -> Result<Request, DecodeError> {
    if frame.tag("file").is_none() {
        let content = frame.body();
        let nothing = DecodeError::Body("the content of a file");
        return if content.is_empty() { Err(nothing) } else { Ok(Request::SmallFile { content }) };
    }
    let (file, off, bytes) = chunk(frame)?;
    Ok(Request::Chunk { file, off, bytes })
}

fn offer(frame: &Frame) -> Result<Request, DecodeError> {
    let (to, name) = frame.two_fields("an audience, CRLF and a file's name")?;
    let (name, size) = (FileName::new(name)?, frame.number("size")?.ok_or(DecodeError::MissingTag("size"))?);
    let media = frame.parsed("media")?.unwrap_or_else(MediaType::unknown);
    let file = FileInfo { name, size: checked_size(size)?, hash: frame.required("hash")?, media };
    Ok(Request::Offer(Offer { cid: frame.required("cid")?, to: Audience::from_line(to)?, file }))
}

fn encode_offer(head: FrameBuilder, offer: &Offer) -> Bytes {
    let FileInfo { name, size, hash, media } = &offer.file;
    head.tag("cid", offer.cid)
        .tag("size", size)
        .tag("hash", hash)
        .tag("media", media)
        .fields(&[&offer.to.to_line(), name.as_str()])
}

fn answer(frame: &Frame) -> Result<Request, DecodeError> {
    let (file, answer) = (frame.required("file")?, frame.required("say")?);
    Ok(Request::Answer { file, answer, who: frame.parsed("who")? })
}

fn ready(frame: &Frame) -> Result<Request, DecodeError> {
    let (off, upto) = (frame.number("off")?.unwrap_or(0), frame.number("upto")?);
    Ok(Request::Ready { file: frame.required("file")?, off, upto })
}

fn history(frame: &Frame) -> Result<Request, DecodeError> {
    let page = match (frame.parsed("before")?, frame.parsed("after")?) {
        (None, None) => Page::Latest,
        (Some(seq), None) => Page::Before(seq),
        (None, Some(seq)) => Page::After(seq),
        (Some(_), Some(_)) => return Err(ValueError::Invalid("page: before or after, not both").into()),
    };
    let limit = frame.number("limit")?.unwrap_or(MAX_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(ValueError::Invalid("limit: it goes from 1 to 200").into());
    }
    Ok(Request::History { conv: frame.required("conv")?, page, limit })
}

fn page_tags(head: FrameBuilder, page: Page) -> FrameBuilder {
    match page {
        Page::Latest => head,
        Page::Before(seq) => head.tag("before", seq),
        Page::After(seq) => head.tag("after", seq),
    }
}

fn flag(frame: &Frame, key: &'static str) -> Result<bool, DecodeError> {
    match frame.tag(key).as_deref() {
        None | Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(_) => Err(ValueError::Invalid("flag: it is 0 or 1").into()),
    }
}
