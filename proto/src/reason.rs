//! Why something was refused, in a word for programs. The sentence for people is the frame's body.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// The value of `reason=` in 208, 216 and 217.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
            /// A word this version does not know.
            Other,
        }

        impl Reason {
            /// Every reason this version knows.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* Self::Other => "other" }
            }
        }

        impl FromStr for Reason {
            type Err = Infallible;

            fn from_str(word: &str) -> Result<Self, Infallible> {
                Ok(match word { $($word => Self::$name,)* _ => Self::Other })
            }
        }
    };
}

reasons! {
    /// The bytes are not a frame; the connection ends.
    Malformed = "malformed",
    /// The code is not one the server knows.
    UnknownCode = "unknown-code",
    /// The frame is good, the request in it is not.
    BadRequest = "bad-request",
    /// Log in first.
    LogInFirst = "log-in-first",
    /// Not while logged in.
    LoggedIn = "logged-in",
    /// A username breaks the rules.
    BadName = "bad-name",
    /// A password is too short, too long or too common.
    BadPassword = "bad-password",
    /// Registration needs an invite, and this is not it.
    NotInvited = "not-invited",
    /// Registration is closed.
    RegistrationClosed = "registration-closed",
    /// The server has more to do than it can take; come back.
    Busy = "busy",
    /// Too many tries; come back.
    Throttled = "throttled",
    /// Too many connections.
    TooManyConnections = "too-many-connections",
    /// Nobody has that name.
    UnknownRecipient = "unknown-recipient",
    /// The message could not be stored; the same cid may be sent again.
    NotStored = "not-stored",
    /// A limit of the server.
    Limit = "limit",
    /// Something went wrong inside the server.
    Internal = "internal",
    /// The server is stopping.
    Shutdown = "shutdown",
    /// Another log-in of this account took over.
    Replaced = "replaced",
    /// The session went on over a newer connection.
    Resumed = "resumed",
    /// No log-in in time.
    LogInTimeout = "log-in-timeout",
    /// Nothing was heard from the client for too long.
    PingTimeout = "ping-timeout",
    /// There is no such file for this member.
    NoSuchFile = "no-such-file",
    /// A file is larger than the server takes.
    TooLarge = "too-large",
    /// The files of this member, or of all, take all the room they may.
    Quota = "quota",
    /// The server's disk is full; come back.
    DiskFull = "disk-full",
    /// What came is not what was offered.
    HashMismatch = "hash-mismatch",
    /// The offer was taken back.
    Cancelled = "cancelled",
    /// The client asked for it (100).
    LoggedOut = "logged-out",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
