//! What is done about the account: another password.

use egui::Context;
use sotto_client::{Command, PasswordChange};
use sotto_proto::Reason;

use super::{App, Screen};
use crate::action::{Overlay, Page};
use crate::backend::Ask;
use crate::saying::Saying;
use crate::strings::Key;
use crate::views::account::{Outcome, Part};

impl App {
    /// Asks for another password. The old one is typed anew, and not the one that was logged in with: at a desk that was left,
    /// whoever sits there could lock its owner out.
    pub(super) fn change_password(&mut self) {
        let Screen::Chat(chat) = &mut self.screen else {
            return;
        };
        let Some((old, new)) = chat.new_password.checked() else {
            return;
        };
        let asked = self.world.backend.ask(Ask::Do(Command::ChangePassword { old: Some(old), new }));
        if asked {
            (chat.new_password.busy, chat.new_password.outcome) = (true, None);
        } else {
            chat.new_password.say(Key::RefusedBusy, Part::New);
        }
    }

    /// Says what has become of it: where it was asked for, or, if that is not to be seen any more, at the lower edge.
    pub(super) fn password_answered(&mut self, ctx: &Context, change: &PasswordChange) {
        let Screen::Chat(chat) = &mut self.screen else {
            return;
        };
        let typed = &mut chat.new_password;
        typed.busy = false;
        let (why, part): (Saying, Part) = match change {
            PasswordChange::Changed => {
                // What was filled in for the log-in card is not it any more.
                self.world.password = None;
                typed.forget(ctx);
                typed.outcome = Some(Outcome::Changed);
                (Key::PassDone.into(), Part::Old)
            }
            PasswordChange::WrongOld => (Key::PassWrongOld.into(), Part::Old),
            PasswordChange::Refused(refusal) if refusal.reason == Reason::Throttled => {
                (refusal.into(), Part::Old)
            }
            PasswordChange::Refused(refusal) => (refusal.into(), Part::New),
            PasswordChange::Unknown => (Key::PassUnknown.into(), Part::Old),
        };
        if chat.overlay != Some(Overlay::Settings(Page::Account)) {
            self.toast(why);
        } else if *change != PasswordChange::Changed {
            typed.say(why, part);
        }
    }
}
