//! What can be wrong with bytes, and with the values in them.

use crate::limits;

/// Why a value was not accepted. The message is a sentence that can be shown to people.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ValueError {
    /// A username has no characters.
    #[error("a username needs at least one character")]
    NameEmpty,
    /// A username has more than [`limits::MAX_NAME_CHARS`] characters.
    #[error("a username has at most {} characters", limits::MAX_NAME_CHARS)]
    NameTooLong,
    /// A username has a character that cannot be in one, or starts with a reserved one.
    #[error("that username has a character that is not allowed in one")]
    NameCharacter,
    /// A message has no text.
    #[error("a message needs some text")]
    TextEmpty,
    /// A message has more than [`limits::MAX_TEXT_BYTES`] bytes.
    #[error("a message has at most {} bytes; send longer text as a file", limits::MAX_TEXT_BYTES)]
    TextTooLong,
    /// Bytes that should be UTF-8 are not.
    #[error("that is not valid UTF-8")]
    NotUtf8,
    /// A message names nobody.
    #[error("a message needs somebody to go to")]
    NoRecipients,
    /// A message names more than [`limits::MAX_RECIPIENTS`] people.
    #[error("a message goes to at most {} people, or to everyone", limits::MAX_RECIPIENTS)]
    TooManyRecipients,
    /// A password is longer than [`limits::MAX_PASSWORD_BYTES`].
    #[error("a password has at most {} bytes", limits::MAX_PASSWORD_BYTES)]
    PasswordTooLong,
    /// An id, number or token is not in its canonical form or out of its range.
    #[error("that is not a valid {0}")]
    Invalid(&'static str),
    /// A `sotto://` link cannot be understood.
    #[error("that is not a Sotto link; one looks like sotto://host:7443/?pin=…: {0}")]
    Link(&'static str),
}

/// Why a payload is not a frame, or a frame not a request or reply.
///
/// [`DecodeError::ends_connection`] tells bad framing, after which nothing on the stream can be trusted,
/// from a bad request inside good framing, after which the connection goes on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// The announced length is over the bound in force.
    #[error("a frame of {announced} bytes is over the limit of {limit}")]
    TooLong {
        /// The length announced by the peer, in bytes.
        announced: u32,
        /// The bound in force, in bytes.
        limit: usize,
    },
    /// The head breaks the grammar.
    #[error("malformed head: {0}")]
    Head(&'static str),
    /// The code is not one this side knows.
    #[error("unknown code {0}")]
    UnknownCode(u16),
    /// A tag that the code needs is missing.
    #[error("the tag {0}= is missing")]
    MissingTag(&'static str),
    /// The body lacks a field that the code needs.
    #[error("the body needs {0}")]
    Body(&'static str),
    /// A value is outside its bounds.
    #[error(transparent)]
    Value(#[from] ValueError),
}

impl DecodeError {
    /// Whether the stream cannot be read any further.
    #[must_use]
    pub fn ends_connection(&self) -> bool {
        matches!(self, Self::TooLong { .. } | Self::Head(_))
    }
}
