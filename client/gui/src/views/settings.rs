//! The settings: a list of pages at the left; what is changed is so at once.

use egui::{Align, Id, Layout, Role, ScrollArea, Sense, Ui, WidgetInfo, vec2};
use sotto_proto::{Pin, Username};

use super::account::{NewPassword, account_ui};
use crate::action::{Action, Overlay, Page};
use crate::icons;
use crate::look::Look;
use crate::settings::{Notify, SendKey, Settings, ThemeChoice, clamp_zoom};
use crate::strings::{Key, Lang};
use crate::theme::{CONTROL, PAD, ROUND_CONTROL, SPACE, TIGHT, Type, WIDE};
use crate::widgets::{
    Kind, button, check, fingerprint, focus_ring, from_right, icon_button, modal, paint_icon,
};

/// What the pages show of the session.
pub(crate) struct About<'a> {
    pub(crate) user: &'a Username,
    pub(crate) address: &'a str,
    pub(crate) pin: Pin,
    pub(crate) online: bool,
    /// A test notification has been sent.
    pub(crate) tested: bool,
}

const PAGES: [(Page, Key, char); 8] = [
    (Page::General, Key::SetGeneral, icons::GLOBE),
    (Page::Appearance, Key::SetAppearance, icons::PALETTE),
    (Page::Messages, Key::SetMessages, icons::CHAT_CIRCLE),
    (Page::Notifications, Key::SetNotifications, icons::BELL),
    (Page::Account, Key::SetAccount, icons::USER),
    (Page::Server, Key::SetServer, icons::SHIELD_CHECK),
    (Page::Shortcuts, Key::SetShortcuts, icons::KEYBOARD),
    (Page::About, Key::SetAbout, icons::INFO),
];

/// Draws them in front of everything.
pub(crate) fn settings_ui(
    ui: &Ui,
    look: &Look,
    (page, about, typed): (Page, &About<'_>, &mut NewPassword),
) -> Vec<Action> {
    let mut actions = Vec::new();
    let room = ui.ctx().content_rect().size() - vec2(96.0, 140.0);
    let (width, height) = (room.x.clamp(420.0, 640.0), room.y.clamp(280.0, 440.0));
    let shown = modal(ui, look, Id::unique("settings"), |ui| {
        ui.set_width(width);
        ui.horizontal(|ui| {
            ui.label(look.rich(look.text(Key::SetTitle), Type::H1));
            from_right(ui, CONTROL, |ui| {
                if icon_button(ui, look, (icons::X, look.text(Key::Close), 32.0)).clicked() {
                    actions.push(Action::Show(None));
                }
            });
        });
        ui.add_space(SPACE);
        ui.horizontal_top(|ui| {
            ui.allocate_ui_with_layout(vec2(180.0, height), Layout::top_down(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                for (entry, key, icon) in PAGES {
                    if tab(ui, look, (entry == page, look.text(key), icon)) {
                        actions.push(Action::Show(Some(Overlay::Settings(entry))));
                    }
                }
            });
            ui.add_space(PAD);
            ui.allocate_ui_with_layout(
                vec2(ui.available_width(), height),
                Layout::top_down(Align::Min),
                |ui| {
                    ScrollArea::vertical()
                        .id_salt(("page", page as u8))
                        .auto_shrink(false)
                        .max_height(height)
                        .show(ui, |ui| {
                            ui.set_width(ui.available_width() - PAD);
                            match page {
                                Page::Account => account_ui(ui, look, (about, typed), &mut actions),
                                page => page_ui(ui, look, (page, about, &mut actions)),
                            }
                        });
                },
            );
        });
    });
    if shown.is_none() {
        actions.push(Action::Show(None));
    }
    actions
}

fn tab(ui: &mut Ui, look: &Look, (selected, text, icon): (bool, &str, char)) -> bool {
    let (rect, response) = ui.allocate_exact_size(vec2(180.0, 34.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, text));
    let fill = match () {
        () if selected => look.t.accent_soft,
        () if response.hovered() => look.t.bg[3],
        () => egui::Color32::TRANSPARENT,
    };
    ui.painter().rect_filled(rect, ROUND_CONTROL, fill);
    let sign = egui::Rect::from_center_size(rect.left_center() + vec2(20.0, 0.0), vec2(18.0, 18.0));
    let color = if selected { look.t.accent_text } else { look.t.text[1] };
    paint_icon(ui, (icon, 18.0, color), sign);
    let at = sign.right_center() + vec2(8.0, 0.0);
    ui.painter().text(at, egui::Align2::LEFT_CENTER, text, Type::BODY.font(), look.t.text[0]);
    focus_ring(ui, look, (&response, rect, ROUND_CONTROL));
    response.clicked()
}

fn page_ui(ui: &mut Ui, look: &Look, (page, about, actions): (Page, &About<'_>, &mut Vec<Action>)) {
    match page {
        Page::General => general(ui, look, actions),
        Page::Appearance => appearance(ui, look, actions),
        Page::Messages => messages(ui, look, actions),
        Page::Notifications => notifications(ui, look, (about, actions)),
        // It has a file of its own.
        Page::Account => {}
        Page::Server => server(ui, look, (about, actions)),
        Page::Shortcuts => shortcuts(ui, look),
        Page::About => colophon(ui, look),
    }
}

pub(super) fn heading(ui: &mut Ui, look: &Look, key: Key) {
    ui.label(look.rich(look.text(key), Type::STRONG));
}

/// One of several; returns what was clicked.
fn choose<T: Copy + PartialEq>(ui: &mut Ui, look: &Look, (now, choices): (T, &[(T, &str)])) -> Option<T> {
    let mut clicked = None;
    ui.spacing_mut().item_spacing.y = 2.0;
    for (value, text) in choices {
        let on = *value == now;
        let galley = ui.painter().layout(
            (*text).to_owned(),
            Type::BODY.font(),
            look.t.text[0],
            ui.available_width() - 34.0,
        );
        let size = vec2(galley.size().x + 34.0, galley.size().y.max(28.0));
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, on, *text));
        let center = rect.left_center() + vec2(11.0, 0.0);
        if on {
            ui.painter().circle_filled(center, 9.0, look.t.accent);
            ui.painter().circle_filled(center, 3.5, egui::Color32::WHITE);
        } else {
            ui.painter().circle_stroke(center, 8.5, egui::Stroke::new(1.5, look.t.line2));
        }
        let at = egui::pos2(rect.left() + 28.0, rect.center().y - galley.size().y / 2.0);
        ui.painter().galley(at, galley, look.t.text[0]);
        focus_ring(ui, look, (&response, rect.expand(2.0), ROUND_CONTROL));
        if response.clicked() {
            clicked = Some(*value);
        }
    }
    ui.spacing_mut().item_spacing.y = SPACE;
    ui.add_space(WIDE);
    clicked
}

fn general(ui: &mut Ui, look: &Look, actions: &mut Vec<Action>) {
    heading(ui, look, Key::Language);
    let choices = Lang::ALL.map(|lang| (lang, lang.name()));
    if let Some(lang) = choose(ui, look, (look.lang, &choices)) {
        actions.push(Action::Change(Settings { lang: Some(lang), ..look.settings.clone() }));
    }
    let path = sotto_client::downloads();
    ui.label(look.dim(look.fill(Key::FileSavedTo, &[("path", &path.display())]), Type::SMALL));
}

fn appearance(ui: &mut Ui, look: &Look, actions: &mut Vec<Action>) {
    let now = &look.settings;
    heading(ui, look, Key::Theme);
    let themes = [
        (ThemeChoice::System, look.text(Key::ThemeSystem)),
        (ThemeChoice::Light, look.text(Key::ThemeLight)),
        (ThemeChoice::Dark, look.text(Key::ThemeDark)),
    ];
    if let Some(theme) = choose(ui, look, (now.theme, &themes)) {
        actions.push(Action::Change(Settings { theme, ..now.clone() }));
    }
    heading(ui, look, Key::Zoom);
    ui.horizontal(|ui| {
        let mut zoom = |by: f32| {
            actions.push(Action::Change(Settings { zoom: clamp_zoom(now.zoom + by), ..now.clone() }));
        };
        if icon_button(ui, look, (icons::MINUS, look.text(Key::ZoomOut), 32.0)).clicked() {
            zoom(-0.1);
        }
        let percent = (now.zoom * 100.0).round();
        ui.label(look.rich(look.fill(Key::ZoomPercent, &[("n", &percent)]), Type::BODY));
        if icon_button(ui, look, (icons::PLUS, look.text(Key::ZoomIn), 32.0)).clicked() {
            zoom(0.1);
        }
    });
    ui.add_space(SPACE);
    if check(ui, look, (now.still, look.text(Key::SetMotion))) {
        actions.push(Action::Change(Settings { still: !now.still, ..now.clone() }));
    }
    if check(ui, look, (now.contrast, look.text(Key::SetContrast))) {
        actions.push(Action::Change(Settings { contrast: !now.contrast, ..now.clone() }));
    }
}

fn messages(ui: &mut Ui, look: &Look, actions: &mut Vec<Action>) {
    let now = &look.settings;
    heading(ui, look, Key::SetSendWith);
    let keys = [
        (SendKey::CtrlEnter, look.text(Key::ComposeKeysCtrl)),
        (SendKey::Enter, look.text(Key::ComposeKeysEnter)),
    ];
    if let Some(send_with) = choose(ui, look, (now.send_with, &keys)) {
        actions.push(Action::Change(Settings { send_with, ..now.clone() }));
    }
    if check(ui, look, (now.show_joins, look.text(Key::SetJoins))) {
        actions.push(Action::Change(Settings { show_joins: !now.show_joins, ..now.clone() }));
    }
}

fn notifications(ui: &mut Ui, look: &Look, (about, actions): (&About<'_>, &mut Vec<Action>)) {
    let now = &look.settings;
    heading(ui, look, Key::SetNotifyShow);
    let levels = [
        (Notify::Message, look.text(Key::SetNotifyFull)),
        (Notify::Name, look.text(Key::SetNotifyName)),
        (Notify::Nothing, look.text(Key::SetNotifyNothing)),
        (Notify::Off, look.text(Key::SetNotifyOff)),
    ];
    if let Some(notify) = choose(ui, look, (now.notify, &levels)) {
        actions.push(Action::Change(Settings { notify, ..now.clone() }));
    }
    if button(ui, look, (Kind::Secondary, look.text(Key::SetTest), true)).clicked() {
        actions.push(Action::TestNotification);
    }
    if about.tested {
        ui.label(look.dim(look.text(Key::SetTested), Type::SMALL));
    }
}

fn server(ui: &mut Ui, look: &Look, (about, actions): (&About<'_>, &mut Vec<Action>)) {
    heading(ui, look, Key::SetServerAddress);
    ui.label(look.rich(about.address, Type::BODY));
    ui.add_space(SPACE);
    heading(ui, look, Key::TrustFingerprint);
    fingerprint(ui, look, about.pin);
    if button(ui, look, (Kind::Ghost, look.text(Key::Copy), true)).clicked() {
        actions.push(Action::CopyText(about.pin.to_groups()));
    }
    ui.add_space(SPACE);
    ui.label(look.dim(look.text(Key::SetServerTrust), Type::SMALL));
}

fn shortcuts(ui: &mut Ui, look: &Look) {
    let keys = [
        (Key::KeysSwitch, "Ctrl+K"),
        (Key::KeysSearch, "Ctrl+F"),
        (Key::KeysFile, "Ctrl+U"),
        (Key::KeysNextChat, "Alt+↓  Alt+↑"),
        (Key::KeysNextUnread, "Alt+Shift+↓  Alt+Shift+↑"),
        (Key::KeysRegions, "F6  Shift+F6"),
        (Key::KeysScroll, "PgUp  PgDn"),
        (Key::KeysEnds, "Ctrl+Home  Ctrl+End"),
        (Key::KeysZoom, "Ctrl++  Ctrl+−  Ctrl+0"),
        (Key::KeysSettings, "Ctrl+,"),
        (Key::KeysHelpName, look.text(Key::KeysHelp)),
        (Key::KeysEsc, "Esc"),
        (Key::KeysQuit, "Ctrl+Q"),
    ];
    egui::Grid::new("keys").num_columns(2).spacing(vec2(WIDE, TIGHT)).min_row_height(26.0).show(ui, |ui| {
        for (name, key) in keys {
            ui.label(look.rich(key, Type::STRONG));
            ui.label(look.dim(look.text(name), Type::BODY));
            ui.end_row();
        }
    });
}

fn colophon(ui: &mut Ui, look: &Look) {
    ui.label(look.rich(look.text(Key::AppName), Type::DISPLAY));
    ui.label(look.dim(look.text(Key::AppLine), Type::BODY));
    ui.add_space(SPACE);
    ui.label(look.dim(look.fill(Key::AboutLine, &[("version", &env!("CARGO_PKG_VERSION"))]), Type::BODY));
    ui.label(look.dim(look.text(Key::AboutFonts), Type::SMALL));
}
