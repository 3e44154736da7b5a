//! The store in a SQLite file: one writer thread that owns the only writing connection, a few readers.
//!
//! WAL with `synchronous=FULL`: what has been committed survives a power cut. The statements of each verb
//! are in `queries.rs`.

mod copy;
mod files;
mod inspect;
mod narrow;
mod patience;
mod places;
mod queries;
mod schema;
mod sent;
mod sound;

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use sotto_proto::{ConvId, Epoch, FileId, Seq, Username};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    Account, Answer, Conversation, Credentials, Draft, ListedFile, LiveFile, NewAccount, Noted, Outcome,
    PasswordHash, Range, Said, Seat, Store, StoreError, StoredFile, StoredMessage, TokenUse, UserId,
};

pub(crate) use copy::{begin_history, copy, let_go};
pub(crate) use inspect::{Inspection, KeptFile};

/// How many writes may wait for the writer thread; more wait in their callers.
const WRITE_QUEUE: usize = 256;
/// How many reads run at once, each on its own connection and thread.
const READERS: usize = 4;

type Job = Box<dyn FnOnce(&mut Writer) + Send>;

/// The store. Dropping it ends the writer thread after what is queued.
pub(crate) struct Sqlite {
    epoch: Epoch,
    writer: mpsc::Sender<Job>,
    readers: Readers,
}

impl Sqlite {
    /// Opens or makes the database, and brings its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be opened, written or understood.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        sound::write_log_again(path).map_err(StoreError::Log)?;
        let mut connection = schema::open(path)?;
        let epoch = schema::migrate(&mut connection, &now_and_then())?;
        let witness = schema::open_reader(path)?;
        // A connection has the log open from its first look on.
        witness.pragma_query_value(None, "user_version", |_| Ok(()))?;
        let (writer, jobs) = mpsc::channel(WRITE_QUEUE);
        let owner = Writer { path: path.to_owned(), _witness: witness, connection: Some(connection) };
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || owner.run(jobs))
            .map_err(|_| StoreError::Closed)?;
        Ok(Self { epoch, writer, readers: Readers::new(path) })
    }

    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (done, outcome) = oneshot::channel();
        let job: Job = Box::new(move |writer| {
            // Whoever asked may have gone; what was written stays written.
            let _ = done.send(writer.attempt(work));
        });
        self.writer.send(job).await.map_err(|_| StoreError::Closed)?;
        outcome.await.map_err(|_| StoreError::Closed)?
    }
}

/// The thread that writes.
struct Writer {
    path: PathBuf,
    /// Only has the database open, so that the failing connection is never the last to close it and the next one never the
    /// first to read the log: a failed transaction in it is not read. Dropped before the one that writes, which then empties
    /// the log.
    _witness: Connection,
    /// `None` after a failed write, until the database has been opened again and found sound: what a connection remembers
    /// of a file that it failed to write is not to be built upon.
    connection: Option<Connection>,
}

impl Writer {
    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            // A panic costs one write: its caller learns that the outcome is unknown, and the connection,
            // which the job had taken, is opened anew for the next.
            let survived = std::panic::catch_unwind(AssertUnwindSafe(|| job(&mut self)));
            if survived.is_err() {
                tracing::error!("a write to the store panicked");
            }
        }
    }

    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.reopen()?,
        };
        let outcome = work(&mut connection).inspect_err(|fault| {
            tracing::error!(error = %fault, "a write has failed: nothing is stored until the database is found sound");
        })?;
        self.connection = Some(connection);
        Ok(outcome)
    }

    fn reopen(&self) -> Result<Connection, StoreError> {
        let connection = sound::reopen(&self.path)?;
        tracing::warn!("the database has been opened again and found sound after a failed write");
        Ok(connection)
    }
}

/// Connections that only read.
struct Readers {
    path: Arc<Path>,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Semaphore,
}

impl Readers {
    fn new(path: &Path) -> Self {
        Self { path: path.into(), idle: Arc::default(), permits: Semaphore::new(READERS) }
    }

    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let _permit = self.permits.acquire().await.map_err(|_| StoreError::Closed)?;
        let (path, idle) = (Arc::clone(&self.path), Arc::clone(&self.idle));
        let reading = move || {
            let free = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = free.map_or_else(|| schema::open_reader(&path), Ok)?;
            let outcome = work(&mut connection)?;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok(outcome)
        };
        tokio::task::spawn_blocking(reading).await.map_err(|_| StoreError::Closed)?
    }
}

impl Store for Sqlite {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn register<'a>(&'a self, name: &'a Username, start: NewAccount) -> Answer<'a, Option<Account>> {
        let name = name.clone();
        Box::pin(self.write(move |db| queries::register(db, &name, &start)))
    }

    fn credentials<'a>(&'a self, name: &'a Username) -> Answer<'a, Option<Credentials>> {
        let name = name.clone();
        Box::pin(self.readers.read(move |db| queries::credentials(db, &name)))
    }

    fn change_password(&self, user: UserId, hash: PasswordHash, kept: [u8; 32]) -> Answer<'_, ()> {
        Box::pin(self.write(move |db| queries::change_password(db, user, (&hash, &kept))))
    }

    fn set_password(&self, user: UserId, hash: PasswordHash) -> Answer<'_, ()> {
        Box::pin(self.write(move |db| queries::set_password(db, user, &hash)))
    }

    fn accounts(&self) -> Answer<'_, Vec<Account>> {
        Box::pin(self.readers.read(|db| queries::accounts(db)))
    }

    fn resolve<'a>(&'a self, names: &'a [Username]) -> Answer<'a, Vec<Option<Account>>> {
        let names = names.to_vec();
        Box::pin(self.readers.read(move |db| queries::resolve(db, &names)))
    }

    fn add_token(&self, user: UserId, hash: [u8; 32], expires: u64) -> Answer<'_, ()> {
        Box::pin(self.write(move |db| queries::add_token(db, user, &hash, expires)))
    }

    fn use_token<'a>(&'a self, name: &'a Username, token: TokenUse) -> Answer<'a, Option<Account>> {
        let name = name.clone();
        Box::pin(async move {
            let known = self.readers.read(move |db| queries::token_owner(db, &name, token)).await?;
            let Some((owner, expires)) = known else { return Ok(None) };
            if token.prolongs(expires)
                && let Err(fault) = self.write(move |db| queries::prolong_token(db, token)).await
            {
                tracing::warn!(error = %fault, "a token is not prolonged");
            }
            Ok(Some(owner))
        })
    }

    fn drop_token(&self, hash: [u8; 32]) -> Answer<'_, ()> {
        Box::pin(self.write(move |db| queries::drop_token(db, &hash)))
    }

    fn conversation<'a>(&'a self, members: &'a [UserId]) -> Answer<'a, Conversation> {
        let mut members = members.to_vec();
        members.sort_unstable();
        members.dedup();
        Box::pin(async move {
            let known = members.clone();
            if let Some(found) = self.readers.read(move |db| queries::find_conversation(db, &known)).await? {
                return Ok(found);
            }
            self.write(move |db| queries::make_conversation(db, &members)).await
        })
    }

    fn seats(&self, user: UserId) -> Answer<'_, Vec<Seat>> {
        Box::pin(self.readers.read(move |db| queries::seats(db, user)))
    }

    fn seat(&self, user: UserId, conv: ConvId) -> Answer<'_, Option<Seat>> {
        Box::pin(self.readers.read(move |db| queries::seat(db, user, conv)))
    }

    fn append(&self, batch: Vec<Draft>, at: u64) -> Answer<'_, Vec<Outcome>> {
        Box::pin(self.write(move |db| queries::append(db, &batch, at)))
    }

    fn read(&self, conv: ConvId, range: Range) -> Answer<'_, Vec<StoredMessage>> {
        Box::pin(self.readers.read(move |db| queries::read(db, conv, range)))
    }

    fn confirm(&self, user: UserId, positions: Vec<(ConvId, Seq)>) -> Answer<'_, ()> {
        Box::pin(self.write(move |db| queries::confirm(db, user, &positions)))
    }

    fn file(&self, user: UserId, id: FileId, now: u64) -> Answer<'_, Option<StoredFile>> {
        Box::pin(self.readers.read(move |db| files::file(db, (user, id), now)))
    }

    fn files(&self, user: UserId, now: u64, limit: u16) -> Answer<'_, Vec<ListedFile>> {
        Box::pin(self.readers.read(move |db| files::files(db, user, (now, limit))))
    }

    fn say(&self, user: UserId, id: FileId, said: Said) -> Answer<'_, Noted> {
        Box::pin(self.write(move |db| files::say(db, (user, id), said)))
    }

    fn file_stored(&self, id: FileId) -> Answer<'_, bool> {
        Box::pin(self.write(move |db| files::move_on(db, id, sotto_proto::FileStage::Stored)))
    }

    fn end_file(&self, id: FileId) -> Answer<'_, bool> {
        Box::pin(self.write(move |db| files::move_on(db, id, sotto_proto::FileStage::Gone)))
    }

    fn live_files(&self) -> Answer<'_, Vec<LiveFile>> {
        Box::pin(self.readers.read(|db| files::live(db)))
    }
}

/// Says in the log how far something is that takes its time, every few seconds.
fn now_and_then() -> impl Fn(u64, u64) {
    const OFTEN: Duration = Duration::from_secs(2);
    let last = Cell::new(Instant::now());
    move |done, all| {
        if last.get().elapsed() >= OFTEN {
            last.set(Instant::now());
            tracing::info!("the database is being brought up to date: {done} of {all} messages");
        }
    }
}

/// The flags of a connection that cannot write.
fn reader_flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

#[cfg(test)]
mod tests {
    use rusqlite::{StatementStatus, params};

    use super::*;

    #[tokio::test]
    async fn a_write_that_panics_or_fails_costs_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&dir.path().join("sotto.db")).unwrap();
        let panicked: Result<(), _> = store.write(|_| panic!("a defect")).await;
        assert!(matches!(panicked, Err(StoreError::Closed)));
        let failed: Result<(), _> = store.write(|_| Err(StoreError::Corrupt("nonsense"))).await;
        assert!(matches!(failed, Err(StoreError::Corrupt(_))));
        assert!(store.write(|db| Ok(db.is_autocommit())).await.unwrap());
    }

    #[tokio::test]
    async fn after_a_failed_write_nothing_is_written_until_the_database_is_sound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sotto.db");
        let store = Sqlite::open(&path).unwrap();
        let other = schema::open(&path).unwrap();
        let miscount = |head: i64| other.execute("UPDATE conversation SET head = ?1", [head]).unwrap();
        let failed: Result<(), _> = store.write(|_| Err(StoreError::Corrupt("nonsense"))).await;
        assert!(failed.is_err());
        miscount(7);
        for _ in 0..2 {
            let refused: Result<(), _> = store.write(|_| panic!("this is not to be reached")).await;
            assert!(matches!(refused, Err(StoreError::Unsound(_))), "{refused:?}");
        }
        miscount(0);
        store.write(|_| Ok(())).await.unwrap();
    }

    #[test]
    fn a_statement_is_compiled_once_whatever_it_is_given() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = schema::open(&dir.path().join("sotto.db")).unwrap();
        schema::migrate(&mut db, &|_, _| {}).unwrap();
        let mut statement = db.prepare(sent::SENT_BEFORE).unwrap();
        for cid in 0..9_u8 {
            assert!(!statement.exists(params![i32::from(cid), 1, [cid; 16]]).unwrap());
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
