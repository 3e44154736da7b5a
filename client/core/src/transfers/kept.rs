//! What is remembered of transfers that were not finished when the program ended.

use std::path::PathBuf;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sotto_proto::{Audience, FileInfo, FileName, Username};

use super::sending::KeptSending;
use crate::disk::{Place, Source};

/// One transfer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kept {
    Sending(KeptSending),
    /// With where it is, if it is saved and only the server does not know yet.
    Taking {
        place: Place,
        paused: bool,
        saved: Option<PathBuf>,
    },
}

#[derive(Default, Serialize)]
struct Transfers {
    sending: Vec<SendingEntry>,
    taking: Vec<TakingEntry>,
}

/// The same as it is read: an entry of the wrong shape costs no other.
#[derive(Default, Deserialize)]
struct Read {
    #[serde(default)]
    sending: Vec<Entry<SendingEntry>>,
    #[serde(default)]
    taking: Vec<Entry<TakingEntry>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry<T> {
    Sound(T),
    Spoilt(IgnoredAny),
}

impl<T> Entry<T> {
    fn sound(self) -> Option<T> {
        match self {
            Self::Sound(entry) => Some(entry),
            Self::Spoilt(_) => None,
        }
    }
}

#[derive(Deserialize, Serialize)]
struct SendingEntry {
    cid: String,
    /// Empty: everyone.
    to: Vec<String>,
    path: PathBuf,
    modified: u64,
    name: String,
    size: u64,
    hash: String,
    media: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    paused: bool,
}

#[derive(Deserialize, Serialize)]
struct TakingEntry {
    file: String,
    name: String,
    size: u64,
    hash: String,
    dir: PathBuf,
    paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    saved: Option<PathBuf>,
}

/// What a file says. Entries that make no sense are left out: the offers themselves are with the server.
pub(crate) fn from_toml(text: &str) -> Vec<Kept> {
    let Read { sending, taking } = toml::from_str(text).unwrap_or_default();
    let sending = sending.into_iter().filter_map(Entry::sound).filter_map(sending_from);
    sending.chain(taking.into_iter().filter_map(Entry::sound).filter_map(taking_from)).collect()
}

pub(crate) fn to_toml(kept: &[Kept]) -> String {
    let mut transfers = Transfers::default();
    for kept in kept {
        match kept {
            // A path that is no text cannot be written down.
            Kept::Sending(kept) if kept.path.to_str().is_some() => transfers.sending.push(sending_to(kept)),
            Kept::Taking { place, paused, saved } if place.dir.to_str().is_some() => {
                transfers.taking.push(taking_to(place, *paused, saved.clone()));
            }
            _ => {}
        }
    }
    toml::to_string(&transfers).unwrap_or_default()
}

fn sending_from(entry: SendingEntry) -> Option<Kept> {
    let names: Option<Vec<Username>> = entry.to.iter().map(|name| name.parse().ok()).collect();
    let to = match names? {
        nobody if nobody.is_empty() => Audience::Everyone,
        names => Audience::set(names).ok()?,
    };
    let content = (entry.hash.parse().ok()?, entry.media.parse().ok()?);
    let info = FileInfo::new(FileName::new(&entry.name).ok()?, entry.size, content).ok()?;
    let file = match entry.file {
        Some(file) => Some(file.parse().ok()?),
        None => None,
    };
    let source = Source { info, modified: entry.modified };
    let (cid, path, paused) = (entry.cid.parse().ok()?, entry.path, entry.paused);
    Some(Kept::Sending(KeptSending { cid, to, path, source, file, paused }))
}

fn sending_to(kept: &KeptSending) -> SendingEntry {
    let to = match &kept.to {
        Audience::Everyone => Vec::new(),
        Audience::Set(names) => names.iter().map(ToString::to_string).collect(),
    };
    let FileInfo { name, size, hash, media } = &kept.source.info;
    SendingEntry {
        cid: kept.cid.to_string(),
        to,
        path: kept.path.clone(),
        modified: kept.source.modified,
        name: name.to_string(),
        size: *size,
        hash: hash.to_string(),
        media: media.to_string(),
        file: kept.file.map(|file| file.to_string()),
        paused: kept.paused,
    }
}

fn taking_from(entry: TakingEntry) -> Option<Kept> {
    let place = Place {
        file: entry.file.parse().ok()?,
        name: FileName::new(&entry.name).ok()?,
        size: entry.size,
        hash: entry.hash.parse().ok()?,
        dir: entry.dir,
    };
    Some(Kept::Taking { place, paused: entry.paused, saved: entry.saved })
}

fn taking_to(place: &Place, paused: bool, saved: Option<PathBuf>) -> TakingEntry {
    TakingEntry {
        file: place.file.to_string(),
        name: place.name.to_string(),
        size: place.size,
        hash: place.hash.to_string(),
        dir: place.dir.clone(),
        paused,
        saved,
    }
}
