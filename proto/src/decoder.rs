//! Bytes in, frames out. A length over the bound is refused on its four bytes, before anything is kept.

use bytes::{Buf, BytesMut};

use crate::error::DecodeError;
use crate::frame::Frame;
use crate::limits::{LENGTH_BYTES, MAX_PAYLOAD, MAX_PAYLOAD_BEFORE_LOGIN};

/// Cuts a stream of bytes into frames.
///
/// ```
/// # use bytes::BytesMut;
/// let mut stream = BytesMut::from(&b"\0\0\0\x0c101\r\nann\r\npw"[..]);
/// let frame = sotto_proto::Decoder::before_login().next(&mut stream).unwrap().unwrap();
/// assert_eq!((frame.code(), &frame.body()[..]), (101, &b"ann\r\npw"[..]));
/// assert!(stream.is_empty());
/// ```
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
}

impl Decoder {
    /// For a peer that has not logged in: payloads of at most [`MAX_PAYLOAD_BEFORE_LOGIN`] bytes.
    #[must_use]
    pub fn before_login() -> Self {
        Self { limit: MAX_PAYLOAD_BEFORE_LOGIN }
    }

    /// For a peer that has logged in, and for a server: payloads of at most [`MAX_PAYLOAD`] bytes.
    #[must_use]
    pub fn after_login() -> Self {
        Self { limit: MAX_PAYLOAD }
    }

    /// Lets payloads be as long as after log-in.
    pub fn logged_in(&mut self) {
        self.limit = MAX_PAYLOAD;
    }

    /// How many bytes the frame that has begun in `buffer` lacks; 0 when that is not known.
    #[must_use]
    pub fn missing(&self, buffer: &BytesMut) -> usize {
        let announced = buffer.first_chunk::<LENGTH_BYTES>().map_or(0, |length| u32::from_be_bytes(*length));
        let payload = usize::try_from(announced).unwrap_or(usize::MAX).min(self.limit);
        (LENGTH_BYTES + payload).saturating_sub(buffer.len())
    }

    /// Takes the next whole frame off the front of `buffer`, or returns `None` when more bytes are needed.
    /// `buffer` never needs to hold more than one payload and its length.
    ///
    /// # Errors
    /// [`DecodeError::TooLong`] or [`DecodeError::Head`]; the stream cannot be read any further.
    pub fn next(&self, buffer: &mut BytesMut) -> Result<Option<Frame>, DecodeError> {
        let Some(length) = buffer.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let announced = u32::from_be_bytes(*length);
        let payload = usize::try_from(announced).unwrap_or(usize::MAX);
        if payload > self.limit {
            return Err(DecodeError::TooLong { announced, limit: self.limit });
        }
        if buffer.len() < LENGTH_BYTES + payload {
            return Ok(None);
        }
        buffer.advance(LENGTH_BYTES);
        Frame::parse(buffer.split_to(payload).freeze()).map(Some)
    }
}
