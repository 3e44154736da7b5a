//! Who logs in: the black card of the original, its two fields, its questions.

use egui::{Color32, CornerRadius, Frame, Id, Margin, Mesh, Rect, Shape, Ui, vec2};
use sotto_proto::{Link, Pin};

use super::connect::{corner, warning};
use crate::action::Action;
use crate::icons;
use crate::look::Look;
use crate::saying::Saying;
use crate::strings::Key;
use crate::theme::{self, CARD, CARD_FILL, CONTROL, DARK, ROUND_DIALOG, SPACE, Type};
use crate::widgets::{
    Answer, Field, Kind, check, dialog, enter_pressed, from_right, link_button, wide_button,
};

/// The log-in screen.
#[derive(Debug)]
pub(crate) struct LogIn {
    pub(crate) link: Link,
    pub(crate) pin: Pin,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) invite: String,
    pub(crate) wants_invite: bool,
    pub(crate) shown: bool,
    /// Whoever logs in wants to stay so.
    pub(crate) stay: bool,
    pub(crate) busy: Option<Key>,
    pub(crate) problem: Option<Saying>,
    pub(crate) question: Option<Question>,
    /// What gets the keyboard next.
    pub(crate) focus: Option<Focus>,
}

/// A dialog of this screen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Question {
    /// Register this name?
    Register,
    /// There is an account now.
    Registered,
    /// The name is taken.
    Taken,
    /// There is no account, for this reason.
    NotRegistered(Saying),
    /// Somebody is logged in: from where and since when.
    Already {
        /// From which address.
        from: String,
        /// Unix milliseconds.
        since: u64,
    },
}

/// Which field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Focus {
    /// The name.
    User,
    /// The password, all of it selected.
    Password,
}

impl LogIn {
    pub(crate) fn new(link: Link, pin: Pin, user: String) -> Self {
        let focus = Some(if user.is_empty() { Focus::User } else { Focus::Password });
        Self {
            link,
            pin,
            user,
            password: String::new(),
            invite: String::new(),
            wants_invite: false,
            shown: false,
            stay: false,
            busy: None,
            problem: None,
            question: None,
            focus,
        }
    }
}

/// Draws it.
pub(crate) fn login_ui(ui: &mut Ui, look: &Look, state: &mut LogIn) -> Vec<Action> {
    let mut actions = Vec::new();
    backdrop(ui);
    // The card is dark in every theme.
    let dark = Look { t: DARK, ..look.clone() };
    ui.scope(|ui| {
        *ui.visuals_mut() = ui.ctx().style_of(egui::Theme::Dark).visuals.clone();
        corner(ui, &dark, &mut actions);
        let room = ui.available_rect_before_wrap();
        let invite = if state.wants_invite { 70.0 } else { 0.0 };
        let height = 446.0 + invite + if state.stay { 36.0 } else { 0.0 };
        let place = Rect::from_center_size(room.center() - vec2(0.0, 16.0), vec2(CARD, height));
        let place = place.translate(vec2(0.0, (room.top() - place.top()).max(0.0)));
        ui.scope_builder(egui::UiBuilder::new().max_rect(place).id_salt("card"), |ui| {
            let frame = Frame::new()
                .fill(CARD_FILL)
                .corner_radius(CornerRadius::same(ROUND_DIALOG))
                .inner_margin(Margin::same(24));
            frame.show(ui, |ui| card(ui, &dark, (state, &mut actions)));
        });
    });
    if let Some(action) = question(ui, look, state) {
        actions.push(action);
    } else if state.question.is_none() && ui.input(|input| input.key_pressed(egui::Key::Escape)) {
        actions.push(Action::Quit);
    }
    actions
}

/// A dark gradient of our own: what is behind the window cannot be relied on.
fn backdrop(ui: &Ui) {
    let rect = ui.max_rect().expand(32.0);
    let mut mesh = Mesh::default();
    let (top, bottom) = (Color32::from_rgb(0x1B, 0x2B, 0x47), Color32::from_rgb(0x0F, 0x12, 0x16));
    for (corner, color) in [
        (rect.left_top(), top),
        (rect.right_top(), Color32::from_rgb(0x17, 0x20, 0x30)),
        (rect.left_bottom(), bottom),
        (rect.right_bottom(), bottom),
    ] {
        mesh.colored_vertex(corner, color);
    }
    mesh.add_triangle(0, 1, 2);
    mesh.add_triangle(1, 2, 3);
    ui.painter().add(Shape::mesh(mesh));
}

fn card(ui: &mut Ui, look: &Look, (state, actions): (&mut LogIn, &mut Vec<Action>)) {
    ui.set_width(CARD - 48.0);
    ui.vertical_centered(|ui| {
        ui.label(look.rich(look.text(Key::AppName), Type::DISPLAY));
        ui.horizontal(|ui| {
            let text = state.link.address();
            let width =
                ui.painter().layout_no_wrap(text.clone(), Type::SMALL.font(), Color32::WHITE).size().x + 22.0;
            ui.add_space(((ui.available_width() - width) / 2.0).max(0.0));
            ui.spacing_mut().item_spacing.x = 4.0;
            let lock = egui::RichText::new(icons::LOCK_SIMPLE).font(egui::FontId::new(14.0, theme::icons()));
            ui.label(lock.color(look.t.ok)).on_hover_text(state.pin.to_groups());
            ui.label(look.dim(text, Type::SMALL)).on_hover_text(look.text(Key::ConnectPinned));
        });
    });
    ui.add_space(SPACE);
    fields(ui, look, (state, actions));
    if check(ui, look, (state.stay, look.text(Key::StayBox))) {
        state.stay = !state.stay;
    }
    if state.stay {
        ui.label(look.dim(look.text(Key::StayNote), Type::SMALL));
    }
    ui.add_space(SPACE);
    let busy = state.busy.map(|key| look.text(key));
    let label = busy.unwrap_or(look.text(Key::LoginButton));
    if wide_button(ui, look, (Kind::Primary, label, busy.is_none())).clicked() {
        actions.push(Action::LogIn { take_over: false });
    }
    ui.horizontal(|ui| {
        if link_button(ui, look, look.text(Key::LoginRegister)).clicked() && state.busy.is_none() {
            actions.push(Action::AskRegister);
        }
        from_right(ui, CONTROL, |ui| {
            if link_button(ui, look, look.text(Key::LoginOther)).clicked() {
                actions.push(Action::Leave);
            }
        });
    });
    ui.vertical_centered(|ui| {
        ui.label(look.dim(look.text(Key::LoginKeys), Type::CAPTION));
    });
}

fn fields(ui: &mut Ui, look: &Look, (state, actions): (&mut LogIn, &mut Vec<Action>)) {
    let (user, password) = (Id::unique("user"), Id::unique("password"));
    ui.spacing_mut().item_spacing.y = 4.0;
    ui.label(look.dim(look.text(Key::LoginUser), Type::SMALL));
    let name = look.text(Key::LoginUser);
    let typed = Field { id: user, name, hint: "", text: &mut state.user, secret: None }.show(ui, look);
    let name_entered = typed.lost_focus() && enter_pressed(ui);
    ui.add_space(4.0);
    ui.label(look.dim(look.text(Key::LoginPass), Type::SMALL));
    let name = look.text(Key::LoginPass);
    let secret = Some(&mut state.shown);
    let hidden = Field { id: password, name, hint: "", text: &mut state.password, secret }.show(ui, look);
    let mut entered = hidden.lost_focus() && enter_pressed(ui);
    if state.wants_invite {
        ui.add_space(4.0);
        let name = look.text(Key::RegInvite);
        ui.label(look.dim(name, Type::SMALL));
        Field { id: Id::unique("invite"), name, hint: "", text: &mut state.invite, secret: None }
            .show(ui, look);
    }
    if typed.changed() || hidden.changed() {
        state.problem = None;
    }
    if name_entered && state.password.is_empty() {
        state.focus = Some(Focus::Password);
    } else {
        entered |= name_entered;
    }
    if entered && state.busy.is_none() {
        actions.push(Action::LogIn { take_over: false });
    }
    let fullwidth = is_full_width(&state.password);
    ui.add_space(2.0);
    match &state.problem {
        Some(problem) => warning(ui, look, &problem.say(look)),
        None if fullwidth => warning(ui, look, look.text(Key::LoginFullwidth)),
        None => ui.add_space(18.0),
    }
    // While a dialog goes away nothing can have the keyboard: it is asked for until it is there.
    if state.question.is_none() && ui.memory(|memory| memory.top_modal_layer().is_none()) {
        match state.focus.take() {
            Some(Focus::User) => ui.memory_mut(|memory| memory.request_focus(user)),
            Some(Focus::Password) => focus_all(ui, password, &state.password),
            None => {}
        }
    } else if state.question.is_none() {
        ui.ctx().request_repaint();
    }
}

/// Whether something in it looks as if an input method had typed it by mistake.
pub(super) fn is_full_width(password: &str) -> bool {
    password.chars().any(|c| ('\u{ff01}'..='\u{ff5e}').contains(&c) || c == '\u{3000}')
}

fn focus_all(ui: &Ui, id: Id, text: &str) {
    let mut edit = egui::text_edit::TextEditState::load(ui.ctx(), id).unwrap_or_default();
    edit.cursor.set_char_range(Some(egui::text::CCursorRange::select_all_str(text)));
    edit.store(ui.ctx(), id);
    ui.memory_mut(|memory| memory.request_focus(id));
}

fn question(ui: &mut Ui, look: &Look, state: &mut LogIn) -> Option<Action> {
    let asked = state.question.clone()?;
    let user = state.user.trim().to_owned();
    let answer = match &asked {
        Question::Register => {
            let body = look.fill(Key::RegConfirm, &[("user", &user), ("server", &state.link.address())]);
            let title = look.fill(Key::RegConfirmTitle, &[("user", &user)]);
            let yes = Some((Kind::Primary, look.text(Key::RegYes)));
            dialog(ui, look, (&title, &body), (look.text(Key::Cancel), yes))
        }
        Question::Registered => {
            let title = look.fill(Key::RegDoneTitle, &[("user", &user)]);
            dialog(ui, look, (&title, look.text(Key::RegDone)), (look.text(Key::RegLogin), None))
        }
        Question::Taken => {
            let body = look.fill(Key::RegTaken, &[("user", &user)]);
            dialog(ui, look, (look.text(Key::RegTakenTitle), &body), (look.text(Key::Ok), None))
        }
        Question::NotRegistered(why) => {
            let title = look.text(Key::RegFailedTitle);
            dialog(ui, look, (title, &why.say(look)), (look.text(Key::Ok), None))
        }
        Question::Already { from, since } => {
            let time = look.short_time(*since);
            let values: [(&str, &dyn std::fmt::Display); 3] =
                [("user", &user), ("host", from), ("time", &time)];
            let body = look.fill(Key::AlreadyBody, &values);
            let yes = Some((Kind::Danger, look.text(Key::AlreadyTake)));
            dialog(ui, look, (look.text(Key::AlreadyTitle), &body), (look.text(Key::Cancel), yes))
        }
    }?;
    state.question = None;
    state.focus = Some(if asked == Question::Taken { Focus::User } else { Focus::Password });
    match (asked, answer) {
        (Question::Register, Answer::Yes) => Some(Action::Register),
        (Question::Registered, _) => Some(Action::LogIn { take_over: false }),
        (Question::Already { .. }, Answer::Yes) => Some(Action::LogIn { take_over: true }),
        _ => None,
    }
}
