//! Files on their way into the chat: dropped on it, and shown once more before they are sent.

use std::sync::Arc;

use egui::{
    Align2, CornerRadius, Event, Id, LayerId, Order, Rect, Sense, Stroke, StrokeKind, Ui, Vec2, vec2,
};
use sotto_proto::Audience;

use super::Chat;
use crate::action::{Action, Chosen, Overlay};
use crate::icons;
use crate::look::Look;
use crate::outside::pasted_files;
use crate::strings::Key;
use crate::theme::{CONTROL, DIALOG, ROUND_CARD, SPACE, Type, WIDE};
use crate::views::file::size;
use crate::views::people::line;
use crate::widgets::{Kind, button, focus_once, from_right, icon_button, modal, paint_icon};

/// Whom files go to, in words.
fn whom(look: &Look, state: &Chat) -> String {
    match state.audience(look) {
        Ok(Audience::Everyone) => look.text(Key::FileToEveryone).to_owned(),
        Ok(Audience::Set(names)) => match names.as_slice() {
            [name] => name.to_string(),
            names => look.count(Key::FileToPeople, names.len(), &[]),
        },
        Err(why) => why,
    }
}

/// Files that hover over the window, and files that were dropped on it.
pub(super) fn dropped(ui: &Ui, look: &Look, state: &Chat) -> Option<Action> {
    let (hovers, paths) = ui.input(|input| {
        let paths: Vec<_> = input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect();
        (!input.raw.hovered_files.is_empty(), paths)
    });
    if !paths.is_empty() {
        return Some(Action::Offer(paths));
    }
    if hovers {
        let painter = ui.ctx().layer_painter(LayerId::new(Order::Foreground, Id::unique("drop")));
        let place = ui.ctx().content_rect().shrink(12.0);
        painter.rect(
            place,
            CornerRadius::same(ROUND_CARD),
            look.t.bg[2].gamma_multiply(0.94),
            Stroke::new(2.0, look.t.accent_text),
            StrokeKind::Inside,
        );
        let text = look.fill(Key::FileDrop, &[("to", &whom(look, state))]);
        painter.text(place.center(), Align2::CENTER_CENTER, text, Type::H1.font(), look.t.text[0]);
    }
    None
}

/// Files and pictures that were pasted: they are no text for the field.
pub(super) fn pasted(ui: &Ui) -> Vec<Action> {
    let mut actions = Vec::new();
    ui.input_mut(|input| {
        input.events.retain(|event| {
            let action = match event {
                Event::Paste(text) => pasted_files(text).map(Action::Offer),
                Event::PasteImage(image) => Some(Action::PasteImage(Arc::clone(image))),
                _ => None,
            };
            let taken = action.is_some();
            actions.extend(action);
            !taken
        });
    });
    actions
}

/// What is to be sent, and to whom: the last question before it is.
pub(super) fn sheet(ui: &Ui, look: &Look, (state, files): (&Chat, &[Chosen])) -> Vec<Action> {
    let mut actions = Vec::new();
    let to = whom(look, state);
    let ready = state.audience(look).is_ok();
    let id = Id::unique("sheet");
    let shown = modal(ui, look, id, |ui| {
        ui.set_width(DIALOG);
        ui.label(look.rich(look.count(Key::FileConfirm, files.len(), &[("to", &to)]), Type::H1));
        ui.add_space(SPACE);
        egui::ScrollArea::vertical().max_height(280.0).auto_shrink([false, true]).show(ui, |ui| {
            for (index, file) in files.iter().enumerate() {
                if file_row(ui, look, file) {
                    let mut files = files.to_vec();
                    files.remove(index);
                    let left = (!files.is_empty()).then_some(Overlay::Files(files));
                    actions.push(Action::Show(left));
                }
            }
        });
        ui.add_space(SPACE);
        ui.label(look.dim(look.text(Key::FileAsk), Type::SMALL));
        ui.label(look.dim(look.text(Key::FileAway), Type::SMALL));
        ui.add_space(WIDE);
        from_right(ui, CONTROL, |ui| {
            let send = button(ui, look, (Kind::Primary, look.text(Key::FileSendNow), ready));
            focus_once(ui, (id, send.id));
            if send.clicked() {
                actions.push(Action::SendFiles(files.iter().map(|file| file.path.clone()).collect()));
            }
            if button(ui, look, (Kind::Secondary, look.text(Key::Cancel), true)).clicked() {
                actions.push(Action::Show(None));
            }
        });
    });
    if shown.is_none() {
        actions.push(Action::Show(None));
    }
    actions
}

/// One file; whether it is not to be sent after all.
fn file_row(ui: &mut Ui, look: &Look, Chosen { path, bytes }: &Chosen) -> bool {
    let [text1, text2, _] = look.t.text;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 36.0), Sense::hover());
    let sign = Rect::from_center_size(rect.left_center() + vec2(14.0, 0.0), Vec2::splat(22.0));
    paint_icon(ui, (icons::FILE, 22.0, text2), sign);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let at = rect.left_top() + vec2(34.0, 7.0);
    line(ui, (at, rect.width() - 160.0), (&name, Type::BODY, text1));
    ui.painter().text(
        rect.right_center() - vec2(44.0, 0.0),
        Align2::RIGHT_CENTER,
        size(*bytes),
        Type::SMALL.font(),
        text2,
    );
    let place = Rect::from_center_size(rect.right_center() - vec2(18.0, 0.0), Vec2::splat(28.0));
    let corner = egui::UiBuilder::new().max_rect(place).id_salt(("remove", path));
    let label = look.fill(Key::FileRemove, &[("name", &name)]);
    icon_button(&mut ui.new_child(corner), look, (icons::X, &label, 28.0)).clicked()
}
