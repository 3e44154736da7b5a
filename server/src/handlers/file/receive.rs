//! To the spool: one task for each file that content comes for, which writes what has gathered, asks for more, and at the end has
//! it proven and made durable.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sotto_proto::{FileStage, FileState, Reason, Refusal, Reply};
use tracing::{error, info, warn};

use super::{ASK_AGAIN, end, small};
use crate::Server;
use crate::session::{Asker, internal};
use crate::spool::{Fate, Upload, Wrote};
use crate::store::StoredFile;

/// The asker sends this file from now on; a 222 tells from where.
pub(super) fn begin(server: &Arc<Server>, asker: &Asker, file: &StoredFile) {
    if file.stage == FileStage::Stored {
        let state = FileState { file: file.id, stage: file.stage, off: file.info.size, people: Vec::new() };
        return asker.reply(&Reply::FileState(state));
    }
    let upload = server.spool.upload(file);
    if upload.attach(&asker.outbox, asker.reference.clone()) {
        start(server, upload);
    }
}

/// Writes what there is to write, in a task of its own.
pub(super) fn start(server: &Arc<Server>, upload: Arc<Upload>) {
    tokio::spawn(write_all(Arc::clone(server), upload));
}

pub(super) async fn write_all(server: Arc<Server>, upload: Arc<Upload>) {
    loop {
        match server.spool.write_on(&upload).await {
            Ok(Wrote::Enough) => {}
            Ok(Wrote::Everything) => return,
            Ok(Wrote::Whole) => return complete(&server, &upload).await,
            Ok(Wrote::NoRoom) => return refuse(&upload, disk_full()),
            Err(fault) => return refuse(&upload, refusal_for(&fault)),
        }
    }
}

/// All of it has come: it is what was offered and durable, or it is not kept.
async fn complete(server: &Arc<Server>, upload: &Arc<Upload>) {
    let closing = Arc::clone(upload);
    match server.spool.work(move || closing.close()).await {
        Ok(Fate::Whole) => keep(server, upload).await,
        Ok(Fate::Again) => {
            warn!(file = %upload.id, "what was left of a file is not what it was; it is sent anew");
            refuse(
                upload,
                Refusal::new(Reason::Busy, "Send this file once more.").retry(Duration::from_secs(1)),
            );
        }
        Ok(Fate::Wrong) => {
            info!(file = %upload.id, "what came is not what was offered");
            let sentence = "What arrived is not the file that was offered. Offer it again.";
            refuse(upload, Refusal::new(Reason::HashMismatch, sentence));
            end::end_upload(server, upload).await;
        }
        Err(fault) => refuse(upload, refusal_for(&fault)),
    }
}

async fn keep(server: &Arc<Server>, upload: &Arc<Upload>) {
    match server.store.file_stored(upload.id).await {
        Ok(true) => {
            server.spool.complete(upload.id);
            info!(file = %upload.id, bytes = upload.off(), "a file is here");
            if let Some(sender) = upload.sender() {
                let (file, stage, off) = (upload.id, FileStage::Stored, upload.off());
                sender
                    .reply(Reply::FileState(FileState { file, stage, off, people: Vec::new() }).encode(None));
            }
            small::hand_out(server, upload).await;
        }
        // It has been taken back meanwhile, and everybody told.
        Ok(false) => {}
        Err(fault) => {
            error!(file = %upload.id, error = %fault, "a file could not be noted as stored");
            refuse(upload, internal().retry(ASK_AGAIN));
        }
    }
}

/// This attempt is over; what has been written stays.
fn refuse(upload: &Upload, refusal: Refusal) {
    if let Some(sender) = upload.interrupt() {
        sender.reply(Reply::FileRefused { file: upload.id, refusal }.encode(None));
    }
}

fn refusal_for(fault: &io::Error) -> Refusal {
    match fault.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            disk_full()
        }
        _ => {
            error!(error = %fault, "cannot write to the spool");
            internal().retry(ASK_AGAIN)
        }
    }
}

fn disk_full() -> Refusal {
    warn!("the disk is too full for files");
    Refusal::new(Reason::DiskFull, "The server's disk is full. The file goes on when there is room.")
        .retry(ASK_AGAIN)
}
