//! What went wrong, in words that follow the language: the reasons of the core and of the server as keys of
//! the string table. No sentence from anywhere else reaches the screen.

use sotto_client::{ConnectError, Obstacle, Problem, ProfileError, RegisterError, Trouble, TrustError};
use sotto_proto::{Reason, Refusal, ValueError};

use crate::look::Look;
use crate::strings::Key;

/// Something to say, whichever language is shown by then.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Saying {
    key: Key,
    values: Vec<(&'static str, String)>,
    n: Option<u64>,
}

impl From<Key> for Saying {
    fn from(key: Key) -> Self {
        Self { key, values: Vec::new(), n: None }
    }
}

impl Saying {
    pub(crate) fn with(key: Key, name: &'static str, value: impl ToString) -> Self {
        Self { values: vec![(name, value.to_string())], ..Self::from(key) }
    }

    pub(crate) fn count(key: Key, n: u64) -> Self {
        Self { n: Some(n), ..Self::from(key) }
    }

    pub(crate) fn say(&self, look: &Look) -> String {
        let values: Vec<_> =
            self.values.iter().map(|(name, value)| (*name, value as &dyn std::fmt::Display)).collect();
        match self.n {
            Some(n) => look.lang.count(self.key, n, &values),
            None => look.fill(self.key, &values),
        }
    }
}

impl From<&ProfileError> for Saying {
    fn from(error: &ProfileError) -> Self {
        match error {
            ProfileError::NoHome => Key::ProfileNoHome.into(),
            ProfileError::Io { path, .. } => Self::with(Key::ProfileTrouble, "path", path.display()),
            ProfileError::Malformed { path, .. } => Self::with(Key::ProfileSpoiled, "path", path.display()),
        }
    }
}

impl From<&Obstacle> for Saying {
    fn from(obstacle: &Obstacle) -> Self {
        Self::from(match obstacle {
            Obstacle::BadAddress => Key::ConnectBad,
            Obstacle::UnknownHost => Key::ObstacleDns,
            Obstacle::Refused => Key::ObstacleRefused,
            Obstacle::NoAnswer => Key::ObstacleTimeout,
            Obstacle::NotSotto(_) => Key::ObstacleNotSotto,
            Obstacle::Closed => Key::ObstacleClosed,
            Obstacle::Network(_) => Key::ObstacleNetwork,
        })
    }
}

impl From<&Refusal> for Saying {
    fn from(refusal: &Refusal) -> Self {
        let key = match refusal.reason {
            Reason::Throttled => {
                let seconds = refusal.retry_after.map_or(1, |wait| wait.as_secs().max(1));
                return Self::count(Key::LoginThrottled, seconds);
            }
            Reason::Busy => Key::RefusedBusy,
            Reason::TooManyConnections => Key::RefusedFull,
            Reason::BadName => Key::NameBad,
            Reason::BadPassword => Key::PasswordBad,
            Reason::NotInvited => Key::RegNotInvited,
            Reason::RegistrationClosed => Key::RegClosed,
            Reason::Limit => Key::RefusedLimit,
            Reason::Internal => Key::RefusedInternal,
            Reason::NotStored => Key::RefusedNotStored,
            Reason::Shutdown => Key::RefusedShutdown,
            Reason::Replaced => Key::ConnReplaced,
            _ => Key::RefusedOther,
        };
        key.into()
    }
}

impl From<&ConnectError> for Saying {
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::Unreachable { why, .. } => why.into(),
            ConnectError::NotTrusted(error) => error.into(),
        }
    }
}

impl From<&TrustError> for Saying {
    fn from(error: &TrustError) -> Self {
        Self::from(match error {
            TrustError::Invalid(_) => Key::TrustInvalid,
            TrustError::Unknown(_) => Key::TrustTitle,
            TrustError::Changed { .. } => Key::PinTitle,
        })
    }
}

impl From<&Trouble> for Saying {
    fn from(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Unreachable { why, .. } => why.into(),
            Trouble::Busy(refusal) => refusal.into(),
            Trouble::Goodbye(refusal)
                if matches!(refusal.reason, Reason::Shutdown | Reason::TooManyConnections) =>
            {
                refusal.into()
            }
            Trouble::Goodbye(_) | Trouble::Lost(_) | Trouble::Broken(_) => Key::ConnLost.into(),
        }
    }
}

impl From<&RegisterError> for Saying {
    fn from(error: &RegisterError) -> Self {
        match error {
            RegisterError::NameTaken => Key::RegTakenTitle.into(),
            RegisterError::Refused(refusal) => refusal.into(),
            RegisterError::Connect(error) => error.into(),
            RegisterError::Lost(_) => Key::RegLost.into(),
        }
    }
}

impl From<&Problem> for Saying {
    fn from(problem: &Problem) -> Self {
        match problem {
            Problem::LoggedOut => Key::ConnLost.into(),
            Problem::WrongPassword => Key::LoginWrong.into(),
            Problem::AlreadyLoggedIn { .. } => Key::AlreadyTitle.into(),
            Problem::Refused(refusal) => refusal.into(),
            Problem::Unreachable { why, .. } => why.into(),
            Problem::Replaced => Key::ConnReplaced.into(),
            Problem::NotTrusted(error) => error.into(),
        }
    }
}

/// Why a typed address is none. The value's own sentence is English, so its kind decides.
pub(crate) fn bad_link(typed: &str, error: ValueError) -> Saying {
    let mentions_pin = typed.contains("pin=");
    Saying::from(match error {
        ValueError::Link(why) if why.contains("port") => Key::ConnectBadPort,
        ValueError::Link(why) if why.contains("pin") => Key::ConnectBadPin,
        ValueError::Link(_) if mentions_pin => Key::LinkIncomplete,
        _ => Key::ConnectBad,
    })
}

/// Why a message went to nobody.
pub(crate) fn not_sent(reason: Reason, who: &[String]) -> Saying {
    match reason {
        Reason::UnknownRecipient if !who.is_empty() => {
            Saying::with(Key::RefusedUnknownRecipient, "who", who.join(", "))
        }
        reason => (&Refusal::new(reason, "")).into(),
    }
}
