//! The truth: accounts, conversations and messages. A trait of domain verbs, each one transaction, so
//! that another database can take SQLite's place. What a verb returned `Ok` for is durable.

mod files;
#[cfg(any(test, feature = "sim"))]
pub(crate) mod memory;
pub(crate) mod sqlite;

#[cfg(test)]
mod contract;

use std::future::Future;
use std::pin::Pin;

use sotto_proto::{
    Attachment, Cid, ConvId, ConvKind, Epoch, FileId, Message, MessageText, Page, Seq, Username,
};

pub(crate) use files::{ListedFile, LiveFile, NewFile, Noted, Room, Said, StoredFile};
pub(crate) use sqlite::Sqlite;

/// An account's number: internal, never on the wire.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct UserId(pub(crate) u64);

/// Somebody.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Account {
    pub(crate) id: UserId,
    pub(crate) name: Username,
}

/// Somebody, and the argon2id PHC string of their password.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) account: Account,
    pub(crate) password: PasswordHash,
}

/// An argon2id PHC string. Its `Debug` is `…`.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct PasswordHash(pub(crate) String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Where messages with one audience live.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Conversation {
    pub(crate) id: ConvId,
    pub(crate) kind: ConvKind,
    /// Everyone in it, by id; empty for the lobby, where that is everyone there is.
    pub(crate) members: Vec<Account>,
}

/// A member's place in a conversation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Seat {
    pub(crate) conversation: Conversation,
    /// Messages up to this seq are not this member's to see.
    pub(crate) since: Seq,
    /// Messages up to this seq are known to have been taken.
    pub(crate) confirmed: Seq,
    /// The newest message.
    pub(crate) head: Seq,
}

/// A message to be stored.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) conv: ConvId,
    pub(crate) sender: UserId,
    pub(crate) cid: Option<Cid>,
    pub(crate) text: MessageText,
    /// It came without encryption.
    pub(crate) clear: bool,
    /// The file that it offers.
    pub(crate) file: Option<Box<NewFile>>,
}

/// What became of a draft.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// It is message `seq` of its conversation.
    Stored { seq: Seq, at: u64 },
    /// Its cid was stored before, as this message; nothing was stored now.
    Duplicate { conv: ConvId, seq: Seq, at: u64, file: Option<FileId> },
    /// There is no room for it, or for the file it offers; nothing was stored.
    NoRoom,
}

/// How a new account starts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LobbyHistory {
    /// It sees the lobby from its registration on.
    FromRegistration,
    /// It sees all of the lobby.
    All,
}

/// Why the store did not do what it was asked. The outcome of a write is then unknown: the same cid may be
/// sent again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// SQLite says so.
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    /// A row holds what cannot be in one.
    #[error("the database holds {0}, which no Sotto server has written")]
    Corrupt(&'static str),
    /// A setting did not take.
    #[error("SQLite did not accept {0}")]
    Setting(&'static str),
    /// The schema is from a later version of Sotto.
    #[error("the database has schema {found}; this sotto-server knows {known}: run the newer one")]
    TooNew {
        /// What the file says.
        found: u32,
        /// What this binary has migrations for.
        known: u32,
    },
    /// A later schema is written beside the earlier one.
    #[error(
        "the database has to be written anew for this version of sotto-server, which takes {} MiB of the disk for a while, \
         and {} MiB are free: make room, and start again", needed >> 20, free >> 20
    )]
    NoRoom {
        /// Bytes.
        needed: u64,
        /// Bytes.
        free: u64,
    },
    /// A write has failed, and the database is not fit to be written again yet.
    #[error("a write has failed, and the database {0}: nothing is stored until that is over")]
    Unsound(&'static str),
    /// What the last server left beside the database.
    #[error("the log beside the database cannot be written: {0}")]
    Log(std::io::Error),
    /// The copy of a database.
    #[error("cannot write the copy: {0}")]
    Copy(std::io::Error),
    /// The database was being read for so long that the log of what was written meanwhile has become too long.
    #[error(
        "so much is written meanwhile that the server's log has grown too long, and reading was given up; \
         try again when less is going on"
    )]
    LogGrows,
    /// The writer has ended.
    #[error("the store is closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // Nothing else here interrupts anything.
            Some(rusqlite::ErrorCode::OperationInterrupted) => Self::LogGrows,
            _ => Self::Sqlite(error),
        }
    }
}

/// What a verb returns: boxed, so that the trait can be a trait object. One allocation beside a
/// transaction is not worth a type parameter on everything above.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The verbs. Times are Unix milliseconds and given by the caller.
pub(crate) trait Store: Send + Sync + 'static {
    /// Which history this is.
    fn epoch(&self) -> Epoch;

    /// Makes an account, with its seat in the lobby. `None`: the name is taken.
    fn register<'a>(&'a self, name: &'a Username, start: NewAccount) -> Answer<'a, Option<Account>>;

    /// Whose name this is.
    fn credentials<'a>(&'a self, name: &'a Username) -> Answer<'a, Option<Credentials>>;

    /// Replaces a password's hash.
    fn set_password(&self, user: UserId, hash: PasswordHash) -> Answer<'_, ()>;

    /// Replaces a password's hash, and forgets all of the account's tokens but `kept`.
    fn change_password(&self, user: UserId, hash: PasswordHash, kept: [u8; 32]) -> Answer<'_, ()>;

    /// Everyone with an account, in the order of registration.
    fn accounts(&self) -> Answer<'_, Vec<Account>>;

    /// The accounts of these names, in their order; `None` where there is none.
    fn resolve<'a>(&'a self, names: &'a [Username]) -> Answer<'a, Vec<Option<Account>>>;

    /// Remembers a token by its hash until `expires`, and forgets the account's oldest beyond a few.
    fn add_token(&self, user: UserId, hash: [u8; 32], expires: u64) -> Answer<'_, ()>;

    /// Whose token this is, if `name`'s and not expired; prolongs it until `expires`, where that is [worth it](TokenUse::prolongs)
    /// and can be written.
    fn use_token<'a>(&'a self, name: &'a Username, token: TokenUse) -> Answer<'a, Option<Account>>;

    /// Forgets a token.
    fn drop_token(&self, hash: [u8; 32]) -> Answer<'_, ()>;

    /// The conversation of exactly these members, made if there is none.
    fn conversation<'a>(&'a self, members: &'a [UserId]) -> Answer<'a, Conversation>;

    /// A member's seats in all conversations that have a message or are the lobby.
    fn seats(&self, user: UserId) -> Answer<'_, Vec<Seat>>;

    /// A member's seat in one conversation; `None` if it is not theirs.
    fn seat(&self, user: UserId, conv: ConvId) -> Answer<'_, Option<Seat>>;

    /// Stores a batch in one transaction. Outcomes come in the drafts' order.
    fn append(&self, batch: Vec<Draft>, at: u64) -> Answer<'_, Vec<Outcome>>;

    /// Messages of a conversation in rising seq, as seen from `since`: those up to it are left out.
    fn read(&self, conv: ConvId, range: Range) -> Answer<'_, Vec<StoredMessage>>;

    /// Raises confirmed positions; never lowers one.
    fn confirm(&self, user: UserId, positions: Vec<(ConvId, Seq)>) -> Answer<'_, ()>;

    /// A file that is there at `now` and that `user` may see, as its sender or because it is for them.
    fn file(&self, user: UserId, id: FileId, now: u64) -> Answer<'_, Option<StoredFile>>;

    /// The files that are there at `now` and that `user` may see, the oldest first; at most the last `limit`.
    fn files(&self, user: UserId, now: u64, limit: u16) -> Answer<'_, Vec<ListedFile>>;

    /// Notes what somebody has said to an offer that is there.
    fn say(&self, user: UserId, id: FileId, said: Said) -> Answer<'_, Noted>;

    /// All of a file's content is there. False: the file has been let go of meanwhile.
    fn file_stored(&self, id: FileId) -> Answer<'_, bool>;

    /// Lets go of a file. False: that had been done already.
    fn end_file(&self, id: FileId) -> Answer<'_, bool>;

    /// All files that have not been let go of, and when each is to be.
    fn live_files(&self) -> Answer<'_, Vec<LiveFile>>;
}

/// The start of an account.
#[derive(Clone, Debug)]
pub(crate) struct NewAccount {
    pub(crate) password: PasswordHash,
    pub(crate) lobby: LobbyHistory,
    pub(crate) at: u64,
}

/// A token that somebody shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenUse {
    pub(crate) hash: [u8; 32],
    pub(crate) now: u64,
    pub(crate) expires: u64,
}

/// A token is prolonged once this part of its time has passed. A thousand people who come back after a restart cost no commit each.
const PROLONGED_AFTER: u64 = 16;

impl TokenUse {
    /// Whether a token that expires then is to expire later.
    pub(crate) fn prolongs(&self, expires: u64) -> bool {
        let (time, more) = (self.expires.saturating_sub(self.now), self.expires.saturating_sub(expires));
        more > time / PROLONGED_AFTER
    }
}

/// Which messages to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    /// Messages up to this seq do not exist for the reader.
    pub(crate) since: Seq,
    pub(crate) page: Page,
    /// How many at the most.
    pub(crate) limit: u16,
}

/// A message as the store has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct StoredMessage {
    pub(crate) seq: Seq,
    pub(crate) sender: Account,
    pub(crate) at: u64,
    pub(crate) cid: Option<Cid>,
    pub(crate) text: MessageText,
    pub(crate) clear: bool,
    pub(crate) file: Option<Attachment>,
}

impl StoredMessage {
    /// As `reader` gets it from history: the cid is told to the sender only.
    pub(crate) fn for_reader(self, conv: ConvId, reader: UserId) -> Message {
        let Self { seq, sender, at, cid, text, clear, file } = self;
        let cid = cid.filter(|_| sender.id == reader);
        Message { conv, seq, at, cid, from: sender.name, text, clear, file }
    }
}

/// The lobby's number.
pub(crate) fn lobby_id() -> ConvId {
    const LOBBY: u64 = 1;
    ConvId::new(LOBBY).unwrap_or_else(|_| unreachable!("1 is a conversation's number"))
}
