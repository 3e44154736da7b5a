//! What the user did, as the views say it. Only `app` does anything about it.

use std::path::PathBuf;
use std::sync::Arc;

use sotto_client::{Place, TransferId};
use sotto_proto::{Audience, Cid, FileId, Link, Pin, Username};

use crate::settings::Settings;

/// Something the user wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The settings are to be these.
    Change(Settings),
    /// Put this on the clipboard.
    CopyText(String),

    /// Connect to this server.
    Connect(Link),
    /// Take a server out of the list.
    Forget(String),
    /// The server at hand is this one, says the user.
    Trust(Pin),
    /// Back to the first screen, without having sent anything.
    Leave,

    /// Log in with what is typed.
    LogIn {
        /// Even if that ends another session.
        take_over: bool,
    },
    /// Ask whether to register what is typed.
    AskRegister,
    /// Register it.
    Register,
    /// End the program.
    Quit,
    /// End the program, whatever is lost.
    QuitAnyway,

    /// Show this room.
    Open(Audience),
    /// Send what is written, to whom it says.
    Send,
    /// Send this text here.
    Say(String),
    /// Try this message again.
    Retry(Cid),
    /// Give this message up.
    Discard(Cid),
    /// Read older messages.
    Older(u16),
    /// Read the messages of a gap.
    Fill(Place),
    /// Everything down to here has been seen.
    Seen(Place),
    /// Everything from here on counts as new.
    MarkUnread(Place),
    /// Tick or untick somebody.
    Tick(Username),
    /// Tick everybody, and whoever comes.
    TickAll,
    /// Untick everybody.
    TickNone,
    /// Do not wait for the next try to connect.
    TryNow,
    /// Go to the next or the previous room; only to unread ones.
    Step {
        /// Up the list.
        back: bool,
        /// Skip what has been read.
        unread: bool,
    },
    /// Ask whether to open a link.
    AskLink(String),
    /// Open a link outside.
    OpenLink(String),
    /// Ask the system which files to send.
    PickFiles,
    /// These files are to be sent: ask once more.
    Offer(Vec<PathBuf>),
    /// A picture was pasted: it is to be sent as a file.
    PasteImage(Arc<egui::ColorImage>),
    /// Send them, to whom it says.
    SendFiles(Vec<PathBuf>),
    /// Take a file that was offered, into the usual folder.
    Accept(FileId),
    /// Take it, into a folder to be asked for.
    AcceptInto(FileId),
    /// Do not take it.
    Decline(FileId),
    /// Take an offer back, from one person or from all.
    TakeBack(FileId, Option<Username>),
    /// End a transfer.
    CancelTransfer(TransferId),
    /// Have a transfer wait.
    Pause(TransferId),
    /// Go on with a transfer.
    GoOn(TransferId),
    /// Show where a file is.
    Reveal(PathBuf),
    /// Open a file outside.
    OpenFile(PathBuf),
    /// Make a small picture of a file.
    Thumb(PathBuf),
    /// Show, or hide, something in front.
    Show(Option<Overlay>),
    /// Search this room.
    Search,
    /// Show a notification now.
    TestNotification,
    /// Change the password to what is typed.
    ChangePassword,
    /// Stay logged in by means of a file.
    KeepInFile,
    /// Log out.
    LogOut,
    /// Log in again, after the session ended.
    Again,
}

/// What may stand in front of the chat.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// Where to go.
    Switcher,
    /// The settings, at one of their pages.
    Settings(Page),
    /// Whether to open this link.
    Link(String),
    /// Whether to end, with this many messages unsent.
    Quit(usize),
    /// Whether a file will do to stay logged in, where there is no keyring.
    KeepInFile,
    /// Who is in this room.
    Members,
    /// Whether to send these files.
    Files(Vec<Chosen>),
}

/// A file that was chosen to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Chosen {
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes when it was chosen.
    pub bytes: u64,
}

/// A page of the settings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Page {
    /// Language, and where files go.
    General,
    /// Theme and size.
    Appearance,
    /// Writing and reading.
    Messages,
    /// What they give away.
    Notifications,
    /// Who is logged in, and the password.
    Account,
    /// Who the server is.
    Server,
    /// The keys.
    Shortcuts,
    /// What this is.
    About,
}
