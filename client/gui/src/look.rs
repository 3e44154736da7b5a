//! What every view needs to know to draw: the language, the colours, the time.

use std::fmt::Display;

use egui::{Color32, RichText, Ui};
use sotto_client::{Model, Room};
use sotto_proto::{Audience, Username};
use time::{OffsetDateTime, UtcOffset};

use crate::settings::Settings;
use crate::strings::{Key, Lang};
use crate::theme::{Tokens, Type};

/// What every view needs to know to draw.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) lang: Lang,
    pub(crate) t: Tokens,
    /// Unix milliseconds.
    pub(crate) now: u64,
    pub(crate) offset: UtcOffset,
    pub(crate) settings: Settings,
}

impl Look {
    pub(crate) fn text(&self, key: Key) -> &'static str {
        self.lang.text(key)
    }

    pub(crate) fn fill(&self, key: Key, values: &[(&str, &dyn Display)]) -> String {
        self.lang.fill(key, values)
    }

    pub(crate) fn count(&self, key: Key, n: usize, values: &[(&str, &dyn Display)]) -> String {
        self.lang.count(key, n as u64, values)
    }

    /// Text in a style of the design system, in the body colour.
    pub(crate) fn rich(&self, text: impl Into<String>, style: Type) -> RichText {
        let [text1, ..] = self.t.text;
        RichText::new(text).font(style.font()).line_height(Some(style.line)).color(text1)
    }

    /// Secondary text.
    pub(crate) fn dim(&self, text: impl Into<String>, style: Type) -> RichText {
        let [_, text2, _] = self.t.text;
        self.rich(text, style).color(text2)
    }

    /// A label in a style, wrapped.
    pub(crate) fn label(
        &self,
        ui: &mut Ui,
        text: impl Into<String>,
        (style, color): (Type, Color32),
    ) -> egui::Response {
        ui.label(self.rich(text, style).color(color))
    }

    /// `09:41`, in this machine's time zone.
    pub(crate) fn time(&self, at: u64) -> String {
        let at = self.local(at);
        format!("{:02}:{:02}", at.hour(), at.minute())
    }

    /// A day, as people say it.
    pub(crate) fn day(&self, at: u64) -> String {
        let (day, today) = (self.local(at).date(), self.local(self.now).date());
        if day == today {
            return self.text(Key::DayToday).to_owned();
        }
        if day.next_day() == Some(today) {
            return self.text(Key::DayYesterday).to_owned();
        }
        let month: Box<dyn Display> = match self.lang {
            Lang::English => Box::new(day.month()),
            Lang::Chinese => Box::new(u8::from(day.month())),
        };
        let key = if day.year() == today.year() { Key::DateThisYear } else { Key::DateOther };
        self.fill(key, &[("month", &month), ("day", &day.day()), ("year", &day.year())])
    }

    /// A time today, a day otherwise: for lists.
    pub(crate) fn short_time(&self, at: u64) -> String {
        if self.same_day(at, self.now) { self.time(at) } else { self.day(at) }
    }

    pub(crate) fn same_day(&self, a: u64, b: u64) -> bool {
        self.local(a).date() == self.local(b).date()
    }

    /// Milliseconds until the day is another one.
    pub(crate) fn until_midnight(&self) -> u64 {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        let offset = i64::from(self.offset.whole_seconds()) * 1000;
        let local = self.now.saturating_add_signed(offset);
        DAY - local % DAY
    }

    fn local(&self, at: u64) -> OffsetDateTime {
        let seconds = i64::try_from(at / 1000).unwrap_or(0);
        OffsetDateTime::from_unix_timestamp(seconds)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .to_offset(self.offset)
    }

    /// What a room is called.
    pub(crate) fn room_name(&self, room: &Audience, me: Option<&Username>) -> String {
        match room {
            Audience::Everyone => self.text(Key::NavEveryone).to_owned(),
            Audience::Set(names) if names.iter().all(|name| Some(name) == me) => {
                self.text(Key::NavMe).to_owned()
            }
            Audience::Set(names) => self.names(names),
        }
    }

    /// The first names of a list, and how many more there are.
    pub(crate) fn names(&self, names: &[Username]) -> String {
        const SHOWN: usize = 3;
        let separator = if self.lang == Lang::Chinese { "、" } else { ", " };
        let shown: Vec<_> = names.iter().take(SHOWN).map(Username::as_str).collect();
        let shown = shown.join(separator);
        match names.len().saturating_sub(SHOWN) {
            0 => shown,
            more => format!("{shown} {}", self.fill(Key::ToMore, &[("n", &more)])),
        }
    }

    /// "to 8" on what went to some of everyone: who that is depends on who reads it.
    pub(crate) fn badge(&self, room: Option<&Room>, (from, model): (&Username, &Model)) -> String {
        let others = room.map_or(0, |room| room.others().len());
        if Some(from) == model.me() {
            self.fill(Key::ToBadge, &[("n", &others)])
        } else {
            self.count(Key::ToBadgeIn, others.saturating_sub(1), &[])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23 20:30:00 UTC.
    const NOW: u64 = 1_795_465_800_000;
    const HOUR: u64 = 60 * 60 * 1000;

    fn look(lang: Lang, hours: i8) -> Look {
        let offset = UtcOffset::from_hms(hours, 0, 0).unwrap();
        let settings = Settings::default();
        Look { lang, t: crate::theme::DARK, now: NOW, offset, settings }
    }

    #[test]
    fn days_are_those_of_the_place_where_one_is() {
        let (utc, beijing) = (look(Lang::English, 0), look(Lang::Chinese, 8));
        assert_eq!((utc.day(NOW - HOUR).as_str(), utc.time(NOW).as_str()), ("Today", "20:30"));
        assert_eq!(utc.day(NOW - 21 * HOUR), "Yesterday");
        // In Beijing it is half past four of the next day.
        assert_eq!((beijing.day(NOW - 5 * HOUR).as_str(), beijing.time(NOW).as_str()), ("昨天", "04:30"));
        assert_eq!(utc.day(NOW - 24 * 5 * HOUR), "November 18");
        assert_eq!(beijing.day(NOW - 24 * 5 * HOUR), "11月19日");
        assert_eq!(utc.day(NOW - 24 * 400 * HOUR), "October 19, 2025");
        assert_eq!(utc.until_midnight(), 7 * HOUR / 2);
    }

    #[test]
    fn long_lists_of_names_are_cut() {
        let names: Vec<Username> =
            ["ann", "bob", "李雷", "dora", "emil"].iter().map(|n| n.parse().unwrap()).collect();
        assert_eq!(look(Lang::English, 0).names(&names), "ann, bob, 李雷 +2 more");
        assert_eq!(look(Lang::Chinese, 0).names(&names), "ann、bob、李雷 等另外 2 人");
    }
}
