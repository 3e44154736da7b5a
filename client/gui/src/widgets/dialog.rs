//! Questions in front of everything else. Esc and a click beside it give the safe answer.

use egui::{CornerRadius, Frame, Id, Key as Keyboard, Margin, Modal, Stroke, Ui};

use super::{Kind, button, from_right};
use crate::look::Look;
use crate::theme::{CONTROL, DIALOG, ROUND_CARD, ROUND_DIALOG, SPACE, Type, WIDE};

/// How a dialog was left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    /// The safe way.
    No,
    /// What it asks about.
    Yes,
}

/// A dialog: a title, a text, and one or two buttons, of which the first has the focus. `yes`: how the second
/// looks, what it says.
pub(crate) fn dialog(
    ui: &Ui,
    look: &Look,
    (title, text): (&str, &str),
    (no, yes): (&str, Option<(Kind, &str)>),
) -> Option<Answer> {
    let id = Id::unique(("dialog", title));
    let shown = modal(ui, look, id, |ui| {
        ui.set_width(DIALOG);
        ui.label(look.rich(title, Type::H1));
        ui.add_space(SPACE);
        ui.label(look.dim(text, Type::BODY));
        ui.add_space(WIDE);
        from_right(ui, CONTROL, |ui| {
            let second = yes.map(|(kind, text)| button(ui, look, (kind, text, true)).clicked());
            let kind = if yes.is_some() { Kind::Secondary } else { Kind::Primary };
            let first = button(ui, look, (kind, no, true));
            focus_once(ui, (id, first.id));
            match (first.clicked(), second) {
                (_, Some(true)) => Some(Answer::Yes),
                (true, _) => Some(Answer::No),
                _ => None,
            }
        })
    });
    shown.unwrap_or(Some(Answer::No))
}

/// What is in front of everything else; `None`: it is to go away.
pub(crate) fn modal<T>(ui: &Ui, look: &Look, id: Id, content: impl FnOnce(&mut Ui) -> T) -> Option<T> {
    let [_, _, card, ..] = look.t.bg;
    let frame = Frame::new()
        .fill(card)
        .stroke(Stroke::new(1.0, look.t.line))
        .corner_radius(CornerRadius::same(ROUND_DIALOG))
        .shadow(ui.visuals().window_shadow)
        .inner_margin(Margin::same(20));
    let response = Modal::new(id).frame(frame).backdrop_color(look.t.shade).show(ui.ctx(), content);
    if response.should_close() { None } else { Some(response.inner) }
}

/// Gives the keyboard to a control when its dialog is new.
pub(crate) fn focus_once(ui: &Ui, (dialog, control): (Id, Id)) {
    let pass = ui.ctx().cumulative_pass_nr();
    let shown: Option<u64> = ui.data(|data| data.get_temp(dialog));
    if shown.is_none_or(|shown| shown + 1 < pass) {
        ui.memory_mut(|memory| memory.request_focus(control));
    }
    ui.data_mut(|data| data.insert_temp(dialog, pass));
}

/// A fingerprint in groups, on two lines, to be compared and copied.
pub(crate) fn fingerprint(ui: &mut Ui, look: &Look, pin: sotto_proto::Pin) {
    let groups = pin.to_groups().to_uppercase();
    let words: Vec<_> = groups.split(' ').collect();
    let lines: Vec<_> = words.chunks(8).map(|line| line.join(" ")).collect();
    let [text1, ..] = look.t.text;
    Frame::new()
        .fill(look.t.code)
        .corner_radius(CornerRadius::same(ROUND_CARD))
        .inner_margin(Margin::symmetric(12, 8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            let text = egui::RichText::new(lines.join("\n")).monospace().color(text1).line_height(Some(22.0));
            ui.add(egui::Label::new(text).selectable(true));
        });
}

/// Whether Enter was pressed while nothing else wanted it.
pub(crate) fn enter_pressed(ui: &Ui) -> bool {
    ui.input(|input| input.key_pressed(Keyboard::Enter))
}
