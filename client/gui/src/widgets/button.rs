//! Buttons.

use egui::{
    Align2, Color32, CornerRadius, FontId, Rect, Response, Role, Sense, TextWrapMode, Ui, Vec2, WidgetInfo,
    WidgetText, pos2, vec2,
};

use super::focus_ring;
use crate::look::Look;
use crate::theme::{self, COMPACT, CONTROL, PAD, ROUND_CONTROL, Type};

/// How much a button wants to be pressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The one thing to do here.
    Primary,
    /// Another thing to do.
    Secondary,
    /// Only its text.
    Ghost,
    /// It cannot be taken back.
    Danger,
}

/// A button as wide as its text.
pub(crate) fn button(ui: &mut Ui, look: &Look, (kind, text, enabled): (Kind, &str, bool)) -> Response {
    let width = text_width(ui, text) + 2.0 * PAD + 4.0;
    sized(ui, look, (kind, text, enabled), vec2(width.max(CONTROL), CONTROL))
}

/// A button as wide as there is room.
pub(crate) fn wide_button(ui: &mut Ui, look: &Look, (kind, text, enabled): (Kind, &str, bool)) -> Response {
    let size = vec2(ui.available_width(), CONTROL + 4.0);
    sized(ui, look, (kind, text, enabled), size)
}

/// A button that reads like a link.
pub(crate) fn link_button(ui: &mut Ui, look: &Look, text: &str) -> Response {
    let galley = WidgetText::from(look.rich(text, Type::SMALL).color(look.t.accent_text));
    let galley = galley.into_galley(ui, Some(TextWrapMode::Extend), f32::INFINITY, egui::TextStyle::Small);
    let (rect, response) = ui.allocate_exact_size(galley.size() + vec2(8.0, 6.0), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, text));
    let place = rect.min + vec2(4.0, 3.0);
    if response.hovered() {
        let y = place.y + galley.size().y - 2.0;
        ui.painter().hline(place.x..=place.x + galley.size().x, y, (1.0, look.t.accent_text));
    }
    ui.painter().galley(place, galley, look.t.accent_text);
    focus_ring(ui, look, (&response, rect, ROUND_CONTROL));
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// A button that is an icon, with a name for those who do not see it, and as a tooltip.
pub(crate) fn icon_button(ui: &mut Ui, look: &Look, (icon, name, size): (char, &str, f32)) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(size.max(COMPACT)), Sense::click());
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
    let [_, _, _, hover, press] = look.t.bg;
    let [text1, text2, _] = look.t.text;
    let (fill, ink) = match () {
        () if response.is_pointer_button_down_on() => (press, text1),
        () if response.hovered() => (hover, text1),
        () => (Color32::TRANSPARENT, text2),
    };
    ui.painter().rect_filled(rect, CornerRadius::same(ROUND_CONTROL), fill);
    paint_icon(ui, (icon, 18.0, ink), rect);
    focus_ring(ui, look, (&response, rect, ROUND_CONTROL));
    response.on_hover_text(name)
}

/// An icon in the middle of a rectangle.
pub(crate) fn paint_icon(ui: &Ui, (icon, size, ink): (char, f32, Color32), rect: Rect) {
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, icon, FontId::new(size, theme::icons()), ink);
}

fn text_width(ui: &Ui, text: &str) -> f32 {
    ui.painter().layout_no_wrap(text.to_owned(), Type::STRONG.font(), Color32::WHITE).size().x
}

fn sized(ui: &mut Ui, look: &Look, (kind, text, enabled): (Kind, &str, bool), size: Vec2) -> Response {
    let sense = if enabled { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(size, sense);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, text));
    let pressed = response.is_pointer_button_down_on();
    let (fill, ink) = colors(look, (kind, enabled), (response.hovered(), pressed));
    ui.painter().rect_filled(rect, CornerRadius::same(ROUND_CONTROL), fill);
    let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), Type::STRONG.font(), ink);
    job.wrap = egui::text::TextWrapping::truncate_at_width(rect.width() - 8.0);
    let galley = ui.painter().layout_job(job);
    let at = rect.center() - galley.size() / 2.0;
    ui.painter().galley(pos2(at.x.round(), at.y), galley, ink);
    if response.has_focus() {
        let ring = if kind == Kind::Ghost { rect } else { rect.expand(3.0) };
        focus_ring(ui, look, (&response, ring, ROUND_CONTROL + 2));
    }
    response
}

fn colors(
    look: &Look,
    (kind, enabled): (Kind, bool),
    (hovered, pressed): (bool, bool),
) -> (Color32, Color32) {
    let t = &look.t;
    let [_, _, _, hover, press] = t.bg;
    let [text1, text2, text3] = t.text;
    let shade = |color: Color32| match (pressed, hovered) {
        (true, _) => color.lerp_to_gamma(Color32::BLACK, 0.08),
        (_, true) => color.lerp_to_gamma(Color32::WHITE, 0.06),
        _ => color,
    };
    match kind {
        Kind::Ghost if !enabled => (Color32::TRANSPARENT, text3),
        _ if !enabled => (hover, text3),
        Kind::Primary => (shade(t.accent), Color32::WHITE),
        Kind::Danger => (shade(t.danger_solid), Color32::WHITE),
        Kind::Secondary => (if hovered || pressed { press } else { hover }, text1),
        Kind::Ghost if pressed => (press, text1),
        Kind::Ghost if hovered => (hover, text1),
        Kind::Ghost => (Color32::TRANSPARENT, text2),
    }
}
