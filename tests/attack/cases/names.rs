//! Whether the time an answer takes tells who has an account.

use std::time::Instant;

use sotto_client::Dial;
use sotto_proto::Reply;
use sotto_tests::{PASSWORD, Person};
use tokio::task::JoinSet;

use super::{Row, Scale};
use crate::stage::{Stage, Who, millis, percentile, request};

/// Guessers at the same time: as many as the machine has time for between two beats.
const GUESSERS: usize = 4;

/// One wrong password for each of so many names that somebody has and that nobody has, in turns.
pub(crate) async fn names(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let free = ["logins-per-source=0", "failed-logins=0", "stranger-requests=0", "login-seconds=0"];
    let stage = Stage::set(&[&free[..], &["registrations-per-source=0"]].concat())?;
    let dial = stage.dial();
    let mut clerk = Person::stranger(&dial).await;
    for number in 0..scale.count {
        let answer = clerk.registers(&format!("somebody{number}"), PASSWORD).await;
        anyhow::ensure!(answer == Reply::Registered, "somebody{number} is not registered: {answer:?}");
    }
    let mut guessing = JoinSet::new();
    for first in 0..GUESSERS {
        guessing.spawn(guess((first..scale.count).step_by(GUESSERS), dial.clone()));
    }
    let (mut somebody, mut nobody) = (Vec::new(), Vec::new());
    for took in guessing.join_all().await {
        let (known, unknown) = took?;
        somebody.extend(known);
        nobody.extend(unknown);
    }
    let auc = rank_auc(&somebody, &nobody);
    let apart = (percentile(&mut somebody, 50) - percentile(&mut nobody, 50)).abs();
    let by_chance = uncertainty(&somebody).hypot(uncertainty(&nobody)).max(1.0);
    // What chance does to so few: a fair coin, too, is not fair each time.
    let chance = 3.0 / (6.0 * f64::from(u32::try_from(scale.count)?)).sqrt();
    Ok(vec![
        Row {
            what: "difference of the medians, ms",
            measured: format!("{apart:.1}"),
            target: format!("<= {by_chance:.1}"),
            kept: apart <= by_chance,
        },
        Row {
            what: "rank AUC",
            measured: format!("{auc:.3}"),
            target: format!("0.5 +- {:.2}", chance.max(0.03)),
            kept: (auc - 0.5).abs() <= chance.max(0.03),
        },
    ])
}

/// How many milliseconds each name that somebody has took, and each that nobody has.
async fn guess(numbers: impl Iterator<Item = usize>, dial: Dial) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    let mut guesser = Person::stranger(&dial).await;
    let (mut somebody, mut nobody) = (Vec::new(), Vec::new());
    for number in numbers {
        // Which comes first is no pattern that a cache could follow.
        let turn = if number.is_multiple_of(3) { ["somebody", "nobody"] } else { ["nobody", "somebody"] };
        for kind in turn {
            let name = format!("{kind}{number}");
            let guess = Who { name: &name, password: "a wrong password", device: None };
            let began = Instant::now();
            let answer = guesser.asks(&request(guess)?).await;
            let took = millis(began.elapsed());
            anyhow::ensure!(answer == Reply::WrongPassword, "{name}: {answer:?}");
            if kind == "somebody" { &mut somebody } else { &mut nobody }.push(took);
        }
    }
    Ok((somebody, nobody))
}

/// How far the median of these, which are sorted, may be off by chance, three times in a thousand: as far as the values 1.5 √n places
/// from it. On a machine that has nothing else to do that is less than what is allowed.
fn uncertainty(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    let places = (9 * sorted.len() / 4).isqrt();
    let ends = sorted.get(middle.saturating_sub(places)).zip(sorted.get(middle + places));
    ends.map_or(f64::INFINITY, |(low, high)| (high - low) / 2.0)
}

/// How often somebody takes longer than nobody: a half, if time tells nothing.
fn rank_auc(somebody: &[f64], nobody: &[f64]) -> f64 {
    let pairs = somebody.iter().flat_map(|a| nobody.iter().map(move |b| (a, b)));
    let (mut longer, mut all) = (0.0, 0.0);
    for (a, b) in pairs {
        longer += if a > b {
            1.0
        } else if a < b {
            0.0
        } else {
            0.5
        };
        all += 1.0;
    }
    longer / all
}
