//! Files as they are offered: which one, what it is called, how large it is and what is in it.

use std::fmt;
use std::str::FromStr;

use crate::error::ValueError;
use crate::hex::hex;
use crate::limits::{MAX_FILE_BYTES, MAX_FILE_NAME_BYTES, MAX_MEDIA_BYTES};

/// Which file: 128 random bits that the server chose. On the wire 32 lower-case hex digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FileId([u8; 16]);

/// What is in a file: the BLAKE3 hash of its content. On the wire 64 lower-case hex digits.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct FileHash([u8; 32]);

/// Finds out the [`FileHash`] of a content that comes piece by piece.
#[derive(Clone, Debug, Default)]
pub struct FileHasher(Box<blake3::Hasher>);

/// What a file is called: 1–255 bytes of UTF-8 without control characters, `/` and `\`. It may still be a name
/// that a file system takes for something else (`..`, `CON`) or that hides its ending: whoever saves or shows it
/// has to expect that.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileName(Box<str>);

/// What kind of content a file says it has: `type/subtype`, at most 127 bytes of ASCII. It proves nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MediaType(Box<str>);

/// A file as its sender describes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileInfo {
    /// Its name.
    pub name: FileName,
    /// Its length in bytes, 0 to 2⁶³−1.
    pub size: u64,
    /// What has to be in it.
    pub hash: FileHash,
    /// What kind of content it says it has.
    pub media: MediaType,
}

/// The file of a message that offers one; the message's text is the file's name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attachment {
    /// Which.
    pub id: FileId,
    /// Its length in bytes.
    pub size: u64,
    /// What has to be in it.
    pub hash: FileHash,
    /// What kind of content it says it has.
    pub media: MediaType,
    /// When the offer ends, Unix milliseconds by the server's clock.
    pub until: u64,
    /// It is not to be had any more.
    pub gone: bool,
}

/// What somebody says to an offer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// I take it.
    Accept,
    /// I do not.
    Decline,
    /// I have all of it, and it is what was offered.
    Received,
    /// The sender takes the offer back.
    Cancel,
}

/// How far one recipient has got with an offer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Accepted; this many bytes have arrived.
    Accepted(u64),
    /// Declined.
    Declined,
    /// All of it arrived, and is what was offered.
    Received,
    /// The sender took the offer back from this one.
    Cancelled,
}

/// What has become of an offer as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileStage {
    /// Its content is on the way to the server.
    Uploading,
    /// The server has all of it.
    Stored,
    /// It is not to be had any more: taken back, answered by all, or expired.
    Gone,
}

impl FileId {
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

impl FileHash {
    /// The hash of this content.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(blake3::hash(content).into())
    }

    /// The BLAKE3 hash of a content.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FileHasher {
    /// Takes what comes next in the content.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The hash of all that came.
    #[must_use]
    pub fn finish(self) -> FileHash {
        FileHash(self.0.finalize().into())
    }
}

impl FileName {
    /// Takes a name as it is.
    ///
    /// # Errors
    /// [`ValueError::Invalid`].
    pub fn new(name: &str) -> Result<Self, ValueError> {
        let refused = |c: char| c.is_control() || matches!(c, '/' | '\\');
        if name.is_empty() || name.len() > MAX_FILE_NAME_BYTES || name.contains(refused) {
            return Err(ValueError::Invalid("file name: 1 to 255 bytes, no control characters, / or \\"));
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MediaType {
    /// What nothing is known of.
    #[must_use]
    pub fn unknown() -> Self {
        Self("application/octet-stream".into())
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FileInfo {
    /// # Errors
    /// [`ValueError::Invalid`] when it is longer than 2⁶³−1 bytes.
    pub fn new(name: FileName, size: u64, content: (FileHash, MediaType)) -> Result<Self, ValueError> {
        let (hash, media) = content;
        checked_size(size).map(|size| Self { name, size, hash, media })
    }
}

pub(crate) fn checked_size(size: u64) -> Result<u64, ValueError> {
    (size <= MAX_FILE_BYTES).then_some(size).ok_or(ValueError::Invalid("size of a file"))
}

macro_rules! words {
    ($type:ident, $what:literal: $($name:ident = $word:literal),*) => {
        impl $type {
            /// The word on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }
        }

        impl FromStr for $type {
            type Err = ValueError;

            fn from_str(word: &str) -> Result<Self, ValueError> {
                match word { $($word => Ok(Self::$name),)* _ => Err(ValueError::Invalid($what)) }
            }
        }
    };
}

words!(Answer, "answer to an offer": Accept = "accept", Decline = "decline", Received = "received", Cancel = "cancel");
words!(FileStage, "stage of a file": Uploading = "uploading", Stored = "stored", Gone = "gone");

impl Standing {
    /// The word and, where there is one, the number after it.
    pub(crate) fn to_words(self) -> String {
        match self {
            Self::Accepted(off) => format!("accepted\t{off}"),
            Self::Declined => "declined".to_owned(),
            Self::Received => "received".to_owned(),
            Self::Cancelled => "cancelled".to_owned(),
        }
    }

    pub(crate) fn from_words(words: &str) -> Option<Self> {
        match words.split_once('\t') {
            Some(("accepted", off)) if off.bytes().all(|b| b.is_ascii_digit()) => {
                Some(Self::Accepted(off.parse().ok()?))
            }
            Some(_) => None,
            None => match words {
                "declined" => Some(Self::Declined),
                "received" => Some(Self::Received),
                "cancelled" => Some(Self::Cancelled),
                _ => None,
            },
        }
    }
}

impl FromStr for FileId {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        hex(text).map(Self).ok_or(ValueError::Invalid("file"))
    }
}

impl FromStr for FileHash {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        hex(text).map(Self).ok_or(ValueError::Invalid("hash"))
    }
}

impl FromStr for MediaType {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let token = |part: &str| {
            let legal = |b: u8| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b);
            !part.is_empty() && part.bytes().all(legal)
        };
        match text.split_once('/') {
            Some((kind, sub)) if text.len() <= MAX_MEDIA_BYTES && token(kind) && token(sub) => {
                Ok(Self(text.into()))
            }
            _ => Err(ValueError::Invalid("media type")),
        }
    }
}

macro_rules! shown_as_hex {
    ($($type:ident),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

shown_as_hex!(FileId, FileHash);

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_holds_no_path_and_no_control_character() {
        for bad in ["", "a/b", "..\\x", "a\nb", "a\0b", "a\u{85}b", &"x".repeat(256)] {
            assert!(FileName::new(bad).is_err(), "{bad:?}");
        }
        for good in ["hw3.pdf", "作业 3.pdf", "..", "a:b", &"x".repeat(255)] {
            assert_eq!(FileName::new(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_content_hashed_in_pieces_has_the_hash_of_the_whole_which_is_blake3() {
        let content: Vec<u8> = (0..200_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut hasher = FileHasher::default();
        content.chunks(61_440).for_each(|piece| hasher.update(piece));
        assert_eq!(hasher.finish(), FileHash::of(&content));
        let published = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(FileHash::of(b"").to_string(), published);
    }

    #[test]
    fn ids_and_hashes_have_one_spelling_only() {
        let id = "000102030405060708090a0b0c0d0e0f";
        assert_eq!(id.parse::<FileId>().unwrap().to_string(), id);
        for bad in ["", "00", &id.to_uppercase(), &id.replace('0', "g"), &format!("{id}00")] {
            assert!(bad.parse::<FileId>().is_err(), "{bad}");
        }
        assert!(id.parse::<FileHash>().is_err());
        assert_eq!(id.repeat(2).parse::<FileHash>().unwrap().to_string(), id.repeat(2));
    }

    #[test]
    fn a_media_type_is_two_tokens() {
        assert_eq!("image/svg+xml".parse::<MediaType>().unwrap().as_str(), "image/svg+xml");
        for bad in ["", "/", "image", "image/", "a/b/c", "a b/c", "图/b", &format!("a/{}", "b".repeat(126))]
        {
            assert!(bad.parse::<MediaType>().is_err(), "{bad}");
        }
    }
}
