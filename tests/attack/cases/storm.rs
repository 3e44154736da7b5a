//! Hundreds of log-ins in one moment.

use std::time::Instant;

use sotto_proto::{Reason, Reply};
use sotto_tests::{PASSWORD, Person};
use tokio::task::JoinSet;

use super::{Row, Scale};
use crate::stage::{Stage, Who, from_everywhere, millis, percentile, register, request};

/// What is said meanwhile arrives as ever, and whoever is not let in at once is told when to come back.
pub(crate) async fn storm(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let stage = Stage::set(&["registrations-per-source=0", "messages-per-second=0"])?;
    register(&stage.dial(), "ann").await?;
    let mut ann = Person::stranger(&stage.dial()).await;
    ann.logs_in("ann", PASSWORD).await;
    let everywhere = from_everywhere(&stage, 100).await?;
    let mut people = Vec::new();
    for _ in 0..scale.count {
        people.push(Person::stranger(&everywhere).await);
    }
    let before = stage.forget_peak()?;
    let mut logging_in = JoinSet::new();
    for (number, mut person) in people.into_iter().enumerate() {
        logging_in.spawn(async move {
            let name = format!("nobody{number}");
            let who = Who { name: &name, password: PASSWORD, device: None };
            person.sends(&request(who)?).await;
            anyhow::Ok(person.next_or_end().await)
        });
    }
    let mut took = Vec::new();
    let (mut answered, mut told_when) = (0, 0);
    loop {
        while let Some(answer) = logging_in.try_join_next() {
            answered += 1;
            told_when += usize::from(is_definite(&answer??));
        }
        if answered == scale.count && took.len() >= 100 {
            break;
        }
        let began = Instant::now();
        ann.posts("is anybody there?").await;
        took.push(millis(began.elapsed()));
    }
    let grown = (stage.peak()? - before) / 1024.0;
    Ok(vec![
        Row::all("answered, or told when to come back", (told_when, scale.count)),
        Row::at_most("a message stored meanwhile, p99, ms", (percentile(&mut took, 99), 50.0), "<= 50"),
        Row::at_most("memory grown, MiB", (grown, 256.0), "<= 256"),
    ])
}

fn is_definite(answer: &Option<Reply>) -> bool {
    match answer {
        Some(Reply::WrongPassword) => true,
        Some(Reply::Refused(refusal)) => refusal.reason == Reason::Busy && refusal.retry_after.is_some(),
        _ => false,
    }
}
