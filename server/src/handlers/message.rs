//! 106: who it is for, and into the lane with it.

use std::sync::Arc;

use sotto_proto::{Audience, Cid, MessageText, Reason, Reply, Username};
use tracing::{debug, error};

use crate::Server;
use crate::error::Failure;
use crate::hub::Parcel;
use crate::lane::{self, Letter};
use crate::session::{Asker, Member};
use crate::store::{Conversation, NewFile, StoreError};

/// A message as it was asked for.
pub(crate) struct Draft {
    pub(crate) cid: Option<Cid>,
    pub(crate) to: Audience,
    pub(crate) text: MessageText,
    /// The file that it offers.
    pub(crate) file: Option<Box<NewFile>>,
}

/// Sends. The answer comes from the lane, once the message is stored.
pub(crate) async fn send(
    server: &Server,
    member: &mut Member,
    (asker, draft): (&Asker, Draft),
) -> Result<(), Failure> {
    server.messages.pace(member.account.id).await;
    let conversation = match audience(server, member, &draft.to).await {
        Ok(Ok(conversation)) => conversation,
        Ok(Err(unknown)) => {
            refuse(asker, draft.cid, &unknown);
            return Ok(());
        }
        Err(fault) => {
            // As a message, by its cid: its sender has to know which of them it was.
            error!(error = %fault, "no conversation for a message");
            asker.reply(&lane::not_stored(draft.cid));
            return Ok(());
        }
    };
    debug!(
        from = %member.account.name,
        conversation = %conversation.id,
        people = conversation.members.len(),
        bytes = draft.text.as_str().len(),
        "message"
    );
    let parcel = Parcel {
        conversation,
        sender: member.account.clone(),
        cid: draft.cid,
        text: draft.text,
        clear: member.clear,
        file: draft.file,
        origin: asker.outbox.id(),
        reference: asker.reference.clone(),
    };
    server.lane.submit(Letter { parcel, sender: Arc::clone(&asker.outbox) }).await;
    Ok(())
}

/// The conversation of an audience, or the names that nobody has.
async fn audience(
    server: &Server,
    member: &mut Member,
    to: &Audience,
) -> Result<Result<Arc<Conversation>, Vec<Username>>, StoreError> {
    let Audience::Set(names) = to else {
        return Ok(Ok(Arc::clone(&server.lobby)));
    };
    if let Some((known, conversation)) = &member.audience
        && known == names
    {
        return Ok(Ok(Arc::clone(conversation)));
    }
    let accounts = server.store.resolve(names).await?;
    let unknown: Vec<_> = names
        .iter()
        .zip(&accounts)
        .filter(|(_, account)| account.is_none())
        .map(|(name, _)| name.clone())
        .collect();
    if !unknown.is_empty() {
        return Ok(Err(unknown));
    }
    let mut members: Vec<_> = accounts.into_iter().flatten().map(|account| account.id).collect();
    members.push(member.account.id);
    let conversation = Arc::new(server.store.conversation(&members).await?);
    member.audience = Some((names.clone(), Arc::clone(&conversation)));
    Ok(Ok(conversation))
}

fn refuse(asker: &Asker, cid: Option<Cid>, unknown: &[Username]) {
    let who: Vec<_> = unknown.iter().map(|name| name.as_str().to_owned()).collect();
    let sentence = format!("Nobody here is called {}. The message went to nobody.", who.join(", "));
    asker.reply(&Reply::NotSent { cid, reason: Reason::UnknownRecipient, who, sentence });
}
