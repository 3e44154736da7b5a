//! Searching the room that is open: what matches, one after the other. Chinese has no spaces between words,
//! so a match is any place where the letters stand.

use egui::{Align, Frame, Id, Key as Keyboard, Layout, Margin, Modifiers, Ui, vec2};
use sotto_client::LineId;

use super::row::{Scene, said};
use super::timeline::Lines;
use crate::action::Action;
use crate::icons;
use crate::strings::Key;
use crate::theme::{SPACE, Type};
use crate::widgets::{Field, focus_once, icon_button, link_button};

const PAGE: u16 = 200;

/// A search.
#[derive(Debug, Default)]
pub(crate) struct Search {
    pub(crate) typed: String,
    /// What was searched, and where: how many lines there were, and what was typed.
    of: (usize, String),
    hits: Vec<LineId>,
    at: Option<LineId>,
    /// The row to bring into view.
    pub(crate) reveal: Option<LineId>,
    pub(crate) closed: bool,
}

impl Search {
    /// What is searched for, in lower case.
    pub(crate) fn wanted(&self) -> String {
        self.typed.trim().to_lowercase()
    }

    fn refresh(&mut self, lines: &Lines<'_>, scene: &Scene<'_>) {
        let wanted = self.wanted();
        if self.of == (lines.len(), wanted.clone()) {
            return;
        }
        let retyped = self.of.1 != wanted;
        let me = scene.rooms.model().me();
        let matches = |index: usize| {
            let line = lines.get(index)?;
            let words = said(line, me)?;
            (!wanted.is_empty() && words.text.to_lowercase().contains(&wanted)).then(|| line.id())
        };
        self.hits = (0..lines.len()).filter_map(matches).collect();
        self.of = (lines.len(), wanted);
        if retyped {
            self.go(self.hits.last().copied());
        }
    }

    fn go(&mut self, hit: Option<LineId>) {
        self.at = hit;
        self.reveal = hit;
    }

    fn step(&mut self, up: bool) {
        let at = self.at.and_then(|at| self.hits.iter().position(|hit| *hit == at));
        let count = self.hits.len();
        let next = match (at, up) {
            (Some(at), true) => at.checked_sub(1).unwrap_or(count.saturating_sub(1)),
            (Some(at), false) => {
                if at + 1 < count {
                    at + 1
                } else {
                    0
                }
            }
            (None, _) => count.saturating_sub(1),
        };
        self.go(self.hits.get(next).copied());
    }
}

/// Draws the bar above the timeline.
pub(crate) fn search_ui(ui: &mut Ui, scene: &Scene<'_>, state: &mut Search) -> Vec<Action> {
    let mut actions = Vec::new();
    let look = scene.look;
    let lines = Lines::of(*scene);
    let id = Id::unique("search");
    Frame::new().fill(look.t.bg[1]).inner_margin(Margin::symmetric(12, 6)).show(ui, |ui| {
        ui.allocate_ui_with_layout(
            vec2(ui.available_width(), 36.0),
            Layout::right_to_left(Align::Center),
            |ui| {
                ui.spacing_mut().item_spacing.x = 4.0;
                if icon_button(ui, look, (icons::X, look.text(Key::Close), 28.0)).clicked() {
                    state.closed = true;
                }
                let down =
                    icon_button(ui, look, (icons::CARET_DOWN, look.text(Key::SearchNext), 28.0)).clicked();
                let up =
                    icon_button(ui, look, (icons::CARET_UP, look.text(Key::SearchPrevious), 28.0)).clicked();
                let position = state
                    .at
                    .and_then(|at| state.hits.iter().position(|hit| *hit == at))
                    .map_or(0, |at| at + 1);
                let count = look.fill(Key::SearchCount, &[("k", &position), ("n", &state.hits.len())]);
                ui.label(look.dim(count, Type::SMALL));
                let timeline = scene.room.timeline();
                if !timeline.is_complete() {
                    let key = if scene.room.is_asking() { Key::Loading } else { Key::SearchOlder };
                    if link_button(ui, look, look.text(key)).clicked() && !scene.room.is_asking() {
                        actions.push(Action::Older(PAGE));
                    }
                }
                ui.add_space(SPACE);
                let name = look.text(Key::SearchHere);
                let field =
                    Field { id, name, hint: name, text: &mut state.typed, secret: None }.show(ui, look);
                focus_once(ui, (id.with("once"), id));
                let entered = field.lost_focus() && ui.input(|input| input.key_pressed(Keyboard::Enter));
                let back = ui.input(|input| input.modifiers.matches_logically(Modifiers::SHIFT));
                if entered {
                    field.request_focus();
                }
                state.refresh(&lines, scene);
                if up || entered && !back {
                    state.step(true);
                } else if down || entered {
                    state.step(false);
                }
            },
        );
        if !state.wanted().is_empty() && state.hits.is_empty() {
            let text = look.fill(Key::EmptySearch, &[("q", &state.typed.trim())]);
            ui.label(look.dim(text, Type::SMALL));
        }
    });
    actions
}
