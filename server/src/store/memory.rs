//! A store in memory, for the simulation: what is on the shelf outlives the server that writes there, and a disk that can fail is
//! between the two. It passes the same contract as SQLite. As there, writes are made one after the other in the order in which
//! they were asked for, also when whoever asked has gone, and reads run beside them.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "it is for tests, also where it is not built by them"
)]
#![cfg_attr(not(test), allow(dead_code, unused_imports, reason = "tests/fuzz needs a part of it"))]

mod files;
mod tables;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sotto_proto::{ConvId, Epoch, FileId, FileStage, Seq, Username};

use super::{
    Account, Answer, Conversation, Credentials, Draft, ListedFile, LiveFile, NewAccount, Noted, Outcome,
    PasswordHash, Range, Said, Seat, Store, StoreError, StoredFile, StoredMessage, TokenUse, UserId,
};
use crate::sim::Disk;
pub(crate) use tables::Tables;

/// What has been committed.
pub(crate) type Shelf = Arc<Mutex<Tables>>;

/// One server's way to the shelf.
pub(crate) struct Memory {
    epoch: Epoch,
    shelf: Shelf,
    disk: Arc<Disk>,
    /// Whose turn it is to write.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Memory {
    pub(crate) fn new(shelf: Shelf, disk: Arc<Disk>) -> Self {
        let epoch = look(&shelf).epoch;
        Self { epoch, shelf, disk, turn: Arc::default() }
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Tables) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (shelf, disk, turn) = (Arc::clone(&self.shelf), Arc::clone(&self.disk), Arc::clone(&self.turn));
        // A task of its own: whoever asked may go, and what is written stays written.
        let writing = tokio::spawn(async move {
            let _turn = turn.lock().await;
            disk.before_write().await?;
            let outcome = work(&mut look(&shelf));
            disk.after_write().await?;
            Ok(outcome)
        });
        writing.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn read<T>(&self, work: impl FnOnce(&Tables) -> T) -> Result<T, StoreError> {
        self.disk.before_read().await?;
        let found = work(&look(&self.shelf));
        self.disk.after_read().await?;
        Ok(found)
    }
}

/// Nobody waits while holding it.
pub(crate) fn look(shelf: &Shelf) -> MutexGuard<'_, Tables> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store for Memory {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn register<'a>(&'a self, name: &'a Username, start: NewAccount) -> Answer<'a, Option<Account>> {
        let name = name.clone();
        Box::pin(self.write(move |tables| tables.register(&name, start)))
    }

    fn credentials<'a>(&'a self, name: &'a Username) -> Answer<'a, Option<Credentials>> {
        Box::pin(self.read(|tables| tables.credentials(name)))
    }

    fn set_password(&self, user: UserId, hash: PasswordHash) -> Answer<'_, ()> {
        Box::pin(self.write(move |tables| tables.set_password(user, hash)))
    }

    fn change_password(&self, user: UserId, hash: PasswordHash, kept: [u8; 32]) -> Answer<'_, ()> {
        Box::pin(self.write(move |tables| tables.change_password(user, (hash, kept))))
    }

    fn accounts(&self) -> Answer<'_, Vec<Account>> {
        Box::pin(self.read(Tables::accounts))
    }

    fn resolve<'a>(&'a self, names: &'a [Username]) -> Answer<'a, Vec<Option<Account>>> {
        Box::pin(self.read(|tables| {
            names.iter().map(|name| tables.credentials(name).map(|known| known.account)).collect()
        }))
    }

    fn add_token(&self, user: UserId, hash: [u8; 32], expires: u64) -> Answer<'_, ()> {
        Box::pin(self.write(move |tables| tables.add_token(user, hash, expires)))
    }

    fn use_token<'a>(&'a self, name: &'a Username, token: TokenUse) -> Answer<'a, Option<Account>> {
        let name = name.clone();
        Box::pin(self.write(move |tables| tables.use_token(&name, token)))
    }

    fn drop_token(&self, hash: [u8; 32]) -> Answer<'_, ()> {
        Box::pin(self.write(move |tables| tables.drop_token(hash)))
    }

    fn conversation<'a>(&'a self, members: &'a [UserId]) -> Answer<'a, Conversation> {
        let mut members = members.to_vec();
        members.sort_unstable();
        members.dedup();
        Box::pin(async move {
            if let Some(found) = self.read(|tables| tables.find_conversation(&members)).await? {
                return Ok(found);
            }
            self.write(move |tables| tables.make_conversation(members)).await
        })
    }

    fn seats(&self, user: UserId) -> Answer<'_, Vec<Seat>> {
        Box::pin(self.read(move |tables| tables.seats(user)))
    }

    fn seat(&self, user: UserId, conv: ConvId) -> Answer<'_, Option<Seat>> {
        Box::pin(self.read(move |tables| tables.seat(user, conv)))
    }

    fn append(&self, batch: Vec<Draft>, at: u64) -> Answer<'_, Vec<Outcome>> {
        let disk = Arc::clone(&self.disk);
        Box::pin(self.write(move |tables| match disk.lie() {
            None => tables.append(&batch, at),
            Some(lie) => tables.append_and_lie((&batch, at), lie),
        }))
    }

    fn read(&self, conv: ConvId, range: Range) -> Answer<'_, Vec<StoredMessage>> {
        Box::pin(self.read(move |tables| tables.read(conv, range)))
    }

    fn confirm(&self, user: UserId, positions: Vec<(ConvId, Seq)>) -> Answer<'_, ()> {
        Box::pin(self.write(move |tables| tables.confirm(user, &positions)))
    }

    fn file(&self, user: UserId, id: FileId, now: u64) -> Answer<'_, Option<StoredFile>> {
        Box::pin(self.read(move |tables| tables.file((user, id), now)))
    }

    fn files(&self, user: UserId, now: u64, limit: u16) -> Answer<'_, Vec<ListedFile>> {
        Box::pin(self.read(move |tables| tables.files(user, (now, limit))))
    }

    fn say(&self, user: UserId, id: FileId, said: Said) -> Answer<'_, Noted> {
        Box::pin(self.write(move |tables| tables.say((user, id), said)))
    }

    fn file_stored(&self, id: FileId) -> Answer<'_, bool> {
        Box::pin(self.write(move |tables| tables.move_on(id, FileStage::Stored)))
    }

    fn end_file(&self, id: FileId) -> Answer<'_, bool> {
        Box::pin(self.write(move |tables| tables.move_on(id, FileStage::Gone)))
    }

    fn live_files(&self) -> Answer<'_, Vec<LiveFile>> {
        Box::pin(self.read(Tables::live_files))
    }
}
