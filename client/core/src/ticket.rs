//! A ticket: with it a client goes on with a session after its program has ended, without the password. Whoever has it is let in
//! until the server forgets it: after a log-out, after another password, or when it has not been used for some days.

use std::fmt;
use std::str::FromStr;

use sotto_proto::{Epoch, Token, Username, ValueError};

use crate::profile::{Profile, ProfileError, account_file};

/// Stands in a ticket's place when that is in the system's keyring.
const ELSEWHERE: &str = "keyring";

/// A session's token, and the history that the session belongs to. Its `Debug` is `…`.
#[derive(Clone, Eq, PartialEq)]
pub struct Ticket {
    pub(crate) token: Token,
    pub(crate) epoch: Epoch,
}

/// Where an account's ticket is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kept {
    /// In the system's keyring.
    InKeyring,
    /// In the profile, in a file that only its owner can read.
    InFile(Ticket),
}

impl Ticket {
    /// The form that is kept. Not `Display`, so that it is not logged by accident.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{} {}", self.epoch, self.token.reveal())
    }
}

impl FromStr for Ticket {
    type Err = ValueError;

    fn from_str(kept: &str) -> Result<Self, ValueError> {
        let (epoch, token) = kept.trim().split_once(' ').ok_or(ValueError::Invalid("ticket"))?;
        Ok(Self { token: token.parse()?, epoch: epoch.parse()? })
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Profile {
    /// Where the ticket of an account is, if there is one.
    #[must_use]
    pub fn ticket(&self, account: (&str, &Username)) -> Option<Kept> {
        let text = self.read(&ticket_file(account))?;
        if text.trim() == ELSEWHERE { Some(Kept::InKeyring) } else { text.parse().ok().map(Kept::InFile) }
    }

    /// Keeps a ticket, or that it is in the keyring.
    ///
    /// # Errors
    /// [`ProfileError::Io`].
    pub fn keep_ticket(&self, account: (&str, &Username), kept: &Kept) -> Result<(), ProfileError> {
        let text = match kept {
            Kept::InKeyring => ELSEWHERE.to_owned(),
            Kept::InFile(ticket) => ticket.reveal(),
        };
        self.write(&ticket_file(account), &text)
    }

    /// Keeps it no longer.
    ///
    /// # Errors
    /// [`ProfileError::Io`].
    pub fn drop_ticket(&self, account: (&str, &Username)) -> Result<(), ProfileError> {
        self.remove(&ticket_file(account))
    }
}

fn ticket_file(account: (&str, &Username)) -> String {
    format!("ticket-{}", account_file(account, "key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_one_ticket_here_or_elsewhere_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::open(Some(dir.path())).unwrap();
        let (ann, bob): (Username, Username) = ("ann".parse().unwrap(), "bob".parse().unwrap());
        let account = ("lab:1", &ann);
        let ticket = Ticket { token: Token::from_bytes([3; 32]), epoch: Epoch::new(7) };
        assert_eq!(profile.ticket(account), None);
        for kept in [Kept::InFile(ticket), Kept::InKeyring] {
            profile.keep_ticket(account, &kept).unwrap();
            assert_eq!(profile.ticket(account), Some(kept));
            assert_eq!((profile.ticket(("lab:1", &bob)), profile.ticket(("lab:2", &ann))), (None, None));
        }
        for _ in 0..2 {
            profile.drop_ticket(account).unwrap();
            assert_eq!(profile.ticket(account), None);
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_a_ticket_and_it_cannot_be_printed() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::open(Some(dir.path())).unwrap();
        let ann = "ann".parse().unwrap();
        let ticket = Ticket { token: Token::from_bytes([3; 32]), epoch: Epoch::new(7) };
        assert_eq!(format!("{ticket:?}"), "…");
        profile.keep_ticket(("lab:1", &ann), &Kept::InFile(ticket)).unwrap();
        let files = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().metadata().unwrap());
        assert_eq!(files.map(|file| file.permissions().mode() & 0o777).collect::<Vec<_>>(), [0o600]);
    }

    #[test]
    fn what_is_no_ticket_is_none() {
        for text in ["", "keyrings", "0000000000000007", "x y"] {
            assert!(text.parse::<Ticket>().is_err(), "{text:?}");
        }
    }
}
