//! What the store knows of files. Their content is in the spool.

use sotto_proto::{Attachment, ConvId, FileId, FileInfo, FileStage, Standing};

use super::{Account, StoredMessage, UserId};

/// A file that a draft offers; its name is the draft's text.
#[derive(Clone, Debug)]
pub(crate) struct NewFile {
    pub(crate) id: FileId,
    pub(crate) info: FileInfo,
    /// When it is let go of, Unix milliseconds.
    pub(crate) until: u64,
    pub(crate) room: Room,
}

impl NewFile {
    pub(crate) fn into_attachment(self) -> Attachment {
        let FileInfo { size, hash, media, .. } = self.info;
        Attachment { id: self.id, size, hash, media, until: self.until, gone: false }
    }
}

/// How much the files that are kept may take together, the new one included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes of one sender.
    pub(crate) per_user: u64,
    /// Files of one sender.
    pub(crate) count: u64,
    /// Bytes of all.
    pub(crate) total: u64,
}

/// A file that has not been let go of.
#[derive(Clone, Debug)]
pub(crate) struct StoredFile {
    pub(crate) conv: ConvId,
    pub(crate) sender: Account,
    pub(crate) info: FileInfo,
    pub(crate) id: FileId,
    pub(crate) stage: FileStage,
    /// What the asker has said to it.
    pub(crate) said: Option<Said>,
}

/// What somebody has said to an offer, or what was said to them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Said {
    Accepted,
    Declined,
    Received,
    Cancelled,
}

impl Said {
    /// On the wire; `off` is how far somebody who has accepted has got.
    pub(crate) fn standing(self, off: u64) -> Standing {
        match self {
            Self::Accepted => Standing::Accepted(off),
            Self::Declined => Standing::Declined,
            Self::Received => Standing::Received,
            Self::Cancelled => Standing::Cancelled,
        }
    }
}

/// An offer as 113 lists it.
#[derive(Clone, Debug)]
pub(crate) struct ListedFile {
    pub(crate) conv: ConvId,
    pub(crate) message: StoredMessage,
    pub(crate) stage: FileStage,
    /// For its sender everybody who has said something; for others themselves.
    pub(crate) said: Vec<(Account, Said)>,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Noted {
    /// It was not what had been said before.
    pub(crate) news: bool,
    /// Nobody of a set is left who may want the file.
    pub(crate) settled: bool,
}

/// A file that has not been let go of, for whoever sweeps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LiveFile {
    pub(crate) id: FileId,
    /// When it is to be let go of.
    pub(crate) until: u64,
    pub(crate) conv: ConvId,
    pub(crate) sender: UserId,
}
