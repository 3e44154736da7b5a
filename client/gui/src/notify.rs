//! Desktop notifications, and how much they give away. They are sent from a thread of their own: a desktop
//! that does not answer must not hold up the window.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use sotto_proto::Audience;

use crate::look::Look;
use crate::settings::Notify;
use crate::strings::Key;

/// Notifications that may wait for the desktop; what comes when there are more is not shown.
const WAITING: usize = 4;

/// What a notification says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Note {
    pub(crate) title: String,
    pub(crate) body: String,
    /// The room to show when it is clicked.
    pub(crate) room: Option<Audience>,
}

/// What is known of a message when it comes.
pub(crate) struct News<'a> {
    pub(crate) from: &'a str,
    pub(crate) text: &'a str,
    pub(crate) room: &'a Audience,
    /// What the room is called.
    pub(crate) chat: &'a str,
}

/// The notification for a message, as private as was chosen; `None`: there is to be none.
pub(crate) fn note(look: &Look, news: &News<'_>) -> Option<Note> {
    const SHOWN: usize = 200;
    let pair = matches!(news.room, Audience::Set(names) if names.len() == 1);
    let new = if pair {
        look.text(Key::NotifyNew).to_owned()
    } else {
        look.fill(Key::NotifyNewIn, &[("chat", &news.chat)])
    };
    let (title, body) = match look.settings.notify {
        Notify::Off => return None,
        Notify::Nothing => (look.text(Key::AppName).to_owned(), look.text(Key::NotifyNew).to_owned()),
        Notify::Name => (news.from.to_owned(), new),
        Notify::Message => {
            let title = look.fill(Key::NotifyInChat, &[("name", &news.from), ("chat", &news.chat)]);
            let title = if pair { news.from.to_owned() } else { title };
            (title, news.text.chars().take(SHOWN).collect())
        }
    };
    Some(Note { title, body, room: Some(news.room.clone()) })
}

/// The thread that talks to the desktop.
#[derive(Debug)]
pub(crate) struct Notifier {
    notes: SyncSender<Note>,
    clicked: Receiver<Audience>,
}

impl Notifier {
    /// Starts it. `wake` is called when a notification has been clicked.
    pub(crate) fn start(wake: impl Fn() + Send + Clone + 'static) -> Self {
        let (notes, waiting) = sync_channel::<Note>(WAITING);
        let (clicks, clicked) = sync_channel(WAITING);
        let talk = move || {
            for note in waiting {
                show(note, (clicks.clone(), wake.clone()));
            }
        };
        // Without a thread there are no notifications, and nothing else is lost.
        drop(std::thread::Builder::new().name("sotto-notify".into()).spawn(talk));
        Self { notes, clicked }
    }

    pub(crate) fn send(&self, note: Note) {
        if let Err(TrySendError::Full(_)) = self.notes.try_send(note) {
            tracing::debug!("the desktop takes no more notifications");
        }
    }

    /// The room of a notification that was clicked.
    pub(crate) fn clicked(&self) -> Option<Audience> {
        self.clicked.try_recv().ok()
    }
}

fn show(note: Note, (clicks, wake): (SyncSender<Audience>, impl Fn() + Send + 'static)) {
    let mut notification = notify_rust::Notification::new();
    notification.appname("Sotto").summary(&note.title).body(&escape(&note.body));
    #[cfg(all(unix, not(target_os = "macos")))]
    notification.action("default", "Open").hint(notify_rust::Hint::DesktopEntry("sotto".to_owned()));
    match notification.show() {
        Ok(handle) => {
            #[cfg(all(unix, not(target_os = "macos")))]
            wait_for_click(handle, note.room, (clicks, wake));
            #[cfg(not(all(unix, not(target_os = "macos"))))]
            drop((handle, note.room, clicks, wake));
        }
        Err(error) => tracing::debug!(%error, "the desktop shows no notifications"),
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn wait_for_click(
    handle: notify_rust::NotificationHandle,
    room: Option<Audience>,
    (clicks, wake): (SyncSender<Audience>, impl Fn() + Send + 'static),
) {
    let wait = move || {
        handle.wait_for_action(|action| {
            if let ("default", Some(room)) = (action, room) {
                let _ = clicks.try_send(room);
                wake();
            }
        });
    };
    // It ends when the notification does.
    drop(std::thread::Builder::new().name("sotto-notified".into()).spawn(wait));
}

/// The body may be markup to some desktops: what was written is only text.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use crate::strings::Lang;

    fn notes(notify: Notify, room: &Audience) -> Option<(String, String)> {
        let settings = Settings { notify, ..Settings::default() };
        let (lang, offset) = (Lang::English, time::UtcOffset::UTC);
        let look = Look { lang, t: crate::theme::DARK, now: 0, offset, settings };
        let news = News { from: "李雷", text: "secret <b>", room, chat: "Everyone" };
        note(&look, &news).map(|note| (note.title, note.body))
    }

    #[test]
    fn a_notification_gives_away_what_was_chosen_and_no_more() {
        let lobby = Audience::Everyone;
        let said = |title: &str, body: &str| Some((title.to_owned(), body.to_owned()));
        assert_eq!(notes(Notify::Message, &lobby), said("李雷 in Everyone", "secret <b>"));
        assert_eq!(notes(Notify::Name, &lobby), said("李雷", "New message in Everyone"));
        assert_eq!(notes(Notify::Nothing, &lobby), said("Sotto", "New message"));
        assert_eq!(notes(Notify::Off, &lobby), None);
        let pair = Audience::set(["李雷".parse().unwrap()]).unwrap();
        assert_eq!(notes(Notify::Name, &pair), said("李雷", "New message"));
        assert_eq!(notes(Notify::Message, &pair), said("李雷", "secret <b>"));
    }

    #[test]
    fn what_was_written_is_no_markup() {
        assert_eq!(escape("<a href=x>&"), "&lt;a href=x&gt;&amp;");
    }
}
