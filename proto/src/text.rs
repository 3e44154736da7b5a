//! What is said, and to whom.

use std::fmt;

use crate::error::ValueError;
use crate::file::FileName;
use crate::limits::{MAX_RECIPIENTS, MAX_TEXT_BYTES};
use crate::name::Username;

/// The text of a message: 1–16,384 bytes of UTF-8, otherwise as its author wrote it. Its `Debug` is `…`.
#[derive(Clone, Eq, PartialEq)]
pub struct MessageText(Box<str>);

impl MessageText {
    /// Takes a text as it is.
    ///
    /// # Errors
    /// [`ValueError::TextEmpty`] or [`ValueError::TextTooLong`].
    pub fn new(text: &str) -> Result<Self, ValueError> {
        match text.len() {
            0 => Err(ValueError::TextEmpty),
            1..=MAX_TEXT_BYTES => Ok(Self(text.into())),
            _ => Err(ValueError::TextTooLong),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text of a message that offers a file. A name is a text: not empty, and shorter than the longest.
impl From<&FileName> for MessageText {
    fn from(name: &FileName) -> Self {
        Self(name.as_str().into())
    }
}

impl fmt::Debug for MessageText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Whom a message is for.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Audience {
    /// Everyone with an account, newcomers included.
    Everyone,
    /// These people, 1–256 names, sorted by key and without repeats. The sender may be left out.
    Set(Vec<Username>),
}

impl Audience {
    /// A set of people, in any order, repeats allowed.
    ///
    /// # Errors
    /// [`ValueError::NoRecipients`] or [`ValueError::TooManyRecipients`].
    pub fn set(names: impl IntoIterator<Item = Username>) -> Result<Self, ValueError> {
        let mut names: Vec<_> = names.into_iter().take(MAX_RECIPIENTS + 1).collect();
        if names.len() > MAX_RECIPIENTS {
            return Err(ValueError::TooManyRecipients);
        }
        names.sort();
        names.dedup();
        if names.is_empty() { Err(ValueError::NoRecipients) } else { Ok(Self::Set(names)) }
    }

    /// Reads the first line of a 106: `*`, or usernames separated by TAB.
    pub(crate) fn from_line(line: &str) -> Result<Self, ValueError> {
        match line {
            "*" => Ok(Self::Everyone),
            "" => Err(ValueError::NoRecipients),
            names => Self::set(names.split('\t').map(str::parse).collect::<Result<Vec<_>, _>>()?),
        }
    }

    /// The first line of a 106.
    pub(crate) fn to_line(&self) -> String {
        match self {
            Self::Everyone => "*".to_owned(),
            Self::Set(names) => names.iter().map(Username::as_str).collect::<Vec<_>>().join("\t"),
        }
    }
}
