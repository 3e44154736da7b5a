//! What passes between a user interface and the core: commands one way, updates the other.

use std::path::PathBuf;
use std::time::Duration;

use sotto_proto::{
    Attachment, Audience, Cid, ConvId, ConvKind, Epoch, FileId, FileName, FileState, Message, MessageText,
    Page, Password, Pin, Presence, Reason, Refusal, Seq, Succession, Username,
};

use crate::connect::Obstacle;
use crate::ticket::Ticket;
use crate::transfers::{Transfer, TransferId};

/// Who logs in, and how.
#[derive(Clone, Debug)]
pub struct Account {
    /// The name.
    pub user: Username,
    /// What lets it in.
    pub proof: Proof,
    /// End the session that holds the account now.
    pub take_over: bool,
    /// Leave what was missed for another session.
    pub peek: bool,
}

/// What lets an account in.
#[derive(Clone, Debug)]
pub enum Proof {
    /// Its password.
    Password(Password),
    /// From an earlier session. When it is not accepted any more, the session ends with [`Problem::WrongPassword`].
    Ticket(Ticket),
}

impl From<Password> for Proof {
    fn from(password: Password) -> Self {
        Self::Password(password)
    }
}

/// What a user interface asks for.
#[derive(Clone, Debug)]
pub enum Command {
    /// Send a message. Answered by [`Update::Sent`] or [`Update::NotSent`], however many reconnects later.
    Send {
        /// From [`crate::fresh_cid`].
        cid: Cid,
        /// Whom it is for.
        to: Audience,
        /// What it says.
        text: MessageText,
    },
    /// Read a page of history. Answered by [`Update::History`].
    History {
        /// Which conversation.
        conv: ConvId,
        /// Which messages.
        page: Page,
        /// How many, 1–200.
        limit: u16,
    },
    /// Ask for everyone with an account. Answered by [`Update::People`].
    People,
    /// Change the password. Answered by [`Update::Password`].
    ChangePassword {
        /// The one until now, typed for this; `None`: the one that was logged in with, if it was a password.
        old: Option<Password>,
        /// The one from now on.
        new: Password,
    },
    /// Something about files.
    File(FileCommand),
    /// Do not wait any longer for the next try to connect.
    TryNow,
    /// Log out. Answered by [`Update::Ended`].
    LogOut,
}

/// What a user interface asks for about files.
#[derive(Clone, Debug)]
pub enum FileCommand {
    /// Offer a file. [`Update::Transfer`]s tell how it goes, [`Update::Offered`] and [`Update::Sent`] when it is known to all.
    Send {
        /// From [`crate::fresh_cid`].
        cid: Cid,
        /// Whom it is for.
        to: Audience,
        /// Where it is.
        path: PathBuf,
    },
    /// Take a file that was offered. It goes on by itself, over cuts and restarts, until it is saved.
    Accept {
        /// As its message has it.
        file: Attachment,
        /// As its message has it.
        name: FileName,
        /// Where it is saved, under a name that is safe and that nobody has: see [`crate::safe_name`].
        dir: PathBuf,
    },
    /// Do not take it.
    Decline(FileId),
    /// Take an offer back, from one person or from all.
    TakeBack {
        /// Which.
        file: FileId,
        /// From whom; `None`: from all.
        who: Option<Username>,
    },
    /// End a transfer: an offer is taken back, a file that is being taken is declined.
    Cancel(TransferId),
    /// Have a transfer wait.
    Pause(TransferId),
    /// Go on with one that was paused, or try one again that stopped.
    GoOn(TransferId),
    /// Which files there are. Answered by [`Update::Files`].
    List,
}

/// What a user interface is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// The connection is there, the server is who it should be, and log-in has begun.
    Connected,
    /// The connection is gone; another try follows by itself after this long.
    Reconnecting {
        /// Until the next try.
        wait: Duration,
        /// Why.
        why: Trouble,
    },
    /// Logged in, or back.
    LoggedIn {
        /// The account's name as it was registered.
        user: Username,
        /// Of the server's history: whatever is remembered from another epoch is void.
        epoch: Epoch,
        /// The session went on after a cut.
        resumed: bool,
    },
    /// With this the session can go on after the program has ended, instead of being logged out. Comes after a log-in with the
    /// password. A secret: it is kept as its owner says, or not at all.
    Ticket(Ticket),
    /// It ended, and will not be tried again by itself.
    Ended(Problem),
    /// There is this conversation.
    Conversation {
        /// Its number.
        conv: ConvId,
        /// Its kind.
        kind: ConvKind,
        /// Everyone in it; empty for the lobby.
        members: Vec<Username>,
        /// Its newest seq.
        head: Seq,
        /// The seq after which its messages come by themselves in this session.
        after: Seq,
    },
    /// A new message, each once, in order within its conversation.
    Message(Message),
    /// A message of ours is stored.
    Sent {
        /// Its cid.
        cid: Cid,
        /// Its conversation.
        conv: ConvId,
        /// Its place there.
        seq: Seq,
        /// When, Unix milliseconds.
        at: u64,
    },
    /// An offer of ours is stored: its message. Comes before [`Update::Sent`].
    Offered {
        /// Its cid.
        cid: Cid,
        /// Whom it is for.
        to: Audience,
        /// What the file is called.
        name: FileName,
        /// The file; when the offer ends is not known yet.
        file: Attachment,
    },
    /// A file on its way has got further, or stopped.
    Transfer(Transfer),
    /// What has become of a file that was offered.
    FileState(FileState),
    /// Nothing more is heard of a file.
    FileRefused {
        /// Which.
        file: FileId,
        /// Why.
        refusal: Refusal,
    },
    /// The files there are for this account and from it, the oldest first, each with the message that offers it. Comes by
    /// itself after each log-in.
    Files {
        /// Each with where it stands.
        files: Vec<(Message, FileState)>,
        /// There are older ones that the server does not list.
        more: bool,
    },
    /// A message of ours went to nobody.
    NotSent {
        /// Its cid.
        cid: Cid,
        /// Why, for programs.
        reason: Reason,
        /// The names at fault.
        who: Vec<String>,
        /// Why, for people.
        sentence: String,
    },
    /// These messages exist and were not sent; history has them.
    Hole {
        /// Their conversation.
        conv: ConvId,
        /// The first.
        from: Seq,
        /// The last.
        to: Seq,
    },
    /// A page of history.
    History {
        /// The conversation.
        conv: ConvId,
        /// In rising seq.
        messages: Vec<Message>,
        /// Whether there is more in that direction.
        more: bool,
    },
    /// Everyone else with an account.
    People(Vec<(Username, Presence)>),
    /// Everyone else online, from now.
    Online(Vec<Username>),
    /// These people, and no others, are reached without encryption just now.
    InTheClear(Vec<Username>),
    /// The server has announced which identity follows the one that is trusted. The driver hands on only what that one has signed,
    /// and only what is news.
    NextIdentity(Succession),
    /// The server has proven to be the identity that was announced: from now on that is the one to trust.
    IdentityChanged(Pin),
    /// These people logged in.
    Joined(Vec<Username>),
    /// These people logged out.
    Left(Vec<Username>),
    /// What is known of this conversation, or of all, is from another history: forget it.
    StartOver(Option<ConvId>),
    /// Everything missed has arrived.
    CaughtUp,
    /// The answer to [`Command::ChangePassword`].
    Password(PasswordChange),
    /// A request was refused.
    Refused(Refusal),
}

/// What has become of another password.
#[derive(Clone, Debug, PartialEq)]
pub enum PasswordChange {
    /// It is the password from now on, and no other session can be resumed.
    Changed,
    /// The old one is not the account's, or not any more.
    WrongOld,
    /// The server said no.
    Refused(Refusal),
    /// The connection was lost before the answer: either may be the password.
    Unknown,
}

/// Why there is no connection just now.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Trouble {
    /// The server cannot be reached.
    #[error("cannot reach {address}: {why}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What is in the way.
        why: Obstacle,
    },
    /// The connection broke.
    #[error("{0}")]
    Lost(String),
    /// The server could not let anybody in just now: it has too much to do, or something in it has failed.
    #[error("{}", .0.sentence)]
    Busy(Refusal),
    /// The server said goodbye.
    #[error("the server ended the connection: {}", .0.sentence)]
    Goodbye(Refusal),
    /// One of the two sides does not keep to the protocol.
    #[error("{0}")]
    Broken(String),
}

/// Why it ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    /// As asked.
    LoggedOut,
    /// Wrong name or password.
    WrongPassword,
    /// Somebody is logged in to that account.
    AlreadyLoggedIn {
        /// Since when, Unix milliseconds.
        since: u64,
        /// From which address.
        from: String,
    },
    /// The server said no.
    Refused(Refusal),
    /// The server cannot be reached, and was not to be tried again.
    Unreachable {
        /// Host and port.
        address: String,
        /// What is in the way.
        why: Obstacle,
    },
    /// Another log-in took over.
    Replaced,
    /// The server cannot be trusted.
    NotTrusted(crate::TrustError),
}
