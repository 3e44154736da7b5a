//! How a card is laid out and painted. Its title is laid out like the text of a message: it can be selected and searched.

use std::sync::Arc;

use egui::text::LayoutJob;
use egui::{
    Align, Align2, CornerRadius, Galley, Id, Layout, Rect, Sense, Stroke, StrokeKind, Ui, Vec2, pos2, vec2,
};

use super::{FileCard, Person, Status, Tone, size};
use crate::action::Action;
use crate::icons;
use crate::look::Look;
use crate::strings::Key;
use crate::theme::{ROUND_CARD, Type};
use crate::thumbs::{BOX, Thumbs};
use crate::widgets::{button, icon_button, paint_icon};

const WIDTH: f32 = 460.0;
const PAD: f32 = 12.0;
const ICON: f32 = 32.0;
const LINE: f32 = 22.0;
const BAR: f32 = 14.0;
const BUTTONS: f32 = 40.0;
const WARNING: f32 = 40.0;

/// Where the title is, from the upper left corner of the card.
pub(crate) fn title_at() -> Vec2 {
    vec2(PAD + ICON + 8.0, PAD - 2.0)
}

/// The name, cut in the middle if it is long: its ending is always to be seen.
pub(crate) fn title(ui: &Ui, look: &Look, (name, width): (&str, f32)) -> Arc<Galley> {
    let [text1, ..] = look.t.text;
    let room = width.min(WIDTH) - title_at().x - PAD;
    let lay = |text: String| {
        let job = LayoutJob::single_section(text, super::super::row::format(Type::STRONG, text1));
        ui.painter().layout_job(job)
    };
    let whole = lay(name.to_owned());
    if whole.size().x <= room {
        return whole;
    }
    let chars: Vec<char> = name.chars().collect();
    let mut keep = chars.len().saturating_sub(1);
    loop {
        let tail = (keep / 2).clamp(1, 12);
        let head: String = chars.iter().take(keep.saturating_sub(tail)).collect();
        let end: String = chars.iter().skip(chars.len() - tail).collect();
        let galley = lay(format!("{head}…{end}"));
        if galley.size().x <= room || keep <= 4 {
            return galley;
        }
        keep -= (keep / 12).max(1);
    }
}

/// How tall it is.
pub(crate) fn height(card: &FileCard) -> f32 {
    let optional = |shown: bool, height: f32| if shown { height } else { 0.0 };
    #[expect(clippy::cast_precision_loss, reason = "a handful of lines")]
    let people = (card.people.len() + usize::from(card.more > 0)) as f32 * LINE;
    2.0 * PAD
        + 2.0 * LINE
        + optional(card.progress.is_some(), BAR)
        + optional(!card.people.is_empty(), people + 6.0)
        + optional(card.program && !card.buttons.is_empty(), WARNING)
        + optional(card.picture.is_some(), BOX.y + 8.0)
        + optional(!card.buttons.is_empty(), BUTTONS)
}

/// What is below the title.
pub(crate) fn paint_card(ui: &Ui, look: &Look, (card, rect): (&FileCard, Rect)) {
    let radius = CornerRadius::same(ROUND_CARD);
    ui.painter().rect(rect, radius, look.t.bg[2], Stroke::new(1.0, look.t.line), StrokeKind::Inside);
    let sign = Rect::from_min_size(rect.min + Vec2::splat(PAD), Vec2::splat(ICON));
    let icon = if card.image { icons::IMAGE } else { icons::FILE };
    paint_icon(ui, (icon, 28.0, look.t.text[1]), sign);
}

/// The rectangle of a card in a row that begins at `at`, `width` points wide.
pub(crate) fn place(at: egui::Pos2, (card, width): (&FileCard, f32)) -> Rect {
    Rect::from_min_size(at, vec2(width.min(WIDTH), height(card)))
}

/// What can be seen and done on it.
pub(crate) fn card_ui(
    ui: &mut Ui,
    look: &Look,
    (card, rect): (&FileCard, Rect),
    (id, thumbs): (Id, &Thumbs),
) -> Vec<Action> {
    let mut actions = Vec::new();
    let inner = rect.shrink(PAD);
    let [_, text2, _] = look.t.text;
    let left = rect.left() + title_at().x;
    let mut y = inner.top() + LINE + 2.0;
    let about =
        if card.size > 0 && card.progress.is_none() { size(card.size) + " · " } else { String::new() };
    let status = Status { text: format!("{about}{}", card.status.text), tone: card.status.tone };
    words(ui, look, ((pos2(left, y), inner.right() - left), &status));
    describe(ui, look, (card, rect, id));
    y += LINE;
    if let Some(part) = card.progress {
        bar(ui, look, (Rect::from_min_size(pos2(inner.left(), y + 4.0), vec2(inner.width(), 6.0)), part));
        y += BAR;
    }
    if let Some(path) = &card.picture {
        let place = Rect::from_min_size(pos2(inner.left(), y + 4.0), BOX.min(vec2(inner.width(), BOX.y)));
        actions.extend(thumbs.paint(ui, look, (path, place)));
        y += BOX.y + 8.0;
    }
    if !card.people.is_empty() {
        y += 4.0;
        for person in &card.people {
            let line = Rect::from_min_size(pos2(inner.left(), y), vec2(inner.width(), LINE));
            actions.extend(person_ui(ui, look, (person, line, id.with(person.name.key()))));
            y += LINE;
        }
        if card.more > 0 {
            let text = look.fill(Key::FileMore, &[("n", &card.more)]);
            ui.painter().text(
                pos2(inner.left(), y + LINE / 2.0),
                Align2::LEFT_CENTER,
                text,
                Type::SMALL.font(),
                text2,
            );
        }
    }
    if card.program && !card.buttons.is_empty() {
        let top = rect.bottom() - PAD - BUTTONS - WARNING + 6.0;
        warning(ui, look, Rect::from_min_size(pos2(inner.left(), top), vec2(inner.width(), WARNING - 4.0)));
    }
    actions.extend(buttons(ui, look, (card, inner, id)));
    actions
}

fn buttons(ui: &mut Ui, look: &Look, (card, inner, id): (&FileCard, Rect, Id)) -> Vec<Action> {
    if card.buttons.is_empty() {
        return Vec::new();
    }
    let place = Rect::from_min_max(pos2(inner.left(), inner.bottom() - 32.0), inner.max);
    let corner = egui::UiBuilder::new().max_rect(place).id_salt((id, "buttons"));
    let mut corner = ui.new_child(corner.layout(Layout::left_to_right(Align::Center)));
    corner.spacing_mut().item_spacing.x = 8.0;
    let mut actions = Vec::new();
    for (kind, key, action) in &card.buttons {
        if button(&mut corner, look, (*kind, look.text(*key), true)).clicked() {
            actions.push(action.clone());
        }
    }
    actions
}

/// For those who do not see it.
fn describe(ui: &Ui, look: &Look, (card, rect, id): (&FileCard, Rect, Id)) {
    let people = card.people.iter().map(|person| format!("{} {}", person.name, person.status.text));
    let state: Vec<_> = std::iter::once(card.status.text.clone()).chain(people).collect();
    let (state, size) = (state.join(", "), size(card.size));
    let text = look.fill(Key::FileCard, &[("name", &card.name), ("size", &size), ("state", &state)]);
    let head = Rect::from_min_size(rect.min, vec2(rect.width(), PAD + LINE));
    let response = ui.interact(head, id.with("card"), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Group, true, &text));
}

fn person_ui(ui: &mut Ui, look: &Look, (person, rect, id): (&Person, Rect, Id)) -> Option<Action> {
    let [text1, ..] = look.t.text;
    let half = rect.width() * 0.4;
    super::super::people::line(ui, (rect.min, half - 8.0), (person.name.as_str(), Type::SMALL, text1));
    let left = rect.left() + half;
    match person.progress {
        Some(part) => {
            let bar_rect = Rect::from_min_size(pos2(left, rect.center().y - 3.0), vec2(80.0, 6.0));
            bar(ui, look, (bar_rect, part));
            words(ui, look, ((pos2(left + 88.0, rect.top()), rect.right() - left - 120.0), &person.status));
        }
        None => words(ui, look, ((pos2(left, rect.top()), rect.right() - left - 32.0), &person.status)),
    }
    let action = person.cancel.clone()?;
    let place = Rect::from_center_size(pos2(rect.right() - 12.0, rect.center().y), Vec2::splat(24.0));
    let corner = egui::UiBuilder::new().max_rect(place).id_salt((id, "cancel"));
    let mut corner = ui.new_child(corner);
    let name = look.fill(Key::FileCancelOne, &[("name", &person.name)]);
    icon_button(&mut corner, look, (icons::X, &name, 24.0)).clicked().then_some(action)
}

fn words(ui: &Ui, look: &Look, ((at, room), status): ((egui::Pos2, f32), &Status)) {
    let [_, text2, _] = look.t.text;
    let (color, icon) = match status.tone {
        Tone::Plain => (text2, None),
        Tone::Good => (look.t.ok, Some(icons::CHECK)),
        Tone::Bad => (look.t.danger, Some(icons::WARNING)),
    };
    let mut at = at;
    if let Some(icon) = icon {
        paint_icon(ui, (icon, 14.0, color), Rect::from_min_size(at + vec2(0.0, 3.0), Vec2::splat(16.0)));
        at.x += 20.0;
    }
    let ink = if status.tone == Tone::Good { text2 } else { color };
    super::super::people::line(ui, (at, room), (&status.text, Type::SMALL, ink));
}

fn warning(ui: &Ui, look: &Look, rect: Rect) {
    let mut job = LayoutJob::single_section(
        look.text(Key::FileProgram).to_owned(),
        super::super::row::format(Type::CAPTION, look.t.warn),
    );
    job.wrap.max_width = rect.width() - 24.0;
    job.wrap.max_rows = 2;
    let galley = ui.painter().layout_job(job);
    paint_icon(ui, (icons::WARNING, 16.0, look.t.warn), Rect::from_min_size(rect.min, Vec2::splat(18.0)));
    ui.painter().galley(rect.min + vec2(24.0, 0.0), galley, look.t.warn);
}

fn bar(ui: &Ui, look: &Look, (rect, part): (Rect, f32)) {
    let radius = CornerRadius::same(3);
    ui.painter().rect_filled(rect, radius, look.t.bg[4]);
    let full = Rect::from_min_size(rect.min, vec2(rect.width() * part, rect.height()));
    ui.painter().rect_filled(full, radius, look.t.accent);
}
