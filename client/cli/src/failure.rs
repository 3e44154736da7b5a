//! The ways to end that are not success: a sentence for people, an exit code for scripts.

use std::process::ExitCode;

use sotto_client::{ConnectError, Problem, ProfileError, RegisterError, TrustError};
use sotto_proto::Refusal;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Exit code 3.
    #[error("{0}")]
    NotTrusted(String),
    /// Exit code 4.
    #[error("{0}")]
    Refused(String),
    /// Exit code 5.
    #[error("{0}")]
    Unreachable(String),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::NotTrusted(_) => 3,
            Self::Refused(_) => 4,
            Self::Unreachable(_) => 5,
        })
    }

    /// The word for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::NotTrusted(_) => "not-trusted",
            Self::Refused(_) => "refused",
            Self::Unreachable(_) => "unreachable",
        }
    }
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        Self::Usage(error.to_string())
    }
}

/// Standard output cannot be written: whoever read it has gone.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Usage(format!("cannot write the output: {error}"))
    }
}

impl From<TrustError> for Failure {
    fn from(error: TrustError) -> Self {
        let advice = match &error {
            TrustError::Unknown(_) => {
                "ask its operator for the link or the fingerprint, then: sotto-cli --server HOST trust --fingerprint …"
            }
            TrustError::Changed { .. } => {
                "nothing was sent. Somebody may be listening in. If the operator confirms the new fingerprint, run \
                 sotto-cli trust with it, or use a new link"
            }
            TrustError::Invalid(_) => "nothing was sent",
        };
        Self::NotTrusted(format!("{error}; {advice}"))
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::NotTrusted(error) => error.into(),
            unreachable @ ConnectError::Unreachable { .. } => {
                Self::Unreachable(format!("{unreachable}; check the address, and that the server runs"))
            }
        }
    }
}

impl From<RegisterError> for Failure {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Connect(error) => error.into(),
            RegisterError::Refused(refusal) => refusal.into(),
            RegisterError::NameTaken => Self::Refused(error.to_string()),
            RegisterError::Lost(_) => Self::Unreachable(format!("{error}; try to log in")),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let wait = refusal.retry_after.map(|wait| format!(" Try again in {} s.", wait.as_secs()));
        Self::Refused(format!("{}{}", refusal.sentence, wait.unwrap_or_default()))
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::LoggedOut => Self::Unreachable("the connection was lost".to_owned()),
            Problem::WrongPassword => Self::Refused("wrong name or password".to_owned()),
            Problem::AlreadyLoggedIn { from, .. } => Self::Refused(format!(
                "already logged in, from {from}; log out there, or add --take-over to end that session"
            )),
            Problem::Unreachable { address, why } => ConnectError::Unreachable { address, why }.into(),
            Problem::Refused(refusal) => refusal.into(),
            Problem::Replaced => Self::Refused("this account was logged in somewhere else".to_owned()),
            Problem::NotTrusted(error) => error.into(),
        }
    }
}
