//! The thread behind the window. It does all that may wait: connecting, logging in, the session itself,
//! writing the profile. The window hands it [`Ask`]s and finds [`Told`]s; neither ever waits for the other.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use egui::ColorImage;
use sotto_client::{
    Account, Client, Command, ConnectError, Dial, Notes, Options, Patience, Profile, ProfileError,
    RegisterError, Registration, Ticket, Update,
};
use sotto_proto::{FileId, Link, Username};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::outside;
use crate::staying::{self, Name, NoKeyring, Tickets};

/// Asks that may wait; the window says so when there are more.
const ASKS: usize = 512;
/// What the window has not looked at yet; the thread waits when there is more.
const TOLDS: usize = 512;
/// For logging out at the end.
const GOODBYE: Duration = Duration::from_secs(1);

/// What the window wants.
#[derive(Debug)]
pub enum Ask {
    /// See whether a server is there and is believed; send nothing.
    Look(Link, Dial),
    /// Make an account.
    Register(Dial, Registration),
    /// Log in, and stay.
    LogIn(Dial, Account),
    /// Something for the session.
    Do(Command),
    /// Remember something of an account.
    Keep(String, Username, Notes),
    /// Look for what lets an account in without its password.
    FindTicket(Name),
    /// Keep such a thing in the system's keyring.
    KeepTicket(Name, Ticket),
    /// Keep it in a file.
    KeepTicketInFile(Name, Ticket),
    /// Keep it no longer.
    ForgetTicket(Name),
    /// Ask which files to send.
    PickFiles,
    /// Make a file of a picture that was pasted, to be sent.
    KeepImage(Arc<ColorImage>),
    /// Ask for a folder to save this file in.
    PickFolder(FileId),
    /// Show where a file is.
    Reveal(PathBuf),
    /// Open a file with the program that the system has for it.
    OpenFile(PathBuf),
    /// Make a small picture of a file.
    Thumb(PathBuf),
    /// End the session, if there is one, without a word.
    Leave,
}

/// What the window is told.
#[derive(Debug)]
pub enum Told {
    /// The answer to [`Ask::Look`].
    Looked(Link, Result<(), ConnectError>),
    /// The answer to [`Ask::Register`].
    Registered(Result<(), RegisterError>),
    /// The answer to [`Ask::FindTicket`].
    Ticket(Result<Option<Ticket>, NoKeyring>),
    /// The answer to [`Ask::KeepTicket`] and [`Ask::KeepTicketInFile`].
    Kept(Result<(), NoKeyring>),
    /// From the session.
    Update(Update),
    /// What was chosen in a dialog of the system's.
    Picked(Picked),
    /// A small picture of a file, if it can be made.
    Thumb(PathBuf, Option<ColorImage>),
    /// The profile could not be written.
    NotKept(ProfileError),
}

/// What was chosen in a dialog of the system's.
#[derive(Debug)]
pub enum Picked {
    /// These files are to be sent.
    Files(Vec<PathBuf>),
    /// A folder to save this file in.
    Folder(FileId, PathBuf),
    /// The dialog was closed.
    Nothing,
    /// The system has no dialog to show.
    NoDialog,
}

/// The window's end. What comes from an attempt that has been given up carries an old number.
#[derive(Debug)]
pub struct Backend {
    asks: mpsc::Sender<(u64, Ask)>,
    told: mpsc::Receiver<(u64, Told)>,
    dirty: Arc<AtomicBool>,
    attempt: u64,
    thread: Option<JoinHandle<()>>,
}

/// The other end, for the thread, or for a test that plays the server.
#[derive(Debug)]
pub struct Behind {
    /// What the window wants.
    pub asks: mpsc::Receiver<(u64, Ask)>,
    /// What it is told.
    pub told: mpsc::Sender<(u64, Told)>,
}

impl Backend {
    /// Starts the thread. `wake` is called when there is something new, once until it has been looked at.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(profile: Profile, wake: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
        let (mut backend, behind) = Self::pair();
        let dirty = Arc::clone(&backend.dirty);
        let wake = move || {
            if !dirty.swap(true, Ordering::AcqRel) {
                wake();
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tickets = Tickets::new(profile.clone(), staying::of_system());
        let work = Work { behind, profile, tickets, wake: Arc::new(wake) };
        let thread = std::thread::Builder::new().name("sotto-network".into());
        backend.thread = Some(thread.spawn(move || runtime.block_on(work.run()))?);
        Ok(backend)
    }

    /// Both ends, with nothing between.
    #[must_use]
    pub fn pair() -> (Self, Behind) {
        let (asks, asked) = mpsc::channel(ASKS);
        let (tell, told) = mpsc::channel(TOLDS);
        let dirty = Arc::new(AtomicBool::new(false));
        (Self { asks, told, dirty, attempt: 0, thread: None }, Behind { asks: asked, told: tell })
    }

    /// Begins a new attempt: answers to the ones before are not heard any more.
    pub(crate) fn begin(&mut self, ask: Ask) -> bool {
        self.attempt += 1;
        self.ask(ask)
    }

    /// Hands something over. False: too much is waiting.
    pub(crate) fn ask(&self, ask: Ask) -> bool {
        self.asks.try_send((self.attempt, ask)).is_ok()
    }

    /// The next thing told, if there is one.
    pub(crate) fn next(&mut self) -> Option<Told> {
        loop {
            match self.told.try_recv() {
                Ok((attempt, told)) if attempt == self.attempt || matches!(told, Told::NotKept(_)) => {
                    return Some(told);
                }
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// To be called before looking, so that no wake-up is lost.
    pub(crate) fn looked(&self) {
        self.dirty.store(false, Ordering::Release);
    }

    /// Ends the thread once it has done what was asked.
    pub(crate) fn finish(&mut self) {
        let (asks, _) = mpsc::channel(1);
        self.asks = asks;
        self.told.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work<W> {
    behind: Behind,
    profile: Profile,
    tickets: Tickets,
    wake: Arc<W>,
}

/// A running session.
struct Running {
    attempt: u64,
    client: Client,
    name: Name,
    /// What it has not taken yet; nothing more is asked of the window's end meanwhile.
    held: Option<Command>,
}

type Tell = mpsc::Sender<(u64, Told)>;

impl<W: Fn() + Send + Sync + 'static> Work<W> {
    async fn run(mut self) {
        let mut running: Option<Running> = None;
        loop {
            let held = running.as_ref().is_some_and(|running| running.held.is_some());
            tokio::select! {
                asked = self.behind.asks.recv(), if !held => match asked {
                    Some((attempt, ask)) => self.answer((attempt, ask), &mut running).await,
                    None => return self.leave(running).await,
                },
                event = next(&mut running) => match event {
                    Event::Told(attempt, update) => self.tell(attempt, Told::Update(update)).await,
                    Event::Taken => {}
                    Event::Over => running = None,
                },
            }
        }
    }

    async fn answer(&self, (attempt, ask): (u64, Ask), running: &mut Option<Running>) {
        match ask {
            Ask::Look(link, dial) => {
                self.later(attempt, async move { Told::Looked(link, dial.connect().await.map(drop)) });
            }
            Ask::Register(dial, wanted) => {
                let register = async move { Told::Registered(Client::register(&dial, wanted).await) };
                self.later(attempt, register);
            }
            Ask::LogIn(dial, account) => {
                let options = Options {
                    dial,
                    account,
                    patience: Patience::AfterLogIn,
                    memory: Some(self.profile.clone()),
                    device: Some(self.profile.clone()),
                };
                let name = Name { address: options.dial.address(), user: options.account.user.clone() };
                let client = Client::start(options, || {});
                *running = Some(Running { attempt, client, name, held: None });
            }
            Ask::Do(command) => {
                if let Some(running) = running {
                    running.held = Some(command);
                }
            }
            Ask::Keep(address, user, notes) => {
                if let Err(error) = self.profile.keep_notes((&address, &user), &notes) {
                    self.tell(attempt, Told::NotKept(error)).await;
                }
            }
            Ask::PickFiles => self.later(attempt, async { Told::Picked(outside::pick_files().await) }),
            Ask::KeepImage(image) => {
                let dir = self.profile.dir().join("pasted");
                let keep = tokio::task::spawn_blocking(move || crate::thumbs::save(&dir, &image));
                self.later(attempt, async move {
                    let kept = keep.await.ok().flatten();
                    Told::Picked(kept.map_or(Picked::Nothing, |path| Picked::Files(vec![path])))
                });
            }
            Ask::PickFolder(file) => {
                self.later(attempt, async move { Told::Picked(outside::pick_folder(file).await) });
            }
            Ask::Reveal(path) => drop(tokio::task::spawn_blocking(move || outside::reveal(&path))),
            Ask::OpenFile(path) => drop(tokio::task::spawn_blocking(move || outside::open(&path))),
            Ask::Thumb(path) => {
                let make = tokio::task::spawn_blocking(move || (crate::thumbs::make(&path), path));
                self.later(attempt, async move {
                    let (image, path) = make.await.unwrap_or_default();
                    Told::Thumb(path, image)
                });
            }
            Ask::Leave => *running = None,
            other => self.answer_of_tickets(attempt, other).await,
        }
    }

    async fn answer_of_tickets(&self, attempt: u64, ask: Ask) {
        let tickets = self.tickets.clone();
        match ask {
            Ask::FindTicket(name) => {
                self.later(attempt, async move { Told::Ticket(tickets.find(name).await) });
            }
            Ask::KeepTicket(name, ticket) => {
                self.later(attempt, async move { Told::Kept(tickets.keep(name, ticket).await) });
            }
            Ask::KeepTicketInFile(name, ticket) => {
                let kept = self.tickets.keep_in_file(&name, ticket);
                self.tell(attempt, Told::Kept(kept)).await;
            }
            Ask::ForgetTicket(name) => {
                drop(tokio::spawn(async move { tickets.forget(name).await }));
            }
            _ => {}
        }
    }

    /// Tells the outcome of something that may take its time.
    fn later(&self, attempt: u64, work: impl Future<Output = Told> + Send + 'static) {
        let (told, wake): (Tell, _) = (self.behind.told.clone(), Arc::clone(&self.wake));
        tokio::spawn(async move {
            let _ = told.send((attempt, work.await)).await;
            wake();
        });
    }

    /// Logs out before the program ends, so that nobody takes this client for one that comes back; unless it is one.
    async fn leave(&self, running: Option<Running>) {
        let Some(Running { mut client, name, .. }) = running else { return };
        if self.tickets.has(&name) {
            return;
        }
        let leaving = async {
            client.send(Command::LogOut).await;
            while client.update().await.is_some() {}
        };
        let _ = timeout(GOODBYE, leaving).await;
    }

    async fn tell(&self, attempt: u64, told: Told) {
        let _ = self.behind.told.send((attempt, told)).await;
        (self.wake)();
    }
}

enum Event {
    /// The session says something.
    Told(u64, Update),
    /// It took the command that was held.
    Taken,
    /// It has ended.
    Over,
}

/// What a session does next. It is listened to even while it takes no more commands: otherwise each of the
/// two could wait for the other.
async fn next(running: &mut Option<Running>) -> Event {
    let Some(Running { attempt, client, held, .. }) = running else {
        return std::future::pending().await;
    };
    let commands = client.commands();
    tokio::select! {
        update = client.update() => update.map_or(Event::Over, |update| Event::Told(*attempt, update)),
        permit = commands.reserve(), if held.is_some() => {
            if let (Ok(permit), Some(command)) = (permit, held.take()) {
                permit.send(command);
            }
            Event::Taken
        }
    }
}
