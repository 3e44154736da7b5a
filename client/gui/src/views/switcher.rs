//! Where to go: every room and every person, found by any part of a name.

use egui::{
    Align2, CornerRadius, Id, Key as Keyboard, Modifiers, Role, ScrollArea, Sense, Ui, WidgetInfo, vec2,
};
use sotto_client::Rooms;
use sotto_proto::Audience;

use crate::action::Action;
use crate::look::Look;
use crate::strings::Key;
use crate::theme::{DIALOG, ROUND_CONTROL, SPACE, Type};
use crate::widgets::{Field, avatar, focus_once, modal};

const ROW: f32 = 40.0;

/// What was typed, and which result is chosen.
#[derive(Debug, Default)]
pub(crate) struct Switcher {
    pub(crate) typed: String,
    chosen: usize,
}

/// Draws it in front of everything.
pub(crate) fn switcher_ui(ui: &Ui, look: &Look, (rooms, state): (&Rooms, &mut Switcher)) -> Vec<Action> {
    let id = Id::unique("switcher");
    let shown = modal(ui, look, id, |ui| {
        ui.set_width(DIALOG);
        ui.label(look.rich(look.text(Key::SwitchTitle), Type::TITLE));
        let (down, up) = ui.input_mut(|input| {
            let down = input.consume_key(Modifiers::NONE, Keyboard::ArrowDown);
            (down, input.consume_key(Modifiers::NONE, Keyboard::ArrowUp))
        });
        let field = id.with("field");
        let name = look.text(Key::SwitchField);
        let typed =
            Field { id: field, name, hint: name, text: &mut state.typed, secret: None }.show(ui, look);
        focus_once(ui, (id, field));
        if typed.changed() {
            state.chosen = 0;
        }
        let found = find(look, rooms, &state.typed);
        state.chosen = match (down, up) {
            (true, _) if state.chosen + 1 < found.len() => state.chosen + 1,
            (_, true) => state.chosen.saturating_sub(1),
            _ => state.chosen.min(found.len().saturating_sub(1)),
        };
        ui.add_space(SPACE);
        let clicked = results(ui, look, (rooms, state.typed.trim()), (&found, state.chosen));
        let entered = typed.lost_focus() && ui.input(|input| input.key_pressed(Keyboard::Enter));
        clicked.or_else(|| entered.then(|| found.get(state.chosen).cloned()).flatten())
    });
    match shown {
        None => vec![Action::Show(None)],
        Some(Some(room)) => vec![Action::Show(None), Action::Open(room)],
        Some(None) => Vec::new(),
    }
}

fn results(
    ui: &mut Ui,
    look: &Look,
    (rooms, typed): (&Rooms, &str),
    (found, chosen): (&[Audience], usize),
) -> Option<Audience> {
    let mut clicked = None;
    ui.spacing_mut().item_spacing.y = 2.0;
    if found.is_empty() {
        ui.label(look.dim(look.fill(Key::EmptySearch, &[("q", &typed)]), Type::SMALL));
    }
    ScrollArea::vertical().max_height(8.0 * ROW).auto_shrink([false, true]).show(ui, |ui| {
        for (index, room) in found.iter().enumerate() {
            let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
            let name = look.room_name(room, rooms.model().me());
            response.widget_info(|| WidgetInfo::selected(Role::Button, true, index == chosen, &name));
            if index == chosen || response.hovered() {
                let fill = if index == chosen { look.t.accent_soft } else { look.t.bg[3] };
                ui.painter().rect_filled(rect, CornerRadius::same(ROUND_CONTROL), fill);
            }
            avatar(ui, (rect.left_center() + vec2(22.0, 0.0), 28.0), (room, rooms.model().me()));
            let at = rect.left_center() + vec2(46.0, 0.0);
            ui.painter().text(at, Align2::LEFT_CENTER, name, Type::BODY.font(), look.t.text[0]);
            if index == chosen {
                response.scroll_to_me(None);
            }
            if response.clicked() {
                clicked = Some(room.clone());
            }
        }
    });
    clicked
}

/// Rooms first, in their order, then people without one; what begins with the text before what contains it.
pub(crate) fn find(look: &Look, rooms: &Rooms, typed: &str) -> Vec<Audience> {
    let wanted = typed.trim().to_lowercase();
    let people = rooms.model().people().filter(|(name, _)| Some(*name) != rooms.model().me());
    let people =
        people.map(|(name, _)| Audience::Set(vec![name.clone()])).filter(|room| rooms.get(room).is_none());
    let all = rooms.order().iter().cloned().chain(people);
    let rank = |room: &Audience| {
        let name = look.room_name(room, rooms.model().me()).to_lowercase();
        match name.find(&wanted) {
            Some(0) => Some(0),
            Some(_) => Some(1),
            None => initials(&name).contains(&wanted).then_some(2),
        }
    };
    let mut found: Vec<_> = all.filter_map(|room| Some((rank(&room)?, room))).collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, room)| room).take(50).collect()
}

/// `wf` finds Wang Fang.
fn initials(name: &str) -> String {
    name.split_whitespace().filter_map(|word| word.chars().next()).collect()
}
