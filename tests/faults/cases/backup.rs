//! Backups that are made while everybody talks, and put back.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use sotto_client::{Dial, Trust};
use sotto_judge::{Event, Place, Random, Said, in_epochs};
use sotto_proto::Epoch;
use sotto_tests::binaries::{ServerProcess, server};

use super::{Row, Scale, talk, upkeep};
use crate::stage::{FLAGS, Stage, history};

/// Acknowledgements between two steps.
const SOME: usize = 200;

/// Each backup is killed on its way once, and made then. In the end each is looked through, and a second server tells what is in
/// it: everything acknowledged before it was begun.
pub(crate) async fn backups(scale: Scale) -> anyhow::Result<Row> {
    let (mut random, dir) = (Random::new(scale.seed), tempfile::tempdir()?);
    let mut stage = Stage::set(talk(scale.seed)).await?;
    let (mut made, mut longest, mut meanwhile) = (Vec::new(), Duration::ZERO, 0);
    for cycle in 0..scale.cycles {
        stage.goes_on_for(1 + random.index(SOME)).await?;
        let before = acknowledged(&stage)?;
        let backup = dir.path().join(cycle.to_string());
        cut_short(stage.data(), &["backup", text(&backup)?], &mut random).await?;
        if backup.exists() {
            upkeep(stage.data(), &["verify", text(&backup)?]).await?;
            std::fs::remove_dir_all(&backup)?;
        }
        let (began, so_far) = (Instant::now(), stage.board.acknowledged());
        upkeep(stage.data(), &["backup", text(&backup)?]).await?;
        longest = longest.max(began.elapsed());
        meanwhile += stage.board.acknowledged() - so_far;
        made.push((backup, before));
    }
    ensure!(meanwhile > 0, "nobody has talked while backups were made");
    let note = format!("{} ms at the most, {meanwhile} stored meanwhile", longest.as_millis());
    let names = stage.names().to_vec();
    let mut verdict = stage.settle().await?;
    for (backup, before) in made {
        upkeep(&backup, &["verify"]).await?;
        verdict.lost.extend(missing(&backup, before, &names).await?);
        std::fs::remove_dir_all(backup)?;
    }
    Ok(Row { cycles: scale.cycles, note, verdict })
}

/// What of this is not in a backup, a sentence each.
async fn missing(
    backup: &Path,
    before: BTreeMap<Place, Said>,
    names: &[String],
) -> anyhow::Result<Vec<String>> {
    let there = content(backup, names).await?;
    let missing = before.into_iter().filter(|(place, said)| there.get(place) != Some(said));
    Ok(missing
        .map(|(place, (name, cid))| format!("{cid} of {name} at {place:?} is not in {}", backup.display()))
        .collect())
}

/// The server is killed, and what it had is replaced by a backup, at the second try if the first was killed on its way: clients start over, and what comes then is judged.
pub(crate) async fn restore(scale: Scale) -> anyhow::Result<Row> {
    let (mut random, dir) = (Random::new(scale.seed), tempfile::tempdir()?);
    let mut stage = Stage::set(talk(scale.seed)).await?;
    let mut given_up = 0;
    for cycle in 0..scale.cycles {
        stage.goes_on_for(1 + random.index(SOME)).await?;
        let before = acknowledged(&stage)?;
        let backup = dir.path().join(cycle.to_string());
        upkeep(stage.data(), &["backup", text(&backup)?]).await?;
        let so_far = stage.board.acknowledged();
        stage.goes_on_for(1 + random.index(SOME)).await?;
        stage.kill();
        let everybody = stage.board.began_anew() + stage.names().len();
        given_up += stage.board.acknowledged() - so_far;
        let restore = ["restore", text(&backup)?, "--replace"];
        cut_short(stage.data(), &restore, &mut random).await?;
        upkeep(stage.data(), &restore).await?;
        stage.kept.extend(before.into_values().map(|(_, cid)| cid));
        stage.start()?;
        stage.until("everybody to begin anew", |board| board.began_anew() >= everybody).await?;
        std::fs::remove_dir_all(backup)?;
        forget_replaced(stage.data())?;
    }
    let note = format!("{given_up} were acknowledged after their backup");
    Ok(Row { cycles: scale.cycles, note, verdict: stage.settle().await? })
}

/// What has been acknowledged in the history there is now: where, to whom, and which.
fn acknowledged(stage: &Stage) -> anyhow::Result<BTreeMap<Place, Said>> {
    let now = epoch(stage)?;
    let mut acknowledged = BTreeMap::new();
    for (name, events) in stage.logs()? {
        for (_, event) in in_epochs(&events).filter(|(of, _)| *of == Some(now)) {
            if let Event::Acknowledged(cid, place) = event {
                acknowledged.insert(*place, (name.clone(), *cid));
            }
        }
    }
    Ok(acknowledged)
}

/// Which history everybody is in.
fn epoch(stage: &Stage) -> anyhow::Result<Epoch> {
    let epochs = epochs(stage)?;
    let first = *epochs.first().context("nobody is here")?;
    ensure!(epochs.iter().all(|epoch| *epoch == first), "not everybody is in the same history");
    first.context("nobody is in")
}

fn epochs(stage: &Stage) -> anyhow::Result<Vec<Option<Epoch>>> {
    let last = |(_, events): (String, Vec<Event>)| in_epochs(&events).last().and_then(|(epoch, _)| epoch);
    Ok(stage.logs()?.into_iter().map(last).collect())
}

/// All that a second server, on a backup, lets these people read.
async fn content(backup: &Path, names: &[String]) -> anyhow::Result<BTreeMap<Place, Said>> {
    let second = ServerProcess::start(backup, &FLAGS);
    let dial = Dial::new(&second.link, Trust::Nothing);
    let mut content = BTreeMap::new();
    for name in names {
        content.extend(history(&dial, name).await?.0);
    }
    Ok(content)
}

/// Kills a command of the server's after a while that may be longer than it takes.
async fn cut_short(data: &Path, words: &[&str], random: &mut Random) -> anyhow::Result<()> {
    const MILLISECONDS: usize = 150;
    let mut command = server(data, words);
    let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let while_it_runs = u64::try_from(random.index(MILLISECONDS))?;
    tokio::time::sleep(Duration::from_millis(while_it_runs)).await;
    running.kill()?;
    running.wait()?;
    Ok(())
}

/// What restores have moved aside would fill the disk.
fn forget_replaced(data: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(data)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("replaced-") {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is no text")
}
