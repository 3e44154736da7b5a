//! The numbers and random values that identify things.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::error::ValueError;
use crate::hex::hex;

/// A conversation's number: opaque to clients, at least 1.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConvId(u64);

/// A message's place in its conversation: dense from 1 in commit order, the same for everyone.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Seq(u64);

/// The largest id or seq: what an SQL integer holds.
const MAX_NUMBER: u64 = i64::MAX as u64;

impl ConvId {
    /// `number` from 1 to 2⁶³−1.
    ///
    /// # Errors
    /// [`ValueError::Invalid`] outside that range.
    pub fn new(number: u64) -> Result<Self, ValueError> {
        (1..=MAX_NUMBER).contains(&number).then_some(Self(number)).ok_or(ValueError::Invalid("conversation"))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

impl Seq {
    /// Before the first message.
    pub const ZERO: Self = Self(0);

    /// `number` from 0, which is before the first message, to 2⁶³−1.
    ///
    /// # Errors
    /// [`ValueError::Invalid`] outside that range.
    pub fn new(number: u64) -> Result<Self, ValueError> {
        (number <= MAX_NUMBER).then_some(Self(number)).ok_or(ValueError::Invalid("seq"))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The seq that follows this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1).min(MAX_NUMBER))
    }

    /// The seq `count` before this one, or [`Self::ZERO`].
    #[must_use]
    pub fn back(self, count: u64) -> Self {
        Self(self.0.saturating_sub(count))
    }
}

/// 16 bytes that a sender gives a message: its idempotency key, unique per account for ever. Best are the time (Unix milliseconds, 6
/// bytes, big-endian) and 10 random bytes.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Cid([u8; 16]);

/// Which history this is: changes whenever history may have gone back.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Epoch(u64);

/// What resumes a session: 32 random bytes, a secret. Its `Debug` is `…`, and its memory is overwritten when it is dropped.
#[derive(Clone, Eq, PartialEq)]
pub struct Token(Zeroizing<[u8; 32]>);

/// A server's identity: the SHA-256 of a key's SubjectPublicKeyInfo. Not a secret.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Pin([u8; 32]);

impl Cid {
    /// 16 bytes from a good source of randomness.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl Epoch {
    /// Any 64 random bits.
    #[must_use]
    pub fn new(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

impl Token {
    /// 32 bytes from a good source of randomness.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The form that travels: base64url without padding. Not `Display`, so that it is not logged by accident.
    #[must_use]
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(*self.0)
    }
}

impl Pin {
    /// The SHA-256 of a SubjectPublicKeyInfo.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The form in a link: base64url without padding, 43 characters.
    #[must_use]
    pub fn to_base64url(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The form for comparing by eye: 16 groups of four hex digits.
    #[must_use]
    pub fn to_groups(self) -> String {
        let group = |pair: &[u8]| pair.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        self.0.chunks(2).map(group).collect::<Vec<_>>().join(" ")
    }
}

impl FromStr for ConvId {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::new(number(text, "conversation")?)
    }
}

impl FromStr for Seq {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::new(number(text, "seq")?)
    }
}

impl FromStr for Cid {
    type Err = ValueError;

    /// 32 lower-case hex digits.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        hex(text).map(Self).ok_or(ValueError::Invalid("cid"))
    }
}

impl FromStr for Epoch {
    type Err = ValueError;

    /// 16 lower-case hex digits.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        hex(text).map(|bytes| Self(u64::from_be_bytes(bytes))).ok_or(ValueError::Invalid("epoch"))
    }
}

impl FromStr for Token {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        base64url(text).map(Self::from_bytes).ok_or(ValueError::Invalid("token"))
    }
}

impl FromStr for Pin {
    type Err = ValueError;

    /// `sha256:` and base64url, base64url alone, or the 64 hex digits that people compare, grouped or not.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        let bare = text.strip_prefix("sha256:").unwrap_or(text);
        base64url(bare).or_else(|| hex_groups(bare)).map(Self).ok_or(ValueError::Invalid("fingerprint"))
    }
}

impl fmt::Display for ConvId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.to_base64url())
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

fn number(text: &str, what: &'static str) -> Result<u64, ValueError> {
    let canonical = text == "0" || !text.starts_with('0');
    if !canonical || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ValueError::Invalid(what));
    }
    text.parse().map_err(|_| ValueError::Invalid(what))
}

fn base64url(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

fn hex_groups(text: &str) -> Option<[u8; 32]> {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | ':' | '-')).collect();
    hex(&digits.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_reads_back_from_each_form_it_is_shown_in() {
        let pin = Pin::from_bytes(*b"0123456789abcdefghijklmnopqrstu~");
        assert_eq!(pin.to_string().parse(), Ok(pin));
        assert_eq!(pin.to_base64url().parse(), Ok(pin));
        assert_eq!(pin.to_groups().parse(), Ok(pin));
        assert_eq!(pin.to_groups().to_uppercase().replace(' ', ":").parse(), Ok(pin));
        for bad in ["sha256:short", &"+a".repeat(32), &format!("{}=", pin.to_base64url())] {
            assert_eq!(bad.parse::<Pin>(), Err(ValueError::Invalid("fingerprint")), "{bad}");
        }
    }

    #[test]
    fn ids_have_one_spelling_only() {
        assert!("+1".parse::<Seq>().is_err() && "01".parse::<Seq>().is_err() && "".parse::<Seq>().is_err());
        assert!("9223372036854775808".parse::<Seq>().is_err() && "0".parse::<ConvId>().is_err());
        assert!("00112233445566778899AABBCCDDEEFF".parse::<Cid>().is_err());
        assert!("+0112233445566778899aabbccddeeff".parse::<Cid>().is_err());
        let cid = "00112233445566778899aabbccddeeff";
        assert_eq!(cid.parse::<Cid>().unwrap().to_string(), cid);
    }

    #[test]
    fn a_token_does_not_print_itself() {
        let token = Token::from_bytes([7; 32]);
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert_eq!(token.reveal().parse(), Ok(token));
    }
}
