//! How files go: taken back, answered by all, or too old. First the row, then the content: what has no row is swept away.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sotto_proto::{ConvId, FileId, FileStage, FileState, Reason, Refusal, Reply, Standing, Username};
use tracing::{error, info};

use crate::Server;
use crate::error::Failure;
use crate::lane::now_millis;
use crate::spool::Upload;
use crate::store::{Said, StoreError, StoredFile, UserId};

/// Between two looks at what is too old, and what nobody knows of.
const SWEEP: Duration = Duration::from_secs(3600);

/// The sender takes an offer back, from one person or from all.
pub(super) async fn take_back(
    server: &Server,
    file: &StoredFile,
    who: Option<Username>,
) -> Result<(), Failure> {
    let Some(who) = who else {
        return Ok(end(server, (file.id, file.conv, file.sender.id)).await?);
    };
    let found = server.store.resolve(std::slice::from_ref(&who)).await?.pop().flatten();
    let Some(account) = found.filter(|account| account.id != file.sender.id) else {
        return Err(Failure::refused(Reason::UnknownRecipient, "This file is not for anybody of that name."));
    };
    let noted = server.store.say(account.id, file.id, Said::Cancelled).await?;
    let people = vec![(account.name.clone(), Standing::Cancelled)];
    let state = super::state(server, (file.id, file.stage, file.info.size), people);
    server.hub.inform(file.sender.id, &state);
    if let Some(outbox) = server.hub.outbox(account.id) {
        outbox.announce(state.encode(None));
        if outbox.end_download(file.id) {
            outbox.reply(cancelled(file.id).encode(None));
        }
    }
    if noted.settled {
        end(server, (file.id, file.conv, file.sender.id)).await?;
    }
    Ok(())
}

/// Lets go of a file, and tells everybody online whom it concerns.
pub(super) async fn end(
    server: &Server,
    (id, conv, sender): (FileId, ConvId, UserId),
) -> Result<(), StoreError> {
    if !server.store.end_file(id).await? {
        return Ok(());
    }
    info!(file = %id, "a file is let go of");
    let upload = server.spool.remove(id).await;
    if let Some(outbox) = upload.and_then(|upload| upload.interrupt()) {
        outbox.reply(cancelled(id).encode(None));
    }
    let gone = FileState { file: id, stage: FileStage::Gone, off: 0, people: Vec::new() };
    let gone = Reply::FileState(gone).encode(None);
    let Some(seat) = server.store.seat(sender, conv).await? else { return Ok(()) };
    for outbox in server.hub.present(&seat.conversation) {
        if outbox.end_download(id) {
            outbox.reply(cancelled(id).encode(None));
        }
        outbox.announce(gone.clone());
    }
    Ok(())
}

/// As [`end`], for what came and is not what was offered.
pub(super) async fn end_upload(server: &Server, upload: &Upload) {
    if let Err(fault) = end(server, (upload.id, upload.conv, upload.owner)).await {
        error!(file = %upload.id, error = %fault, "a file could not be let go of");
    }
}

/// Looks for files that are too old and for content that nobody knows of, at once and every hour.
pub(crate) async fn keep_swept(server: Arc<Server>) {
    loop {
        if let Err(fault) = sweep(&server).await {
            error!(error = %fault, "the spool could not be swept");
        }
        tokio::time::sleep(SWEEP).await;
    }
}

async fn sweep(server: &Arc<Server>) -> anyhow::Result<()> {
    let now = now_millis();
    for file in server.store.live_files().await?.into_iter().filter(|file| file.until <= now) {
        end(server, (file.id, file.conv, file.sender)).await?;
    }
    let spool = Arc::clone(&server.spool);
    let found = tokio::task::spawn_blocking(move || spool.list()).await??;
    let live: HashSet<_> = server.store.live_files().await?.into_iter().map(|file| file.id).collect();
    let spool = Arc::clone(&server.spool);
    let swept = tokio::task::spawn_blocking(move || spool.sweep(found, &live)).await?;
    if swept > 0 {
        info!(files = swept, "swept away what nobody knows of");
    }
    Ok(())
}

fn cancelled(file: FileId) -> Reply {
    let refusal = Refusal::new(Reason::Cancelled, "This file is not offered any more.");
    Reply::FileRefused { file, refusal }
}
