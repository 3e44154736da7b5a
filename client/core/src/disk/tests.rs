//! The disk, with what others may have put there.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timestamps, mknodat, utimensat};
use tempfile::TempDir;

use super::source::look;
use super::*;

const CONTENT: &[u8] = b"what is in the file";

fn place(dir: &Path, name: &str) -> Place {
    numbered(dir, (name, 7))
}

fn numbered(dir: &Path, (name, number): (&str, u8)) -> Place {
    let hash = FileHash::of(CONTENT);
    let (file, name) = (FileId::from_bytes([number; 16]), FileName::new(name).unwrap());
    Place { file, name, size: u64::try_from(CONTENT.len()).unwrap(), hash, dir: dir.to_owned() }
}

fn part(place: &Place) -> PathBuf {
    place.dir.join(".sotto-partial").join(format!("{}.part", place.file))
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Takes all of a file.
fn take(place: &Place) -> Result<PathBuf, Snag> {
    let mut partial = Partial::open(place)?;
    let missing = Bytes::from_static(CONTENT).slice(usize::try_from(partial.off()).unwrap()..);
    partial.write(&[missing])?;
    partial.save(place)
}

/// What comes of jobs, up to the last of them that says something.
async fn works<const N: usize>(disk: &mut Disk, jobs: [Job; N]) -> What {
    let silent = |job: &Job| matches!(job, Job::Discard(_) | Job::Close(_) | Job::Keep(_));
    let spoken = jobs.iter().filter(|job| !silent(job)).count();
    jobs.into_iter().for_each(|job| disk.start(job));
    for _ in 1..spoken {
        disk.next().await;
    }
    disk.next().await.what
}

fn names(dir: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_file_has_its_name_when_it_is_whole_and_nothing_is_left_beside_it() {
    let home = TempDir::new().unwrap();
    let place = place(&home.path().join("new/Sotto"), "../..\u{202e}fdp.exe".replace('/', ":").as_str());
    let mut partial = Partial::open(&place).unwrap();
    partial.write(&[Bytes::from_static(&CONTENT[..5])]).unwrap();
    assert_eq!((mode(part(&place).parent().unwrap()), mode(&part(&place))), (0o700, 0o600));
    assert_eq!(names(&place.dir), [".sotto-partial"]);
    partial.write(&[Bytes::from_static(&CONTENT[5..])]).unwrap();
    let saved = partial.save(&place).unwrap();
    assert_eq!((saved.parent(), fs::read(&saved).unwrap()), (Some(&*place.dir), CONTENT.to_vec()));
    assert_eq!(names(&place.dir), ["__..fdp.exe"]);
}

#[test]
fn nothing_is_overwritten_and_no_link_is_followed() {
    let home = TempDir::new().unwrap();
    let (dir, outside) = (home.path().join("dir"), home.path().join("outside"));
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("a.tar.gz"), "mine").unwrap();
    symlink(&outside, dir.join("a.tar (2).gz")).unwrap();
    pipe(&dir.join("a.tar (3).gz"));
    fs::create_dir(dir.join("a.tar (4).gz")).unwrap();
    assert_eq!(take(&place(&dir, "a.tar.gz")).unwrap(), dir.join("a.tar (5).gz"));
    assert_eq!(fs::read(dir.join("a.tar.gz")).unwrap(), b"mine");
    assert!(!outside.exists() && fs::read_dir(dir.join("a.tar (4).gz")).unwrap().next().is_none());
}

#[test]
fn a_name_is_taken_first_where_files_have_one_name_only() {
    let home = TempDir::new().unwrap();
    let (from, to) = (home.path().join("from"), home.path().join("to"));
    fs::write(&from, CONTENT).unwrap();
    place::rename_to(&from, &to).unwrap();
    assert_eq!(fs::read(&to).unwrap(), CONTENT);
    assert_eq!(place::rename_to(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert!(place::rename_to(&from, &home.path().join("other")).is_err());
    assert_eq!(names(home.path()), ["to"], "no empty file is left where one could not be put");
}

#[test]
fn what_is_here_is_gone_on_with() {
    let home = TempDir::new().unwrap();
    let place = place(home.path(), "a");
    Partial::open(&place).unwrap().write(&[Bytes::from_static(&CONTENT[..5])]).unwrap();
    assert_eq!(Partial::open(&place).unwrap().off(), 5);
    assert_eq!(fs::read(take(&place).unwrap()).unwrap(), CONTENT);
}

#[test]
fn what_is_in_the_way_of_a_part_is_removed_and_not_touched() {
    type Plant = fn(&Path, &Path);
    let plants: [Plant; 4] = [
        |secret, part| symlink(secret, part).unwrap(),
        |secret, part| fs::hard_link(secret, part).unwrap(),
        |_, part| pipe(part),
        |_, part| fs::write(part, [CONTENT, b"and more"].concat()).unwrap(),
    ];
    for plant in plants {
        let home = TempDir::new().unwrap();
        let place = place(&home.path().join("dir"), "a");
        let secret = home.path().join("secret");
        fs::write(&secret, "what is").unwrap();
        fs::create_dir_all(part(&place).parent().unwrap()).unwrap();
        plant(&secret, &part(&place));
        assert_eq!(Partial::open(&place).unwrap().off(), 0);
        assert_eq!(fs::read(take(&place).unwrap()).unwrap(), CONTENT);
        assert_eq!(fs::read(&secret).unwrap(), b"what is");
    }
}

#[test]
fn a_link_in_place_of_the_directory_of_parts_is_refused() {
    let (home, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    symlink(elsewhere.path(), home.path().join(".sotto-partial")).unwrap();
    let error = take(&place(home.path(), "a")).unwrap_err();
    assert!(error.to_string().contains("in the way"), "{error}");
    assert!(names(elsewhere.path()).is_empty());
}

#[test]
fn what_is_not_what_was_offered_is_removed() {
    let home = TempDir::new().unwrap();
    let place = place(home.path(), "a");
    for wrong in [&CONTENT[1..], b"something as long  "] {
        let mut partial = Partial::open(&place).unwrap();
        partial.write(&[Bytes::copy_from_slice(wrong)]).unwrap();
        assert_eq!(partial.save(&place), Err(Snag::Mismatch));
        assert!(!part(&place).exists() && !home.path().join("a").exists());
    }
    assert_eq!(fs::read(take(&place).unwrap()).unwrap(), CONTENT);
}

#[test]
fn parts_that_nobody_went_on_with_for_days_are_removed() {
    let home = TempDir::new().unwrap();
    let (old, young, new) =
        (numbered(home.path(), ("a", 1)), numbered(home.path(), ("b", 2)), place(home.path(), "c"));
    for (place, days) in [(&old, 8), (&young, 6)] {
        drop(Partial::open(place).unwrap());
        let file = fs::File::options().write(true).open(part(place)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(days * 24 * 3600)).unwrap();
    }
    drop(Partial::open(&new).unwrap());
    assert_eq!([&old, &young, &new].map(|place| part(place).exists()), [false, true, true]);
    place::discard(&young);
    place::discard(&new);
    assert!(names(home.path()).is_empty());
}

#[test]
fn files_that_are_taken_at_once_do_not_disturb_each_other() {
    let home = TempDir::new().unwrap();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let place = numbered(home.path(), ("a", number));
            scope.spawn(move || (0..50).for_each(|_| drop(take(&place).unwrap())));
        }
    });
    assert_eq!(names(home.path()).into_iter().filter(|name| name != ".sotto-partial").count(), 200);
}

#[test]
fn only_files_are_sent_and_nothing_is_waited_for() {
    let home = TempDir::new().unwrap();
    let (file, fifo) = (home.path().join("作业\u{7}.pdf"), home.path().join("pipe"));
    fs::write(&file, CONTENT).unwrap();
    pipe(&fifo);
    let Source { info, .. } = look(&file).unwrap();
    let expected = place(home.path(), "作业_.pdf");
    assert_eq!((info.name, info.size, info.hash), (expected.name, expected.size, expected.hash));
    assert_eq!(info.media.as_str(), "application/pdf");
    assert_eq!(look(home.path()).unwrap_err(), Snag::NotAFile);
    assert_eq!(look(&fifo).unwrap_err(), Snag::NotAFile);
    assert_eq!(look(&home.path().join("nothing")).unwrap_err(), Snag::Missing);
}

#[test]
fn a_file_that_has_changed_is_not_sent() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("a");
    fs::write(&path, CONTENT).unwrap();
    let source = look(&path).unwrap();
    let mut reading = Reading::open(&path, &source).unwrap();
    assert_eq!(reading.read(5, 2).unwrap(), CONTENT[5..7]);
    assert_eq!(reading.read(15, 99).unwrap(), CONTENT[15..]);
    let file = fs::File::options().append(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    assert_eq!(reading.read(0, 1), Err(Snag::Changed), "touched");
    let mut reading = Reading::open(&path, &look(&path).unwrap()).unwrap();
    fs::write(&path, &CONTENT[1..]).unwrap();
    assert_eq!(reading.read(0, 1), Err(Snag::Changed), "shorter");
}

#[test]
fn a_file_that_was_removed_is_missing() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("a");
    fs::write(&path, CONTENT).unwrap();
    let source = look(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(Reading::open(&path, &source).err(), Some(Snag::Missing));
}

#[test]
fn a_full_disk_is_called_that() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge] {
        assert_eq!(Snag::from(io::Error::from(kind)), Snag::DiskFull);
    }
}

#[tokio::test]
async fn jobs_of_one_file_are_done_one_after_the_other() {
    let home = TempDir::new().unwrap();
    let place = place(home.path(), "a");
    let id = TransferId::Taking(place.file);
    let mut disk = Disk::new(None);
    disk.start(Job::Open(place.clone()));
    for at in 0..CONTENT.len() {
        disk.start(Job::Write { id, chunks: vec![Bytes::from_static(&CONTENT[at..=at])] });
    }
    disk.start(Job::Save(place));
    let mut offs = Vec::new();
    loop {
        match disk.next().await.what {
            What::Opened(off) | What::Written(off) => offs.push(off),
            What::Saved(path) => break assert_eq!(fs::read(path).unwrap(), CONTENT),
            other => panic!("{other:?}"),
        }
    }
    assert!(offs.into_iter().eq(0..=u64::try_from(CONTENT.len()).unwrap()));
}

#[tokio::test]
async fn the_last_that_was_to_be_remembered_is_remembered() {
    let (home, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let profile = Profile::open(Some(home.path())).unwrap();
    let account = ("lab:1".to_owned(), "ann".parse().unwrap());
    let memory = Some(Memory { profile: profile.clone(), account: account.clone() });
    let mut disk = Disk::new(memory.clone());
    let kept = |paused| vec![Kept::Taking { place: place(other.path(), "a"), paused, saved: None }];
    for round in 0..20 {
        disk.start(Job::Keep(kept(round % 2 == 0)));
    }
    let kept_there = || Disk::new(memory.clone()).kept();
    // Whatever was handed over before this has a thread that writes it.
    while *disk.kept.lock().unwrap() < disk.handed {
        tokio::task::spawn_blocking(|| {}).await.unwrap();
    }
    assert_eq!(kept_there(), kept(false));
    assert!(profile.transfers((&account.0, &"bob".parse().unwrap())).is_empty());
}

#[test]
fn a_directory_in_the_way_of_a_part_is_left_alone() {
    let home = TempDir::new().unwrap();
    let place = place(home.path(), "a");
    fs::create_dir_all(part(&place)).unwrap();
    fs::write(part(&place).join("secret"), "what is").unwrap();
    assert!(take(&place).is_err());
    assert_eq!(fs::read(part(&place).join("secret")).unwrap(), b"what is");
    assert_eq!(names(home.path()), [".sotto-partial"]);
    place::discard(&place);
    assert_eq!(names(&part(&place)), ["secret"]);
}

#[test]
fn what_is_no_directory_in_place_of_the_directory_of_parts_is_refused() {
    type Plant = fn(&Path);
    let plants: [Plant; 3] =
        [|apart| fs::write(apart, "mine").unwrap(), pipe, |apart| symlink("/nowhere", apart).unwrap()];
    for plant in plants {
        let home = TempDir::new().unwrap();
        let apart = home.path().join(".sotto-partial");
        plant(&apart);
        let error = take(&place(home.path(), "a")).unwrap_err();
        assert!(error.to_string().contains("in the way"), "{error}");
        assert!(!fs::symlink_metadata(&apart).unwrap().is_dir());
        assert_eq!(names(home.path()), [".sotto-partial"]);
    }
}

#[test]
fn a_second_name_of_another_file_is_not_written_through() {
    let home = TempDir::new().unwrap();
    let (secret, target) = (home.path().join("secret"), home.path().join("a"));
    fs::write(&secret, "what is").unwrap();
    fs::hard_link(&secret, &target).unwrap();
    assert_eq!(take(&place(home.path(), "a")).unwrap(), home.path().join("a (2)"));
    assert_eq!([&secret, &target].map(|path| fs::read(path).unwrap()), [b"what is", b"what is"]);
}

#[test]
fn a_link_that_is_old_is_removed_and_what_it_leads_to_is_not() {
    let (home, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let secret = elsewhere.path().join("secret");
    fs::write(&secret, "what is").unwrap();
    let old = numbered(home.path(), ("a", 1));
    fs::create_dir(part(&old).parent().unwrap()).unwrap();
    symlink(&secret, part(&old)).unwrap();
    let (long_ago, flags) = (rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 }, AtFlags::SYMLINK_NOFOLLOW);
    let times = Timestamps { last_access: long_ago, last_modification: long_ago };
    utimensat(CWD, part(&old), &times, flags).unwrap();
    take(&place(home.path(), "b")).unwrap();
    assert_eq!(names(home.path()), ["b"]);
    assert_eq!(fs::read(&secret).unwrap(), b"what is");
}

#[test]
fn hostile_names_stay_in_their_directory() {
    let home = TempDir::new().unwrap();
    let dir = home.path().join("dir");
    let long = format!("{}.exe", "字".repeat(80));
    let hostile =
        ["..", ".", ".sotto-partial", "~", "-rf", "C:evil", ".bashrc", "a\u{202e}gpj.exe", "$(x)", &long];
    for name in hostile {
        let saved = take(&place(&dir, name)).unwrap();
        assert_eq!((saved.parent(), mode(&saved)), (Some(&*dir), 0o600), "{name}");
        assert_eq!(fs::read(&saved).unwrap(), CONTENT);
    }
    assert_eq!(names(home.path()), ["dir"]);
    assert_eq!(names(&dir).len(), hostile.len(), "nothing is left beside them, and no name is hidden");
    assert!(names(&dir).iter().all(|name| !name.starts_with('.')));
}

#[tokio::test]
async fn a_file_is_looked_at_and_read_by_two_jobs() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("作业.pdf");
    fs::write(&path, CONTENT).unwrap();
    let (mut disk, id) = (Disk::new(None), TransferId::Sending(sotto_proto::Cid::from_bytes([1; 16])));
    let What::Looked(source) = works(&mut disk, [Job::Look { id, path: path.clone() }]).await else {
        panic!()
    };
    let read = |off| Job::Read { id, from: (path.clone(), source.clone()), off, len: 5 };
    for at in [0, 5, 15] {
        let What::Read { off, bytes } = works(&mut disk, [read(at)]).await else { panic!() };
        let from = usize::try_from(off).unwrap();
        assert_eq!((off, &bytes[..]), (at, &CONTENT[from..CONTENT.len().min(from + 5)]));
    }
    fs::write(&path, "something else").unwrap();
    assert!(matches!(works(&mut disk, [read(0)]).await, What::Failed(Snag::Changed)));
}

#[tokio::test]
async fn another_disk_goes_on_with_the_bytes_that_are_here() {
    let home = TempDir::new().unwrap();
    let place = place(home.path(), "a");
    let id = TransferId::Taking(place.file);
    let write = |range: std::ops::Range<usize>| Job::Write {
        id,
        chunks: vec![Bytes::from_static(&CONTENT[range]), Bytes::new()],
    };
    let mut disk = Disk::new(None);
    assert!(matches!(works(&mut disk, [Job::Open(place.clone()), write(0..7)]).await, What::Written(7)));
    drop(disk);
    let mut disk = Disk::new(None);
    assert!(matches!(works(&mut disk, [Job::Open(place.clone())]).await, What::Opened(7)));
    let all = [write(7..CONTENT.len()), Job::Save(place)];
    let What::Saved(path) = works(&mut disk, all).await else { panic!() };
    assert_eq!(fs::read(path).unwrap(), CONTENT);
}

#[tokio::test]
async fn nothing_is_written_to_what_was_closed_or_discarded() {
    let home = TempDir::new().unwrap();
    let place = place(home.path(), "a");
    let id = TransferId::Taking(place.file);
    let write = || Job::Write { id, chunks: vec![Bytes::from_static(&CONTENT[..5])] };
    let mut disk = Disk::new(None);
    let closed = [Job::Open(place.clone()), Job::Close(id), write()];
    assert!(matches!(works(&mut disk, closed).await, What::Failed(Snag::Io(_))));
    assert_eq!(fs::read(part(&place)).unwrap(), b"");
    let discarded = [Job::Open(place.clone()), write(), Job::Discard(place.clone()), write()];
    assert!(matches!(works(&mut disk, discarded).await, What::Failed(Snag::Io(_))));
    assert!(names(home.path()).is_empty());
    assert!(matches!(works(&mut disk, [Job::Save(place.clone())]).await, What::Failed(Snag::Mismatch)));
    assert!(!home.path().join("a").exists());
}

#[tokio::test]
async fn a_place_that_cannot_be_written_to_is_a_snag_and_no_panic() {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join("file"), CONTENT).unwrap();
    let place = place(&home.path().join("file/dir"), "a");
    let mut disk = Disk::new(None);
    assert!(matches!(works(&mut disk, [Job::Open(place.clone())]).await, What::Failed(Snag::Io(_))));
    assert!(matches!(
        works(&mut disk, [Job::Discard(place.clone()), Job::Save(place)]).await,
        What::Failed(_)
    ));
    assert_eq!(fs::read(home.path().join("file")).unwrap(), CONTENT);
}
