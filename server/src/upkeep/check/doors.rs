//! Who can reach the server, and what stands between it and them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Advice;
use crate::config::{Config, Registration};
use crate::limits::Limits;

/// Limits without which a stranger can use up the machine or guess passwords for ever.
const GUARDS: [&str; 10] = [
    "connections",
    "connections-per-source",
    "strangers",
    "strangers-per-source",
    "handshake-seconds",
    "login-seconds",
    "stranger-requests",
    "failed-logins",
    "logins-per-source",
    "password-queue",
];

pub(super) fn judge(config: &Config, addresses: &[IpAddr]) -> Vec<Advice> {
    let mut advice = Vec::new();
    let reach = Reach::of(config.listen.ip(), addresses);
    advice.extend(registration(config, reach));
    advice.extend(plaintext(config));
    if reach > Reach::Loopback {
        advice.extend(guards(&config.limits));
    }
    advice
}

/// From where something that listens can be reached.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Reach {
    Loopback,
    Network,
    Internet(IpAddr),
}

impl Reach {
    /// `addresses`: this machine's, which is what listening on all of them means.
    fn of(listening: IpAddr, addresses: &[IpAddr]) -> Self {
        let all = if listening.is_unspecified() { addresses } else { &[listening] };
        if let Some(public) = all.iter().find(|address| is_public(**address)) {
            return Self::Internet(*public);
        }
        if listening.is_loopback() { Self::Loopback } else { Self::Network }
    }
}

fn registration(config: &Config, reach: Reach) -> Option<Advice> {
    if config.registration != Registration::Open {
        return None;
    }
    let remedy = "use --registration invite (the default) and give the printed link to whoever is to come";
    match reach {
        Reach::Loopback => None,
        Reach::Network => Some(Advice::warning(
            format!(
                "registration is open: whoever reaches {} makes an account and reads the lobby",
                config.listen
            ),
            remedy,
        )),
        Reach::Internet(address) => Some(Advice::danger(
            format!(
                "registration is open on {address}, an address of the Internet: anybody makes an account there"
            ),
            remedy,
        )),
    }
}

fn plaintext(config: &Config) -> Option<Advice> {
    let door = config.plaintext.filter(|door| !door.ip().is_loopback())?;
    Some(Advice::danger(
        format!(
            "--plaintext-compat listens on {door}: whoever is on the network reads passwords and messages there, and can alter them"
        ),
        "listen on 127.0.0.1, and carry the old programs over TLS with the tunnel in the README; their passwords count as known",
    ))
}

fn guards(limits: &Limits) -> Vec<Advice> {
    let off = GUARDS.into_iter().filter(|guard| limits.value(guard) == Some(0));
    let advise = |guard| {
        let what = format!(
            "the limit {guard} is off: strangers can use up this machine, or guess passwords for ever"
        );
        Advice::warning(what, format!("leave {guard} at its default, or set it as high as you can bear"))
    };
    off.map(advise).collect()
}

/// An address that the Internet can reach if no firewall is in between.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| is_public_v6(v6), is_public_v4),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    // 100.64/10 is what providers share out behind one address.
    let shared = matches!(v4.octets(), [100, 64..=127, ..]);
    let here = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified();
    !(here || shared || v4.is_documentation() || v4.is_multicast() || v4.is_broadcast())
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    // Global unicast is 2000::/3; 2001:db8::/32 in it is for documentation.
    let [first, second, ..] = v6.segments();
    first & 0xe000 == 0x2000 && (first, second) != (0x2001, 0xdb8)
}
