//! The keyring of Linux desktops: whatever answers to org.freedesktop.secrets on the session bus (GNOME Keyring, KWallet,
//! KeePassXC). <https://specifications.freedesktop.org/secret-service-spec/0.2/>
//!
//! Secrets cross the bus as they are: it is a socket of this user's, and the specification's encryption protects from nobody who
//! could listen there without being the user.

use std::collections::HashMap;
use std::time::Duration;

use zbus::blocking::{Connection, MessageIterator, connection};
use zbus::message::Body;
use zbus::zvariant::{DynamicType, ObjectPath, OwnedObjectPath, OwnedValue, Value};
use zbus::{MatchRule, message};

use crate::staying::{Keyring, Name, NoKeyring};

const SERVICE: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
/// The collection that the user has made the usual one.
const USUAL: &str = "/org/freedesktop/secrets/aliases/default";
/// For an answer that needs nobody's password.
const ANSWERS: Duration = Duration::from_secs(5);
/// Stands for "no prompt is needed".
const NOTHING: &str = "/";

/// The keyring behind the session bus.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecretService;

/// Session, parameters, the secret, what kind of text it is.
type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

impl Keyring for SecretService {
    fn keep(&self, name: &Name, secret: &str) -> Result<(), NoKeyring> {
        let bus = Bus::open()?;
        bus.unlock(USUAL)?;
        let label = format!("Sotto: {} on {}", name.user, name.address);
        let about = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", Value::from(label)),
            ("org.freedesktop.Secret.Item.Attributes", Value::from(attributes(name))),
        ]);
        let secret: Secret =
            (bus.session.clone(), Vec::new(), secret.as_bytes().to_vec(), "text/plain".to_owned());
        let made = bus.call((USUAL, "Collection.CreateItem"), &(about, secret, true))?;
        let (_, prompt): (OwnedObjectPath, OwnedObjectPath) = made.deserialize()?;
        bus.prompt(&prompt)
    }

    fn find(&self, name: &Name) -> Result<Option<String>, NoKeyring> {
        let bus = Bus::open()?;
        let Some(item) = bus.item(name)? else { return Ok(None) };
        let found = bus.call((&item, "Item.GetSecret"), &(&bus.session,))?;
        let (_, _, secret, _): Secret = found.deserialize()?;
        Ok(String::from_utf8(secret).ok())
    }

    fn drop(&self, name: &Name) -> Result<(), NoKeyring> {
        let bus = Bus::open()?;
        let Some(item) = bus.item(name)? else { return Ok(()) };
        let prompt: OwnedObjectPath = bus.call((&item, "Item.Delete"), &())?.deserialize()?;
        bus.prompt(&prompt)
    }
}

/// By what a secret is found again.
fn attributes(name: &Name) -> HashMap<String, String> {
    let known_by = [("application", "sotto"), ("server", &name.address), ("user", name.user.key())];
    known_by.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// A conversation with the keyring.
struct Bus {
    connection: Connection,
    session: OwnedObjectPath,
}

impl Bus {
    fn open() -> Result<Self, NoKeyring> {
        let connection = connection::Builder::session()?.method_timeout(ANSWERS).build()?;
        let mut bus = Self { connection, session: OwnedObjectPath::default() };
        let opened = bus.call((ROOT, "Service.OpenSession"), &("plain", Value::from("")))?;
        let (_, session): (OwnedValue, OwnedObjectPath) = opened.deserialize()?;
        bus.session = session;
        Ok(bus)
    }

    fn call(
        &self,
        (path, method): (&str, &str),
        arguments: &(impl serde::Serialize + DynamicType),
    ) -> Result<Body, NoKeyring> {
        let (interface, method) = method.split_once('.').unwrap_or(("Service", method));
        let interface = format!("org.freedesktop.Secret.{interface}");
        let answer =
            self.connection.call_method(Some(SERVICE), path, Some(interface.as_str()), method, arguments)?;
        Ok(answer.body())
    }

    /// What is kept under this name, unlocked.
    fn item(&self, name: &Name) -> Result<Option<OwnedObjectPath>, NoKeyring> {
        let found = self.call((ROOT, "Service.SearchItems"), &(attributes(name),))?;
        let (open, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = found.deserialize()?;
        if let Some(item) = open.into_iter().next() {
            return Ok(Some(item));
        }
        let Some(item) = locked.into_iter().next() else { return Ok(None) };
        self.unlock(&item)?;
        Ok(Some(item))
    }

    fn unlock(&self, what: &str) -> Result<(), NoKeyring> {
        let what = ObjectPath::try_from(what).map_err(zbus::Error::from)?;
        let unlocked = self.call((ROOT, "Service.Unlock"), &(vec![what],))?;
        let (_, prompt): (Vec<OwnedObjectPath>, OwnedObjectPath) = unlocked.deserialize()?;
        self.prompt(&prompt)
    }

    /// Lets the keyring ask its owner, and waits for the answer.
    fn prompt(&self, prompt: &OwnedObjectPath) -> Result<(), NoKeyring> {
        if prompt.as_str() == NOTHING {
            return Ok(());
        }
        let answers = MatchRule::builder()
            .msg_type(message::Type::Signal)
            .path(prompt)?
            .interface("org.freedesktop.Secret.Prompt")?
            .member("Completed")?
            .build();
        let mut answers = MessageIterator::for_match_rule(answers, &self.connection, None)?;
        self.call((prompt, "Prompt.Prompt"), &("",))?;
        let silent = || NoKeyring("it has gone while its owner was asked".to_owned());
        let body = answers.next().ok_or_else(silent)??.body();
        let (dismissed, _): (bool, OwnedValue) = body.deserialize()?;
        if dismissed { Err(NoKeyring("its owner said no".to_owned())) } else { Ok(()) }
    }
}

impl From<zbus::Error> for NoKeyring {
    fn from(error: zbus::Error) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;
    use std::process::Command;
    use std::time::Instant;

    use super::*;

    /// Says to the test what it is to do, on a bus of its own.
    const ROLE: &str = "SOTTO_TEST_KEYRING";
    const BUS: &str = r#"<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>
        <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
        </busconfig>"#;

    fn name(user: &str) -> Name {
        Name { address: "lab:1".to_owned(), user: user.parse().unwrap() }
    }

    fn is_there(program: &str) -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
    }

    /// Runs one of these tests again, on a bus that nothing else is on, after `before`. False: that cannot be done here.
    fn on_a_bus(test: &str, before: &str) -> bool {
        if !is_there("dbus-run-session") || before.contains("keyring") && !is_there("gnome-keyring-daemon") {
            let _ = writeln!(std::io::stderr(), "skipped: install dbus and gnome-keyring");
            return false;
        }
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("bus.conf");
        std::fs::write(&config, BUS).unwrap();
        let mut command = Command::new("dbus-run-session");
        command.arg("--config-file").arg(&config).args(["--", "sh", "-c"]);
        command.arg(format!("{before} exec \"$0\" --exact secret_service::tests::{test} --nocapture"));
        command.arg(std::env::current_exe().unwrap()).env(ROLE, test);
        for home in ["HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"] {
            command.env(home, Path::new(dir.path()));
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        true
    }

    fn plays(test: &str) -> bool {
        std::env::var(ROLE).is_ok_and(|role| role == test)
    }

    #[test]
    fn the_system_s_keyring_keeps_finds_and_lets_go() {
        let test = "the_system_s_keyring_keeps_finds_and_lets_go";
        if !plays(test) {
            on_a_bus(test, "printf pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null;");
            return;
        }
        let keyring = SecretService;
        // It is on the bus a moment after its program has been started.
        let began = Instant::now();
        while keyring.find(&name("ann")).is_err() && began.elapsed() < ANSWERS {
            std::thread::yield_now();
        }
        assert_eq!(keyring.find(&name("ann")), Ok(None));
        for secret in ["one", "another"] {
            keyring.keep(&name("ann"), secret).unwrap();
            assert_eq!(keyring.find(&name("ANN")), Ok(Some(secret.to_owned())));
        }
        assert_eq!(keyring.find(&name("bob")), Ok(None));
        keyring.drop(&name("ann")).unwrap();
        assert_eq!(keyring.find(&name("ann")), Ok(None));
        keyring.drop(&name("ann")).unwrap();
    }

    #[test]
    fn a_bus_without_a_keyring_says_so() {
        let test = "a_bus_without_a_keyring_says_so";
        if !plays(test) {
            on_a_bus(test, "");
            return;
        }
        assert!(SecretService.keep(&name("ann"), "secret").is_err());
        assert!(SecretService.find(&name("ann")).is_err());
    }
}
