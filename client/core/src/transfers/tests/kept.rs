//! What outlives a restart.

use super::*;
use crate::transfers::sending::KeptSending;

fn place(name: &str) -> Place {
    let (name, dir) = (FileName::new(name).unwrap(), "/home/下载 \"1\"".into());
    Place { file: file(), name, size: limits::MAX_FILE_BYTES, hash: FileHash::of(b""), dir }
}

fn upload(to: Audience, modified: u64) -> KeptSending {
    let media = "application/pdf".parse().unwrap();
    let info =
        FileInfo::new(FileName::new("作业 3.pdf").unwrap(), 5, (FileHash::of(b"12345"), media)).unwrap();
    let (path, source) = ("/home/作业\\3.pdf".into(), Source { info, modified });
    KeptSending { cid: cid(1), to, path, source, file: None, paused: false }
}

fn people() -> Audience {
    Audience::set(["ann", "小明"].map(|name| name.parse().unwrap()).to_vec()).unwrap()
}

#[test]
fn what_is_kept_is_read_back_as_it_was_written() {
    let known = KeptSending { file: Some(file()), paused: true, ..upload(people(), 1) };
    let kept = [
        Kept::Sending(upload(Audience::Everyone, 1_790_000_000_123_456_789)),
        Kept::Sending(known),
        Kept::Taking { place: place("作业 '3'.pdf"), paused: false, saved: None },
        Kept::Taking { place: place("..\u{202e}\"=[x]"), paused: true, saved: None },
        Kept::Taking { place: place("a"), paused: false, saved: Some("/home/下载/a (2)".into()) },
    ];
    assert_eq!(from_toml(&to_toml(&kept)), kept);
    are(from_toml(&to_toml(&[])), []);
}

#[test]
fn one_that_makes_no_sense_or_cannot_be_written_takes_no_other_with_it() {
    let good = Kept::Taking { place: place("a"), paused: false, saved: None };
    let late = Kept::Sending(upload(people(), u64::MAX));
    let kept = from_toml(&to_toml(&[late, good.clone()]));
    assert_eq!(kept.last(), Some(&good), "a file from the year 2554");
    let both = to_toml(&[Kept::Sending(upload(people(), 1)), good.clone()]);
    let values = [("小明", ""), ("作业 3.pdf", "a/b"), ("application/pdf", "pdf"), ("01010101", "01")];
    let shapes = [("size = 5\n", "size = 'five'\n"), ("size = 5\n", "")];
    for (from, to) in values.into_iter().chain(shapes) {
        assert!(both.contains(from), "{both}");
        are(from_toml(&both.replace(from, to)), [good.clone()]);
    }
    let none_sent = to_toml(std::slice::from_ref(&good));
    are(from_toml(&none_sent.replace("sending = []", "sending = [3]")), [good]);
    for spoiled in ["", "\0", "sending = 5", "[[taking]]", "[other]\nx = 1"] {
        are(from_toml(spoiled), []);
    }
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_text_is_left_out() {
    let path: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(vec![b'/', 0xff]);
    let path = PathBuf::from(path);
    let odd = Kept::Sending(KeptSending { path: path.clone(), ..upload(people(), 1) });
    let nowhere = Kept::Taking { place: Place { dir: path, ..place("a") }, paused: false, saved: None };
    let good = Kept::Sending(upload(people(), 1));
    are(from_toml(&to_toml(&[odd, nowhere, good.clone()])), [good]);
}

#[test]
fn whom_it_is_for_and_what_it_is_called_stay_over_a_restart() {
    let mut ann = Bench::new(from_toml(&to_toml(&[Kept::Sending(upload(people(), 1))])));
    ann.comes_back();
    let [Request::Offer(offer)] = &ann.said()[..] else { panic!("no offer") };
    assert_eq!((offer.cid, &offer.to, offer.file.name.as_str()), (cid(1), &people(), "作业 3.pdf"));
    assert_eq!(ann.told()[0].to, Some(people()));
}
