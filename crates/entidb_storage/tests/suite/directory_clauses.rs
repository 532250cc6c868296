//! The clauses of `Directory` as functions that any directory can be put through.

use std::io::ErrorKind;
use std::sync::Arc;

use crate::sample::bytes;
use crate::{Verdict, ensure};
use entidb_storage::{
    Directory, NAME_LEN_MAX, OpenMode, StorageError, StorageReader, StorageResult,
};

/// A kind of directory.
pub(crate) trait Subject {
    /// The one directory of this subject, opened again.
    fn open(&self) -> StorageResult<Box<dyn Directory>>;
}

pub(crate) fn d1_a_new_stream_is_there_again_after_its_first_flush(
    subject: &dyn Subject,
) -> Verdict {
    let directory = subject.open()?;
    let mut stream = directory.open("log", OpenMode::CreateNew)?;
    stream.append(b"first")?;
    stream.flush()?;
    let reader = subject.open()?.open_reader("log")?;
    ensure!(whole(&*reader)? == b"first", "not what was flushed");
    drop((stream, directory));
    let directory = subject.open()?;
    ensure!(directory.list()? == ["log"], "the stream is gone");
    let mut stream = directory.open("log", OpenMode::Existing)?;
    ensure!(stream.append(b" second")? == 5, "not behind the last byte");
    Ok(())
}

pub(crate) fn d1_open_modes_are_met_or_an_error(subject: &dyn Subject) -> Verdict {
    let directory = subject.open()?;
    let missing = directory.open("log", OpenMode::Existing);
    ensure!(
        is_kind(&missing, ErrorKind::NotFound),
        "opened what is not there"
    );
    ensure!(directory.list()?.is_empty(), "made what was to be there");
    ensure!(
        is_kind(&directory.open_reader("log"), ErrorKind::NotFound),
        "read what is not there"
    );
    drop(directory.open("log", OpenMode::CreateNew)?);
    let there = directory.open("log", OpenMode::CreateNew);
    ensure!(
        is_kind(&there, ErrorKind::AlreadyExists),
        "made what is there"
    );
    drop(directory.open("log", OpenMode::Existing)?);
    Ok(())
}

pub(crate) fn a_stream_has_one_appender_and_any_number_of_readers(
    subject: &dyn Subject,
) -> Verdict {
    let directory = subject.open()?;
    let mut stream = directory.open("log", OpenMode::CreateNew)?;
    for directory in [&directory, &subject.open()?] {
        let second = directory.open("log", OpenMode::Existing).map(drop);
        let holder = format!("this process ({})", std::process::id());
        ensure!(
            matches!(&second, Err(StorageError::Locked { holder: found }) if *found == holder),
            "{second:?}"
        );
    }
    let readers = [directory.open_reader("log")?, directory.open_reader("log")?];
    stream.append(b"not flushed")?;
    for reader in &readers {
        ensure!(
            whole(&**reader)? == b"not flushed",
            "a reader beside the appender"
        );
    }
    drop(stream);
    let mut stream = directory.open("log", OpenMode::Existing)?;
    stream.append(b" yet")?;
    ensure!(
        whole(&*directory.open_reader("log")?)? == b"not flushed yet",
        "a reader of the second appender"
    );
    stream.close()?;
    drop(directory.open("log", OpenMode::Existing)?);
    let mut elsewhere = subject.open()?.open("log", OpenMode::Existing)?;
    elsewhere.append(b" again")?;
    elsewhere.close()?;
    ensure!(
        whole(&*directory.open_reader("log")?)? == b"not flushed yet again",
        "a reader without an appender"
    );
    Ok(())
}

pub(crate) fn d2_replace_makes_and_replaces_the_whole(subject: &dyn Subject) -> Verdict {
    let directory = subject.open()?;
    for content in [&b"first and long"[..], b"second", b""] {
        let before = directory.open_reader("manifest").ok();
        let old = before.as_deref().map(whole).transpose()?;
        directory.replace("manifest", content)?;
        ensure!(
            whole(&*directory.open_reader("manifest")?)? == content,
            "not replaced"
        );
        ensure!(
            before.as_deref().map(whole).transpose()? == old,
            "changed below its reader"
        );
        ensure!(subject.open()?.list()? == ["manifest"], "something is left");
    }
    let mut appender = directory.open("manifest", OpenMode::Existing)?;
    directory.replace("manifest", b"below its appender")?;
    appender.append(b"of the old one")?;
    ensure!(
        whole(&*directory.open_reader("manifest")?)? == b"below its appender",
        "the old one's appender is still its appender"
    );
    drop(appender);
    let large = bytes(1, 3_000_000);
    directory.replace("manifest", &large)?;
    ensure!(
        whole(&*subject.open()?.open_reader("manifest")?)? == large,
        "a large one"
    );
    Ok(())
}

pub(crate) fn d3_a_removal_holds_after_a_sync(subject: &dyn Subject) -> Verdict {
    let directory = subject.open()?;
    drop(directory.open("log", OpenMode::CreateNew)?);
    directory.remove("log")?;
    directory.sync()?;
    ensure!(
        is_kind(&directory.remove("log"), ErrorKind::NotFound),
        "removed twice"
    );
    drop(directory);
    let directory = subject.open()?;
    ensure!(directory.list()?.is_empty(), "the stream is back");
    drop(directory.open("log", OpenMode::CreateNew)?);
    Ok(())
}

pub(crate) fn d4_the_list_is_sorted_and_exact(subject: &dyn Subject) -> Verdict {
    let directory = subject.open()?;
    ensure!(directory.list()?.is_empty(), "a new directory is not empty");
    let mut names: Vec<String> = (0..100)
        .map(|i| format!("{:03}.seg", i * 37 % 100))
        .collect();
    names.extend(["a-b", "a.b", "a_b", "...", "-", "0"].map(str::to_owned));
    for (i, name) in names.iter().enumerate() {
        if i % 2 == 0 {
            drop(directory.open(name, OpenMode::CreateNew)?);
        } else {
            directory.replace(name, b"x")?;
        }
    }
    names.sort();
    ensure!(directory.list()? == names, "not the names");
    ensure!(subject.open()?.list()? == names, "not the names again");
    for name in names.drain(..50) {
        directory.remove(&name)?;
    }
    ensure!(directory.list()? == names, "not the names after removals");
    Ok(())
}

pub(crate) fn d5_other_names_are_an_error(subject: &dyn Subject) -> Verdict {
    let directory = subject.open()?;
    let long = "x".repeat(NAME_LEN_MAX + 1);
    let bad = [
        "", ".", "..", "a/b", "/", "A", "é", "a b", "a\0", "a~", "a\n", &long,
    ];
    for name in bad {
        let results = [
            directory.open(name, OpenMode::CreateNew).map(drop),
            directory.open(name, OpenMode::Existing).map(drop),
            directory.open_reader(name).map(drop),
            directory.remove(name),
            directory.replace(name, b"x"),
            directory.lock(name).map(drop),
        ];
        for result in results {
            ensure!(
                is_kind(&result, ErrorKind::InvalidInput),
                "{name:?}: {result:?}"
            );
        }
    }
    ensure!(directory.list()?.is_empty(), "a bad name was made");
    let longest = "x".repeat(NAME_LEN_MAX);
    directory.replace(&longest, b"x")?;
    drop(directory.open(&longest, OpenMode::Existing)?);
    ensure!(directory.list()? == [longest], "the longest name");
    Ok(())
}

pub(crate) fn d6_the_lock_is_held_once_and_names_its_holder(subject: &dyn Subject) -> Verdict {
    let directory = subject.open()?;
    let lock = directory.lock("lock")?;
    ensure!(directory.list()? == ["lock"], "the lock is a stream");
    for directory in [&directory, &subject.open()?] {
        let refused = directory.lock("lock");
        let holder = format!("this process ({})", std::process::id());
        ensure!(
            matches!(&refused, Err(StorageError::Locked { holder: found }) if *found == holder),
            "{refused:?}"
        );
    }
    drop(directory.lock("other")?);
    drop(lock);
    drop(subject.open()?.lock("lock")?);
    directory.replace("lock", b"stale content, and long")?;
    let _lock = directory.lock("lock")?;
    let reader = directory.open_reader("lock")?;
    let pid = format!("{}\n", std::process::id());
    ensure!(
        whole(&*reader)? == pid.as_bytes(),
        "the holder is not written there"
    );
    Ok(())
}

pub(crate) fn d7_a_removed_stream_stays_readable(subject: &dyn Subject) -> Verdict {
    let directory = subject.open()?;
    let mut stream = directory.open("log", OpenMode::CreateNew)?;
    stream.append(b"content")?;
    stream.flush()?;
    let readers: Vec<Arc<dyn StorageReader>> = [
        stream.reader(),
        Some(directory.open_reader("log")?),
        Some(subject.open()?.open_reader("log")?),
    ]
    .into_iter()
    .flatten()
    .collect();
    directory.remove("log")?;
    ensure!(
        is_kind(&directory.open_reader("log"), ErrorKind::NotFound),
        "opened what is removed"
    );
    let mut second = directory.open("log", OpenMode::CreateNew)?;
    second.append(b"something else")?;
    second.flush()?;
    for reader in &readers {
        ensure!(whole(&**reader)? == b"content", "changed by its removal");
    }
    ensure!(
        stream.read_at(0, 7)? == b"content",
        "changed for its appender"
    );
    ensure!(stream.append(b" more")? == 7, "its appender");
    stream.flush()?;
    drop(stream);
    ensure!(
        whole(&*readers[0])? == b"content more",
        "after its appender is gone"
    );
    ensure!(
        whole(&*directory.open_reader("log")?)? == b"something else",
        "the new one"
    );
    Ok(())
}

pub(crate) fn a_shared_directory_is_the_same_directory(subject: &dyn Subject) -> Verdict {
    let shared: Arc<dyn Directory> = Arc::from(subject.open()?);
    shared.replace("a", b"x")?;
    let again = Arc::new(Arc::clone(&shared));
    drop(again.open("b", OpenMode::CreateNew)?);
    ensure!(again.list()? == ["a", "b"], "not the same");
    again.remove("a")?;
    again.sync()?;
    ensure!(
        is_kind(&again.open_reader("a"), ErrorKind::NotFound),
        "not removed"
    );
    drop(again.lock("c")?);
    again.replace("b", b"y")?;
    ensure!(whole(&*shared.open_reader("b")?)? == b"y", "not replaced");
    Ok(())
}

pub(crate) fn whole(reader: &dyn StorageReader) -> StorageResult<Vec<u8>> {
    reader.read_at(0, usize::try_from(reader.size()?).unwrap_or(usize::MAX))
}

pub(crate) fn is_kind<T>(result: &StorageResult<T>, kind: ErrorKind) -> bool {
    matches!(result, Err(StorageError::Io(error)) if error.kind() == kind)
}
