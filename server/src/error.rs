//! The ends a connection can come to, and the two ways a request can fail.

use std::io;
use std::time::Duration;

use sotto_proto::{DecodeError, Reason, Refusal};

use crate::store::StoreError;

/// Why a connection ended. Logged once, where the connection ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionEnd {
    #[error("the client is gone")]
    PeerClosed,
    #[error("logged out")]
    LoggedOut,
    #[error("no TLS handshake in time")]
    HandshakeTimeout,
    #[error("TLS handshake failed: {0}")]
    Handshake(io::Error),
    #[error("made room for somebody else who wants to log in")]
    SentAway,
    #[error("no log-in in time")]
    LogInTimeout,
    #[error("nothing heard from the client for too long")]
    Silent,
    #[error("the client takes nothing")]
    WriteStalled,
    #[error("malformed: {0}")]
    Malformed(DecodeError),
    #[error("the server is stopping")]
    Shutdown,
    /// Decided elsewhere, or by a limit.
    #[error("ended by the server: {}", .0.reason)]
    Closed(Refusal),
    #[error("connection lost: {0}")]
    Io(io::Error),
}

impl From<io::Error> for ConnectionEnd {
    /// A client that is killed or loses its network says no good-bye; that is no news.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Self::PeerClosed
            }
            _ => Self::Io(error),
        }
    }
}

/// When a client is asked to come back after a restart: soon, and not all in the same second.
const RETRY_AFTER_SHUTDOWN: Duration = Duration::from_secs(2);
/// When somebody is asked to come back for whom there was no place: by then, silent connections have been closed.
pub(crate) const RETRY_WHEN_FULL: Duration = Duration::from_secs(5);

impl ConnectionEnd {
    /// What the client is told, if it can still be told anything.
    pub(crate) fn last_words(&self) -> Option<Refusal> {
        Some(match self {
            Self::PeerClosed
            | Self::Io(_)
            | Self::WriteStalled
            | Self::HandshakeTimeout
            | Self::Handshake(_) => {
                return None;
            }
            Self::LoggedOut => Refusal::new(Reason::LoggedOut, "You are logged out."),
            Self::SentAway => {
                let sentence = "Too many connections are waiting to log in. Try again in a moment.";
                Refusal::new(Reason::TooManyConnections, sentence).retry(RETRY_WHEN_FULL)
            }
            Self::LogInTimeout => {
                Refusal::new(Reason::LogInTimeout, "Nobody logged in on this connection. Connect again.")
            }
            Self::Silent => Refusal::new(Reason::PingTimeout, "Nothing was heard from you. Connect again."),
            Self::Malformed(error) => {
                Refusal::new(Reason::Malformed, format!("That is not a frame: {error}."))
            }
            Self::Shutdown => {
                let bye =
                    Refusal::new(Reason::Shutdown, "The server is stopping. Connect again in a moment.");
                bye.retry(RETRY_AFTER_SHUTDOWN)
            }
            Self::Closed(refusal) => refusal.clone(),
        })
    }
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The peer is told; the connection goes on.
    #[error("refused: {}", .0.reason)]
    Refused(Refusal),
    /// The peer is told no more than "internal".
    #[error("the store: {0}")]
    Fault(#[from] StoreError),
    /// The connection ends.
    #[error(transparent)]
    End(#[from] ConnectionEnd),
}

impl Failure {
    pub(crate) fn refused(reason: Reason, sentence: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(reason, sentence))
    }
}
