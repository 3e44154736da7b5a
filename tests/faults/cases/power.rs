//! The power is cut: what the disk had been given is there, and nothing else.
//!
//! The server's disk is an image file that lies on a file system which copies a file in one instant. The copy has what the
//! server's file system has given to its disk, not what it still has in memory. The server is not killed before: it is left
//! behind on the old disk, and a new one is started on the copy. A disk that itself loses what it has said is written is not
//! modelled.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use sotto_proto::FileHash;

use super::{NotRun, Row, SYNC, Scale, needs_strace, strace, talk};
use crate::courier::Courier;
use crate::database::{files_are_there, is_sound, look_at};
use crate::mounts::{Mount, run, text};
use crate::stage::{SETTLING, Stage, Talk};
use sotto_judge::Random;
use sotto_judge::Verdict;

const MIB: u64 = 1024 * 1024;
/// Small files that go along, at most.
const FILES: usize = 3000;
/// Cuts for the control: each is enough.
const CONTROLS: usize = 2;
/// Milliseconds between two messages of each who talks: as fast as can be, two hundred cuts fill the disk.
const PAUSE: u64 = 4;
/// In the control people wait for what is lost: after this it is not going to come.
const LOST_BY_NOW: Duration = Duration::from_secs(10);

/// With a server as it is; and then with one whose syncs do nothing, which has to be seen to lose something.
pub(crate) async fn power(scale: Scale) -> anyhow::Result<Row> {
    if rustix::process::geteuid().as_raw() != 0 {
        return Err(NotRun("it takes root to mount disks").into());
    }
    needs_strace()?;
    run("mkfs.btrfs", &["--version"]).map_err(|_| NotRun("mkfs.btrfs is missing"))?;
    drop(Disk::new().map_err(|_| NotRun("disks cannot be mounted here"))?);
    let verdict = cuts(scale, (&[], SETTLING)).await?;
    let careless = strace(SYNC, &format!("{SYNC}:retval=0"), None);
    let control = cuts(Scale { cycles: CONTROLS, ..scale }, (&careless, LOST_BY_NOW)).await?;
    let lost = control.lost.len();
    anyhow::ensure!(lost > 0, "without syncs nothing was lost: the power was not cut");
    let first = control.lost.first().map_or("", String::as_str);
    let note = format!("without syncs {lost} lost: {first} …");
    Ok(Row { cycles: scale.cycles, note, verdict })
}

/// What a cut has damaged counts as lost, and is the end.
async fn cuts(scale: Scale, (wrapper, patience): (&[String], Duration)) -> anyhow::Result<Verdict> {
    let mut random = Random::new(scale.seed);
    let mut disk = Disk::new()?;
    let data = disk.inner.path().join("data");
    let talk = Talk { in_flight: 64, pause: PAUSE, ..talk(scale.seed) };
    let mut stage = Stage::set_in(&data, wrapper, talk).await?;
    let courier = Courier::sets_out(stage.dial(), FILES, scale.seed).await?;
    // Who there is and what they have said so far is not what a control is to lose.
    run("sync", &["-f", text(disk.inner.path())?])?;
    for _ in 0..scale.cycles {
        stage.goes_on_for(300 + random.index(1500)).await?;
        // From here on nobody hears of anything that the disk may not get.
        stage.proxy.cut().await;
        stage.aside.cut().await;
        let acknowledged = courier.done();
        disk.cut()?;
        stage.kill();
        disk.comes_back()?;
        let starts = stage.start_under(wrapper)?.then_some(()).context("the server does not start");
        if let Err(damage) = starts.and_then(|()| found(&data, &acknowledged)) {
            // Nobody could go on from here as if nothing had happened.
            return Ok(Verdict { lost: vec![format!("{damage:#}")], ..Verdict::default() });
        }
    }
    stage.goes_on_for(300).await?;
    courier.comes_home().await?;
    // What is there when all is over is judged as it is on this disk.
    stage.settle_within(patience).await
}

/// An error if the database, or a file that was acknowledged, is not what it was.
fn found(data: &Path, acknowledged: &[FileHash]) -> anyhow::Result<()> {
    is_sound(&look_at(&data.join("sotto.db"))?)?;
    files_are_there(data, acknowledged)?;
    Ok(())
}

/// A disk on a disk. What is inside goes first.
struct Disk {
    inner: Mount,
    images: [PathBuf; 2],
    _outer: Mount,
    _scratch: tempfile::TempDir,
}

impl Disk {
    fn new() -> anyhow::Result<Self> {
        let scratch = tempfile::tempdir()?;
        let image = sized(scratch.path().join("outer.img"), 2048 * MIB)?;
        run("mkfs.btrfs", &["-q", text(&image)?])?;
        let outer = Mount::image(&image)?;
        let images = ["inner.img", "copy.img"].map(|name| outer.path().join(name));
        let [inner, _] = &images;
        sized(inner.clone(), 384 * MIB)?;
        run("mkfs.ext4", &["-q", "-F", text(inner)?])?;
        let inner = Mount::image(inner)?;
        Ok(Self { inner, images, _outer: outer, _scratch: scratch })
    }

    /// The instant: what the disk has now is all that will be there.
    fn cut(&self) -> anyhow::Result<()> {
        let [from, to] = &self.images;
        run("cp", &["--reflink=always", text(from)?, text(to)?])
    }

    /// The disk as it was then takes the place of what has gone on since.
    fn comes_back(&mut self) -> anyhow::Result<()> {
        let [gone, now] = &self.images;
        self.inner.change_to(now)?;
        std::fs::remove_file(gone)?;
        self.images.reverse();
        Ok(())
    }
}

fn sized(path: PathBuf, bytes: u64) -> anyhow::Result<PathBuf> {
    std::fs::File::create_new(&path)?.set_len(bytes)?;
    Ok(path)
}
