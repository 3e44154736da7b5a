//! The command line: what is asked for, and the report that answers it. Printing is `main`'s.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use sotto_certs::{CertError, Existing, IDENTITY_DAYS, IDENTITY_KEY, Minted, Names};
use sotto_certs::{SERVER_CERTIFICATE, SERVER_KEY};

const EXAMPLES: &str = "\
Examples:
  sotto-certs mint --dir /etc/sotto/tls --san chat.example.org --san 203.0.113.7
  sotto-server --cert /etc/sotto/tls/server.pem --key /etc/sotto/tls/server.key
  sotto-certs show --dir /etc/sotto/tls
  sotto-certs renew --dir /etc/sotto/tls
  sotto-certs announce --dir /etc/sotto/tls         another identity, planned; weeks later:
  sotto-certs change-over --dir /etc/sotto/tls";

/// Mints a Sotto server's identity and its TLS certificates
///
/// A server's identity is a key. Clients remember its fingerprint, the pin, and stop when it changes. The
/// key signs TLS certificates that last 90 days; renewing one keeps the pin, so nobody notices.
///
/// A directory holds four files: identity.key, the one to back up and keep secret; identity.pem, its
/// certificate; server.pem and server.key, what sotto-server is started with.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new identity and its first TLS certificate
    Mint {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        extra: Extra,
        /// Replace an identity that is there. Every client that knows it will stop
        #[arg(long)]
        force: bool,
    },
    /// Make the next TLS certificate; the identity and its pin stay the same
    ///
    /// The names of the previous certificate are kept. To be rid of one, delete server.pem first.
    Renew {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        extra: Extra,
    },
    /// Make the identity that will follow, and have the server announce it to its clients, signed by the one in force
    ///
    /// A client that has logged in meanwhile goes along with the change; every other one stops when it comes, until it gets the new
    /// link. So leave weeks between this and change-over. A server that runs begins to announce it within seconds.
    Announce {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        extra: Extra,
    },
    /// Put the announced identity in the place of the one in force, which is kept in former-… beside it
    ChangeOver {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        extra: Extra,
    },
    /// Print the pin, the names, and how long the TLS certificate lasts
    Show {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Args, Debug)]
struct Place {
    /// Where the four files are
    #[arg(long, value_name = "DIR", default_value = "certs/dev", overrides_with = "dir")]
    dir: PathBuf,
}

#[derive(Args, Debug)]
struct Extra {
    /// A host name or IP address that clients use; may be repeated
    ///
    /// This machine's own are always in. Names matter only to clients that check them instead of the pin.
    #[arg(long, value_name = "NAME_OR_IP")]
    san: Vec<String>,
}

impl Cli {
    /// Does what was asked for, and says so.
    pub(crate) fn run(self) -> Result<String, CertError> {
        match self.command {
            Command::Mint { place, extra, force: false } => mint(&place.dir, extra, Existing::Keep),
            Command::Mint { place, extra, force: true } => mint(&place.dir, extra, Existing::Replace),
            Command::Renew { place, extra } => renew(&place.dir, extra),
            Command::Announce { place, extra } => announce(&place.dir, extra),
            Command::ChangeOver { place, extra } => change_over(&place.dir, extra),
            Command::Show { place } => show(&place.dir),
        }
    }
}

fn mint(dir: &Path, extra: Extra, existing: Existing) -> Result<String, CertError> {
    let minted = sotto_certs::mint(dir, &extra.names()?, existing)?;
    Ok(format!(
        "Minted an identity, good for {} years, and its first TLS certificate in {}.\n\n{}\n{}",
        IDENTITY_DAYS / 365,
        dir.display(),
        facts(&minted),
        next_steps(&minted)
    ))
}

fn renew(dir: &Path, extra: Extra) -> Result<String, CertError> {
    let minted = sotto_certs::renew(dir, &extra.names()?)?;
    Ok(format!(
        "Renewed the TLS certificate in {}; clients will not notice.\n\n{}\n\
         A server that runs presents it within seconds.\n",
        dir.display(),
        facts(&minted)
    ))
}

fn announce(dir: &Path, extra: Extra) -> Result<String, CertError> {
    let next = sotto_certs::announce(dir, &extra.names()?)?;
    Ok(format!(
        "Made the identity that will follow the one in {}. The server announces it from now on.\n\n  pin    {}\n\n\
         When your clients have had weeks to log in: sotto-certs change-over --dir {0}\n\
         Keep a copy of {} as safe as of the one in force.\n",
        dir.display(),
        next.pin,
        next.dir.join(IDENTITY_KEY).display()
    ))
}

fn change_over(dir: &Path, extra: Extra) -> Result<String, CertError> {
    let minted = sotto_certs::change_over(dir, &extra.names()?)?;
    Ok(format!(
        "The announced identity is in place in {}; a server that runs presents it within seconds. Clients that have not heard of \
         it stop: they need the new link.\n\n{}",
        dir.display(),
        facts(&minted)
    ))
}

fn show(dir: &Path) -> Result<String, CertError> {
    let summary = sotto_certs::show(dir)?;
    let validity = match summary.days_left {
        0 => format!("{}, which is over; run: {}", summary.not_after_date(), renew_command(dir)),
        days => format!("{} (days left: {days})", summary.not_after_date()),
    };
    Ok(format!(
        "  pin    {}\n  names  {}\n  from   {}\n  until  {validity}\n",
        summary.pin,
        summary.names.join(", "),
        summary.not_before_date()
    ))
}

impl Extra {
    fn names(self) -> Result<Names, CertError> {
        Names::of_this_machine().with(self.san)
    }
}

fn facts(minted: &Minted) -> String {
    format!(
        "  pin    {}\n  names  {}\n  until  {}\n",
        minted.pin,
        minted.names.join(", "),
        minted.not_after_date()
    )
}

fn next_steps(minted: &Minted) -> String {
    let file = |name: &str| minted.dir.join(name).display().to_string();
    format!(
        "Next:\n\
         - start the server: sotto-server --cert {} --key {}\n\
         - keep a copy of {} somewhere safe and offline: whoever has it can be this server,\n  \
           and without it every client has to be told a new pin\n\
         - renew before {}: {}\n",
        file(SERVER_CERTIFICATE),
        file(SERVER_KEY),
        file(IDENTITY_KEY),
        minted.not_after_date(),
        renew_command(&minted.dir)
    )
}

fn renew_command(dir: &Path) -> String {
    format!("sotto-certs renew --dir {}", dir.display())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn run(args: &[&str]) -> Result<String, CertError> {
        Cli::try_parse_from([&["sotto-certs"], args].concat()).unwrap().run()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn minting_says_the_pin_and_what_to_do_next() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().to_str().unwrap();
        let report = run(&["mint", "--dir", at, "--san", "chat.example.org"]).unwrap();
        let pin = sotto_certs::show(dir.path()).unwrap().pin.to_string();
        for expected in
            [&pin, "chat.example.org", "server.pem --key", "identity.key", "sotto-certs renew --dir"]
        {
            assert!(report.contains(expected), "{expected} is not in {report}");
        }
    }

    #[test]
    fn renewing_and_showing_say_the_same_pin() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().to_str().unwrap();
        run(&["mint", "--dir", at]).unwrap();
        let pin = sotto_certs::show(dir.path()).unwrap().pin.to_string();
        assert!(run(&["renew", "--dir", at]).unwrap().contains(&pin));
        let shown = run(&["show", "--dir", at]).unwrap();
        assert!(shown.contains(&pin) && shown.contains("(days left: 90)"), "{shown}");
    }

    #[test]
    fn a_planned_change_says_the_next_pin_and_then_presents_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().to_str().unwrap();
        run(&["mint", "--dir", at]).unwrap();
        let early = run(&["change-over", "--dir", at]).unwrap_err().to_string();
        assert!(early.contains("sotto-certs announce"), "{early}");
        let announced = run(&["announce", "--dir", at]).unwrap();
        let again = run(&["announce", "--dir", at]).unwrap_err().to_string();
        assert!(again.contains("already"), "{again}");
        let changed = run(&["change-over", "--dir", at]).unwrap();
        let pin = sotto_certs::show(dir.path()).unwrap().pin.to_string();
        assert!(announced.contains(&pin) && changed.contains(&pin), "{announced} {changed}");
    }

    #[test]
    fn a_second_identity_takes_force() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().to_str().unwrap();
        run(&["mint", "--dir", at]).unwrap();
        let refusal = run(&["mint", "--dir", at]).unwrap_err().to_string();
        assert!(refusal.contains("--force") && refusal.contains("every client"), "{refusal}");
        run(&["mint", "--dir", at, "--force"]).unwrap();
    }

    #[test]
    fn the_last_directory_counts() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().to_str().unwrap();
        run(&["mint", "--dir", "/nonexistent", "--dir", at]).unwrap();
        assert!(dir.path().join(SERVER_KEY).exists());
    }
}
