//! What is done about staying logged in: a ticket is looked for, kept, and let go of. What may wait for it is the backend's thread.

use sotto_client::{Account, Proof, Ticket};
use sotto_proto::Username;

use super::doing::dial;
use super::{App, Screen};
use crate::action::Overlay;
use crate::backend::Ask;
use crate::staying::{Name, NoKeyring};
use crate::strings::Key;
use crate::views::login::{Focus, LogIn};

impl App {
    /// Logs in without the password, if whoever was here last has said so. False: there is nothing to do it with.
    pub(super) fn go_on(&mut self) -> bool {
        let Screen::LogIn(state) = &mut self.screen else {
            return false;
        };
        let Some(name) = name(state) else {
            return false;
        };
        if self.world.profile.ticket((&name.address, &name.user)).is_none() {
            return false;
        }
        (state.busy, state.problem, state.stay) = (Some(Key::LoginBusy), None, true);
        self.world.backend.begin(Ask::FindTicket(name))
    }

    /// What was kept, if it could be had.
    pub(super) fn found(&mut self, found: &Result<Option<Ticket>, NoKeyring>) {
        let Screen::LogIn(state) = &mut self.screen else {
            return;
        };
        let why = match (found, state.user.trim().parse::<Username>()) {
            (Ok(Some(ticket)), Ok(user)) => {
                let dial = dial(&self.world.profile, (&state.link, state.pin));
                let proof = Proof::Ticket(ticket.clone());
                let account = Account { user, proof, take_over: false, peek: false };
                self.world.backend.begin(Ask::LogIn(dial, account));
                return;
            }
            (Ok(_), _) => Key::StayOver,
            (Err(_), _) => Key::StayNoKeyring,
        };
        (state.busy, state.problem, state.focus) = (None, Some(why.into()), Some(Focus::Password));
    }

    /// There is a ticket for this session: it is kept, or the one that was kept before is not any more.
    pub(super) fn take_ticket(&mut self, ticket: Ticket) {
        let Screen::Chat(chat) = &mut self.screen else {
            return;
        };
        let name = Name { address: chat.link.address(), user: chat.user.clone() };
        let ask = if chat.stays {
            chat.ticket = Some(ticket.clone());
            Ask::KeepTicket(name, ticket)
        } else {
            Ask::ForgetTicket(name)
        };
        self.world.backend.ask(ask);
    }

    /// It is kept, or there is no keyring: then its owner is asked whether a file will do.
    pub(super) fn kept(&mut self, kept: &Result<(), NoKeyring>) {
        let Screen::Chat(chat) = &mut self.screen else {
            return;
        };
        match kept {
            Ok(()) => chat.ticket = None,
            Err(_) if chat.ticket.is_some() && chat.overlay.is_none() => {
                chat.overlay = Some(Overlay::KeepInFile);
            }
            Err(_) => {
                chat.ticket = None;
                self.toast(Key::StayNot);
            }
        }
    }

    /// It is to be kept in a file.
    pub(super) fn keep_in_file(&mut self) {
        let Screen::Chat(chat) = &mut self.screen else {
            return;
        };
        chat.overlay = None;
        if let Some(ticket) = chat.ticket.take() {
            let name = Name { address: chat.link.address(), user: chat.user.clone() };
            self.world.backend.ask(Ask::KeepTicketInFile(name, ticket));
        }
    }

    /// What was kept for this account is not worth anything any more, or is not to be.
    pub(super) fn forget_ticket(&mut self) {
        let name = match &self.screen {
            Screen::LogIn(state) => name(state),
            Screen::Chat(chat) => Some(Name { address: chat.link.address(), user: chat.user.clone() }),
            Screen::Connect(_) | Screen::Trust(_) => None,
        };
        let kept = |name: &Name| self.world.profile.ticket((&name.address, &name.user)).is_some();
        if let Some(name) = name.filter(kept) {
            self.world.backend.ask(Ask::ForgetTicket(name));
        }
    }
}

fn name(state: &LogIn) -> Option<Name> {
    let user = state.user.trim().parse().ok()?;
    Some(Name { address: state.link.address(), user })
}
