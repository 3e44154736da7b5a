//! People whose network is gone from one moment to the next: no packet comes from them any more, and none gets to them.

use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sotto_client::Dial;
use sotto_tests::{PASSWORD, Person};
use tokio::time::{sleep, timeout};

use super::{Row, Scale};
use crate::stage::{Stage, comes_in, from_everywhere, percentile};

/// Our own table: whatever else is filtered here is left alone.
const TABLE: &str = "sotto_attack";
/// From here on it is as many as the targets say, and the server waits as it does when nothing is said.
const ALL: usize = 200;
/// Until everybody has been let go of, after the last sign of life and a ping.
const LET_GO: Duration = Duration::from_secs(90);
/// Between two messages to everybody.
const PAUSE: Duration = Duration::from_millis(200);

/// They are let go of, are said to have gone, and find everything when they come back.
pub(crate) async fn vanish(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let Some(rules) = Rules::new()? else {
        let (what, measured) = ("people whose packets are dropped", "not run: needs root and nft".to_owned());
        return Ok(vec![Row { what, measured, target: "let go of".to_owned(), kept: true }]);
    };
    let stage = stage(scale)?;
    let mut ann = comes_in(&stage.dial(), "ann").await?;
    let listening = stage.sockets()?;
    let addresses = u32::try_from(scale.count)?;
    let elsewhere = from_everywhere(&stage, addresses).await?;
    let mut ghosts = Vec::new();
    for number in 0..scale.count {
        let mut ghost = comes_in(&elsewhere, &format!("ghost{number}")).await?;
        // Every other one is known to answer pings; of the rest only TCP knows.
        if number % 2 == 0 || scale.count < ALL {
            ghost.sends_payload(b"211").await;
        }
        ghosts.push(ghost);
    }
    rules.drop_all(stage.server.link.port)?;
    let (began, before, mut said, mut took) = (Instant::now(), stage.memory()?, 0, Vec::new());
    let mut grown: f64 = 0.0;
    while stage.sockets()? > listening && began.elapsed() < 2 * LET_GO {
        let asked = Instant::now();
        ann.posts(&format!("is anybody there? {said}")).await;
        took.push(asked.elapsed().as_secs_f64() * 1000.0);
        said += 1;
        grown = grown.max(stage.memory()? - before);
        sleep(PAUSE).await;
    }
    let let_go = began.elapsed().as_secs_f64();
    drop((rules, ghosts));
    let online = gone_from_the_list(&mut ann).await?;
    let found = come_back(&stage.dial(), (scale.count, said)).await?;
    Ok(vec![
        Row::at_most("s until the last were let go of", (let_go, LET_GO.as_secs_f64()), "<= 90"),
        Row::at_most("said to be online a little later", (online, 0.0), "0"),
        Row::all("find all that was said when they come back", (found, scale.count)),
        Row::at_most("a message stored meanwhile, p99, ms", (percentile(&mut took, 99), 50.0), "<= 50"),
        Row::at_most("memory for each meanwhile, KiB", (grown / f64::from(addresses), 320.0), "<= 320"),
    ])
}

fn stage(scale: Scale) -> anyhow::Result<Stage> {
    let free = ["registrations-per-source=0", "messages-per-second=0"];
    let sooner = ["ping-seconds=5", "silence-seconds=15"];
    Stage::set(if scale.count < ALL { [free, sooner].concat() } else { free.to_vec() }.as_slice())
}

/// How many others are online once a lost connection has lingered as long as it may.
async fn gone_from_the_list(ann: &mut Person) -> anyhow::Result<f64> {
    const LINGERED: Duration = Duration::from_secs(15);
    let until = Instant::now() + LINGERED;
    loop {
        let others = ann.who_is_online().await.len();
        if others == 0 || Instant::now() > until {
            return Ok(f64::from(u32::try_from(others)?));
        }
        sleep(PAUSE).await;
    }
}

/// How many of them are told everything that was said while they were gone, in its order.
async fn come_back(dial: &Dial, (people, said): (usize, usize)) -> anyhow::Result<usize> {
    const PATIENCE: Duration = Duration::from_secs(60);
    let mut found = 0;
    for number in 0..people {
        let mut person = Person::stranger(dial).await;
        person.logs_in(&format!("ghost{number}"), PASSWORD).await;
        let all = async {
            for number in 0..said {
                // What it was told before it vanished may come once more.
                while person.next_message().await.text != format!("is anybody there? {number}") {}
            }
        };
        found += usize::from(timeout(PATIENCE, all).await.is_ok());
        person.leaves().await;
    }
    Ok(found)
}

/// A table of packet filters, for as long as this is held.
struct Rules(());

impl Rules {
    /// `None`: this needs root, and nft.
    fn new() -> anyhow::Result<Option<Self>> {
        let chain = "{ type filter hook input priority 0; }";
        Ok(nft(&format!("add table inet {TABLE}; add chain inet {TABLE} arriving {chain}"))?
            .then_some(Self(())))
    }

    /// Nothing passes between this port and the attackers' addresses.
    fn drop_all(&self, port: u16) -> anyhow::Result<()> {
        let [to, from] = [
            format!("ip saddr 127.1.0.0/16 tcp dport {port} drop"),
            format!("ip daddr 127.1.0.0/16 tcp sport {port} drop"),
        ]
        .map(|rule| format!("add rule inet {TABLE} arriving {rule}"));
        anyhow::ensure!(nft(&format!("{to}; {from}"))?, "nft takes no rules");
        Ok(())
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        let _ = nft(&format!("delete table inet {TABLE}"));
    }
}

fn nft(commands: &str) -> anyhow::Result<bool> {
    let mut nft = Command::new("nft");
    match nft.arg(commands).stdin(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) => Ok(status.success()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}
