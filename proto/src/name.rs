//! Usernames: how they are shown, and how two of them are found to be the same.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use precis_core::profile::PrecisFastInvocation;
use precis_profiles::UsernameCaseMapped;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::error::ValueError;
use crate::limits::MAX_NAME_CHARS;

/// The name of an account: 1–32 characters, NFC, no control, format or bidi characters.
///
/// Two usernames are equal when their [`key`](Self::key)s are: PRECIS UsernameCaseMapped (RFC 8265), so
/// `Mary` and `mary`, or `ann` and full-width `ａｎｎ`, are one account. As RFC 8265 §3.1 allows, a
/// username is userparts with single separators between them. A separator is a space or the middle dot
/// `·` of names like 阿凡提·买买提, which PRECIS would otherwise refuse. Chinese characters that are younger
/// than its tables are themselves. `*` and a leading `#` are reserved.
#[derive(Clone)]
pub struct Username {
    shown: Box<str>,
    key: Box<str>,
}

const SEPARATORS: [char; 2] = [' ', '·'];

impl Username {
    /// The name as its owner wrote it, in NFC.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// How many combining marks the fullest of its characters carries, as it is shown: see [`crate::limits::MAX_MARKS`].
    #[must_use]
    pub fn marks(&self) -> usize {
        let runs = self.shown.split(|c| !is_combining_mark(c));
        runs.map(|run| run.chars().count()).max().unwrap_or(0)
    }

    /// What identifies the account: equal for all spellings of one name.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl FromStr for Username {
    type Err = ValueError;

    fn from_str(typed: &str) -> Result<Self, ValueError> {
        if typed.is_empty() {
            return Err(ValueError::NameEmpty);
        }
        // A cheap bound first: normalization may change the count, but never from thousands to 32.
        if typed.len() > MAX_NAME_CHARS * 16 {
            return Err(ValueError::NameTooLong);
        }
        let shown: String = typed.nfc().collect();
        if shown.chars().count() > MAX_NAME_CHARS {
            return Err(ValueError::NameTooLong);
        }
        let key = comparison_key(&shown)?;
        if *key != *shown {
            check_key(&key)?;
        }
        if is_reserved(&key) {
            return Err(ValueError::NameCharacter);
        }
        Ok(Self { key, shown: shown.into() })
    }
}

fn is_reserved(key: &str) -> bool {
    key == "*" || key.starts_with('#')
}

/// A key has to be a username too, and its own key: mapping may make a name longer, and may lead to what no
/// username holds. RFC 8264 §7 has such strings refused.
fn check_key(key: &str) -> Result<(), ValueError> {
    if key.chars().count() > MAX_NAME_CHARS {
        return Err(ValueError::NameTooLong);
    }
    if *comparison_key(key)? == *key { Ok(()) } else { Err(ValueError::NameCharacter) }
}

fn comparison_key(shown: &str) -> Result<Box<str>, ValueError> {
    let mut key = String::with_capacity(shown.len());
    for part in shown.split_inclusive(SEPARATORS) {
        let separator = part.chars().next_back().filter(|c| SEPARATORS.contains(c));
        let userpart = part.trim_end_matches(SEPARATORS);
        push_key_of(userpart, &mut key)?;
        key.extend(separator);
    }
    if key.ends_with(SEPARATORS) {
        return Err(ValueError::NameCharacter);
    }
    Ok(key.into())
}

/// An empty userpart is a leading, or a doubled, separator: it is refused.
fn push_key_of(userpart: &str, key: &mut String) -> Result<(), ValueError> {
    // Most names; PRECIS allows every graphic ASCII character and does nothing but lower its case.
    if !userpart.is_empty() && userpart.bytes().all(|byte| byte.is_ascii_graphic()) {
        key.extend(userpart.chars().map(|c| c.to_ascii_lowercase()));
        return Ok(());
    }
    let mut known = userpart;
    while let Some(at) = known.find(is_newer_han) {
        let (before, rest) = known.split_at(at);
        let mut rest = rest.chars();
        push_mapped(before, key)?;
        key.extend(rest.next());
        known = rest.as_str();
        if known.is_empty() {
            return Ok(());
        }
    }
    if known.is_empty() { Err(ValueError::NameCharacter) } else { push_mapped(known, key) }
}

fn push_mapped(part: &str, key: &mut String) -> Result<(), ValueError> {
    if !part.is_empty() {
        key.push_str(&UsernameCaseMapped::enforce(part).map_err(|_| ValueError::NameCharacter)?);
    }
    Ok(())
}

/// Chinese characters that are younger than the tables of PRECIS (Unicode 6.3). People have them in their
/// names; nothing maps to or from them.
fn is_newer_han(c: char) -> bool {
    matches!(
        c,
        '\u{4db6}'..='\u{4dbf}'
            | '\u{9fcd}'..='\u{9fff}'
            | '\u{2a6d7}'..='\u{2a6df}'
            | '\u{2b739}'
            | '\u{2b820}'..='\u{2ceaf}'
            | '\u{2ceb0}'..='\u{2ebe0}'
            | '\u{2ebf0}'..='\u{2ee5d}'
            | '\u{30000}'..='\u{3134a}'
            | '\u{31350}'..='\u{323af}'
    )
}

impl PartialEq for Username {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Username {}

impl PartialOrd for Username {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Username {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl Hash for Username {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(typed: &str) -> Result<Username, ValueError> {
        typed.parse()
    }

    #[test]
    fn names_in_any_script_are_kept_as_written() {
        for typed in [
            "ann",
            "张伟",
            "Иван",
            "J. R. Hartley",
            "阿凡提·买买提",
            "李 雷",
            "user-1_x",
            "ｱﾝ",
            "Zoë",
            "王\u{9fed}",
            "\u{2b8b8}Ann\u{30000}",
        ] {
            assert_eq!(name(typed).unwrap().as_str(), typed);
        }
    }

    #[test]
    fn case_width_and_composition_do_not_make_another_account() {
        assert_eq!(name("Mary").unwrap(), name("mary").unwrap());
        assert_eq!(name("ａｎｎ").unwrap(), name("ANN").unwrap());
        assert_eq!(name("Zoe\u{308}").unwrap(), name("zoë").unwrap());
        assert_eq!(name("\u{2b8b8}ANN").unwrap(), name("\u{2b8b8}ann").unwrap());
        assert_ne!(name("ann").unwrap(), name("anne").unwrap());
        assert_ne!(name("a b").unwrap(), name("a·b").unwrap());
    }

    #[test]
    fn the_short_way_for_ascii_agrees_with_precis() {
        for byte in 0..0x80_u8 {
            let typed = char::from(byte).to_string();
            let precis = UsernameCaseMapped::enforce(typed.as_str()).ok();
            let mut key = String::new();
            let short = push_key_of(&typed, &mut key).ok().map(|()| key);
            assert_eq!(short.as_deref(), precis.as_deref(), "{typed:?}");
        }
    }

    #[test]
    fn what_could_deceive_or_break_framing_is_refused() {
        let refused = [
            "*",
            "#room",
            "\u{ff0a}",
            "\u{ff03}room",
            " ann",
            "ann ",
            "a  b",
            "a\tb",
            "a\r\nb",
            "a\0b",
            "a\u{202e}b",
            "a\u{200b}b",
            "·a",
            "a\u{2028}b",
            "a\u{ad}b",
            "\u{feff}ann",
        ];
        for typed in refused {
            assert_eq!(name(typed), Err(ValueError::NameCharacter), "{typed:?}");
        }
        assert_eq!(name(""), Err(ValueError::NameEmpty));
    }

    #[test]
    fn the_marks_on_a_character_are_counted_as_they_are_shown() {
        let marks = |typed: &str| name(typed).unwrap().marks();
        assert_eq!([marks("ann"), marks("Zoe\u{308}"), marks("张伟")], [0, 0, 0]);
        assert_eq!((marks("q\u{308}"), marks("လျှို့")), (1, 5));
        assert_eq!(marks("q\u{30d}\u{323}\u{30d}\u{323}b\u{30d}"), 4);
    }

    #[test]
    fn thirty_two_characters_are_a_name_and_thirty_three_are_not() {
        assert!(name(&"张".repeat(32)).is_ok());
        assert_eq!(name(&"张".repeat(33)), Err(ValueError::NameTooLong));
        assert_eq!(name(&"a".repeat(100_000)), Err(ValueError::NameTooLong));
        // In lower case it has two characters.
        assert!(name(&"İ".repeat(16)).is_ok());
        assert_eq!(name(&"İ".repeat(17)), Err(ValueError::NameTooLong));
    }
}
