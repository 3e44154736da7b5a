//! The original chatroom's bytes: no frames, no lengths, no ends. One read was meant to be one message. What
//! its programs send is understood wherever the bytes allow it; what is sent to them is cut so that each piece
//! can be one read of theirs.
//!
//! There is no clock here: the caller says when a connection has been quiet.

use std::time::Duration;

use bytes::Bytes;

use crate::limits::{MAX_NAME_CHARS, MAX_TEXT_BYTES};
use crate::name::Username;
use crate::reply::Reply;
use crate::request::{Password, Request};
use crate::text::{Audience, MessageText};

/// The original's read: a longer piece kills the thread that receives.
pub const ORIGINAL_READ: usize = 4096;
/// Quiet for this long, what has come is a whole request. Its programs send a request with one call.
pub const REQUEST_ENDS: Duration = Duration::from_millis(30);
/// Quiet for this long, what has come after 109 is a whole file.
pub const FILE_ENDS: Duration = Duration::from_millis(300);
/// A request that is not whole is given up after this long.
const REQUEST_PATIENCE: Duration = Duration::from_secs(2);

/// The most bytes of a request that are kept: a text, its names, and a little.
const MAX_REQUEST: usize = MAX_TEXT_BYTES + 256 * (4 * MAX_NAME_CHARS + 1) + 16;
const CRLF: &[u8] = b"\r\n";

/// What an original client asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wish {
    /// Something that the protocol has too.
    Ask(Request),
    /// A file, for everyone online; `None`: it was longer than the limit, and is gone.
    File(Option<Bytes>),
    /// What cannot be done, and the original's nearest answer to it.
    Refuse(&'static [u8]),
    /// Bytes that are no request, so many of them.
    Nonsense(usize),
}

/// Understands what an original client sends. It cannot be printed: what it keeps may be a password.
pub struct OriginalReader {
    pending: Vec<u8>,
    file: Option<File>,
    max_file: usize,
}

#[derive(Default)]
struct File {
    content: Vec<u8>,
    too_long: bool,
}

impl OriginalReader {
    /// Files of up to `max_file` bytes are kept; a longer one is passed over.
    #[must_use]
    pub fn new(max_file: usize) -> Self {
        Self { pending: Vec::new(), file: None, max_file }
    }

    /// Takes what one read has brought. Requests that are certainly whole come out; the rest waits for more, or
    /// for [`Self::quiet`].
    pub fn read(&mut self, chunk: &[u8]) -> Vec<Wish> {
        if self.file.is_some() {
            self.file_bytes(chunk);
            return Vec::new();
        }
        let mut wishes = Vec::new();
        // What begins like a request after one that is whole is the next one: its programs send each with one
        // call, and what they send holds no CRLF but those of the format.
        if is_whole(&self.pending) && begins(chunk) {
            wishes.extend(self.finish());
        }
        self.pending.extend_from_slice(chunk);
        while let Some(end) = next_request(&self.pending) {
            let rest = self.pending.split_off(end);
            wishes.extend(self.finish());
            self.pending = rest;
        }
        if let Some(content) = self.pending.strip_prefix(b"109") {
            let content = content.strip_prefix(CRLF).unwrap_or(content).to_vec();
            self.pending.clear();
            self.file = Some(File::default());
            self.file_bytes(&content);
        } else if self.pending.len() > MAX_REQUEST {
            let refused = answer_to(&self.pending);
            wishes.push(refused.unwrap_or(Wish::Nonsense(self.pending.len())));
            self.pending.clear();
        }
        wishes
    }

    /// Nothing has come for [`Self::patience`], or nothing more ever will: what is there is all of it.
    pub fn quiet(&mut self) -> Option<Wish> {
        if let Some(file) = self.file.take() {
            return Some(Wish::File((!file.too_long).then(|| file.content.into())));
        }
        if is_whole(&self.pending) {
            return self.finish();
        }
        let left = std::mem::take(&mut self.pending);
        (!left.is_empty()).then(|| answer_to(&left).unwrap_or(Wish::Nonsense(left.len())))
    }

    /// How long to wait for more before [`Self::quiet`]; `None`: nothing is waiting.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        match (&self.file, self.pending.is_empty()) {
            (Some(_), _) => Some(FILE_ENDS),
            (None, true) => None,
            (None, false) if is_whole(&self.pending) => Some(REQUEST_ENDS),
            (None, false) => Some(REQUEST_PATIENCE),
        }
    }

    fn file_bytes(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        if file.too_long || file.content.len() + bytes.len() > self.max_file {
            *file = File { content: Vec::new(), too_long: true };
        } else {
            file.content.extend_from_slice(bytes);
        }
    }

    fn finish(&mut self) -> Option<Wish> {
        let bytes = std::mem::take(&mut self.pending);
        (!bytes.is_empty()).then(|| understand(&bytes))
    }
}

/// Whether a piece begins like a request: with a code, and what follows it in the format.
fn begins(chunk: &[u8]) -> bool {
    matches!(chunk, b"100" | b"108")
        || [&b"100\r\n"[..], b"101\r\n", b"102\r\n", b"106\r\n", b"108\r\n", b"109"]
            .iter()
            .any(|opening| chunk.starts_with(opening))
}

/// Whether all parts of a request are there; its last part may go on.
fn is_whole(bytes: &[u8]) -> bool {
    let mut fields = split(bytes).into_iter();
    match (fields.next(), fields.next(), fields.next()) {
        (Some(b"100" | b"108"), _, _) => true,
        (Some(b"101" | b"102"), Some(_), Some(password)) => !password.is_empty(),
        (Some(b"106"), Some(_), Some(text)) => !text.is_empty(),
        _ => false,
    }
}

/// Where the next request begins: a code stands directly before a CRLF that the request before has no place for.
fn next_request(bytes: &[u8]) -> Option<usize> {
    // A code that has nothing behind it, and directly behind it the next request.
    if matches!(bytes.get(..3)?, b"100" | b"108") && begins(bytes.get(3..)?) {
        return Some(3);
    }
    let places = match bytes.get(..3)? {
        b"101" | b"102" | b"106" => 2,
        b"100" | b"108" => 1,
        _ => return None,
    };
    let at = crlfs(bytes).nth(places)?;
    let begin = at.checked_sub(3)?;
    let code = bytes.get(begin..at)?;
    let is_code = matches!(code, b"100" | b"101" | b"102" | b"106" | b"108" | b"109");
    (is_code && begin > 3).then_some(begin)
}

fn crlfs(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes.windows(2).enumerate().filter(|(_, pair)| *pair == CRLF).map(|(at, _)| at)
}

/// At the first two CRLFs: three parts at most, the last one with whatever it holds.
fn split(bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::with_capacity(3);
    let mut rest = bytes;
    while parts.len() < 2 {
        let Some(at) = crlfs(rest).next() else { break };
        let (part, after) = rest.split_at(at);
        parts.push(part);
        rest = after.get(2..).unwrap_or_default();
    }
    parts.push(rest);
    parts
}

fn understand(bytes: &[u8]) -> Wish {
    let parts = split(bytes);
    let refused = || answer_to(bytes).unwrap_or(Wish::Nonsense(bytes.len()));
    match parts.as_slice() {
        [b"100", ..] => Wish::Ask(Request::LogOut { taken: None }),
        [b"108", ..] => Wish::Ask(Request::Who { all: false }),
        [b"101", user, password] => credentials(user, password).map_or_else(refused, |(user, password)| {
            Wish::Ask(Request::LogIn { user, password, take_over: false, peek: false, device: None })
        }),
        [b"102", user, password] => credentials(user, password).map_or_else(refused, |(user, password)| {
            Wish::Ask(Request::Register { user, password, invite: None })
        }),
        [b"106", to, text] => message(to, text).map_or_else(refused, Wish::Ask),
        _ => refused(),
    }
}

fn credentials(user: &[u8], password: &[u8]) -> Option<(Username, Password)> {
    let user = std::str::from_utf8(user).ok()?.parse().ok()?;
    Some((user, Password::new(std::str::from_utf8(password).ok()?).ok()?))
}

fn message(to: &[u8], text: &[u8]) -> Option<Request> {
    let to = std::str::from_utf8(to).ok()?;
    let to = if to == "*" {
        Audience::Everyone
    } else {
        let names = to.split('\t').filter(|name| !name.is_empty()).map(str::parse);
        Audience::set(names.collect::<Result<Vec<_>, _>>().ok()?).ok()?
    };
    let text = MessageText::new(std::str::from_utf8(text).ok()?).ok()?;
    Some(Request::Send { cid: None, to, text })
}

/// The original's nearest answer to a request that cannot be understood.
fn answer_to(bytes: &[u8]) -> Option<Wish> {
    match bytes.get(..3)? {
        b"101" => Some(Wish::Refuse(b"201")),
        b"102" => Some(Wish::Refuse(b"207")),
        b"106" => Some(Wish::Refuse(b"208")),
        _ => None,
    }
}

/// What an original client is sent for a reply: pieces of at most 4,096 bytes, each to be a read of its own.
/// `asked` is the code of the request that is answered, as far as one is. Empty: it has no word for this.
#[must_use]
pub fn pieces(reply: &Reply, asked: Option<u16>) -> Vec<Bytes> {
    let one = |text: &str| vec![Bytes::copy_from_slice(text.as_bytes())];
    let each = |code: &str, names: &[Username]| {
        names.iter().map(|name| format!("{code}\r\n{name}").into()).collect()
    };
    match reply {
        Reply::WrongPassword => one("201"),
        Reply::AlreadyLoggedIn { .. } => one("202"),
        Reply::Left(names) => each("203", names),
        Reply::LoggedIn { user, .. } => one(&format!("204\r\n{user}")),
        Reply::Joined(names) => each("205", names),
        Reply::Registered => one("206"),
        Reply::NameTaken => one("207"),
        Reply::NotSent { .. } => one("208"),
        Reply::Message(message) => said(message.from.as_str(), message.text.as_str()),
        Reply::Online { people, .. } => vec![online(people)],
        Reply::Refused(_) => match asked {
            Some(101) => one("201"),
            Some(102) => one("207"),
            Some(106) => one("208"),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The largest file, in bytes, that fits into one read of an original client: the rest of it is the code.
pub const ORIGINAL_FILE: usize = ORIGINAL_READ - 3;

/// A file that fits into one read; `None`: it does not.
#[must_use]
pub fn file_piece(content: &[u8]) -> Option<Bytes> {
    (content.len() <= ORIGINAL_FILE).then(|| [b"200", content].concat().into())
}

/// 209s: a long text in several, cut between characters; no CRLF in it, which would cut it off there.
fn said(from: &str, text: &str) -> Vec<Bytes> {
    let head = format!("209\r\n{from}\r\n");
    let text = text.replace("\r\n", "\n");
    let room = ORIGINAL_READ - head.len();
    let mut pieces = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(room));
        pieces.push(format!("{head}{piece}").into());
        rest = after;
    }
    pieces
}

/// 210 with as many names as fit; the original shows eight.
fn online(people: &[Username]) -> Bytes {
    let mut text = String::from("210");
    for name in people {
        if text.len() + 2 + name.as_str().len() > ORIGINAL_READ {
            break;
        }
        text.push_str("\r\n");
        text.push_str(name.as_str());
    }
    text.into()
}

#[cfg(test)]
mod tests;
