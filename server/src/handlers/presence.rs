//! 108: who is online, or everyone with an account.

use std::collections::HashSet;

use sotto_proto::{Presence, Reply, Username};
use tracing::debug;

use crate::Server;
use crate::error::Failure;
use crate::session::{Asker, Member};
use crate::store::Account;

/// The most names in one 210: 32 characters of 4 bytes each, a presence and CRLF, stay under 64 KiB.
const NAMES_PER_FRAME: usize = 400;

/// Answers with one 210, or with several and 218.
pub(crate) async fn who(
    server: &Server,
    member: &Member,
    (asker, all): (&Asker, bool),
) -> Result<(), Failure> {
    debug!(user = %member.account.name, all, "who is online");
    let online = server.hub.online();
    if all {
        let everyone = server.store.accounts().await?;
        let people = with_presence(everyone, &online, member);
        reply_in_frames(asker, &people, |people, more| Reply::Everyone { people, more }).await;
    } else {
        let mut people: Vec<_> = online
            .into_iter()
            .filter(|other| other.id != member.account.id)
            .map(|other| other.name)
            .collect();
        people.sort();
        reply_in_frames(asker, &people, |people, more| Reply::Online { people, more }).await;
    }
    Ok(())
}

fn with_presence(everyone: Vec<Account>, online: &[Account], member: &Member) -> Vec<(Username, Presence)> {
    let online: HashSet<_> = online.iter().map(|account| account.id).collect();
    let presence = |account: &Account| {
        if online.contains(&account.id) { Presence::Online } else { Presence::Away }
    };
    let others = everyone.into_iter().filter(|account| account.id != member.account.id);
    others.map(|account| (account.name.clone(), presence(&account))).collect()
}

async fn reply_in_frames<T: Clone>(asker: &Asker, people: &[T], frame: fn(Vec<T>, bool) -> Reply) {
    let count = people.len().div_ceil(NAMES_PER_FRAME).max(1);
    if count == 1 {
        asker.reply(&frame(people.to_vec(), false));
        return;
    }
    for (index, chunk) in people.chunks(NAMES_PER_FRAME).enumerate() {
        asker.reply_in_turn(&frame(chunk.to_vec(), index + 1 < count)).await;
    }
    asker.reply(&Reply::End { more: false });
}
