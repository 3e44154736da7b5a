//! Every word the window shows, in each language. A key that lacked a language would not compile; the tests
//! see to it that both say the same with the same `{placeholders}`.

mod table;

use std::fmt::Display;

pub use table::Key;

/// A language of the user interface.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub enum Lang {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// 简体中文.
    #[serde(rename = "zh-CN")]
    Chinese,
}

impl Lang {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// The BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// Its name in itself.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Chinese => "简体中文",
        }
    }

    /// The language of the machine, as far as it is one of these.
    #[must_use]
    pub fn of_system() -> Self {
        let chinese = sys_locale::get_locale().is_some_and(|locale| locale.to_lowercase().starts_with("zh"));
        if chinese { Self::Chinese } else { Self::English }
    }

    /// What a key says.
    #[must_use]
    pub fn text(self, key: Key) -> &'static str {
        let [english, chinese] = key.texts();
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }

    /// What a key says, its placeholders filled in.
    #[must_use]
    pub fn fill(self, key: Key, values: &[(&str, &dyn Display)]) -> String {
        fill(self.text(key), values)
    }

    /// What a key says about `n` things, `{n}` and the other placeholders filled in. English has two forms,
    /// for one and for others, with a bar between.
    #[must_use]
    pub fn count(self, key: Key, n: u64, values: &[(&str, &dyn Display)]) -> String {
        let text = self.text(key);
        let form = match text.split_once('|') {
            Some((one, _)) if n == 1 => one,
            Some((_, others)) => others,
            None => text,
        };
        let values: Vec<_> = values.iter().copied().chain([("n", &n as &dyn Display)]).collect();
        fill(form, &values)
    }
}

fn fill(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut filled = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        if let Some((_, value)) = values.iter().find(|(key, _)| *key == name) {
            filled.push_str(&value.to_string());
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn both_languages_say_everything_with_the_same_placeholders() {
        for key in Key::ALL {
            let [english, chinese] = key.texts();
            assert!(!english.trim().is_empty() && !chinese.trim().is_empty(), "{key:?}");
            assert_eq!(placeholders(english), placeholders(chinese), "{key:?}");
            if let Some((one, others)) = english.split_once('|') {
                assert_eq!(placeholders(one), placeholders(others), "{key:?}");
            }
            assert!(!chinese.contains('|'), "{key:?}: Chinese has one form");
        }
    }

    #[test]
    fn chinese_is_chinese_with_full_width_punctuation() {
        let only_signs = [Key::AppName, Key::ZoomPercent, Key::KeysHelp, Key::MsgRow, Key::NotifyInChat];
        for key in Key::ALL.iter().filter(|key| !only_signs.contains(key)) {
            let chinese = Lang::Chinese.text(*key);
            let han = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
            assert!(chinese.chars().any(han), "{key:?}: {chinese}");
            assert!(!chinese.contains("……") && !chinese.contains("..."), "{key:?}: {chinese}");
            let narrow = |pair: &[char]| matches!(pair, [c, ',' | '?' | '!' | ';' | ':'] if han(*c));
            let chars: Vec<_> = chinese.chars().collect();
            assert!(!chars.windows(2).any(narrow), "{key:?}: {chinese}");
        }
    }

    #[test]
    fn english_counts_one_and_others() {
        assert_eq!(Lang::English.count(Key::ToSome, 1, &[]), "To: 1 person");
        assert_eq!(Lang::English.count(Key::ToSome, 8, &[]), "To: 8 people");
        assert_eq!(Lang::Chinese.count(Key::ToSome, 8, &[]), "发送给：8 人");
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let name = "{n} {user}";
        assert_eq!(Lang::English.fill(Key::SysJoin, &[("name", &name)]), "{n} {user} entered the room");
    }
}
