//! Names of files that others chose, made safe to save and to show: what is shown is what is saved.

use sotto_proto::{FileName, MediaType};
use unicode_normalization::UnicodeNormalization;

use crate::visible::is_hidden;

/// The longest name, in bytes; it leaves room for a number and for what file systems add.
const LONGEST: usize = 200;

/// A name without what a file system, a shell or an eye could take for something else. The ending stays what it is, and visible.
#[must_use]
pub fn safe_name(name: &FileName) -> String {
    let shown: String = name.as_str().nfc().filter(|c| !is_hidden(*c)).map(plain).collect();
    let trimmed = shown.trim_matches(char::is_whitespace).trim_end_matches(['.', ' ']);
    let begin = trimmed.trim_start_matches(['.', '~', '-', ' ']);
    let name = match (begin.is_empty(), begin.len() == trimmed.len()) {
        (true, _) => "file".to_owned(),
        (false, true) => begin.to_owned(),
        (false, false) => format!("_{begin}"),
    };
    shortened(if is_reserved(&name) { format!("_{name}") } else { name })
}

/// A name with a number before its ending, from 2 on.
pub(crate) fn numbered(name: &str, number: u32) -> String {
    if number < 2 {
        return name.to_owned();
    }
    let (stem, ending) = split(name);
    format!("{stem} ({number}){ending}")
}

/// Whether opening such a file can run a program.
#[must_use]
pub fn is_program(name: &str) -> bool {
    const ENDINGS: &[&str] = &[
        "apk", "app", "appimage", "bat", "cmd", "com", "command", "cpl", "deb", "desktop", "dll", "dmg",
        "exe", "gadget", "hta", "inf", "jar", "js", "jse", "lnk", "msc", "msi", "msp", "pif", "pkg", "ps1",
        "py", "reg", "rpm", "run", "scf", "scr", "sh", "url", "vb", "vbe", "vbs", "workflow", "ws", "wsf",
        "wsh",
    ];
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    ENDINGS.contains(&ending.as_str())
}

/// What kind of content a name promises.
pub(crate) fn media_type(name: &str) -> MediaType {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let media = match ending.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "txt" | "log" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        _ => "application/octet-stream",
    };
    media.parse().unwrap_or_else(|_| MediaType::unknown())
}

/// What separates paths or means something to a shell or a file system.
fn plain(c: char) -> char {
    match c {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
        c if c.is_whitespace() => ' ',
        c => c,
    }
}

fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let numbered = |device: &str| {
        let number = stem.strip_prefix(device).unwrap_or_default();
        matches!(number, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || numbered("COM")
        || numbered("LPT")
}

/// Cut in the middle, so that the ending stays.
fn shortened(name: String) -> String {
    if name.len() <= LONGEST {
        return name;
    }
    let (stem, ending) = split(&name);
    let mark = "…";
    let (begin, _) = stem.split_at(stem.floor_char_boundary(LONGEST - ending.len() - mark.len()));
    format!("{begin}{mark}{ending}")
}

/// Before and from its last dot; an ending that is very long is none.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 32 => name.split_at(dot),
        _ => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(name: &str) -> String {
        safe_name(&FileName::new(name).unwrap())
    }

    #[test]
    fn names_that_mean_something_else_are_made_to_mean_themselves() {
        for (name, expected) in [
            ("hw3.pdf", "hw3.pdf"),
            ("作业 3.pdf", "作业 3.pdf"),
            ("..", "file"),
            ("...", "file"),
            ("\u{200b}", "file"),
            ("a\u{202e}gpj.exe", "agpj.exe"),
            ("CON", "_CON"),
            ("con.txt", "_con.txt"),
            ("nul .tar.gz", "_nul .tar.gz"),
            ("LPT9.pdf", "_LPT9.pdf"),
            ("COM¹", "_COM¹"),
            ("console.log", "console.log"),
            (".bashrc", "_bashrc"),
            ("-rf", "_rf"),
            ("~root", "_root"),
            ("a:b", "a_b"),
            ("C:evil", "C_evil"),
            ("name. . .", "name"),
            ("what?.txt", "what_.txt"),
            ("a\u{301}.txt", "á.txt"),
            ("🎉.png", "🎉.png"),
            ("a\u{a0}\u{3000}b", "a  b"),
        ] {
            assert_eq!(safe(name), expected, "{name:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_ending() {
        let long = safe(&format!("{}.exe", "字".repeat(80)));
        assert!(long.len() <= LONGEST && long.ends_with("….exe"), "{long}");
        let all_ending = safe(&format!("a.{}", "b".repeat(250)));
        assert!(all_ending.len() <= LONGEST, "{all_ending}");
    }

    #[test]
    fn a_number_goes_before_the_ending() {
        assert_eq!([1, 2].map(|number| numbered("a.tar.gz", number)), ["a.tar.gz", "a.tar (2).gz"]);
        assert_eq!([numbered("a", 3), numbered(".a", 3)], ["a (3)", ".a (3)"]);
    }

    #[test]
    fn programs_are_known_by_their_real_ending() {
        assert!(is_program("a.EXE") && is_program("a.pdf.js") && is_program(&safe("a\u{202e}fdp.sh")));
        assert!(!is_program("exe") && !is_program("a.pdf") && !is_program("a.exe.txt"));
    }

    #[test]
    fn no_name_of_ten_thousand_leaves_its_directory() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let pieces = [
            "..", ".", "~", "-", " ", ":", "C:", "CON", "nul", "COM1", ".", "\u{202e}", "\u{200d}", "%2f",
            "$(x)", "`", "exe", "字", "🎉", "a", "*", "?", "|", "\u{feff}", "..;", "%00", "é", "e\u{301}",
            "\u{a0}",
        ];
        for _ in 0..10_000 {
            let mut name = String::new();
            for _ in 0..=random % 12 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                name.push_str(pieces[usize::try_from(random % pieces.len() as u64).unwrap()]);
            }
            let Ok(name) = FileName::new(&name) else { continue };
            let safe = safe_name(&name);
            let path = std::path::Path::new(&safe);
            assert_eq!(path.components().count(), 1, "{name:?} → {safe:?}");
            assert!(
                !safe.starts_with(['.', '~', '-', ' ']) && !safe.ends_with(['.', ' ']) && !safe.is_empty()
            );
            assert!(
                !safe.contains(['/', '\\', ':', '*', '?', '|'])
                    && !safe.chars().any(is_hidden)
                    && !is_reserved(&safe)
            );
            assert_eq!(safe_name(&FileName::new(&safe).unwrap()), safe, "what is safe stays as it is");
        }
    }
}
