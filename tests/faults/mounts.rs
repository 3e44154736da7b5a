//! Disks of our own: small ones that can be filled, and ones from which the power is cut. They are gone when this is dropped.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use tempfile::TempDir;

/// A file system in a directory of its own.
pub(crate) struct Mount {
    /// `None`: not any more.
    place: Option<TempDir>,
    path: PathBuf,
}

impl Mount {
    /// Memory that is a disk of so many MiB.
    pub(crate) fn memory(mib: u32) -> anyhow::Result<Self> {
        Self::with(&["-t", "tmpfs", "-o", &format!("size={mib}m,mode=700"), "tmpfs"])
    }

    /// What is in an image file.
    pub(crate) fn image(image: &Path) -> anyhow::Result<Self> {
        Self::with(&["-o", "loop", text(image)?])
    }

    fn with(what: &[&str]) -> anyhow::Result<Self> {
        let place = tempfile::tempdir()?;
        run("mount", &[what, &[text(place.path())?]].concat())?;
        let path = place.path().to_owned();
        Ok(Self { place: Some(place), path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes this one away, and puts what is in an image file into its place.
    pub(crate) fn change_to(&mut self, image: &Path) -> anyhow::Result<()> {
        run("umount", &[text(&self.path)?])?;
        run("mount", &["-o", "loop", text(image)?, text(&self.path)?])
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        let unmounted = text(place.path()).and_then(|path| {
            // Whoever is still in it finds it as it was; the rest of the system does not find it.
            run("umount", &[path]).or_else(|_| run("umount", &["-l", path]))
        });
        if unmounted.is_err() {
            // What is in there is not ours to remove.
            let _ = place.keep();
        }
    }
}

/// Runs a program of the system to its end.
pub(crate) fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    // Not everybody's PATH has where these are.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("env");
    command.arg(format!("PATH={path}")).arg(program).args(arguments).stdin(Stdio::null());
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{program} {}: {}", arguments.join(" "), said.trim());
    Ok(())
}

pub(crate) fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is no text")
}
