//! People as they are drawn everywhere: initials on a colour of their own, and whether they are here.

use egui::{Align2, Color32, CornerRadius, FontId, Pos2, Rect, Stroke, Ui, pos2, vec2};
use sotto_proto::{Audience, Presence, Username};

use crate::icons;
use crate::look::Look;
use crate::theme::{self, AVATARS, Tokens};

/// What stands on an avatar: the first character of a Chinese name, the first letters of one or two words.
pub(crate) fn letters(name: &str) -> String {
    let han = |c: char| ('\u{3400}'..='\u{9fff}').contains(&c);
    let mut words = name.split_whitespace().filter_map(|word| word.chars().next());
    match (words.next(), words.next()) {
        (Some(first), _) if han(first) => first.to_string(),
        (Some(first), Some(second)) => first.to_uppercase().chain(second.to_uppercase()).collect(),
        (Some(first), None) => first.to_uppercase().collect(),
        _ => String::new(),
    }
}

/// A person's, or a room's, round picture.
pub(crate) fn avatar(ui: &Ui, (center, size): (Pos2, f32), (room, me): (&Audience, Option<&Username>)) {
    let radius = size / 2.0;
    let white = Color32::WHITE;
    let fill = |index: usize| AVATARS.get(index).copied().unwrap_or(Color32::GRAY);
    let icon = |icon: char, fill: Color32| {
        ui.painter().circle_filled(center, radius, fill);
        ui.painter().text(
            center,
            Align2::CENTER_CENTER,
            icon,
            FontId::new(size * 0.56, theme::icons()),
            white,
        );
    };
    match room {
        Audience::Everyone => icon(icons::USERS_THREE, fill(8)),
        Audience::Set(names) => match names.as_slice() {
            [name] if Some(name) == me => icon(icons::USER, fill(9)),
            [name] => {
                ui.painter().circle_filled(center, radius, fill(Tokens::index(name.key())));
                let text = letters(name.as_str());
                let font = FontId::new(
                    if text.chars().count() > 1 { size * 0.36 } else { size * 0.44 },
                    theme::strong(),
                );
                ui.painter().text(center, Align2::CENTER_CENTER, text, font, white);
            }
            names => {
                let index = names.iter().map(|name| Tokens::index(name.key())).sum::<usize>() % AVATARS.len();
                icon(icons::USERS, fill(index));
            }
        },
    }
}

/// Whether somebody is here: a full dot, or a ring. The shape says it, not the colour alone.
pub(crate) fn presence_dot(ui: &Ui, look: &Look, (center, presence, around): (Pos2, Presence, Color32)) {
    ui.painter().circle_filled(center, 6.0, around);
    match presence {
        Presence::Online => ui.painter().circle_filled(center, 4.5, look.t.ok),
        Presence::Away => ui.painter().circle_stroke(center, 3.5, Stroke::new(1.5, look.t.line2)),
    };
}

/// How many there are, white on a pill; returns how wide it is.
pub(crate) fn unread_pill(ui: &Ui, look: &Look, (right, n): (Pos2, u64)) -> f32 {
    let text = if n > 99 { "99+".to_owned() } else { n.to_string() };
    let galley = ui.painter().layout_no_wrap(text, FontId::new(12.0, theme::strong()), Color32::WHITE);
    let size = vec2((galley.size().x + 12.0).max(20.0), 20.0);
    let rect = Rect::from_min_size(pos2(right.x - size.x, right.y - size.y / 2.0), size);
    ui.painter().rect_filled(rect, CornerRadius::same(10), look.t.accent);
    let at = rect.center() - galley.size() / 2.0;
    ui.painter().galley(at, galley, Color32::WHITE);
    size.x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_what_people_would_write() {
        let names = ["mary", "Wang Fang", "李雷", "", "ann b c", "_x"];
        assert_eq!(names.map(letters), ["M", "WF", "李", "", "AB", "_"]);
    }
}
