//! A session with its transfers and a disk in memory, for `tests/fuzz`: what `driver.rs` does with both, one thing at a time. And what
//! the disk was asked for that it never should be.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use bytes::Bytes;
use sotto_proto::{FileHash, FileInfo, FileName, MediaType};

use crate::Session;
use crate::disk::{Done, Job, Place, Source, What};
use crate::transfers::{Kept, Snag, TransferId};
use crate::update::Account;

/// How the disk fares with one job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Luck {
    /// As it should.
    Good,
    /// It is full.
    Full,
    /// What is to be sent is not what it was.
    Changed,
}

/// A session, and its disk.
pub struct Bench {
    /// The session.
    pub session: Session,
    /// What is here of files that are taken.
    parts: HashMap<TransferId, Vec<u8>>,
    kept: Vec<Kept>,
}

impl Bench {
    /// Somebody who is not connected yet.
    #[must_use]
    pub fn new(account: Account, now: Instant) -> Self {
        Self { session: Session::new(account, now), parts: HashMap::new(), kept: Vec::new() }
    }

    /// The program ends, and begins again with what it had remembered.
    pub fn restart(&mut self, account: Account, now: Instant) {
        let kept = crate::transfers::from_toml(&crate::transfers::to_toml(&self.kept));
        self.session = Session::with_transfers(account, now, kept);
    }

    /// The disk does the next thing that it was asked for. False: there is none.
    ///
    /// # Errors
    /// What it should not have been asked for.
    pub fn work(&mut self, luck: Luck, now: Instant) -> Result<bool, String> {
        let Some(job) = self.session.poll_job() else { return Ok(false) };
        if let Some((id, what)) = self.carry_out(job, luck)? {
            self.session.disk_done(Done { id, what }, now);
        }
        Ok(true)
    }

    /// Content of a file, as it goes out when nothing else waits.
    pub fn poll_chunk(&mut self) -> Option<[Bytes; 2]> {
        self.session.poll_chunk()
    }

    fn carry_out(&mut self, job: Job, luck: Luck) -> Result<Option<(TransferId, What)>, String> {
        Ok(match job {
            Job::Look { id, path } if luck == Luck::Good => Some((id, What::Looked(source(&path)?))),
            Job::Look { id, .. } => Some((id, What::Failed(Snag::Missing))),
            Job::Read { id, .. } if luck != Luck::Good => Some((id, What::Failed(Snag::Changed))),
            Job::Read { id, from: (path, source), off, len } => Some((id, read((&path, &source), off, len)?)),
            Job::Open(place) => {
                let id = TransferId::Taking(place.file);
                Some((id, What::Opened(long(self.parts.entry(id).or_default().len()))))
            }
            Job::Write { id, .. } if luck == Luck::Full => Some((id, What::Failed(Snag::DiskFull))),
            Job::Write { id, chunks } => Some((id, self.write(id, &chunks)?)),
            Job::Save(place) => Some((TransferId::Taking(place.file), self.save(&place, luck))),
            Job::Discard(place) => {
                self.parts.remove(&TransferId::Taking(place.file));
                None
            }
            Job::Close(_) => None,
            Job::Keep(kept) => {
                self.kept = kept;
                None
            }
        })
    }

    fn write(&mut self, id: TransferId, chunks: &[Bytes]) -> Result<What, String> {
        let part = self.parts.get_mut(&id).ok_or(format!("{id:?} is written to and was never opened"))?;
        chunks.iter().for_each(|chunk| part.extend_from_slice(chunk));
        Ok(What::Written(long(part.len())))
    }

    fn save(&mut self, place: &Place, luck: Luck) -> What {
        let part = self.parts.remove(&TransferId::Taking(place.file)).unwrap_or_default();
        if luck == Luck::Full {
            return What::Failed(Snag::DiskFull);
        }
        if FileHash::of(&part) == place.hash {
            What::Saved(place.dir.join("saved"))
        } else {
            What::Failed(Snag::Mismatch)
        }
    }
}

/// What is in a file here: as many bytes as its name says.
#[must_use]
pub fn content(name: &str) -> Bytes {
    let length: usize = name.parse().unwrap_or_default();
    (0..length).map(|at| u8::try_from(at % 251).unwrap_or_default()).collect()
}

fn named(path: &std::path::Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn source(path: &std::path::Path) -> Result<Source, String> {
    let content = content(&named(path));
    let name = FileName::new(&named(path)).map_err(|error| error.to_string())?;
    let about = (FileHash::of(&content), MediaType::unknown());
    let info = FileInfo::new(name, long(content.len()), about).map_err(|error| error.to_string())?;
    Ok(Source { info, modified: 1 })
}

fn read((path, source): (&PathBuf, &Source), off: u64, len: u64) -> Result<What, String> {
    let end = off.checked_add(len).filter(|end| *end <= source.info.size && len > 0);
    let end = end.ok_or(format!("{len} bytes from {off} on are read of {}", source.info.size))?;
    let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
    Ok(What::Read { off, bytes: content(&named(path)).slice(at(off)..at(end)) })
}

fn long(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
