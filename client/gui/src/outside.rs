//! What the desktop does for the program: dialogs for files, its file manager, its programs. No name of a file goes through
//! a shell.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sotto_proto::FileId;

use crate::backend::Picked;

/// Nobody closes a dialog as fast as this: there was none.
const NO_DIALOG: Duration = Duration::from_millis(400);

/// Asks which files to send.
pub(crate) async fn pick_files() -> Picked {
    let asked = Instant::now();
    match rfd::AsyncFileDialog::new().pick_files().await {
        Some(files) => Picked::Files(files.iter().map(|file| file.path().to_owned()).collect()),
        None => nothing(asked),
    }
}

/// Asks for a folder to save a file in.
pub(crate) async fn pick_folder(file: FileId) -> Picked {
    let asked = Instant::now();
    match rfd::AsyncFileDialog::new().pick_folder().await {
        Some(folder) => Picked::Folder(file, folder.path().to_owned()),
        None => nothing(asked),
    }
}

fn nothing(asked: Instant) -> Picked {
    if asked.elapsed() < NO_DIALOG { Picked::NoDialog } else { Picked::Nothing }
}

/// Shows where a file is; if the file manager cannot, at least its folder.
pub(crate) fn reveal(path: &Path) {
    if show_items(path).is_none() {
        open(path.parent().unwrap_or(path));
    }
}

#[cfg(target_os = "linux")]
fn show_items(path: &Path) -> Option<()> {
    let url = file_url(path)?;
    let manager = "org.freedesktop.FileManager1";
    let connection = zbus::blocking::Connection::session().ok()?;
    let items: (Vec<&str>, &str) = (vec![&url], "");
    connection
        .call_method(Some(manager), "/org/freedesktop/FileManager1", Some(manager), "ShowItems", &items)
        .ok()
        .map(drop)
}

#[cfg(target_os = "macos")]
fn show_items(path: &Path) -> Option<()> {
    run(Command::new("open").arg("-R").arg(path))
}

#[cfg(target_os = "windows")]
fn show_items(path: &Path) -> Option<()> {
    let mut argument = std::ffi::OsString::from("/select,");
    argument.push(path);
    run(Command::new("explorer").arg(argument))
}

#[cfg(target_os = "linux")]
fn file_url(path: &Path) -> Option<String> {
    let mut url = String::from("file://");
    for byte in path.to_str()?.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(url)
}

/// Opens a file or a folder with the program that the system has for it.
pub(crate) fn open(path: &Path) {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(target_os = "windows") {
        "explorer"
    } else {
        "xdg-open"
    };
    if run(Command::new(opener).arg(path)).is_none() {
        tracing::warn!(opener, "the system cannot open a file");
    }
}

fn run(command: &mut Command) -> Option<()> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    child.wait().ok().map(drop)
}

/// The paths in what was pasted, if it is nothing but files: as file managers put them on the clipboard.
pub(crate) fn pasted_files(text: &str) -> Option<Vec<std::path::PathBuf>> {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let path = |line: &&str| {
        decode(
            line.strip_prefix("file://")?.strip_prefix("localhost").unwrap_or(line.strip_prefix("file://")?),
        )
    };
    let paths: Option<Vec<_>> = lines.iter().map(path).collect();
    paths.filter(|paths| !paths.is_empty())
}

fn decode(url: &str) -> Option<std::path::PathBuf> {
    let mut bytes = Vec::with_capacity(url.len());
    let mut rest = url.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let path = std::path::PathBuf::from(String::from_utf8(bytes).ok()?);
    path.is_absolute().then_some(path)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn pasted_files_are_files_and_a_pasted_link_is_text() {
        let pasted = pasted_files("file:///home/ann/hw%203.pdf\r\nfile:///tmp/%E4%BD%9C%E4%B8%9A.png\n");
        assert_eq!(pasted, Some(vec![PathBuf::from("/home/ann/hw 3.pdf"), PathBuf::from("/tmp/作业.png")]));
        for text in
            ["", "hello", "file:///a\nand more", "https://example.org/a", "file://%2", "file:relative"]
        {
            assert_eq!(pasted_files(text), None, "{text}");
        }
    }
}
