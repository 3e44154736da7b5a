//! Clients that are killed.

use super::{Row, Scale, talk};
use crate::stage::{Stage, Talk};

/// A client that is killed with a full outbox, again and again.
pub(crate) async fn clients(scale: Scale) -> anyhow::Result<Row> {
    let mut stage = Stage::set(talk(scale.seed)).await?;
    stage.victim(Talk { in_flight: 64, ..talk(scale.seed) }, scale.cycles).await?;
    Ok(Row { cycles: scale.cycles, note: String::new(), verdict: stage.settle().await? })
}
