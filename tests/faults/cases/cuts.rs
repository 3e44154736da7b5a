//! A network that is rough.

use super::{Row, Scale, talk};
use crate::proxy::Weather;
use crate::stage::{Stage, Talk};

/// Connections that are cut after any byte, half closed, left hanging, slow.
pub(crate) async fn cuts(scale: Scale, each: usize) -> anyhow::Result<Row> {
    let people = 20;
    let mut stage = Stage::set(Talk { people, messages: each, in_flight: 16, ..talk(scale.seed) }).await?;
    stage.proxy.set_weather(Weather::Rough { within: 40_000 });
    // The connections there are are whole: those after the restart are not.
    stage.kill();
    stage.start()?;
    let total = people * each;
    while stage.board.acknowledged() < total {
        let so_far = stage.board.acknowledged();
        stage.goes_on_for((total - so_far).min(1000)).await?;
    }
    let mishaps = stage.proxy.mishaps();
    anyhow::ensure!(mishaps > 0, "no connection has come to grief");
    stage.proxy.set_weather(Weather::Fair);
    Ok(Row { cycles: mishaps, note: String::new(), verdict: stage.settle().await? })
}
