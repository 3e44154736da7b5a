//! The verbs that concern files.

use std::collections::BTreeMap;

use sotto_proto::{ConvId, FileId, FileInfo, FileStage, Seq};

use super::Tables;
use crate::store::{ListedFile, LiveFile, NewFile, Noted, Said, StoredFile, StoredMessage, UserId, lobby_id};

/// A file that was offered.
#[derive(Clone)]
pub(super) struct FileRow {
    id: FileId,
    conv: ConvId,
    seq: Seq,
    sender: UserId,
    info: FileInfo,
    until: u64,
    stage: FileStage,
    said: BTreeMap<UserId, Said>,
}

impl FileRow {
    pub(super) fn new(file: &NewFile, (conv, seq, sender): (ConvId, Seq, UserId)) -> Self {
        let NewFile { id, info, until, .. } = file.clone();
        Self { id, conv, seq, sender, info, until, stage: FileStage::Uploading, said: BTreeMap::new() }
    }

    fn is_live(&self) -> bool {
        self.stage != FileStage::Gone
    }
}

impl Tables {
    pub(super) fn has_room(&self, sender: UserId, file: &NewFile) -> bool {
        let live = || self.files.iter().filter(|row| row.is_live());
        let own = || live().filter(|row| row.sender == sender);
        let fits = |taken: u64, most: u64| taken.checked_add(file.info.size).is_some_and(|sum| sum <= most);
        fits(own().map(|row| row.info.size).sum(), file.room.per_user)
            && fits(live().map(|row| row.info.size).sum(), file.room.total)
            && u64::try_from(own().count()).unwrap() < file.room.count
    }

    fn is_visible(&self, row: &FileRow, (user, now): (UserId, u64)) -> bool {
        let seat = self.place(user, row.conv);
        let theirs = seat.is_some_and(|place| place.since < row.seq || row.sender == user);
        row.is_live() && row.until > now && theirs
    }

    pub(super) fn file(&self, (user, id): (UserId, FileId), now: u64) -> Option<StoredFile> {
        let row = self.files.iter().find(|row| row.id == id && self.is_visible(row, (user, now)))?;
        Some(StoredFile {
            conv: row.conv,
            sender: self.account(row.sender),
            info: row.info.clone(),
            id,
            stage: row.stage,
            said: row.said.get(&user).copied(),
        })
    }

    pub(super) fn files(&self, user: UserId, (now, limit): (u64, u16)) -> Vec<ListedFile> {
        let listed = |row: &FileRow| {
            let words = row.said.iter().filter(|(who, _)| row.sender == user || **who == user);
            let message = self.with_file_as_it_is(self.at(row.conv, row.seq).unwrap());
            let said = words.map(|(who, said)| (self.account(*who), *said)).collect();
            ListedFile { conv: row.conv, message, stage: row.stage, said }
        };
        let visible = self.files.iter().filter(|row| self.is_visible(row, (user, now)));
        let mut files: Vec<_> = visible.map(listed).collect();
        files.sort_by_key(|listed| (listed.message.at, listed.conv, listed.message.seq));
        drop(files.drain(..files.len().saturating_sub(usize::from(limit))));
        files
    }

    pub(super) fn say(&mut self, (user, id): (UserId, FileId), said: Said) -> Noted {
        let Some(index) = self.files.iter().position(|row| row.id == id) else {
            return Noted { news: false, settled: false };
        };
        let row = &mut self.files[index];
        let news = row.is_live() && row.said.insert(user, said) != Some(said);
        let row = &self.files[index];
        let may_want_it = |member: &UserId| {
            *member != row.sender && row.said.get(member).is_none_or(|said| *said == Said::Accepted)
        };
        let settled = row.conv != lobby_id() && !self.members(row.conv).iter().any(may_want_it);
        Noted { news, settled }
    }

    pub(super) fn move_on(&mut self, id: FileId, stage: FileStage) -> bool {
        let row = self.files.iter_mut().find(|row| row.id == id && row.is_live());
        row.map(|row| row.stage = stage).is_some()
    }

    pub(crate) fn live_files(&self) -> Vec<LiveFile> {
        let live = self.files.iter().filter(|row| row.is_live());
        live.map(|row| LiveFile { id: row.id, until: row.until, conv: row.conv, sender: row.sender })
            .collect()
    }

    /// A message whose file says whether it is still there.
    pub(super) fn with_file_as_it_is(&self, row: &StoredMessage) -> StoredMessage {
        let mut message = row.clone();
        if let Some(file) = &mut message.file {
            file.gone = self.files.iter().any(|row| row.id == file.id && !row.is_live());
        }
        message
    }
}
