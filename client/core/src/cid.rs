//! What a message is known by from the moment it is written.

use std::time::{SystemTime, UNIX_EPOCH};

use sotto_proto::Cid;

/// Bytes of a cid that are the time.
const TIME: usize = 6;

/// A fresh cid: the time, so that a server finds it among its neighbours, and 80 random bits.
///
/// # Errors
/// A sentence, when the system has no randomness to give.
pub fn fresh_cid() -> Result<Cid, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX).to_be_bytes();
    let mut bytes = [0; 16];
    let (time, chance) = bytes.split_at_mut(TIME);
    time.iter_mut().zip(now.iter().skip(now.len() - TIME)).for_each(|(to, from)| *to = *from);
    getrandom::fill(chance).map_err(|error| format!("this machine has no randomness: {error}"))?;
    Ok(Cid::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cid_begins_with_the_time_and_is_like_no_other() {
        let time = |cid: &Cid| cid.as_bytes()[..TIME].to_vec();
        let cids: Vec<_> = (0..1000).map(|_| fresh_cid().unwrap()).collect();
        assert!(cids.is_sorted_by_key(time));
        let different: std::collections::HashSet<_> = cids.iter().collect();
        assert_eq!(different.len(), cids.len());
        let year = cids[0].as_bytes().iter().take(TIME).fold(0, |made, byte| made << 8 | u64::from(*byte))
            / (365 * 24 * 3600 * 1000);
        assert!((50..500).contains(&year), "{year} years after 1970");
    }
}
