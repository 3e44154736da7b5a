//! Facts as they could be, and what is said about them.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use sotto_certs::{Existing, Names};
use tempfile::TempDir;

use super::machine::Facts;
use super::{Advice, Weight, certificate, doors, files, machine};
use crate::config::{Config, RawConfig, Registration};
use crate::data_dir;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn config(dir: &Path, change: impl FnOnce(&mut RawConfig)) -> Config {
    let mut raw = RawConfig { data_dir: Some(dir.to_owned()), ..RawConfig::default() };
    change(&mut raw);
    raw.decide(None).unwrap()
}

fn private_dir() -> TempDir {
    let dir = TempDir::new().unwrap();
    set_mode(dir.path(), 0o700);
    dir
}

fn nothing_changed(_: &mut RawConfig) {}

/// A machine on which there is nothing to say.
fn sound() -> Facts {
    let now = SystemTime::now();
    let addresses = vec!["127.0.0.1".parse().unwrap(), "192.168.1.5".parse().unwrap()];
    Facts { addresses, now, written: Some(now), free: Some(10 << 30), open_files: 1 << 16, is_root: false }
}

/// The only thing said, with its weight.
fn only(advice: impl IntoIterator<Item = Advice>) -> (Weight, String) {
    let mut advice: Vec<_> = advice.into_iter().collect();
    let one = advice.pop().unwrap_or_else(|| panic!("nothing was said"));
    assert_eq!(advice, [], "more than one thing was said");
    assert!(!one.remedy.is_empty());
    (one.weight, one.to_string())
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn a_sound_set_up_is_not_complained_of() {
    let dir = private_dir();
    let (config, facts) = (config(dir.path(), nothing_changed), sound());
    sotto_certs::mint(&dir.path().join(data_dir::IDENTITY), &Names::of_this_machine(), Existing::Keep)
        .unwrap();
    assert_eq!(doors::judge(&config, &facts.addresses), []);
    assert_eq!(files::judge(&config), []);
    assert_eq!(certificate::judge(&config, facts.now), None);
    assert_eq!(machine::judge(&config, &facts), []);
}

#[test]
fn open_registration_weighs_what_the_address_does() {
    let dir = private_dir();
    let said = |listen: &str, address: &str| {
        let open = config(dir.path(), |raw| {
            raw.registration = Some(Registration::Open);
            raw.listen = Some(format!("{listen}:7443"));
        });
        let address: IpAddr = address.parse().unwrap();
        doors::judge(&open, &[address]).first().map(|one| one.weight)
    };
    assert_eq!(said("127.0.0.1", "93.184.215.14"), None);
    assert_eq!(said("192.168.1.5", "93.184.215.14"), Some(Weight::Warning));
    for public in ["93.184.215.14", "2a01:4f8::1"] {
        assert_eq!(said("0.0.0.0", public), Some(Weight::Danger), "{public}");
    }
    for private in ["10.0.0.1", "172.16.3.4", "100.64.0.1", "169.254.1.1", "fe80::1", "fd00::1"] {
        assert_eq!(said("0.0.0.0", private), Some(Weight::Warning), "{private}");
    }
    assert_eq!(said("93.184.215.14", "10.0.0.1"), Some(Weight::Danger));
}

#[test]
fn a_plaintext_door_that_others_can_reach_is_a_danger() {
    let dir = private_dir();
    let door = |address: &str| {
        config(dir.path(), |raw| {
            raw.plaintext_compat = Some(address.to_owned());
            raw.plaintext_compat_any_interface = true;
        })
    };
    let (weight, said) = only(doors::judge(&door("0.0.0.0:8888"), &[]));
    assert!(weight == Weight::Danger && said.contains("0.0.0.0:8888"), "{said}");
    assert_eq!(doors::judge(&door("127.0.0.1:8888"), &[]), []);
}

#[test]
fn a_guard_that_is_off_is_named_where_strangers_come() {
    let dir = private_dir();
    let off = |listen: &str| {
        config(dir.path(), |raw| {
            raw.listen = Some(listen.to_owned());
            raw.limit = vec!["failed-logins=0".to_owned(), "file-days=0".to_owned()];
        })
    };
    let (weight, said) = only(doors::judge(&off("192.168.1.5:1"), &[]));
    assert!(weight == Weight::Warning && said.contains("failed-logins"), "{said}");
    assert_eq!(doors::judge(&off("127.0.0.1:1"), &[]), []);
}

#[test]
fn what_others_can_read_is_named_with_its_remedy() {
    let dir = private_dir();
    let config = config(dir.path(), nothing_changed);
    let identity = dir.path().join(data_dir::IDENTITY);
    sotto_certs::mint(&identity, &Names::of_this_machine(), Existing::Keep).unwrap();
    set_mode(&identity.join("identity.key"), 0o644);
    assert_eq!(files::judge(&config), [], "nobody else gets into the directory");
    set_mode(dir.path(), 0o755);
    let said: Vec<_> = files::judge(&config).iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("DANGER: ") && said[0].contains("chmod 700"), "{said:?}");
    assert!(
        said[1].starts_with("DANGER: ") && said[1].contains("chmod 600") && said[1].contains("identity.key")
    );
    set_mode(dir.path(), 0o750);
    assert_eq!(only(files::judge(&config)).0, Weight::Warning);
}

#[test]
fn a_key_beside_a_certificate_of_ones_own_is_looked_at() {
    let (dir, certs) = (private_dir(), private_dir());
    sotto_certs::mint(certs.path(), &Names::of_this_machine(), Existing::Keep).unwrap();
    let key = certs.path().join("server.key");
    let config = config(dir.path(), |raw| {
        (raw.cert, raw.key) = (Some(certs.path().join("server.pem")), Some(key.clone()));
    });
    set_mode(&key, 0o640);
    assert_eq!(files::judge(&config), []);
    set_mode(&key, 0o644);
    assert_eq!(only(files::judge(&config)).0, Weight::Danger);
    fs::write(&key, "").unwrap();
    let (weight, said) = only(certificate::judge(&config, SystemTime::now()));
    assert!(weight == Weight::Danger && said.contains("server.key"), "{said}");
}

#[test]
fn a_certificate_is_told_from_its_end_and_from_its_beginning() {
    let dir = private_dir();
    let config = config(dir.path(), nothing_changed);
    let identity = dir.path().join(data_dir::IDENTITY);
    sotto_certs::mint(&identity, &Names::of_this_machine(), Existing::Keep).unwrap();
    let now = SystemTime::now();
    let at = |now| certificate::judge(&config, now);
    assert_eq!(at(now + 60 * DAY), None);
    assert_eq!(only(at(now + 80 * DAY)).0, Weight::Warning);
    let (weight, said) = only(at(now + 91 * DAY));
    assert!(weight == Weight::Danger && said.contains("expired"), "{said}");
    let (weight, said) = only(at(now - 30 * DAY));
    assert!(weight == Weight::Danger && said.contains("not valid yet") && said.contains("clock"), "{said}");
    fs::remove_file(identity.join("identity.key")).unwrap();
    assert_eq!(only(at(now)).0, Weight::Danger);
}

#[test]
fn a_machine_short_of_something_is_told_so() {
    let dir = private_dir();
    let config = config(dir.path(), nothing_changed);
    let said = |facts: Facts| only(machine::judge(&config, &facts));
    let weight = |facts: Facts| said(facts).0;
    let now = sound().now;
    assert_eq!(weight(Facts { free: Some(100 << 20), ..sound() }), Weight::Danger);
    assert_eq!(weight(Facts { free: Some(500 << 20), ..sound() }), Weight::Warning);
    assert_eq!(weight(Facts { is_root: true, ..sound() }), Weight::Warning);
    assert_eq!(weight(Facts { written: Some(now + DAY), ..sound() }), Weight::Warning);
    let long_ago = SystemTime::UNIX_EPOCH + DAY;
    assert_eq!(weight(Facts { now: long_ago, written: None, ..sound() }), Weight::Danger);
    let (weight, remedy) = said(Facts { open_files: 1024, ..sound() });
    assert!(weight == Weight::Warning && remedy.contains("LimitNOFILE=5128"), "{remedy}");
}
