//! Being let in, or not.

use sotto_proto::{Epoch, Reason, Refusal, Request, Token, Username};

use super::{Session, State};
use crate::ticket::Ticket;
use crate::update::{Account, Problem, Proof, Trouble, Update};

impl Session {
    /// By what the server knows this device, from an earlier log-in of this account.
    pub(crate) fn known_as(self, device: Option<Token>) -> Self {
        Self { device, ..self }
    }

    /// What the server knows this device by from now on, once: to be kept for later.
    pub(crate) fn poll_device(&mut self) -> Option<Token> {
        self.new_device.take()
    }

    pub(super) fn logged_in(
        &mut self,
        user: Username,
        (token, device): (Token, Option<Token>),
        epoch: Epoch,
    ) {
        let resumed = self.state == State::LoggingIn { resuming: true };
        self.state = State::LoggedIn;
        let ticket = Ticket { token: token.clone(), epoch };
        self.token = Some(token);
        if device.is_some() {
            self.device.clone_from(&device);
            self.new_device = device;
        }
        let restored = self.epoch.replace(epoch).is_some_and(|known| known != epoch);
        if resumed {
            // What the 103 listed.
            self.cursors.values_mut().for_each(|cursor| cursor.noted = cursor.at.or(cursor.noted));
        }
        // From now on the account is ours: a later log-in of our own does not push anybody out.
        self.account.take_over = false;
        // With a ticket nothing went on here: there has been no session of this one's before.
        let resumed_here = resumed && self.been_in;
        self.been_in = true;
        self.updates.push_back(Update::LoggedIn { user, epoch, resumed: resumed_here });
        if !resumed && !self.account.peek {
            self.updates.push_back(Update::Ticket(ticket));
        }
        if restored && !resumed {
            // No 215 comes after a log-in with the password, and what was seen counts for nothing here either.
            self.start_over(None);
        }
        self.output.extend(self.outbox.iter().map(|message| message.request().encode(None)));
        if !self.account.peek {
            self.list_files();
        }
        self.transfers.connected();
        for command in std::mem::take(&mut self.held) {
            self.command(command);
        }
    }

    /// A token that is not accepted means that the password has to be shown again.
    pub(super) fn wrong_password(&mut self) {
        if self.state != (State::LoggingIn { resuming: true }) {
            return self.end(Problem::WrongPassword);
        }
        self.token = None;
        let Some(request) = self.log_in() else {
            return self.end(Problem::WrongPassword);
        };
        self.state = State::LoggingIn { resuming: false };
        self.output.push_back(request.encode(None));
    }

    /// `None`: there is no password to log in with.
    pub(super) fn log_in(&self) -> Option<Request> {
        let Account { user, proof, take_over, peek } = self.account.clone();
        let Proof::Password(password) = proof else {
            return None;
        };
        Some(Request::LogIn { user, password, take_over, peek, device: self.device.clone() })
    }

    pub(super) fn refused(&mut self, refusal: Refusal) -> Result<(), Trouble> {
        match (self.state, refusal.reason) {
            (State::LoggingIn { .. }, Reason::Busy) => {
                self.asked_to_wait = refusal.retry_after;
                return Err(Trouble::Busy(refusal));
            }
            // So has somebody who guesses this account's password: what was going on goes on later.
            (State::LoggingIn { .. }, Reason::Throttled) if self.has_been_in() => {
                self.asked_to_wait = refusal.retry_after;
                return Err(Trouble::Busy(refusal));
            }
            // A disk that fails for a moment must not end what had been going on.
            (State::LoggingIn { .. }, Reason::Internal) if self.has_been_in() => {
                return Err(Trouble::Busy(refusal));
            }
            (State::LoggingIn { .. }, _) => self.end(Problem::Refused(refusal)),
            _ => self.updates.push_back(Update::Refused(refusal)),
        }
        Ok(())
    }

    pub(super) fn goodbye(&mut self, refusal: Refusal) -> Result<(), Trouble> {
        match (self.state, refusal.reason) {
            (State::LoggingOut, _) => self.end(Problem::LoggedOut),
            (_, Reason::Replaced) => self.end(Problem::Replaced),
            _ => {
                self.asked_to_wait = refusal.retry_after;
                return Err(Trouble::Goodbye(refusal));
            }
        }
        Ok(())
    }
}
