//! The subject alternative names of a TLS certificate: how clients that check names may call the server.
//!
//! A pinned identity makes them irrelevant, so finding this machine's is best effort and never fails.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use rcgen::SanType;
use rustls_pki_types::DnsName;

use crate::error::CertError;

/// How many names a certificate may have. Every handshake carries them.
pub const MAX_NAMES: usize = 100;

/// Names and addresses for a certificate: at most [`MAX_NAMES`], each once, DNS names in lower case and
/// before addresses, always in the same order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Names(BTreeSet<Name>);

// The order of the variants is the order in the certificate.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Name {
    Dns(String),
    Address(IpAddr),
}

impl Names {
    /// `localhost`, the loopback addresses, the host name, `<host>.local`, and the address of every
    /// interface except link-local ones. What the system does not tell is left out.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let mut names = Self::of_any_machine();
        names.extend_within_bounds(host_names().chain(interface_addresses()));
        names
    }

    /// These and `extra`, which are DNS names or IP addresses as people type them.
    ///
    /// # Errors
    /// [`CertError::Name`] with the first that is neither, [`CertError::TooManyNames`].
    pub fn with(mut self, extra: impl IntoIterator<Item = String>) -> Result<Self, CertError> {
        for typed in extra {
            self.0.insert(typed.parse()?);
        }
        if self.0.len() > MAX_NAMES { Err(CertError::TooManyNames) } else { Ok(self) }
    }

    /// These, and as many of `previous` as fit. What is not a name is left out.
    pub(crate) fn keeping(mut self, previous: &[String]) -> Self {
        self.extend_within_bounds(previous.iter().filter_map(|name| name.parse().ok()));
        self
    }

    pub(crate) fn to_san(&self) -> Result<Vec<SanType>, CertError> {
        self.0.iter().map(Name::to_san).collect()
    }

    fn of_any_machine() -> Self {
        let addresses = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        let localhost = Name::Dns("localhost".to_owned());
        Self(addresses.map(Name::Address).into_iter().chain([localhost]).collect())
    }

    fn extend_within_bounds(&mut self, more: impl Iterator<Item = Name>) {
        for name in more {
            if self.0.len() < MAX_NAMES {
                self.0.insert(name);
            }
        }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(Name::to_string).collect();
        f.write_str(&names.join(", "))
    }
}

impl Name {
    fn to_san(&self) -> Result<SanType, CertError> {
        Ok(match self {
            Self::Dns(name) => SanType::DnsName(name.as_str().try_into()?),
            Self::Address(address) => SanType::IpAddress(*address),
        })
    }
}

impl FromStr for Name {
    type Err = CertError;

    fn from_str(typed: &str) -> Result<Self, CertError> {
        let text = typed.trim();
        // Addresses come out of URLs in brackets.
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        let name = DnsName::try_from(text).map_err(|_| CertError::Name { name: typed.to_owned() })?;
        Ok(Self::Dns(name.as_ref().to_ascii_lowercase()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

fn host_names() -> impl Iterator<Item = Name> {
    let host = hostname::get().ok().and_then(|host| host.into_string().ok()).unwrap_or_default();
    let label = host.split('.').next().unwrap_or_default();
    // What mDNS calls this machine, unless it has no name of its own.
    let local = (label != "localhost").then(|| format!("{label}.local"));
    [Some(host), local].into_iter().flatten().filter_map(|name| name.parse().ok())
}

fn interface_addresses() -> impl Iterator<Item = Name> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.into_iter().map(|interface| interface.ip()).filter(is_useful).map(Name::Address)
}

/// A link-local address means something only together with an interface, which a certificate cannot say.
fn is_useful(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(extra: &[&str]) -> Result<Names, CertError> {
        Names::of_any_machine().with(extra.iter().map(ToString::to_string))
    }

    #[test]
    fn every_machine_is_called_localhost() {
        let names = Names::of_this_machine().to_string();
        for always in ["localhost", "127.0.0.1", "::1"] {
            assert!(names.split(", ").any(|name| name == always), "{always} is not in {names}");
        }
    }

    #[test]
    fn names_come_once_and_in_order() {
        let names = with(&["zoo.example.", "10.0.0.2", "Zoo.example", "[2001:db8::1]", "::ffff:10.0.0.2"]);
        let expected = "localhost, zoo.example, 10.0.0.2, 127.0.0.1, ::1, 2001:db8::1";
        assert_eq!(names.unwrap().to_string(), expected);
    }

    #[test]
    fn a_bad_name_is_refused_by_name() {
        for bad in
            ["", "has space", "http://x.example", "10.0.0.256", "*.example.org", "fe80::1%eth0", "校园"]
        {
            let error = with(&["good.example", bad]).unwrap_err();
            assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
        }
    }

    #[test]
    fn too_many_names_are_refused() {
        let many = (0..=MAX_NAMES).map(|n| format!("host{n}.example"));
        assert!(matches!(Names::of_any_machine().with(many), Err(CertError::TooManyNames)));
    }

    #[test]
    fn previous_names_are_kept_as_far_as_they_fit() {
        let many: Vec<String> = (0..=MAX_NAMES).map(|n| format!("host{n}.example")).collect();
        let names = Names::of_any_machine().keeping(&many);
        assert_eq!(names.0.len(), MAX_NAMES);
        assert!(names.to_string().contains("localhost, "), "{names}");
    }

    #[test]
    fn link_local_addresses_are_left_out() {
        let useful = |text: &str| is_useful(&text.parse().unwrap());
        assert!(!useful("169.254.3.4") && !useful("fe80::1"));
        assert!(useful("192.168.1.20") && useful("fd00::1"));
    }
}
