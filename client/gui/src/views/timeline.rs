//! The timeline: rows of any height, as many as there are messages, of which only those in sight are laid
//! out. It is placed from an anchor, not from an offset: either the end, or one row and where that row is.
//! So nothing that arrives, loads, or changes its size elsewhere can move what is being read, and a new line
//! is right in the frame in which it comes.

mod placing;
mod selecting;

use std::collections::HashSet;

use egui::{CornerRadius, Id, Key as Keyboard, Modifiers, Rect, Response, Sense, Ui, pos2, vec2};
use sotto_client::{Fate, Line, LineId, Outgoing};
use sotto_proto::Cid;

use placing::{place, row_rect};
use selecting::{part_of, select, selected_rows, selected_text};

use super::file::card_ui;
use super::row::{Content, Paint, Pair, Row, Scene, Shape, said};
use crate::action::Action;
use crate::icons;
use crate::strings::Key;
use crate::theme::Type;
use crate::widgets::{Kind, button, focus_ring, icon_button, link_button, unread_pill};

/// Coming down to within this many points of the end sticks to it.
const STICK: f32 = 24.0;
/// Further from the end than this, there is a button to go there.
const FAR: f32 = 480.0;
/// Older messages are read when fewer rows than this are above.
const AHEAD: usize = 60;
const PAGE: u16 = 100;
/// A row has been seen once it has been shown this long, in seconds.
const SEEN_AFTER: f64 = 0.5;
const BELOW: f32 = 10.0;

/// Where a room is being read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Anchor {
    /// At the end, whatever comes.
    #[default]
    Bottom,
    /// This row's top is so far below the top of the view, in points.
    Line(LineId, f32),
}

/// One end of a selection: a line, and a character of its text.
pub(crate) type End = (LineId, usize);

/// How a room is being looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) anchor: Anchor,
    pub(crate) selection: Option<(End, End)>,
    unfolded: HashSet<LineId>,
    /// The line of the open menu.
    menu: Option<LineId>,
    /// What was at the bottom of the view, and since when.
    in_view: Option<(LineId, f64)>,
    /// A row to bring into view, and how far down, as a part of the view's height.
    pub(crate) reveal: Option<(LineId, f32)>,
    /// Distance from the end, in points, as far as it is known; for tests too.
    pub(crate) from_end: f32,
    /// Where the rows in sight were painted.
    pub(crate) placed: Vec<(LineId, Rect)>,
}

/// The lines of a room: the timeline, then what is on its way.
pub(crate) struct Lines<'a> {
    scene: Scene<'a>,
    outgoing: Vec<&'a Outgoing>,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(scene: Scene<'a>) -> Self {
        Self { scene, outgoing: scene.rooms.outgoing(scene.room.audience()) }
    }

    pub(crate) fn len(&self) -> usize {
        self.scene.room.timeline().len() + self.outgoing.len()
    }

    pub(crate) fn get(&self, index: usize) -> Option<Line<'a>> {
        let timeline = self.scene.room.timeline();
        match index.checked_sub(timeline.len()) {
            None => timeline.get(index).map(Line::Entry),
            Some(index) => self.outgoing.get(index).copied().map(Line::Outgoing),
        }
    }

    /// The index of a line, or of the next one if it has gone.
    pub(crate) fn find(&self, id: LineId) -> Option<usize> {
        let timeline = self.scene.room.timeline();
        match id {
            LineId::Entry(place) => Some(timeline.find(place).unwrap_or_else(|next| next)),
            LineId::Outgoing(cid) => {
                let index = self.outgoing.iter().position(|outgoing| outgoing.cid == cid)?;
                Some(timeline.len() + index)
            }
        }
    }

    fn row(&self, ui: &Ui, reading: &Reading, (index, width): (usize, f32)) -> Option<(LineId, Row)> {
        let line = self.get(index)?;
        let before = index.checked_sub(1).and_then(|before| self.get(before));
        let unfolded = reading.unfolded.contains(&line.id());
        Some((line.id(), Row::new(ui, &self.scene, Pair { before, line }, Shape { width, unfolded })))
    }
}

/// A row and where it goes, from the top of the view.
struct Placed {
    index: usize,
    id: LineId,
    row: Row,
    y: f32,
}

/// Draws it; the timeline takes all the room there is.
pub(crate) fn timeline_ui(ui: &mut Ui, scene: Scene<'_>, reading: &mut Reading) -> Vec<Action> {
    let mut actions = Vec::new();
    let lines = Lines::of(scene);
    let look = scene.look;
    let view = ui.available_rect_before_wrap();
    let id = Id::unique(("timeline", scene.room.audience()));
    let response = ui.interact(view, id, Sense::click_and_drag());
    describe(&scene, &response);
    let mut clipped = ui.new_child(egui::UiBuilder::new().max_rect(view).id_salt(id));
    let ui = &mut clipped;
    ui.set_clip_rect(view.intersect(ui.clip_rect()));
    ui.painter().rect_filled(view, CornerRadius::ZERO, look.t.bg[0]);

    let moved = scroll_input(ui, (&response, view), (&lines, reading));
    let placed = place(ui, &lines, (reading, moved, view));
    paint(ui, &lines, (reading, &placed, view), (&response, &mut actions));
    select(ui, &lines, (reading, &placed, view), (&response, &mut actions));
    menu(&lines, (reading, &response, &mut actions));
    scrollbar(ui, &lines, (reading, &placed, view));
    overlay(ui, &lines, (reading, view));
    ask_for_more(&lines, (&placed, &mut actions));
    see(ui, (reading, &placed, view), &mut actions);
    focus_ring(ui, look, (&response, view.shrink(1.0), 0));
    reading.placed = placed.iter().map(|row| (row.id, row_rect(view, row))).collect();
    actions
}

fn describe(scene: &Scene<'_>, response: &Response) {
    let name = scene.look.room_name(scene.room.audience(), scene.rooms.model().me());
    let label = scene.look.fill(Key::TimelineName, &[("chat", &name)]);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::List, true, &label));
}

/// How far the content is to be moved down, in points: by the wheel, the keys, or a drag of the scrollbar.
fn scroll_input(
    ui: &Ui,
    (response, view): (&Response, Rect),
    (lines, reading): (&Lines<'_>, &mut Reading),
) -> f32 {
    let mut moved = 0.0;
    let over = ui.rect_contains_pointer(view)
        && ui.ctx().layer_id_at(ui.ctx().pointer_latest_pos().unwrap_or_default()) == Some(ui.layer_id());
    if over {
        moved += ui.input_mut(|input| std::mem::take(&mut input.smooth_scroll_delta.y));
    }
    let has_focus = response.has_focus();
    let typing = ui.memory(|memory| memory.focused()).is_some_and(|focused| focused != response.id);
    ui.input_mut(|input| {
        let mut pressed = |modifiers, key| input.consume_key(modifiers, key);
        let page = view.height() - 48.0;
        moved += if pressed(Modifiers::NONE, Keyboard::PageUp) { page } else { 0.0 };
        moved -= if pressed(Modifiers::NONE, Keyboard::PageDown) { page } else { 0.0 };
        if pressed(Modifiers::CTRL, Keyboard::End) || !typing && pressed(Modifiers::NONE, Keyboard::End) {
            reading.anchor = Anchor::Bottom;
        }
        if pressed(Modifiers::CTRL, Keyboard::Home) || !typing && pressed(Modifiers::NONE, Keyboard::Home) {
            reading.anchor = lines.get(0).map_or(Anchor::Bottom, |first| Anchor::Line(first.id(), 0.0));
        }
        if has_focus {
            moved += if pressed(Modifiers::NONE, Keyboard::ArrowUp) { 40.0 } else { 0.0 };
            moved -= if pressed(Modifiers::NONE, Keyboard::ArrowDown) { 40.0 } else { 0.0 };
        }
    });
    if has_focus {
        let filter = egui::EventFilter { vertical_arrows: true, ..egui::EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, filter));
    }
    moved
}

fn paint(
    ui: &mut Ui,
    lines: &Lines<'_>,
    (reading, placed, view): (&mut Reading, &[Placed], Rect),
    (response, actions): (&Response, &mut Vec<Action>),
) {
    let scene = &lines.scene;
    let pointer = response.hover_pos();
    let marked = selected_rows(lines, reading);
    for row in placed {
        let rect = row_rect(view, row);
        let hovered = pointer.is_some_and(|pointer| rect.top() <= pointer.y && pointer.y < rect.bottom())
            && !response.dragged();
        let selected = marked.as_ref().and_then(|marked| part_of(marked, row.index));
        row.row.paint(ui, scene, Paint { rect, selected, hovered });
        announce(ui, scene, (row, rect, lines.len()));
        buttons(ui, scene, (reading, row, rect), actions);
        if hovered {
            toolbar(ui, scene, (row, rect), actions);
        }
    }
    if lines.len() == 0 || scene.room.timeline().is_empty() && lines.outgoing.is_empty() {
        empty(ui, scene, (view, actions));
    }
}

/// A node for assistive technology: who, when, what, and what became of it.
fn announce(ui: &Ui, scene: &Scene<'_>, (row, rect, count): (&Placed, Rect, usize)) {
    let look = scene.look;
    let text = match &row.row.content {
        Content::Hidden => return,
        Content::Notice(galley) | Content::Gap(galley) => galley.text().to_owned(),
        Content::Words(words) => {
            let (time, text) = (look.time(words.at), words.body.text().to_owned());
            let said = look.fill(Key::MsgRow, &[("name", &words.from), ("time", &time), ("text", &text)]);
            let state = Some(words.state_name(look)).filter(|state| !state.is_empty());
            let clear = words.clear.map(str::to_owned);
            let parts = [words.badge.clone(), clear, state].into_iter().flatten();
            parts.fold(said, |said, part| format!("{said} · {part}"))
        }
    };
    let response = ui.interact(rect, ui.scope_id().with(row.id), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ListItem, true, &text));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_position_in_set(row.index + 1);
        node.set_size_of_set(count);
    });
}

/// What can be pressed in a row: a gap, a fold, a message that failed.
fn buttons(
    ui: &mut Ui,
    scene: &Scene<'_>,
    (reading, row, rect): (&mut Reading, &Placed, Rect),
    actions: &mut Vec<Action>,
) {
    let look = scene.look;
    match &row.row.content {
        Content::Gap(galley) => {
            let response =
                ui.interact(row.row.content_rect(rect), ui.scope_id().with(("gap", row.id)), Sense::click());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, galley.text()));
            focus_ring(ui, look, (&response, rect, 6));
            if let (true, LineId::Entry(place)) = (response.clicked(), row.id) {
                actions.push(Action::Fill(place));
            }
        }
        Content::Words(words) => {
            if let Some((card, place)) = words.file_place(rect) {
                let id = ui.scope_id().with(("file", row.id));
                actions.extend(card_ui(ui, look, (card, place), (id, scene.thumbs)));
            }
            if let Some(unfolded) = words.fold {
                let at = rect.min + words.body_at.to_vec2() + vec2(-4.0, words.body.size().y + 2.0);
                let place = Rect::from_min_size(at, vec2(120.0, 26.0));
                let mut corner =
                    ui.new_child(egui::UiBuilder::new().max_rect(place).id_salt(("fold", row.id)));
                let key = if unfolded { Key::ShowLess } else { Key::ShowMore };
                if link_button(&mut corner, look, look.text(key)).clicked()
                    && !reading.unfolded.remove(&row.id)
                {
                    reading.unfolded.insert(row.id);
                }
            }
            if let (Some(place), LineId::Outgoing(cid)) = (words.failed_buttons(ui, look, rect), row.id) {
                let corner = egui::UiBuilder::new().max_rect(place).id_salt(("failed", row.id));
                let mut corner =
                    ui.new_child(corner.layout(egui::Layout::left_to_right(egui::Align::Center)));
                if link_button(&mut corner, look, look.text(Key::MsgRetry)).clicked() {
                    actions.push(Action::Retry(cid));
                }
                if link_button(&mut corner, look, look.text(Key::MsgDelete)).clicked() {
                    actions.push(Action::Discard(cid));
                }
            }
        }
        Content::Hidden | Content::Notice(_) => {}
    }
}

/// A button at the right end of the row under the pointer; it does not change the row's height.
fn toolbar(ui: &mut Ui, scene: &Scene<'_>, (row, rect): (&Placed, Rect), actions: &mut Vec<Action>) {
    let Content::Words(words) = &row.row.content else {
        return;
    };
    let top = row.row.content_rect(rect).top();
    let place = Rect::from_min_size(pos2(rect.right() - 52.0, top), vec2(28.0, 28.0));
    let mut corner = ui.new_child(egui::UiBuilder::new().max_rect(place).id_salt(("copy", row.id)));
    if icon_button(&mut corner, scene.look, (icons::COPY, scene.look.text(Key::MsgCopy), 28.0)).clicked() {
        actions.push(Action::CopyText(words.body.text().to_owned()));
    }
}

/// An empty room says what can be done with it; one that is not known yet says nothing for a moment.
fn empty(ui: &mut Ui, scene: &Scene<'_>, (view, actions): (Rect, &mut Vec<Action>)) {
    let look = scene.look;
    let unknown = scene.room.timeline().next() > 1 && !scene.room.timeline().is_complete();
    let place = Rect::from_center_size(view.center(), vec2(view.width().min(420.0), 150.0));
    let corner = egui::UiBuilder::new()
        .max_rect(place)
        .id_salt("empty")
        .layout(egui::Layout::top_down(egui::Align::Center));
    let mut ui = ui.new_child(corner);
    if unknown {
        ui.label(look.dim(look.text(Key::Loading), Type::BODY));
        return;
    }
    let icon = egui::RichText::new(icons::CHAT_CIRCLE).font(egui::FontId::new(40.0, crate::theme::icons()));
    ui.label(icon.color(look.t.text[2]));
    let chat = look.room_name(scene.room.audience(), scene.rooms.model().me());
    ui.label(look.rich(look.text(Key::EmptyRoomLine), Type::TITLE));
    ui.label(look.dim(look.fill(Key::EmptyRoom, &[("chat", &chat)]), Type::BODY));
    ui.add_space(4.0);
    if button(&mut ui, look, (Kind::Secondary, look.text(Key::EmptyHello), true)).clicked() {
        actions.push(Action::Say(look.text(Key::Hello).to_owned()));
    }
}

/// The menu of a message, at the right mouse button.
fn menu(lines: &Lines<'_>, (reading, response, actions): (&mut Reading, &Response, &mut Vec<Action>)) {
    let scene = &lines.scene;
    if response.secondary_clicked() {
        let at = response.interact_pointer_pos();
        reading.menu =
            at.and_then(|at| reading.placed.iter().find(|(_, rect)| rect.contains(at))).map(|(id, _)| *id);
    }
    let line = reading.menu.and_then(|id| lines.get(lines.find(id)?));
    response.context_menu(|ui| {
        ui.set_min_width(200.0);
        let item = |ui: &mut Ui, key: Key| {
            let text = scene.look.rich(scene.look.text(key), Type::BODY);
            let clicked = ui.add(egui::Button::new(text).frame(false)).clicked();
            if clicked {
                ui.close();
            }
            clicked
        };
        // Only while the menu is open: all of a long room may be selected.
        if let Some(text) = selected_text(lines, reading)
            && item(ui, Key::MsgCopySelection)
        {
            actions.push(Action::CopyText(text));
        }
        let Some((line, words)) = line.and_then(|line| Some((line, said(line, scene.rooms.model().me())?)))
        else {
            return;
        };
        if item(ui, Key::MsgCopy) {
            actions.push(Action::CopyText(words.text.to_owned()));
        }
        if item(ui, Key::MsgCopyFull) {
            let text = format!("{} {}\n{}", words.from, scene.look.time(words.at), words.text);
            actions.push(Action::CopyText(text));
        }
        match line {
            Line::Entry(entry) => {
                if let sotto_client::What::Aside { conv, .. } = entry.what {
                    if item(ui, Key::MsgOpenChat)
                        && let Some(room) = scene.rooms.of(conv)
                    {
                        actions.push(Action::Open(room.audience().clone()));
                    }
                } else if item(ui, Key::MsgMarkUnread) {
                    actions.push(Action::MarkUnread(entry.place));
                }
            }
            Line::Outgoing(Outgoing { cid, fate: Fate::Failed { .. }, .. }) => {
                let cid: Cid = *cid;
                if item(ui, Key::MsgRetry) {
                    actions.push(Action::Retry(cid));
                }
                if item(ui, Key::MsgDelete) {
                    actions.push(Action::Discard(cid));
                }
            }
            Line::Outgoing(_) => {}
        }
    });
}

/// A bar at the right: how much there is, where one is; drawn over the content, wider under the pointer.
fn scrollbar(ui: &Ui, lines: &Lines<'_>, (reading, placed, view): (&mut Reading, &[Placed], Rect)) {
    #[expect(clippy::cast_precision_loss, reason = "a place on a bar some hundred pixels long")]
    let (count, shown) = (lines.len() as f32, placed.len() as f32);
    let (Some(first), true) = (placed.first(), count > shown) else {
        return;
    };
    let track =
        Rect::from_min_max(pos2(view.right() - 14.0, view.top() + 4.0), view.right_bottom() - vec2(2.0, 4.0));
    let response = ui.interact(track, ui.scope_id().with("bar"), Sense::click_and_drag());
    let length = (track.height() * shown / count).clamp(32.0, track.height());
    let hidden = if first.row.height > 0.0 { (-first.y / first.row.height).clamp(0.0, 1.0) } else { 0.0 };
    #[expect(clippy::cast_precision_loss, reason = "a place on a bar some hundred pixels long")]
    let above = first.index as f32 + hidden;
    let part = if reading.from_end <= 1.0 { 1.0 } else { (above / (count - shown).max(1.0)).clamp(0.0, 1.0) };
    let top = track.top() + (track.height() - length) * part;
    let active = response.hovered() || response.dragged();
    let wide = if active { 8.0 } else { 4.0 };
    let thumb = Rect::from_min_size(pos2(track.right() - wide, top), vec2(wide, length));
    let color =
        if active { lines.scene.look.t.text[2] } else { lines.scene.look.t.line2.gamma_multiply(0.6) };
    ui.painter().rect_filled(thumb, CornerRadius::same(4), color);
    if let (true, Some(pointer)) = (response.dragged() || response.clicked(), response.interact_pointer_pos())
    {
        let part =
            ((pointer.y - track.top() - length / 2.0) / (track.height() - length).max(1.0)).clamp(0.0, 1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..count")]
        let index = (part * (count - 1.0)) as usize;
        reading.anchor = match lines.get(index) {
            Some(line) if part < 1.0 => Anchor::Line(line.id(), 0.0),
            _ => Anchor::Bottom,
        };
        ui.ctx().request_repaint();
    }
}

/// The button that leads to the newest message, with how many are new.
fn overlay(ui: &mut Ui, lines: &Lines<'_>, (reading, view): (&mut Reading, Rect)) {
    let look = lines.scene.look;
    let unread = lines.scene.room.unread();
    if reading.anchor == Anchor::Bottom || reading.from_end < FAR && unread == 0 {
        return;
    }
    let place = Rect::from_min_size(view.right_bottom() - vec2(60.0, 56.0), vec2(40.0, 40.0));
    let id = ui.scope_id().with("jump");
    let response = ui.interact(place, id, Sense::click());
    let name = look.text(Key::Jump);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
    let fill = if response.hovered() { look.t.bg[4] } else { look.t.bg[3] };
    ui.painter().add(ui.visuals().popup_shadow.as_shape(place, CornerRadius::same(20)));
    ui.painter().rect(
        place,
        CornerRadius::same(20),
        fill,
        egui::Stroke::new(1.0, look.t.line),
        egui::StrokeKind::Inside,
    );
    crate::widgets::paint_icon(ui, (icons::ARROW_DOWN, 18.0, look.t.text[0]), place);
    if unread > 0 {
        unread_pill(ui, look, (place.right_top() + vec2(6.0, 2.0), unread));
    }
    focus_ring(ui, look, (&response, place, 20));
    if response.on_hover_text(name).clicked() {
        reading.anchor = Anchor::Bottom;
        ui.ctx().request_repaint();
    }
}

fn ask_for_more(lines: &Lines<'_>, (placed, actions): (&[Placed], &mut Vec<Action>)) {
    let near = placed.first().is_none_or(|row| row.index < AHEAD);
    if near && !lines.scene.room.is_asking() && !lines.scene.room.timeline().is_complete() {
        actions.push(Action::Older(PAGE));
    }
}

/// What has been in sight for a moment, with the window in front, has been seen.
fn see(ui: &Ui, (reading, placed, view): (&mut Reading, &[Placed], Rect), actions: &mut Vec<Action>) {
    let whole = |row: &&Placed| row.y + row.row.height <= view.height() + 1.0 || row.y <= 0.0;
    let last = placed.iter().rev().filter(whole).find_map(|row| match row.id {
        LineId::Entry(place) => Some((row.id, place)),
        LineId::Outgoing(_) => None,
    });
    let (focused, now) = ui.input(|input| (input.focused, input.time));
    let Some((id, place)) = last.filter(|_| focused) else {
        reading.in_view = None;
        return;
    };
    match reading.in_view {
        Some((seen, since)) if seen == id => {
            if since.is_infinite() {
                return;
            }
            if now - since >= SEEN_AFTER {
                reading.in_view = Some((id, f64::INFINITY));
                actions.push(Action::Seen(place));
            } else {
                let left = std::time::Duration::from_secs_f64((SEEN_AFTER - (now - since)).max(0.01));
                ui.ctx().request_repaint_after(left);
            }
        }
        _ => {
            reading.in_view = Some((id, now));
            ui.ctx().request_repaint_after(std::time::Duration::from_secs_f64(SEEN_AFTER));
        }
    }
}
