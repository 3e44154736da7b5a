//! The real binaries, as somebody would start them.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::OnceLock;

use sotto_proto::Link;

/// The path of a binary of this workspace, built if it is not fresh.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&["sotto-server", "sotto-cli", "sotto-certs"])).join(name)
}

/// The path of the desktop client, which takes longer to build and which few tests need.
pub fn desktop_binary() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&["sotto-gui"])).join("sotto")
}

fn build(packages: &[&str]) -> PathBuf {
    // Of a test …/target/debug/deps/e2e-0123, of a tool …/target/debug/load.
    let own = std::env::current_exe().expect("a path of this program");
    let directory = own.parent().expect("a directory");
    let target = if directory.ends_with("deps") { directory.parent() } else { Some(directory) };
    let target = target.expect("a target directory").to_owned();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked"]).args(packages.iter().flat_map(|package| ["-p", package]));
    if target.ends_with("release") {
        cargo.arg("--release");
    }
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(cargo.status().expect("cargo").success(), "the binaries build");
    target
}

/// A server in a process of its own. It is killed with the test.
pub struct ServerProcess {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// Its one line on standard output.
    pub ready: String,
    /// The link in it.
    pub link: Link,
}

impl ServerProcess {
    /// Starts a server on `dir` and waits for its line.
    pub fn start(dir: &Path, arguments: &[&str]) -> Self {
        Self::run(server(dir, arguments))
    }

    /// As [`Self::start`], with the limits and the cost of passwords that it has when nothing is said.
    pub fn start_as_it_comes(dir: &Path, arguments: &[&str]) -> Self {
        let mut server = server_as_it_comes(dir);
        server.args(arguments);
        Self::run(server)
    }

    /// As [`Self::start`], with files that cannot grow beyond so many KiB: to it the disk is full then.
    pub fn start_within(dir: &Path, kib: u32) -> Self {
        Self::run(within(&server(dir, &[]), kib))
    }

    /// From now on it can write nothing, as on a disk that is full to the last byte. It has to be one of [`Self::start_within`].
    pub fn finds_the_disk_full(&self) {
        self.limit_files("0:");
    }

    /// There is room again.
    pub fn finds_room(&self) {
        self.limit_files("unlimited:");
    }

    fn limit_files(&self, limit: &str) {
        let mut prlimit = Command::new("prlimit");
        prlimit.args(["--pid", &self.id().to_string(), &format!("--fsize={limit}")]);
        assert!(prlimit.status().expect("prlimit").success(), "the size of files can be limited");
    }

    /// As [`Self::start`], by another program that becomes the server (`strace -D …`). `None`: it has ended before it was ready.
    pub fn start_under(wrapper: &[String], dir: &Path, arguments: &[&str]) -> Option<Self> {
        let server = server(dir, arguments);
        let Some((program, before)) = wrapper.split_first() else { return Self::try_run(server) };
        let mut wrapped = Command::new(program);
        wrapped.args(before).arg(server.get_program()).args(server.get_args());
        Self::try_run(wrapped)
    }

    fn run(command: Command) -> Self {
        Self::try_run(command).expect("a ready line with a link")
    }

    fn try_run(mut command: Command) -> Option<Self> {
        command.env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a process");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut ready = String::new();
        stdout.read_line(&mut ready).expect("a line");
        let Some(link) = ready.trim_end().split("link=").nth(1) else {
            child.wait().expect("an end");
            return None;
        };
        let link = link.parse().expect("a link");
        Some(Self { child, stdout, ready, link })
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a process").is_some()
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process to kill");
        self.child.wait().expect("an end");
    }

    /// Sends a signal by name, as `kill` does.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(status.expect("kill").success(), "the process can be signalled");
    }

    /// Waits for the end; returns the exit code and what was on standard output after the first line.
    pub fn wait(&mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("the rest of standard output");
        (self.child.wait().expect("an end").code(), rest)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command line whose process cannot make files grow beyond so many KiB.
#[must_use]
pub fn within(command: &Command, kib: u32) -> Command {
    let mut shell = Command::new("sh");
    // Ignored signals stay ignored: the write fails instead.
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -S -f {}; exec \"$0\" \"$@\"", kib * 2)]);
    shell.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    shell
}

/// A server's command line with cheap passwords, open doors and port 0.
pub fn server(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = server_as_it_comes(dir);
    command.args(["--argon2", "m=19456,t=2,p=1"]);
    let unlimited = ["messages-per-second=0", "lookups-per-second=0"];
    for limit in unlimited.iter().chain(&["connections-per-source=0", "strangers-per-source=0"]) {
        command.args(["--limit", limit]);
    }
    command.args(arguments);
    command
}

fn server_as_it_comes(dir: &Path) -> Command {
    let mut command = Command::new(binary("sotto-server"));
    command.arg("--data-dir").arg(dir);
    command.args(["--listen", "127.0.0.1:0", "--registration", "open"]);
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// The terminal client, for one user with a profile of their own.
#[derive(Clone)]
pub struct Cli {
    link: Link,
    user: String,
    profile: PathBuf,
}

impl Cli {
    /// Somebody with the server's link.
    #[must_use]
    pub fn new(link: &Link, user: &str, profiles: &Path) -> Self {
        Self { link: link.clone(), user: user.to_owned(), profile: profiles.join(user) }
    }

    /// As somebody with another device.
    pub fn keeps_its_profile_in(&mut self, profile: PathBuf) {
        self.profile = profile;
    }

    /// The command line, ready to be run.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("sotto-cli"));
        command.arg("--server").arg(self.link.to_string()).args(["--user", &self.user]);
        command.arg("--profile").arg(&self.profile).args(arguments);
        command.env("SOTTO_PASSWORD", crate::PASSWORD).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("a process")
    }

    /// Runs it, expects success, and returns the JSON lines of its standard output.
    pub fn json(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let output = self.run(&[&["--json"], arguments].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "sotto-cli {arguments:?}: {stderr}");
        let stdout = String::from_utf8(output.stdout).expect("UTF-8");
        stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
    }
}
