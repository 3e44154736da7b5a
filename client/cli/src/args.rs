//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use sotto_proto::{Audience, Link, Username, ValueError};

/// Chat that is not overheard, in a terminal and in scripts.
#[derive(Debug, Parser)]
#[command(name = "sotto-cli", version, after_help = EXAMPLES, args_override_self = true)]
pub(crate) struct Cli {
    /// The server's link, as it printed it, or HOST:PORT of one that is trusted already
    /// [default: the server used last]
    #[arg(long, value_name = "LINK", env = "SOTTO_SERVER", global = true)]
    pub(crate) server: Option<Link>,
    /// Who you are [default: who you were there last]
    #[arg(long, value_name = "NAME", env = "SOTTO_USER", global = true)]
    pub(crate) user: Option<Username>,
    /// Read the password from the first line of this file [default: $SOTTO_PASSWORD, or ask]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) password_file: Option<PathBuf>,
    /// Believe these authorities (PEM) for the server's host name, instead of a fingerprint
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) ca: Option<PathBuf>,
    /// Keep trusted servers here [default: the user's data directory]
    #[arg(long, value_name = "DIR", env = "SOTTO_PROFILE", global = true)]
    pub(crate) profile: Option<PathBuf>,
    /// End the session that is logged in to this account now
    #[arg(long, global = true)]
    pub(crate) take_over: bool,
    /// Print one JSON object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an account; the invite comes with the link
    Register,
    /// Change the password; no other session can be resumed then
    Passwd {
        /// Read the new one from the first line of this file [default: ask]
        #[arg(long, value_name = "FILE")]
        new_password_file: Option<PathBuf>,
    },
    /// Chat: lines are messages, /help explains the rest
    Login,
    /// Send a message and wait until it is stored
    Send(Send),
    /// Offer files and wait until the server has them; each recipient is asked
    SendFile(SendFile),
    /// List the files that are offered to you and by you
    Files,
    /// Take a file that is offered to you
    Accept(Accept),
    /// Do not take it
    Decline {
        /// The file's id, or its first digits, as `files` shows it
        #[arg(value_name = "ID")]
        file: String,
    },
    /// Print messages as they come, beginning with what was missed
    Listen(Listen),
    /// List everyone with an account
    Users,
    /// Print a conversation's latest messages
    History(History),
    /// Show a server's fingerprint, compare it, and remember the server
    Trust {
        /// What the fingerprint has to be, as the server's operator gave it
        #[arg(long, value_name = "SHA256")]
        fingerprint: Option<String>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) to: Recipients,
    /// Send each line of standard input as a message of its own
    #[arg(long, conflicts_with = "text")]
    pub(crate) lines: bool,
    /// The message; - reads it from standard input
    #[arg(required_unless_present = "lines")]
    pub(crate) text: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct SendFile {
    #[command(flatten)]
    pub(crate) to: Recipients,
    /// Stay until everybody has declined them or has all of them
    #[arg(long, conflicts_with = "everyone")]
    pub(crate) wait: bool,
    /// The files
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Accept {
    /// The file's id, or its first digits, as `files` shows it
    #[arg(value_name = "ID")]
    pub(crate) file: String,
    /// Save it there [default: Sotto in your downloads]
    #[arg(long, value_name = "DIR")]
    pub(crate) into: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Recipients {
    /// To these people, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    to: Vec<Username>,
    /// To everyone
    #[arg(long)]
    everyone: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Listen {
    /// End when everything that was missed has been printed
    #[arg(long)]
    pub(crate) until_caught_up: bool,
    /// Take every file that is offered, and save it there
    #[arg(long, value_name = "DIR")]
    pub(crate) accept_files: Option<PathBuf>,
    /// End after this many messages
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
}

#[derive(Args, Debug)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) with: With,
    /// How many messages
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
}

#[derive(Args, Debug)]
#[group(multiple = false)]
pub(crate) struct With {
    /// The conversation with exactly these people, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    with: Vec<Username>,
    /// The conversation with everyone (the default)
    #[arg(long)]
    everyone: bool,
}

impl Recipients {
    pub(crate) fn audience(&self) -> Result<Audience, ValueError> {
        if self.everyone { Ok(Audience::Everyone) } else { Audience::set(self.to.iter().cloned()) }
    }
}

impl With {
    pub(crate) fn audience(&self) -> Result<Audience, ValueError> {
        if self.with.is_empty() { Ok(Audience::Everyone) } else { Audience::set(self.with.iter().cloned()) }
    }
}

const EXAMPLES: &str = "\
Examples:
  sotto-cli --server 'sotto://…' --user ann register     make an account, with the link the server printed
  sotto-cli login                                        chat; the server and you are remembered
  sotto-cli send --to bob,carol 'see you at 8'
  backup.sh 2>&1 | sotto-cli send --to ops -
  sotto-cli send-file --to bob hw3.pdf board.png
  sotto-cli files; sotto-cli accept 1a2b --into ~/homework
  sotto-cli listen --accept-files ~/inbox                take whatever is offered
  sotto-cli --json listen | jq -r .text
  sotto-cli --server lab:7443 trust                      a server without a link: compare its fingerprint

Exit codes: 0 done, 2 usage, 3 the server is not trusted, 4 refused, 5 unreachable.";
