//! What may stand in front of the chat.

use egui::{Align2, Id, Sense, Ui, vec2};
use sotto_client::Room;
use sotto_proto::{Audience, Presence};

use super::sending::sheet;
use super::{Chat, Connection};
use crate::action::{Action, Overlay};
use crate::look::Look;
use crate::strings::Key;
use crate::theme::{CONTROL, DIALOG, SPACE, Type};
use crate::views::people::line;
use crate::views::settings::{About, settings_ui};
use crate::views::switcher::switcher_ui;
use crate::widgets::{Answer, Kind, avatar, button, dialog, from_right, modal, presence_dot};

pub(super) fn overlays(ui: &Ui, look: &Look, state: &mut Chat, actions: &mut Vec<Action>) {
    let Some(overlay) = state.overlay.clone() else {
        return;
    };
    match overlay {
        Overlay::Switcher => actions.extend(switcher_ui(ui, look, (&state.rooms, &mut state.switcher))),
        Overlay::Settings(page) => {
            let address = state.link.address();
            let (pin, tested) = (state.pin, state.tested);
            let online = matches!(state.connection, Connection::Online);
            let about = About { user: &state.user, address: &address, pin, online, tested };
            actions.extend(settings_ui(ui, look, (page, &about, &mut state.new_password)));
        }
        Overlay::Link(url) => {
            let text = format!("{}\n\n{url}", look.text(Key::LinkBody));
            let yes = Some((Kind::Primary, look.text(Key::LinkOpen)));
            match dialog(ui, look, (look.text(Key::LinkTitle), &text), (look.text(Key::Cancel), yes)) {
                Some(Answer::Yes) => actions.extend([Action::Show(None), Action::OpenLink(url)]),
                Some(Answer::No) => actions.push(Action::Show(None)),
                None => {}
            }
        }
        Overlay::Quit(waiting) => {
            let text = look.count(Key::QuitWaiting, waiting, &[]);
            let yes = Some((Kind::Danger, look.text(Key::QuitYes)));
            match dialog(ui, look, (look.text(Key::QuitTitle), &text), (look.text(Key::Cancel), yes)) {
                Some(Answer::Yes) => actions.push(Action::QuitAnyway),
                Some(Answer::No) => actions.push(Action::Show(None)),
                None => {}
            }
        }
        Overlay::KeepInFile => {
            let yes = Some((Kind::Secondary, look.text(Key::StayFileYes)));
            let asked = (look.text(Key::StayFileTitle), look.text(Key::StayFileBody));
            match dialog(ui, look, asked, (look.text(Key::StayFileNo), yes)) {
                Some(Answer::Yes) => actions.push(Action::KeepInFile),
                Some(Answer::No) => actions.push(Action::Show(None)),
                None => {}
            }
        }
        Overlay::Files(files) => actions.extend(sheet(ui, look, (state, &files))),
        Overlay::Members => members(ui, look, (state.rooms.get(&state.open), state), actions),
    }
}

fn members(ui: &Ui, look: &Look, (room, state): (Option<&Room>, &Chat), actions: &mut Vec<Action>) {
    let model = state.rooms.model();
    let everyone: Vec<_> = model.people().map(|(name, _)| name.clone()).collect();
    let names = match room.map(Room::others) {
        Some(others) if !others.is_empty() => others.to_vec(),
        _ => everyone,
    };
    let shown = modal(ui, look, Id::unique("members"), |ui| {
        ui.set_width(DIALOG);
        ui.label(look.rich(state.room_name(look), Type::H1));
        ui.add_space(SPACE);
        egui::ScrollArea::vertical().max_height(360.0).auto_shrink([false, true]).show_rows(
            ui,
            32.0,
            names.len(),
            |ui, range| {
                let first = range.start;
                for name in names.iter().skip(first).take(range.len()) {
                    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 32.0), Sense::hover());
                    let center = rect.left_center() + vec2(16.0, 0.0);
                    avatar(ui, (center, 28.0), (&Audience::Set(vec![name.clone()]), None));
                    let presence = model.presence(name).unwrap_or(Presence::Away);
                    presence_dot(ui, look, (center + vec2(10.0, 10.0), presence, look.t.bg[2]));
                    let key =
                        if presence == Presence::Online { Key::PresenceOnline } else { Key::PresenceAway };
                    let at = center + vec2(24.0, -11.0);
                    line(ui, (at, rect.width() - 120.0), (name.as_str(), Type::BODY, look.t.text[0]));
                    let at = rect.right_center();
                    ui.painter().text(
                        at,
                        Align2::RIGHT_CENTER,
                        look.text(key),
                        Type::SMALL.font(),
                        look.t.text[1],
                    );
                }
            },
        );
        ui.add_space(SPACE);
        from_right(ui, CONTROL, |ui| {
            let close = button(ui, look, (Kind::Secondary, look.text(Key::Close), true));
            crate::widgets::focus_once(ui, (Id::unique("members-once"), close.id));
            close.clicked()
        })
    });
    if shown != Some(false) {
        actions.push(Action::Show(None));
    }
}
