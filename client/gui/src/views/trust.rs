//! Who the server is: the first time, and when it is somebody else than before.

use egui::{Align, Color32, Frame, Id, Layout, Margin, RichText, Ui, vec2};
use sotto_proto::{Link, Pin};

use crate::action::Action;
use crate::icons;
use crate::look::Look;
use crate::strings::Key;
use crate::theme::{self, CONTROL, SECTION, SPACE, Type, WIDE};
use crate::widgets::{Field, Kind, button, fingerprint, focus_once, from_right};

/// A server that nobody has vouched for yet, or that is not the one it was.
#[derive(Debug)]
pub(crate) struct Doubt {
    pub(crate) link: Link,
    /// Who it is now.
    pub(crate) seen: Pin,
    /// Who it should be, and since when, Unix seconds; `None`: it is new.
    pub(crate) expected: Option<(Pin, Option<u64>)>,
    pub(crate) pasted: String,
    pub(crate) explained: bool,
}

impl Doubt {
    /// What was pasted to compare: nothing, a pin, or something else.
    fn compared(&self) -> Compared {
        let typed = self.pasted.trim();
        if typed.is_empty() {
            return Compared::Not;
        }
        let pin = typed.parse::<Pin>().ok().or_else(|| typed.parse::<Link>().ok()?.pin);
        if pin == Some(self.seen) { Compared::Same } else { Compared::Different }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Compared {
    Not,
    Same,
    Different,
}

const WIDTH: f32 = 600.0;

/// Draws it, as a screen of its own.
pub(crate) fn trust_ui(ui: &mut Ui, look: &Look, state: &mut Doubt) -> Vec<Action> {
    let mut actions = Vec::new();
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.vertical_centered(|ui| {
            ui.add_space(((ui.available_height() - 480.0) / 2.0).clamp(SPACE, 120.0));
            let width = WIDTH.min(ui.available_width() - 2.0 * SECTION);
            let [_, _, card, ..] = look.t.bg;
            let frame = Frame::new()
                .fill(card)
                .stroke(egui::Stroke::new(1.0, look.t.line))
                .corner_radius(theme::ROUND_DIALOG)
                .inner_margin(Margin::same(24));
            ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::Min), |ui| {
                frame.show(ui, |ui| {
                    ui.set_width(width - 48.0);
                    match state.expected {
                        None => first(ui, look, (state, &mut actions)),
                        Some(expected) => changed(ui, look, (state, expected, &mut actions)),
                    }
                });
            });
        });
    });
    if ui.input(|input| input.key_pressed(egui::Key::Escape)) {
        actions.push(Action::Leave);
    }
    actions
}

fn first(ui: &mut Ui, look: &Look, (state, actions): (&mut Doubt, &mut Vec<Action>)) {
    ui.label(look.rich(look.text(Key::TrustTitle), Type::H1));
    ui.label(look.dim(look.fill(Key::TrustBody, &[("host", &state.link.address())]), Type::BODY));
    ui.add_space(SPACE);
    fingerprint(ui, look, state.seen);
    from_right(ui, CONTROL, |ui| {
        if button(ui, look, (Kind::Ghost, look.text(Key::Copy), true)).clicked() {
            actions.push(Action::CopyText(state.seen.to_groups()));
        }
    });
    paste(ui, look, (state, Key::TrustPaste));
    if state.explained {
        ui.label(look.dim(look.text(Key::TrustExplain), Type::SMALL));
    } else if crate::widgets::link_button(ui, look, look.text(Key::TrustDetails)).clicked() {
        state.explained = true;
    }
    ui.add_space(WIDE);
    from_right(ui, CONTROL, |ui| {
        let (kind, key, enabled) = match state.compared() {
            Compared::Same => (Kind::Primary, Key::TrustOk, true),
            Compared::Not => (Kind::Secondary, Key::TrustUnchecked, true),
            Compared::Different => (Kind::Secondary, Key::TrustOk, false),
        };
        if button(ui, look, (kind, look.text(key), enabled)).clicked() {
            actions.push(Action::Trust(state.seen));
        }
        let no = button(ui, look, (Kind::Secondary, look.text(Key::TrustNo), true));
        focus_once(ui, (Id::unique("trust"), no.id));
        if no.clicked() {
            actions.push(Action::Leave);
        }
    });
}

fn changed(
    ui: &mut Ui,
    look: &Look,
    (state, (expected, since), actions): (&mut Doubt, (Pin, Option<u64>), &mut Vec<Action>),
) {
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(28.0, 28.0), egui::Sense::hover());
        crate::widgets::paint_icon(ui, (icons::SHIELD_WARNING, 28.0, look.t.danger), rect);
        ui.label(look.rich(look.text(Key::PinTitle), Type::H1).color(look.t.danger));
    });
    let host = state.link.address();
    let body = match since {
        Some(since) => look.fill(Key::PinBody, &[("host", &host), ("date", &look.day(since * 1000))]),
        None => look.fill(Key::PinBodyUndated, &[("host", &host)]),
    };
    ui.label(look.dim(body, Type::BODY));
    ui.label(look.rich(look.text(Key::PinSafe), Type::STRONG));
    ui.add_space(SPACE);
    for (key, pin) in [(Key::PinOld, expected), (Key::PinNew, state.seen)] {
        ui.label(look.dim(look.text(key), Type::SMALL));
        fingerprint(ui, look, pin);
    }
    ui.label(look.rich(look.text(Key::PinTodo), Type::BODY));
    ui.add_space(SPACE);
    paste(ui, look, (state, Key::PinHave));
    let same = state.compared() == Compared::Same;
    ui.add_space(WIDE);
    from_right(ui, CONTROL, |ui| {
        let leave = button(ui, look, (Kind::Primary, look.text(Key::PinLeave), true));
        focus_once(ui, (Id::unique("changed"), leave.id));
        if leave.clicked() {
            actions.push(Action::Leave);
        }
        if button(ui, look, (Kind::Danger, look.text(Key::PinReplace), same)).clicked() {
            actions.push(Action::Trust(state.seen));
        }
        if button(ui, look, (Kind::Ghost, look.text(Key::PinReport), true)).clicked() {
            actions.push(Action::CopyText(format!("{host}\n- {expected}\n+ {}", state.seen)));
        }
    });
}

/// A field for what the user was given, and whether it is the same.
fn paste(ui: &mut Ui, look: &Look, (state, key): (&mut Doubt, Key)) {
    ui.label(look.dim(look.text(key), Type::SMALL));
    let compared = state.compared();
    let name = look.text(key);
    let field = Field { id: Id::unique("pasted"), name, hint: "", text: &mut state.pasted, secret: None };
    field.show(ui, look);
    let (color, key): (Color32, Key) = match compared {
        Compared::Not => return ui.add_space(18.0),
        Compared::Same => (look.t.ok, Key::TrustMatch),
        Compared::Different => (look.t.danger, Key::TrustDiffer),
    };
    let icon = if compared == Compared::Same { icons::CHECK } else { icons::X };
    ui.horizontal(|ui| {
        ui.set_height(18.0);
        ui.spacing_mut().item_spacing.x = 4.0;
        ui.label(RichText::new(icon).font(egui::FontId::new(14.0, theme::icons())).color(color));
        ui.label(look.rich(look.text(key), Type::SMALL).color(color));
    });
}
