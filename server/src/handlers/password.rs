//! 104: another password. Whoever has learnt the old one, or has a token from it, is out from then on.

use sotto_proto::{Password, Reason, Reply};
use tokio::time::Instant;
use tracing::info;

use super::account::{check, not_hashed};
use crate::Server;
use crate::error::Failure;
use crate::passwords::Verdict;
use crate::session::{Asker, Member};
use crate::throttle::Source;

/// The one until now, the one from now on, and where that is asked for.
pub(crate) struct Change {
    pub(crate) old: Password,
    pub(crate) new: Password,
    pub(crate) from: Source,
}

/// Changes it, and voids every token but this session's.
pub(crate) async fn change(
    server: &Server,
    member: &Member,
    (asker, asked): (&Asker, Change),
) -> Result<(), Failure> {
    server.passwords.acceptable(&asked.new).map_err(|why| Failure::refused(Reason::BadPassword, why))?;
    let user = &member.account.name;
    let attempt = server.guard.begin_change(user, Instant::now()).map_err(Failure::Refused)?;
    let verdict = match check(server, (user, &asked.old), asked.from).await {
        Ok((verdict, _)) => verdict,
        Err(failure) => {
            server.guard.not_made(attempt, Instant::now());
            return Err(failure);
        }
    };
    if verdict == Verdict::Wrong {
        info!(%user, "a wrong password, for another one");
        asker.reply(&Reply::WrongPassword);
        return Ok(());
    }
    server.guard.right(attempt, Instant::now());
    let hash = server.passwords.hash(&asked.new, asked.from).await.map_err(not_hashed)?;
    server.store.change_password(member.account.id, hash, member.token).await?;
    info!(%user, "changed the password");
    asker.reply(&Reply::PasswordChanged);
    Ok(())
}
