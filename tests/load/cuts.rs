//! Files both ways over a wire that is cut at random places, again and again: they always arrive, they are what was offered, and
//! next to nothing is sent twice.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use sotto_client::{
    Account, Client, Command, Dial, FileCommand, Options, Patience, Phase, TransferId, Trust, Update,
    fresh_cid,
};
use sotto_proto::{Attachment, FileHash, FileName, Password};
use sotto_tests::files::{content, to};
use sotto_tests::wire::Wire;
use sotto_tests::{PASSWORD, Person};

use crate::start;

/// Files over a wire that is cut.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// MiB in the file
    #[arg(long, default_value_t = 100)]
    mib: usize,
    /// Cuts, half of them on the way to the server, half on the way from it
    #[arg(long, default_value_t = 200)]
    cuts: u64,
}

/// What one way came to.
struct Tally {
    cuts: u64,
    /// Bytes over the wire, in both directions, handshakes and all.
    carried: u64,
}

pub(crate) async fn measure(asked: &Arguments) -> anyhow::Result<ExitCode> {
    let data = tempfile::tempdir()?;
    let server = start(data.path());
    let dial = Dial::new(&server.link, Trust::Nothing);
    for name in ["ann", "bob"] {
        Person::stranger(&dial).await.registers(name, PASSWORD).await;
    }
    let sent = content(asked.mib << 20);
    let path = data.path().join("sent.bin");
    std::fs::write(&path, &sent)?;
    let bytes = u64::try_from(sent.len())?;
    let began = Instant::now();
    let wire = Wire::to(format!("127.0.0.1:{}", server.link.port).parse()?).await;
    let dial = Dial { port: wire.address.port(), ..dial };
    let up = send(&dial, &wire, (&path, bytes, asked.cuts / 2)).await?;
    let (down, saved) = take(&dial, &wire, (data.path(), bytes, asked.cuts / 2)).await?;
    let whole = FileHash::of(&std::fs::read(saved)?) == FileHash::of(&sent);
    println!(
        "{} MiB each way in {:.1} s; what was saved is what was sent: {whole}",
        asked.mib,
        began.elapsed().as_secs_f64()
    );
    for (way, tally) in [("up", up), ("down", down)] {
        let more = tally.carried.saturating_sub(bytes);
        println!(
            "{way:<5} {} cuts, {:.1} KiB over the wire for each beyond the content, its handshake and the chunk cut in two included",
            tally.cuts,
            kib(more) / f64::from(u32::try_from(tally.cuts.max(1))?)
        );
    }
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn client(dial: &Dial, name: &str) -> anyhow::Result<Client> {
    let (user, password) = (name.parse()?, Password::new(PASSWORD)?);
    let account = Account { user, proof: password.into(), take_over: true, peek: false };
    let options =
        Options { dial: dial.clone(), account, patience: Patience::Always, memory: None, device: None };
    Ok(Client::start(options, || {}))
}

/// Goes on until a transfer is done, and cuts the wire now and then meanwhile; where the file is, if it was taken.
async fn carry(
    client: &mut Client,
    wire: &Wire,
    (id, bytes, cuts): (Option<TransferId>, u64, u64),
) -> anyhow::Result<(Tally, Option<std::path::PathBuf>)> {
    let (before, mut made) = (wire.carried(), 0);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    loop {
        match client.update().await.context("the client has ended")? {
            Update::Reconnecting { .. } => drop(client.send(Command::TryNow).await),
            Update::Transfer(transfer) if id.is_none_or(|id| id == transfer.id) => match transfer.phase {
                Phase::Done(path) => {
                    return Ok((Tally { cuts: made, carried: wire.carried() - before }, path));
                }
                Phase::Failed(snag) => anyhow::bail!("{snag}"),
                Phase::Running
                    if made < cuts && transfer.done >= made * bytes / cuts && !wire.is_to_be_cut() =>
                {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    made += 1;
                    wire.cut_after(i64::try_from(random % (bytes / cuts).max(1))?);
                }
                _ => {}
            },
            Update::Ended(problem) => anyhow::bail!("{problem:?}"),
            _ => {}
        }
    }
}

async fn send(dial: &Dial, wire: &Wire, (path, bytes, cuts): (&Path, u64, u64)) -> anyhow::Result<Tally> {
    let mut ann = client(dial, "ann")?;
    let cid = fresh_cid().map_err(anyhow::Error::msg)?;
    let (to, path) = (to(&["bob"]), path.to_owned());
    ann.send(Command::File(FileCommand::Send { cid, to, path })).await;
    let (tally, _) = carry(&mut ann, wire, (Some(TransferId::Sending(cid)), bytes, cuts)).await?;
    ann.send(Command::LogOut).await;
    while ann.update().await.is_some() {}
    Ok(tally)
}

async fn take(
    dial: &Dial,
    wire: &Wire,
    (dir, bytes, cuts): (&Path, u64, u64),
) -> anyhow::Result<(Tally, std::path::PathBuf)> {
    let mut bob = client(dial, "bob")?;
    let (file, name): (Attachment, FileName) = loop {
        if let Update::Files { files, .. } = bob.update().await.context("the client has ended")? {
            let (message, _) = files.into_iter().next().context("an offer")?;
            break (message.file.context("a file")?, FileName::new(message.text.as_str())?);
        }
    };
    bob.send(Command::File(FileCommand::Accept { file, name, dir: dir.join("in") })).await;
    let (tally, path) = carry(&mut bob, wire, (None, bytes, cuts)).await?;
    Ok((tally, path.context("a place")?))
}

fn kib(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1024.0
}
