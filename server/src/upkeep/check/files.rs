//! Who else on this machine can read what the server keeps.

use std::path::{Path, PathBuf};

use super::Advice;
use crate::config::Config;
use crate::data_dir;

/// Bits of a mode: what everybody may do.
const EVERYBODY: u32 = 0o007;
/// Bits of a mode: what the group may do.
const GROUP: u32 = 0o070;

pub(super) fn judge(config: &Config) -> Vec<Advice> {
    let dir = &config.data_dir;
    let mut advice: Vec<_> = directory(dir).into_iter().collect();
    // Who cannot enter the directory cannot open what is in it.
    if mode(dir).is_some_and(|mode| mode & EVERYBODY != 0) {
        advice.extend(secrets(dir).iter().filter_map(|file| secret(file)));
    }
    advice.extend(config.certificate.as_ref().and_then(|(_, key)| secret(key)));
    advice
}

fn directory(dir: &Path) -> Option<Advice> {
    let (mode, named) = (mode(dir)?, dir.display());
    let remedy = format!("chmod 700 {named}");
    if mode & EVERYBODY != 0 {
        let what = format!("everybody on this machine can look into the data directory {named}");
        return Some(Advice::danger(what, remedy));
    }
    (mode & GROUP != 0)
        .then(|| Advice::warning(format!("the group of the data directory {named} can look into it"), remedy))
}

fn secrets(dir: &Path) -> Vec<PathBuf> {
    let identity = dir.join(data_dir::IDENTITY);
    vec![
        identity.join(sotto_certs::IDENTITY_KEY),
        identity.join(sotto_certs::SERVER_KEY),
        dir.join(data_dir::INVITE),
        dir.join(data_dir::DATABASE),
    ]
}

/// A group may read it: that is how several services share a key.
fn secret(file: &Path) -> Option<Advice> {
    let named = file.display();
    (mode(file)? & EVERYBODY != 0).then(|| {
        let what = format!("everybody on this machine can read {named}: who has a key can be this server");
        Advice::danger(what, format!("chmod 600 {named}; if somebody may have read a key, make a new one"))
    })
}

/// What others may do with something; nothing, if it is not there.
#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()))
}

/// Elsewhere a directory of the user is the user's.
#[cfg(not(unix))]
fn mode(_path: &Path) -> Option<u32> {
    None
}
