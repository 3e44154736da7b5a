//! The words in `kind=` and after a name in 210.

use std::str::FromStr;

use super::{ConvKind, Presence};
use crate::error::ValueError;

impl ConvKind {
    /// The word in `kind=`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lobby => "lobby",
            Self::Set => "set",
            Self::Room => "room",
        }
    }
}

impl FromStr for ConvKind {
    type Err = ValueError;

    fn from_str(word: &str) -> Result<Self, ValueError> {
        match word {
            "lobby" => Ok(Self::Lobby),
            "set" => Ok(Self::Set),
            "room" => Ok(Self::Room),
            _ => Err(ValueError::Invalid("kind of conversation")),
        }
    }
}

impl Presence {
    /// The word after a name in 210 `all=1`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
        }
    }
}
