//! Fields to type into, and boxes to tick.

use egui::{
    Align2, Color32, CornerRadius, FontId, Frame, Id, Margin, Rect, Response, Role, Sense, Stroke,
    StrokeKind, TextEdit, Ui, Vec2, WidgetInfo, vec2,
};

use super::{focus_ring, icon_button};
use crate::icons;
use crate::look::Look;
use crate::strings::Key;
use crate::theme::{self, CONTROL, ROUND_CHIP, ROUND_CONTROL, Type};

/// A field for one line.
pub(crate) struct Field<'a> {
    pub(crate) id: Id,
    /// What it is called; shown by the caller or not at all.
    pub(crate) name: &'a str,
    pub(crate) hint: &'a str,
    pub(crate) text: &'a mut String,
    /// `Some(shown)`: a password, with an eye to show it.
    pub(crate) secret: Option<&'a mut bool>,
}

impl Field<'_> {
    /// Shows it, as wide as there is room.
    pub(crate) fn show(self, ui: &mut Ui, look: &Look) -> Response {
        let width = ui.available_width();
        let (rect, _) = ui.allocate_exact_size(vec2(width, CONTROL + 4.0), Sense::hover());
        let has_focus = ui.memory(|memory| memory.has_focus(self.id));
        paint_frame(ui, look, (rect, has_focus));
        let mut inner = rect.shrink2(vec2(10.0, 0.0));
        if self.secret.is_some() {
            inner.max.x -= 24.0;
        }
        let hidden = self.secret.as_ref().is_some_and(|shown| !**shown);
        let [text1, _, text3] = look.t.text;
        let hint = egui::RichText::new(self.hint).color(text3).font(Type::BODY.font());
        let edit = TextEdit::singleline(self.text)
            .id(self.id)
            .password(hidden)
            .hint_text(hint)
            .frame(Frame::NONE)
            .margin(Margin::ZERO)
            .text_color(text1)
            .font(Type::BODY.font())
            .align(Align2::LEFT_CENTER)
            .desired_width(inner.width());
        let response = ui.put(inner, edit).accessible_name(self.name);
        if let Some(shown) = self.secret {
            let eye = Rect::from_center_size(rect.right_center() - vec2(18.0, 0.0), Vec2::splat(28.0));
            let (icon, name) =
                if *shown { (icons::EYE_SLASH, Key::LoginHide) } else { (icons::EYE, Key::LoginShow) };
            let mut corner = ui.new_child(egui::UiBuilder::new().max_rect(eye).id_salt("eye"));
            if icon_button(&mut corner, look, (icon, look.text(name), 28.0)).clicked() {
                *shown = !*shown;
            }
        }
        response
    }
}

/// The border of a field, thicker when it has the keyboard.
fn paint_frame(ui: &Ui, look: &Look, (rect, has_focus): (Rect, bool)) {
    let [_, _, card, ..] = look.t.bg;
    let stroke =
        if has_focus { Stroke::new(2.0, look.t.accent_text) } else { Stroke::new(1.0, look.t.line2) };
    ui.painter().rect(rect, CornerRadius::same(ROUND_CONTROL), card, stroke, StrokeKind::Inside);
}

/// A box to tick, with its text beside it. True: it was clicked.
pub(crate) fn check(ui: &mut Ui, look: &Look, (on, text): (bool, &str)) -> bool {
    let [text1, ..] = look.t.text;
    let galley = ui.painter().layout(text.to_owned(), Type::BODY.font(), text1, ui.available_width() - 26.0);
    let (rect, response) =
        ui.allocate_exact_size(vec2(galley.size().x + 30.0, galley.size().y.max(28.0)), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, on, text));
    let square = Rect::from_center_size(rect.left_center() + vec2(11.0, 0.0), Vec2::splat(18.0));
    paint_check(ui, look, (square, on, true));
    ui.painter().galley(
        egui::pos2(rect.left() + 28.0, rect.center().y - galley.size().y / 2.0),
        galley,
        text1,
    );
    focus_ring(ui, look, (&response, rect.expand(2.0), ROUND_CONTROL));
    response.clicked()
}

/// The box alone.
pub(crate) fn paint_check(ui: &Ui, look: &Look, (square, on, enabled): (Rect, bool, bool)) {
    let radius = CornerRadius::same(ROUND_CHIP);
    if on {
        let fill = if enabled { look.t.accent } else { look.t.line2 };
        ui.painter().rect_filled(square, radius, fill);
        let font = FontId::new(14.0, theme::icons());
        ui.painter().text(square.center(), Align2::CENTER_CENTER, icons::CHECK, font, Color32::WHITE);
    } else {
        ui.painter().rect_stroke(square, radius, Stroke::new(1.5, look.t.line2), StrokeKind::Inside);
    }
}
