//! How files are printed: those that are offered, and how far they and the people they are for have got.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::Serialize;
use sotto_proto::Username;

use super::{Line, Printer, line, plain, text_line};

/// A file, as it is printed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FileLine<'a> {
    pub(crate) file: String,
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) from: &'a str,
    /// Offered, accepted, received, declined, cancelled or gone; of one's own uploading, stored or gone.
    pub(crate) state: &'a str,
    /// Of one's own: what those have said who have said something.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) people: BTreeMap<&'a str, &'a str>,
    /// Where it is saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<PathBuf>,
    /// Opening it can run a program.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) program: bool,
}

impl Printer {
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    pub(crate) fn file(self, file: &FileLine<'_>) -> io::Result<()> {
        if self.json {
            return line(&Line::File(file));
        }
        let id = file.file.get(..8).unwrap_or(&file.file);
        let people: Vec<_> = file
            .people
            .iter()
            .map(|(who, said)| format!("{} {said}", plain::name_among_words(who)))
            .collect();
        let people = if people.is_empty() { String::new() } else { format!(" ({})", people.join(", ")) };
        let path = file.path.as_ref().map(|path| format!(" → {}", plain::word(&path.to_string_lossy())));
        let warning = if file.program { "  ! can run programs" } else { "" };
        text_line(&format!(
            "{id}  {:<9}  {:>9}  {}  {}{people}{}{warning}",
            file.state,
            size(file.size),
            plain::name(file.from),
            plain::word(&file.name),
            path.unwrap_or_default(),
        ))
    }

    pub(crate) fn progress(self, file: &str, name: &str, (done, size): (u64, u64)) -> io::Result<()> {
        line(&Line::Progress { file, name, done, size })
    }

    /// An offer that somebody who chats is asked about; `short` is as much of its id as has to be typed.
    pub(crate) fn offer(self, file: &FileLine<'_>, short: &str) -> io::Result<()> {
        if self.json {
            return line(&Line::File(file));
        }
        let (from, name) = (plain::name_among_words(file.from), plain::word(&file.name));
        let size = size(file.size);
        let warning = if file.program { "! It can run programs. " } else { "" };
        text_line(&format!("* {from} offers {name} ({size}): {warning}/accept {short}  /decline {short}"))
    }

    /// What somebody has said to an offer of ours.
    pub(crate) fn standing(self, file: &FileLine<'_>, who: &Username, standing: &str) -> io::Result<()> {
        if self.json {
            let (user, name) = (who.as_str(), &*file.name);
            return line(&Line::Standing { file: &file.file, name, user, standing });
        }
        let who = plain::name_among_words(who.as_str());
        text_line(&format!("* {}: {who} {standing}", plain::word(&file.name)))
    }
}

/// A size for people.
pub(crate) fn size(bytes: u64) -> String {
    let mut tenths = bytes.saturating_mul(10);
    for unit in ["bytes", "KB", "MB", "GB", "TB"] {
        if tenths < 10 * 1024 || unit == "TB" {
            let whole = tenths / 10;
            return if unit == "bytes" {
                format!("{whole} {unit}")
            } else {
                format!("{whole}.{} {unit}", tenths % 10)
            };
        }
        tenths /= 1024;
    }
    String::new()
}
