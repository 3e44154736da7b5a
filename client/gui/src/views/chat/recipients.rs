//! Whom a message goes to: the line above the field, which is always there.

use egui::{Align, Align2, Layout, Rect, Sense, Ui, Vec2, vec2};
use sotto_client::Recipients;
use sotto_proto::{Audience, Username};

use super::Chat;
use crate::action::Action;
use crate::icons;
use crate::look::Look;
use crate::strings::Key;
use crate::theme::Type;
use crate::widgets::{link_button, paint_icon};

/// The line that says whom a message goes to, always.
pub(super) fn recipients_ui(ui: &mut Ui, look: &Look, state: &Chat, actions: &mut Vec<Action>) {
    let model = state.rooms.model();
    let people = model.people().filter(|(name, _)| Some(*name) != model.me()).count();
    let explicit = matches!(state.recipients, Recipients::Only(_)) && state.open == Audience::Everyone;
    ui.allocate_ui_with_layout(
        vec2(ui.available_width(), 28.0),
        Layout::left_to_right(Align::Center),
        |ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            let (text, color) = to_line(look, state, people);
            ui.label(look.rich(text, Type::SMALL).color(color));
            if let (true, Recipients::Only(names)) = (explicit, &state.recipients) {
                chips(ui, look, (names.iter().collect(), actions));
                if link_button(ui, look, look.text(Key::NavEveryone)).clicked() {
                    actions.push(Action::TickAll);
                }
            }
        },
    );
    let clear = in_the_clear(state);
    if clear > 0 {
        ui.label(look.rich(look.count(Key::ToClear, clear, &[]), Type::SMALL).color(look.t.warn));
    }
    if let (true, Some(name)) = (explicit, &state.excluded) {
        let text = look.fill(Key::PeopleExcluded, &[("name", name)]);
        ui.label(look.rich(text, Type::SMALL).color(look.t.warn));
    }
}

/// How many of those who get a message now are reached without encryption.
fn in_the_clear(state: &Chat) -> usize {
    let model = state.rooms.model();
    let gets_it = |name: &Username| match &state.open {
        Audience::Everyone => state.recipients.contains(name),
        Audience::Set(names) => names.contains(name),
    };
    let people = model.people().filter(|(name, _)| Some(*name) != model.me());
    people.filter(|(name, _)| model.is_in_the_clear(name) && gets_it(name)).count()
}

fn to_line(look: &Look, state: &Chat, people: usize) -> (String, egui::Color32) {
    let [_, text2, _] = look.t.text;
    match (&state.open, &state.recipients) {
        (Audience::Everyone, Recipients::Everyone) => (look.fill(Key::ToEveryone, &[("n", &people)]), text2),
        (Audience::Everyone, Recipients::Only(names)) => match names.len() {
            0 => (look.count(Key::ToSome, 0, &[]), look.t.warn),
            n => (look.count(Key::ToSome, n, &[]), look.t.accent_text),
        },
        (Audience::Set(_), _) => (look.fill(Key::ToOne, &[("name", &state.room_name(look))]), text2),
    }
}

/// The first few of those who are ticked, each with a way to take it out.
fn chips(ui: &mut Ui, look: &Look, (names, actions): (Vec<&Username>, &mut Vec<Action>)) {
    let mut shown = 0;
    for name in &names {
        let text = name.as_str();
        let width =
            ui.painter().layout_no_wrap(text.to_owned(), Type::SMALL.font(), look.t.text[0]).size().x + 36.0;
        if ui.available_width() < width + 120.0 {
            break;
        }
        shown += 1;
        let (rect, response) = ui.allocate_exact_size(vec2(width, 24.0), Sense::click());
        let label = look.fill(Key::ToRemove, &[("name", name)]);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &label));
        let fill = if response.hovered() { look.t.bg[4] } else { look.t.bg[3] };
        ui.painter().rect_filled(rect, 12, fill);
        let at = rect.left_center() + vec2(10.0, 0.0);
        ui.painter().text(at, Align2::LEFT_CENTER, text, Type::SMALL.font(), look.t.text[0]);
        let cross = Rect::from_center_size(rect.right_center() - vec2(12.0, 0.0), Vec2::splat(12.0));
        paint_icon(ui, (icons::X, 12.0, look.t.text[1]), cross);
        crate::widgets::focus_ring(ui, look, (&response, rect, 12));
        if response.on_hover_text(label).clicked() {
            actions.push(Action::Tick((*name).clone()));
        }
    }
    let more = names.len() - shown;
    if more > 0 {
        ui.label(look.dim(look.fill(Key::ToMore, &[("n", &more)]), Type::SMALL));
    }
}
