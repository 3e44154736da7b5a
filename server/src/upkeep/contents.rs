//! Copying what a server needs from one directory to another: the database as of one moment, the files it names, and who the
//! server is.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use sotto_proto::{FileId, FileStage};

use super::{Progress, Tell, disk};
use crate::data_dir::{DATABASE, IDENTITY, INVITE, SETTINGS, SPOOL};
use crate::spool;
use crate::store::sqlite::{self, Inspection, KeptFile};

/// Copies all of it into a directory that is empty. It is on the disk when this returns, and has not been looked through.
///
/// The database comes first and decides which files belong to it; one that has been let go of since then is noted as that in the
/// copy. Files that are still on their way to the server are left out: they are sent anew. Links to the server's files, which
/// would be faster, were no copies: what befalls one befalls both.
pub(super) fn copy(from: &Path, to: &Path, tell: Tell<'_>) -> anyhow::Result<()> {
    copy_database(from, to, tell)?;
    copy_files(from, to, tell)?;
    for name in [INVITE, SETTINGS] {
        copy_small(&from.join(name), &to.join(name))?;
    }
    copy_identity(&from.join(IDENTITY), &to.join(IDENTITY))?;
    disk::sync_dir(to).with_context(|| cannot_write(to))
}

/// That a directory is one that a server has run on, or a backup of one.
pub(super) fn ensure_data(dir: &Path) -> anyhow::Result<()> {
    let database = dir.join(DATABASE);
    ensure!(
        database.exists(),
        "{} holds no data of a Sotto server: there is no {DATABASE} in it",
        dir.display()
    );
    ensure!(
        !super::install::is_pending(dir),
        "a restore into {} was cut short; start the server there, or restore again, to finish it",
        dir.display()
    );
    Ok(())
}

pub(super) fn copy_database(from: &Path, to: &Path, tell: Tell<'_>) -> anyhow::Result<()> {
    let (source, copy) = (from.join(DATABASE), to.join(DATABASE));
    drop(disk::make_file(&copy).with_context(|| cannot_write(&copy))?);
    let told = |done, all| tell(Progress { doing: "copying the database", done, all });
    sqlite::copy(&source, &copy, &told).with_context(|| {
        let (source, copy) = (source.display(), copy.display());
        format!("cannot copy the database {source} to {copy}; is the disk full, or the database damaged?")
    })?;
    File::open(&copy).and_then(|file| disk::settle(&file)).with_context(|| cannot_write(&copy))
}

pub(super) fn copy_files(from: &Path, to: &Path, tell: Tell<'_>) -> anyhow::Result<()> {
    let spool = to.join(SPOOL);
    disk::make_dir(&spool).with_context(|| cannot_write(&spool))?;
    let copy = Inspection::open(&to.join(DATABASE))?;
    if !copy.is_current() {
        // What was written by an earlier version has the same files, if it has any.
        return copy_all_files(&from.join(SPOOL), &spool);
    }
    let (mut after, mut done, mut gone) = (None, 0, Vec::new());
    loop {
        let page = copy.files_after(after)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for file in page.iter().filter(|file| file.stage == FileStage::Stored) {
            match copy_file(file, &from.join(SPOOL), &spool)? {
                None => done += file.size,
                Some(_) if !Inspection::open(&from.join(DATABASE))?.keeps(file.id)? => gone.push(file.id),
                Some(complaint) => bail!(
                    "{complaint}; nothing can be copied until it is taken back by its sender, or too old; \
                     sotto-server verify looks for more"
                ),
            }
            tell(Progress { doing: "copying files", done, all: 0 });
        }
    }
    drop(copy);
    note_gone(&to.join(DATABASE), &gone)?;
    sync_folders(&spool)
}

/// Files that were let go of while others were copied.
fn note_gone(database: &Path, gone: &[FileId]) -> anyhow::Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    sqlite::let_go(database, gone)?;
    File::open(database).and_then(|file| disk::settle(&file)).with_context(|| cannot_write(database))
}

/// Copies one file; what comes back is what is wrong with the original.
fn copy_file(file: &KeptFile, from: &Path, to: &Path) -> anyhow::Result<Option<String>> {
    let (source, copy) = (spool::place(from, file.id), spool::place(to, file.id));
    let original = match disk::open(&source) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Some(format!("the content of file {} is missing", file.id)));
        }
        opened => opened.with_context(|| cannot_read(&source))?,
    };
    let (size, hash) = pour(&original, (&source, &copy))?;
    if (size, hash) == (file.size, file.hash) {
        return Ok(None);
    }
    fs::remove_file(&copy).with_context(|| cannot_write(&copy))?;
    Ok(Some(format!("the content of file {} is not what was offered", file.id)))
}

/// Copies what is open, and says what it was.
fn pour(original: &File, (source, copy): (&Path, &Path)) -> anyhow::Result<(u64, sotto_proto::FileHash)> {
    if let Some(folder) = copy.parent().filter(|folder| !folder.exists()) {
        disk::make_dir(folder).with_context(|| cannot_write(folder))?;
    }
    let mut written = disk::make_file(copy).with_context(|| cannot_write(copy))?;
    let mut not_written = None;
    let read = disk::read(original, |piece| {
        written.write_all(piece).map_err(|error| {
            not_written = Some(error);
            io::ErrorKind::Other.into()
        })
    });
    if let Some(error) = not_written {
        return Err(error).with_context(|| cannot_write(copy));
    }
    let read = read.with_context(|| cannot_read(source))?;
    disk::settle(&written).with_context(|| cannot_write(copy))?;
    Ok(read)
}

/// Copies whatever is in a spool.
fn copy_all_files(from: &Path, to: &Path) -> anyhow::Result<()> {
    for path in spool::list(from).with_context(|| cannot_read(from))? {
        if let Ok(within) = path.strip_prefix(from) {
            copy_small(&path, &to.join(within))?;
        }
    }
    sync_folders(to)
}

fn sync_folders(spool: &Path) -> anyhow::Result<()> {
    let sync = || {
        for folder in fs::read_dir(spool)? {
            disk::sync_dir(&folder?.path())?;
        }
        disk::sync_dir(spool)
    };
    sync().with_context(|| cannot_write(spool))
}

/// There is none where the certificate is somewhere else.
fn copy_identity(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.exists() {
        return Ok(());
    }
    disk::make_dir(to).with_context(|| cannot_write(to))?;
    for entry in fs::read_dir(from).with_context(|| cannot_read(from))? {
        let entry = entry.with_context(|| cannot_read(from))?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        // Those that were in force before, and the one that follows.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            copy_identity(&from, &to)?;
        } else {
            copy_small(&from, &to)?;
        }
    }
    disk::sync_dir(to).with_context(|| cannot_write(to))
}

/// Copies a file, if there is one.
fn copy_small(from: &Path, to: &Path) -> anyhow::Result<()> {
    if from.is_file() {
        let original = File::open(from).with_context(|| cannot_read(from))?;
        pour(&original, (from, to))?;
    }
    Ok(())
}

pub(super) fn cannot_read(path: &Path) -> String {
    format!("cannot read {}", path.display())
}

pub(super) fn cannot_write(path: &Path) -> String {
    format!("cannot write {}; is the disk full?", path.display())
}
