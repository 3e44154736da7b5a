//! The files that one session is being sent. Each goes only as far as its recipient has asked for; they take turns. Nothing is
//! read here: this says what to read next.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sotto_proto::{FileId, FileStage};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::spool::Upload;
use crate::store::UserId;

/// What is read of one file before it is another one's turn, in bytes.
const TURN: u64 = 120 * 1024;
/// How often a sender is told how far a recipient has got.
const TELL_AFTER: Duration = Duration::from_millis(250);

/// The files that one session is being sent.
#[derive(Default)]
pub(crate) struct Downloads {
    turns: Mutex<VecDeque<Download>>,
    stirred: Notify,
}

/// One of them.
pub(crate) struct Download {
    pub(crate) id: FileId,
    pub(crate) sender: UserId,
    pub(crate) size: u64,
    pub(crate) file: Arc<File>,
    /// While its content is still on its way to the server.
    pub(crate) upload: Option<Arc<Upload>>,
    /// What is sent next, and up to where it may go.
    pub(crate) next: u64,
    pub(crate) upto: u64,
    /// What the recipient has taken, and when the sender was last told.
    pub(crate) taken: u64,
    pub(crate) told: Option<Instant>,
}

/// What to read, and send, next.
pub(crate) struct Piece {
    pub(crate) id: FileId,
    pub(crate) file: Arc<File>,
    pub(crate) off: u64,
    /// In bytes.
    pub(crate) len: usize,
}

/// What a recipient's 112 did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// There is no such download: it has to be begun.
    Unknown,
    /// Noted.
    Quiet,
    /// Noted, and it is time to tell the sender.
    Tell { sender: UserId, stage: FileStage, size: u64 },
}

impl Downloads {
    fn turns(&self) -> MutexGuard<'_, VecDeque<Download>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one; false when there are `most` already.
    pub(crate) fn begin(&self, download: Download, most: usize) -> bool {
        let mut turns = self.turns();
        if turns.len() >= most {
            return false;
        }
        turns.push_back(download);
        drop(turns);
        self.stirred.notify_one();
        true
    }

    /// The recipient has taken everything up to `off`, and takes more up to `upto`.
    pub(crate) fn ready(&self, id: FileId, (off, upto): (u64, u64)) -> Progress {
        let mut turns = self.turns();
        let Some(index) = turns.iter().position(|download| download.id == id) else {
            return Progress::Unknown;
        };
        let Some(download) = turns.get_mut(index) else { return Progress::Unknown };
        let size = download.size;
        download.taken = download.taken.max(off.min(download.next));
        download.upto = download.upto.max(upto.min(download.size));
        let due = download.told.is_none_or(|told| told.elapsed() >= TELL_AFTER);
        if due {
            download.told = Some(Instant::now());
        }
        let progress = if due { download.progress() } else { Progress::Quiet };
        if upto <= off || off >= size {
            turns.remove(index);
        }
        drop(turns);
        self.stirred.notify_one();
        progress
    }

    /// How much of a file its recipient has taken; 0 when it is not being sent.
    pub(crate) fn taken(&self, id: FileId) -> u64 {
        self.turns().iter().find(|download| download.id == id).map_or(0, |download| download.taken)
    }

    /// Sends no more of a file. False: there was nothing of it to send.
    pub(crate) fn end(&self, id: FileId) -> bool {
        let mut turns = self.turns();
        let before = turns.len();
        turns.retain(|download| download.id != id);
        turns.len() < before
    }

    /// There is more of a file to read. False: nobody here waits for it.
    pub(crate) fn stir(&self, id: FileId) -> bool {
        let waits = self.turns().iter().any(|download| download.id == id);
        if waits {
            self.stirred.notify_one();
        }
        waits
    }

    /// Waits for a file that has something to send, and gives its turn to the next one.
    pub(crate) async fn next(&self) -> Piece {
        loop {
            if let Some(piece) = self.next_now() {
                return piece;
            }
            self.stirred.notified().await;
        }
    }

    fn next_now(&self) -> Option<Piece> {
        let mut turns = self.turns();
        let index = turns.iter().position(|download| download.available() > 0)?;
        let mut download = turns.remove(index)?;
        let bytes = download.available().min(TURN);
        let len = usize::try_from(bytes).unwrap_or(0);
        let piece = Piece { id: download.id, file: Arc::clone(&download.file), off: download.next, len };
        download.next += bytes;
        turns.push_back(download);
        Some(piece)
    }
}

impl Download {
    fn progress(&self) -> Progress {
        let arriving = self.upload.as_ref().is_some_and(|upload| upload.off() < self.size);
        let stage = if arriving { FileStage::Uploading } else { FileStage::Stored };
        Progress::Tell { sender: self.sender, stage, size: self.size }
    }

    /// How many bytes may be sent and are there.
    fn available(&self) -> u64 {
        let there = self.upload.as_ref().map_or(self.size, |upload| upload.off());
        self.upto.min(there).saturating_sub(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn download(number: u8, upto: u64) -> Download {
        Download {
            id: FileId::from_bytes([number; 16]),
            sender: UserId(1),
            size: 1 << 30,
            file: Arc::new(tempfile::tempfile().unwrap()),
            upload: None,
            next: 0,
            upto,
            taken: 0,
            told: None,
        }
    }

    fn turns(downloads: &Downloads, count: usize) -> Vec<(u8, u64, u64)> {
        let piece = |piece: Piece| (piece.id.as_bytes()[0], piece.off, piece.len as u64);
        (0..count).filter_map(|_| downloads.next_now()).map(piece).collect()
    }

    #[test]
    fn files_take_turns_and_go_as_far_as_was_asked_for() {
        let downloads = Downloads::default();
        assert!(downloads.begin(download(1, TURN * 2), 2) && downloads.begin(download(2, 5), 2));
        assert!(!downloads.begin(download(3, 5), 2));
        assert_eq!(turns(&downloads, 9), [(1, 0, TURN), (2, 0, 5), (1, TURN, TURN)]);
        let asked = downloads.ready(FileId::from_bytes([2; 16]), (5, 7));
        assert!(matches!(asked, Progress::Tell { sender: UserId(1), .. }));
        assert_eq!(turns(&downloads, 9), [(2, 5, 2)]);
        assert_eq!(downloads.ready(FileId::from_bytes([2; 16]), (7, 9)), Progress::Quiet);
    }

    #[test]
    fn who_asks_for_nothing_more_is_sent_nothing_more() {
        let downloads = Downloads::default();
        let id = FileId::from_bytes([1; 16]);
        assert!(downloads.begin(download(1, TURN * 9), 1));
        assert_eq!(turns(&downloads, 1).len(), 1);
        downloads.ready(id, (7, 7));
        assert_eq!((turns(&downloads, 1).len(), downloads.ready(id, (9, 99))), (0, Progress::Unknown));
    }
}
