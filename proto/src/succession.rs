//! A planned change of identity: which one comes next, signed by the one in force. Whoever verifies it needs that one's key, not
//! only its pin: a client has it from the handshake.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use crate::error::{DecodeError, ValueError};
use crate::frame::{Frame, FrameBuilder};
use crate::id::Pin;
use crate::limits::MAX_SIGNATURE_BYTES;

/// What every statement begins with: nothing else that an identity's key signs does.
const CONTEXT: &[u8] = b"sotto next identity 1\0";

/// The identity that follows, as announced by the one in force. Its signature has not been verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Succession {
    /// The identity that follows.
    pub next: Pin,
    /// By the identity in force, over [`Self::statement`].
    pub signature: Signature,
}

/// ECDSA with P-256 and SHA-256, in ASN.1: at most 72 bytes. Not a secret.
#[derive(Clone, Eq, PartialEq)]
pub struct Signature(Box<[u8]>);

impl Succession {
    /// What the identity `current` signs.
    #[must_use]
    pub fn statement(current: Pin, next: Pin) -> Vec<u8> {
        [CONTEXT, current.as_bytes(), next.as_bytes()].concat()
    }

    pub(crate) fn from_frame(frame: &Frame) -> Result<Self, DecodeError> {
        Ok(Self { next: frame.required("next")?, signature: frame.required("signature")? })
    }

    pub(crate) fn encode(&self, head: FrameBuilder) -> Bytes {
        head.tag("next", self.next.to_base64url()).tag("signature", &self.signature).end()
    }
}

impl Signature {
    /// # Errors
    /// [`ValueError::Invalid`] when it is empty or too long to be one.
    pub fn new(bytes: &[u8]) -> Result<Self, ValueError> {
        let fits = (1..=MAX_SIGNATURE_BYTES).contains(&bytes.len());
        if fits { Ok(Self(bytes.into())) } else { Err(ValueError::Invalid("signature")) }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Signature {
    /// base64url without padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Signature {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        // A cheap bound first.
        if text.len() > MAX_SIGNATURE_BYTES * 2 {
            return Err(ValueError::Invalid("signature"));
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ValueError::Invalid("signature"))?;
        Self::new(&bytes)
    }
}

impl fmt::Display for Succession {
    /// One line: the pin, a space and the signature.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.next, self.signature)
    }
}

impl FromStr for Succession {
    type Err = ValueError;

    fn from_str(line: &str) -> Result<Self, ValueError> {
        let (next, signature) = line.trim().split_once(' ').ok_or(ValueError::Invalid("announcement"))?;
        Ok(Self { next: next.parse()?, signature: signature.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_reads_back_from_its_line() {
        let signature = Signature::new(&[7; MAX_SIGNATURE_BYTES]).unwrap();
        let succession = Succession { next: Pin::from_bytes([1; 32]), signature };
        assert_eq!(format!("{succession}\n").parse(), Ok(succession));
        for bad in ["", "sha256:x y", &Pin::from_bytes([1; 32]).to_string()] {
            assert!(bad.parse::<Succession>().is_err(), "{bad}");
        }
        assert!(Signature::new(&[]).is_err() && Signature::new(&[7; MAX_SIGNATURE_BYTES + 1]).is_err());
    }
}
