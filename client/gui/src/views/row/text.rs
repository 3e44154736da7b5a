//! The text of a message: its links, what was searched for, where a long one is folded.

use std::ops::Range;

use egui::Color32;
use egui::text::{LayoutJob, TextFormat, TextWrapping};

use sotto_client::visible;
use sotto_proto::Username;

use super::{FOLD_BYTES, FOLD_LINES, format};
use crate::look::Look;
use crate::strings::Key;
use crate::theme::Type;

/// The part of a text that is shown, and whether there is a way to see more (`Some(false)`) or less.
pub(super) fn folded(text: &str, unfolded: bool) -> (&str, Option<bool>) {
    let by_lines = text.match_indices('\n').nth(FOLD_LINES - 1).map(|(at, _)| at);
    let by_bytes = (text.len() > FOLD_BYTES).then(|| text.floor_char_boundary(FOLD_BYTES));
    let Some(end) = [by_lines, by_bytes].into_iter().flatten().min() else {
        return (text, None);
    };
    if unfolded { (text, Some(true)) } else { (text.get(..end).unwrap_or(text), Some(false)) }
}

pub(super) type Links = Vec<(Range<usize>, String)>;

/// The text with its links, and with what was searched for marked.
pub(super) fn body_job(
    look: &Look,
    (text, width): (&str, f32),
    searched: Option<&str>,
) -> (LayoutJob, Links) {
    let [text1, ..] = look.t.text;
    let text = &*visible(text);
    let big = is_only_emoji(text);
    let style = if big { Type { size: 28.0, line: 36.0, strong: false } } else { Type::BODY };
    let plain = format(style, text1);
    let link = TextFormat { color: look.t.accent_text, ..plain.clone() };
    let mut job = LayoutJob { wrap: TextWrapping::wrap_at_width(width), ..LayoutJob::default() };
    let mut links = Vec::new();
    for (piece, url) in split_links(text) {
        let begin = job.text.chars().count();
        if url {
            job.append(piece, 0.0, link.clone());
            links.push((begin..begin + piece.chars().count(), piece.to_owned()));
        } else {
            append_marked(&mut job, piece, (&plain, look.t.mention), searched);
        }
    }
    (job, links)
}

fn append_marked(
    job: &mut LayoutJob,
    text: &str,
    (plain, mark): (&TextFormat, Color32),
    searched: Option<&str>,
) {
    let lower = text.to_lowercase();
    // Where lower case has another length, positions in one are not positions in the other: no marks then.
    let Some(searched) = searched.filter(|searched| !searched.is_empty() && lower.len() == text.len()) else {
        return job.append(text, 0.0, plain.clone());
    };
    let found = TextFormat { background: mark, ..plain.clone() };
    let mut done = 0;
    for (at, hit) in lower.match_indices(searched) {
        job.append(text.get(done..at).unwrap_or_default(), 0.0, plain.clone());
        done = at + hit.len();
        job.append(text.get(at..done).unwrap_or_default(), 0.0, found.clone());
    }
    job.append(text.get(done..).unwrap_or_default(), 0.0, plain.clone());
}

/// Up to three characters, all of them pictures.
fn is_only_emoji(text: &str) -> bool {
    let picture =
        |c: char| matches!(c, '\u{1F300}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}' | '\u{FE0F}' | '\u{200D}');
    !text.is_empty() && text.len() <= 28 && text.chars().all(picture) && text.chars().count() <= 7
}

/// The text in pieces; true for those that are links.
fn split_links(text: &str) -> Vec<(&str, bool)> {
    const SCHEMES: [&str; 2] = ["https://", "http://"];
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let begin = SCHEMES.iter().filter_map(|scheme| rest.find(scheme)).min();
        let Some((before, found)) = begin.and_then(|at| rest.split_at_checked(at)) else {
            break;
        };
        let length = link_length(found);
        let scheme = found.split("//").next().map_or(0, |scheme| scheme.len() + 2);
        let (link, after) = found.split_at_checked(length).unwrap_or((found, ""));
        if length <= scheme {
            // A scheme and nothing behind it is only text.
            let (plain, after) = rest.split_at_checked(before.len() + scheme).unwrap_or((rest, ""));
            pieces.push((plain, false));
            rest = after;
            continue;
        }
        if !before.is_empty() {
            pieces.push((before, false));
        }
        pieces.push((link, true));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push((rest, false));
    }
    pieces
}

/// A link ends at a space, at anything outside ASCII (Chinese is written without spaces), and before the
/// punctuation of the sentence around it.
fn link_length(text: &str) -> usize {
    let end = text
        .find(|c: char| c.is_whitespace() || !c.is_ascii() || matches!(c, '<' | '>' | '"' | '`'))
        .unwrap_or(text.len());
    let whole = text.get(..end).unwrap_or(text);
    let mut link = whole.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'']);
    let opened = link.matches('(').count();
    while link.ends_with(')') && link.matches(')').count() > opened {
        link = link.strip_suffix(')').unwrap_or(link).trim_end_matches(['.', ',', ';', ':', '!', '?']);
    }
    link.len()
}

/// "Mary and 4 others entered the room".
pub(crate) fn presence(look: &Look, came: bool, who: &[Username]) -> String {
    let (one, two, many) = if came {
        (Key::SysJoin, Key::SysJoinTwo, Key::SysJoinMany)
    } else {
        (Key::SysLeave, Key::SysLeaveTwo, Key::SysLeaveMany)
    };
    match who {
        [] => String::new(),
        [name] => look.fill(one, &[("name", name)]),
        [name, other] => look.fill(two, &[("name", name), ("other", other)]),
        [name, others @ ..] => look.fill(many, &[("name", name), ("n", &others.len())]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(text: &str) -> Vec<&str> {
        let pieces = split_links(text);
        assert_eq!(pieces.iter().map(|(piece, _)| *piece).collect::<String>(), text, "nothing is lost");
        pieces.into_iter().filter(|(_, link)| *link).map(|(piece, _)| piece).collect()
    }

    #[test]
    fn links_end_where_the_sentence_goes_on() {
        assert_eq!(
            links("see https://a.example/x?y=1, and http://b.example."),
            ["https://a.example/x?y=1", "http://b.example"]
        );
        assert_eq!(links("见https://a.example/路径"), ["https://a.example/"]);
        assert_eq!(links("作业在https://a.example/x，谢谢"), ["https://a.example/x"]);
        assert_eq!(links("(https://a.example/x(1)) and (http://b)."), ["https://a.example/x(1)", "http://b"]);
        assert_eq!(links("https:// http:// javascript:alert(1) ftp://x"), [""; 0]);
        assert_eq!(links("https://a.example\u{202e}moc"), ["https://a.example"]);
    }

    #[test]
    fn long_texts_are_folded_at_a_line_or_a_character() {
        let wall = "字".repeat(3000);
        let (shown, fold) = folded(&wall, false);
        assert_eq!((shown.len(), fold), (4095, Some(false)));
        assert_eq!(folded(&wall, true), (wall.as_str(), Some(true)));
        let lines = "x\n".repeat(100);
        assert_eq!(folded(&lines, false).0.lines().count(), FOLD_LINES);
        assert_eq!(folded("short", false), ("short", None));
    }

    #[test]
    fn emoji_alone_are_large() {
        assert!(["👍", "❤️", "😀😀😀"].into_iter().all(is_only_emoji));
        assert!(["", "ok 👍", "1", "😀😀😀😀😀😀😀😀"].into_iter().all(|text| !is_only_emoji(text)));
    }
}
