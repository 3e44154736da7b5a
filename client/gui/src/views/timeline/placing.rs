//! Where the rows go: from the anchor up and down until the view is full, and what the anchor is then.

use egui::{Rect, Ui, pos2, vec2};

use super::{Anchor, BELOW, FAR, Lines, Placed, Reading, STICK};

/// Lays out what is in sight, beginning at the anchor, and decides what the anchor is from now on.
pub(super) fn place(
    ui: &Ui,
    lines: &Lines<'_>,
    (reading, moved, view): (&mut Reading, f32, Rect),
) -> Vec<Placed> {
    let (width, height) = (view.width(), view.height());
    let begins_at_end = reading.anchor == Anchor::Bottom;
    let count = lines.len();
    if let Some((id, part)) = reading.reveal.take() {
        reading.anchor = Anchor::Line(id, height * part);
    }
    let start = match reading.anchor {
        Anchor::Line(id, y) => lines.find(id).map(|index| (index.min(count.saturating_sub(1)), y)),
        Anchor::Bottom => None,
    };
    let mut placed = Vec::new();
    match start {
        Some((index, y)) => fill(ui, lines, (reading, &mut placed), (index, y + moved, width, height)),
        None => {
            fill_up(ui, lines, (reading, &mut placed), (count, height - BELOW + moved.max(0.0), width));
            fill_down(ui, lines, (reading, &mut placed), (width, height));
        }
    }
    // Neither past the end, nor past the beginning; a short content stands at the bottom.
    let end = |placed: &[Placed]| placed.last().map_or(0.0, |row| row.y + row.row.height) + BELOW;
    let at_end = placed.last().is_none_or(|row| row.index + 1 == count);
    if at_end && end(&placed) < height {
        let by = height - end(&placed);
        shift(&mut placed, by);
        let first = placed.first().map_or((count, height - BELOW), |row| (row.index, row.y));
        fill_up(ui, lines, (reading, &mut placed), (first.0, first.1, width));
    }
    let above = placed.first().filter(|row| row.index == 0).map_or(0.0, |row| row.y);
    let spare = end(&placed) - height;
    if above > 0.0 && (spare > 0.0 || !at_end) {
        let by = if at_end && placed.last().is_some_and(|row| row.index + 1 == count) {
            above.min(spare)
        } else {
            above
        };
        shift(&mut placed, -by);
        fill_down(ui, lines, (reading, &mut placed), (width, height));
    }
    let at_end = placed.last().is_none_or(|row| row.index + 1 == count);
    let hidden = placed.last().map_or(0.0, |last| below(ui, lines, (reading, last.index, width)));
    reading.from_end = if at_end { (end(&placed) - height).max(0.0) } else { end(&placed) - height + hidden };
    placed.retain(|row| row.y + row.row.height > 0.0 && row.y < height);
    let sticks = reading.from_end <= 1.0 || moved < 0.0 && reading.from_end < STICK;
    let stays = begins_at_end && moved <= 0.0 && reading.anchor == Anchor::Bottom;
    reading.anchor = match placed.first() {
        _ if stays || sticks => Anchor::Bottom,
        // What is being read is what is at the top; without a movement it stays what it was.
        Some(first) if moved != 0.0 || begins_at_end => Anchor::Line(first.id, first.y),
        Some(first) => match reading.anchor {
            Anchor::Line(id, _) => placed
                .iter()
                .find(|row| row.id == id)
                .map_or(Anchor::Line(first.id, first.y), |row| Anchor::Line(id, row.y)),
            Anchor::Bottom => Anchor::Line(first.id, first.y),
        },
        None => Anchor::Bottom,
    };
    placed
}

/// Rows from `index`, whose top is at `y`, both ways until the view is full.
fn fill(
    ui: &Ui,
    lines: &Lines<'_>,
    (reading, placed): (&Reading, &mut Vec<Placed>),
    (index, y, width, height): (usize, f32, f32, f32),
) {
    let Some((id, row)) = lines.row(ui, reading, (index, width)) else {
        return;
    };
    placed.push(Placed { index, id, row, y });
    fill_down(ui, lines, (reading, placed), (width, height));
    fill_up(ui, lines, (reading, placed), (index, y, width));
}

/// Rows above `below`, whose top is at `y`, until the top of the view.
fn fill_up(
    ui: &Ui,
    lines: &Lines<'_>,
    (reading, placed): (&Reading, &mut Vec<Placed>),
    (below, mut y, width): (usize, f32, f32),
) {
    let mut above = Vec::new();
    for index in (0..below).rev() {
        if y <= 0.0 {
            break;
        }
        let Some((id, row)) = lines.row(ui, reading, (index, width)) else {
            break;
        };
        y -= row.height;
        above.push(Placed { index, id, row, y });
    }
    above.reverse();
    placed.splice(0..0, above);
}

/// Rows below the last one that is placed, until the bottom of the view.
fn fill_down(
    ui: &Ui,
    lines: &Lines<'_>,
    (reading, placed): (&Reading, &mut Vec<Placed>),
    (width, height): (f32, f32),
) {
    while let Some(last) = placed.last() {
        let (index, y) = (last.index + 1, last.y + last.row.height);
        if y >= height {
            return;
        }
        let Some((id, row)) = lines.row(ui, reading, (index, width)) else {
            return;
        };
        placed.push(Placed { index, id, row, y });
    }
}

/// How much there is below a row, as far as that matters: up to where it is far.
fn below(ui: &Ui, lines: &Lines<'_>, (reading, index, width): (&Reading, usize, f32)) -> f32 {
    let mut sum = 0.0;
    for index in index + 1..lines.len() {
        let Some((_, row)) = lines.row(ui, reading, (index, width)) else {
            break;
        };
        sum += row.height;
        if sum > FAR {
            break;
        }
    }
    sum
}

fn shift(placed: &mut [Placed], by: f32) {
    placed.iter_mut().for_each(|row| row.y += by);
}

pub(super) fn row_rect(view: Rect, row: &Placed) -> Rect {
    Rect::from_min_size(pos2(view.left(), (view.top() + row.y).round()), vec2(view.width(), row.row.height))
}
