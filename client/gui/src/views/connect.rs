//! The first screen: which server. Language, theme and size are here too, so that everybody can read it.

use egui::{Align, CornerRadius, Frame, Id, Layout, Margin, Rect, Role, Sense, Ui, WidgetInfo, vec2};
use sotto_client::ServerEntry;
use sotto_proto::Link;

use crate::action::Action;
use crate::icons;
use crate::look::Look;
use crate::saying::{Saying, bad_link};
use crate::settings::{Settings, ThemeChoice, clamp_zoom};
use crate::strings::{Key, Lang};
use crate::theme::{CONTROL, ROUND_CARD, ROW_ROOM, SECTION, SPACE, TIGHT, Type};
use crate::widgets::{
    Field, Kind, button, enter_pressed, focus_once, focus_ring, from_right, icon_button, paint_icon,
};

/// What the first screen holds.
#[derive(Debug, Default)]
pub(crate) struct Connect {
    pub(crate) typed: String,
    pub(crate) busy: bool,
    pub(crate) problem: Option<Saying>,
    pub(crate) recent: Vec<ServerEntry>,
}

const WIDTH: f32 = 560.0;

/// Draws it.
pub(crate) fn connect_ui(ui: &mut Ui, look: &Look, state: &mut Connect) -> Vec<Action> {
    let mut actions = Vec::new();
    corner(ui, look, &mut actions);
    ui.vertical_centered(|ui| {
        let spare = ui.available_height() - 420.0;
        ui.add_space((spare / 3.0).clamp(SPACE, 140.0));
        let width = WIDTH.min(ui.available_width() - 2.0 * SECTION);
        ui.allocate_ui_with_layout(vec2(width, ui.available_height()), Layout::top_down(Align::Min), |ui| {
            ui.set_width(width);
            ui.vertical_centered(|ui| {
                ui.label(look.rich(look.text(Key::AppName), Type::DISPLAY));
                ui.label(look.dim(look.text(Key::AppLine), Type::BODY));
            });
            ui.add_space(SECTION);
            ui.label(look.rich(look.text(Key::ConnectTitle), Type::TITLE));
            form(ui, look, (state, &mut actions));
            ui.add_space(SECTION);
            recent(ui, look, (state, &mut actions));
        });
    });
    actions
}

fn form(ui: &mut Ui, look: &Look, (state, actions): (&mut Connect, &mut Vec<Action>)) {
    let field = Id::unique("server");
    ui.horizontal(|ui| {
        let label = look.text(if state.busy { Key::ConnectBusy } else { Key::ConnectButton });
        ui.allocate_ui_with_layout(
            vec2(ui.available_width(), 36.0),
            Layout::right_to_left(Align::Center),
            |ui| {
                let ready = !state.typed.trim().is_empty() && !state.busy;
                let clicked = button(ui, look, (Kind::Primary, label, ready)).clicked();
                let typed = Field {
                    id: field,
                    name: look.text(Key::ConnectField),
                    hint: look.text(Key::ConnectExample),
                    text: &mut state.typed,
                    secret: None,
                };
                let response = typed.show(ui, look);
                focus_once(ui, (Id::unique("connect"), field));
                if response.changed() {
                    state.problem = None;
                }
                let entered = response.lost_focus() && enter_pressed(ui);
                let pasted = response.changed() && is_whole_link(&state.typed);
                if ready && (clicked || entered) || pasted && !state.busy {
                    connect(state, actions);
                }
            },
        );
    });
    ui.add_space(TIGHT);
    let [_, _, text3] = look.t.text;
    match &state.problem {
        Some(problem) => warning(ui, look, &problem.say(look)),
        None => drop(look.label(ui, look.text(Key::ConnectHint), (Type::SMALL, text3))),
    }
}

/// A pasted invite link needs no further click.
fn is_whole_link(typed: &str) -> bool {
    typed.trim_start().starts_with("sotto://") && typed.parse::<Link>().is_ok_and(|link| link.pin.is_some())
}

fn connect(state: &mut Connect, actions: &mut Vec<Action>) {
    match state.typed.parse::<Link>() {
        Ok(link) => actions.push(Action::Connect(link)),
        Err(error) => state.problem = Some(bad_link(&state.typed, error)),
    }
}

/// A line that says what went wrong, with its sign.
pub(crate) fn warning(ui: &mut Ui, look: &Look, text: &str) {
    ui.horizontal_top(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(18.0, 18.0), Sense::hover());
        paint_icon(ui, (icons::WARNING, 16.0, look.t.danger), rect);
        ui.spacing_mut().item_spacing.x = TIGHT;
        ui.add(egui::Label::new(look.rich(text, Type::SMALL).color(look.t.danger)).wrap());
    });
}

fn recent(ui: &mut Ui, look: &Look, (state, actions): (&mut Connect, &mut Vec<Action>)) {
    if state.recent.is_empty() {
        return;
    }
    ui.label(look.dim(look.text(Key::ConnectRecent), Type::STRONG));
    egui::ScrollArea::vertical().max_height(240.0).show(ui, |ui| {
        for server in &state.recent {
            ui.push_id(&server.address, |ui| entry(ui, look, (server, state.busy, actions)));
        }
    });
}

fn entry(ui: &mut Ui, look: &Look, (server, busy, actions): (&ServerEntry, bool, &mut Vec<Action>)) {
    let [_, panel, _, hover, _] = look.t.bg;
    let [text1, text2, _] = look.t.text;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW_ROOM), Sense::click());
    let name = server.user.as_deref().unwrap_or_default();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, !busy, format!("{} {name}", server.address)));
    let fill = if response.hovered() { hover } else { panel };
    ui.painter().rect_filled(rect, CornerRadius::same(ROUND_CARD), fill);
    let sign = Rect::from_center_size(rect.left_center() + vec2(26.0, 0.0), vec2(24.0, 24.0));
    paint_icon(ui, (icons::LOCK_SIMPLE, 20.0, look.t.ok), sign);
    let at = rect.left_top() + vec2(52.0, 7.0);
    ui.painter().text(at, egui::Align2::LEFT_TOP, &server.address, Type::STRONG.font(), text1);
    let mut line = look.text(Key::ConnectPinned).to_owned();
    for part in
        [server.user.clone(), server.used_at.map(|at| look.short_time(at * 1000))].into_iter().flatten()
    {
        line = format!("{line} · {part}");
    }
    ui.painter().text(at + vec2(0.0, 22.0), egui::Align2::LEFT_TOP, line, Type::SMALL.font(), text2);
    focus_ring(ui, look, (&response, rect, ROUND_CARD));
    let corner = Rect::from_center_size(rect.right_center() - vec2(24.0, 0.0), vec2(28.0, 28.0));
    let mut corner = ui.new_child(egui::UiBuilder::new().max_rect(corner).id_salt("forget"));
    if icon_button(&mut corner, look, (icons::X, look.text(Key::ConnectForget), 28.0)).clicked() {
        actions.push(Action::Forget(server.address.clone()));
    } else if response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked()
        && !busy
        && let Ok(link) = server.address.parse()
    {
        actions.push(Action::Connect(link));
    }
}

/// Language, theme and size, in the upper right corner.
pub(crate) fn corner(ui: &mut Ui, look: &Look, actions: &mut Vec<Action>) {
    let change = |settings: Settings| Action::Change(settings);
    let current = &look.settings;
    Frame::new().inner_margin(Margin::symmetric(12, 8)).show(ui, |ui| {
        from_right(ui, CONTROL, |ui| {
            ui.spacing_mut().item_spacing.x = TIGHT;
            let mut zoom = |by: f32| {
                actions.push(change(Settings { zoom: clamp_zoom(current.zoom + by), ..current.clone() }));
            };
            if icon_button(ui, look, (icons::PLUS, look.text(Key::ZoomIn), 28.0)).clicked() {
                zoom(0.1);
            }
            if icon_button(ui, look, (icons::MINUS, look.text(Key::ZoomOut), 28.0)).clicked() {
                zoom(-0.1);
            }
            ui.add_space(SPACE);
            let (icon, key, next) = match current.theme {
                ThemeChoice::System => (icons::MONITOR, Key::ThemeSystem, ThemeChoice::Light),
                ThemeChoice::Light => (icons::SUN, Key::ThemeLight, ThemeChoice::Dark),
                ThemeChoice::Dark => (icons::MOON, Key::ThemeDark, ThemeChoice::System),
            };
            let name = format!("{}: {}", look.text(Key::Theme), look.text(key));
            if icon_button(ui, look, (icon, &name, 28.0)).clicked() {
                actions.push(change(Settings { theme: next, ..current.clone() }));
            }
            ui.add_space(SPACE);
            let other = if look.lang == Lang::English { Lang::Chinese } else { Lang::English };
            if button(ui, look, (Kind::Ghost, other.name(), true)).clicked() {
                actions.push(change(Settings { lang: Some(other), ..current.clone() }));
            }
        });
    });
}
