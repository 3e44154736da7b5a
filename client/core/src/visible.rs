//! What others wrote, so that all of it is seen: characters that are not, or that change the order in which others are, are
//! shown instead of being obeyed. For every user interface.

use std::borrow::Cow;

/// Stands for a character that is not seen. Fonts have it, Chinese ones too; U+FFFD is in few.
const UNSEEN: char = '□';

/// A text in which nothing is hidden. Lines and tabs stay; so do joiners behind what is not ASCII, where letters and
/// pictures need them.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    let plain = |c: char| matches!(c, '\n' | '\t') || !is_hidden(c);
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    // What comes from the original's programs has its lines so.
    let text = text.replace("\r\n", "\n");
    let mut before = '\0';
    let show = |c: char| shown(c, std::mem::replace(&mut before, c));
    Cow::Owned(text.chars().map(show).collect())
}

/// Characters that are not seen, or that change the order in which others are.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn shown(c: char, before: char) -> char {
    match c {
        '\n' | '\t' => c,
        '\u{200c}' | '\u{200d}' if !before.is_ascii() => c,
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(UNSEEN),
        '\x7f' => '\u{2421}',
        c if is_hidden(c) => UNSEEN,
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_write_commands_nobody() {
        assert_eq!(visible("a\x1b[2Jb\r\u{202e}c\u{9b}"), "a␛[2Jb␍□c□");
        assert_eq!(visible("x\u{2066}y\u{ad}z\u{e0041}\u{feff}"), "x□y□z□□");
        assert_eq!(visible("pay\u{200d}pal\u{3164}\0\x7f"), "pay□pal□␀␡");
    }

    #[test]
    fn what_is_only_text_stays_as_it_is() {
        for text in ["两行\n\t好", "Zoë 👍🏽 ❤️", "👨\u{200d}👩\u{200d}👧", "می\u{200c}خواهم", "e\u{301}"]
        {
            assert_eq!(visible(text), text);
        }
        assert_eq!(visible("two\r\nlines"), "two\nlines");
        assert!(matches!(visible("plain"), Cow::Borrowed("plain")));
    }
}
