//! `sotto://` links: a server's address, its identity and an invite in one line.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::error::ValueError;
use crate::head;
use crate::id::Pin;
use crate::limits::{DEFAULT_PORT, MAX_INVITE_CHARS, MAX_LINK_BYTES};

/// `sotto://host[:port]/?pin=<base64url SHA-256>&invite=<code>`; pin and invite may be missing.
///
/// What people type is accepted too: without `sotto://`, with spaces around it, and with the full-width
/// `：` and `．` of a Chinese keyboard in the address. Unknown parameters are ignored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    /// A host name or IP address, without brackets.
    pub host: String,
    /// The TCP port, 7443 when the link names none.
    pub port: u16,
    /// The server's identity.
    pub pin: Option<Pin>,
    /// What registration asks for.
    pub invite: Option<String>,
}

impl FromStr for Link {
    type Err = ValueError;

    fn from_str(typed: &str) -> Result<Self, ValueError> {
        const TOO_LONG: ValueError = ValueError::Link("it is over 1,024 bytes");
        if typed.len() > MAX_LINK_BYTES {
            return Err(TOO_LONG);
        }
        let typed: String = typed.trim().chars().map(narrow).collect();
        let rest = strip_scheme(&typed)?;
        let (address, query) = rest.split_once(['/', '?']).unwrap_or((rest, ""));
        let (host, port) = host_and_port(address)?;
        let mut link = Self { host, port, pin: None, invite: None };
        for pair in query.trim_start_matches(['/', '?']).split('&') {
            link.take_parameter(pair)?;
        }
        // What was typed without percent-encoding is longer when it is printed.
        if link.to_string().len() > MAX_LINK_BYTES { Err(TOO_LONG) } else { Ok(link) }
    }
}

impl Link {
    /// `host:port`, with brackets round an IPv6 address: what a socket connects to and people read.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    fn take_parameter(&mut self, pair: &str) -> Result<(), ValueError> {
        let (key, raw) = pair.split_once('=').unwrap_or((pair, ""));
        let value =
            head::decode(raw).map_err(|_| ValueError::Link("a parameter is badly percent-encoded"))?;
        match key {
            "pin" => {
                let pin = value.parse().map_err(|_| ValueError::Link("its pin is not a SHA-256"))?;
                self.pin = Some(pin);
            }
            "invite" if value.chars().count() > MAX_INVITE_CHARS => {
                return Err(ValueError::Link("its invite is over 64 characters"));
            }
            "invite" if !value.is_empty() => self.invite = Some(value.into_owned()),
            _ => {}
        }
        Ok(())
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sotto://{}/", self.address())?;
        let pin = self.pin.map(|pin| format!("pin={}", pin.to_base64url()));
        let invite = self.invite.as_deref().map(|code| format!("invite={}", escape(code)));
        let parameters: Vec<_> = pin.into_iter().chain(invite).collect();
        if parameters.is_empty() { Ok(()) } else { write!(f, "?{}", parameters.join("&")) }
    }
}

fn narrow(c: char) -> char {
    match c {
        '：' => ':',
        '．' | '。' => '.',
        '／' => '/',
        '？' => '?',
        _ => c,
    }
}

fn strip_scheme(typed: &str) -> Result<&str, ValueError> {
    match typed.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sotto") => Ok(rest),
        Some(_) => Err(ValueError::Link("it does not begin with sotto://")),
        None => Ok(typed),
    }
}

fn host_and_port(address: &str) -> Result<(String, u16), ValueError> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or(ValueError::Link("a bracket is not closed"))?;
            match rest.strip_prefix(':') {
                None if !rest.is_empty() => {
                    return Err(ValueError::Link("a bracket is not followed by a port"));
                }
                port => (host, port),
            }
        }
        // More than one colon without brackets: a bare IPv6 address.
        None if address.parse::<Ipv6Addr>().is_ok() => (address, None),
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    let legal = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    if host.is_empty() || !host.chars().all(legal) {
        return Err(ValueError::Link("it names no host"));
    }
    let port = match port {
        None => DEFAULT_PORT,
        Some(digits) => parse_port(digits).ok_or(ValueError::Link("its port is not 1–65535"))?,
    };
    Ok((host.to_ascii_lowercase(), port))
}

fn parse_port(digits: &str) -> Option<u16> {
    // `parse` alone would take a sign.
    let unsigned = digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|port| unsigned && *port != 0)
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn escape(value: &str) -> String {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    value
        .bytes()
        .map(|b| if unreserved(b) { char::from(b).to_string() } else { format!("%{b:02x}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(typed: &str) -> Result<Link, ValueError> {
        typed.parse()
    }

    #[test]
    fn a_whole_link_reads_back_as_it_is_printed() {
        let pin = Pin::from_bytes([9; 32]);
        for host in ["192.168.1.5", "chat.example.org", "fe80::1"] {
            let whole =
                Link { host: host.into(), port: 7000, pin: Some(pin), invite: Some("a b&=%张".into()) };
            assert_eq!(link(&whole.to_string()), Ok(whole));
        }
    }

    #[test]
    fn what_people_type_is_understood() {
        let typed = ["LAB:7443", " sotto://lab ", "lab：7443", "SOTTO://Lab/?x=1", "lab/?pin2=3", "lab/"];
        for text in typed {
            assert_eq!(link(text).map(|l| l.address()), Ok("lab:7443".into()), "{text}");
        }
        assert_eq!(link("192．168。1.5：7000").unwrap().address(), "192.168.1.5:7000");
        assert_eq!(link("::1").unwrap().address(), "[::1]:7443");
        assert_eq!(link("[::1]:8").unwrap().address(), "[::1]:8");
    }

    #[test]
    fn what_is_not_a_link_is_refused_with_a_reason() {
        let refused = [
            "",
            "sotto://",
            "https://lab",
            "lab:0",
            "lab:99999",
            "lab:x",
            "lab:+80",
            "[::1",
            "[::1]80",
            "lab/?pin=abc",
            "a b",
            "lab/?pin=%zz",
        ];
        for text in refused {
            assert!(matches!(link(text), Err(ValueError::Link(_))), "{text}");
        }
        assert!(link(&format!("lab/?invite={}", "x".repeat(2000))).is_err());
        // Short enough as it was typed, too long as it would be printed.
        let (host, invite) = ("a".repeat(600), "张".repeat(64));
        assert!(link(&format!("{host}/?invite={invite}")).is_err());
    }
}
