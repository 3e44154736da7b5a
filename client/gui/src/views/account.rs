//! The account's page of the settings: who is logged in, another password, the way out.

use std::fmt;

use egui::text_edit::TextEditState;
use egui::{Context, Id, Ui};
use sotto_proto::Password;

use super::connect::warning;
use super::login::is_full_width;
use super::settings::{About, heading};
use crate::action::Action;
use crate::icons;
use crate::look::Look;
use crate::saying::Saying;
use crate::strings::Key;
use crate::theme::{SPACE, TIGHT, Type, WIDE};
use crate::widgets::{Field, Kind, button, enter_pressed, paint_icon};

/// Another password, as far as it is typed.
#[derive(Default)]
pub(crate) struct NewPassword {
    old: String,
    new: String,
    again: String,
    shown: bool,
    pub(crate) busy: bool,
    pub(crate) outcome: Option<Outcome>,
    /// What gets the keyboard next.
    pub(crate) focus: Option<Part>,
}

/// What has come of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It is changed.
    Changed,
    /// It is not, for this reason.
    NotChanged(Saying),
}

/// One of the three fields.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Part {
    /// The password until now.
    Old,
    /// The one from now on.
    New,
    /// That one again.
    Again,
}

impl Part {
    const ALL: [Self; 3] = [Self::Old, Self::New, Self::Again];

    fn id(self) -> Id {
        Id::unique(("new password", self))
    }

    fn name(self) -> Key {
        match self {
            Self::Old => Key::PassOld,
            Self::New => Key::PassNew,
            Self::Again => Key::PassAgain,
        }
    }
}

impl NewPassword {
    /// The password until now and the one from now on; `None`: something is missing, and is said.
    pub(crate) fn checked(&mut self) -> Option<(Password, Password)> {
        let (key, part) = match (Password::new(&self.old), Password::new(&self.new)) {
            _ if self.old.is_empty() => (Key::PassNoOld, Part::Old),
            _ if self.new.is_empty() => (Key::PassNoNew, Part::New),
            _ if self.new != self.again => (Key::PassDiffer, Part::Again),
            (Ok(old), Ok(new)) => return Some((old, new)),
            (Err(_), _) => (Key::PassWrongOld, Part::Old),
            (_, Err(_)) => (Key::PasswordBad, Part::New),
        };
        self.say(key, part);
        None
    }

    /// It is not changed, and this part is the one to look at.
    pub(crate) fn say(&mut self, why: impl Into<Saying>, part: Part) {
        self.outcome = Some(Outcome::NotChanged(why.into()));
        self.focus = Some(part);
    }

    /// Nothing stays in the fields, nor in what they keep to undo.
    pub(crate) fn forget(&mut self, ctx: &Context) {
        *self = Self::default();
        ctx.data_mut(|data| Part::ALL.iter().for_each(|part| data.remove::<TextEditState>(part.id())));
    }
}

/// What is typed is nobody's business.
impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Draws it.
pub(super) fn account_ui(
    ui: &mut Ui,
    look: &Look,
    (about, typed): (&About<'_>, &mut NewPassword),
    actions: &mut Vec<Action>,
) {
    ui.label(look.rich(look.fill(Key::SetLoggedInAs, &[("user", about.user)]), Type::BODY));
    ui.add_space(SPACE);
    heading(ui, look, Key::PassChange);
    ui.spacing_mut().item_spacing.y = TIGHT;
    let entered = Part::ALL.map(|part| field(ui, look, (part, typed))).contains(&true);
    // Of two lines, so that the buttons stay where they are.
    ui.scope(|ui| {
        ui.set_min_height(2.0 * Type::SMALL.line);
        remark(ui, look, (about, typed));
    });
    ui.add_space(TIGHT);
    let may = about.online && !typed.busy;
    let label = look.text(if typed.busy { Key::PassBusy } else { Key::PassChange });
    if button(ui, look, (Kind::Primary, label, may)).clicked() || entered && may {
        actions.push(Action::ChangePassword);
    }
    ui.add_space(WIDE);
    if button(ui, look, (Kind::Secondary, look.text(Key::SetLogOut), true)).clicked() {
        actions.push(Action::LogOut);
    }
}

/// A field under its name; whether Enter was pressed in it.
fn field(ui: &mut Ui, look: &Look, (part, typed): (Part, &mut NewPassword)) -> bool {
    let NewPassword { old, new, again, shown, .. } = typed;
    let text = match part {
        Part::Old => old,
        Part::New => new,
        Part::Again => again,
    };
    let (id, name) = (part.id(), look.text(part.name()));
    ui.label(look.dim(name, Type::SMALL));
    let response = Field { id, name, hint: "", text, secret: Some(shown) }.show(ui, look);
    if response.changed() {
        typed.outcome = None;
    }
    if typed.focus == Some(part) {
        typed.focus = None;
        response.request_focus();
    }
    response.lost_focus() && enter_pressed(ui)
}

/// What has come of it, or what to know before.
fn remark(ui: &mut Ui, look: &Look, (about, typed): (&About<'_>, &NewPassword)) {
    match &typed.outcome {
        Some(Outcome::NotChanged(why)) => warning(ui, look, &why.say(look)),
        Some(Outcome::Changed) => {
            ui.horizontal_top(|ui| {
                let (rect, _) = ui.allocate_exact_size(egui::vec2(18.0, 18.0), egui::Sense::hover());
                paint_icon(ui, (icons::CHECK, 16.0, look.t.ok), rect);
                ui.spacing_mut().item_spacing.x = TIGHT;
                ui.label(look.rich(look.text(Key::PassDone), Type::SMALL).color(look.t.ok));
            });
        }
        None if !about.online => warning(ui, look, look.text(Key::PassOffline)),
        None if is_full_width(&typed.new) => warning(ui, look, look.text(Key::LoginFullwidth)),
        None => drop(ui.label(look.dim(look.text(Key::PassRule), Type::SMALL))),
    }
}
