//! Staying logged in: where tickets are kept between two runs of the program. In the system's keyring, or, if there is none and the
//! user says so, in a file. A keyring may ask its owner for a password, may be locked for ever, or may never answer: nothing here
//! waits for one longer than [`LONGEST`], and never in the window's thread.

use std::sync::Arc;
use std::time::Duration;

use sotto_client::{Kept, Profile, Ticket};
use sotto_proto::Username;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// For a keyring's answer, and for its owner, who may have to unlock it.
const LONGEST: Duration = Duration::from_secs(60);

/// The system's keyring. Its methods may wait: they are called in a thread of their own.
pub trait Keyring: Send + Sync {
    /// Keeps a secret, in place of what was kept under this name.
    ///
    /// # Errors
    /// [`NoKeyring`].
    fn keep(&self, name: &Name, secret: &str) -> Result<(), NoKeyring>;

    /// The secret that was kept.
    ///
    /// # Errors
    /// [`NoKeyring`].
    fn find(&self, name: &Name) -> Result<Option<String>, NoKeyring>;

    /// Keeps it no longer.
    ///
    /// # Errors
    /// [`NoKeyring`].
    fn drop(&self, name: &Name) -> Result<(), NoKeyring>;
}

/// There is no keyring, it does not answer, or it does not want to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no keyring: {0}")]
pub struct NoKeyring(pub String);

/// Whose secret it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Name {
    /// `host:port`.
    pub address: String,
    /// The account.
    pub user: Username,
}

impl Name {
    fn account(&self) -> (&str, &Username) {
        (&self.address, &self.user)
    }
}

/// On systems whose keyring Sotto does not know.
#[derive(Clone, Copy, Debug)]
pub struct Without;

impl Keyring for Without {
    fn keep(&self, _: &Name, _: &str) -> Result<(), NoKeyring> {
        Err(NoKeyring("there is none".to_owned()))
    }

    fn find(&self, _: &Name) -> Result<Option<String>, NoKeyring> {
        Ok(None)
    }

    fn drop(&self, _: &Name) -> Result<(), NoKeyring> {
        Ok(())
    }
}

/// The keyring of this system.
pub(crate) fn of_system() -> Arc<dyn Keyring> {
    #[cfg(target_os = "linux")]
    return Arc::new(crate::secret_service::SecretService);
    #[cfg(not(target_os = "linux"))]
    return Arc::new(Without);
}

/// Where tickets are kept.
#[derive(Clone)]
pub struct Tickets {
    profile: Profile,
    keyring: Arc<dyn Keyring>,
}

impl Tickets {
    /// In this keyring, or in this profile.
    #[must_use]
    pub fn new(profile: Profile, keyring: Arc<dyn Keyring>) -> Self {
        Self { profile, keyring }
    }

    /// Keeps a ticket in the keyring; in a file only if that is where the last one was.
    ///
    /// # Errors
    /// [`NoKeyring`]: it is kept nowhere.
    pub async fn keep(&self, name: Name, ticket: Ticket) -> Result<(), NoKeyring> {
        let (whose, secret) = (name.clone(), ticket.reveal());
        let kept = self.ask(move |keyring| keyring.keep(&whose, &secret)).await;
        match (kept, self.profile.ticket(name.account())) {
            (Ok(()), _) => self.note(&name, &Kept::InKeyring),
            (Err(_), Some(Kept::InFile(_))) => self.keep_in_file(&name, ticket),
            (Err(why), _) => {
                self.forget(name).await;
                Err(why)
            }
        }
    }

    /// Keeps a ticket in a file, as its owner has said.
    ///
    /// # Errors
    /// [`NoKeyring`]: nor can the file be written.
    pub fn keep_in_file(&self, name: &Name, ticket: Ticket) -> Result<(), NoKeyring> {
        self.note(name, &Kept::InFile(ticket))
    }

    /// The ticket that was kept.
    ///
    /// # Errors
    /// [`NoKeyring`]: there is one, and it cannot be had.
    pub async fn find(&self, name: Name) -> Result<Option<Ticket>, NoKeyring> {
        match self.profile.ticket(name.account()) {
            None => Ok(None),
            Some(Kept::InFile(ticket)) => Ok(Some(ticket)),
            Some(Kept::InKeyring) => {
                let found = self.ask(move |keyring| keyring.find(&name)).await?;
                Ok(found.and_then(|secret| secret.parse().ok()))
            }
        }
    }

    /// Whether there is a ticket of this account.
    #[must_use]
    pub fn has(&self, name: &Name) -> bool {
        self.profile.ticket(name.account()).is_some()
    }

    /// Keeps it no longer. What a keyring does not let go of is worth nothing once the server has forgotten it.
    pub async fn forget(&self, name: Name) {
        let kept = self.profile.ticket(name.account());
        if let Err(error) = self.profile.drop_ticket(name.account()) {
            tracing::warn!(%error, "a ticket stays where it is");
        }
        if kept == Some(Kept::InKeyring)
            && let Err(error) = self.ask(move |keyring| keyring.drop(&name)).await
        {
            tracing::warn!(%error, "a ticket stays in the keyring");
        }
    }

    fn note(&self, name: &Name, kept: &Kept) -> Result<(), NoKeyring> {
        self.profile.keep_ticket(name.account(), kept).map_err(|error| NoKeyring(error.to_string()))
    }

    /// Asks the keyring in a thread that nobody has to wait for, not even the end of the program.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Keyring) -> Result<T, NoKeyring> + Send + 'static,
    ) -> Result<T, NoKeyring> {
        let (answer, answered) = oneshot::channel();
        let keyring = Arc::clone(&self.keyring);
        let thread = std::thread::Builder::new().name("sotto-keyring".into());
        let ask = move || drop(answer.send(question(keyring.as_ref())));
        thread.spawn(ask).map_err(|error| NoKeyring(error.to_string()))?;
        let silent = || NoKeyring("it does not answer".to_owned());
        timeout(LONGEST, answered).await.map_err(|_| silent())?.map_err(|_| silent())?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A keyring with one drawer.
    #[derive(Default)]
    struct Drawer(Mutex<Option<(Name, String)>>);

    impl Keyring for Drawer {
        fn keep(&self, name: &Name, secret: &str) -> Result<(), NoKeyring> {
            *self.0.lock().unwrap() = Some((name.clone(), secret.to_owned()));
            Ok(())
        }

        fn find(&self, name: &Name) -> Result<Option<String>, NoKeyring> {
            let drawer = self.0.lock().unwrap();
            Ok(drawer.as_ref().filter(|(kept, _)| kept == name).map(|(_, secret)| secret.clone()))
        }

        fn drop(&self, _: &Name) -> Result<(), NoKeyring> {
            *self.0.lock().unwrap() = None;
            Ok(())
        }
    }

    /// A bus on which nobody ever answers.
    struct Silent;

    impl Silent {
        fn wait(&self) -> ! {
            loop {
                std::thread::park();
            }
        }
    }

    impl Keyring for Silent {
        fn keep(&self, _: &Name, _: &str) -> Result<(), NoKeyring> {
            self.wait()
        }

        fn find(&self, _: &Name) -> Result<Option<String>, NoKeyring> {
            self.wait()
        }

        fn drop(&self, _: &Name) -> Result<(), NoKeyring> {
            self.wait()
        }
    }

    struct Desk {
        profile: Profile,
        dir: tempfile::TempDir,
    }

    impl Desk {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            Self { profile: Profile::open(Some(dir.path())).unwrap(), dir }
        }

        fn with(&self, keyring: impl Keyring + 'static) -> Tickets {
            Tickets::new(self.profile.clone(), Arc::new(keyring))
        }

        /// Everything in the profile, as somebody who has stolen it reads it.
        fn on_disk(&self) -> String {
            let files = std::fs::read_dir(self.dir.path()).unwrap();
            files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
        }
    }

    fn ann() -> Name {
        Name { address: "lab:1".to_owned(), user: "ann".parse().unwrap() }
    }

    fn ticket(byte: u8) -> Ticket {
        let token = sotto_proto::Token::from_bytes([byte; 32]).reveal();
        format!("0000000000000007 {token}").parse().unwrap()
    }

    #[tokio::test]
    async fn with_a_keyring_nothing_of_a_ticket_is_in_the_profile() {
        let desk = Desk::new();
        let tickets = desk.with(Drawer::default());
        assert!(!tickets.has(&ann()));
        tickets.keep(ann(), ticket(3)).await.unwrap();
        assert!(tickets.has(&ann()));
        assert_eq!(desk.on_disk(), "keyring");
        assert_eq!(tickets.find(ann()).await, Ok(Some(ticket(3))));
        tickets.forget(ann()).await;
        assert!(!tickets.has(&ann()));
        assert_eq!(tickets.keyring.find(&ann()), Ok(None));
    }

    #[tokio::test]
    async fn without_a_keyring_nothing_is_kept_until_a_file_is_said_to_do() {
        let desk = Desk::new();
        let tickets = desk.with(Without);
        assert!(tickets.keep(ann(), ticket(3)).await.is_err());
        assert!(!tickets.has(&ann()) && desk.on_disk().is_empty());
        tickets.keep_in_file(&ann(), ticket(3)).unwrap();
        assert_eq!(tickets.find(ann()).await, Ok(Some(ticket(3))));
        tickets.keep(ann(), ticket(4)).await.unwrap();
        assert_eq!(
            tickets.find(ann()).await,
            Ok(Some(ticket(4))),
            "what was said once need not be asked again"
        );
        tickets.forget(ann()).await;
        assert!(desk.on_disk().is_empty());
    }

    #[tokio::test]
    async fn a_keyring_that_comes_later_takes_the_ticket_out_of_the_file() {
        let desk = Desk::new();
        desk.with(Without).keep_in_file(&ann(), ticket(3)).unwrap();
        desk.with(Drawer::default()).keep(ann(), ticket(4)).await.unwrap();
        assert_eq!(desk.on_disk(), "keyring");
    }

    #[tokio::test(start_paused = true)]
    async fn a_keyring_that_never_answers_is_not_waited_for() {
        let desk = Desk::new();
        let tickets = desk.with(Silent);
        assert!(tickets.keep(ann(), ticket(3)).await.is_err());
        desk.profile.keep_ticket(ann().account(), &Kept::InKeyring).unwrap();
        assert!(tickets.find(ann()).await.is_err());
        tickets.forget(ann()).await;
        assert!(!tickets.has(&ann()));
    }
}
