//! One frame: a payload whose head has been checked. Encoding puts the length in front.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use bytes::{Bytes, BytesMut};

use crate::error::{DecodeError, ValueError};
use crate::limits::{LENGTH_BYTES, MAX_HEAD};
use crate::{code, head};

/// A payload with a well-formed head. Cloning is cheap: head and body share the received buffer. Its `Debug` is its code and its
/// lengths: a head may hold a token, a body a password.
#[derive(Clone, Eq, PartialEq)]
pub struct Frame {
    code: u16,
    head: Bytes,
    body: Bytes,
    has_body: bool,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({}, {} + {} bytes)", self.code, self.head.len(), self.body.len())
    }
}

impl Frame {
    /// Checks a payload, without its length.
    ///
    /// # Errors
    /// [`DecodeError::Head`] when the head breaks the grammar or a bound.
    pub fn parse(payload: Bytes) -> Result<Self, DecodeError> {
        let window = payload.get(..payload.len().min(MAX_HEAD + 2)).unwrap_or_default();
        let end = window.windows(2).position(|pair| pair == b"\r\n");
        let (head, body, has_body) = match end {
            Some(end) => (payload.slice(..end), payload.slice(end + 2..), true),
            None if payload.len() <= MAX_HEAD => (payload, Bytes::new(), false),
            None => return Err(DecodeError::Head("over 1,024 bytes")),
        };
        let code = head::check(&head)?;
        Ok(Self { code, head, body, has_body })
    }

    /// The three digits.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Everything after the first CRLF; empty when there is none.
    #[must_use]
    pub fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// Whether there was a CRLF after the head at all.
    #[must_use]
    pub fn has_body(&self) -> bool {
        self.has_body
    }

    /// The value of a tag, decoded, or `None` when the head has no such tag.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<Cow<'_, str>> {
        head::find(&self.head, key)
    }

    /// The value of a tag as a type that knows its own bounds.
    ///
    /// # Errors
    /// [`DecodeError::Value`] when the tag is there and its value is not valid.
    pub fn parsed<T: FromStr<Err = ValueError>>(&self, key: &str) -> Result<Option<T>, DecodeError> {
        Ok(self.tag(key).map(|value| value.parse()).transpose()?)
    }

    /// As [`Self::parsed`], for a tag that must be there.
    ///
    /// # Errors
    /// [`DecodeError::MissingTag`] or [`DecodeError::Value`].
    pub fn required<T: FromStr<Err = ValueError>>(&self, key: &'static str) -> Result<T, DecodeError> {
        self.parsed(key)?.ok_or(DecodeError::MissingTag(key))
    }

    /// A decimal number in a tag.
    ///
    /// # Errors
    /// [`DecodeError::Value`] when it is not a number that fits.
    pub fn number<T: FromStr>(&self, key: &'static str) -> Result<Option<T>, DecodeError> {
        let digits = |value: &str| value.bytes().all(|b| b.is_ascii_digit());
        match self.tag(key) {
            None => Ok(None),
            Some(value) if digits(&value) => {
                Ok(Some(value.parse().map_err(|_| ValueError::Invalid("number"))?))
            }
            Some(_) => Err(ValueError::Invalid("number").into()),
        }
    }

    /// The body as text.
    pub(crate) fn text(&self) -> Result<&str, DecodeError> {
        Ok(std::str::from_utf8(&self.body).map_err(|_| ValueError::NotUtf8)?)
    }

    /// The body's lines, as CRLF separates them; an empty body has none.
    pub(crate) fn lines(&self) -> Result<impl Iterator<Item = &str>, DecodeError> {
        let text = self.text()?;
        Ok(text.split("\r\n").filter(|line| !line.is_empty()))
    }

    /// The body before and after its first CRLF.
    pub(crate) fn two_fields(&self, what: &'static str) -> Result<(&str, &str), DecodeError> {
        self.text()?.split_once("\r\n").ok_or(DecodeError::Body(what))
    }
}

/// Builds one frame, length included.
#[derive(Debug)]
pub struct FrameBuilder {
    bytes: Vec<u8>,
}

impl FrameBuilder {
    /// Starts a frame. `code` is one of [`crate::code`].
    #[must_use]
    pub fn new(code: u16) -> Self {
        Self::with_room(code, 0)
    }

    /// As [`Self::new`], for a body of this many bytes.
    #[must_use]
    pub fn with_room(code: u16, body: usize) -> Self {
        debug_assert!((code::LOG_OUT..1000).contains(&code), "not three digits: {code}");
        let mut bytes = Vec::with_capacity(128 + body);
        bytes.extend_from_slice(&[0; LENGTH_BYTES]);
        bytes.extend_from_slice(code.to_string().as_bytes());
        Self { bytes }
    }

    /// Adds a tag; the value is percent-encoded here.
    #[must_use]
    pub fn tag(mut self, key: &str, value: impl ToString) -> Self {
        head::push_tag(&mut self.bytes, key, &value.to_string());
        self
    }

    /// Adds a tag if there is a value.
    #[must_use]
    pub fn maybe(self, key: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.tag(key, value),
            None => self,
        }
    }

    /// Ends the frame with a body.
    #[must_use]
    pub fn body(mut self, body: &[u8]) -> Bytes {
        self.bytes.extend_from_slice(b"\r\n");
        self.bytes.extend_from_slice(body);
        self.end()
    }

    /// Ends the part of a frame that is before its body, for a body of so many bytes that is written from where it is.
    #[must_use]
    pub(crate) fn before_body(mut self, body: usize) -> Bytes {
        self.bytes.extend_from_slice(b"\r\n");
        self.end_before(body)
    }

    /// Ends the frame with a body of fields separated by CRLF.
    #[must_use]
    pub fn fields(mut self, fields: &[&str]) -> Bytes {
        for field in fields {
            self.bytes.extend_from_slice(b"\r\n");
            self.bytes.extend_from_slice(field.as_bytes());
        }
        self.end()
    }

    /// Ends the frame: no body, and no CRLF.
    #[must_use]
    pub fn end(self) -> Bytes {
        self.end_before(0)
    }

    /// Puts the length in front; `more` bytes of the payload are elsewhere.
    fn end_before(mut self, more: usize) -> Bytes {
        let payload = u32::try_from(self.bytes.len() - LENGTH_BYTES + more).unwrap_or(u32::MAX);
        for (slot, byte) in self.bytes.iter_mut().zip(payload.to_be_bytes()) {
            *slot = byte;
        }
        self.bytes.into()
    }
}

/// Puts the length in front of a payload that somebody else has built.
impl From<&Frame> for Bytes {
    fn from(frame: &Frame) -> Self {
        let payload_len = frame.head.len() + frame.body.len() + if frame.has_body { 2 } else { 0 };
        let mut bytes = BytesMut::with_capacity(LENGTH_BYTES + payload_len);
        bytes.extend_from_slice(&u32::try_from(payload_len).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(&frame.head);
        if frame.has_body {
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(&frame.body);
        }
        bytes.freeze()
    }
}
