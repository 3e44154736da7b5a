//! 101, 102, 103: who may come in, and what they have missed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use sotto_proto::{
    ConvId, Epoch, Password, Reason, Refusal, Reply, Seq, Token, Username, ValueError, limits,
};
use tokio::time::{Instant, timeout};
use tracing::{error, info, warn};

use crate::Server;
use crate::config::Registration;
use crate::error::{ConnectionEnd, Failure};
use crate::hub::{self, Holder, Stay};
use crate::lane::now_millis;
use crate::outbox::Introduction;
use crate::passwords::{HashError, Verdict};
use crate::session::{Asker, Member, Session, random};
use crate::store::{Account, Credentials, NewAccount, Seat, StoreError, TokenUse};
use crate::throttle::Source;

/// 101.
pub(crate) struct LogIn {
    pub(crate) user: Username,
    pub(crate) password: Password,
    pub(crate) take_over: bool,
    pub(crate) peek: bool,
    pub(crate) device: Option<Token>,
}

/// 102.
pub(crate) struct Register {
    pub(crate) user: Username,
    pub(crate) password: Password,
    pub(crate) invite: Option<String>,
}

/// 103.
pub(crate) struct Resume {
    pub(crate) user: Username,
    pub(crate) token: Token,
    pub(crate) epoch: Epoch,
    pub(crate) cursors: Vec<(ConvId, Seq)>,
}

/// How somebody claims an account that may be held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Claim {
    /// Refused if its holder is there.
    Ask,
    /// The holder has to go.
    TakeOver,
}

/// Makes an account. The connection stays a stranger's, as in the original.
pub(crate) async fn register(session: &mut Session, asker: &Asker, asked: Register) -> Result<(), Failure> {
    let server = Arc::clone(&session.server);
    may_register(&server, asked.invite.as_deref())?;
    server.passwords.acceptable(&asked.password).map_err(|why| Failure::refused(Reason::BadPassword, why))?;
    legible(&asked.user)?;
    // Asking is what counts: whoever tries names to see which are taken makes no account.
    server.registrations.take(session.admission.source, Instant::now()).map_err(|wait| {
        let sentence = "Too many accounts have been asked for from your address.";
        Failure::Refused(Refusal::new(Reason::Throttled, sentence).retry(wait))
    })?;
    if server.store.credentials(&asked.user).await?.is_some() {
        asker.reply(&Reply::NameTaken);
        return Ok(());
    }
    // Somebody else's, or as good as: which of the two is nobody's business.
    let Some(look) = server.lookalikes.reserve(&asked.user) else {
        asker.reply(&Reply::NameTaken);
        return Ok(());
    };
    let password =
        server.passwords.hash(&asked.password, session.admission.source).await.map_err(not_hashed)?;
    let start = NewAccount { password, lobby: server.config.lobby_history.into(), at: now_millis() };
    if server.store.register(&asked.user, start).await?.is_none() {
        asker.reply(&Reply::NameTaken);
        return Ok(());
    }
    look.keep();
    info!(user = %asked.user, "registered");
    asker.reply(&Reply::Registered);
    Ok(())
}

/// Begins a session with a password.
pub(crate) async fn log_in(session: &mut Session, asker: &Asker, asked: LogIn) -> Result<(), Failure> {
    let (server, began) = (Arc::clone(&session.server), Instant::now());
    let (who, from) = ((&asked.user, asked.device.as_ref()), session.admission.source);
    let attempt = server.guard.begin(who, from).await.map_err(Failure::Refused)?;
    let known_device = attempt.known;
    let (verdict, known) = match check(&server, (&asked.user, &asked.password), from).await {
        Ok(checked) => checked,
        Err(failure) => {
            server.guard.not_made(attempt, Instant::now());
            return Err(failure);
        }
    };
    let account = match (verdict, known) {
        (Verdict::Right | Verdict::RightButWeak, Some(known)) => known.account,
        (_, known) => {
            // A name that nobody has may be a password in the wrong field: it is not logged.
            let user = known.map(|known| known.account.name.to_string()).unwrap_or_default();
            info!(user, "wrong name or password");
            drop(attempt);
            on_the_beat(began, server.limits().wrong_password()).await;
            return session.wrong_password(asker);
        }
    };
    server.guard.right(attempt, Instant::now());
    if verdict == Verdict::RightButWeak {
        strengthen(&server, &account, (&asked.password, from)).await;
    }
    let token = Token::from_bytes(random()?);
    let claim = if asked.take_over { Claim::TakeOver } else { Claim::Ask };
    let Some(stay) = claim_account(session, asker, (&account, &token, claim)).await? else {
        return Ok(());
    };
    let expires = now_millis().saturating_add(server.limits().token_millis());
    if let Err(fault) = server.store.add_token(account.id, hash(&token), expires).await {
        // Worth no less on a disk that is full: after a cut it takes the password once more.
        warn!(user = %account.name, error = %fault, "a session that will not be resumed: its token could not be stored");
    }
    info!(user = %account.name, "logged in");
    if session.admission.in_the_clear {
        warn!(user = %account.name, "this log-in and all that follows travel IN THE CLEAR");
    }
    let new_device = !known_device && !session.admission.original;
    let device = new_device.then(|| Ok::<_, Failure>(server.guard.devices.issue(&account.name, random()?)));
    let member = Member { peeks: asked.peek, ..member(&account, &token, stay) };
    begin(session, asker, member, (&token, device.transpose()?));
    let missed = if asked.peek { Missed::LeftAlone } else { Missed::SinceConfirmed };
    catch_up(&server, asker, (&account, &missed)).await
}

/// Waits for the next beat since `began`. How long a password or a token was looked at tells who has an account: a row takes the
/// store longer than none, and a hash that was made with an earlier setting takes another time than the one that stands for nobody's.
async fn on_the_beat(began: Instant, beat: Duration) {
    let beats = began.elapsed().as_nanos().div_ceil(beat.as_nanos().max(1));
    tokio::time::sleep_until(began + beat.saturating_mul(u32::try_from(beats).unwrap_or(0))).await;
}

/// Looks at a password, as long for a name that nobody has as for one that somebody has.
pub(super) async fn check(
    server: &Server,
    (user, password): (&Username, &Password),
    from: Source,
) -> Result<(Verdict, Option<Credentials>), Failure> {
    // When hundreds come at once, most are told to come back: that is not worth a look at the store, for which chat would wait.
    if !server.passwords.have_a_place(from) {
        return Err(not_hashed(HashError::Busy));
    }
    let known = server.store.credentials(user).await?;
    let stored = known.as_ref().map(|known| &known.password);
    let verdict = server.passwords.verify((password, from), stored).await.map_err(not_hashed)?;
    Ok((verdict, known))
}

/// Goes on with a session after a cut. No password, no password hash.
pub(crate) async fn resume(session: &mut Session, asker: &Asker, asked: Resume) -> Result<(), Failure> {
    let (server, began) = (Arc::clone(&session.server), Instant::now());
    let now = now_millis();
    let expires = now.saturating_add(server.limits().token_millis());
    let shown = TokenUse { hash: hash(&asked.token), now, expires };
    let Some(account) = server.store.use_token(&asked.user, shown).await? else {
        info!("a session that cannot be resumed");
        on_the_beat(began, server.limits().wrong_password()).await;
        return session.wrong_password(asker);
    };
    let claimed = claim_account(session, asker, (&account, &asked.token, Claim::Ask)).await?;
    let Some(stay) = claimed else { return Ok(()) };
    info!(user = %account.name, "resumed");
    begin(session, asker, member(&account, &asked.token, stay), (&asked.token, None));
    let missed = if asked.epoch == server.store.epoch() {
        Missed::Since(asked.cursors.into_iter().collect())
    } else {
        asker.reply(&Reply::StartOver { conv: None });
        Missed::SinceConfirmed
    };
    catch_up(&server, asker, (&account, &missed)).await
}

/// Marks that pile up on a character cover the names above and below it.
fn legible(name: &Username) -> Result<(), Failure> {
    if name.marks() <= limits::MAX_MARKS {
        return Ok(());
    }
    let sentence = "There are too many marks on one character of that name.";
    Err(Failure::refused(Reason::BadName, sentence))
}

/// The word for a value that a client got wrong.
pub(crate) fn reason_for(value: ValueError) -> Reason {
    match value {
        ValueError::NameEmpty | ValueError::NameTooLong | ValueError::NameCharacter => Reason::BadName,
        ValueError::PasswordTooLong => Reason::BadPassword,
        _ => Reason::BadRequest,
    }
}

fn may_register(server: &Server, invite: Option<&str>) -> Result<(), Failure> {
    match server.config.registration {
        Registration::Open => Ok(()),
        Registration::Closed => {
            let sentence = "Registration is closed. Ask whoever runs this server.";
            Err(Failure::refused(Reason::RegistrationClosed, sentence))
        }
        Registration::Invite if invite.is_some_and(|code| server.invite.is(code)) => Ok(()),
        Registration::Invite => {
            let sentence = "This needs an invite. Ask whoever runs this server for the whole link.";
            Err(Failure::refused(Reason::NotInvited, sentence))
        }
    }
}

pub(super) fn not_hashed(error: HashError) -> Failure {
    const COME_BACK: Duration = Duration::from_secs(2);
    match error {
        HashError::Busy => {
            let refusal =
                Refusal::new(Reason::Busy, "Too many people are logging in. Try again in a moment.");
            Failure::Refused(refusal.retry(COME_BACK))
        }
        HashError::Internal => Failure::Refused(crate::session::internal()),
    }
}

async fn strengthen(server: &Server, account: &Account, (password, from): (&Password, Source)) {
    // The log-in is not worth less because the hash could not be renewed just now.
    let Ok(hash) = server.passwords.hash(password, from).await else { return };
    match server.store.set_password(account.id, hash).await {
        Ok(()) => info!(user = %account.name, "renewed the password's hash"),
        Err(fault) => warn!(user = %account.name, error = %fault, "cannot renew the password's hash"),
    }
}

/// Takes the account's one place, or answers 202 and returns `None`.
///
/// Whoever is let in while this one waits for a holder that has vanished is a holder like any other: a session's own dead
/// connection as well, which must not be taken for somebody else.
async fn claim_account(
    session: &Session,
    asker: &Asker,
    (account, token, claim): (&Account, &Token, Claim),
) -> Result<Option<Stay>, Failure> {
    let server = &session.server;
    let holder = Holder {
        outbox: Arc::clone(&asker.outbox),
        token: hash(token),
        since: now_millis(),
        from: session.admission.peer.ip(),
        clear: session.admission.in_the_clear,
    };
    let mut claimed = server.hub.enter(account, holder.clone());
    // Each turn lets go of one holder, and each holder has come in meanwhile: it ends when they do.
    while let Err(current) = claimed {
        let reason = if current.token == holder.token {
            Reason::Resumed
        } else if claim == Claim::TakeOver {
            server.store.drop_token(current.token).await?;
            Reason::Replaced
        } else if !is_there(server, &current).await {
            Reason::PingTimeout
        } else {
            info!(user = %account.name, "already logged in");
            asker.reply(&occupied(&current));
            return Ok(None);
        };
        current.outbox.close(Refusal::new(reason, "Your account was logged in somewhere else."));
        claimed = server.hub.replace(account, current.outbox.id(), holder.clone());
    }
    Ok(claimed.ok())
}

/// Whether the holder of an account gives a sign of life when asked for one.
async fn is_there(server: &Server, holder: &Holder) -> bool {
    let heard = holder.outbox.heard();
    holder.outbox.ping();
    timeout(server.limits().ghost(), heard).await.is_ok()
}

fn occupied(holder: &Holder) -> Reply {
    Reply::AlreadyLoggedIn { since: holder.since, from: holder.from.to_canonical().to_string() }
}

fn member(account: &Account, token: &Token, stay: Stay) -> Member {
    Member { account: account.clone(), stay, token: hash(token), peeks: false, clear: false, audience: None }
}

fn begin(session: &mut Session, asker: &Asker, member: Member, (token, device): (&Token, Option<Token>)) {
    let logged_in = Reply::LoggedIn {
        user: member.account.name.clone(),
        token: token.clone(),
        epoch: session.server.store.epoch(),
        max: u32::try_from(limits::MAX_PAYLOAD).unwrap_or(u32::MAX),
        device,
    };
    asker.outbox.begin(member.account.id, logged_in.encode(asker.reference.as_deref()));
    session.let_in(member);
    if let Some(succession) = session.server.succession() {
        asker.outbox.reply(Reply::NextIdentity(succession).encode(None));
    }
}

/// What a session that begins is sent of the past.
enum Missed {
    /// What its account is not known to have taken.
    SinceConfirmed,
    /// What comes after these positions, and for the conversations not among them as above.
    Since(HashMap<ConvId, Seq>),
    /// Nothing.
    LeftAlone,
}

/// Finds out what a member has missed. Who cannot be told is not kept waiting for it: the connection ends, and the next
/// one asks again.
async fn catch_up(
    server: &Server,
    asker: &Asker,
    (account, missed): (&Account, &Missed),
) -> Result<(), Failure> {
    prepare(server, asker, (account, missed)).await.map_err(|fault| {
        error!(user = %account.name, error = %fault, "cannot find out what a client has missed");
        ConnectionEnd::Closed(crate::session::internal()).into()
    })
}

/// The session is in the hub already, noting what is new: nothing falls between the two.
async fn prepare(
    server: &Server,
    asker: &Asker,
    (account, missed): (&Account, &Missed),
) -> Result<(), StoreError> {
    let mut reported = Vec::new();
    for seat in server.store.seats(account.id).await? {
        let conv = seat.conversation.id;
        let listed = match missed {
            Missed::Since(cursors) => cursors.get(&conv).copied(),
            Missed::SinceConfirmed | Missed::LeftAlone => None,
        };
        let (place, frames) = match (missed, listed.filter(|cursor| *cursor <= seat.head)) {
            (Missed::LeftAlone, _) => {
                let place = Introduction { cursor: seat.head, confirmed: seat.head, head: seat.head };
                (place, vec![hub::introduction(&seat.conversation, seat.head, seat.head)])
            }
            (_, Some(cursor)) => {
                if cursor > seat.confirmed {
                    reported.push((conv, cursor));
                }
                let confirmed = seat.confirmed.max(cursor);
                (Introduction { cursor: cursor.max(seat.since), confirmed, head: seat.head }, Vec::new())
            }
            (_, None) => first_sight(server, &seat, listed.is_some()),
        };
        asker.outbox.room().await;
        asker.outbox.introduce(conv, place, frames);
    }
    if !reported.is_empty()
        && let Err(fault) = server.store.confirm(account.id, reported).await
    {
        // It is reported again next time; until then a client that keeps no state sees more than it must.
        warn!(user = %account.name, error = %fault, "cannot note how far a client has got");
    }
    let clear = server.hub.in_the_clear();
    if !clear.is_empty() {
        asker.outbox.reply(Reply::InTheClear(clear).encode(None));
    }
    asker.outbox.prepared();
    Ok(())
}

/// A conversation as it is introduced to somebody who brings no position in it, or one from another history.
fn first_sight(server: &Server, seat: &Seat, from_another_history: bool) -> (Introduction, Vec<Bytes>) {
    let conv = seat.conversation.id;
    let mut frames = Vec::new();
    if from_another_history {
        frames.push(Reply::StartOver { conv: Some(conv) }.encode(None));
    }
    let known = seat.confirmed.max(seat.since);
    frames.push(hub::introduction(&seat.conversation, seat.head, known));
    let cursor = known.max(seat.head.back(server.limits().catch_up_messages()));
    if cursor > known {
        frames.push(Reply::Hole { conv, from: known.next(), to: cursor }.encode(None));
    }
    (Introduction { cursor, confirmed: seat.confirmed, head: seat.head }, frames)
}

fn hash(token: &Token) -> [u8; 32] {
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(digest::digest(&digest::SHA256, token.as_bytes()).as_ref()) {
        *to = *from;
    }
    hash
}
