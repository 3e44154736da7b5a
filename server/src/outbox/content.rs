//! The part of an outbox that concerns files: their content goes out only when nothing else waits.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use sotto_proto::FileId;

use super::{AHEAD, Outbox};

impl Outbox {
    /// From now on it takes files as offers.
    pub(crate) fn know_offers(&self) {
        self.knows_offers.store(true, Ordering::Relaxed);
    }

    pub(crate) fn knows_offers(&self) -> bool {
        self.knows_offers.load(Ordering::Relaxed)
    }

    /// Waits until little content of files is queued: the next is read while the last goes out. One waiter: the
    /// connection's courier.
    pub(crate) async fn content_room(&self) {
        while self.state().content.len() > AHEAD {
            self.content_room.notified().await;
        }
    }

    /// Queues content of a file, to be written when nothing else waits.
    pub(crate) fn push_content(&self, file: FileId, frames: impl IntoIterator<Item = [Bytes; 2]>) {
        self.state().content.extend(frames.into_iter().map(|frame| (file, frame)));
        self.work.notify_one();
    }

    /// Sends no more of a file. False: there was nothing of it to send.
    pub(crate) fn end_download(&self, file: FileId) -> bool {
        let ended = self.downloads.end(file);
        self.state().content.retain(|(queued, _)| *queued != file);
        self.content_room.notify_one();
        ended
    }
}
