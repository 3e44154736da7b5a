//! What is said on a wire: how a message looks, and what it is that came. For everything else it does not matter who talks how.

use bytes::{Bytes, BytesMut};
use sotto_proto::{Audience, ConvId, Decoder, Frame, Message, MessageText, Reply, Request, Seq, code};

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
pub(crate) enum Heard {
    /// A message's text.
    Message(Bytes),
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

    /// Takes the next thing that is whole off the front of what came.
    pub(crate) fn hear(self, came: &mut BytesMut) -> anyhow::Result<Option<Heard>> {
        match self {
            Self::Relayed | Self::Sotto => {
                Ok(Decoder::after_login().next(came)?.map(|frame| meaning(&frame)))
            }
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

fn meaning(frame: &Frame) -> Heard {
    match frame.code() {
        code::MESSAGE => Heard::Message(text(&frame.body())),
        code::STORED => Heard::Stored,
        code::PING => Heard::Ping(Request::Pong { body: frame.body() }.encode(None)),
        code::PONG => Heard::Answer,
        _ => Heard::Other,
    }
}

/// What is behind the sender's name.
fn text(body: &Bytes) -> Bytes {
    let end = body.windows(2).position(|pair| pair == b"\r\n");
    end.map_or_else(Bytes::new, |end| body.slice(end + 2..))
}
