//! A client's side of the protocol, without IO and without a clock: frames, commands and times go in, frames
//! and updates come out.

mod answers;
mod files;
mod log_in;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sotto_proto::{
    Cid, ConvId, DecodeError, Epoch, FileId, FileState, Frame, Message, Password, Presence, Reason, Refusal,
    Reply, Request, Seq, Token, Username,
};

use crate::outbox::{CAPACITY, Outbox, Pending};
use crate::transfers::{Kept, Transfers};
use crate::update::{Account, Command, PasswordChange, Problem, Proof, Trouble, Update};

/// Quiet for this long: the client pings.
const PING_AFTER: Duration = Duration::from_secs(40);
/// Silent for this long: the connection is dead.
const DEAD_AFTER: Duration = Duration::from_secs(75);
/// How many cursors a 103 lists: what its 4,096 bytes hold beside name and token, at 40 bytes a line.
const CURSORS: usize = 80;
/// How many a 100 lists, which may be longer: all that the protocol allows.
const LISTED_AT_LOG_OUT: usize = 512;

/// What is waiting for a frame with its `ref=`.
#[derive(Debug)]
enum Asked {
    History {
        conv: ConvId,
        limit: u16,
        messages: Vec<Message>,
    },
    People(Vec<(Username, Presence)>),
    /// The new one.
    Password(Password),
    Online(Vec<Username>),
    /// And the message whose state comes next.
    Files {
        files: Vec<(Message, FileState)>,
        message: Option<Message>,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Disconnected,
    LoggingIn { resuming: bool },
    LoggedIn,
    LoggingOut,
    Ended,
}

/// How far a conversation has come in.
#[derive(Clone, Debug, Default)]
struct Cursor {
    /// The last seq that was handed on, in any session.
    seen: Option<Seq>,
    /// Where this session is: the next seq is exactly one above. `None` until the conversation has been
    /// introduced or listed in a 103.
    at: Option<Seq>,
    /// Up to where the server is known to know what was seen: where it begins when a 103 does not list this one.
    noted: Option<Seq>,
    /// Messages of our own that were acknowledged while this session was still behind them: when it gets
    /// there they are no news.
    acknowledged: BTreeSet<Seq>,
}

/// The protocol's state, from log-in to log-out and over every reconnect between. It cannot be printed: what waits to be sent holds
/// passwords and texts.
pub struct Session {
    account: Account,
    state: State,
    token: Option<Token>,
    device: Option<Token>,
    new_device: Option<Token>,
    /// Of the history that the cursors and the token belong to.
    epoch: Option<Epoch>,
    been_in: bool,
    cursors: HashMap<ConvId, Cursor>,
    outbox: Outbox,
    /// Requests to be sent once logged in.
    held: Vec<Command>,
    asked: HashMap<String, Asked>,
    next_reference: u64,
    last_heard: Instant,
    pinged: bool,
    /// How long the server wants to be left alone.
    asked_to_wait: Option<Duration>,
    transfers: Transfers,
    output: VecDeque<Bytes>,
    /// The answer to the server's last ping.
    pong: Option<Bytes>,
    /// Who is online is to be asked again: something may have been left out since it was asked.
    ask_again: bool,
    updates: VecDeque<Update>,
}

impl Session {
    /// A session that is not connected yet.
    #[must_use]
    pub fn new(account: Account, now: Instant) -> Self {
        let ticket = match &account.proof {
            Proof::Ticket(ticket) => Some(ticket.clone()),
            Proof::Password(_) => None,
        };
        let (token, epoch) = ticket.map(|ticket| (ticket.token, ticket.epoch)).unzip();
        Self {
            account,
            state: State::Disconnected,
            token,
            device: None,
            new_device: None,
            epoch,
            been_in: false,
            cursors: HashMap::new(),
            outbox: Outbox::default(),
            held: Vec::new(),
            asked: HashMap::new(),
            next_reference: 0,
            last_heard: now,
            pinged: false,
            asked_to_wait: None,
            transfers: Transfers::default(),
            output: VecDeque::new(),
            pong: None,
            ask_again: false,
            updates: VecDeque::new(),
        }
    }

    /// As [`Self::new`], with the transfers that were not finished.
    pub(crate) fn with_transfers(account: Account, now: Instant, kept: Vec<Kept>) -> Self {
        Self { transfers: Transfers::new(kept), ..Self::new(account, now) }
    }

    /// The next frame to send.
    pub fn poll_output(&mut self) -> Option<Bytes> {
        let of_files = || self.transfers.poll_output();
        self.output.pop_front().or_else(|| self.pong.take()).or_else(of_files)
    }

    /// The next thing to tell.
    pub fn poll_update(&mut self) -> Option<Update> {
        let of_files = || self.transfers.poll_update();
        self.updates.pop_front().or_else(of_files)
    }

    /// Whether nothing more will come of this session.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Ended
    }

    /// How long the server has asked to be left alone, since this was asked last.
    pub fn asked_to_wait(&mut self) -> Option<Duration> {
        self.asked_to_wait.take()
    }

    /// Whether it has been logged in at any time.
    #[must_use]
    pub fn has_been_in(&self) -> bool {
        self.been_in
    }

    /// Whether another command may be taken: at most 1,024 wait for an acknowledgement or a connection.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.outbox.len() + self.held.len() < CAPACITY
    }

    /// A connection is there: log in, or go on.
    pub fn connected(&mut self, now: Instant) {
        self.last_heard = now;
        self.pinged = false;
        self.updates.push_back(Update::Connected);
        let resuming = self.token.is_some() && !self.account.peek;
        self.state = State::LoggingIn { resuming };
        let request = match (&self.token, self.epoch) {
            (Some(token), Some(epoch)) if resuming => {
                let (user, token) = (self.account.user.clone(), token.clone());
                let cursors = latest_cursors(&self.cursors, CURSORS);
                for (conv, seen) in &cursors {
                    self.cursors.entry(*conv).or_default().at = Some(*seen);
                }
                Request::Resume { user, token, epoch, cursors }
            }
            _ => match self.log_in() {
                Some(request) => request,
                None => return self.end(Problem::WrongPassword),
            },
        };
        self.output.push_back(request.encode(None));
    }

    /// The connection is gone. Nothing that was on its way is lost: it is sent again.
    pub fn disconnected(&mut self) {
        self.output.clear();
        (self.pong, self.ask_again) = (None, false);
        self.transfers.disconnected();
        for cursor in self.cursors.values_mut() {
            cursor.at = None;
        }
        let asked = std::mem::take(&mut self.asked);
        for (_, asked) in asked {
            if let Asked::Password(_) = asked {
                self.updates.push_back(Update::Password(PasswordChange::Unknown));
            }
            if let Asked::History { conv, .. } = asked {
                let refusal = Refusal::new(
                    Reason::Other,
                    format!("The connection was lost while reading conversation {conv}."),
                );
                self.updates.push_back(Update::Refused(refusal));
            }
        }
        match self.state {
            State::Ended => {}
            State::LoggingOut => self.end(Problem::LoggedOut),
            _ => self.state = State::Disconnected,
        }
    }

    /// Ends the session for a reason from outside.
    pub fn end(&mut self, problem: Problem) {
        if self.state != State::Ended {
            self.state = State::Ended;
            self.updates.push_back(Update::Ended(problem));
        }
    }

    /// Does what a user interface asks, now or as soon as there is a connection.
    pub fn command(&mut self, command: Command) {
        match (self.state, command) {
            (State::Ended | State::LoggingOut, _) => {}
            (state, Command::Send { cid, to, text }) => {
                let message = Pending { cid, to, text };
                if state == State::LoggedIn {
                    self.output.push_back(message.request().encode(None));
                }
                self.outbox.push(message);
            }
            (State::LoggedIn, Command::LogOut) => {
                self.state = State::LoggingOut;
                // What is on its way to us, and is lost on it, comes at the next log-in.
                let taken = Some(latest_cursors(&self.cursors, LISTED_AT_LOG_OUT));
                self.output.push_back(Request::LogOut { taken }.encode(None));
            }
            (_, Command::LogOut) => self.end(Problem::LoggedOut),
            (_, Command::File(command)) => self.file_command(command),
            // The driver's business.
            (_, Command::TryNow) => {}
            (State::LoggedIn, Command::History { conv, page, limit }) => {
                let request = Request::History { conv, page, limit };
                self.ask(&request, Asked::History { conv, limit, messages: Vec::new() });
            }
            (State::LoggedIn, Command::People) => {
                self.ask(&Request::Who { all: true }, Asked::People(Vec::new()));
            }
            (State::LoggedIn, Command::ChangePassword { old, new }) => self.change_password(old, new),
            (_, later) => self.held.push(later),
        }
    }

    /// When [`Self::tick`] wants to be called.
    #[must_use]
    pub fn next_tick(&self) -> Instant {
        let tick = self.last_heard + if self.pinged { DEAD_AFTER } else { PING_AFTER };
        self.transfers.next_tick().map_or(tick, |rest| rest.min(tick))
    }

    /// Keeps the time. `Err`: the server has been silent for too long; drop the connection.
    ///
    /// # Errors
    /// A sentence that says so.
    pub fn tick(&mut self, now: Instant) -> Result<(), Trouble> {
        self.transfers.tick(now);
        if self.pinged && now >= self.last_heard + DEAD_AFTER {
            return Err(Trouble::Lost("the server does not answer any more".to_owned()));
        }
        if !self.pinged && now >= self.last_heard + PING_AFTER {
            self.pinged = true;
            self.output.push_back(Request::Ping { body: Bytes::new() }.encode(None));
        }
        Ok(())
    }

    /// Takes a frame from the server. `Err`: it broke the protocol; drop the connection and resume.
    ///
    /// # Errors
    /// A sentence that says how.
    pub fn receive(&mut self, frame: &Frame, now: Instant) -> Result<(), Trouble> {
        self.last_heard = now;
        self.pinged = false;
        let reply = match Reply::from_frame(frame) {
            Ok(reply) => reply,
            Err(DecodeError::UnknownCode(_)) => return Ok(()),
            Err(error) => {
                return Err(Trouble::Broken(format!("the server sent something malformed: {error}")));
            }
        };
        self.may_say(&reply)?;
        let reference = frame.tag("ref").map(|reference| reference.into_owned());
        match reference.and_then(|reference| self.asked.remove_entry(&reference)) {
            Some(asked) => self.answered(asked, reply, now),
            None => self.take(reply, now),
        }
    }

    /// A server that has not let this client in has nothing to say but whether it does, and lets nobody in twice.
    fn may_say(&self, reply: &Reply) -> Result<(), Trouble> {
        let waits = matches!(self.state, State::LoggingIn { .. });
        let for_strangers = match reply {
            Reply::LoggedIn { .. } if !waits => {
                return Err(out_of_turn("that it lets somebody in who is in"));
            }
            Reply::LoggedIn { .. }
            | Reply::WrongPassword
            | Reply::AlreadyLoggedIn { .. }
            | Reply::Refused(_)
            | Reply::Goodbye(_)
            | Reply::Ping { .. }
            | Reply::Pong { .. } => true,
            _ => false,
        };
        if waits && !for_strangers { Err(out_of_turn("something before it let anybody in")) } else { Ok(()) }
    }

    fn take(&mut self, reply: Reply, now: Instant) -> Result<(), Trouble> {
        match reply {
            Reply::LoggedIn { user, token, epoch, device, .. } => {
                self.logged_in(user, (token, device), epoch);
            }
            Reply::WrongPassword => self.wrong_password(),
            Reply::AlreadyLoggedIn { since, from } => self.end(Problem::AlreadyLoggedIn { since, from }),
            Reply::Message(message) => return self.message(message),
            Reply::Stored { cid, conv, seq, at, file } => self.stored((cid, file), (conv, seq, at)),
            Reply::NotSent { cid: Some(cid), reason, who, sentence } => {
                self.not_sent(cid, reason, (who, sentence));
            }
            Reply::Hole { conv, from, to } => return self.hole(conv, from, to),
            Reply::StartOver { conv } => self.start_over(conv),
            Reply::Conversation { conv, kind, members, head, after } => {
                let cursor = self.cursors.entry(conv).or_default();
                (cursor.at, cursor.noted) = (Some(after), Some(after));
                self.updates.push_back(Update::Conversation { conv, kind, members, head, after });
            }
            Reply::Joined(people) => self.updates.push_back(Update::Joined(people)),
            Reply::InTheClear(people) => self.updates.push_back(Update::InTheClear(people)),
            Reply::NextIdentity(announced) => self.updates.push_back(Update::NextIdentity(announced)),
            Reply::Left(people) => self.updates.push_back(Update::Left(people)),
            Reply::CaughtUp => self.caught_up(),
            // One that comes before the last is answered is from a server that does not listen: it gets no more for it.
            Reply::Ping { body } => self.pong = Some(Request::Pong { body }.encode(None)),
            Reply::Refused(refusal) => return self.refused(refusal),
            Reply::Goodbye(refusal) => return self.goodbye(refusal),
            Reply::Chunk { .. } | Reply::GoOn { .. } | Reply::FileState(_) | Reply::FileRefused { .. } => {
                self.hear_of_file(reply, now);
            }
            // Answers that nobody waits for any more, and what belongs to registration.
            Reply::Pong { .. }
            | Reply::End { .. }
            | Reply::Online { .. }
            | Reply::Everyone { .. }
            | Reply::Registered
            | Reply::NameTaken
            | Reply::PasswordChanged
            // Whoever asks for the list of files gets offers instead.
            | Reply::SmallFile { .. }
            | Reply::NotSent { cid: None, .. } => {}
        }
        Ok(())
    }

    fn message(&mut self, message: Message) -> Result<(), Trouble> {
        let fresh = self.advance(message.conv, (message.seq, message.seq))?;
        let offered = message.cid.zip(message.file.as_ref().map(|file| file.id));
        if let Some(offered) = offered.and_then(|(cid, file)| self.offered(cid, file)) {
            let (Some(cid), conv, seq, at) = (message.cid, message.conv, message.seq, message.at) else {
                return Ok(());
            };
            self.updates.extend([offered, Update::Sent { cid, conv, seq, at }]);
        } else if let Some(sent) = message.cid.and_then(|cid| self.outbox.settle(cid)) {
            let (cid, conv, seq, at) = (sent.cid, message.conv, message.seq, message.at);
            self.updates.push_back(Update::Sent { cid, conv, seq, at });
        } else if fresh {
            self.updates.push_back(Update::Message(message));
        }
        Ok(())
    }

    /// An acknowledgement counts as its message's place exactly when that is the next one.
    fn stored(&mut self, (cid, file): (Cid, Option<FileId>), (conv, seq, at): (ConvId, Seq, u64)) {
        let offered = file.and_then(|file| self.offered(cid, file));
        let known = offered.is_some() || self.outbox.settle(cid).is_some();
        let cursor = self.cursors.entry(conv).or_default();
        if cursor.at.is_some_and(|last| last < seq && last.next() == seq) {
            cursor.at = Some(seq);
            cursor.seen = cursor.seen.max(Some(seq));
        } else if known && cursor.seen < Some(seq) {
            cursor.acknowledged.insert(seq);
        }
        self.updates.extend(offered);
        if known {
            self.updates.push_back(Update::Sent { cid, conv, seq, at });
        }
    }

    fn hole(&mut self, conv: ConvId, from: Seq, to: Seq) -> Result<(), Trouble> {
        if self.advance(conv, (from, to))? {
            self.updates.push_back(Update::Hole { conv, from, to });
        }
        Ok(())
    }

    /// Moves a cursor over the seqs `from` to `to`, which have to be the next ones. Whether they are new to
    /// this client: a resumed session may begin with some that are not.
    fn advance(&mut self, conv: ConvId, (from, to): (Seq, Seq)) -> Result<bool, Trouble> {
        let cursor = self.cursors.entry(conv).or_default();
        // The last one there can be is its own next.
        if cursor.at.map(Seq::next) != Some(from) || cursor.at == Some(from) {
            return Err(Trouble::Broken(format!(
                "the server left out or repeated messages of conversation {conv} before {from}"
            )));
        }
        cursor.at = Some(to);
        let later = cursor.acknowledged.split_off(&to.next());
        let acknowledged = std::mem::replace(&mut cursor.acknowledged, later);
        let unseen = cursor.seen.map_or(from, |seen| from.max(seen.next()));
        let own = u64::try_from(acknowledged.range(unseen..).count()).unwrap_or(u64::MAX);
        let fresh = (to.get() + 1).saturating_sub(unseen.get()) > own;
        cursor.seen = cursor.seen.max(Some(to));
        Ok(fresh)
    }

    fn not_sent(&mut self, cid: Cid, reason: Reason, (who, sentence): (Vec<String>, String)) {
        let refusal = Refusal::new(reason, sentence.clone());
        if self.outbox.settle(cid).is_some() || self.transfers.not_sent(cid, refusal) {
            self.updates.push_back(Update::NotSent { cid, reason, who, sentence });
        }
    }

    fn start_over(&mut self, conv: Option<ConvId>) {
        match conv {
            Some(conv) => drop(self.cursors.remove(&conv)),
            None => self.cursors.clear(),
        }
        self.updates.push_back(Update::StartOver(conv));
    }

    /// Presence may have been left out while this client was behind: ask.
    fn caught_up(&mut self) {
        self.updates.push_back(Update::CaughtUp);
        self.ask_who();
    }

    /// One question at a time, however often there is a reason for it.
    fn ask_who(&mut self) {
        self.ask_again = self.asked.values().any(|asked| matches!(asked, Asked::Online(_)));
        if !self.ask_again {
            self.ask(&Request::Who { all: false }, Asked::Online(Vec::new()));
        }
    }
}

fn out_of_turn(what: &str) -> Trouble {
    Trouble::Broken(format!("the server said {what}"))
}

/// Those in which most has been seen that the server does not know of: what is not listed it sends again from where it
/// last knew, and nothing is sent again of a conversation in which that is all.
fn latest_cursors(cursors: &HashMap<ConvId, Cursor>, most: usize) -> Vec<(ConvId, Seq)> {
    let news = |seen: Seq, noted: Option<Seq>| seen.get().saturating_sub(noted.unwrap_or_default().get());
    let known = cursors
        .iter()
        .filter_map(|(conv, cursor)| cursor.seen.map(|seen| (news(seen, cursor.noted), *conv, seen)));
    let mut known: Vec<_> = known.collect();
    known.sort_unstable_by(|a, b| b.cmp(a));
    known.truncate(most);
    known.into_iter().map(|(_, conv, seen)| (conv, seen)).collect()
}

#[cfg(test)]
mod tests;
