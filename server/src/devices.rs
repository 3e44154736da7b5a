//! Devices that have been let in before: known by a token that only this server can have made, of which it keeps no list. It is
//! no proof of who somebody is. It tells whose wrong passwords are whose, so that nobody can shut an owner out by guessing.

use std::fs;
use std::path::Path;

use anyhow::Context;
use aws_lc_rs::{constant_time, hmac};
use sotto_proto::{Token, Username};

use crate::data_dir::{self, DEVICE_KEY};

/// Half of a token tells devices apart; the other half is the beginning of an HMAC over it and the account's name.
const HALF: usize = 16;

pub(crate) struct Devices(hmac::Key);

/// Which of an account's devices.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Device([u8; HALF]);

impl Devices {
    /// With the key of a data directory; made if there is none. A backup has none: where it is restored, devices are known again
    /// after the next log-in.
    pub(crate) fn in_dir(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(DEVICE_KEY);
        if !path.exists() {
            let mut key = [0; 32];
            getrandom::fill(&mut key).context("this machine has no randomness")?;
            data_dir::write_private(&path, &Token::from_bytes(key).reveal())
                .with_context(|| format!("cannot write {}; is the disk full?", path.display()))?;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let key: Token = text.trim().parse().ok().with_context(|| {
            format!("{} holds no key; delete it, and the server makes a new one", path.display())
        })?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())))
    }

    /// A token for a device on which `user` has been let in.
    pub(crate) fn issue(&self, user: &Username, device: [u8; HALF]) -> Token {
        let mut token = [0; 2 * HALF];
        let made =
            device.iter().chain(self.proof(user, &device).iter().take(HALF)).copied().collect::<Vec<_>>();
        token.iter_mut().zip(made).for_each(|(to, from)| *to = from);
        Token::from_bytes(token)
    }

    /// Which device of `user` somebody shows to be.
    pub(crate) fn known(&self, user: &Username, shown: &Token) -> Option<Device> {
        let (device, proof) = shown.as_bytes().split_first_chunk::<HALF>()?;
        let made = self.proof(user, device);
        constant_time::verify_slices_are_equal(made.get(..HALF)?, proof).ok()?;
        Some(Device(*device))
    }

    fn proof(&self, user: &Username, device: &[u8; HALF]) -> Vec<u8> {
        let said = [b"device1", device.as_slice(), user.key().as_bytes()].concat();
        hmac::sign(&self.0, &said).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_for_its_account_on_its_server_and_nowhere_else() {
        let [dir, elsewhere] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [ann, bob] = ["ann", "bob"].map(|name| name.parse::<Username>().unwrap());
        let devices = Devices::in_dir(dir.path()).unwrap();
        let token = devices.issue(&ann, [7; HALF]);
        assert_eq!(devices.known(&ann, &token), Some(Device([7; HALF])));
        assert_eq!(devices.known(&"ANN".parse().unwrap(), &token), Some(Device([7; HALF])));
        assert_eq!(devices.known(&bob, &token), None);
        assert_eq!(devices.known(&ann, &Token::from_bytes([7; 32])), None);
        assert_eq!(Devices::in_dir(dir.path()).unwrap().known(&ann, &token), Some(Device([7; HALF])));
        assert_eq!(Devices::in_dir(elsewhere.path()).unwrap().known(&ann, &token), None);
    }
}
