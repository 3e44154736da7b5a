//! The few controls that everything is made of, each named for assistive technology, reachable by keyboard
//! and drawn from the design system.

mod button;
mod dialog;
mod field;
mod person;

pub(crate) use button::{Kind, button, icon_button, link_button, paint_icon, wide_button};
pub(crate) use dialog::{Answer, dialog, enter_pressed, fingerprint, focus_once, modal};
pub(crate) use field::{Field, check, paint_check};
pub(crate) use person::{avatar, presence_dot, unread_pill};

use egui::{Align, CornerRadius, Layout, Rect, Response, Stroke, StrokeKind, Ui, vec2};

use crate::look::Look;

/// The ring around what has the keyboard.
pub(crate) fn focus_ring(ui: &Ui, look: &Look, (response, rect, radius): (&Response, Rect, u8)) {
    if response.has_focus() {
        let width = if look.settings.contrast { 3.0 } else { 2.0 };
        let stroke = Stroke::new(width, look.t.accent_text);
        ui.painter().rect_stroke(rect, CornerRadius::same(radius), stroke, StrokeKind::Inside);
    }
}

/// A line as thin as the screen can draw it.
pub(crate) fn hairline(ui: &Ui, look: &Look) -> Stroke {
    Stroke::new(1.0 / ui.ctx().pixels_per_point(), look.t.line)
}

/// A row of controls that begins at the right edge.
pub(crate) fn from_right<R>(ui: &mut Ui, height: f32, content: impl FnOnce(&mut Ui) -> R) -> R {
    let size = vec2(ui.available_width(), height);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), content).inner
}
