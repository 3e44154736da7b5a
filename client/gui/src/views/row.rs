//! One line of the timeline: what it says, how tall it is, how it is painted. A row knows the one before it,
//! because a day, a new sender or the mark of what is new stands above it.

mod text;

use std::ops::Range;
use std::sync::Arc;

use egui::text::{CCursor, CCursorRange, LayoutJob, TextFormat, TextWrapping};
use egui::{Align2, Color32, CornerRadius, FontId, Galley, Pos2, Rect, Stroke, Ui, pos2, vec2};
use sotto_client::{Fate, Line, Outgoing, Room, Rooms, What};
use sotto_proto::{Audience, Username};

pub(crate) use text::presence;
use text::{body_job, folded};

use super::file::{self, FileCard, Speeds};
use crate::icons;
use crate::look::Look;
use crate::saying::not_sent;
use crate::strings::{Key, Lang};
use crate::theme::{self, ROUND_CONTROL, Type};
use crate::thumbs::Thumbs;
use crate::widgets::avatar;

/// Messages of one sender that are this close, in milliseconds, stand together.
const TOGETHER: u64 = 5 * 60 * 1000;
/// The column of avatars, and what is left free at the right.
const GUTTER: f32 = 60.0;
const RIGHT: f32 = 24.0;
/// The widest a text may be: about 80 letters, or 42 Chinese characters.
const TEXT_LATIN: f32 = 720.0;
const TEXT_CHINESE: f32 = 620.0;
/// A text longer than this is folded until it is asked for.
const FOLD_LINES: usize = 40;
const FOLD_BYTES: usize = 4096;

const ABOVE_GROUP: f32 = 10.0;
const ABOVE_LINE: f32 = 2.0;
const DAY: f32 = 40.0;
const MARK: f32 = 32.0;

/// What a row is drawn from.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) look: &'a Look,
    pub(crate) rooms: &'a Rooms,
    pub(crate) room: &'a Room,
    /// What is searched for, in lower case.
    pub(crate) searched: Option<&'a str>,
    /// How fast files are.
    pub(crate) rates: &'a Speeds,
    pub(crate) thumbs: &'a Thumbs,
}

/// A line, and the one it stands under.
#[derive(Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) before: Option<Line<'a>>,
    pub(crate) line: Line<'a>,
}

/// How a row is laid out.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) width: f32,
    /// A long text is wanted whole.
    pub(crate) unfolded: bool,
}

/// How a row is painted.
pub(crate) struct Paint {
    pub(crate) rect: Rect,
    /// Characters of the text.
    pub(crate) selected: Option<Range<usize>>,
    /// The pointer is over it: lines without a head show their time.
    pub(crate) hovered: bool,
}

/// A row that has been laid out.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) height: f32,
    day: Option<String>,
    mark: Option<u64>,
    /// Where the content begins, below what stands above it.
    top: f32,
    pub(crate) content: Content,
}

/// What stands in a row.
#[derive(Clone)]
pub(crate) enum Content {
    /// Nothing: the line is not shown.
    Hidden,
    /// A message.
    Words(Words),
    /// Who came or went.
    Notice(Arc<Galley>),
    /// Messages that are not here.
    Gap(Arc<Galley>),
}

/// A message that has been laid out.
#[derive(Clone)]
pub(crate) struct Words {
    pub(crate) from: Username,
    pub(crate) at: u64,
    /// Who and when stand above it.
    first: bool,
    pub(crate) body: Arc<Galley>,
    /// Where the text is, from the upper left corner of the row.
    pub(crate) body_at: Pos2,
    pub(crate) links: Vec<(Range<usize>, String)>,
    /// Whom it went to, where that is not everyone in the room.
    pub(crate) badge: Option<String>,
    /// That it came unencrypted.
    pub(crate) clear: Option<&'static str>,
    pub(crate) aside: bool,
    state: Option<State>,
    /// The text is long: it can be unfolded, or folded.
    pub(crate) fold: Option<bool>,
    /// The file it offers; the text is its title.
    pub(crate) file: Option<Box<FileCard>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    Sending,
    Queued,
    Stored,
    Failed(String),
}

/// A line as a message: who, when, what.
pub(crate) struct Said<'a> {
    pub(crate) from: &'a Username,
    pub(crate) at: u64,
    pub(crate) text: &'a str,
    /// It came to the server without encryption.
    pub(crate) clear: bool,
}

/// What a line says, if somebody says it.
pub(crate) fn said<'a>(line: Line<'a>, me: Option<&'a Username>) -> Option<Said<'a>> {
    match line {
        Line::Entry(entry) => match &entry.what {
            What::Message { from, text, clear, .. } | What::Aside { from, text, clear, .. } => {
                Some(Said { from, at: entry.at, text: text.as_str(), clear: *clear })
            }
            What::Presence { .. } | What::Gap { .. } => None,
        },
        Line::Outgoing(outgoing) => {
            Some(Said { from: me?, at: outgoing.at, text: outgoing.text.as_str(), clear: false })
        }
    }
}

/// Whom a line went to, if not to the whole room.
fn audience<'a>(line: Line<'a>, scene: &Scene<'a>) -> Option<&'a Room> {
    match line {
        Line::Entry(entry) => match entry.what {
            What::Aside { conv, .. } => scene.rooms.of(conv),
            _ => None,
        },
        Line::Outgoing(outgoing) => {
            Some(scene.rooms.get(&outgoing.to)?).filter(|room| room.audience() != scene.room.audience())
        }
    }
}

fn at(line: Line<'_>) -> u64 {
    match line {
        Line::Entry(entry) => entry.at,
        Line::Outgoing(outgoing) => outgoing.at,
    }
}

fn seq(line: Line<'_>) -> u64 {
    match line {
        Line::Entry(entry) => entry.place.seq(),
        Line::Outgoing(_) => u64::MAX,
    }
}

impl Row {
    /// Lays a line out.
    pub(crate) fn new(ui: &Ui, scene: &Scene<'_>, pair: Pair<'_>, shape: Shape) -> Self {
        let Pair { before, line } = pair;
        let look = scene.look;
        let hidden = |line: Line<'_>| {
            let presence = matches!(line, Line::Entry(entry) if matches!(entry.what, What::Presence { .. }));
            presence && !look.settings.show_joins
        };
        if hidden(line) {
            return Self { height: 0.0, day: None, mark: None, top: 0.0, content: Content::Hidden };
        }
        let new_day = before.is_none_or(|before| !look.same_day(at(before), at(line)));
        let day = new_day.then(|| look.day(at(line)));
        let mark = scene.room.marker().filter(|mark| {
            let first = before.is_none_or(|before| seq(before) < *mark);
            let own = matches!(line, Line::Outgoing(_));
            seq(line) >= *mark && first && !own
        });
        let above = f32::from(u8::from(day.is_some())) * DAY + f32::from(u8::from(mark.is_some())) * MARK;
        let mut row = Self {
            height: 0.0,
            day,
            mark: mark.map(|_| scene.room.unread()),
            top: above,
            content: Content::Hidden,
        };
        if said(line, scene.rooms.model().me()).is_some() {
            row.words(ui, scene, (pair, shape));
        } else {
            row.notice(ui, scene, (line, shape.width));
        }
        row
    }

    fn words(&mut self, ui: &Ui, scene: &Scene<'_>, (Pair { before, line }, shape): (Pair<'_>, Shape)) {
        let look = scene.look;
        let me = scene.rooms.model().me();
        let Some(words) = said(line, me) else {
            return;
        };
        let apart = self.day.is_some() || self.mark.is_some();
        let to = audience(line, scene);
        let state = state(scene, line, me == Some(words.from));
        // A message that came unencrypted says so: it has a head of its own.
        let alone = matches!(state, Some(State::Failed(_))) || words.clear;
        let follows = before.is_some_and(|before| {
            said(before, me)
                .is_some_and(|last| last.from == words.from && words.at.saturating_sub(last.at) < TOGETHER)
                && audience(before, scene).map(Room::audience) == to.map(Room::audience)
        });
        let first = apart || alone || !follows;
        let widest = if look.lang == Lang::Chinese { TEXT_CHINESE } else { TEXT_LATIN };
        let text_width = (shape.width - GUTTER - RIGHT).min(widest).max(80.0);
        self.top += if first { ABOVE_GROUP } else { ABOVE_LINE };
        let head = if first { 24.0 } else { 0.0 };
        let file = file::card(scene, line);
        let (body, links, fold) = match &file {
            Some(card) => (file::title(ui, look, (&card.name, text_width)), Vec::new(), None),
            None => {
                let (shown, fold) = folded(words.text, shape.unfolded);
                let (job, links) = body_job(look, (shown, text_width), scene.searched);
                (ui.painter().layout_job(job), links, fold)
            }
        };
        let state = if file.is_some() { None } else { state };
        let inset = file.as_ref().map_or(egui::Vec2::ZERO, |_| file::title_at());
        let content = file.as_ref().map_or(body.size().y, |card| file::height(card) + 6.0);
        let mut bottom = self.top + head + content;
        bottom += if fold.is_some() { 28.0 } else { 0.0 };
        bottom += if matches!(state, Some(State::Queued | State::Failed(_))) { 26.0 } else { 0.0 };
        self.content = Content::Words(Words {
            from: words.from.clone(),
            at: words.at,
            first,
            body_at: pos2(GUTTER, self.top + head) + inset,
            body,
            links,
            badge: to.map(|to| look.badge(Some(to), (words.from, scene.rooms.model()))),
            clear: words.clear.then(|| look.text(Key::MsgClear)),
            aside: to.is_some(),
            state,
            fold,
            file: file.map(Box::new),
        });
        self.height = if first { bottom.max(self.top + 38.0) } else { bottom } + 1.0;
    }

    fn notice(&mut self, ui: &Ui, scene: &Scene<'_>, (line, width): (Line<'_>, f32)) {
        let Line::Entry(entry) = line else {
            return;
        };
        let look = scene.look;
        let [_, text2, text3] = look.t.text;
        let (text, color, gap) = match &entry.what {
            What::Presence { came, who } => (presence(look, *came, who), text3, false),
            What::Gap { to } => {
                let n = (to.get() + 1).saturating_sub(entry.place.seq());
                (look.lang.count(Key::GapLine, n, &[]), text2, true)
            }
            What::Message { .. } | What::Aside { .. } => return,
        };
        let text = if gap { text } else { format!("{text} · {}", look.time(entry.at)) };
        let mut job = LayoutJob::single_section(text, format(Type::SMALL, color));
        job.wrap = TextWrapping { max_width: width - 48.0, max_rows: 2, ..TextWrapping::default() };
        job.halign = egui::Align::Center;
        let galley = ui.painter().layout_job(job);
        self.top += 6.0;
        self.height = self.top + galley.size().y + 6.0;
        self.content = if gap { Content::Gap(galley) } else { Content::Notice(galley) };
    }

    /// Paints it.
    pub(crate) fn paint(&self, ui: &Ui, scene: &Scene<'_>, paint: Paint) {
        let (look, rect) = (scene.look, paint.rect);
        let mut y = rect.top();
        if let Some(day) = &self.day {
            separator(ui, (rect.x_range(), y + DAY / 2.0), (day, look.t.text[2], look.t.line));
            y += DAY;
        }
        if let Some(unread) = self.mark {
            let text = match unread {
                0 => look.text(Key::UnreadLinePlain).to_owned(),
                n => look.fill(Key::UnreadLine, &[("n", &n)]),
            };
            separator(ui, (rect.x_range(), y + MARK / 2.0), (&text, look.t.accent_text, look.t.accent_text));
        }
        match &self.content {
            Content::Hidden => {}
            Content::Notice(galley) | Content::Gap(galley) => {
                let at = pos2(rect.center().x, rect.top() + self.top);
                ui.painter().galley(at, Arc::clone(galley), look.t.text[2]);
            }
            Content::Words(words) => {
                if paint.hovered || words.aside {
                    let wash = Rect::from_min_max(pos2(rect.left(), rect.top() + self.top - 1.0), rect.max);
                    let fill = if words.aside { look.t.accent_soft } else { look.t.bg[1] };
                    ui.painter().rect_filled(
                        wash.shrink2(vec2(8.0, 0.0)),
                        CornerRadius::same(ROUND_CONTROL),
                        fill,
                    );
                }
                words.paint(ui, look, (self.top, paint));
            }
        }
    }

    /// Where the button below a gap or a folded text is, if there is one.
    pub(crate) fn content_rect(&self, rect: Rect) -> Rect {
        Rect::from_min_max(pos2(rect.left(), rect.top() + self.top), rect.max)
    }
}

impl Words {
    fn paint(&self, ui: &Ui, look: &Look, (top, paint): (f32, Paint)) {
        let Paint { rect, selected, hovered } = paint;
        let [text1, _, text3] = look.t.text;
        let painter = ui.painter();
        let origin = rect.min;
        if self.first {
            let who = Audience::Set(vec![self.from.clone()]);
            avatar(ui, (origin + vec2(GUTTER - 30.0, top + 19.0), 36.0), (&who, None));
            painter.galley(origin + vec2(GUTTER, top), self.head(ui, look), text1);
        } else if hovered {
            let at = origin + vec2(GUTTER - 8.0, self.body_at.y + 3.0);
            painter.text(at, Align2::RIGHT_TOP, look.time(self.at), Type::CAPTION.font(), text3);
        }
        let mut galley = Arc::clone(&self.body);
        if let Some(range) = selected {
            let range = CCursorRange::two(CCursor::new(range.start), CCursor::new(range.end));
            egui::text_selection::visuals::paint_text_selection(&mut galley, ui.visuals(), &range, None);
        }
        let at = origin + self.body_at.to_vec2();
        if let Some((card, place)) = self.file_place(rect) {
            file::paint_card(ui, look, (card, place));
        }
        for (range, _) in &self.links {
            underline(painter, (&galley, at), (range, look.t.accent_text));
        }
        painter.galley(at, galley, text1);
        self.paint_state(ui, look, rect);
    }

    /// The card of a file, and where it is, in a row that is there.
    pub(crate) fn file_place(&self, rect: Rect) -> Option<(&FileCard, Rect)> {
        let card = self.file.as_deref()?;
        let at = rect.min + self.body_at.to_vec2() - file::title_at();
        Some((card, file::place(at, (card, rect.right() - at.x - RIGHT))))
    }

    /// Who, when, and to whom, on one line.
    fn head(&self, ui: &Ui, look: &Look) -> Arc<Galley> {
        let [_, _, text3] = look.t.text;
        let name = look.t.name(self.from.key());
        let mut job = LayoutJob::default();
        job.append(self.from.as_str(), 0.0, format(Type::STRONG, name));
        job.append(&look.time(self.at), 8.0, format(Type { line: 22.0, ..Type::CAPTION }, text3));
        if let Some(badge) = &self.badge {
            let style = Type { line: 22.0, ..Type::CAPTION };
            job.append(badge, 8.0, format(style, look.t.accent_text));
        }
        if let Some(clear) = self.clear {
            job.append(clear, 8.0, format(Type { line: 22.0, ..Type::CAPTION }, look.t.warn));
        }
        ui.painter().layout_job(job)
    }

    fn paint_state(&self, ui: &Ui, look: &Look, rect: Rect) {
        let [_, _, text3] = look.t.text;
        let (icon, color, text) = match &self.state {
            None => return,
            Some(State::Stored) => (icons::CHECK, text3, None),
            Some(State::Sending) => (icons::CIRCLE, text3, None),
            Some(State::Queued) => (icons::CLOCK, text3, Some(look.text(Key::MsgQueued).to_owned())),
            Some(State::Failed(why)) => {
                (icons::WARNING, look.t.danger, Some(look.fill(Key::MsgFailed, &[("why", why)])))
            }
        };
        match text {
            // A sign at the end of the last line says enough.
            None => {
                let last = self.body.rows.last().map_or(Rect::NOTHING, |row| row.rect());
                let at = rect.min + self.body_at.to_vec2() + vec2(last.right() + 14.0, last.center().y);
                ui.painter().text(at, Align2::CENTER_CENTER, icon, FontId::new(12.0, theme::icons()), color);
            }
            Some(text) => {
                let at = pos2(rect.left() + GUTTER, rect.bottom() - 14.0);
                let sign = ui.painter().text(
                    at,
                    Align2::LEFT_CENTER,
                    icon,
                    FontId::new(14.0, theme::icons()),
                    color,
                );
                let at = pos2(sign.right() + 6.0, at.y);
                ui.painter().text(at, Align2::LEFT_CENTER, text, Type::SMALL.font(), color);
            }
        }
    }

    /// Where the buttons of a message that failed go.
    pub(crate) fn failed_buttons(&self, ui: &Ui, look: &Look, rect: Rect) -> Option<Rect> {
        let Some(State::Failed(why)) = &self.state else {
            return None;
        };
        let text = look.fill(Key::MsgFailed, &[("why", why)]);
        let width = ui.painter().layout_no_wrap(text, Type::SMALL.font(), Color32::WHITE).size().x;
        let left = (rect.left() + GUTTER + 30.0 + width).min(rect.right() - 160.0);
        Some(Rect::from_min_size(pos2(left, rect.bottom() - 27.0), vec2(200.0, 26.0)))
    }

    /// What assistive technology says about the state.
    pub(crate) fn state_name(&self, look: &Look) -> String {
        match &self.state {
            None => String::new(),
            Some(State::Stored) => look.text(Key::MsgSent).to_owned(),
            Some(State::Sending) => look.text(Key::MsgSending).to_owned(),
            Some(State::Queued) => look.text(Key::MsgQueued).to_owned(),
            Some(State::Failed(why)) => look.fill(Key::MsgFailed, &[("why", why)]),
        }
    }

    /// The link under a character.
    pub(crate) fn link_at(&self, index: usize) -> Option<&str> {
        self.links.iter().find(|(range, _)| range.contains(&index)).map(|(_, url)| url.as_str())
    }
}

/// A line close under the letters: egui's own stands at the bottom of a line that is taller than its letters.
fn underline(
    painter: &egui::Painter,
    (galley, at): (&Galley, Pos2),
    (range, color): (&Range<usize>, Color32),
) {
    let mut begin = 0;
    for row in &galley.rows {
        let end = begin + row.char_count_including_newline().0;
        let (from, to) = (range.start.max(begin), range.end.min(end));
        if from < to {
            let x = |index: usize| at.x + row.pos.x + row.x_offset((index - begin).into());
            let y = at.y + row.rect().bottom() - 4.0;
            painter.hline(x(from)..=x(to), y, Stroke::new(1.0, color));
        }
        begin = end;
    }
}

fn state(scene: &Scene<'_>, line: Line<'_>, mine: bool) -> Option<State> {
    match line {
        Line::Outgoing(Outgoing { fate: Fate::Failed { reason, who }, .. }) => {
            Some(State::Failed(not_sent(*reason, who).say(scene.look)))
        }
        Line::Outgoing(_) if scene.rooms.is_online() => Some(State::Sending),
        Line::Outgoing(_) => Some(State::Queued),
        Line::Entry(_) => mine.then_some(State::Stored),
    }
}

fn separator(ui: &Ui, (x, y): (egui::Rangef, f32), (text, ink, line): (&str, Color32, Color32)) {
    let stroke = Stroke::new(1.0 / ui.ctx().pixels_per_point(), line);
    let galley = ui.painter().layout_no_wrap(text.to_owned(), Type::SMALL.font(), ink);
    let half = galley.size().x / 2.0 + 10.0;
    let center = x.center();
    ui.painter().hline(x.min + 16.0..=center - half, y, stroke);
    ui.painter().hline(center + half..=x.max - 16.0, y, stroke);
    ui.painter().galley(pos2(center, y) - galley.size() / 2.0, galley, ink);
}

pub(crate) fn format(style: Type, color: Color32) -> TextFormat {
    TextFormat { line_height: Some(style.line), ..TextFormat::simple(style.font(), color) }
}
