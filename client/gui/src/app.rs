//! The program: what it knows, what it does about what the user did and about what it is told. Views draw;
//! only here is anything done.

mod account;
mod doing;
mod files;
mod staying;
mod telling;

use std::collections::VecDeque;
use std::time::Duration;

use egui::{Color32, Context, ThemePreference, Ui, ViewportCommand};
use sotto_client::{Notes, Profile};
use sotto_proto::Username;
use time::UtcOffset;

use crate::action::Action;
use crate::args::Args;
use crate::backend::{Ask, Backend};
use crate::look::Look;
use crate::notify::Notifier;
use crate::saying::Saying;
use crate::settings::Settings;
use crate::theme::{self, Tokens};
use crate::views::chat::{Chat, chat_ui};
use crate::views::connect::{Connect, connect_ui};
use crate::views::login::{LogIn, login_ui};
use crate::views::trust::{Doubt, trust_ui};

/// How long a message at the lower edge stays, in milliseconds.
const TOAST: u64 = 5_000;
/// The caret rests when nothing has been typed for this long, in seconds: it would draw two frames a second.
const CARET_RESTS: f64 = 10.0;
/// What was read and begun is written down this long after it changed, in milliseconds.
const NOTES_AFTER: u64 = 2_000;

/// Which part of the program is in front.
#[derive(Debug)]
pub(crate) enum Screen {
    Connect(Connect),
    Trust(Doubt),
    LogIn(LogIn),
    Chat(Box<Chat>),
}

/// What surrounds the program: where it keeps things, what time it is, who answers.
pub struct World {
    /// Servers, notes and settings.
    pub profile: Profile,
    /// The thread behind the window.
    pub backend: Backend,
    /// Unix milliseconds.
    pub clock: Box<dyn Fn() -> u64>,
    /// This machine's distance from UTC.
    pub offset: UtcOffset,
    /// A password to fill in.
    pub password: Option<String>,
}

/// The program.
pub struct App {
    world: World,
    settings: Settings,
    look: Look,
    applied: Option<(bool, bool)>,
    pub(crate) screen: Screen,
    toasts: VecDeque<(Saying, u64)>,
    notifier: Option<Notifier>,
    title: String,
    user: Option<String>,
    /// What was last written down, and since when something else is true.
    kept: Notes,
    changed_since: Option<u64>,
    last_input: f64,
    quitting: bool,
}

impl App {
    /// The program, in a window.
    #[must_use]
    pub fn new(ctx: &Context, args: &Args, world: World) -> Self {
        let settings = args.over(Settings::load(&world.profile));
        let look = look(&settings, &world, ctx.theme());
        crate::fonts::install(ctx);
        ctx.options_mut(|options| {
            options.quit_shortcuts.clear();
            options.zoom_with_keyboard = false;
        });
        ctx.set_theme(ThemePreference::from(settings.theme));
        ctx.set_zoom_factor(settings.zoom);
        let mut app = Self {
            world,
            settings,
            look,
            applied: None,
            screen: Screen::Connect(Connect::default()),
            toasts: VecDeque::new(),
            notifier: None,
            title: String::new(),
            user: args.user.clone(),
            kept: Notes::default(),
            changed_since: None,
            last_input: 0.0,
            quitting: false,
        };
        app.begin(args);
        app
    }

    /// Lets it send notifications to the desktop.
    #[must_use]
    pub fn with_notifications(mut self, wake: impl Fn() + Send + Clone + 'static) -> Self {
        self.notifier = Some(Notifier::start(wake));
        self
    }

    /// Lets the machine's own fonts stand in where the bundled ones end.
    pub fn add_system_fonts(&self, ctx: &Context) {
        crate::fonts::add_system(ctx, self.look.lang);
    }

    /// The first screen: the server that was named, or the last one, or the question which.
    fn begin(&mut self, args: &Args) {
        self.screen = Screen::Connect(self.first_screen());
        if let Some(link) = &args.link {
            return self.connect(link.clone());
        }
        let latest = match &self.screen {
            Screen::Connect(connect) => connect.recent.first().cloned(),
            _ => None,
        };
        if let Some(latest) = latest
            && let Ok(link) = latest.address.parse()
        {
            let user = self.user.clone().or(latest.user).unwrap_or_default();
            self.ask_who(link, latest.pin, user);
            self.go_on();
        }
    }

    fn first_screen(&mut self) -> Connect {
        match self.world.profile.servers() {
            Ok(recent) => Connect { recent, ..Connect::default() },
            Err(error) => {
                let problem = Some(Saying::from(&error));
                Connect { problem, ..Connect::default() }
            }
        }
    }

    /// Shows the log-in card, with what is known filled in.
    fn ask_who(&mut self, link: sotto_proto::Link, pin: sotto_proto::Pin, user: String) {
        let mut login = LogIn::new(link, pin, user);
        let name = login.user.parse().ok();
        login.stay =
            name.is_some_and(|user| self.world.profile.ticket((&login.link.address(), &user)).is_some());
        if let Some(password) = &self.world.password {
            login.password.clone_from(password);
        }
        self.screen = Screen::LogIn(login);
    }

    fn toast(&mut self, saying: impl Into<Saying>) {
        let saying = saying.into();
        self.toasts.retain(|(shown, _)| *shown != saying);
        self.toasts.push_back((saying, self.look.now + TOAST));
    }

    /// Takes in what has happened since the last frame. Runs while the window is hidden, too.
    pub fn live(&mut self, ctx: &Context) {
        self.look = look(&self.settings, &self.world, ctx.theme());
        let wanted = (self.settings.contrast, self.settings.still);
        if self.applied != Some(wanted) {
            theme::apply(ctx, wanted.0, wanted.1);
            self.applied = Some(wanted);
        }
        self.world.backend.looked();
        while let Some(told) = self.world.backend.next() {
            self.told(ctx, told);
        }
        while let Some(room) = self.notifier.as_ref().and_then(Notifier::clicked) {
            ctx.send_viewport_cmd(ViewportCommand::Focus);
            self.obey(ctx, Action::Open(room));
        }
        if let Screen::Chat(chat) = &mut self.screen {
            chat.rooms.arrange();
        }
        self.keep_notes(ctx);
        self.show_title(ctx);
        if ctx.input(|input| input.viewport().close_requested()) && !self.quitting {
            self.quit(ctx);
        }
    }

    /// Draws it, and does what the user did.
    pub fn draw(&mut self, ui: &mut Ui) {
        let look = self.look.clone();
        let [background, ..] = look.t.bg;
        ui.painter().rect_filled(ui.ctx().content_rect(), 0, background);
        let actions = match &mut self.screen {
            Screen::Connect(state) => connect_ui(ui, &look, state),
            Screen::Trust(state) => trust_ui(ui, &look, state),
            Screen::LogIn(state) => login_ui(ui, &look, state),
            Screen::Chat(state) => chat_ui(ui, &look, state),
        };
        self.rest_caret(ui.ctx());
        self.window_keys(ui);
        for action in actions {
            // What was done may be seen elsewhere; older messages come with a wake-up of their own.
            if !matches!(action, Action::Older(_)) {
                ui.ctx().request_repaint();
            }
            self.obey(ui.ctx(), action);
        }
        self.show_toasts(ui);
        // The words "today" and "yesterday" change at midnight.
        let midnight = Duration::from_millis(look.until_midnight().clamp(1_000, 3_600_000));
        ui.ctx().request_repaint_after(midnight);
    }

    /// A caret that blinks for nobody costs two frames a second.
    fn rest_caret(&mut self, ctx: &Context) {
        let (now, active) = ctx.input(|input| (input.time, !input.events.is_empty()));
        if active {
            self.last_input = now;
        }
        let blinks = !self.settings.still && now - self.last_input < CARET_RESTS;
        let theme = ctx.theme();
        if ctx.style_of(theme).visuals.text_cursor.blink != blinks {
            ctx.style_mut_of(theme, |style| style.visuals.text_cursor.blink = blinks);
        }
    }

    fn show_toasts(&mut self, ui: &Ui) {
        let now = self.look.now;
        self.toasts.retain(|(_, until)| *until > now);
        let Some(until) = self.toasts.iter().map(|(_, until)| *until).min() else {
            return;
        };
        ui.ctx().request_repaint_after(Duration::from_millis(until - now));
        let look = &self.look;
        let area =
            egui::Area::new(egui::Id::unique("toasts")).order(egui::Order::Tooltip).interactable(false);
        area.anchor(egui::Align2::CENTER_BOTTOM, [0.0, -96.0]).show(ui.ctx(), |ui| {
            for (saying, _) in &self.toasts {
                let [text1, ..] = look.t.text;
                let frame = egui::Frame::new()
                    .fill(look.t.bg[4])
                    .corner_radius(theme::ROUND_CARD)
                    .shadow(ui.visuals().popup_shadow)
                    .inner_margin(egui::Margin::symmetric(16, 8));
                frame.show(ui, |ui| {
                    let text = look.rich(saying.say(look), theme::Type::BODY).color(text1);
                    ui.add(egui::Label::new(text).extend());
                });
            }
        });
    }

    /// "Sotto (3)": that there is something, not what.
    fn show_title(&mut self, ctx: &Context) {
        let title = match &self.screen {
            Screen::Chat(chat) => match chat.rooms.unread() {
                0 => format!("Sotto · {}", chat.user),
                unread => format!("Sotto ({unread}) · {}", chat.user),
            },
            Screen::LogIn(login) => format!("Sotto · {}", login.link.address()),
            _ => "Sotto".to_owned(),
        };
        if title != self.title {
            ctx.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
    }

    /// Writes down what was read and begun, a moment after it changed.
    fn keep_notes(&mut self, ctx: &Context) {
        let Some(since) = self.changed_since else {
            return;
        };
        let waited = self.look.now.saturating_sub(since);
        if waited < NOTES_AFTER {
            return ctx.request_repaint_after(Duration::from_millis(NOTES_AFTER - waited));
        }
        self.write_notes(ctx);
    }

    fn write_notes(&mut self, ctx: &Context) {
        self.changed_since = None;
        let Screen::Chat(chat) = &mut self.screen else {
            return;
        };
        let draft = chat.composer.clean(ctx);
        chat.rooms.keep_draft(&chat.open, &draft);
        let notes = chat.rooms.notes();
        if notes != self.kept {
            self.kept = notes.clone();
            let (address, user): (String, Username) = (chat.link.address(), chat.user.clone());
            self.world.backend.ask(Ask::Keep(address, user, notes));
        }
    }

    fn notes_changed(&mut self) {
        self.changed_since.get_or_insert(self.look.now);
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _: &mut eframe::Frame) {
        self.live(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        self.draw(ui);
    }

    fn clear_color(&self, _: &egui::Visuals) -> [f32; 4] {
        let [background, ..] = self.look.t.bg;
        Color32::to_normalized_gamma_f32(background)
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        self.world.backend.finish();
    }
}

fn look(settings: &Settings, world: &World, theme: egui::Theme) -> Look {
    Look {
        lang: settings.shown_lang(),
        t: Tokens::of(theme, settings.contrast),
        now: (world.clock)(),
        offset: world.offset,
        settings: settings.clone(),
    }
}
