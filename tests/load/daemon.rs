//! The IRC servers that Sotto is shown beside: Debian's packages, each in a process of its own, with everything turned off that holds
//! clients back or looks them up.

use std::fs::Permissions;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::ValueEnum;
use sotto_certs::{Existing, IDENTITY_CERTIFICATE, Names, SERVER_CERTIFICATE, SERVER_KEY};
use tempfile::TempDir;

/// How long one may take until it listens: ngircd computes parameters for an old key exchange first.
const START: Duration = Duration::from_mins(2);
/// Between two looks whether it listens.
const LOOK: Duration = Duration::from_millis(20);

/// One of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Daemon {
    Ngircd,
    Inspircd,
}

/// One of them at work. It ends with this.
pub(crate) struct Running {
    child: Child,
    pub(crate) port: u16,
    /// Its configuration and its certificate.
    dir: TempDir,
}

impl Daemon {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ngircd => "ngircd",
            Self::Inspircd => "inspircd",
        }
    }

    pub(crate) fn start(self) -> anyhow::Result<Running> {
        let dir = tempfile::tempdir()?;
        sotto_certs::mint(dir.path(), &Names::of_this_machine(), Existing::Keep)?;
        let port = free_port()?;
        let config = dir.path().join("config");
        std::fs::write(&config, self.config(dir.path(), port)?)?;
        // One that root starts may go on as nobody, and then reads this.
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755))?;
        std::fs::set_permissions(dir.path().join(SERVER_KEY), Permissions::from_mode(0o644))?;
        let mut command = self.command(&config);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| {
            format!("{} cannot be started; scripts/compare.sh says how to install it", self.name())
        })?;
        let mut running = Running { child, port, dir };
        running.listens().with_context(|| format!("{} is not there", self.name()))?;
        Ok(running)
    }

    fn command(self, config: &Path) -> Command {
        let mut command = Command::new(self.name());
        match self {
            Self::Ngircd => command.args(["--nodaemon", "--config"]).arg(config),
            Self::Inspircd => command
                .args(["--nofork", "--nopid", "--runasroot"])
                .arg(format!("--config={}", config.display())),
        };
        command
    }

    fn config(self, dir: &Path, port: u16) -> anyhow::Result<String> {
        let (certificate, key) = (dir.join(SERVER_CERTIFICATE), dir.join(SERVER_KEY));
        let (certificate, key, dir) = (certificate.display(), key.display(), dir.display());
        Ok(match self {
            // It always listens without encryption as well.
            Self::Ngircd => format!(
                "[Global]\nName = irc.test\nInfo = measured\nListen = 127.0.0.1\nPorts = {}\nMotdPhrase = measured\n\
                 [Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxJoins = 0\nMaxNickLength = 31\nMaxPenaltyTime = 0\n\
                 [Options]\nDNS = no\nIdent = no\nPAM = no\n\
                 [SSL]\nCertFile = {certificate}\nKeyFile = {key}\nPorts = {port}\n",
                free_port()?
            ),
            Self::Inspircd => format!(
                r#"<server name="irc.test" description="measured" network="measured" id="001">
<admin name="nobody" nick="nobody" email="nobody@irc.test">
<module name="ssl_gnutls">
<sslprofile name="tls" provider="gnutls" certfile="{certificate}" keyfile="{key}" hash="sha256">
<bind address="127.0.0.1" port="{port}" type="clients" sslprofile="tls">
<connect name="all" allow="*" limit="1000000" localmax="1000000" globalmax="1000000" maxconnwarn="no"
    fakelag="no" threshold="1000000" commandrate="1000000000" recvq="1M" softsendq="1G" hardsendq="1G"
    timeout="60" resolvehostnames="no" useident="no">
<performance softlimit="1000000" somaxconn="1024">
<limits maxnick="31">
<path datadir="{dir}" logdir="{dir}" runtimedir="{dir}">
"#
            ),
        })
    }
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The certificate of who it is.
    pub(crate) fn identity(&self) -> PathBuf {
        self.dir.path().join(IDENTITY_CERTIFICATE)
    }

    fn listens(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + START;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            let ended = self.child.try_wait()?;
            anyhow::ensure!(ended.is_none(), "it has ended at once: {ended:?}");
            anyhow::ensure!(Instant::now() < until, "it does not listen");
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody has just now: these servers cannot say which they were given.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
