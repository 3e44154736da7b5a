//! What can be said on the command line, and which signals are listened to.

use std::fmt::Write;
use std::io;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use sotto_server::{Config, EXAMPLE, Limits, RawConfig, Reload};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A chat server that is not overheard: TLS 1.3 with post-quantum key exchange, nothing lost, one binary.
///
/// Started without anything it makes its identity and its database, listens on port 7443 and prints a link.
/// Whoever has the link can make an account and chat: sotto-cli --server LINK register
#[derive(Debug, Parser)]
#[command(name = "sotto-server", version, after_help = EXAMPLES, args_override_self = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    raw: RawConfig,
    /// Read settings from this file [default: server.toml in the data directory, if there is one]
    #[arg(long, value_name = "FILE", env = "SOTTO_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// Print the commented example of a settings file and exit
    #[arg(long)]
    print_config: bool,
    /// Explain every limit and exit
    #[arg(long)]
    help_limits: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the link that lets people in; works while the server runs
    Invite {
        /// Replace the invite code: links given out before no longer register anybody
        #[arg(long)]
        new: bool,
    },
    /// Say what is dangerous or wrong about this set-up, and what to do about it; changes nothing
    ///
    /// Run it as the user that runs the server, with the same settings. It looks at who can reach the server and what they may do,
    /// at who else on this machine can read its secrets, at the certificate, the clock, the disk and the limit on open files. It
    /// prints what it finds, the worst first, and exits with 1 if something is dangerous. It does not see firewalls, nor what is
    /// wrong with other programs.
    Check,
    /// Copy everything the server needs to a new directory, and check the copy; works while the server runs
    ///
    /// The copy holds the messages, accounts and files of one moment, the server's identity with its key, the invite and the
    /// settings in the data directory. Whoever has it can read all of that and be this server: keep it as safe. It gets its name
    /// only when it is whole, on the disk, and has been found sound as by `verify`. What is on its way at that moment is not in it:
    /// files are sent anew. Run it as the user that runs the server.
    Backup {
        /// The new directory; what is above it has to be there
        dir: PathBuf,
    },
    /// Look through a data directory, or a backup, for damage; changes nothing, works while the server runs
    ///
    /// Checks the database's structure and references, that each conversation has all its messages from the first to the last
    /// and each can be read, that seats and sets go together, and that the content of each file is there, as long as it should be,
    /// with its hash. Prints a line for each finding; exits with 1 if there is a fault. Messages have no checksum: a changed letter
    /// in one is not found.
    Verify {
        /// The directory [default: the data directory]
        dir: Option<PathBuf>,
    },
    /// Make the data directory what it was when a backup was made; not while the server runs
    ///
    /// Everything is copied and checked before anything is replaced. Clients notice that the history is another one and start over;
    /// what was sent after the backup is gone for them, too. The backup stays as it is.
    Restore {
        /// The directory that was made by backup
        backup: PathBuf,
        /// Move the data that is there aside, into replaced-N in the data directory
        #[arg(long)]
        replace: bool,
    },
}

const EXAMPLES: &str = "\
Examples:
  sotto-server                                      everything by itself, on port 7443
  sotto-server --listen 127.0.0.1:0 --data-dir /tmp/try
  sotto-server --registration open --limit messages-per-second=50
  sotto-server check                                what is dangerous about this set-up, and the remedy
  sotto-server invite --new                         a new link; the old one no longer registers
  sotto-server backup /srv/backups/monday           everything, checked, also while it runs
  sotto-server restore /srv/backups/monday --replace
  sotto-server --print-config > server.toml         all settings, explained

It stops on Ctrl+C or SIGTERM, having told everyone; a second one stops it at once. On SIGHUP, or when their files
change, it reads certificate and key again; what cannot be used is logged, and the old one stays.";

impl Cli {
    /// What is to be printed instead of serving.
    pub(crate) fn text(&self) -> Option<String> {
        if self.print_config {
            return Some(EXAMPLE.trim_end().to_owned());
        }
        self.help_limits.then(limits)
    }

    pub(crate) fn config(&self) -> Result<Config, String> {
        self.raw.clone().decide(self.config.as_deref())
    }
}

fn limits() -> String {
    let mut text = String::from("Limits, set with --limit NAME=VALUE or under [limits]; 0 means none.\n");
    for limit in Limits::TABLE {
        let _ = write!(text, "\n{:26}{:>8}  {}", limit.name, limit.default, limit.about);
    }
    text
}

/// A core dump would hold keys, passwords and messages. On Linux nobody but root can look into the process either.
pub(crate) fn leave_no_core() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let refused = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).err();
    #[cfg(target_os = "linux")]
    let refused = {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        refused.or(set_dumpable_behavior(DumpableBehavior::NotDumpable).err())
    };
    if let Some(error) = refused {
        tracing::warn!(%error, "cannot rule out core dumps");
    }
}

/// Each connection is an open file, and the usual soft limit of 1,024 is for programs that use `select`. What is beyond the
/// hard limit is for whoever runs the server to allow.
pub(crate) fn open_as_many_files_as_allowed() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let allowed = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: allowed, maximum: allowed }) {
        tracing::warn!(%error, "cannot raise the limit on open files");
    }
}

/// Steps of connections between two looks at the network. Who is to be written to is written to before more is read: what comes meanwhile
/// is one batch, and again one write to each.
pub(crate) const TURN: u32 = 1024;

/// Threads that serve connections: half as many as there are processors, because the store, password hashes and the system's own
/// side of the network have as much to do. More of them wake one another instead.
pub(crate) fn worker_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).max(1))
}

/// SIGHUP: certificate and key are read again, and nothing else.
pub(crate) struct HangUps(Signal);

impl HangUps {
    pub(crate) fn listen() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    pub(crate) async fn reload(mut self, reload: Reload) {
        while self.0.recv().await.is_some() {
            // What comes of it has been logged.
            let _ = reload.certificate().await;
        }
    }
}

/// SIGTERM and SIGINT.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Done with the first signal. The second one ends the process.
    pub(crate) async fn stop(mut self) {
        self.next().await;
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(130);
        });
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
