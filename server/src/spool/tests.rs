use bytes::{Buf, Bytes};
use sotto_proto::{ConvId, FileHash, FileInfo, FileName, FileStage, MediaType, Outgoing, Reply};

use super::*;
use crate::outbox::Outbox;
use crate::store::{Account, UserId};

const CONTENT: &[u8] = b"what is in the file";

struct Fixture {
    dir: tempfile::TempDir,
    upload: Arc<Upload>,
    ann: Arc<Outbox>,
}

/// A file that ann has offered and sends.
fn sending(content: &[u8]) -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let upload = again(&dir, content);
    let ann = Arc::new(Outbox::new(1 << 20));
    assert!(upload.attach(&ann, None));
    assert!(!write(&upload));
    Fixture { dir, upload, ann }
}

/// The upload as it is found after a restart.
fn again(dir: &tempfile::TempDir, content: &[u8]) -> Arc<Upload> {
    let spool = Spool::open(dir.path(), 0).unwrap();
    let hash = FileHash::of(content);
    let name = FileName::new("a.txt").unwrap();
    let file = StoredFile {
        conv: ConvId::new(1).unwrap(),
        sender: Account { id: UserId(1), name: "ann".parse().unwrap() },
        info: FileInfo::new(name, CONTENT.len() as u64, (hash, MediaType::unknown())).unwrap(),
        id: FileId::from_bytes([7; 16]),
        stage: FileStage::Uploading,
        said: None,
    };
    Arc::new(Upload::new(&file, spool.path(file.id)))
}

/// Writes what has gathered; whether all of the file is there.
fn write(upload: &Arc<Upload>) -> bool {
    let mut whole = false;
    while let Some(batch) = upload.next_batch() {
        whole = batch.write().unwrap();
    }
    whole
}

fn send(it: &Fixture, off: u64, bytes: &'static [u8]) -> Taken {
    it.upload.take(it.ann.id(), (off, Bytes::from_static(bytes)))
}

#[test]
fn what_comes_where_it_belongs_is_kept_and_proven() {
    let it = sending(CONTENT);
    assert!(matches!(send(&it, 0, &CONTENT[..5]), Taken::Kept { start: true }));
    assert!(matches!(send(&it, 5, &CONTENT[5..]), Taken::Kept { start: false }));
    assert!(write(&it.upload));
    assert_eq!(it.upload.close().unwrap(), Fate::Whole);
    let spool = Spool::open(it.dir.path(), 0).unwrap();
    assert_eq!(fs::read(spool.path(FileId::from_bytes([7; 16]))).unwrap(), CONTENT);
}

#[test]
fn nothing_is_kept_that_was_not_asked_for() {
    let it = sending(CONTENT);
    for (off, bytes) in [(1, &b"x"[..]), (0, &[b'x'; 64]), (u64::MAX, b"x"), (19, b"x")] {
        assert!(matches!(send(&it, off, bytes), Taken::PassedOver(Reply::GoOn { off: 0, upto: 19, .. })));
    }
    let stranger = Outbox::new(1 << 20);
    assert!(matches!(it.upload.take(stranger.id(), (0, Bytes::from_static(b"x"))), Taken::NotYours));
    assert!(!write(&it.upload));
    assert_eq!(it.upload.off(), 0);
}

#[test]
fn another_connection_goes_on_at_the_last_byte_that_came() {
    let it = sending(CONTENT);
    send(&it, 0, &CONTENT[..5]);
    assert!(!write(&it.upload));
    send(&it, 5, &CONTENT[5..9]);
    let other = Arc::new(Outbox::new(1 << 20));
    assert!(!it.upload.attach(&other, None), "somebody is at it");
    assert!(matches!(send(&it, 9, b"x"), Taken::NotYours));
    assert!(!write(&it.upload));
    let mut told = Outgoing::default();
    assert!(other.take_now(&mut told, 4096));
    let expected = Reply::GoOn { file: it.upload.id, off: 9, upto: 19 }.encode(None);
    assert_eq!(told.chunk(), expected);
}

#[test]
fn a_restart_goes_on_and_what_was_spoilt_meanwhile_is_sent_anew() {
    for (spoil, fate) in [(false, Fate::Whole), (true, Fate::Again)] {
        let it = sending(CONTENT);
        send(&it, 0, &CONTENT[..5]);
        assert!(!write(&it.upload));
        let path = Spool::open(it.dir.path(), 0).unwrap().path(FileId::from_bytes([7; 16]));
        if spoil {
            fs::write(&path, b"WHAT ").unwrap();
        }
        let upload = again(&it.dir, CONTENT);
        assert!((upload.off(), upload.attach(&it.ann, None)) == (5, true) && !write(&upload));
        upload.take(it.ann.id(), (5, Bytes::from_static(&CONTENT[5..])));
        assert!(write(&upload));
        assert_eq!(upload.close().unwrap(), fate);
        assert_eq!(upload.off(), if spoil { 0 } else { 19 });
    }
}

#[test]
fn what_is_not_what_was_offered_is_found_out() {
    let it = sending(b"something else");
    send(&it, 0, CONTENT);
    assert!(write(&it.upload));
    assert_eq!(it.upload.close().unwrap(), Fate::Wrong);
}

#[test]
fn an_upload_without_a_session_holds_no_file_open() {
    let it = sending(CONTENT);
    send(&it, 0, &CONTENT[..5]);
    assert!(!write(&it.upload));
    it.upload.detach(it.ann.id());
    let path = Spool::open(it.dir.path(), 0).unwrap().path(FileId::from_bytes([7; 16]));
    let open = fs::read_dir("/proc/self/fd").unwrap();
    assert!(open.filter_map(|fd| fs::read_link(fd.unwrap().path()).ok()).all(|target| target != path));
}

#[tokio::test]
async fn only_what_nobody_knows_of_is_swept_away() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), 0).unwrap();
    let [known, orphan] = [1, 2].map(|number| FileId::from_bytes([number; 16]));
    drop((spool.content(known).await.unwrap(), spool.content(orphan).await.unwrap()));
    fs::write(dir.path().join("spool/stray"), b"x").unwrap();
    assert_eq!(spool.sweep(spool.list().unwrap(), &HashSet::from([known])), 2);
    assert_eq!(spool.list().unwrap(), [spool.path(known)]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_planted_in_the_spool_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), 0).unwrap();
    let id = FileId::from_bytes([1; 16]);
    let victim = dir.path().join("victim");
    fs::write(&victim, b"precious").unwrap();
    fs::create_dir_all(spool.path(id).parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&victim, spool.path(id)).unwrap();
    assert!(spool.content(id).await.is_err());
    assert_eq!(fs::read(victim).unwrap(), b"precious");
}

#[test]
fn files_leave_free_what_is_to_stay_free() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Spool::open(dir.path(), 0).unwrap().has_space(u64::MAX));
    assert!(!Spool::open(dir.path(), 1).unwrap().has_space(u64::MAX));
    assert!(!Spool::open(dir.path(), u64::MAX).unwrap().has_space(0));
}

#[test]
fn who_comes_back_while_something_is_being_written_is_told_where_all_of_it_ends() {
    let it = sending(CONTENT);
    send(&it, 0, &CONTENT[..5]);
    let batch = it.upload.next_batch().unwrap();
    send(&it, 5, &CONTENT[5..9]);
    let other = Arc::new(Outbox::new(1 << 20));
    assert!(!it.upload.attach(&other, None), "somebody is at it");
    assert!(!batch.write().unwrap());
    assert!(!write(&it.upload));
    let mut told = Outgoing::default();
    assert!(other.take_now(&mut told, 4096));
    let expected = Reply::GoOn { file: it.upload.id, off: 9, upto: 19 }.encode(None);
    assert_eq!(told.chunk(), expected, "once, and with what had come");
    it.upload.take(other.id(), (9, Bytes::from_static(&CONTENT[9..])));
    assert!(write(&it.upload));
    assert_eq!(it.upload.close().unwrap(), Fate::Whole);
}

#[test]
fn what_is_still_under_way_after_a_refusal_is_not_answered() {
    let it = sending(CONTENT);
    assert!(it.upload.interrupt().is_some());
    assert!(matches!(send(&it, 0, &CONTENT[..5]), Taken::Late));
    let other = Arc::new(Outbox::new(1 << 20));
    assert!(it.upload.attach(&other, None));
    assert!(matches!(send(&it, 0, &CONTENT[..5]), Taken::NotYours));
}
