//! What is done about what the program is told.

use egui::{Context, UserAttentionType, ViewportCommand};
use sotto_client::{
    Command, ConnectError, Problem, Recipients, RegisterError, Rooms, TrustError, Update, visible,
};
use sotto_proto::{Link, Message, Reason, Username};

use super::{App, Screen};
use crate::backend::Told;
use crate::notify::{News, note};
use crate::saying::Saying;
use crate::strings::Key;
use crate::views::chat::{Chat, Connection};
use crate::views::login::{Focus, LogIn, Question};
use crate::views::trust::Doubt;

impl App {
    pub(super) fn told(&mut self, ctx: &Context, told: Told) {
        match told {
            Told::Looked(link, outcome) => self.looked(link, outcome),
            Told::Registered(outcome) => self.registered(outcome),
            Told::Ticket(found) => self.found(&found),
            Told::Kept(kept) => self.kept(&kept),
            Told::Update(update) => self.update(ctx, update),
            Told::Picked(picked) => self.picked(picked),
            Told::Thumb(path, image) => {
                if let Screen::Chat(chat) = &self.screen {
                    chat.thumbs.keep(ctx, (path, image));
                }
            }
            Told::NotKept(why) => self.toast(Saying::from(&why)),
        }
    }

    fn looked(&mut self, link: Link, outcome: Result<(), ConnectError>) {
        let Screen::Connect(state) = &mut self.screen else {
            return;
        };
        state.busy = false;
        match outcome {
            Ok(()) => match self.world.profile.trust(&link).ok().and_then(|trust| trust.pin()) {
                Some(pin) => self.believed(link, pin),
                None => state.problem = Some(Key::TrustInvalid.into()),
            },
            Err(ConnectError::NotTrusted(TrustError::Unknown(seen))) => {
                let (pasted, explained) = (String::new(), false);
                self.screen =
                    Screen::Trust(Doubt { link, seen: seen.pin, expected: None, pasted, explained });
            }
            Err(ConnectError::NotTrusted(error @ TrustError::Changed { .. })) => self.changed(link, &error),
            Err(error) => state.problem = Some((&error).into()),
        }
    }

    /// A full stop: nothing has been sent, and nothing will be until the user says who this is.
    fn changed(&mut self, link: Link, error: &TrustError) {
        let TrustError::Changed { expected, seen } = error else {
            return;
        };
        let servers = self.world.profile.servers().unwrap_or_default();
        let known =
            servers.into_iter().find(|server| server.address == link.address() && server.pin == *expected);
        let since = known.and_then(|server| server.trusted_at);
        let (pasted, explained) = (String::new(), false);
        let expected = Some((*expected, since));
        self.screen = Screen::Trust(Doubt { link, seen: seen.pin, expected, pasted, explained });
    }

    fn registered(&mut self, outcome: Result<(), RegisterError>) {
        let Screen::LogIn(state) = &mut self.screen else {
            return;
        };
        state.busy = None;
        state.question = Some(match outcome {
            Ok(()) => Question::Registered,
            Err(RegisterError::NameTaken) => Question::Taken,
            Err(RegisterError::Connect(ConnectError::NotTrusted(error @ TrustError::Changed { .. }))) => {
                let link = state.link.clone();
                return self.changed(link, &error);
            }
            Err(error) => {
                if let RegisterError::Refused(refusal) = &error {
                    state.wants_invite |= refusal.reason == Reason::NotInvited;
                }
                Question::NotRegistered((&error).into())
            }
        });
    }

    fn update(&mut self, ctx: &Context, update: Update) {
        self.note_identity(&update);
        match &mut self.screen {
            Screen::LogIn(_) => self.logging_in(ctx, update),
            Screen::Chat(_) => self.chatting(ctx, update),
            Screen::Connect(_) | Screen::Trust(_) => {}
        }
    }

    /// What a server says of its own identity is kept, and said. It has been verified.
    fn note_identity(&mut self, update: &Update) {
        let (link, pin) = match &mut self.screen {
            Screen::LogIn(state) => (&state.link, &mut state.pin),
            Screen::Chat(chat) => (&chat.link, &mut chat.pin),
            Screen::Connect(_) | Screen::Trust(_) => return,
        };
        let address = link.address();
        let (kept, saying) = match update {
            Update::NextIdentity(announced) => {
                (self.world.profile.expect(&address, announced.next), Key::IdentityNext)
            }
            Update::IdentityChanged(next) => {
                *pin = *next;
                (self.world.profile.change_over(&address, *next), Key::IdentityChanged)
            }
            _ => return,
        };
        self.toast(Saying::with(saying, "host", address));
        if let Err(error) = kept {
            self.toast(Saying::from(&error));
        }
    }

    fn logging_in(&mut self, ctx: &Context, update: Update) {
        let Screen::LogIn(state) = &mut self.screen else {
            return;
        };
        match update {
            Update::LoggedIn { ref user, .. } => {
                let user = user.clone();
                self.enter(user);
                self.chatting(ctx, update);
            }
            Update::Reconnecting { why, .. } => state.problem = Some((&why).into()),
            Update::Ended(problem) => {
                state.busy = None;
                if let Problem::NotTrusted(error @ TrustError::Changed { .. }) = &problem {
                    let link = state.link.clone();
                    return self.changed(link, error);
                }
                let over = problem == Problem::WrongPassword && state.password.is_empty();
                not_logged_in(state, problem);
                if over {
                    // It was tried without one.
                    state.problem = Some(Key::StayOver.into());
                    self.forget_ticket();
                }
            }
            _ => {}
        }
    }

    /// Logged in: the main window.
    fn enter(&mut self, user: Username) {
        let Screen::LogIn(state) = &mut self.screen else {
            return;
        };
        state.password.clear();
        let (link, pin, stays) = (state.link.clone(), state.pin, state.stay);
        let address = link.address();
        let seconds = self.look.now / 1000;
        let remembered = self.world.profile.remember(address.clone(), pin, (Some(user.to_string()), seconds));
        if let Err(error) = remembered {
            self.toast(Saying::from(&error));
        }
        let notes = self.world.profile.notes((&address, &user));
        self.kept = notes.clone();
        let chat = Chat { stays, ..Chat::new(Rooms::new(notes), (link, pin), user) };
        self.screen = Screen::Chat(Box::new(chat));
    }

    fn chatting(&mut self, ctx: &Context, update: Update) {
        let now = self.look.now;
        let Screen::Chat(chat) = &mut self.screen else {
            return;
        };
        let came = newcomers(chat, &update);
        let stranger = names_a_stranger(chat, &update);
        let live = chat.rooms.is_caught_up();
        chat.rooms.apply(&update, now);
        super::files::note_speed(chat, &update, now);
        match update {
            Update::Connected => chat.connection = Connection::Connecting,
            Update::LoggedIn { resumed, .. } => {
                (chat.connection, chat.offline_since) = (Connection::Online, None);
                if !resumed {
                    let draft =
                        chat.rooms.get(&chat.open).map(|room| room.draft().to_owned()).unwrap_or_default();
                    if chat.composer.text.is_empty() {
                        chat.composer.put(ctx, draft);
                    }
                }
                self.do_all([Command::People]);
            }
            Update::Reconnecting { wait, why } => {
                let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                chat.connection = Connection::Waiting(now.saturating_add(wait), why);
                chat.offline_since.get_or_insert(now);
            }
            Update::CaughtUp => {
                // What was marked as new before a cut stays marked.
                let open = chat.open.clone();
                if chat.rooms.get(&open).is_some_and(|room| room.marker().is_none()) {
                    chat.rooms.open(&open);
                }
                let previews = chat.rooms.previews();
                self.do_all(previews);
            }
            Update::Message(message) if live => self.announce(ctx, &message),
            Update::Ended(problem) => self.ended(problem),
            Update::Ticket(ticket) => self.take_ticket(ticket),
            Update::Password(change) => self.password_answered(ctx, &change),
            _ => {}
        }
        if let (Screen::Chat(chat), Some(came)) = (&mut self.screen, came) {
            chat.excluded = Some(came);
        }
        if stranger {
            self.do_all([Command::People]);
        }
        self.notes_changed();
    }

    fn ended(&mut self, problem: Problem) {
        let Screen::Chat(chat) = &mut self.screen else {
            return;
        };
        match problem {
            Problem::LoggedOut => {
                let (link, pin, user) = (chat.link.clone(), chat.pin, chat.user.to_string());
                self.world.password = None;
                self.ask_who(link, pin, user);
            }
            Problem::NotTrusted(error @ TrustError::Changed { .. }) => {
                let link = chat.link.clone();
                self.changed(link, &error);
            }
            Problem::WrongPassword => {
                chat.connection = Connection::Ended(Problem::WrongPassword);
                self.forget_ticket();
            }
            problem => chat.connection = Connection::Ended(problem),
        }
    }

    /// Tells somebody who is not looking that there is a message.
    fn announce(&mut self, ctx: &Context, message: &Message) {
        let Screen::Chat(chat) = &mut self.screen else {
            return;
        };
        let me = chat.rooms.model().me().cloned();
        let Some(room) = chat.rooms.of(message.conv).map(|room| room.audience().clone()) else {
            return;
        };
        let focused = ctx.input(|input| input.focused);
        if Some(&message.from) == me.as_ref() || focused && room == chat.open {
            return;
        }
        if room == chat.open && chat.rooms.get(&room).is_some_and(|room| room.marker().is_none()) {
            chat.rooms.open(&room);
        }
        let name = self.look.room_name(&room, me.as_ref());
        let news = News {
            from: message.from.as_str(),
            text: &visible(message.text.as_str()),
            room: &room,
            chat: &name,
        };
        if let (Some(note), Some(notifier)) = (note(&self.look, &news), &self.notifier) {
            notifier.send(note);
        }
        if !focused {
            ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(UserAttentionType::Informational));
        }
    }
}

/// Somebody nobody knew of comes in while a set of people is ticked: he is not among them.
fn newcomers(chat: &Chat, update: &Update) -> Option<Username> {
    let (Update::Joined(names), Recipients::Only(ticked)) = (update, &chat.recipients) else {
        return None;
    };
    let model = chat.rooms.model();
    let is_new = |name: &&Username| {
        !ticked.contains(*name) && model.presence(name).is_none() && model.me() != Some(*name)
    };
    names.iter().find(is_new).cloned()
}

/// Somebody has an account since the list of everyone was read.
fn names_a_stranger(chat: &Chat, update: &Update) -> bool {
    let model = chat.rooms.model();
    let unknown = |name: &Username| model.presence(name).is_none() && model.me() != Some(name);
    chat.rooms.is_caught_up()
        && match update {
            Update::Message(message) => unknown(&message.from),
            Update::Conversation { members, .. } => members.iter().any(unknown),
            _ => false,
        }
}

fn not_logged_in(state: &mut LogIn, problem: Problem) {
    state.focus = Some(Focus::Password);
    match problem {
        Problem::AlreadyLoggedIn { from, since } => state.question = Some(Question::Already { from, since }),
        Problem::LoggedOut => {}
        problem => state.problem = Some((&problem).into()),
    }
}
