//! What is said on a wire: how a message looks, and what it is that came. For everything else it does not matter who talks how.

use bytes::Bytes;
use sotto_proto::limits::{LENGTH_BYTES, MAX_PAYLOAD};
use sotto_proto::{Audience, ConvId, Frame, Message, MessageText, Reply, Request, Seq, code};

use crate::client::cid;
use crate::irc;
use crate::past::name;

/// How the people in a room and what is measured talk to each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dialect {
    /// Frames as a server would make them of messages, so that a relay passes on what a server would send.
    Relayed,
    /// Sotto's.
    Sotto,
    /// Lines.
    Irc,
}

/// A message for everybody.
pub(crate) struct Words<'a> {
    /// The so-manyth.
    pub(crate) index: usize,
    /// Whose.
    pub(crate) speaker: usize,
    pub(crate) text: &'a str,
}

/// What came.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Heard<'a> {
    /// A message's text.
    Message(&'a [u8]),
    /// What one has said oneself has been stored.
    Stored,
    /// Has to be answered with this.
    Ping(Bytes),
    /// To [`Dialect::question`].
    Answer,
    Other,
}

impl Dialect {
    pub(crate) fn say(self, words: &Words<'_>) -> anyhow::Result<Bytes> {
        match self {
            Self::Relayed => relayed(words),
            Self::Sotto => {
                let (cid, text) = (Some(cid()?), MessageText::new(words.text)?);
                Ok(Request::Send { cid, to: Audience::Everyone, text }.encode(None))
            }
            Self::Irc => irc::say(words.text),
        }
    }

    /// The next thing that is whole at the front of what came, and how many bytes it is.
    pub(crate) fn hear(self, came: &[u8]) -> anyhow::Result<Option<(Heard<'_>, usize)>> {
        match self {
            Self::Relayed | Self::Sotto => hear(came),
            Self::Irc => irc::hear(came),
        }
    }

    /// Whether whoever speaks hears something of that: an acknowledgement, or their own words.
    pub(crate) fn answers_speakers(self) -> bool {
        self != Self::Irc
    }

    /// A question whose answer comes behind everything that is on its way. A relay knows none.
    pub(crate) fn question(self) -> Option<Bytes> {
        match self {
            Self::Relayed => None,
            Self::Sotto => Some(Request::Ping { body: Bytes::new() }.encode(None)),
            Self::Irc => Some(irc::question()),
        }
    }
}

fn relayed(words: &Words<'_>) -> anyhow::Result<Bytes> {
    let (conv, seq) = (ConvId::new(1)?, Seq::new(u64::try_from(words.index)? + 1)?);
    let (at, from, text) = (1_764_000_000_000, name(words.speaker)?, MessageText::new(words.text)?);
    let message = Message { conv, seq, at, cid: None, from, text, clear: false, file: None };
    Ok(Reply::Message(message).encode(None))
}

fn hear(came: &[u8]) -> anyhow::Result<Option<(Heard<'_>, usize)>> {
    let Some(length) = came.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let end = LENGTH_BYTES + usize::try_from(u32::from_be_bytes(*length))?;
    anyhow::ensure!(end <= LENGTH_BYTES + MAX_PAYLOAD, "a frame of {end} bytes");
    let Some(payload) = came.get(LENGTH_BYTES..end) else { return Ok(None) };
    Ok(Some((meaning(payload)?, end)))
}

/// Messages come by the million, and are only looked at as far as they are used.
fn meaning(payload: &[u8]) -> anyhow::Result<Heard<'_>> {
    if payload.starts_with(b"209 ") {
        // Head, sender, text.
        return Ok(Heard::Message(payload.splitn(3, |byte| *byte == b'\n').nth(2).unwrap_or_default()));
    }
    let frame = Frame::parse(Bytes::copy_from_slice(payload))?;
    Ok(match frame.code() {
        code::STORED => Heard::Stored,
        code::PING => Heard::Ping(Request::Pong { body: frame.body() }.encode(None)),
        code::PONG => Heard::Answer,
        _ => Heard::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relayed_message_is_heard_as_it_was_said() {
        let words = Words { index: 0, speaker: 7, text: "0 5 two\nlines" };
        let said = Dialect::Relayed.say(&words).unwrap();
        let heard = Dialect::Sotto.hear(&said).unwrap();
        assert_eq!(heard, Some((Heard::Message(b"0 5 two\nlines"), said.len())));
        assert_eq!(Dialect::Sotto.hear(&said[..said.len() - 1]).unwrap(), None);
    }

    #[test]
    fn a_ping_is_answered_with_what_is_in_it() {
        let ping = Reply::Ping { body: Bytes::from_static(b"x") }.encode(None);
        let pong = Request::Pong { body: Bytes::from_static(b"x") }.encode(None);
        assert_eq!(Dialect::Sotto.hear(&ping).unwrap(), Some((Heard::Ping(pong), ping.len())));
    }
}
