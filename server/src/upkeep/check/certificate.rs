//! Whether clients will take the certificate, now and in the next weeks.

use std::time::{Duration, SystemTime};

use super::Advice;
use crate::config::Config;
use crate::data_dir;
use crate::tls::Pair;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// One that somebody else issued: time to get the next.
const FOREIGN_LEFT: Duration = Duration::from_secs(14 * 24 * 3600);
/// A server that runs renews its own a month before the end. Less left means that this does not work, or that none runs.
const OWN_LEFT: Duration = Duration::from_secs(21 * 24 * 3600);

const CLOCK: &str = "is this machine's clock right? (date)";

pub(super) fn judge(config: &Config, now: SystemTime) -> Option<Advice> {
    let Some((cert, key)) = &config.certificate else {
        return own(config, now);
    };
    let pair = Pair { cert: cert.clone(), key: key.clone() };
    let fix =
        format!("get a new one, or, if sotto-certs minted it: sotto-certs renew --dir {}", parent(&pair));
    judge_pair(&pair, (FOREIGN_LEFT, fix), now)
}

/// A server that has never run makes its own when it does.
fn own(config: &Config, now: SystemTime) -> Option<Advice> {
    let dir = config.data_dir.join(data_dir::IDENTITY);
    let pair = Pair::own(&dir);
    if !pair.cert.exists() {
        return None;
    }
    if !dir.join(sotto_certs::IDENTITY_KEY).exists() {
        let what = format!("{} has no identity.key: its certificate cannot be renewed", dir.display());
        return Some(Advice::danger(what, "put it back from a backup; a new one makes every client stop"));
    }
    let fix = "start the server, which renews it; or see in its log why it could not".to_owned();
    judge_pair(&pair, (OWN_LEFT, fix), now)
}

fn judge_pair(pair: &Pair, (enough, fix): (Duration, String), now: SystemTime) -> Option<Advice> {
    let named = pair.cert.display();
    let certified = match pair.load() {
        Ok(certified) => certified,
        Err(error) => return Some(Advice::danger(format!("{error:#}"), fix)),
    };
    let leaf = certified.cert.first()?;
    let begins = sotto_certs::until_valid(leaf, now).unwrap_or_default();
    if !begins.is_zero() {
        return Some(Advice::danger(format!("{named} is not valid yet: no client connects"), CLOCK));
    }
    let left = sotto_certs::remaining(leaf, now).unwrap_or_default();
    if left.is_zero() {
        let what = format!("{named} has expired: no client connects");
        return Some(Advice::danger(what, format!("{CLOCK} Otherwise {fix}")));
    }
    let days = left.as_secs() / DAY.as_secs();
    (left < enough).then(|| Advice::warning(format!("{named} expires in {days} days"), fix))
}

fn parent(pair: &Pair) -> String {
    pair.cert.parent().unwrap_or(&pair.cert).display().to_string()
}
