//! A file in the timeline: what its card says and what can be done with it, for whoever sends it and for whoever is asked.

mod drawing;
mod sizes;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use sotto_client::{Card, Line, Phase, Snag, Transfer, TransferId, What, is_program, safe_name};
use sotto_proto::{Audience, FileStage, Reason, Standing, Username};

use super::row::Scene;
use crate::action::Action;
use crate::look::Look;
use crate::strings::Key;
use crate::widgets::Kind;

pub(crate) use drawing::{card_ui, height, paint_card, place, title, title_at};
pub(crate) use sizes::{Rates, size};

/// People shown on a card; of more it is said how many.
const PEOPLE: usize = 6;

/// What stands on a card.
#[derive(Clone, Debug)]
pub(crate) struct FileCard {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) image: bool,
    pub(crate) status: Status,
    /// 0 to 1.
    pub(crate) progress: Option<f32>,
    pub(crate) people: Vec<Person>,
    /// How many more people there are than are shown.
    pub(crate) more: usize,
    pub(crate) buttons: Vec<(Kind, Key, Action)>,
    /// Opening it can run programs.
    pub(crate) program: bool,
    /// Where a picture of it can be made from.
    pub(crate) picture: Option<PathBuf>,
}

/// One line of words, and how serious it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Good,
    Bad,
}

/// How far one recipient is.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: Username,
    pub(crate) status: Status,
    pub(crate) progress: Option<f32>,
    /// Takes the offer back from this one.
    pub(crate) cancel: Option<Action>,
}

/// The card of a line, if it offers a file.
pub(crate) fn card(scene: &Scene<'_>, line: Line<'_>) -> Option<FileCard> {
    match line {
        Line::Entry(entry) => {
            let (What::Message { file, .. } | What::Aside { file, .. }) = &entry.what else { return None };
            let known = scene.rooms.files().get((*file)?)?;
            let own = scene.rooms.model().me() == Some(&known.from);
            Some(if own { sent(scene, known) } else { offered(scene, known) })
        }
        Line::Outgoing(outgoing) => {
            outgoing.file.as_ref()?;
            let transfer = scene.rooms.files().sending(outgoing.cid);
            Some(outgoing_card(scene, (outgoing.text.as_str(), transfer)))
        }
    }
}

impl FileCard {
    fn new((name, size): (String, u64), media: &str) -> Self {
        Self {
            program: is_program(&name),
            name,
            size,
            image: media.starts_with("image/"),
            status: Status::default(),
            progress: None,
            people: Vec::new(),
            more: 0,
            buttons: Vec::new(),
            picture: None,
        }
    }

    fn says(&mut self, text: impl Into<String>, tone: Tone) {
        self.status = Status { text: text.into(), tone };
    }

    fn button(&mut self, kind: Kind, key: Key, action: Action) {
        self.buttons.push((kind, key, action));
    }

    /// Everything about a transfer that is going on here.
    fn transfer(&mut self, scene: &Scene<'_>, transfer: &Transfer) {
        let look = scene.look;
        match &transfer.phase {
            Phase::Preparing => self.says(look.text(Key::FilePreparing), Tone::Plain),
            Phase::Waiting if scene.rooms.is_online() => self.moving(scene, transfer),
            Phase::Waiting => self.says(look.text(Key::FileQueued), Tone::Plain),
            Phase::Running => self.moving(scene, transfer),
            Phase::Paused => {
                self.moving(scene, transfer);
                self.says(look.text(Key::FilePaused), Tone::Plain);
            }
            Phase::Done(_) => {}
            Phase::Failed(snag) => self.says(snag_text(look, snag), Tone::Bad),
        }
        let id = transfer.id;
        match &transfer.phase {
            Phase::Waiting | Phase::Running => {
                self.button(Kind::Secondary, Key::FilePause, Action::Pause(id));
            }
            Phase::Paused => self.button(Kind::Primary, Key::FileResume, Action::GoOn(id)),
            Phase::Failed(snag) if can_retry(snag) => {
                self.button(Kind::Secondary, Key::MsgRetry, Action::GoOn(id));
            }
            Phase::Preparing | Phase::Done(_) | Phase::Failed(_) => {}
        }
    }

    /// How far, how fast, how long.
    fn moving(&mut self, scene: &Scene<'_>, transfer: &Transfer) {
        let look = scene.look;
        self.progress = Some(part(transfer.done, transfer.size));
        let (done, all) = (size(transfer.done), size(transfer.size));
        let pct = percent(transfer.done, transfer.size);
        let mut text = look.fill(Key::FileProgress, &[("pct", &pct), ("done", &done), ("size", &all)]);
        if let Some((speed, eta)) = scene.rates.get(&transfer.id).and_then(|rate| rate.words(look, transfer))
        {
            text.push_str(" · ");
            text.push_str(&look.fill(Key::FileSpeed, &[("speed", &speed), ("eta", &eta)]));
        }
        self.says(text, Tone::Plain);
    }

    fn saved(&mut self, look: &Look, path: &Path) {
        self.says(look.text(Key::FileDone), Tone::Good);
        self.picture = self.image.then(|| path.to_owned());
        self.button(Kind::Primary, Key::FileFolder, Action::Reveal(path.to_owned()));
        if !self.program {
            self.button(Kind::Secondary, Key::FileOpen, Action::OpenFile(path.to_owned()));
        }
    }
}

/// For whoever is asked.
fn offered(scene: &Scene<'_>, known: &Card) -> FileCard {
    let look = scene.look;
    let mut card = FileCard::new((safe_name(&known.name), known.file.size), known.file.media.as_str());
    let me = scene.rooms.model().me();
    let standing = me.and_then(|me| known.standing(me));
    let id = known.file.id;
    match known.transfer.as_ref().map(|transfer| (transfer, &transfer.phase)) {
        Some((_, Phase::Done(Some(path)))) => card.saved(look, path),
        Some((_, Phase::Failed(Snag::TakenBack))) | None
            if known.file.gone || standing == Some(Standing::Cancelled) =>
        {
            let had = standing == Some(Standing::Received);
            card.says(look.text(if had { Key::FileHad } else { Key::FileExpired }), Tone::Plain);
        }
        Some((transfer, _)) if !is_over(transfer) => {
            card.transfer(scene, transfer);
            card.button(Kind::Ghost, Key::FileCancel, Action::CancelTransfer(transfer.id));
        }
        _ => {
            match standing {
                Some(Standing::Declined) => card.says(look.text(Key::FileYouDeclined), Tone::Plain),
                Some(Standing::Received) => card.says(look.text(Key::FileHad), Tone::Good),
                _ => card.says(look.fill(Key::FileOffer, &[("name", &known.from)]), Tone::Plain),
            }
            if standing.is_none() {
                card.button(Kind::Secondary, Key::FileDecline, Action::Decline(id));
            }
            card.button(Kind::Primary, Key::FileAccept, Action::Accept(id));
            card.button(Kind::Ghost, Key::FileSaveAs, Action::AcceptInto(id));
            ends(look, (&mut card, known.file.until));
        }
    }
    card
}

fn ends(look: &Look, (card, until): (&mut FileCard, u64)) {
    if until > look.now && until - look.now < 366 * 24 * 3600 * 1000 {
        let date = if look.same_day(until, look.now) { look.time(until) } else { look.day(until) };
        card.status.text = format!("{} · {}", card.status.text, look.fill(Key::FileEnds, &[("date", &date)]));
    }
}

/// A transfer that the user ended here.
fn is_over(transfer: &Transfer) -> bool {
    matches!(transfer.phase, Phase::Failed(Snag::TakenBack) | Phase::Done(_))
}

/// For whoever sends it.
fn sent(scene: &Scene<'_>, known: &Card) -> FileCard {
    let look = scene.look;
    let mut card = FileCard::new((safe_name(&known.name), known.file.size), known.file.media.as_str());
    let transfer = known.transfer.as_ref().and_then(|transfer| match transfer.id {
        TransferId::Sending(cid) => scene.rooms.files().sending(cid),
        TransferId::Taking(_) => None,
    });
    if known.file.gone {
        card.says(look.text(Key::FileExpired), Tone::Plain);
    } else if let Some(transfer) = transfer.filter(|transfer| !matches!(transfer.phase, Phase::Done(_))) {
        card.transfer(scene, transfer);
    } else if known.stage == Some(FileStage::Stored) || transfer.is_some() {
        card.says(look.text(Key::FileStored), Tone::Plain);
        ends(look, (&mut card, known.file.until));
    } else {
        card.says(look.text(Key::FileQueued), Tone::Plain);
    }
    if !known.file.gone {
        card.button(Kind::Ghost, Key::FileCancelAll, Action::TakeBack(known.file.id, None));
    }
    people(scene, (&mut card, known));
    card
}

/// Of a set everybody, of everyone those who have said something.
fn people(scene: &Scene<'_>, (card, known): (&mut FileCard, &Card)) {
    let room = known.conv.and_then(|conv| scene.rooms.of(conv)).map(sotto_client::Room::audience);
    let mut names: Vec<_> = known.people.keys().cloned().collect();
    if let Some(Audience::Set(others)) = room {
        names.extend(others.iter().cloned());
        names.sort();
        names.dedup();
    }
    names.retain(|name| scene.rooms.model().me() != Some(name));
    card.more = names.len().saturating_sub(PEOPLE);
    for name in names.into_iter().take(PEOPLE) {
        let standing = known.standing(&name);
        if standing.is_none() && known.file.gone {
            continue;
        }
        card.people.push(person(scene.look, (name, standing), known));
    }
}

fn person(look: &Look, (name, standing): (Username, Option<Standing>), known: &Card) -> Person {
    let (key, tone) = match standing {
        None => (Key::FileWaiting, Tone::Plain),
        Some(Standing::Accepted(_)) => (Key::FilePercent, Tone::Plain),
        Some(Standing::Declined) => (Key::FileDeclined, Tone::Plain),
        Some(Standing::Received) => (Key::FileReceived, Tone::Good),
        Some(Standing::Cancelled) => (Key::FileTakenBack, Tone::Plain),
    };
    let (text, progress) = match standing {
        Some(Standing::Accepted(off)) => {
            let pct = percent(off, known.file.size);
            (look.fill(key, &[("pct", &pct)]), Some(part(off, known.file.size)))
        }
        _ => (look.text(key).to_owned(), None),
    };
    let open = matches!(standing, None | Some(Standing::Accepted(_))) && !known.file.gone;
    let cancel = open.then(|| Action::TakeBack(known.file.id, Some(name.clone())));
    Person { name, status: Status { text, tone }, progress, cancel }
}

/// A file that the server does not know yet.
fn outgoing_card(scene: &Scene<'_>, (name, transfer): (&str, Option<&Transfer>)) -> FileCard {
    let named = transfer.map_or_else(|| name.to_owned(), |transfer| transfer.name.clone());
    let mut card = FileCard::new((named, transfer.map_or(0, |transfer| transfer.size)), "");
    match transfer {
        Some(transfer) => {
            card.transfer(scene, transfer);
            card.buttons.retain(|(_, key, _)| *key == Key::MsgRetry);
            card.button(Kind::Ghost, Key::FileCancel, Action::CancelTransfer(transfer.id));
        }
        None => card.says(scene.look.text(Key::FilePreparing), Tone::Plain),
    }
    card
}

fn can_retry(snag: &Snag) -> bool {
    !matches!(snag, Snag::TakenBack | Snag::NotAFile | Snag::BadName)
}

/// What stopped a transfer, in the user's language.
fn snag_text(look: &Look, snag: &Snag) -> String {
    let key = match snag {
        Snag::Missing => Key::FileMissing,
        Snag::NotAFile | Snag::BadName => Key::FileNoFolder,
        Snag::Changed => Key::FileChanged,
        Snag::DiskFull => Key::FileDisk,
        Snag::Mismatch => Key::FileHashBad,
        Snag::TakenBack => Key::FileExpired,
        Snag::Refused(refusal) => match refusal.reason {
            Reason::NoSuchFile | Reason::Cancelled => Key::FileExpired,
            Reason::TooLarge => Key::FileTooLarge,
            Reason::Quota => Key::FileQuota,
            Reason::DiskFull => Key::FileServerFull,
            Reason::HashMismatch => Key::FileChanged,
            Reason::Busy => Key::RefusedBusy,
            Reason::Internal => Key::RefusedInternal,
            _ => Key::RefusedOther,
        },
        Snag::Io(why) => return look.fill(Key::FileTrouble, &[("why", why)]),
    };
    look.text(key).to_owned()
}

fn percent(done: u64, size: u64) -> u64 {
    done.saturating_mul(100).checked_div(size).unwrap_or(100).min(100)
}

#[expect(clippy::cast_precision_loss, reason = "a place on a bar some hundred pixels long")]
fn part(done: u64, size: u64) -> f32 {
    if size == 0 { 1.0 } else { (done as f32 / size as f32).min(1.0) }
}

/// Transfers and how fast they are.
pub(crate) type Speeds = HashMap<TransferId, Rates>;
