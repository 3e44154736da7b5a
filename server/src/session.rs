//! The state of the protocol on one connection: a stranger, who may only ask to be let in, or a member.

use std::sync::Arc;

use sotto_proto::{ConvId, DecodeError, Frame, Reason, Refusal, Reply, Request, Seq, code};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::Server;
use crate::door::Admission;
use crate::error::{ConnectionEnd, Failure};
use crate::handlers::{account, file, history, message, password, presence};
use crate::hub::Stay;
use crate::outbox::Outbox;
use crate::store::{Account, Conversation};

/// One connection's session.
pub(crate) struct Session {
    pub(crate) server: Arc<Server>,
    outbox: Arc<Outbox>,
    pub(crate) admission: Admission,
    who: Who,
    clock: Clock,
}

enum Who {
    Stranger(Stranger),
    Member(Member),
}

/// Somebody who has not logged in on this connection.
#[derive(Debug, Default)]
pub(crate) struct Stranger {
    requests: usize,
    pub(crate) failed_logins: usize,
}

/// Somebody who has. Only log-in makes one; handlers that act for somebody ask for one.
pub(crate) struct Member {
    pub(crate) account: Account,
    pub(crate) stay: Stay,
    pub(crate) token: [u8; 32],
    /// Nothing this session is sent counts as taken.
    pub(crate) peeks: bool,
    /// It is reached without encryption.
    pub(crate) clear: bool,
    /// The audience of the last message: the next one usually has the same.
    pub(crate) audience: Option<(Vec<sotto_proto::Username>, Arc<Conversation>)>,
}

/// Where a request's answers go, and what it was called.
pub(crate) struct Asker {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) reference: Option<Box<str>>,
}

impl Asker {
    pub(crate) fn reply(&self, reply: &Reply) {
        self.outbox.reply(reply.encode(self.reference.as_deref()));
    }

    /// For answers of many frames: waits until there is room for the next one.
    pub(crate) async fn reply_in_turn(&self, reply: &Reply) {
        self.outbox.room().await;
        self.reply(reply);
    }
}

/// What time it is for this connection.
struct Clock {
    next: Instant,
    last_heard: Instant,
    quiet: bool,
    answers_pings: bool,
}

/// Uploads of a session that has ended can be closed.
impl Drop for Session {
    fn drop(&mut self) {
        self.server.spool.detach(self.outbox.id());
    }
}

impl Session {
    pub(crate) fn new(server: Arc<Server>, outbox: Arc<Outbox>, admission: Admission) -> Self {
        let now = Instant::now();
        let next = now + server.limits().login();
        let clock = Clock { next, last_heard: now, quiet: false, answers_pings: false };
        Self { server, outbox, admission, who: Who::Stranger(Stranger::default()), clock }
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    pub(crate) fn is_member(&self) -> bool {
        matches!(self.who, Who::Member(_))
    }

    pub(crate) fn stopping(&self) -> CancellationToken {
        self.server.stopping.clone()
    }

    /// Waits until what this session has sent is stored and answered.
    pub(crate) async fn flush(&self) {
        self.server.lane.flush().await;
    }

    /// Bytes have come.
    pub(crate) fn heard(&mut self) {
        self.clock.last_heard = Instant::now();
        self.clock.quiet = false;
        self.outbox.hear();
    }

    /// When [`Self::deadline`] wants to be called.
    pub(crate) fn next_deadline(&self) -> Instant {
        self.clock.next
    }

    /// A stranger's time is up; a member is pinged, or given up.
    pub(crate) fn deadline(&mut self, now: Instant) -> Result<(), ConnectionEnd> {
        if !self.is_member() {
            return Err(ConnectionEnd::LogInTimeout);
        }
        // Whoever has never answered a ping speaks the original protocol, which has none; TCP tells when it
        // is gone.
        let silent = now.saturating_duration_since(self.clock.last_heard) >= self.server.limits().silence();
        if silent && self.clock.answers_pings {
            return Err(ConnectionEnd::Silent);
        }
        if self.clock.quiet || self.outbox.has_unconfirmed() {
            self.outbox.ping();
        }
        self.clock.quiet = true;
        self.clock.next = now + self.server.limits().ping();
        if self.clock.answers_pings {
            self.clock.next = self.clock.next.min(self.clock.last_heard + self.server.limits().silence());
        }
        Ok(())
    }

    /// Answers one frame. `Err` ends the connection.
    pub(crate) async fn handle(&mut self, frame: &Frame) -> Result<(), ConnectionEnd> {
        let reference = Request::reference(frame).ok().flatten();
        let asker = Asker { outbox: Arc::clone(&self.outbox), reference };
        match self.answer(frame, &asker).await {
            Ok(()) => Ok(()),
            Err(Failure::Refused(refusal)) => {
                debug!(code = frame.code(), reason = %refusal.reason, "refused");
                asker.reply(&Reply::Refused(refusal));
                Ok(())
            }
            Err(Failure::Fault(fault)) => {
                error!(code = frame.code(), error = %fault, "a request failed");
                asker.reply(&Reply::Refused(internal()));
                Ok(())
            }
            Err(Failure::End(end)) => Err(end),
        }
    }

    async fn answer(&mut self, frame: &Frame, asker: &Asker) -> Result<(), Failure> {
        self.count_request()?;
        match Request::reference(frame).and_then(|_| Request::from_frame(frame)) {
            Ok(request) => self.dispatch(request, asker).await,
            Err(fault) => bad_request(frame, &fault, asker),
        }
    }

    async fn dispatch(&mut self, request: Request, asker: &Asker) -> Result<(), Failure> {
        match (&self.who, request) {
            (_, Request::Ping { body }) => answer_ping(asker, body),
            (Who::Stranger(_), request) => self.let_ask(request, asker).await,
            (Who::Member(_), Request::Pong { .. }) => self.ponged().await,
            (Who::Member(_), Request::LogOut { taken }) => self.log_out(taken).await,
            (Who::Member(_), request) => self.serve(request, asker).await,
        }
    }

    /// What a stranger may ask for: to be let in.
    async fn let_ask(&mut self, request: Request, asker: &Asker) -> Result<(), Failure> {
        match request {
            Request::LogOut { .. } => Err(ConnectionEnd::LoggedOut.into()),
            Request::LogIn { user, password, take_over, peek, device } => {
                let asked = account::LogIn { user, password, take_over, peek, device };
                account::log_in(self, asker, asked).await
            }
            Request::Register { user, password, invite } => {
                account::register(self, asker, account::Register { user, password, invite }).await
            }
            Request::Resume { user, token, epoch, cursors } => {
                account::resume(self, asker, account::Resume { user, token, epoch, cursors }).await
            }
            _ => Err(Failure::refused(Reason::LogInFirst, "Log in first (101).")),
        }
    }

    /// What a member asks for in their own name.
    async fn serve(&mut self, request: Request, asker: &Asker) -> Result<(), Failure> {
        let Who::Member(member) = &mut self.who else { return Ok(()) };
        if speaks_of_offers(&request) && !self.admission.original {
            self.outbox.know_offers();
        }
        if reads_much(&request) {
            self.server.lookups.pace(member.account.id).await;
        }
        match request {
            Request::Send { cid, to, text } => {
                message::send(&self.server, member, (asker, message::Draft { cid, to, text, file: None }))
                    .await
            }
            Request::History { conv, page, limit } => {
                history::read(&self.server, member, (asker, history::Asked { conv, page, limit })).await
            }
            Request::Offer(offer) => file::offer(&self.server, member, (asker, offer)).await,
            Request::Chunk { file, off, bytes } => file::chunk(&self.server, asker, (file, off, bytes)).await,
            Request::Answer { file, answer, who } => {
                file::answer(&self.server, member, (asker, file::Said { file, answer, who })).await
            }
            Request::Ready { file, off, upto } => {
                file::ready(&self.server, member, (asker, file::Ready { file, off, upto })).await
            }
            Request::Files => file::list(&self.server, member, asker).await,
            Request::SmallFile { content } => file::small(&self.server, member, (asker, content)).await,
            Request::ChangePassword { old, new } => {
                let change = password::Change { old, new, from: self.admission.source };
                password::change(&self.server, member, (asker, change)).await
            }
            Request::Who { all } => presence::who(&self.server, member, (asker, all)).await,
            _ => {
                let sentence = "You are logged in on this connection; log out first (100).";
                Err(Failure::refused(Reason::LoggedIn, sentence))
            }
        }
    }

    /// A stranger gets so many requests and no more, whatever they are.
    fn count_request(&mut self) -> Result<(), Failure> {
        let Who::Stranger(stranger) = &mut self.who else { return Ok(()) };
        stranger.requests += 1;
        if stranger.requests > self.server.limits().stranger_requests() {
            let refusal = Refusal::new(Reason::Limit, "Too many requests without logging in.");
            return Err(ConnectionEnd::Closed(refusal).into());
        }
        Ok(())
    }

    /// A wrong password, or a token that is nobody's: the same answer, and only a few of them.
    pub(crate) fn wrong_password(&mut self, asker: &Asker) -> Result<(), Failure> {
        asker.reply(&Reply::WrongPassword);
        let Who::Stranger(stranger) = &mut self.who else {
            return Ok(());
        };
        stranger.failed_logins += 1;
        if stranger.failed_logins >= self.server.limits().failed_logins() {
            let refusal = Refusal::new(Reason::Throttled, "Too many wrong passwords. Connect again.");
            return Err(ConnectionEnd::Closed(refusal).into());
        }
        Ok(())
    }

    /// The connection belongs to somebody from now on.
    pub(crate) fn let_in(&mut self, member: Member) {
        self.admission.known();
        self.clock.next = Instant::now() + self.server.limits().ping();
        let clear = self.admission.in_the_clear;
        self.who = Who::Member(Member { clear, ..member });
    }

    async fn ponged(&mut self) -> Result<(), Failure> {
        self.clock.answers_pings = true;
        let taken = self.outbox.ponged();
        self.confirm(taken).await;
        Ok(())
    }

    /// What cannot be noted on a disk that fails is sent twice to a client that keeps no state, and is nothing to tell it.
    async fn confirm(&self, taken: Vec<(ConvId, Seq)>) {
        let Who::Member(member) = &self.who else { return };
        if taken.is_empty() || member.peeks {
            return;
        }
        if let Err(fault) = self.server.store.confirm(member.account.id, taken).await {
            warn!(user = %member.account.name, error = %fault, "cannot note how far a client has got");
        }
    }

    /// Whoever wants to go goes, also when the disk fails, and is believed about how far it has got. With one that does not say it,
    /// what has been written counts as having arrived.
    async fn log_out(&mut self, taken: Option<Vec<(ConvId, Seq)>>) -> Result<(), Failure> {
        self.flush().await;
        let taken = taken.unwrap_or_else(|| self.outbox.written());
        self.confirm(taken).await;
        if let Who::Member(member) = &mut self.who {
            info!(user = %member.account.name, "logged out");
            member.stay.log_out();
            if let Err(fault) = self.server.store.drop_token(member.token).await {
                warn!(user = %member.account.name, error = %fault, "a token outlives its log-out");
            }
        }
        Err(ConnectionEnd::LoggedOut.into())
    }
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Failure::Refused(internal()))?;
    Ok(bytes)
}

/// What a peer learns of a fault of ours.
pub(crate) fn internal() -> Refusal {
    Refusal::new(Reason::Internal, "Something went wrong inside the server. Try again.")
}

fn answer_ping(asker: &Asker, body: bytes::Bytes) -> Result<(), Failure> {
    asker.reply(&Reply::Pong { body });
    Ok(())
}

/// Whether an answer takes many rows.
fn reads_much(request: &Request) -> bool {
    matches!(request, Request::History { .. } | Request::Who { all: true } | Request::Files)
}

/// Whether a request is one of a client that knows what an offer is.
fn speaks_of_offers(request: &Request) -> bool {
    matches!(
        request,
        Request::Offer(_)
            | Request::Answer { .. }
            | Request::Ready { .. }
            | Request::Files
            | Request::Chunk { .. }
    )
}

/// Good framing, and a request in it that is not. A message is refused as a message.
fn bad_request(frame: &Frame, fault: &DecodeError, asker: &Asker) -> Result<(), Failure> {
    let reason = match fault {
        DecodeError::UnknownCode(_) => Reason::UnknownCode,
        DecodeError::Value(value) => account::reason_for(*value),
        _ => Reason::BadRequest,
    };
    let sentence = format!("{fault}.");
    if !matches!(frame.code(), code::SEND | code::OFFER) {
        return Err(Failure::refused(reason, sentence));
    }
    let cid = frame.parsed("cid").ok().flatten();
    asker.reply(&Reply::NotSent { cid, reason, who: Vec::new(), sentence });
    Ok(())
}
