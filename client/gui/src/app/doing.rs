//! What is done about what the user did.

use egui::{Context, Key as Keyboard, Modifiers, ThemePreference, Ui, ViewportCommand};
use sotto_client::{Account, Command, Dial, Fate, FileCommand, Profile, Recipients, Registration, Trust};
use sotto_proto::{Audience, Link, MessageText, Password, Pin, Username};

use super::{App, Screen};
use crate::action::{Action, Overlay};
use crate::backend::Ask;
use crate::notify::Note;
use crate::saying::Saying;
use crate::settings::{Settings, clamp_zoom};
use crate::strings::Key;
use crate::views::chat::Chat;
use crate::views::login::{Focus, LogIn, Question};
use crate::views::people::tickable;
use crate::views::search::Search;
use crate::views::switcher::Switcher;
use crate::views::timeline::Anchor;

impl App {
    pub(crate) fn obey(&mut self, ctx: &Context, action: Action) {
        match action {
            Action::Change(settings) => self.change(ctx, settings),
            Action::CopyText(text) => {
                ctx.copy_text(text);
                self.toast(Key::Copied);
            }
            Action::OpenLink(url) => ctx.open_url(egui::OpenUrl::new_tab(url)),
            Action::Connect(link) => self.connect(link),
            Action::Forget(address) => self.forget(&address),
            Action::Trust(pin) => self.trust(pin),
            Action::Leave => self.leave(),
            Action::LogIn { take_over } => self.log_in(take_over),
            Action::AskRegister => self.ask_register(),
            Action::Register => self.register(),
            Action::Quit => self.quit(ctx),
            Action::QuitAnyway => self.quit_anyway(ctx),
            Action::TestNotification => self.test_notification(),
            Action::Again => self.again(),
            other => self.obey_chat(ctx, other),
        }
    }

    /// What only makes sense with a session.
    fn obey_chat(&mut self, ctx: &Context, action: Action) {
        // Reading on is asked for in every frame near the beginning; there is nothing in it to write down.
        if !matches!(action, Action::Older(_)) {
            self.notes_changed();
        }
        let Screen::Chat(chat) = &mut self.screen else {
            return;
        };
        match action {
            Action::Open(room) => open(ctx, chat, &room),
            Action::Send => self.send_written(ctx),
            Action::Say(text) => {
                let to = chat.open.clone();
                self.send(&to, &text);
            }
            Action::Retry(cid) => match chat.rooms.retry(cid, self.look.now) {
                Ok(Some(command)) => drop(self.hand_over(command)),
                Ok(None) => {}
                Err(_) => self.toast(Key::RefusedInternal),
            },
            Action::Discard(cid) => chat.rooms.unsend(cid),
            Action::Older(limit) => {
                let asked = chat.rooms.older(&chat.open, limit);
                self.do_all(asked);
            }
            Action::Fill(gap) => {
                let asked = chat.rooms.fill(&chat.open, gap);
                self.do_all(asked);
            }
            Action::Seen(place) => {
                let open = chat.open.clone();
                chat.rooms.seen(&open, place);
            }
            Action::MarkUnread(place) => {
                let open = chat.open.clone();
                chat.rooms.mark_unread(&open, place);
            }
            Action::Tick(name) => {
                let people = tickable(chat.rooms.model());
                chat.recipients.toggle(&name, &people);
                chat.excluded = None;
            }
            Action::TickAll => (chat.recipients, chat.excluded) = (Recipients::Everyone, None),
            Action::TickNone => (chat.recipients, chat.excluded) = (Recipients::nobody(), None),
            Action::TryNow => drop(self.world.backend.ask(Ask::Do(Command::TryNow))),
            Action::Step { back, unread } => step(ctx, chat, (back, unread)),
            Action::AskLink(url) => chat.overlay = Some(Overlay::Link(url)),
            Action::Show(overlay) => show(ctx, chat, overlay),
            Action::Search => chat.search = Some(Search::default()),
            Action::ChangePassword => self.change_password(),
            Action::KeepInFile => self.keep_in_file(),
            Action::LogOut => {
                chat.overlay = None;
                self.forget_ticket();
                self.write_notes(ctx);
                self.world.backend.ask(Ask::Do(Command::LogOut));
            }
            other => self.obey_file(ctx, other),
        }
    }

    fn change(&mut self, ctx: &Context, settings: Settings) {
        if settings.lang != self.settings.lang {
            crate::fonts::add_system(ctx, settings.shown_lang());
        }
        ctx.set_theme(ThemePreference::from(settings.theme));
        ctx.set_zoom_factor(settings.zoom);
        self.settings = settings;
        if let Err(error) = self.settings.save(&self.world.profile) {
            self.toast(Saying::from(&error));
        }
        ctx.request_repaint();
    }

    /// Keys that work everywhere.
    pub(super) fn window_keys(&mut self, ui: &Ui) {
        let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, key));
        let wheel = ui.input(egui::InputState::zoom_delta);
        let by = match () {
            () if pressed(Keyboard::Plus) || pressed(Keyboard::Equals) || wheel > 1.0 => 0.1,
            () if pressed(Keyboard::Minus) || wheel < 1.0 => -0.1,
            () if pressed(Keyboard::Num0) => 1.0 - self.settings.zoom,
            () => 0.0,
        };
        let zoom = clamp_zoom(self.settings.zoom + by);
        if (zoom - self.settings.zoom).abs() > 0.01 {
            self.change(ui.ctx(), Settings { zoom, ..self.settings.clone() });
        }
        if pressed(Keyboard::Q) {
            self.quit(ui.ctx());
        }
    }

    /// Finds out whether the server is there and is the one that is believed.
    pub(super) fn connect(&mut self, link: Link) {
        let known = self.world.profile.trust(&link);
        let Screen::Connect(state) = &mut self.screen else {
            return;
        };
        let trust = match known {
            Ok(trust) => trust,
            Err(error) => {
                state.problem = Some(Saying::from(&error));
                return;
            }
        };
        if state.typed.is_empty() {
            state.typed = link.to_string();
        }
        (state.busy, state.problem) = (true, None);
        let dial = Dial { trust, ..Dial::new(&link, Trust::Nothing) };
        self.world.backend.begin(Ask::Look(link, dial));
    }

    fn forget(&mut self, address: &str) {
        let forgotten = self.world.profile.forget(address);
        let mut connect = self.first_screen();
        if let Err(error) = forgotten {
            connect.problem = Some(Saying::from(&error));
        }
        self.screen = Screen::Connect(connect);
    }

    /// The user says who the server is. It is remembered, and only now can anything be sent to it.
    fn trust(&mut self, pin: Pin) {
        let Screen::Trust(doubt) = &self.screen else {
            return;
        };
        if pin == doubt.seen {
            let link = Link { pin: Some(pin), ..doubt.link.clone() };
            self.believed(link, pin);
        }
    }

    /// A server has proven to be the one: who wants to log in?
    pub(super) fn believed(&mut self, link: Link, pin: Pin) {
        let address = link.address();
        let seconds = self.look.now / 1000;
        if let Err(error) = self.world.profile.remember(address.clone(), pin, (None, seconds)) {
            self.toast(Saying::from(&error));
        }
        let servers = self.world.profile.servers().unwrap_or_default();
        let known =
            servers.into_iter().find(|server| server.address == address).and_then(|server| server.user);
        let user = self.user.clone().or(known).unwrap_or_default();
        self.ask_who(link, pin, user);
        self.go_on();
    }

    /// Back to the first screen; whatever was under way is given up.
    fn leave(&mut self) {
        self.world.backend.begin(Ask::Leave);
        self.screen = Screen::Connect(self.first_screen());
    }

    fn log_in(&mut self, take_over: bool) {
        let Screen::LogIn(state) = &mut self.screen else {
            return;
        };
        if state.password.is_empty() && state.stay && !take_over && self.go_on() {
            return;
        }
        let Screen::LogIn(state) = &mut self.screen else {
            return;
        };
        if let Some((user, password)) = typed(state) {
            (state.busy, state.problem) = (Some(Key::LoginBusy), None);
            let dial = dial(&self.world.profile, (&state.link, state.pin));
            let account = Account { user, proof: password.into(), take_over, peek: false };
            self.world.backend.begin(Ask::LogIn(dial, account));
        }
    }

    fn ask_register(&mut self) {
        if let Screen::LogIn(state) = &mut self.screen
            && typed(state).is_some()
        {
            state.question = Some(Question::Register);
        }
    }

    fn register(&mut self) {
        let Screen::LogIn(state) = &mut self.screen else {
            return;
        };
        if let Some((user, password)) = typed(state) {
            (state.busy, state.problem) = (Some(Key::RegBusy), None);
            let dial = dial(&self.world.profile, (&state.link, state.pin));
            let by_hand = Some(state.invite.trim().to_owned()).filter(|code| !code.is_empty());
            let invite = by_hand.or_else(|| state.link.invite.clone());
            self.world.backend.begin(Ask::Register(dial, Registration { user, password, invite }));
        }
    }

    /// After the session has ended: the log-in card again.
    fn again(&mut self) {
        let Screen::Chat(chat) = &self.screen else {
            return;
        };
        let (link, pin, user) = (chat.link.clone(), chat.pin, chat.user.to_string());
        self.world.backend.begin(Ask::Leave);
        self.ask_who(link, pin, user);
    }

    fn send_written(&mut self, ctx: &Context) {
        let Screen::Chat(chat) = &mut self.screen else {
            return;
        };
        let text = chat.composer.clean(ctx);
        if let Ok(to) = chat.audience(&self.look)
            && self.send(&to, text.trim_end())
        {
            let Screen::Chat(chat) = &mut self.screen else {
                return;
            };
            chat.composer.put(ctx, String::new());
            chat.composer.wants_focus = true;
            let open = chat.open.clone();
            chat.rooms.keep_draft(&open, "");
            // What goes to one is a talk with that one.
            if matches!(&to, Audience::Set(names) if names.len() == 1) && open == Audience::Everyone {
                self::open(ctx, chat, &to);
            }
        }
    }

    /// Puts a message on its way; false: it is not, and the text stays where it is.
    fn send(&mut self, to: &Audience, text: &str) -> bool {
        let Screen::Chat(chat) = &mut self.screen else {
            return false;
        };
        let Ok(text) = MessageText::new(text) else {
            return false;
        };
        let Ok(command) = chat.rooms.send(to, text, self.look.now) else {
            self.toast(Key::RefusedInternal);
            return false;
        };
        chat.rooms.arrange();
        let open = chat.open.clone();
        chat.readings.entry(open).or_default().anchor = Anchor::Bottom;
        self.hand_over(command)
    }

    pub(super) fn hand_over(&mut self, command: Command) -> bool {
        let cid = match &command {
            Command::Send { cid, .. } => Some(*cid),
            Command::File(FileCommand::Send { cid, .. }) => Some(*cid),
            _ => None,
        };
        if self.world.backend.ask(Ask::Do(command)) {
            return true;
        }
        if let (Screen::Chat(chat), Some(cid)) = (&mut self.screen, cid) {
            chat.rooms.unsend(cid);
        }
        self.toast(Key::ComposeFull);
        false
    }

    pub(super) fn do_all(&self, commands: impl IntoIterator<Item = Command>) {
        for command in commands {
            self.world.backend.ask(Ask::Do(command));
        }
    }

    fn test_notification(&mut self) {
        let body = self.look.text(Key::NotifyTest).to_owned();
        if let Some(notifier) = &self.notifier {
            notifier.send(Note { title: self.look.text(Key::AppName).to_owned(), body, room: None });
        }
        if let Screen::Chat(chat) = &mut self.screen {
            chat.tested = true;
        }
    }

    /// Ends the program, unless something would be lost by it.
    pub(super) fn quit(&mut self, ctx: &Context) {
        let unsent = match &self.screen {
            Screen::Chat(chat) => {
                chat.rooms.waiting().filter(|out| out.fate == Fate::Waiting && out.file.is_none()).count()
            }
            _ => 0,
        };
        if unsent == 0 {
            return self.quit_anyway(ctx);
        }
        ctx.send_viewport_cmd(ViewportCommand::CancelClose);
        if let Screen::Chat(chat) = &mut self.screen {
            chat.overlay = Some(Overlay::Quit(unsent));
        }
    }

    fn quit_anyway(&mut self, ctx: &Context) {
        self.write_notes(ctx);
        self.quitting = true;
        ctx.send_viewport_cmd(ViewportCommand::Close);
    }
}

/// The name and the password that are typed; what is wrong with them is said.
fn typed(state: &mut LogIn) -> Option<(Username, Password)> {
    let name = state.user.trim();
    if name.is_empty() {
        (state.problem, state.focus) = (Some(Key::LoginNoName.into()), Some(Focus::User));
        return None;
    }
    let Ok(user) = name.parse() else {
        (state.problem, state.focus) = (Some(Key::NameBad.into()), Some(Focus::User));
        return None;
    };
    if state.password.is_empty() {
        (state.problem, state.focus) = (Some(Key::LoginNoPassword.into()), Some(Focus::Password));
        return None;
    }
    let Ok(password) = Password::new(&state.password) else {
        (state.problem, state.focus) = (Some(Key::PasswordBad.into()), Some(Focus::Password));
        return None;
    };
    Some((user, password))
}

/// Shows a room; what was begun in the other one stays there.
pub(super) fn open(ctx: &Context, chat: &mut Chat, room: &Audience) {
    let draft = chat.composer.clean(ctx);
    let former = chat.open.clone();
    chat.column_shown = false;
    chat.composer.wants_focus = true;
    if former == *room {
        return;
    }
    chat.rooms.keep_draft(&former, &draft);
    chat.rooms.close(&former);
    let room = chat.rooms.enter(room);
    chat.rooms.open(&room);
    chat.rooms.arrange();
    let draft = chat.rooms.get(&room).map(|room| room.draft().to_owned()).unwrap_or_default();
    chat.composer.put(ctx, draft);
    chat.search = None;
    let marker = chat.rooms.get(&room).and_then(sotto_client::Room::marker);
    let first = marker.and_then(|marker| {
        let room = chat.rooms.get(&room)?;
        room.timeline().iter().find(|entry| entry.place.seq() >= marker).map(|entry| entry.place)
    });
    let reading = chat.readings.entry(room.clone()).or_default();
    reading.selection = None;
    if let Some(place) = first {
        reading.reveal = Some((sotto_client::LineId::Entry(place), 0.2));
    }
    chat.open = room;
}

/// Where to log in, and what to believe: the key that was believed when this was asked, and the one that it has announced.
pub(super) fn dial(profile: &Profile, (link, pin): (&Link, Pin)) -> Dial {
    let known = profile.trust(link).ok().filter(|trust| trust.pin() == Some(pin));
    Dial { trust: known.unwrap_or(Trust::Pin(pin)), ..Dial::new(link, Trust::Nothing) }
}

fn step(ctx: &Context, chat: &mut Chat, (back, unread): (bool, bool)) {
    let order = chat.rooms.order();
    let at = order.iter().position(|room| *room == chat.open).unwrap_or(0);
    let count = order.len();
    let wanted = |room: &&Audience| !unread || chat.rooms.get(room).is_some_and(|room| room.unread() > 0);
    let around = (1..count).map(|by| if back { (at + count - by) % count } else { (at + by) % count });
    let next = around.filter_map(|index| order.get(index)).find(wanted).cloned();
    if let Some(next) = next {
        open(ctx, chat, &next);
    }
}

fn show(ctx: &Context, chat: &mut Chat, overlay: Option<Overlay>) {
    if overlay == Some(Overlay::Switcher) {
        chat.switcher = Switcher::default();
    }
    chat.composer.wants_focus = overlay.is_none();
    chat.tested = false;
    chat.new_password.forget(ctx);
    chat.overlay = overlay;
}
