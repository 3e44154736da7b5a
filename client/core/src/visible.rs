//! What others wrote, so that all of it is seen: characters that are not, or that change the order in which others are, are
//! shown instead of being obeyed, and marks do not pile up over the lines around. For every user interface.

use std::borrow::Cow;

use sotto_proto::limits::MAX_MARKS;
use unicode_normalization::char::is_combining_mark;

/// Stands for a character that is not seen. Fonts have it, Chinese ones too; U+FFFD is in few.
const UNSEEN: char = '□';

/// A text in which nothing is hidden. Lines and tabs stay; so do joiners behind what is not ASCII, where letters and
/// pictures need them. Of the marks on one character so many stay as any writing needs, and a box stands for all the others.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    let mut marks = Marks::default();
    let plain = |c: char| (matches!(c, '\n' | '\t') || !is_hidden(c)) && marks.with(c) <= MAX_MARKS;
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    // What comes from the original's programs has its lines so.
    let text = text.replace("\r\n", "\n");
    let (mut before, mut marks) = ('\0', Marks::default());
    let show = |c: char| {
        let before = std::mem::replace(&mut before, c);
        match marks.with(c) {
            0..=MAX_MARKS => Some(shown(c, before)),
            pile if pile == MAX_MARKS + 1 => Some(UNSEEN),
            _ => None,
        }
    };
    Cow::Owned(text.chars().filter_map(show).collect())
}

/// Counts the marks on a character.
#[derive(Default)]
struct Marks(usize);

impl Marks {
    /// How many there are with this one. What is hidden among them is no character to begin anew with.
    fn with(&mut self, c: char) -> usize {
        match c {
            c if is_combining_mark(c) => self.0 += 1,
            '\n' | '\t' => self.0 = 0,
            c if is_hidden(c) => return 0,
            _ => self.0 = 0,
        }
        self.0
    }
}

/// Characters that are not seen, or that change the order in which others are.
#[must_use]
pub fn is_hidden(c: char) -> bool {
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
    fn marks_do_not_pile_up_over_the_lines_around() {
        let pile = |n: usize| "\u{30d}\u{323}".chars().cycle().take(n).collect::<String>();
        assert_eq!(visible(&format!("a{}", pile(5))), format!("a{}", pile(5)));
        assert_eq!(visible(&format!("a{}b", pile(6))), format!("a{}□b", pile(5)));
        assert_eq!(visible(&format!("Z{0}a{0}", pile(4_000))), format!("Z{0}□a{0}□", pile(5)));
        assert_eq!(visible(&pile(100)), format!("{}□", pile(5)), "nor when there is nothing below them");
        let thai = "\u{e47}".repeat(50);
        assert_eq!(visible(&format!("ส{thai}")), format!("ส{}□", "\u{e47}".repeat(5)));
        let divided = format!("a{}\u{200b}{}", pile(4), pile(4));
        assert_eq!(visible(&divided), format!("a{}□{}□", pile(4), pile(1)), "what is hidden divides no pile");
    }

    #[test]
    fn what_is_only_text_stays_as_it_is() {
        for text in [
            "两行\n\t好",
            "Zoë 👍🏽 ❤️",
            "👨\u{200d}👩\u{200d}👧",
            "می\u{200c}خواهم",
            "e\u{301}",
            // Vietnamese taken apart, Hebrew with vowels, Thai, Tibetan; a word that carries five; a key.
            "tie\u{302}\u{301}ng",
            "שָׁלוֹם",
            "ที่นี่",
            "བསྒྲུབས",
            "လျှို့ဝှက်",
            "1\u{fe0f}\u{20e3}",
        ] {
            assert_eq!(visible(text), text);
        }
        assert_eq!(visible("two\r\nlines"), "two\nlines");
        assert!(matches!(visible("plain"), Cow::Borrowed("plain")));
    }
}
