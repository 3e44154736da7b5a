//! The column at the left: who one is, the conversations, and the people with their boxes to tick.

use std::collections::BTreeSet;

use egui::{
    Align, Align2, Color32, CornerRadius, Id, Layout, Rect, Response, Role, ScrollArea, Sense, Ui, Vec2,
    WidgetInfo, pos2, vec2,
};
use sotto_client::{Model, Recipients, Room, Rooms, What, visible};
use sotto_proto::{Audience, Presence, Username};

use crate::action::{Action, Overlay, Page};
use crate::icons;
use crate::look::Look;
use crate::strings::Key;
use crate::theme::{COLUMN_NARROW, PAD, ROUND_CONTROL, ROW_PERSON, ROW_ROOM, SPACE, TIGHT, Type};
use crate::widgets::{
    Field, avatar, focus_ring, icon_button, link_button, paint_check, presence_dot, unread_pill,
};

/// What the column holds.
#[derive(Debug, Default)]
pub(crate) struct Column {
    pub(crate) filter: String,
}

/// What it is drawn from.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) look: &'a Look,
    pub(crate) rooms: &'a Rooms,
    /// The room that is open.
    pub(crate) open: &'a Audience,
    pub(crate) recipients: &'a Recipients,
    pub(crate) server: &'a str,
}

/// The first control of each part, for moving between the parts with the keyboard.
pub(crate) fn rooms_id() -> Id {
    Id::unique("rooms")
}

/// The same for the people.
pub(crate) fn people_id() -> Id {
    Id::unique("people")
}

/// Draws it.
pub(crate) fn column_ui(ui: &mut Ui, seen: Seen<'_>, state: &mut Column) -> Vec<Action> {
    let mut actions = Vec::new();
    let look = seen.look;
    ui.spacing_mut().item_spacing.y = 0.0;
    own_row(ui, seen, &mut actions);
    ui.add_space(TIGHT);
    search_row(ui, look, &mut actions);
    section(ui, look, look.text(Key::NavChats));
    let people = seen.rooms.model().people().count();
    let left = ui.available_height() - 40.0;
    #[expect(clippy::cast_precision_loss, reason = "a few hundred rows")]
    let wanted = seen.rooms.order().len() as f32 * ROW_ROOM;
    let most = if people > 3 { left * 0.45 } else { left - 150.0 };
    rooms_list(ui, seen, (wanted.min(most.max(ROW_ROOM)), &mut actions));
    people_head(ui, seen, (state, people), &mut actions);
    people_list(ui, seen, (state, ui.available_height() - 32.0), &mut actions);
    foot(ui, seen, &mut actions);
    actions
}

/// The same in 64 points: pictures only.
pub(crate) fn narrow_ui(ui: &mut Ui, seen: Seen<'_>) -> Vec<Action> {
    let mut actions = Vec::new();
    ScrollArea::vertical().id_salt("narrow").auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        for key in seen.rooms.order() {
            let Some(room) = seen.rooms.get(key) else { continue };
            let (rect, response) = ui.allocate_exact_size(vec2(COLUMN_NARROW, ROW_ROOM), Sense::click());
            let name = seen.look.room_name(key, seen.rooms.model().me());
            row_back(ui, seen.look, (&response, rect, key == seen.open));
            avatar(ui, (rect.center(), 36.0), (key, seen.rooms.model().me()));
            if room.unread() > 0 {
                unread_pill(ui, seen.look, (rect.right_top() + vec2(-4.0, 14.0), room.unread()));
            }
            response.widget_info(|| WidgetInfo::selected(Role::Button, true, key == seen.open, &name));
            if response.on_hover_text(name).clicked() {
                actions.push(Action::Open(key.clone()));
            }
        }
    });
    actions
}

fn own_row(ui: &mut Ui, seen: Seen<'_>, actions: &mut Vec<Action>) {
    let look = seen.look;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 52.0), Sense::hover());
    let Some(me) = seen.rooms.model().me() else {
        return;
    };
    let [_, panel, ..] = look.t.bg;
    let [text1, text2, _] = look.t.text;
    let center = rect.left_center() + vec2(PAD + 16.0, 0.0);
    avatar(ui, (center, 32.0), (&Audience::Set(vec![me.clone()]), None));
    let presence = if seen.rooms.is_online() { Presence::Online } else { Presence::Away };
    presence_dot(ui, look, (center + vec2(11.0, 11.0), presence, panel));
    let at = pos2(center.x + 26.0, rect.top() + 7.0);
    let room = rect.right() - at.x - 44.0;
    line(ui, (at, room), (me.as_str(), Type::STRONG, text1));
    let state = look.text(if seen.rooms.is_online() { Key::PresenceOnline } else { Key::PresenceAway });
    line(ui, (at + vec2(0.0, 21.0), room), (state, Type::CAPTION, text2));
    let place = Rect::from_center_size(rect.right_center() - vec2(PAD + 14.0, 0.0), Vec2::splat(32.0));
    let mut corner = ui.new_child(egui::UiBuilder::new().max_rect(place).id_salt("gear"));
    if icon_button(&mut corner, look, (icons::GEAR, look.text(Key::NavSettings), 32.0)).clicked() {
        actions.push(Action::Show(Some(Overlay::Settings(Page::General))));
    }
}

/// What looks like a field and opens the switcher, which is one.
fn search_row(ui: &mut Ui, look: &Look, actions: &mut Vec<Action>) {
    let size = vec2(ui.available_width(), 32.0);
    let (outer, response) = ui.allocate_exact_size(size, Sense::click());
    let rect = outer.shrink2(vec2(PAD, 0.0));
    let [_, _, card, hover, _] = look.t.bg;
    let fill = if response.hovered() { hover } else { card };
    ui.painter().rect(
        rect,
        CornerRadius::same(ROUND_CONTROL),
        fill,
        (1.0, look.t.line),
        egui::StrokeKind::Inside,
    );
    let [_, _, text3] = look.t.text;
    let sign = Rect::from_center_size(rect.left_center() + vec2(16.0, 0.0), Vec2::splat(16.0));
    crate::widgets::paint_icon(ui, (icons::MAGNIFYING_GLASS, 16.0, text3), sign);
    let name = look.text(Key::NavSearch);
    ui.painter().text(
        sign.right_center() + vec2(6.0, 0.0),
        Align2::LEFT_CENTER,
        name,
        Type::BODY.font(),
        text3,
    );
    ui.painter().text(
        rect.right_center() - vec2(10.0, 0.0),
        Align2::RIGHT_CENTER,
        "Ctrl+K",
        Type::CAPTION.font(),
        text3,
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    focus_ring(ui, look, (&response, rect, ROUND_CONTROL));
    if response.clicked() {
        actions.push(Action::Show(Some(Overlay::Switcher)));
    }
}

fn section(ui: &mut Ui, look: &Look, text: &str) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 34.0), Sense::hover());
    let [_, text2, _] = look.t.text;
    let font = Type { strong: true, ..Type::SMALL }.font();
    ui.painter().text(rect.left_bottom() + vec2(PAD, -8.0), Align2::LEFT_BOTTOM, text, font, text2);
}

fn rooms_list(ui: &mut Ui, seen: Seen<'_>, (height, actions): (f32, &mut Vec<Action>)) {
    let order = seen.rooms.order();
    ui.allocate_ui(vec2(ui.available_width(), height), |ui| {
        let area = ScrollArea::vertical().id_salt("rooms-list").auto_shrink(false).max_height(height);
        area.show_rows(ui, ROW_ROOM, order.len(), |ui, range| {
            let first = range.start;
            for (index, key) in order.iter().enumerate().skip(first).take(range.len()) {
                if let Some(room) = seen.rooms.get(key) {
                    room_row(ui, seen, (key, room, index), actions);
                }
            }
        });
    });
}

fn room_row(
    ui: &mut Ui,
    seen: Seen<'_>,
    (key, room, index): (&Audience, &Room, usize),
    actions: &mut Vec<Action>,
) {
    let (look, model) = (seen.look, seen.rooms.model());
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW_ROOM), Sense::hover());
    let id = if index == 0 { rooms_id() } else { Id::unique(("room", key)) };
    let response = ui.interact(rect, id, Sense::click());
    let name = look.room_name(key, model.me());
    let selected = key == seen.open;
    let unread = room.unread();
    response.widget_info(|| {
        let label = if unread > 0 {
            format!("{name}, {}", look.lang.count(Key::NavUnread, unread, &[]))
        } else {
            name.clone()
        };
        WidgetInfo::selected(Role::Button, true, selected, label)
    });
    row_back(ui, look, (&response, rect, selected));
    let [text1, text2, text3] = look.t.text;
    let center = rect.left_center() + vec2(PAD + 18.0, 0.0);
    avatar(ui, (center, 36.0), (key, model.me()));
    if let [other] = room.others()
        && let Some(presence) = model.presence(other)
    {
        presence_dot(ui, look, (center + vec2(13.0, 13.0), presence, row_fill(look, (&response, selected))));
    }
    let left = center.x + 28.0;
    let time = if room.last_at() > 0 { look.short_time(room.last_at()) } else { String::new() };
    let right = rect.right() - PAD;
    let stamp = ui.painter().text(
        pos2(right, rect.top() + 10.0),
        Align2::RIGHT_TOP,
        time,
        Type::CAPTION.font(),
        text3,
    );
    line(ui, (pos2(left, rect.top() + 7.0), stamp.left() - left - 6.0), (&name, Type::STRONG, text1));
    let mut room_left = right - left;
    if unread > 0 {
        room_left -= unread_pill(ui, look, (pos2(right, rect.bottom() - 17.0), unread)) + 6.0;
    }
    let at = pos2(left, rect.bottom() - 26.0);
    if !room.draft().trim().is_empty() && !selected {
        let mark = look.text(Key::ComposeDraft);
        let mark = ui.painter().text(at, Align2::LEFT_TOP, mark, Type::SMALL.font(), look.t.danger);
        let at = pos2(mark.right() + 4.0, at.y);
        line(ui, (at, right - at.x), (first_line(room.draft()), Type::SMALL, text2));
    } else {
        line(ui, (at, room_left), (&preview(room, model), Type::SMALL, text2));
    }
    if response.clicked() {
        actions.push(Action::Open(key.clone()));
    }
    if response.has_focus() {
        arrows(ui, &response);
    }
}

/// The last message, on one line; who sent it, where that is not plain.
fn preview(room: &Room, model: &Model) -> String {
    let Some(entry) = room.last() else {
        return String::new();
    };
    match &entry.what {
        What::Message { from, text, .. } | What::Aside { from, text, .. } => {
            let pair = room.others().len() == 1;
            let text = visible(first_line(text.as_str()));
            if pair && Some(from) != model.me() { text.into_owned() } else { format!("{from}: {text}") }
        }
        What::Presence { .. } | What::Gap { .. } => String::new(),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim()
}

/// The heading of the people: how many are ticked, and the two buttons of the original.
fn people_head(
    ui: &mut Ui,
    seen: Seen<'_>,
    (state, people): (&mut Column, usize),
    actions: &mut Vec<Action>,
) {
    let look = seen.look;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 38.0), Sense::hover());
    let stroke = crate::widgets::hairline(ui, look);
    ui.painter().hline(rect.x_range(), rect.top() + 2.0, stroke);
    let [_, text2, text3] = look.t.text;
    let font = Type { strong: true, ..Type::SMALL }.font();
    let at = pos2(rect.left() + PAD, rect.center().y + 1.0);
    let title = ui.painter().text(at, Align2::LEFT_CENTER, look.text(Key::NavPeople), font, text2);
    if *seen.open == Audience::Everyone && people > 0 {
        let ticked = seen.recipients.count(people);
        let count = look.fill(Key::PeopleCount, &[("k", &ticked), ("n", &people)]);
        let at = pos2(title.right() + 8.0, at.y);
        ui.painter().text(at, Align2::LEFT_CENTER, count, Type::SMALL.font(), text3);
        let corner = egui::UiBuilder::new()
            .max_rect(rect.shrink2(vec2(SPACE, 0.0)).translate(vec2(0.0, 1.0)))
            .id_salt("all");
        let mut corner = ui.new_child(corner.layout(Layout::right_to_left(Align::Center)));
        corner.spacing_mut().item_spacing.x = 0.0;
        if small(&mut corner, look, (Key::PeopleNoneShort, Key::PeopleNone)) {
            actions.push(Action::TickNone);
        }
        if small(&mut corner, look, (Key::PeopleAllShort, Key::PeopleAll)) {
            actions.push(Action::TickAll);
        }
    }
    if people > 8 {
        ui.horizontal(|ui| {
            ui.add_space(PAD);
            ui.allocate_ui(vec2(ui.available_width() - PAD, 34.0), |ui| {
                let name = look.text(Key::PeopleFilter);
                Field { id: Id::unique("filter"), name, hint: name, text: &mut state.filter, secret: None }
                    .show(ui, look);
            });
        });
        ui.add_space(TIGHT);
    } else {
        state.filter.clear();
    }
}

/// A short text whose whole name is in its tooltip, and is what assistive technology says.
fn small(ui: &mut Ui, look: &Look, (text, name): (Key, Key)) -> bool {
    let response = link_button(ui, look, look.text(text));
    let name = look.text(name);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    response.on_hover_text(name).clicked()
}

fn people_list(ui: &mut Ui, seen: Seen<'_>, (state, height): (&Column, f32), actions: &mut Vec<Action>) {
    let (look, model) = (seen.look, seen.rooms.model());
    let wanted = state.filter.trim().to_lowercase();
    let mut people: Vec<_> = model
        .people()
        .filter(|(name, _)| Some(*name) != model.me())
        .filter(|(name, _)| wanted.is_empty() || name.as_str().to_lowercase().contains(&wanted))
        .collect();
    people.sort_by_key(|(_, presence)| *presence != Presence::Online);
    if people.is_empty() && wanted.is_empty() {
        ui.vertical_centered(|ui| {
            ui.add_space(SPACE);
            ui.label(look.rich(look.text(Key::EmptyFirst), Type::STRONG));
            ui.label(look.dim(look.text(Key::EmptyFirstLine), Type::SMALL));
        });
    }
    let height = height.max(ROW_PERSON);
    let area = ScrollArea::vertical().id_salt("people-list").auto_shrink(false).max_height(height);
    area.show_rows(ui, ROW_PERSON, people.len(), |ui, range| {
        let first = range.start;
        for (index, (name, presence)) in people.iter().enumerate().skip(first).take(range.len()) {
            person_row(ui, seen, (name, *presence, index), actions);
        }
    });
}

fn person_row(
    ui: &mut Ui,
    seen: Seen<'_>,
    (name, presence, index): (&Username, Presence, usize),
    actions: &mut Vec<Action>,
) {
    let look = seen.look;
    let boxes = *seen.open == Audience::Everyone;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW_PERSON), Sense::hover());
    let split = rect.left() + if boxes { 38.0 } else { 4.0 };
    let mut left = rect.left() + PAD;
    if boxes {
        let ticked = seen.recipients.contains(name);
        let area = Rect::from_min_max(rect.min, pos2(split, rect.bottom()));
        let id = if index == 0 { people_id() } else { Id::unique(("tick", name.key())) };
        let tick = ui.interact(area, id, Sense::click());
        let label = look.fill(Key::PeopleSend, &[("name", name)]);
        tick.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, ticked, &label));
        let square =
            Rect::from_center_size(pos2(rect.left() + PAD + 9.0, rect.center().y), Vec2::splat(18.0));
        paint_check(ui, look, (square, ticked, presence == Presence::Online));
        focus_ring(ui, look, (&tick, square.expand(4.0), ROUND_CONTROL));
        if tick.has_focus() {
            arrows(ui, &tick);
        }
        if tick.on_hover_text(label).clicked() {
            actions.push(Action::Tick(name.clone()));
        }
        left = split + 2.0;
    }
    let area = Rect::from_min_max(pos2(split, rect.top()), rect.max);
    let id = if index == 0 && !boxes { people_id() } else { Id::unique(("person", name.key())) };
    let open = ui.interact(area, id, Sense::click());
    let state = look.text(if presence == Presence::Online { Key::PresenceOnline } else { Key::PresenceAway });
    open.widget_info(|| {
        let label = look.fill(Key::PeopleChat, &[("name", name)]);
        let clear = seen.rooms.model().is_in_the_clear(name);
        let clear = if clear { format!(" · {}", look.text(Key::MsgClear)) } else { String::new() };
        WidgetInfo::labeled(Role::Button, true, format!("{label} · {state}{clear}"))
    });
    row_back(ui, look, (&open, area, false));
    let center = pos2(left + 14.0, rect.center().y);
    avatar(ui, (center, 28.0), (&Audience::Set(vec![name.clone()]), None));
    let [_, panel, ..] = look.t.bg;
    presence_dot(ui, look, (center + vec2(10.0, 10.0), presence, panel));
    let [text1, text2, _] = look.t.text;
    let color = if presence == Presence::Online { text1 } else { text2 };
    let at = pos2(center.x + 22.0, rect.center().y - Type::BODY.line / 2.0);
    let clear = seen.rooms.model().is_in_the_clear(name);
    let sign_width = if clear { 24.0 } else { 0.0 };
    line(ui, (at, rect.right() - at.x - SPACE - sign_width), (name.as_str(), Type::BODY, color));
    if clear {
        let sign = Rect::from_center_size(rect.right_center() - vec2(PAD + 8.0, 0.0), Vec2::splat(16.0));
        crate::widgets::paint_icon(ui, (icons::LOCK_SIMPLE_OPEN, 16.0, look.t.warn), sign);
    }
    let tip = if clear {
        look.fill(Key::PeopleClear, &[("name", name)])
    } else if presence == Presence::Away && boxes && seen.recipients.contains(name) {
        look.fill(Key::PeopleLater, &[("name", name)])
    } else {
        format!("{} · {state}", name.as_str())
    };
    if open.on_hover_text(tip).clicked() {
        actions.push(Action::Open(Audience::Set(vec![name.clone()])));
    }
}

/// The server, with its lock.
fn foot(ui: &mut Ui, seen: Seen<'_>, actions: &mut Vec<Action>) {
    let look = seen.look;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 32.0), Sense::click());
    let stroke = crate::widgets::hairline(ui, look);
    ui.painter().hline(rect.x_range(), rect.top(), stroke);
    let sign = Rect::from_center_size(rect.left_center() + vec2(PAD + 8.0, 0.0), Vec2::splat(16.0));
    crate::widgets::paint_icon(ui, (icons::LOCK_SIMPLE, 16.0, look.t.ok), sign);
    let [_, text2, _] = look.t.text;
    let at = pos2(sign.right() + 6.0, rect.center().y - Type::SMALL.line / 2.0);
    line(ui, (at, rect.right() - at.x - PAD), (seen.server, Type::SMALL, text2));
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, seen.server));
    focus_ring(ui, look, (&response, rect.shrink(2.0), ROUND_CONTROL));
    if response.on_hover_text(look.text(Key::ConnectPinned)).clicked() {
        actions.push(Action::Show(Some(Overlay::Settings(Page::Server))));
    }
}

/// One line of text that ends in … where there is no more room.
pub(crate) fn line(ui: &Ui, (at, width): (egui::Pos2, f32), (text, style, color): (&str, Type, Color32)) {
    let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), style.font(), color);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width.max(8.0));
    for section in &mut job.sections {
        section.format.line_height = Some(style.line);
    }
    let galley = ui.painter().layout_job(job);
    ui.painter().galley(at, galley, color);
}

fn row_fill(look: &Look, (response, selected): (&Response, bool)) -> Color32 {
    let [_, panel, _, hover, press] = look.t.bg;
    match () {
        () if selected => look.t.accent_soft,
        () if response.is_pointer_button_down_on() => press,
        () if response.hovered() => hover,
        () => panel,
    }
}

fn row_back(ui: &Ui, look: &Look, (response, rect, selected): (&Response, Rect, bool)) {
    let fill = row_fill(look, (response, selected));
    if fill != look.t.bg[1] {
        ui.painter().rect_filled(rect, CornerRadius::ZERO, fill);
    }
    if selected {
        let bar = Rect::from_min_size(rect.min, vec2(3.0, rect.height()));
        ui.painter().rect_filled(bar, CornerRadius::ZERO, look.t.accent_text);
    }
    focus_ring(ui, look, (response, rect.shrink(1.0), ROUND_CONTROL));
}

/// Up and down go from row to row.
fn arrows(ui: &Ui, response: &Response) {
    let filter = egui::EventFilter { vertical_arrows: false, ..egui::EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
}

/// Everybody who can be ticked.
pub(crate) fn tickable(model: &Model) -> BTreeSet<Username> {
    model.people().filter(|(name, _)| Some(*name) != model.me()).map(|(name, _)| name.clone()).collect()
}
