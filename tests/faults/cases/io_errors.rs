//! A disk that fails now and then.

use sotto_judge::Random;

use super::{Row, SYNC, Scale, needs_strace, strace, talk};
use crate::stage::Stage;

/// Writes and syncs that fail now and then.
pub(crate) async fn io_errors(scale: Scale) -> anyhow::Result<Row> {
    needs_strace()?;
    let mut random = Random::new(scale.seed);
    let mut stage = Stage::set(talk(scale.seed)).await?;
    for cycle in 0..scale.cycles {
        let (call, error) = if cycle % 2 == 0 { (SYNC, "EIO") } else { ("pwrite64", "ENOSPC") };
        let first = 20 + random.index(40);
        let when = format!("{call}:error={error}:when={first}..{}", first + random.index(10));
        stage.kill();
        if !stage.start_under(&strace(call, &when, None))? {
            stage.start()?;
            continue;
        }
        // What failed may have been a message, a log-in or a checkpoint; then all goes on.
        stage.goes_on_for(600).await?;
    }
    stage.kill();
    stage.start()?;
    let note = format!("{} messages refused", stage.board.refused());
    anyhow::ensure!(stage.board.refused() > 0, "no write has failed");
    Ok(Row { cycles: scale.cycles, note, verdict: stage.settle().await? })
}
