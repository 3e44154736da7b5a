//! The desktop client in a window on a display that nobody sees, driven by its keyboard. Nothing sleeps: a
//! window is waited for by its title, and a picture until it has changed and then stands still.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use sotto_proto::Link;

use crate::PATIENCE;
use crate::binaries::desktop_binary;

/// The programs that this needs, and the Debian packages that have them.
pub const NEEDED: [(&str, &str); 4] =
    [("Xvfb", "xvfb"), ("xdotool", "xdotool"), ("import", "imagemagick"), ("xclip", "xclip")];

/// What is missing here.
#[must_use]
pub fn missing() -> Vec<&'static str> {
    let path = env::var_os("PATH").unwrap_or_default();
    let there = |program: &str| env::split_paths(&path).any(|directory| directory.join(program).is_file());
    NEEDED.iter().filter(|(program, _)| !there(program)).map(|(_, package)| *package).collect()
}

/// A display of its own. It ends with the test.
pub struct Display {
    server: Child,
    name: String,
    pictures: PathBuf,
}

impl Display {
    /// Starts one; its pictures go to a directory under `target`.
    pub fn open(pictures: &str) -> Self {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"]);
        let mut server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("Xvfb");
        let mut number = String::new();
        let stdout = server.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut number).expect("the number of the display");
        let name = format!(":{}", number.trim());
        let pictures = desktop_binary().with_file_name("pictures").join(pictures);
        std::fs::create_dir_all(&pictures).expect("a directory for pictures");
        Self { server, name, pictures }
    }

    /// A program on this display.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.name).env("LC_ALL", "C.UTF-8").env_remove("WAYLAND_DISPLAY");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The output of a program on this display, which has to succeed in time.
    fn output(&self, program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
        let seconds = PATIENCE.as_secs().to_string();
        let mut command = self.command("timeout");
        command.arg(seconds).arg(program).args(arguments).stdout(Stdio::piped());
        let output = command.output().expect("a process");
        output.status.success().then_some(output.stdout)
    }

    /// Opens the desktop client.
    pub fn client(&self, link: &Link, (user, lang, profile): (&str, &str, &Path)) -> Window<'_> {
        std::fs::create_dir_all(profile).expect("a directory");
        // Nothing moves by itself: a picture that stands still is finished.
        std::fs::write(profile.join("settings.toml"), "still = true\nnotify = \"off\"\n").expect("a file");
        let mut command = self.command(desktop_binary());
        command.arg(link.to_string()).args(["--user", user, "--lang", lang, "--theme", "light"]);
        command.arg("--profile").arg(profile).env("SOTTO_PASSWORD", crate::PASSWORD);
        command.env("LIBGL_ALWAYS_SOFTWARE", "1").env("XDG_RUNTIME_DIR", profile);
        let program = command.spawn().expect("the desktop client");
        let mut window = Window { display: self, program, id: String::new() };
        window.id = window.titled("^Sotto");
        window
    }

    /// Puts a text on the clipboard.
    pub fn clip(&self, text: &str) {
        let mut command = self.command("xclip");
        command.args(["-selection", "clipboard", "-in"]).stdin(Stdio::piped());
        let mut xclip = command.spawn().expect("xclip");
        xclip.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("a reader");
        assert!(xclip.wait().expect("xclip").success(), "the clipboard takes it");
    }

    /// What is on the clipboard.
    pub fn clipped(&self) -> String {
        let text = self.output("xclip", &["-selection", "clipboard", "-out"]);
        String::from_utf8(text.expect("something on the clipboard")).expect("UTF-8")
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The client's window. It is killed with the test.
pub struct Window<'a> {
    display: &'a Display,
    program: Child,
    id: String,
}

impl Window<'_> {
    /// Waits until its title matches.
    pub fn titled(&self, title: &str) -> String {
        let id = self.program.id().to_string();
        let search = ["search", "--sync", "--all", "--onlyvisible", "--pid", &id, "--name", title];
        let found = self.display.output("xdotool", &search);
        let found = found.unwrap_or_else(|| {
            if !self.id.is_empty() {
                self.keep_picture("stuck");
            }
            panic!("waited too long for a window called {title}")
        });
        String::from_utf8(found).expect("a number").lines().last().expect("a window").to_owned()
    }

    /// Puts it in front and gives it the keyboard, as a window manager would.
    pub fn focus(&self) {
        let raised = self.display.output("xdotool", &["windowraise", &self.id]);
        assert!(raised.is_some(), "the window comes to the front");
        let focused = self.display.output("xdotool", &["windowfocus", "--sync", &self.id]);
        assert!(focused.is_some(), "the window takes the keyboard");
    }

    /// Presses a key.
    pub fn press(&self, key: &str) {
        let pressed = self.display.output("xdotool", &["key", key]);
        assert!(pressed.is_some(), "{key} can be pressed");
    }

    /// Presses keys, and waits after each until it has done something that can be seen: two that come within
    /// one frame are one to the program.
    pub fn presses(&self, keys: &[&str]) {
        for key in keys {
            let before = self.picture();
            self.press(key);
            self.changes(&before);
        }
    }

    /// Writes a text, by way of the clipboard, and waits until it can be seen.
    pub fn pastes(&self, text: &str) {
        self.display.clip(text);
        self.presses(&["ctrl+v"]);
    }

    fn changes(&self, before: &[u8]) {
        let begin = Instant::now();
        let mut last = before.to_vec();
        loop {
            let now = self.picture();
            if now != before && now == last {
                return;
            }
            if begin.elapsed() > PATIENCE {
                self.keep_picture("stuck");
                panic!("waited too long for the window to change and stand still: changed {}", now != before);
            }
            last = now;
        }
    }

    fn picture(&self) -> Vec<u8> {
        let picture = self.display.output("import", &["-window", &self.id, "rgb:-"]);
        picture.expect("a picture of the window")
    }

    /// Keeps a picture among the output of the tests.
    pub fn keep_picture(&self, name: &str) {
        let file = self.display.pictures.join(name).with_extension("png");
        let kept = self.display.output("import", &["-window", &self.id, &file.to_string_lossy()]);
        assert!(kept.is_some(), "{} can be written", file.display());
    }

    /// Waits for its end; whether that was a good one.
    pub fn ends_well(&mut self) -> bool {
        self.program.wait().expect("an end").success()
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
