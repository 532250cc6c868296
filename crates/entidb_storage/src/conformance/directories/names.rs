//! D4 and D5: what streams are called, and that all of them are told.

use std::io::ErrorKind;

use super::ensure_list;
use crate::conformance::DirectorySubject;
use crate::conformance::verdict::{Verdict, ensure, is_kind, said};
use crate::{NAME_LEN_MAX, OpenMode};

/// D4: `list` is every name once, sorted by bytes, and nothing else.
pub fn d4_the_list_is_sorted_and_exact(subject: &mut DirectorySubject<'_>) -> Verdict {
    let directory = subject.fresh()?;
    ensure_list(&*directory, &[], "a new directory")?;
    let mut names: Vec<String> = (0..40)
        .map(|i| format!("{:03}.seg", i * 37 % 40 * 5))
        .collect();
    names.extend(["a-b", "a.b", "a_b", "...", "-", "0", "a", "10", "9"].map(str::to_owned));
    for (i, name) in names.iter().enumerate() {
        match i % 2 {
            0 => drop(directory.open(name, OpenMode::CreateNew)?),
            _ => directory.replace(name, b"x")?,
        }
    }
    names.sort();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    ensure_list(&*directory, &all, "after streams were made")?;
    let (removed, kept) = all.split_at(20);
    for name in removed {
        directory.remove(name)?;
    }
    ensure_list(&*directory, kept, "after streams were removed")?;
    directory.sync()?;
    drop(directory);
    match subject.reopen() {
        Some(again) => ensure_list(&*again?, kept, "opened again"),
        None => Ok(()),
    }
}

/// D5: what is not of `[a-z0-9._-]{1,64}` is no name, for any method, and is not made.
pub fn d5_other_names_are_an_error(subject: &mut DirectorySubject<'_>) -> Verdict {
    let directory = subject.fresh()?;
    let long = "x".repeat(NAME_LEN_MAX + 1);
    let bad = [
        "", ".", "..", "a/b", "/", "../a", "a\\b", "A", "é", "a b", "a\0", "a~", "a:b", "a\n",
        &long,
    ];
    for name in bad {
        let answers = [
            (
                "open(CreateNew)",
                directory.open(name, OpenMode::CreateNew).map(drop),
            ),
            (
                "open(Existing)",
                directory.open(name, OpenMode::Existing).map(drop),
            ),
            ("open_reader", directory.open_reader(name).map(drop)),
            ("remove", directory.remove(name)),
            ("replace", directory.replace(name, b"x")),
            ("lock", directory.lock(name).map(drop)),
        ];
        for (method, answer) in answers {
            ensure!(
                is_kind(&answer, ErrorKind::InvalidInput),
                "{method} of {name:?} gave {}, not InvalidInput",
                said(&answer)
            );
        }
    }
    ensure_list(&*directory, &[], "after names that are none")?;
    let longest = "x".repeat(NAME_LEN_MAX);
    directory.replace(&longest, b"x")?;
    drop(directory.open(&longest, OpenMode::Existing)?);
    ensure_list(&*directory, &[&longest], "with the longest name")
}
