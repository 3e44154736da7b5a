//! Settings: as they were typed (flags, variables, file), and as they are used.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::data_dir::SETTINGS;
use crate::limits::Limits;
use crate::passwords::Argon2Cost;
use crate::store::LobbyHistory;

/// The commented example, with every default.
pub const EXAMPLE: &str = include_str!("../server.toml");

const DEFAULT_LISTEN: &str = "0.0.0.0:7443";

/// Settings as somebody typed them; nothing is decided yet.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RawConfig {
    /// Where accounts, messages and the server's identity are kept
    #[arg(long, value_name = "DIR", env = "SOTTO_DATA_DIR", global = true)]
    pub data_dir: Option<PathBuf>,
    /// Where to listen [default: 0.0.0.0:7443]; with port 0 the system chooses
    #[arg(long, value_name = "ADDR:PORT", env = "SOTTO_LISTEN")]
    pub listen: Option<String>,
    /// The host, or host:port, for the printed link, if it is not the one the server finds
    #[arg(long, value_name = "HOST[:PORT]", env = "SOTTO_ADVERTISE")]
    pub advertise: Option<String>,
    /// A certificate chain (PEM); without it the server mints and renews its own
    #[arg(long, value_name = "FILE", env = "SOTTO_CERT")]
    pub cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", env = "SOTTO_KEY")]
    pub key: Option<PathBuf>,
    /// Also serve the original chatroom's programs there, in the clear: passwords and messages can be read by
    /// whoever is on the network between. Loopback addresses only
    #[arg(long, value_name = "ADDR:PORT", env = "SOTTO_PLAINTEXT_COMPAT")]
    pub plaintext_compat: Option<String>,
    /// Let --plaintext-compat listen on an address that others can reach
    #[arg(long, env = "SOTTO_PLAINTEXT_COMPAT_ANY_INTERFACE")]
    #[serde(default)]
    pub plaintext_compat_any_interface: bool,
    /// Who may make an account [default: invite]
    #[arg(long, value_enum, env = "SOTTO_REGISTRATION")]
    pub registration: Option<Registration>,
    /// What a new account sees of the lobby [default: registration]
    #[arg(long, value_enum, env = "SOTTO_LOBBY_HISTORY")]
    pub lobby_history: Option<Lobby>,
    /// What a password hash costs [default: m=47104,t=1,p=1]
    #[arg(long, value_name = "m=KIB,t=PASSES,p=LANES", env = "SOTTO_ARGON2")]
    pub argon2: Option<String>,
    /// How much to tell on stderr; at debug each request too, which is who talks to whom [default: info]
    #[arg(long, value_enum, env = "SOTTO_LOG")]
    pub log: Option<LogLevel>,
    /// In which form [default: text]
    #[arg(long, value_enum, env = "SOTTO_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Set a limit, 0 for none; repeatable (see --help-limits)
    #[arg(long = "limit", value_name = "NAME=VALUE", env = "SOTTO_LIMIT", value_delimiter = ',')]
    #[serde(skip)]
    pub limit: Vec<String>,
    /// The file's limits, by name
    #[arg(skip)]
    #[serde(default)]
    pub limits: BTreeMap<String, u64>,
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Registration {
    /// Whoever has the printed link
    #[default]
    Invite,
    /// Anybody who reaches the port
    Open,
    /// Nobody
    Closed,
}

/// What a new account sees of the lobby.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Lobby {
    /// Messages from its registration on
    #[default]
    Registration,
    /// Everything
    All,
}

/// How much is told.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "they are tracing's levels")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// How it is told.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// Settings as they are used.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where to serve the original's programs in the clear; `None`: nowhere.
    pub plaintext: Option<SocketAddr>,
    /// What the link names instead of an address found on this machine.
    pub advertise: Option<String>,
    /// Certificate chain and key; `None`: the server's own.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Who may make an account.
    pub registration: Registration,
    /// What a new account sees of the lobby.
    pub lobby_history: Lobby,
    /// What a password hash costs.
    pub argon2: Argon2Cost,
    /// How much is told.
    pub log: LogLevel,
    /// How it is told.
    pub log_format: LogFormat,
    /// Every limit.
    pub limits: Limits,
}

impl RawConfig {
    /// Adds what a file says to what was typed, and decides. `file` may be named; if it is not, a
    /// `server.toml` in the data directory is read when there is one.
    ///
    /// # Errors
    /// A sentence that names the setting, for a file also the line, and what to do.
    pub fn decide(self, file: Option<&Path>) -> Result<Config, String> {
        let data_dir = self.data_dir.clone();
        let implied = data_dir.unwrap_or_else(default_data_dir).join(SETTINGS);
        let from_file = match file {
            Some(file) => read(file)?,
            None if implied.exists() => read(&implied)?,
            None => Self::default(),
        };
        self.or(from_file).into_config()
    }

    fn or(self, file: Self) -> Self {
        Self {
            data_dir: self.data_dir.or(file.data_dir),
            listen: self.listen.or(file.listen),
            advertise: self.advertise.or(file.advertise),
            plaintext_compat: self.plaintext_compat.or(file.plaintext_compat),
            plaintext_compat_any_interface: self.plaintext_compat_any_interface
                || file.plaintext_compat_any_interface,
            cert: self.cert.or(file.cert),
            key: self.key.or(file.key),
            registration: self.registration.or(file.registration),
            lobby_history: self.lobby_history.or(file.lobby_history),
            argon2: self.argon2.or(file.argon2),
            log: self.log.or(file.log),
            log_format: self.log_format.or(file.log_format),
            limit: self.limit,
            limits: file.limits,
        }
    }

    fn into_config(self) -> Result<Config, String> {
        let listen = self.listen.as_deref().unwrap_or(DEFAULT_LISTEN);
        let listen = listen.parse().map_err(|_| {
            format!(
                "listen: {listen:?} is not an address and port; one looks like {DEFAULT_LISTEN} or [::]:7443"
            )
        })?;
        let plaintext = self.plaintext_compat.as_deref();
        let plaintext = plaintext.map(|typed| plaintext_address(typed, self.plaintext_compat_any_interface));
        let plaintext = plaintext.transpose()?;
        let certificate = match (self.cert, self.key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) => return Err("cert is given without key; give both or neither".to_owned()),
            (None, Some(_)) => return Err("key is given without cert; give both or neither".to_owned()),
        };
        let mut limits = Limits::default();
        for (name, value) in &self.limits {
            limits.set_to(name, *value)?;
        }
        for assignment in &self.limit {
            limits.set(assignment)?;
        }
        Ok(Config {
            data_dir: self.data_dir.unwrap_or_else(default_data_dir),
            listen,
            plaintext,
            advertise: self.advertise,
            certificate,
            registration: self.registration.unwrap_or_default(),
            lobby_history: self.lobby_history.unwrap_or_default(),
            argon2: self.argon2.as_deref().map(Argon2Cost::from_str).transpose()?.unwrap_or_default(),
            log: self.log.unwrap_or_default(),
            log_format: self.log_format.unwrap_or_default(),
            limits,
        })
    }
}

/// In the clear only on this machine, unless that is asked for in so many words.
fn plaintext_address(typed: &str, any_interface: bool) -> Result<SocketAddr, String> {
    let address: SocketAddr = typed.parse().map_err(|_| {
        format!("plaintext-compat: {typed:?} is not an address and port; one looks like 127.0.0.1:8888")
    })?;
    if address.ip().is_loopback() || any_interface {
        return Ok(address);
    }
    Err(format!(
        "plaintext-compat: {typed} can be reached from other machines, and everything there, passwords too, is \
         readable to the network between; use 127.0.0.1, or add --plaintext-compat-any-interface"
    ))
}

impl From<Lobby> for LobbyHistory {
    fn from(lobby: Lobby) -> Self {
        match lobby {
            Lobby::Registration => Self::FromRegistration,
            Lobby::All => Self::All,
        }
    }
}

fn read(file: &Path) -> Result<RawConfig, String> {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    parse(&text).map_err(|sentence| format!("{}: {sentence}", file.display()))
}

fn parse(text: &str) -> Result<RawConfig, String> {
    let raw: RawConfig = toml::from_str(text).map_err(|error| {
        let line =
            error.span().map_or(0, |span| text.get(..span.start).unwrap_or(text).matches('\n').count()) + 1;
        format!("line {line}: {}", error.message())
    })?;
    let mut limits = Limits::default();
    for (name, value) in &raw.limits {
        limits
            .set_to(name, *value)
            .map_err(|sentence| format!("line {}: {sentence}", line_of(text, name)))?;
    }
    Ok(raw)
}

/// Where a key stands, for a value that is well-formed TOML and still wrong.
fn line_of(text: &str, key: &str) -> usize {
    let found = text.lines().position(|line| line.trim_start().trim_start_matches('"').starts_with(key));
    found.map_or(1, |index| index + 1)
}

/// `$XDG_DATA_HOME/sotto-server`, `~/.local/share/sotto-server`, or `/var/lib/sotto` without a home.
fn default_data_dir() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let base = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(home);
    base.map_or_else(|| PathBuf::from("/var/lib/sotto"), |base| base.join("sotto-server"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_says_what_the_defaults_are() {
        let example = parse(EXAMPLE).unwrap().into_config().unwrap();
        let nothing = RawConfig::default().into_config().unwrap();
        assert_eq!(format!("{example:?}"), format!("{nothing:?}"));
    }

    #[test]
    fn a_mistake_in_the_file_is_refused_with_its_line() {
        let line = |text: &str| parse(text).unwrap_err();
        assert!(line("listen = \"x:1\"\nregistratoin = \"open\"\n").starts_with("line 2: unknown field"));
        assert!(line("\n\nregistration = \"opne\"").starts_with("line 3: "));
        assert!(line("listen = ").starts_with("line 1: "));
        assert!(line("[limits]\n\nconections = 5").starts_with("line 3: there is no limit"));
        assert!(line("[limits]\noutbox-bytes = -5").starts_with("line 2: "));
    }

    #[test]
    fn a_flag_beats_the_file() {
        let file = parse("listen = \"127.0.0.1:1\"\n[limits]\nconnections = 7\nstrangers = 8").unwrap();
        let flags = RawConfig {
            listen: Some("127.0.0.1:2".into()),
            limit: vec!["connections=9".into()],
            ..RawConfig::default()
        };
        let config = flags.or(file).into_config().unwrap();
        assert_eq!(config.listen.port(), 2);
        assert_eq!((config.limits.connections(), config.limits.strangers()), (9, 8));
    }

    #[test]
    fn a_value_that_cannot_be_used_is_refused_by_name() {
        let refused = |raw: RawConfig| raw.into_config().unwrap_err();
        let listen = RawConfig { listen: Some("localhost".into()), ..RawConfig::default() };
        assert!(refused(listen).starts_with("listen: "));
        let cert = RawConfig { cert: Some("x.pem".into()), ..RawConfig::default() };
        assert!(refused(cert).contains("without key"));
        let plaintext =
            |address: &str| RawConfig { plaintext_compat: Some(address.into()), ..RawConfig::default() };
        assert!(refused(plaintext("0.0.0.0:8888")).contains("--plaintext-compat-any-interface"));
        assert!(refused(plaintext("8888")).contains("127.0.0.1:8888"));
        let said = RawConfig { plaintext_compat_any_interface: true, ..plaintext("0.0.0.0:8888") };
        assert!(said.into_config().is_ok() && plaintext("[::1]:1").into_config().is_ok());
        let argon2 = RawConfig { argon2: Some("m=1".into()), ..RawConfig::default() };
        assert!(refused(argon2).contains("too weak"));
    }
}
