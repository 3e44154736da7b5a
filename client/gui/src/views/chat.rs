//! The main window: the column, the header, the timeline, whom it goes to, where one writes.

mod overlays;
mod recipients;
mod sending;

use std::collections::HashMap;
use std::time::Duration;

use egui::{
    Align, Frame, Id, Key as Keyboard, Layout, Margin, Modifiers, Panel, Rect, Sense, Ui, Vec2, vec2,
};
use sotto_client::{Line, Problem, Recipients, Room, Rooms, Ticket, Trouble, visible};
use sotto_proto::{Audience, Link, Pin, Presence, Username};

use overlays::overlays;
use recipients::recipients_ui;
use sending::{dropped, pasted};

use super::account::NewPassword;
use super::composer::{Composer, Ready, composer_ui, field_id};
use super::file::Speeds;
use super::people::{Column, Seen, column_ui, line, narrow_ui, people_id, rooms_id};
use super::row::{Scene, said};
use super::search::{Search, search_ui};
use super::switcher::Switcher;
use super::timeline::{Reading, timeline_ui};
use crate::action::{Action, Overlay, Page};
use crate::icons;
use crate::look::Look;
use crate::saying::Saying;
use crate::strings::Key;
use crate::theme::{COLUMN, COLUMN_NARROW, HEADER, PAD, Type};
use crate::thumbs::Thumbs;
use crate::widgets::{Kind, avatar, button, icon_button, paint_icon};

/// Below this width the column at the left shows pictures only.
const NARROW: f32 = 760.0;
/// Offline for longer than this, in milliseconds, it is said that nothing is lost.
const LONG: u64 = 60_000;

/// How the connection is.
#[derive(Debug)]
pub(crate) enum Connection {
    /// There, and logged in.
    Online,
    /// Being made.
    Connecting,
    /// The next try is at this time, Unix milliseconds.
    Waiting(u64, Trouble),
    /// It ended, and does not come back by itself.
    Ended(Problem),
}

/// The main window.
#[derive(Debug)]
pub(crate) struct Chat {
    pub(crate) rooms: Rooms,
    pub(crate) link: Link,
    pub(crate) pin: Pin,
    pub(crate) user: Username,
    pub(crate) open: Audience,
    pub(crate) recipients: Recipients,
    /// Who came while a set of people was ticked.
    pub(crate) excluded: Option<Username>,
    pub(crate) composer: Composer,
    pub(crate) column: Column,
    pub(crate) readings: HashMap<Audience, Reading>,
    pub(crate) search: Option<Search>,
    pub(crate) switcher: Switcher,
    pub(crate) overlay: Option<Overlay>,
    pub(crate) connection: Connection,
    /// Since when there is no connection, Unix milliseconds.
    pub(crate) offline_since: Option<u64>,
    /// The column is shown in a narrow window.
    pub(crate) column_shown: bool,
    pub(crate) tested: bool,
    pub(crate) new_password: NewPassword,
    /// Whoever is here is to stay logged in.
    pub(crate) stays: bool,
    /// With what, until that is kept.
    pub(crate) ticket: Option<Ticket>,
    /// How fast files are.
    pub(crate) rates: Speeds,
    pub(crate) thumbs: Thumbs,
}

impl Chat {
    pub(crate) fn new(rooms: Rooms, (link, pin): (Link, Pin), user: Username) -> Self {
        let mut composer = Composer::default();
        composer.wants_focus = true;
        Self {
            rooms,
            link,
            pin,
            user,
            open: Audience::Everyone,
            recipients: Recipients::default(),
            excluded: None,
            composer,
            column: Column::default(),
            readings: HashMap::new(),
            search: None,
            switcher: Switcher::default(),
            overlay: None,
            connection: Connection::Online,
            offline_since: None,
            column_shown: false,
            tested: false,
            new_password: NewPassword::default(),
            stays: false,
            ticket: None,
            rates: Speeds::new(),
            thumbs: Thumbs::default(),
        }
    }

    /// Whom a message goes to as things stand; why it cannot go, otherwise.
    pub(crate) fn audience(&self, look: &Look) -> Result<Audience, String> {
        if self.open != Audience::Everyone {
            return Ok(self.open.clone());
        }
        match self.recipients.audience() {
            Ok(Some(audience)) => Ok(audience),
            Ok(None) => Err(look.text(Key::ToNone).to_owned()),
            Err(sotto_client::TooMany) => Err(look.text(Key::ToTooMany).to_owned()),
        }
    }

    fn room_name(&self, look: &Look) -> String {
        look.room_name(&self.open, self.rooms.model().me())
    }
}

/// Draws it.
pub(crate) fn chat_ui(ui: &mut Ui, look: &Look, state: &mut Chat) -> Vec<Action> {
    let mut actions = keys(ui, state);
    actions.extend(pasted(ui));
    let narrow = ui.available_width() < NARROW;
    let whole = !narrow || state.column_shown;
    let width = if whole { COLUMN } else { COLUMN_NARROW };
    let [_, panel, ..] = look.t.bg;
    let frame = Frame::new().fill(panel);
    let column = Panel::left("column").frame(frame).exact_size(width).resizable(false);
    column.show(ui, |ui| {
        ui.set_width(width);
        let server = state.link.address();
        let seen = Seen {
            look,
            rooms: &state.rooms,
            open: &state.open,
            recipients: &state.recipients,
            server: &server,
        };
        actions.extend(if whole { column_ui(ui, seen, &mut state.column) } else { narrow_ui(ui, seen) });
    });
    let [timeline, ..] = look.t.bg;
    egui::CentralPanel::default().frame(Frame::new().fill(timeline)).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        header(ui, look, (state, narrow), &mut actions);
        banner(ui, look, state, &mut actions);
        search(ui, look, state, &mut actions);
        let frame =
            Frame::new().fill(timeline).inner_margin(Margin { left: 16, right: 16, top: 8, bottom: 10 });
        Panel::bottom("writing").frame(frame).resizable(false).show_separator_line(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            writing(ui, look, state, &mut actions);
        });
        messages(ui, look, state, &mut actions);
    });
    actions.extend(dropped(ui, look, state));
    overlays(ui, look, state, &mut actions);
    announce(ui, look, state);
    actions
}

/// Says the newest message of the open room to assistive technology, once.
fn announce(ui: &Ui, look: &Look, state: &Chat) {
    let me = state.rooms.model().me();
    let newest =
        state.rooms.get(&state.open).and_then(Room::last).and_then(|entry| said(Line::Entry(entry), me));
    let Some(newest) = newest.filter(|newest| Some(newest.from) != me) else {
        return;
    };
    let values: [(&str, &dyn std::fmt::Display); 3] =
        [("name", newest.from), ("time", &look.time(newest.at)), ("text", &visible(newest.text))];
    let text = look.fill(Key::MsgRow, &values);
    let place = Rect::from_min_size(ui.max_rect().left_bottom(), Vec2::splat(1.0));
    let response = ui.interact(place, Id::unique("newest"), Sense::hover());
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_role(egui::Role::Status);
        node.set_live(egui::accesskit::Live::Polite);
        // Some platforms announce a changed name, others a changed value.
        node.set_label(text.as_str());
        node.set_value(text.as_str());
    });
}

fn messages(ui: &mut Ui, look: &Look, state: &mut Chat, actions: &mut Vec<Action>) {
    let Some(room) = state.rooms.get(&state.open) else {
        return;
    };
    let wanted = state.search.as_ref().map(Search::wanted);
    let scene = Scene {
        look,
        rooms: &state.rooms,
        room,
        searched: wanted.as_deref(),
        rates: &state.rates,
        thumbs: &state.thumbs,
    };
    let reading = state.readings.entry(state.open.clone()).or_default();
    if let Some(hit) = state.search.as_mut().and_then(|search| search.reveal.take()) {
        reading.reveal = Some((hit, 0.4));
    }
    actions.extend(timeline_ui(ui, scene, reading));
}

fn search(ui: &mut Ui, look: &Look, state: &mut Chat, actions: &mut Vec<Action>) {
    let (Some(search), Some(room)) = (&mut state.search, state.rooms.get(&state.open)) else {
        return;
    };
    let scene =
        Scene { look, rooms: &state.rooms, room, searched: None, rates: &state.rates, thumbs: &state.thumbs };
    actions.extend(search_ui(ui, &scene, search));
    if search.closed {
        state.search = None;
        state.composer.wants_focus = true;
    }
}

fn header(ui: &mut Ui, look: &Look, (state, narrow): (&mut Chat, bool), actions: &mut Vec<Action>) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEADER), Sense::hover());
    let [_, panel, ..] = look.t.bg;
    let [text1, text2, _] = look.t.text;
    ui.painter().rect_filled(rect, 0, panel);
    let mut left = rect.left() + PAD;
    if narrow {
        let place = Rect::from_center_size(egui::pos2(left + 16.0, rect.center().y), Vec2::splat(32.0));
        let mut corner = ui.new_child(egui::UiBuilder::new().max_rect(place).id_salt("menu"));
        if icon_button(&mut corner, look, (icons::LIST, look.text(Key::NavMenu), 32.0)).clicked() {
            state.column_shown = !state.column_shown;
        }
        left += 40.0;
    }
    let me = state.rooms.model().me();
    avatar(ui, (egui::pos2(left + 16.0, rect.center().y), 32.0), (&state.open, me));
    let at = egui::pos2(left + 42.0, rect.top() + 4.0);
    let room = rect.right() - at.x - 96.0;
    line(ui, (at, room), (&state.room_name(look), Type::TITLE, text1));
    line(ui, (at + vec2(0.0, 24.0), room), (&who_is_there(look, state), Type::CAPTION, text2));
    let corner = egui::UiBuilder::new().max_rect(rect.shrink2(vec2(PAD, 0.0))).id_salt("tools");
    let mut corner = ui.new_child(corner.layout(Layout::right_to_left(Align::Center)));
    corner.spacing_mut().item_spacing.x = 4.0;
    if icon_button(&mut corner, look, (icons::USERS, look.text(Key::NavPeople), 32.0)).clicked() {
        actions.push(Action::Show(Some(Overlay::Members)));
    }
    if icon_button(&mut corner, look, (icons::MAGNIFYING_GLASS, look.text(Key::SearchHere), 32.0)).clicked() {
        actions.push(Action::Search);
    }
    let stroke = crate::widgets::hairline(ui, look);
    ui.painter().hline(rect.x_range(), rect.bottom(), stroke);
}

/// "24 online", or whether the other one is.
fn who_is_there(look: &Look, state: &Chat) -> String {
    let model = state.rooms.model();
    let online = |name: &Username| model.presence(name) == Some(Presence::Online);
    match &state.open {
        Audience::Everyone => {
            let others = model.people().filter(|(name, _)| Some(*name) != model.me() && online(name)).count();
            look.count(Key::Online, others + usize::from(state.rooms.is_online()), &[])
        }
        Audience::Set(names) => match names.as_slice() {
            [name] => {
                look.text(if online(name) { Key::PresenceOnline } else { Key::PresenceAway }).to_owned()
            }
            names => look.count(Key::Online, names.iter().filter(|name| online(name)).count(), &[]),
        },
    }
}

/// What is to be said about the connection.
fn banner(ui: &mut Ui, look: &Look, state: &Chat, actions: &mut Vec<Action>) {
    let (text, button_key) = match &state.connection {
        Connection::Online => return,
        Connection::Connecting => (look.text(Key::ConnConnecting).to_owned(), None),
        Connection::Waiting(until, why) => {
            ui.ctx().request_repaint_after(Duration::from_millis(1000 - look.now % 1000));
            let left = until.saturating_sub(look.now).div_ceil(1000);
            let long = state.offline_since.is_some_and(|since| look.now.saturating_sub(since) > LONG);
            let why = if long { look.text(Key::ConnOffline).to_owned() } else { Saying::from(why).say(look) };
            (
                look.fill(Key::ConnReconnect, &[("why", &why), ("s", &left)]),
                Some((Key::ConnNow, Action::TryNow)),
            )
        }
        Connection::Ended(problem) => {
            let said = match problem {
                Problem::WrongPassword => Key::ConnEndedWrong.into(),
                problem => Saying::from(problem),
            };
            (said.say(look), Some((Key::ConnAgain, Action::Again)))
        }
    };
    let frame = Frame::new().fill(look.t.mention).inner_margin(Margin::symmetric(16, 4));
    frame.show(ui, |ui| {
        ui.allocate_ui_with_layout(
            vec2(ui.available_width(), 32.0),
            Layout::right_to_left(Align::Center),
            |ui| {
                if let Some((key, action)) = button_key
                    && button(ui, look, (Kind::Ghost, look.text(key), true)).clicked()
                {
                    actions.push(action);
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let (rect, _) = ui.allocate_exact_size(vec2(18.0, 18.0), Sense::hover());
                    paint_icon(ui, (icons::WIFI_SLASH, 18.0, look.t.warn), rect);
                    ui.add(egui::Label::new(look.rich(text, Type::BODY)).truncate());
                });
            },
        );
    });
}

fn writing(ui: &mut Ui, look: &Look, state: &mut Chat, actions: &mut Vec<Action>) {
    recipients_ui(ui, look, state, actions);
    let name = state.room_name(look);
    let ready = match state.audience(look) {
        Ok(_) => Ready::Yes,
        Err(why) => Ready::No(why),
    };
    actions.extend(composer_ui(ui, look, (&mut state.composer, &ready, &name)));
}

/// The keys of the whole window.
fn keys(ui: &Ui, state: &mut Chat) -> Vec<Action> {
    if state.overlay.is_some() {
        return Vec::new();
    }
    let mut actions = Vec::new();
    let ctrl = Modifiers::COMMAND;
    let unread = Modifiers::ALT | Modifiers::SHIFT;
    let pressed = |modifiers, key| ui.input_mut(|input| input.consume_key(modifiers, key));
    if pressed(ctrl, Keyboard::K) {
        actions.push(Action::Show(Some(Overlay::Switcher)));
    }
    if pressed(ctrl, Keyboard::U) {
        actions.push(Action::PickFiles);
    }
    if pressed(ctrl, Keyboard::F) {
        actions.push(Action::Search);
    }
    if pressed(ctrl, Keyboard::Comma) {
        actions.push(Action::Show(Some(Overlay::Settings(Page::General))));
    }
    if pressed(ctrl, Keyboard::Slash) {
        actions.push(Action::Show(Some(Overlay::Settings(Page::Shortcuts))));
    }
    for (modifiers, key, back, only_unread) in [
        (unread, Keyboard::ArrowUp, true, true),
        (unread, Keyboard::ArrowDown, false, true),
        (Modifiers::ALT, Keyboard::ArrowUp, true, false),
        (Modifiers::ALT, Keyboard::ArrowDown, false, false),
        (ctrl, Keyboard::PageUp, true, false),
        (ctrl, Keyboard::PageDown, false, false),
    ] {
        if pressed(modifiers, key) {
            actions.push(Action::Step { back, unread: only_unread });
        }
    }
    let (back, forth) = (pressed(Modifiers::SHIFT, Keyboard::F6), pressed(Modifiers::NONE, Keyboard::F6));
    if back || forth {
        region(ui, state, back);
    }
    if ui.input(|input| input.key_pressed(Keyboard::Escape)) {
        escape(ui, state);
    }
    actions
}

/// F6 goes round: rooms, people, messages, writing.
fn region(ui: &Ui, state: &Chat, back: bool) {
    let stops = [rooms_id(), people_id(), Id::unique(("timeline", &state.open)), field_id()];
    let focused = ui.memory(|memory| memory.focused());
    let at = focused.and_then(|id| stops.iter().position(|stop| *stop == id)).unwrap_or(stops.len() - 1);
    let next = if back { at.checked_sub(1).unwrap_or(stops.len() - 1) } else { (at + 1) % stops.len() };
    if let Some(stop) = stops.get(next) {
        ui.memory_mut(|memory| memory.request_focus(*stop));
    }
}

/// One step back: the search, the selection, and at last to the newest message.
fn escape(ui: &Ui, state: &mut Chat) {
    let reading = state.readings.entry(state.open.clone()).or_default();
    if state.search.take().is_none() && reading.selection.take().is_none() {
        reading.anchor = super::timeline::Anchor::Bottom;
    }
    state.composer.wants_focus = true;
    ui.ctx().request_repaint();
}
