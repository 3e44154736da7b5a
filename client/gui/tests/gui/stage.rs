//! The stage: the program in a window that nobody sees, and a server that says what the test wants.

use std::cell::Cell;
use std::rc::Rc;

use egui::{Event, Key as Keyboard, Modifiers, Role, Vec2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use sotto_client::{ConnectError, Kept, Profile, ServerEntry, TrustError, Update};
use sotto_gui::{App, Args, Ask, Backend, Behind, Key, Lang, Settings, ThemeChoice, Told, World};
use sotto_proto::{Cid, ConvId, ConvKind, Epoch, Link, Message, MessageText, Pin, Presence, Seq, Username};
use tempfile::TempDir;

use crate::raster::Raster;

/// 2026-11-23 09:30:00 UTC.
pub(crate) const NOW: u64 = 1_795_426_200_000;
pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const LOBBY: u64 = 1;

pub(crate) fn name(name: &str) -> Username {
    name.parse().expect("a name")
}

pub(crate) fn pin(byte: u8) -> Pin {
    Pin::from_bytes([byte; 32])
}

pub(crate) fn conv(number: u64) -> ConvId {
    ConvId::new(number).expect("a number")
}

pub(crate) fn seq(number: u64) -> Seq {
    if number == 0 { Seq::ZERO } else { Seq::new(number).expect("a number") }
}

/// How the stage is set.
pub(crate) struct Setting {
    pub(crate) lang: Lang,
    pub(crate) theme: ThemeChoice,
    pub(crate) size: Vec2,
    pub(crate) scale: f32,
    pub(crate) link: Option<&'static str>,
    pub(crate) user: Option<&'static str>,
    pub(crate) password: Option<&'static str>,
    pub(crate) settings: Settings,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            lang: Lang::English,
            theme: ThemeChoice::Dark,
            size: vec2(1080.0, 720.0),
            scale: 1.0,
            link: None,
            user: None,
            password: None,
            settings: Settings::default(),
        }
    }
}

/// The program on its stage.
pub(crate) struct Stage {
    pub(crate) harness: Harness<'static, App>,
    pub(crate) lang: Lang,
    behind: Behind,
    clock: Rc<Cell<u64>>,
    profile: Profile,
    attempt: u64,
    last: u64,
    _dir: TempDir,
}

impl Stage {
    pub(crate) fn set(setting: Setting) -> Self {
        Self::with_servers(setting, &[])
    }

    pub(crate) fn with_servers(setting: Setting, servers: &[(&str, Pin, &str)]) -> Self {
        Self::prepared(setting, servers, |_| {})
    }

    /// Somebody has stayed logged in.
    pub(crate) fn with_ticket(setting: Setting, server: (&str, Pin, &str), kept: &Kept) -> Self {
        let (address, _, user) = server;
        let keep = |profile: &Profile| profile.keep_ticket((address, &name(user)), kept).expect("a profile");
        Self::prepared(setting, &[server], keep)
    }

    fn prepared(setting: Setting, servers: &[(&str, Pin, &str)], prepare: impl FnOnce(&Profile)) -> Self {
        let dir = TempDir::new().expect("a directory");
        let profile = Profile::open(Some(dir.path())).expect("a profile");
        for (address, pin, user) in servers.iter().rev() {
            let user = Some((*user).to_owned()).filter(|user| !user.is_empty());
            let since = NOW / 1000 - 20 * 24 * 60 * 60;
            profile.remember((*address).to_owned(), *pin, (user, since)).expect("a profile");
        }
        setting.settings.save(&profile).expect("a profile");
        prepare(&profile);
        let clock = Rc::new(Cell::new(NOW));
        let (backend, behind) = Backend::pair();
        let time = Rc::clone(&clock);
        let args = Args {
            link: setting.link.map(|link| link.parse().expect("a link")),
            user: setting.user.map(str::to_owned),
            lang: Some(setting.lang),
            theme: Some(setting.theme),
            ..Args::default()
        };
        let world = World {
            profile: profile.clone(),
            backend,
            clock: Box::new(move || time.get()),
            offset: time::UtcOffset::UTC,
            password: setting.password.map(str::to_owned),
        };
        let harness = Harness::builder()
            .with_size(setting.size)
            .with_pixels_per_point(setting.scale)
            .with_theme(if setting.theme == ThemeChoice::Light {
                egui::Theme::Light
            } else {
                egui::Theme::Dark
            })
            .with_max_steps(40)
            .renderer(Raster::default())
            .build_eframe(move |cc| App::new(&cc.egui_ctx, &args, world));
        let lang = setting.lang;
        Self { harness, lang, behind, clock, profile, attempt: 0, last: 10, _dir: dir }
    }

    /// Logged in as mary, in a room with these people, all online.
    pub(crate) fn chatting(setting: Setting, people: &[&str]) -> Self {
        let user = Some(setting.user.unwrap_or("mary"));
        let me = user.map(name);
        let setting = Setting { user, password: Some("correct horse"), ..setting };
        let mut stage = Self::with_servers(setting, &[("lab.example:7443", pin(1), "")]);
        stage.run();
        stage.press(Keyboard::Enter);
        let asked = stage.asked();
        assert!(matches!(asked.last(), Some(Ask::LogIn(..))), "{asked:?}");
        stage.tells(Update::Connected);
        let user = me.expect("a name");
        stage.tells(Update::LoggedIn { user, epoch: Epoch::new(1), resumed: false });
        stage.introduces((LOBBY, ConvKind::Lobby), &[], (10, 10));
        stage.tells(Update::CaughtUp);
        let people = people.iter().map(|person| (name(person), Presence::Online)).collect();
        stage.tells(Update::People(people));
        stage.tells(Update::History { conv: conv(LOBBY), messages: Vec::new(), more: false });
        stage.run();
        stage.asked();
        stage
    }

    pub(crate) fn run(&mut self) {
        self.harness.run();
    }

    /// Frames go by: a quarter of a second each.
    pub(crate) fn waits(&mut self, frames: usize) {
        self.clock.set(self.clock.get() + 250 * frames as u64);
        self.harness.run_steps(frames);
    }

    pub(crate) fn later(&mut self, millis: u64) {
        self.clock.set(self.clock.get() + millis);
        self.run();
    }

    /// Everything the program has asked for since this was asked last.
    pub(crate) fn asked(&mut self) -> Vec<Ask> {
        let mut asked = Vec::new();
        while let Ok((attempt, ask)) = self.behind.asks.try_recv() {
            self.attempt = attempt;
            asked.push(ask);
        }
        asked
    }

    /// What was sent: to whom, and what.
    pub(crate) fn sent(&mut self) -> Vec<(sotto_proto::Audience, String)> {
        self.sends().into_iter().map(|(_, to, text)| (to, text)).collect()
    }

    /// What was sent, with its cid.
    pub(crate) fn sends(&mut self) -> Vec<(Cid, sotto_proto::Audience, String)> {
        let sends = self.asked().into_iter().filter_map(|ask| match ask {
            Ask::Do(sotto_client::Command::Send { cid, to, text }) => {
                Some((cid, to, text.as_str().to_owned()))
            }
            _ => None,
        });
        sends.collect()
    }

    pub(crate) fn told(&mut self, told: Told) {
        self.behind.told.try_send((self.attempt, told)).expect("room for another");
        self.harness.step();
    }

    pub(crate) fn tells(&mut self, update: Update) {
        self.told(Told::Update(update));
    }

    /// The answer to "is it there, and who is it?".
    pub(crate) fn finds(&mut self, outcome: Result<(), TrustError>) {
        let link = self.asked().into_iter().find_map(|ask| match ask {
            Ask::Look(link, _) => Some(link),
            _ => None,
        });
        let link: Link = link.expect("somebody asked");
        self.told(Told::Looked(link, outcome.map_err(ConnectError::NotTrusted)));
        self.run();
    }

    pub(crate) fn introduces(
        &mut self,
        (number, kind): (u64, ConvKind),
        members: &[&str],
        (head, after): (u64, u64),
    ) {
        let members = members.iter().map(|member| name(member)).collect();
        let (conv, head, after) = (conv(number), seq(head), seq(after));
        self.tells(Update::Conversation { conv, kind, members, head, after });
    }

    /// Somebody says something to everyone, now.
    pub(crate) fn hears(&mut self, from: &str, text: &str) {
        self.last += 1;
        self.hears_in((LOBBY, self.last), from, text);
    }

    pub(crate) fn hears_in(&mut self, (of, number): (u64, u64), from: &str, text: &str) {
        let message = self.message((of, number), from, text);
        self.tells(Update::Message(message));
    }

    /// A message that the test has made itself comes.
    pub(crate) fn hears_message(&mut self, message: Message) {
        self.last = self.last.max(message.seq.get());
        self.tells(Update::Message(message));
        self.run();
    }

    pub(crate) fn message(&self, (of, number): (u64, u64), from: &str, text: &str) -> Message {
        let (conv, seq, from) = (conv(of), seq(number), name(from));
        let text = MessageText::new(text).expect("a text");
        Message { conv, seq, at: self.clock.get(), cid: None, from, text, clear: false, file: None }
    }

    pub(crate) fn stored(&mut self, cid: Cid, (of, number): (u64, u64)) {
        if of == LOBBY {
            self.last = self.last.max(number);
        }
        self.tells(Update::Sent { cid, conv: conv(of), seq: seq(number), at: self.clock.get() });
    }

    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    pub(crate) fn servers(&self) -> Vec<ServerEntry> {
        self.profile.servers().expect("a profile")
    }

    pub(crate) fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What a key says in the language of the stage.
    pub(crate) fn says(&self, key: Key) -> &'static str {
        self.lang.text(key)
    }

    pub(crate) fn click(&mut self, key: Key) {
        let name = self.says(key);
        self.click_named(name);
    }

    pub(crate) fn click_named(&mut self, name: &str) {
        self.harness.get_by_role_and_label(Role::Button, name).click();
        self.run();
    }

    pub(crate) fn has(&self, label: &str) -> bool {
        self.harness.query_all_by_label(label).next().is_some()
    }

    /// Whether something that contains this can be seen.
    pub(crate) fn shows(&self, part: &str) -> bool {
        self.harness.query_all_by_label_contains(part).next().is_some()
    }

    pub(crate) fn is_disabled(&self, key: Key) -> bool {
        self.harness.get_by_role_and_label(Role::Button, self.says(key)).accesskit_node().is_disabled()
    }

    pub(crate) fn focused(&self) -> String {
        let node = self.harness.query_all(egui_kittest::kittest::by()).find(|node| node.is_focused());
        node.and_then(|node| node.accesskit_node().label()).unwrap_or_default()
    }

    pub(crate) fn press(&mut self, key: Keyboard) {
        self.harness.key_press(key);
        self.run();
    }

    pub(crate) fn press_with(&mut self, modifiers: Modifiers, key: Keyboard) {
        self.harness.key_press_modifiers(modifiers, key);
        self.run();
    }

    pub(crate) fn types(&mut self, text: &str) {
        self.harness.event(Event::Text(text.to_owned()));
        self.run();
    }

    /// What is in the field for messages.
    pub(crate) fn written(&self) -> String {
        self.harness.get_by_role(Role::MultilineTextInput).value().unwrap_or_default()
    }

    pub(crate) fn ticks(&mut self, person: &str) {
        let name = self.lang.fill(Key::PeopleSend, &[("name", &person)]);
        self.harness.get_by_role_and_label(Role::CheckBox, &name).click();
        self.run();
    }
}
