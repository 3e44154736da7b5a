//! What others have chosen, names and texts, as parts of a line that a terminal shows: it commands no terminal, and is not taken for
//! the line's own words or for a line of somebody else's.

use std::borrow::Cow;

use sotto_client::{is_hidden, visible};

/// A text of one or several lines, of which only the first begins where lines begin.
pub(crate) fn text(text: &str) -> String {
    visible(text).replace('\n', "\n        ")
}

/// A text in one line.
pub(crate) fn word(text: &str) -> String {
    visible(text).replace('\n', "␊")
}

/// A name: in quotes if anything in it could be taken for a sign of the line it stands in, such as the colon behind it.
pub(crate) fn name(name: &str) -> Cow<'_, str> {
    if name.chars().all(is_of_a_name) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("\"{}\"", word(name).replace('\\', "\\\\").replace('"', "\\\"")))
}

/// A name between words, of which it could pretend to be some: `ann left`.
pub(crate) fn name_among_words(shown: &str) -> Cow<'_, str> {
    if shown.contains(' ') && shown.chars().all(is_of_a_name) {
        return Cow::Owned(format!("\"{shown}\""));
    }
    name(shown)
}

fn is_of_a_name(c: char) -> bool {
    match c {
        ' ' | '.' | '-' | '_' | '\'' | '·' => true,
        // Letters by their kind, and signs by their look: ː is one of them.
        '\u{2b0}'..='\u{2ff}' => false,
        c if c.is_alphanumeric() => true,
        c => !c.is_ascii() && !('\u{ff01}'..='\u{ff5e}').contains(&c) && !is_hidden(c),
    }
}

/// JSON whose strings hold nothing but what is seen: the rest is escaped, which is the same to a program.
pub(crate) fn json(line: &str) -> Cow<'_, str> {
    if !line.contains(is_hidden) {
        return Cow::Borrowed(line);
    }
    let escaped = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect();
    let shown = |c: char| if is_hidden(c) { escaped(c) } else { String::from(c) };
    Cow::Owned(line.chars().map(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_when_they_could_be_taken_for_a_line_s_own_signs() {
        for plain in ["ann", "Wang Fang", "J. R. O'Hara", "张伟", "阿凡提·买买提", "user-1_x", "Ａｎｎ", "လျှို့"]
        {
            assert_eq!(name(plain), plain);
        }
        for (odd, quoted) in [
            ("ann: hi", r#""ann: hi""#),
            ("ann：hi", r#""ann：hi""#),
            ("annːhi", r#""annːhi""#),
            ("ann,bob", r#""ann,bob""#),
            ("a(b)", r#""a(b)""#),
            (r#"a":"b"#, r#""a\":\"b""#),
            ("a\\", r#""a\\""#),
            ("a\x1b[2Jb", "\"a␛[2Jb\""),
        ] {
            assert_eq!(name(odd), quoted);
        }
        assert_eq!(name_among_words("ann left"), r#""ann left""#);
        assert_eq!(name_among_words("ann"), "ann");
    }

    #[test]
    fn texts_command_no_terminal_and_begin_no_line() {
        assert_eq!(text("a\n12:00 bob: b\x1b[1A"), "a\n        12:00 bob: b␛[1A");
        assert_eq!(word("a\nb\r\u{9b}2J"), "a␊b␍□2J");
    }

    #[test]
    fn json_is_the_same_to_a_program_and_nothing_to_a_terminal() {
        let text = "a\u{9b}2J\x7f\u{202e}b\u{e0041}好";
        let line = serde_json::to_string(text).unwrap();
        let shown = json(&line);
        assert_eq!(shown, r#""a\u009b2J\u007f\u202eb\udb40\udc41好""#);
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        assert!(matches!(json(r#""plain""#), Cow::Borrowed(_)));
    }
}
