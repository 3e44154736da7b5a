//! What a client keeps on disk: the servers it trusts, by what they know this device, and, for who wants that, a ticket. Readable
//! by its owner only; no password is in it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use directories::ProjectDirs;
use serde::{Deserialize, Serialize};
use sotto_proto::{Link, Pin, Token, Username};

use crate::notes::Notes;
use crate::trust::Trust;

const SERVERS: &str = "servers.toml";

/// A directory of a client's own.
#[derive(Clone, Debug)]
pub struct Profile {
    dir: PathBuf,
}

/// A server that is trusted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerEntry {
    /// `host:port`.
    pub address: String,
    /// Its identity.
    pub pin: Pin,
    /// The identity that this one has announced to follow it.
    pub next: Option<Pin>,
    /// The identity that has announced this one: old links still name it.
    pub former: Option<Pin>,
    /// Who logged in there last.
    pub user: Option<String>,
    /// When this identity was first trusted, Unix seconds.
    pub trusted_at: Option<u64>,
    /// When it was used last, Unix seconds.
    pub used_at: Option<u64>,
}

/// Why the profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// There is no home directory to put it into.
    #[error("there is no home directory; say where the profile goes with --profile DIR")]
    NoHome,
    /// It cannot be read or written.
    #[error("cannot use the profile {}: {error}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Somebody has edited it into something else.
    #[error("{} cannot be understood: {why}; correct it, or delete it and trust your servers again", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and what.
        why: String,
    },
}

#[derive(Default, Deserialize, Serialize)]
struct File {
    #[serde(default)]
    server: Vec<Entry>,
}

#[derive(Deserialize, Serialize)]
struct Entry {
    address: String,
    pin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    former: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trusted_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used_at: Option<u64>,
}

impl Profile {
    /// The profile in `dir`, or in the user's data directory.
    ///
    /// # Errors
    /// [`ProfileError::NoHome`].
    pub fn open(dir: Option<&Path>) -> Result<Self, ProfileError> {
        let default = || ProjectDirs::from("", "", "sotto").map(|dirs| dirs.data_dir().to_owned());
        let dir = dir.map(Path::to_owned).or_else(default).ok_or(ProfileError::NoHome)?;
        Ok(Self { dir })
    }

    /// The servers that are trusted, the latest used first.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn servers(&self) -> Result<Vec<ServerEntry>, ProfileError> {
        let path = self.dir.join(SERVERS);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(ProfileError::Io { path, error }),
        };
        let malformed = |why: String| ProfileError::Malformed { path: path.clone(), why };
        let file: File = toml::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        let read = |entry: Entry| {
            let Entry { address, pin, next, former, user, trusted_at, used_at } = entry;
            let read = |pin: String| pin.parse().map_err(|error| malformed(format!("{address}: {error}")));
            let (pin, next) = (read(pin)?, next.map(read).transpose()?);
            let former = former.map(read).transpose()?;
            Ok(ServerEntry { address, pin, next, former, user, trusted_at, used_at })
        };
        file.server.into_iter().map(read).collect()
    }

    /// The identity that was stored for a server.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn pin(&self, link: &Link) -> Result<Option<Pin>, ProfileError> {
        let address = link.address();
        Ok(self.servers()?.into_iter().find(|known| known.address == address).map(|known| known.pin))
    }

    /// What to believe of a server: what its link says, unless this profile has gone along with a change of identity since the link
    /// was made, or else what is stored.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn trust(&self, link: &Link) -> Result<Trust, ProfileError> {
        let address = link.address();
        let known = self.servers()?.into_iter().find(|known| known.address == address);
        Ok(match (link.pin, known) {
            (None, None) => Trust::Nothing,
            (Some(pin), Some(known)) if pin != known.pin && Some(pin) != known.former => Trust::Pin(pin),
            (_, Some(ServerEntry { pin: current, next: Some(next), .. })) => {
                Trust::Succession { current, next }
            }
            (_, Some(known)) => Trust::Pin(known.pin),
            (Some(pin), None) => Trust::Pin(pin),
        })
    }

    /// Stores which identity the stored one has announced to follow it. `next` has been verified.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn expect(&self, address: &str, next: Pin) -> Result<(), ProfileError> {
        self.edit(address, |known| known.next = Some(next))
    }

    /// A server has proven to be the identity that the stored one had announced.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn change_over(&self, address: &str, next: Pin) -> Result<(), ProfileError> {
        self.edit(address, |known| {
            if known.next == Some(next) {
                (known.former, known.next) = (Some(known.pin), None);
                known.pin = next;
            }
        })
    }

    fn edit(&self, address: &str, change: impl Fn(&mut ServerEntry)) -> Result<(), ProfileError> {
        let mut servers = self.servers()?;
        servers.iter_mut().filter(|known| known.address == address).for_each(change);
        self.write_servers(servers)
    }

    /// Stores a server that has proven to be the one, first in the list, in place of what was stored under its
    /// address. `now`: Unix seconds.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn remember(
        &self,
        address: String,
        pin: Pin,
        (user, now): (Option<String>, u64),
    ) -> Result<(), ProfileError> {
        let mut servers = self.servers()?;
        let known =
            servers.iter().position(|known| known.address == address).map(|index| servers.remove(index));
        let same = known.as_ref().filter(|known| known.pin == pin);
        let trusted_at = same.and_then(|known| known.trusted_at).or(Some(now));
        let (next, former) = same.map(|known| (known.next, known.former)).unwrap_or_default();
        let user = user.or_else(|| known.and_then(|known| known.user));
        servers.insert(0, ServerEntry { address, pin, next, former, user, trusted_at, used_at: Some(now) });
        self.write_servers(servers)
    }

    /// Forgets a server and its identity.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn forget(&self, address: &str) -> Result<(), ProfileError> {
        let mut servers = self.servers()?;
        servers.retain(|known| known.address != address);
        self.write_servers(servers)
    }

    fn write_servers(&self, servers: Vec<ServerEntry>) -> Result<(), ProfileError> {
        let write = |known: ServerEntry| Entry {
            address: known.address,
            pin: known.pin.to_string(),
            next: known.next.map(|pin| pin.to_string()),
            former: known.former.map(|pin| pin.to_string()),
            user: known.user,
            trusted_at: known.trusted_at,
            used_at: known.used_at,
        };
        let file = File { server: servers.into_iter().map(write).collect() };
        let malformed = |error: toml::ser::Error| ProfileError::Malformed {
            path: self.dir.join(SERVERS),
            why: error.to_string(),
        };
        self.write(SERVERS, &toml::to_string(&file).map_err(malformed)?)
    }

    /// What is remembered of an account; nothing, if that cannot be read.
    #[must_use]
    pub fn notes(&self, account: (&str, &Username)) -> Notes {
        let text = fs::read_to_string(self.dir.join(notes_file(account))).unwrap_or_default();
        Notes::from_toml(&text)
    }

    /// Remembers something of an account.
    ///
    /// # Errors
    /// [`ProfileError::Io`].
    pub fn keep_notes(&self, account: (&str, &Username), notes: &Notes) -> Result<(), ProfileError> {
        self.write(&notes_file(account), &notes.to_toml())
    }

    /// By what a server knows this device, for an account; nothing, if that cannot be read.
    pub(crate) fn device(&self, account: (&str, &Username)) -> Option<Token> {
        fs::read_to_string(self.dir.join(device_file(account))).ok()?.trim().parse().ok()
    }

    /// Remembers by what a server knows this device.
    pub(crate) fn keep_device(&self, account: (&str, &Username), token: &Token) -> Result<(), ProfileError> {
        self.write(&device_file(account), &token.reveal())
    }

    /// The transfers of an account that were not finished, as they were written down.
    pub(crate) fn transfers(&self, account: (&str, &Username)) -> String {
        fs::read_to_string(self.dir.join(transfers_file(account))).unwrap_or_default()
    }

    /// Writes down the transfers of an account that are not finished.
    pub(crate) fn keep_transfers(&self, account: (&str, &Username), text: &str) -> Result<(), ProfileError> {
        self.write(&transfers_file(account), text)
    }

    /// Where it is: a user interface may keep files of its own there.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file of a user interface's own, such as its settings; `None` when there is none that can be read.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.dir.join(name)).ok()
    }

    /// Writes such a file, whole or not at all.
    ///
    /// # Errors
    /// [`ProfileError::Io`].
    pub fn write(&self, name: &str, text: &str) -> Result<(), ProfileError> {
        let path = self.dir.join(name);
        write_private(&self.dir, &path, text).map_err(|error| ProfileError::Io { path, error })
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, name: &str) -> Result<(), ProfileError> {
        let path = self.dir.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ProfileError::Io { path, error }),
            _ => Ok(()),
        }
    }
}

fn transfers_file(account: (&str, &Username)) -> String {
    format!("transfers-{}", notes_file(account))
}

fn device_file(account: (&str, &Username)) -> String {
    format!("device-{}", account_file(account, "key"))
}

fn notes_file(account: (&str, &Username)) -> String {
    account_file(account, "toml")
}

/// One file for each account; its name gives nothing away.
pub(crate) fn account_file((address, user): (&str, &Username), ending: &str) -> String {
    let account = format!("{address}\n{}", user.key());
    let hash = digest::digest(&digest::SHA256, account.as_bytes());
    let name: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("account-{name}.{ending}")
}

/// Writes a file that only its owner can read, whole or not at all.
fn write_private(dir: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)?;
    let temporary = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(byte: u8) -> Pin {
        Pin::from_bytes([byte; 32])
    }

    fn remember(profile: &Profile, address: &str, (byte, now): (u8, u64)) {
        profile.remember(address.into(), pin(byte), (Some("张伟".into()), now)).unwrap();
    }

    #[test]
    fn servers_are_remembered_latest_first_and_once_each() {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::open(Some(&dir.path().join("new"))).unwrap();
        assert_eq!(profile.servers().unwrap(), []);
        remember(&profile, "lab:1", (1, 10));
        remember(&profile, "lab:2", (2, 20));
        remember(&profile, "lab:2", (2, 30));
        remember(&profile, "lab:1", (3, 40));
        profile.remember("lab:1".into(), pin(3), (None, 50)).unwrap();
        let entry = |address: &str, byte, (trusted, used)| ServerEntry {
            address: address.into(),
            pin: pin(byte),
            next: None,
            former: None,
            user: Some("张伟".into()),
            trusted_at: Some(trusted),
            used_at: Some(used),
        };
        assert_eq!(profile.servers().unwrap(), [entry("lab:1", 3, (40, 50)), entry("lab:2", 2, (20, 30))]);
        assert_eq!(profile.pin(&"lab:2".parse().unwrap()).unwrap(), Some(pin(2)));
        assert_eq!(profile.pin(&"lab:9".parse().unwrap()).unwrap(), None);
        profile.forget("lab:2").unwrap();
        assert_eq!(profile.servers().unwrap(), [entry("lab:1", 3, (40, 50))]);
    }

    #[test]
    fn a_planned_change_is_gone_along_with_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::open(Some(dir.path())).unwrap();
        let shown = |link: &str| format!("{:?}", profile.trust(&link.parse().unwrap()).unwrap());
        let linked = |byte| format!("lab:1/?pin={}", pin(byte).to_base64url());
        let only = |byte| format!("{:?}", Trust::Pin(pin(byte)));
        remember(&profile, "lab:1", (1, 10));
        assert_eq!((shown("lab:1"), shown("lab:2")), (only(1), format!("{:?}", Trust::Nothing)));
        profile.change_over("lab:1", pin(2)).unwrap();
        assert_eq!(shown("lab:1"), only(1), "nobody has announced that");
        profile.expect("lab:1", pin(2)).unwrap();
        remember(&profile, "lab:1", (1, 20));
        let either = format!("{:?}", Trust::Succession { current: pin(1), next: pin(2) });
        assert_eq!((shown("lab:1"), shown(&linked(1)), shown(&linked(3))), (either.clone(), either, only(3)));
        profile.change_over("lab:1", pin(2)).unwrap();
        assert_eq!((shown("lab:1"), shown(&linked(1)), shown(&linked(2))), (only(2), only(2), only(2)));
        assert_eq!(shown(&linked(3)), only(3));
        // Somebody else: nothing that came before counts.
        remember(&profile, "lab:1", (4, 30));
        assert_eq!((shown("lab:1"), shown(&linked(1))), (only(4), only(1)));
    }

    #[test]
    fn each_account_has_notes_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::open(Some(dir.path())).unwrap();
        let (ann, bob) = ("ann".parse().unwrap(), "bob".parse().unwrap());
        let mut notes = Notes::default();
        notes.drafts.insert(sotto_proto::Audience::Everyone, "half a sen".into());
        profile.keep_notes(("lab:1", &ann), &notes).unwrap();
        assert_eq!(profile.notes(("lab:1", &"ANN".parse().unwrap())), notes);
        assert_eq!(profile.notes(("lab:1", &bob)), Notes::default());
        assert_eq!(profile.notes(("lab:2", &ann)), Notes::default());
    }

    #[test]
    fn each_account_has_its_own_key_for_this_device() {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::open(Some(dir.path())).unwrap();
        let (ann, bob) = ("ann".parse().unwrap(), "bob".parse().unwrap());
        let token = Token::from_bytes([3; 32]);
        profile.keep_device(("lab:1", &ann), &token).unwrap();
        assert_eq!(profile.device(("lab:1", &ann)), Some(token));
        assert_eq!([profile.device(("lab:1", &bob)), profile.device(("lab:2", &ann))], [None, None]);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_profile() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::open(Some(&dir.path().join("p"))).unwrap();
        remember(&profile, "lab:1", (1, 10));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&profile.dir), mode(&profile.dir.join(SERVERS))), (0o700, 0o600));
    }

    #[test]
    fn a_profile_that_was_spoiled_says_so() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(SERVERS), "[[server]]\naddress = \"lab:1\"\npin = \"nonsense\"\n").unwrap();
        let error = Profile::open(Some(dir.path())).unwrap().servers().unwrap_err();
        assert!(error.to_string().contains("lab:1"), "{error}");
    }
}
