//! 107: a page of a conversation.

use sotto_proto::{ConvId, Page, Reason, Reply};
use tracing::debug;

use crate::Server;
use crate::error::Failure;
use crate::page;
use crate::session::{Asker, Member};
use crate::store::Range;

/// A page as it was asked for.
pub(crate) struct Asked {
    pub(crate) conv: ConvId,
    pub(crate) page: Page,
    pub(crate) limit: u16,
}

/// Answers with 209s in rising seq, then 218. What the member may not see looks like what is not there.
pub(crate) async fn read(
    server: &Server,
    member: &Member,
    (asker, asked): (&Asker, Asked),
) -> Result<(), Failure> {
    debug!(user = %member.account.name, conversation = %asked.conv, "history");
    // What was sent before it on the same connection is in it.
    server.lane.flush().await;
    let Some(seat) = server.store.seat(member.account.id, asked.conv).await? else {
        return Err(Failure::refused(Reason::BadRequest, "You are in no conversation of that number."));
    };
    let range = Range { since: seat.since, page: asked.page, limit: asked.limit };
    let (messages, more) = page::read(&*server.store, asked.conv, range).await?;
    for message in messages {
        let message = message.for_reader(asked.conv, member.account.id);
        asker.reply_in_turn(&Reply::Message(message)).await;
    }
    asker.reply(&Reply::End { more });
    Ok(())
}
