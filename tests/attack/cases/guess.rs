//! One account, guessed at from a thousand addresses.

use sotto_client::Dial;
use sotto_proto::Reply;
use sotto_tests::{PASSWORD, Person};

use super::{Row, Scale};
use crate::stage::{Stage, Who, from_everywhere, millis, percentile, register, request, visit};

/// Its owner logs in all the while, from a device that has been let in before, once for every five guesses.
pub(crate) async fn guess(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let stage = Stage::set(&[])?;
    let dial = stage.dial();
    register(&dial, "ann").await?;
    let stranger = Who { name: "ann", password: PASSWORD, device: None };
    let (_, device) = visit(&dial, stranger).await?.ok_or_else(|| anyhow::anyhow!("ann is not let in"))?;
    let owner = Who { device: device.as_ref(), ..stranger };
    let everywhere = from_everywhere(&stage, u32::try_from(scale.count)?).await?;
    let (mut evaluated, mut took) = (0_u32, Vec::new());
    for number in 0..scale.count {
        evaluated += u32::from(is_evaluated(&everywhere).await?);
        if number % 5 == 4 {
            took.extend(visit(&dial, owner).await?.map(|(took, _)| millis(took)));
        }
    }
    let let_in = took.len();
    let slowest = percentile(&mut took, 100);
    Ok(vec![
        Row::all("log-ins of the owner's device meanwhile", (let_in, scale.count / 5)),
        Row::at_most("the slowest of them, ms", (slowest, 2000.0), "<= 2000"),
        Row::at_most("guesses that were looked at", (f64::from(evaluated), 60.0), "<= 60 an hour"),
    ])
}

async fn is_evaluated(dial: &Dial) -> anyhow::Result<bool> {
    let guess = Who { name: "ann", password: "a wrong password", device: None };
    let mut guesser = Person::stranger(dial).await;
    guesser.sends(&request(guess)?).await;
    Ok(guesser.next_or_end().await == Some(Reply::WrongPassword))
}
