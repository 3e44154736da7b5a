//! What a message is known by from the moment it is written.

use std::time::{SystemTime, UNIX_EPOCH};

use sotto_proto::Cid;

/// Bytes of a cid that are the time.
const TIME: usize = 6;

/// A fresh cid.
///
/// # Errors
/// A sentence, when the system has no randomness to give.
pub fn fresh_cid() -> Result<Cid, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    cid_at(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// A fresh cid: the time, in Unix milliseconds, so that a server finds it among its neighbours, and 80 random bits.
pub(crate) fn cid_at(now: u64) -> Result<Cid, String> {
    let now = now.to_be_bytes();
    let mut bytes = [0; 16];
    let (time, chance) = bytes.split_at_mut(TIME);
    time.iter_mut().zip(now.iter().skip(now.len() - TIME)).for_each(|(to, from)| *to = *from);
    getrandom::fill(chance).map_err(|error| format!("this machine has no randomness: {error}"))?;
    Ok(Cid::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_cid_begins_with_the_time_and_is_like_no_other() {
        let cids: Vec<_> = (0..1000).map(|_| cid_at(0x0198_7654_3210).unwrap()).collect();
        assert!(cids.iter().all(|cid| cid.as_bytes().starts_with(&[0x01, 0x98, 0x76, 0x54, 0x32, 0x10])));
        let different: BTreeSet<_> = cids.iter().map(Cid::as_bytes).collect();
        assert_eq!(different.len(), cids.len());
    }
}
