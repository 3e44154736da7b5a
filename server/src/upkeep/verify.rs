//! Looking through a data directory or a backup, without changing either: all that can be known without the people whose words
//! are in it.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use sotto_proto::{FileId, FileStage};

use super::contents::{cannot_read, ensure_data};
use super::{Contents, Progress, Tell, disk};
use crate::data_dir::{DATABASE, SPOOL};
use crate::spool;
use crate::store::StoreError;
use crate::store::sqlite::{Inspection, KeptFile};

/// Content that nobody knows of may be younger: a server may be about to note it, or to sweep it.
const ORPHANED: Duration = Duration::from_secs(3600);

/// Something that is not as a server has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finding {
    /// Something is lost, or wrong.
    Fault(String),
    /// Worth knowing, and nothing is lost.
    Remark(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(sentence) => write!(f, "fault: {sentence}"),
            Self::Remark(sentence) => write!(f, "remark: {sentence}"),
        }
    }
}

/// What a directory holds, and how much of it is wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdict {
    /// What there is.
    pub contents: Contents,
    /// How many faults were found.
    pub faults: u64,
}

/// Reads all of a data directory, also of one that a server runs on, or of a backup. `report` gets what is found.
///
/// # Errors
/// When there is nothing to look at, or a server writes too much beside it. Damage is a finding.
pub fn verify(dir: &Path, report: &mut dyn FnMut(Finding), tell: Tell<'_>) -> anyhow::Result<Verdict> {
    ensure_data(dir)?;
    let mut look = Look { dir, report, tell, verdict: Verdict::default() };
    match Inspection::open(&dir.join(DATABASE)) {
        Ok(inspection) => look.through(&inspection)?,
        Err(other @ (StoreError::TooNew { .. } | StoreError::LogGrows)) => return Err(other.into()),
        Err(fault) => look.fault(format!("the database cannot be read: {fault}")),
    }
    Ok(look.verdict)
}

struct Look<'a> {
    dir: &'a Path,
    report: &'a mut dyn FnMut(Finding),
    tell: Tell<'a>,
    verdict: Verdict,
}

impl Look<'_> {
    fn through(&mut self, inspection: &Inspection) -> anyhow::Result<()> {
        self.verdict.contents.bytes = fs::metadata(self.dir.join(DATABASE))?.len();
        self.tell("checking the database", 0);
        let structure = inspection.structure(&mut |sentence| self.fault(sentence));
        self.read_to_the_end(structure)?;
        if !inspection.is_current() {
            self.remark("the database is of an earlier version: what is in it was not looked at; a server that starts on it brings it up to date");
            (self.verdict.contents.accounts, self.verdict.contents.messages) = inspection.counts()?;
            return Ok(());
        }
        let rules = inspection.rules(&mut |sentence| self.fault(sentence));
        self.read_to_the_end(rules)?;
        let tell = self.tell;
        let told = |done| tell(Progress { doing: "reading messages", done, all: 0 });
        let messages = inspection.messages(&mut |sentence| self.fault(sentence), &told);
        self.read_to_the_end(messages)?;
        let cids = inspection.cids(&mut |sentence| self.fault(sentence));
        self.read_to_the_end(cids)?;
        match inspection.counts() {
            Ok((accounts, messages)) => {
                (self.verdict.contents.accounts, self.verdict.contents.messages) = (accounts, messages);
            }
            counted => self.read_to_the_end(counted.map(drop))?,
        }
        self.files(inspection)?;
        self.orphans(inspection)
    }

    fn files(&mut self, inspection: &Inspection) -> anyhow::Result<()> {
        let mut after = None;
        loop {
            let page = match inspection.files_after(after) {
                Ok(page) => page,
                unread => return Ok(self.read_to_the_end(unread.map(drop))?),
            };
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            for file in &page {
                self.file(inspection, file)?;
            }
        }
    }

    /// What a row says has to be in the spool, unless it was let go of since the row was read.
    fn file(&mut self, inspection: &Inspection, file: &KeptFile) -> anyhow::Result<()> {
        let path = spool::place(&self.dir.join(SPOOL), file.id);
        if let Some(complaint) = complaint(file, &path) {
            if inspection.keeps(file.id)? {
                self.fault(format!("file {}: {complaint}", file.id));
            }
        } else if file.stage == FileStage::Stored {
            self.verdict.contents.files += 1;
            self.verdict.contents.bytes += file.size;
            self.tell("reading files", self.verdict.contents.bytes);
        }
        Ok(())
    }

    /// What is in the spool has to be named by a row. Rows come before content, so they are asked after it was seen.
    fn orphans(&mut self, inspection: &Inspection) -> anyhow::Result<()> {
        let spool = self.dir.join(SPOOL);
        for path in spool::list(&spool).with_context(|| cannot_read(&spool))? {
            let known = match named(&path).filter(|id| spool::place(&spool, *id) == path) {
                Some(id) => inspection.keeps(id)?,
                None => false,
            };
            if !known && is_old(&path) {
                self.remark(&format!(
                    "{} belongs to no file; a server that runs sweeps it away",
                    path.display()
                ));
            }
        }
        Ok(())
    }

    /// What ends early because of damage is a fault, and what comes after it is looked at all the same.
    fn read_to_the_end(&mut self, outcome: Result<(), StoreError>) -> Result<(), StoreError> {
        match outcome {
            Err(hurry @ StoreError::LogGrows) => Err(hurry),
            Err(fault) => {
                self.fault(format!("the database cannot be read to its end: {fault}"));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn fault(&mut self, sentence: String) {
        self.verdict.faults += 1;
        (self.report)(Finding::Fault(sentence));
    }

    fn remark(&mut self, sentence: &str) {
        (self.report)(Finding::Remark(sentence.to_owned()));
    }

    fn tell(&self, doing: &'static str, done: u64) {
        (self.tell)(Progress { doing, done, all: 0 });
    }
}

/// What is wrong with the content of a file.
fn complaint(file: &KeptFile, path: &Path) -> Option<String> {
    if file.stage != FileStage::Stored {
        let here = fs::symlink_metadata(path).map_or(0, |there| there.len());
        return (here > file.size).then(|| format!("has {here} bytes of {}", file.size));
    }
    match disk::open(path).and_then(|content| disk::read(&content, |_| Ok(()))) {
        Ok((size, _)) if size != file.size => Some(format!("has {size} bytes instead of {}", file.size)),
        Ok((_, hash)) if hash != file.hash => Some("its content is not what was offered".to_owned()),
        Ok(_) => None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some("its content is missing".to_owned()),
        Err(error) => Some(format!("its content cannot be read: {error}")),
    }
}

fn named(path: &Path) -> Option<FileId> {
    path.file_name()?.to_str()?.parse().ok()
}

fn is_old(path: &PathBuf) -> bool {
    let age = fs::symlink_metadata(path).and_then(|entry| entry.modified());
    age.is_ok_and(|since| SystemTime::now().duration_since(since).unwrap_or_default() > ORPHANED)
}

/// As [`verify`], for what was copied just now.
///
/// # Errors
/// When there is anything wrong with it.
pub(super) fn ensure_sound(dir: &Path, tell: Tell<'_>) -> anyhow::Result<Contents> {
    let mut first = None;
    let mut report = |finding| {
        if let Finding::Fault(sentence) = finding {
            first.get_or_insert(sentence);
        }
    };
    let Verdict { contents, faults } = verify(dir, &mut report, tell)?;
    match first {
        None => Ok(contents),
        Some(first) => anyhow::bail!(
            "the copy is not sound, and was thrown away: {first} ({faults} faults in all); \
             sotto-server verify tells what is wrong with what was copied"
        ),
    }
}
