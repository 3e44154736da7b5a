//! What a client keeps on disk: the servers it trusts. Readable by its owner only; no password is in it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use directories::ProjectDirs;
use serde::{Deserialize, Serialize};
use sotto_proto::{Link, Pin};

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
    /// Who logged in there last.
    pub user: Option<String>,
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
    user: Option<String>,
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
            let pin = entry.pin.parse().map_err(|error| malformed(format!("{}: {error}", entry.address)))?;
            Ok(ServerEntry { address: entry.address, pin, user: entry.user })
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

    /// Stores a server, first in the list, in place of what was stored under its address.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn remember(&self, server: ServerEntry) -> Result<(), ProfileError> {
        let mut servers = self.servers()?;
        servers.retain(|known| known.address != server.address);
        servers.insert(0, server);
        let write = |known: ServerEntry| Entry {
            address: known.address,
            pin: known.pin.to_string(),
            user: known.user,
        };
        let file = File { server: servers.into_iter().map(write).collect() };
        let path = self.dir.join(SERVERS);
        let text = toml::to_string(&file)
            .map_err(|error| ProfileError::Malformed { path: path.clone(), why: error.to_string() })?;
        write_private(&self.dir, &path, &text).map_err(|error| ProfileError::Io { path, error })
    }
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

    fn entry(address: &str, byte: u8) -> ServerEntry {
        ServerEntry { address: address.into(), pin: Pin::from_bytes([byte; 32]), user: Some("张伟".into()) }
    }

    #[test]
    fn servers_are_remembered_latest_first_and_once_each() {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::open(Some(&dir.path().join("new"))).unwrap();
        assert_eq!(profile.servers().unwrap(), []);
        profile.remember(entry("lab:1", 1)).unwrap();
        profile.remember(entry("lab:2", 2)).unwrap();
        profile.remember(entry("lab:1", 3)).unwrap();
        assert_eq!(profile.servers().unwrap(), [entry("lab:1", 3), entry("lab:2", 2)]);
        assert_eq!(profile.pin(&"lab:2".parse().unwrap()).unwrap(), Some(Pin::from_bytes([2; 32])));
        assert_eq!(profile.pin(&"lab:9".parse().unwrap()).unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_profile() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::open(Some(&dir.path().join("p"))).unwrap();
        profile.remember(entry("lab:1", 1)).unwrap();
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
