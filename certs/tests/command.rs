//! The command as a shell sees it: streams and exit codes.

#![allow(clippy::unwrap_used, reason = "clippy allows it in tests, but not in what they call")]

use std::path::Path;
use std::process::{Command, Output};

#[test]
fn a_refusal_is_one_line_and_code_one() {
    let dir = tempfile::tempdir().unwrap();
    assert!(mint(dir.path(), &[]).status.success());
    let refused = mint(dir.path(), &[]);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.starts_with("sotto-certs: ") && told.lines().count() == 1, "{told}");
}

#[test]
fn a_bad_name_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let refused = mint(dir.path(), &["--san", "not a name"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("\"not a name\""));
    assert_eq!(dir.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_wrong_command_is_code_two_and_none_is_help() {
    assert_eq!(run(&["mnit"]).status.code(), Some(2));
    let help = run(&[]);
    assert_eq!(help.status.code(), Some(2));
    assert!(String::from_utf8(help.stderr).unwrap().contains("Examples:"));
}

#[test]
fn help_is_not_an_error() {
    let help = run(&["--help"]);
    assert!(help.status.success());
    assert!(String::from_utf8(help.stdout).unwrap().contains("Examples:"));
}

fn mint(dir: &Path, more: &[&str]) -> Output {
    run(&[&["mint", "--dir", dir.to_str().unwrap()], more].concat())
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sotto-certs")).args(args).output().unwrap()
}
