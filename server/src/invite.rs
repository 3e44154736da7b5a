//! The invite code: a file in the data directory, so that a command can replace it while the server runs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use aws_lc_rs::constant_time;
use sotto_proto::limits::MAX_INVITE_CHARS;

use crate::data_dir::{INVITE, write_private};

/// 20 characters of an alphabet of 32: 100 bits.
const CODE_CHARS: usize = 20;
/// Without what is mistaken for something else when read aloud or copied by hand.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";

/// What lets people register.
#[derive(Debug)]
pub(crate) struct Invite {
    file: PathBuf,
}

impl Invite {
    /// The invite of a data directory; made if there is none.
    pub(crate) fn in_dir(dir: &Path) -> anyhow::Result<Self> {
        let invite = Self { file: dir.join(INVITE) };
        if !invite.file.exists() {
            Self::replace(dir)?;
        }
        invite.code()?;
        Ok(invite)
    }

    /// Makes a new code in place of the old one.
    pub(crate) fn replace(dir: &Path) -> anyhow::Result<()> {
        let mut random = [0; CODE_CHARS];
        getrandom::fill(&mut random).context("this machine has no randomness")?;
        let pick = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).copied().map(char::from);
        let code: String = random.iter().filter_map(pick).collect();
        write_private(&dir.join(INVITE), &code)
            .with_context(|| format!("cannot write the invite into {}", dir.display()))
    }

    /// The code in force.
    pub(crate) fn code(&self) -> anyhow::Result<String> {
        let text = fs::read_to_string(&self.file)
            .with_context(|| format!("cannot read the invite {}", self.file.display()))?;
        let code = text.trim().to_owned();
        anyhow::ensure!(
            !code.is_empty() && code.chars().count() <= MAX_INVITE_CHARS,
            "{} holds no invite code; delete it, and the server makes a new one",
            self.file.display()
        );
        Ok(code)
    }

    /// Whether somebody has the code in force. Read anew each time: it may just have been replaced.
    pub(crate) fn is(&self, shown: &str) -> bool {
        let same =
            |code: String| constant_time::verify_slices_are_equal(code.as_bytes(), shown.as_bytes()).is_ok();
        self.code().is_ok_and(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_code_lets_nobody_in_any_more() {
        let dir = tempfile::tempdir().unwrap();
        let invite = Invite::in_dir(dir.path()).unwrap();
        let first = invite.code().unwrap();
        assert!(invite.is(&first) && !invite.is("") && !invite.is(first.get(1..).unwrap()));
        Invite::replace(dir.path()).unwrap();
        assert!(!invite.is(&first) && invite.is(&invite.code().unwrap()));
    }

    #[test]
    fn the_code_stays_the_same_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let code = |dir: &Path| Invite::in_dir(dir).unwrap().code().unwrap();
        assert_eq!(code(dir.path()), code(dir.path()));
    }
}
