//! Selecting text over several messages with the mouse, clicking on links, copying.

use std::ops::Range;

use egui::{CursorIcon, Event, Key as Keyboard, Modifiers, Pos2, Rect, Response, Ui};

use super::placing::row_rect;
use super::{Anchor, End, Lines, Placed, Reading};
use crate::action::Action;
use crate::views::row::{Content, said};

/// A selection by indices: from a character of one line to a character of another.
pub(super) type Marked = ((usize, usize), (usize, usize));

pub(super) fn selected_rows(lines: &Lines<'_>, reading: &Reading) -> Option<Marked> {
    let (from, to) = reading.selection?;
    let (a, b) = ((lines.find(from.0)?, from.1), (lines.find(to.0)?, to.1));
    Some(if a <= b { (a, b) } else { (b, a) })
}

pub(super) fn part_of(((first, begin), (last, end)): &Marked, index: usize) -> Option<Range<usize>> {
    if index < *first || index > *last {
        return None;
    }
    let from = if index == *first { *begin } else { 0 };
    let to = if index == *last { *end } else { usize::MAX };
    (from < to).then_some(from..to)
}

/// The character under a point: the nearest one, if the point is beside every text.
fn character(placed: &[Placed], view: Rect, at: Pos2) -> Option<(End, &Placed)> {
    let row = placed.iter().filter(|row| matches!(row.row.content, Content::Words(_))).min_by_key(|row| {
        let rect = row_rect(view, row);
        let away = (rect.top() - at.y).max(at.y - rect.bottom()).max(0.0);
        #[expect(clippy::cast_possible_truncation, reason = "points on a screen")]
        let away = away as i64;
        away
    })?;
    let Content::Words(words) = &row.row.content else {
        return None;
    };
    let origin = row_rect(view, row).min + words.body_at.to_vec2();
    let cursor = words.body.cursor_from_pos(at - origin);
    Some(((row.id, cursor.index.0), row))
}

/// Selecting with the mouse, copying, and clicking on links.
pub(super) fn select(
    ui: &Ui,
    lines: &Lines<'_>,
    (reading, placed, view): (&mut Reading, &[Placed], Rect),
    (response, actions): (&Response, &mut Vec<Action>),
) {
    let pointer = response.interact_pointer_pos().or(response.hover_pos());
    let under = pointer.and_then(|pointer| character(placed, view, pointer));
    let link = under.as_ref().and_then(|((_, index), row)| link_under(row, view, (*index, pointer?)));
    if let (true, Some(((id, index), _))) = (response.drag_started_by(egui::PointerButton::Primary), &under) {
        let press = ui.input(|input| input.pointer.press_origin()).and_then(|at| character(placed, view, at));
        let begin = press.map_or((*id, *index), |(end, _)| end);
        reading.selection = Some((begin, (*id, *index)));
    } else if let (true, Some((end, _)), Some((_, to))) = (response.dragged(), &under, &mut reading.selection)
    {
        *to = *end;
    }
    if response.dragged_by(egui::PointerButton::Primary) && reading.selection.is_some() {
        scroll_at_edge(ui, (reading, placed, view), pointer);
    }
    if response.triple_clicked() || response.double_clicked() {
        if let Some(((id, index), row)) = under {
            reading.selection = Some(word_or_all(row, (id, index), response.triple_clicked()));
        }
    } else if response.clicked() {
        response.request_focus();
        reading.selection = None;
        if let Some(link) = link {
            actions.push(Action::AskLink(link.to_owned()));
        }
    } else if link.is_some() {
        ui.ctx().set_cursor_icon(CursorIcon::PointingHand);
    } else if response.hovered() && under.is_some_and(|(_, row)| over_text(row, view, pointer)) {
        ui.ctx().set_cursor_icon(CursorIcon::Text);
    }
    if response.has_focus() && ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Keyboard::A)) {
        reading.selection = everything(lines);
    }
    copy(ui, lines, (reading, response), actions);
    if response.drag_stopped()
        && let Some(text) = selected_text(lines, reading)
    {
        ui.ctx().send_cmd(egui::OutputCommand::TextSelectionSettled(text));
    }
}

fn over_text(row: &Placed, view: Rect, pointer: Option<Pos2>) -> bool {
    let Content::Words(words) = &row.row.content else {
        return false;
    };
    let origin = row_rect(view, row).min + words.body_at.to_vec2();
    pointer.is_some_and(|pointer| Rect::from_min_size(origin, words.body.size()).contains(pointer))
}

fn link_under(row: &Placed, view: Rect, (index, pointer): (usize, Pos2)) -> Option<&str> {
    let Content::Words(words) = &row.row.content else {
        return None;
    };
    words.link_at(index).filter(|_| over_text(row, view, Some(pointer)))
}

/// Dragging near an edge scrolls.
fn scroll_at_edge(ui: &Ui, (reading, placed, view): (&mut Reading, &[Placed], Rect), pointer: Option<Pos2>) {
    let Some((pointer, first)) = pointer.zip(placed.first()) else {
        return;
    };
    let by = match () {
        () if pointer.y < view.top() + 24.0 => 12.0,
        () if pointer.y > view.bottom() - 24.0 => -12.0,
        () => return,
    };
    if by > 0.0 || reading.from_end > 0.0 {
        reading.anchor = Anchor::Line(first.id, first.y + by);
        ui.ctx().request_repaint();
    }
}

fn word_or_all(row: &Placed, (id, index): End, all: bool) -> (End, End) {
    let Content::Words(words) = &row.row.content else {
        return ((id, 0), (id, 0));
    };
    let chars: Vec<char> = words.body.text().chars().collect();
    if all {
        return ((id, 0), (id, chars.len()));
    }
    let wordly = |index: &usize| chars.get(*index).is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let begin = (0..index).rev().take_while(wordly).last().unwrap_or(index);
    let end = (index..chars.len()).take_while(wordly).last().map_or(index, |last| last + 1);
    ((id, begin), (id, end.max((begin + 1).min(chars.len()))))
}

fn everything(lines: &Lines<'_>) -> Option<(End, End)> {
    let (first, last) = (lines.get(0)?, lines.get(lines.len().checked_sub(1)?)?);
    Some(((first.id(), 0), (last.id(), usize::MAX)))
}

/// Copies the selection, when the keyboard is not in a text that has one of its own.
fn copy(ui: &Ui, lines: &Lines<'_>, (reading, response): (&Reading, &Response), actions: &mut Vec<Action>) {
    let focused = ui.memory(|memory| memory.focused());
    let elsewhere = focused.filter(|id| *id != response.id).is_some_and(|id| {
        let edit = egui::text_edit::TextEditState::load(ui.ctx(), id);
        edit.and_then(|edit| edit.cursor.char_range()).is_some_and(|range| !range.is_empty())
    });
    let wanted = ui.input(|input| input.events.iter().any(|event| matches!(event, Event::Copy)));
    if wanted
        && !elsewhere
        && let Some(text) = selected_text(lines, reading)
    {
        actions.push(Action::CopyText(text));
    }
}

/// The selection as text, lines that are not in sight included: a part of one message as it is, several with
/// their names and times.
pub(crate) fn selected_text(lines: &Lines<'_>, reading: &Reading) -> Option<String> {
    let marked = selected_rows(lines, reading)?;
    let ((first, _), (last, _)) = marked;
    let scene = &lines.scene;
    let me = scene.rooms.model().me();
    let cut = |index: usize| {
        let words = said(lines.get(index)?, me)?;
        let range = part_of(&marked, index)?;
        let text: String = words.text.chars().skip(range.start).take(range.end - range.start).collect();
        Some((words.from, words.at, text))
    };
    let parts: Vec<_> = (first..=last).filter_map(cut).collect();
    match parts.as_slice() {
        [] => None,
        [(_, _, text)] => (!text.is_empty()).then(|| text.clone()),
        several => {
            let line = |(from, at, text): &(&sotto_proto::Username, u64, String)| {
                format!("{from} {}\n{text}", scene.look.time(*at))
            };
            Some(several.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
    }
}
