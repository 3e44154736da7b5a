//! Small files as the original has them: content in one go and no questions. They become offers like any other; those who do
//! not know what an offer is get the content of small ones as soon as it is here.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use sotto_proto::{Audience, FileId, Reason, Reply, limits};
use tracing::warn;

use super::{draft, may_come, receive};
use crate::Server;
use crate::compat::describe;
use crate::error::Failure;
use crate::handlers::message;
use crate::lane::now_millis;
use crate::session::{Asker, Member, internal, random};
use crate::spool::Upload;

/// 109 without tags: offers the content to everyone, and has it at once.
pub(crate) async fn small(
    server: &Arc<Server>,
    member: &mut Member,
    (asker, content): (&Asker, Bytes),
) -> Result<(), Failure> {
    let info = describe(&content).map_err(|_| Failure::Refused(internal()))?;
    if let Err((reason, sentence)) = may_come(server, info.size) {
        return Err(Failure::refused(reason, sentence));
    }
    let id = FileId::from_bytes(random()?);
    let draft = draft(server, (None, Audience::Everyone), (id, info));
    message::send(server, member, (asker, draft)).await?;
    server.lane.flush().await;
    let Some(stored) = server.store.file(member.account.id, id, now_millis()).await? else {
        return Err(Failure::refused(Reason::NotStored, "The server could not store this file."));
    };
    let upload = server.spool.upload(&stored);
    upload.take_whole(content);
    receive::write_all(Arc::clone(server), upload).await;
    Ok(())
}

/// A file is here: those online who do not know what an offer is get it as the original would have given it to them.
pub(super) async fn hand_out(server: &Arc<Server>, file: &Upload) {
    // No other fits into one frame.
    if !usize::try_from(file.off()).is_ok_and(|size| size <= limits::MAX_CHUNK) {
        return;
    }
    let handed = async {
        let Some(seat) = server.store.seat(file.owner, file.conv).await? else { return anyhow::Ok(()) };
        let mut takers = server.hub.present(&seat.conversation);
        takers.retain(|outbox| !outbox.knows_offers() && outbox.user() != Some(file.owner));
        if !takers.is_empty() {
            let frame = Reply::SmallFile { content: whole(server, file).await? }.encode(None);
            takers.iter().for_each(|outbox| outbox.announce(frame.clone()));
        }
        Ok(())
    };
    if let Err(fault) = handed.await {
        warn!(file = %file.id, error = %fault, "a small file could not be handed out");
    }
}

async fn whole(server: &Server, file: &Upload) -> anyhow::Result<Bytes> {
    let (mut here, size) = (server.spool.content(file.id).await?, usize::try_from(file.off())?);
    let reading = move || {
        let mut content = vec![0; size];
        here.read_exact(&mut content)?;
        Ok(content.into())
    };
    Ok(server.spool.work(reading).await?)
}
