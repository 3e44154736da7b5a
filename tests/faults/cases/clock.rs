//! The server's clock is put forward and back by a day while people chat. The monotonic clock goes on, as it does in life.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sotto_proto::Reply;
use sotto_tests::Person;

use super::{NotRun, Row, Scale, talk};
use crate::courier::Courier;
use crate::database::files_are_there;
use crate::stage::Stage;

const DAY: i64 = 24 * 3600;
const FILES: usize = 20;

/// Nobody is dropped by it, nothing is put into another order, and no session or file expires.
pub(crate) async fn clock(scale: Scale) -> anyhow::Result<Row> {
    let library = library().ok_or(NotRun("libfaketime is missing"))?;
    let dir = tempfile::tempdir()?;
    let dial = dir.path().join("offset");
    turn(&dial, 0)?;
    let wrapper = fake(&library, &dial);
    let mut stage = Stage::set_under(&wrapper, talk(scale.seed)).await?;
    let courier = Courier::sets_out(stage.dial(), FILES, scale.seed).await?;
    let mut watcher = stage.watcher().await?;
    drop(stage.bystander("mate").await?);
    for cycle in 0..scale.cycles {
        let offset = if cycle % 2 == 0 { DAY } else { -DAY };
        stage.goes_on_for(300).await?;
        let here = stage.board.logged_in();
        turn(&dial, offset)?;
        let shown = says_when(&mut watcher).await - now()?;
        anyhow::ensure!(
            (shown - offset).abs() < 60,
            "the clock shows {shown} s instead of {offset} s from now"
        );
        stage.goes_on_for(300).await?;
        anyhow::ensure!(stage.board.logged_in() == here, "somebody was dropped by a step of the clock");
        comes_back(&mut stage, &wrapper).await?;
        watcher = stage.watcher().await?;
    }
    let files = courier.done();
    anyhow::ensure!(!files.is_empty(), "no file was sent");
    courier.comes_home().await?;
    files_are_there(stage.data(), &files)?;
    let note = format!("{} files kept, every session resumed", files.len());
    Ok(Row { cycles: scale.cycles, note, verdict: stage.settle().await? })
}

/// After a restart at that time everybody is resumed by their tokens.
async fn comes_back(stage: &mut Stage, wrapper: &[String]) -> anyhow::Result<()> {
    let (logged_in, resumed) = (stage.board.logged_in(), stage.board.resumed());
    stage.kill();
    anyhow::ensure!(stage.start_under(wrapper)?, "the server does not start at that time");
    let people = talk(0).people;
    stage.until("everybody to be back", |board| board.logged_in() >= logged_in + people).await?;
    anyhow::ensure!(
        stage.board.resumed() >= resumed + people,
        "a session has expired by a step of the clock"
    );
    Ok(())
}

/// When the server says that a message came, in Unix seconds.
async fn says_when(watcher: &mut Person) -> i64 {
    let cid = watcher.drops_in(&["mate"], "what time is it?").await;
    let stored = |reply: &Reply| matches!(reply, Reply::Stored { cid: of, .. } if *of == cid);
    let answer = watcher.waits_for("an acknowledgement", stored).await;
    watcher.passed_over.clear();
    match answer {
        Reply::Stored { at, .. } => i64::try_from(at / 1000).unwrap_or(i64::MAX),
        _ => 0,
    }
}

fn now() -> anyhow::Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?)
}

/// A command line that becomes a server with a wall clock as the file says, looked at each time.
fn fake(library: &Path, dial: &Path) -> Vec<String> {
    vec![
        "env".to_owned(),
        format!("LD_PRELOAD={}", library.display()),
        format!("FAKETIME_TIMESTAMP_FILE={}", dial.display()),
        "FAKETIME_NO_CACHE=1".to_owned(),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
    ]
}

/// At once: the server looks at it all the time, and must never find half of it.
fn turn(dial: &Path, offset: i64) -> anyhow::Result<()> {
    let next = dial.with_extension("next");
    std::fs::write(&next, format!("{offset:+}\n"))?;
    Ok(std::fs::rename(next, dial)?)
}

/// Debian has it below the directory of its architecture.
fn library() -> Option<PathBuf> {
    let lib = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    lib.map(|dir| dir.join("faketime/libfaketimeMT.so.1")).find(|path| path.exists())
}
