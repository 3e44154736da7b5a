//! 109–113: files. An offer is a message like any other; what is here begins where its content does. A file that is not there and
//! one that is not for the asker are answered alike.

mod carry;
mod end;
mod receive;
mod small;

use std::sync::Arc;

use bytes::Bytes;
use sotto_proto::{
    Answer, Audience, Cid, FileId, FileInfo, FileStage, FileState, MessageText, Offer, Reason, Refusal,
    Reply, Standing, Username,
};
use tracing::debug;

use crate::Server;
use crate::downloads::{Download, Progress};
use crate::error::Failure;
use crate::handlers::message;
use crate::lane::now_millis;
use crate::session::{Asker, Member, random};
use crate::spool::Taken;
use crate::store::{self, NewFile, StoredFile};

pub(crate) use carry::carry;
pub(crate) use end::keep_swept;
pub(crate) use small::small;

/// The most files in the answer to a 113: the latest.
const LISTED: u16 = 1000;
/// When it is worth asking again after a disk was full, or too much was asked for at once.
const ASK_AGAIN: std::time::Duration = std::time::Duration::from_secs(10);

/// 111.
pub(crate) struct Said {
    pub(crate) file: FileId,
    pub(crate) answer: Answer,
    pub(crate) who: Option<Username>,
}

/// 112.
pub(crate) struct Ready {
    pub(crate) file: FileId,
    pub(crate) off: u64,
    pub(crate) upto: Option<u64>,
}

/// Offers a file. The answer comes from the lane, once the offer is stored.
pub(crate) async fn offer(
    server: &Server,
    member: &mut Member,
    (asker, offer): (&Asker, Offer),
) -> Result<(), Failure> {
    let Offer { cid, to, file } = offer;
    debug!(from = %member.account.name, bytes = file.size, "offers a file");
    if let Err((reason, sentence)) = may_come(server, file.size) {
        asker.reply(&Reply::NotSent { cid: Some(cid), reason, who: Vec::new(), sentence });
        return Ok(());
    }
    let draft = draft(server, (Some(cid), to), (FileId::from_bytes(random()?), file));
    message::send(server, member, (asker, draft)).await
}

/// The message that offers a file.
fn draft(
    server: &Server,
    (cid, to): (Option<Cid>, Audience),
    (id, info): (FileId, FileInfo),
) -> message::Draft {
    let text = MessageText::from(&info.name);
    let file = NewFile {
        id,
        info,
        until: now_millis().saturating_add(server.limits().file_millis()),
        room: server.limits().room_for_files(),
    };
    message::Draft { cid, to, text, file: Some(Box::new(file)) }
}

fn may_come(server: &Server, size: u64) -> Result<(), (Reason, String)> {
    let most = server.limits().file_bytes();
    if size > most {
        return Err((Reason::TooLarge, format!("This server takes files of up to {most} bytes.")));
    }
    if !server.spool.has_space(size) {
        return Err((Reason::DiskFull, "The server's disk is too full for this file.".to_owned()));
    }
    Ok(())
}

/// Notes an answer to an offer, and tells those it concerns.
pub(crate) async fn answer(
    server: &Server,
    member: &Member,
    (asker, said): (&Asker, Said),
) -> Result<(), Failure> {
    let Some(file) = find(server, member, said.file).await? else {
        return no_such_file(asker, said.file);
    };
    let own = file.sender.id == member.account.id;
    match (said.answer, own) {
        (Answer::Cancel, true) => end::take_back(server, &file, said.who).await,
        (Answer::Accept, false) => say(server, member, (&file, store::Said::Accepted)).await,
        (Answer::Received, false) => {
            asker.outbox.end_download(file.id);
            say(server, member, (&file, store::Said::Received)).await
        }
        (Answer::Decline, false) => {
            asker.outbox.end_download(file.id);
            say(server, member, (&file, store::Said::Declined)).await
        }
        (Answer::Cancel, false) => {
            Err(Failure::refused(Reason::BadRequest, "Only its sender can take an offer back; decline it."))
        }
        (_, true) => Err(Failure::refused(Reason::BadRequest, "This file is your own.")),
    }
}

async fn say(
    server: &Server,
    member: &Member,
    (file, said): (&StoredFile, store::Said),
) -> Result<(), Failure> {
    let noted = server.store.say(member.account.id, file.id, said).await?;
    if noted.news {
        debug!(user = %member.account.name, file = %file.id, ?said, "answered an offer");
        let people = vec![(member.account.name.clone(), said.standing(0))];
        server.hub.inform(file.sender.id, &state(server, (file.id, file.stage, file.info.size), people));
    }
    if noted.settled {
        end::end(server, (file.id, file.conv, file.sender.id)).await?;
    }
    Ok(())
}

/// Goes on with a file, whichever way it goes.
pub(crate) async fn ready(
    server: &Arc<Server>,
    member: &Member,
    (asker, asked): (&Asker, Ready),
) -> Result<(), Failure> {
    let Ready { file: id, off, upto } = asked;
    let place = (off, upto.unwrap_or(off));
    match asker.outbox.downloads.ready(id, place) {
        Progress::Unknown => {}
        Progress::Quiet => return Ok(()),
        Progress::Tell { sender, stage, size } => {
            let people = vec![(member.account.name.clone(), Standing::Accepted(off.min(size)))];
            server.hub.inform(sender, &state(server, (id, stage, size), people));
            return Ok(());
        }
    }
    let Some(file) = find(server, member, id).await? else {
        return no_such_file(asker, id);
    };
    if file.sender.id == member.account.id {
        receive::begin(server, asker, &file);
        return Ok(());
    }
    begin_download(server, (asker, &file), place).await
}

async fn begin_download(
    server: &Server,
    (asker, file): (&Asker, &StoredFile),
    (off, upto): (u64, u64),
) -> Result<(), Failure> {
    if !matches!(file.said, Some(store::Said::Accepted | store::Said::Received)) {
        return Err(Failure::refused(Reason::BadRequest, "Accept the file first (111)."));
    }
    let size = file.info.size;
    if upto <= off || off >= size {
        return Ok(());
    }
    let upload = (file.stage == FileStage::Uploading).then(|| server.spool.upload(file));
    let content = server.spool.content(file.id).await.map_err(|fault| {
        tracing::error!(file = %file.id, error = %fault, "cannot open a file in the spool");
        Failure::Refused(crate::session::internal())
    })?;
    let download = Download {
        id: file.id,
        sender: file.sender.id,
        size,
        file: Arc::new(content),
        upload: upload.clone(),
        next: off,
        upto: upto.min(size),
        taken: off,
        told: None,
    };
    if !asker.outbox.downloads.begin(download, server.limits().transfers()) {
        let busy = Refusal::new(Reason::Busy, "You are taking as many files at once as this server sends.");
        asker.reply(&Reply::FileRefused { file: file.id, refusal: busy.retry(ASK_AGAIN) });
        return Ok(());
    }
    if let Some(upload) = upload {
        upload.watch(&asker.outbox);
        // It may have grown between the two.
        asker.outbox.downloads.stir(file.id);
    }
    Ok(())
}

/// Takes content of a file. Only what was asked for is kept.
pub(crate) async fn chunk(
    server: &Arc<Server>,
    asker: &Asker,
    (id, off, bytes): (FileId, u64, Bytes),
) -> Result<(), Failure> {
    let Some(upload) = server.spool.uploading(id) else {
        return no_such_file(asker, id);
    };
    match upload.take(asker.outbox.id(), (off, bytes)) {
        Taken::Kept { start: false } => {}
        Taken::Kept { start: true } => receive::start(server, upload),
        Taken::PassedOver(go_on) => asker.reply(&go_on),
        Taken::NotYours => return no_such_file(asker, id),
        Taken::Late => {}
    }
    Ok(())
}

/// Answers with a 209 and a 223 for each file there is, and a 218.
pub(crate) async fn list(server: &Server, member: &Member, asker: &Asker) -> Result<(), Failure> {
    // What was offered before it on the same connection is in it.
    server.lane.flush().await;
    let me = member.account.id;
    let mut files = server.store.files(me, now_millis(), LISTED + 1).await?;
    let more = files.len() > usize::from(LISTED);
    if more {
        // They are in the order they were made.
        files.remove(0);
    }
    for listed in files {
        let Some(attachment) = listed.message.file.clone() else { continue };
        let people = listed.said.into_iter().map(|(account, said)| {
            let taken =
                server.hub.outbox(account.id).map_or(0, |outbox| outbox.downloads.taken(attachment.id));
            (account.name, said.standing(taken))
        });
        let state = state(server, (attachment.id, listed.stage, attachment.size), people.collect());
        asker.reply_in_turn(&Reply::Message(listed.message.for_reader(listed.conv, me))).await;
        asker.reply_in_turn(&state).await;
    }
    asker.reply(&Reply::End { more });
    Ok(())
}

/// A file that the member may see and that was not taken back from them.
async fn find(server: &Server, member: &Member, id: FileId) -> Result<Option<StoredFile>, Failure> {
    let found = server.store.file(member.account.id, id, now_millis()).await?;
    Ok(found.filter(|file| file.said != Some(store::Said::Cancelled)))
}

fn no_such_file(asker: &Asker, file: FileId) -> Result<(), Failure> {
    let refusal = Refusal::new(
        Reason::NoSuchFile,
        "There is no such file. It may have been taken back, or be too old.",
    );
    asker.reply(&Reply::FileRefused { file, refusal });
    Ok(())
}

/// The 223 of a file, with what is news of these people.
fn state(
    server: &Server,
    (file, stage, size): (FileId, FileStage, u64),
    people: Vec<(Username, Standing)>,
) -> Reply {
    let off = if stage == FileStage::Uploading { server.spool.here(file) } else { size };
    Reply::FileState(FileState { file, stage, off, people })
}
