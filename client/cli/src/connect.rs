//! From the command line to a server that is trusted and a user who can log in.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use sotto_client::{Account, Client, Dial, Options, Patience, Profile, ServerEntry, Trust, Update};
use sotto_proto::{Link, Password, Pin, Username};

use crate::args::Cli;
use crate::failure::Failure;

/// Which server, and what is known of it.
pub(crate) struct Target {
    pub(crate) link: Link,
    pub(crate) dial: Dial,
    profile: Profile,
    user: Option<String>,
}

/// What a client logs in for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// To be there: it is sent what was missed, and comes back after a cut.
    Stay,
    /// To carry files: as an errand, and it comes back after a cut.
    Transfer,
    /// To say or ask one thing: what was missed stays for another session.
    Errand,
}

/// Finds the server and what to believe of it.
pub(crate) fn target(cli: &Cli) -> Result<Target, Failure> {
    let profile = Profile::open(cli.profile.as_deref())?;
    let servers = profile.servers()?;
    let link = match &cli.server {
        Some(link) => link.clone(),
        None => last_used(&servers)?,
    };
    let known = servers.into_iter().find(|server| server.address == link.address());
    let dial = match &cli.ca {
        Some(file) => Dial::new(&link, Trust::from_ca_file(file).map_err(Failure::Usage)?),
        None => Dial { trust: profile.trust(&link)?, ..Dial::new(&link, Trust::Nothing) },
    };
    Ok(Target { link, dial, profile, user: known.and_then(|server| server.user) })
}

fn last_used(servers: &[ServerEntry]) -> Result<Link, Failure> {
    let Some(latest) = servers.first() else {
        let advice = "which server? Give its link with --server; the server prints it when it starts";
        return Err(Failure::Usage(advice.to_owned()));
    };
    latest.address.parse().map_err(|error| Failure::Usage(format!("the profile's server: {error}")))
}

impl Target {
    pub(crate) fn user(&self, cli: &Cli) -> Result<Username, Failure> {
        if let Some(user) = &cli.user {
            return Ok(user.clone());
        }
        let unknown = || Failure::Usage("who are you? Say so with --user NAME".to_owned());
        self.user.as_deref().ok_or_else(unknown)?.parse().map_err(|_| unknown())
    }

    /// Remembers a server that has proven to be the one, and who was there.
    pub(crate) fn remember(&self, user: Option<&Username>) -> Result<(), Failure> {
        if let Some(pin) = self.pin()? {
            let user = user.map(|user| user.as_str().to_owned()).or_else(|| self.user.clone());
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            self.profile.remember(self.link.address(), pin, (user, now))?;
        }
        Ok(())
    }

    fn pin(&self) -> Result<Option<Pin>, Failure> {
        match self.dial.trust {
            // By now it may be the other one, and the profile knows.
            Trust::Succession { .. } => Ok(self.profile.pin(&self.link)?),
            _ => Ok(self.dial.trust.pin()),
        }
    }

    /// Remembers what a server says of its identity, and says so.
    pub(crate) fn note(&self, update: &Update) -> Result<(), Failure> {
        let address = self.link.address();
        let said = match update {
            Update::NextIdentity(announced) => {
                self.profile.expect(&address, announced.next)?;
                let next = announced.next;
                format!(
                    "{address} will have another identity, {next}; the one you trust has announced it, nothing need be done"
                )
            }
            Update::IdentityChanged(pin) => {
                self.profile.change_over(&address, *pin)?;
                format!("{address} has the identity now that it had announced: {pin}")
            }
            _ => return Ok(()),
        };
        let _ = writeln!(std::io::stderr(), "sotto-cli: {said}");
        Ok(())
    }

    /// Starts a client that logs in.
    pub(crate) fn log_in(&self, cli: &Cli, purpose: Purpose) -> Result<Client, Failure> {
        let user = self.user(cli)?;
        let password = password(cli)?;
        let peek = purpose != Purpose::Stay;
        let account = Account { user, proof: password.into(), take_over: cli.take_over, peek };
        // A first connection that fails is told at once, also to somebody who means to stay.
        let patience = if purpose == Purpose::Errand { Patience::Once } else { Patience::AfterLogIn };
        // A terminal finishes what it began, or begins again.
        let options = Options {
            dial: self.dial.clone(),
            account,
            patience,
            memory: None,
            device: Some(self.profile.clone()),
        };
        Ok(Client::start(options, || {}))
    }
}

pub(crate) fn first_line(file: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(file);
    let text = text.map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The password from wherever it was said to be.
pub(crate) fn password(cli: &Cli) -> Result<Password, Failure> {
    let typed = match (&cli.password_file, std::env::var("SOTTO_PASSWORD")) {
        (Some(file), _) => first_line(file)?,
        (None, Ok(typed)) => typed,
        (None, Err(_)) if std::io::stdin().is_terminal() => rpassword::prompt_password("Password: ")
            .map_err(|error| Failure::Usage(format!("cannot read the password: {error}")))?,
        (None, Err(_)) => {
            let advice =
                "there is no terminal to ask for the password; use --password-file or SOTTO_PASSWORD";
            return Err(Failure::Usage(advice.to_owned()));
        }
    };
    Password::new(&typed).map_err(|error| Failure::Usage(error.to_string()))
}
