//! D1, D3, D7: how a stream begins, is shared, and goes.

use std::io::ErrorKind;

use super::{ensure_list, ensure_stream};
use crate::conformance::verdict::{
    NO_POWER_LOSS, NO_REOPEN, Verdict, ensure, ensure_is, ensure_reads, is_kind, not_checked, said,
};
use crate::conformance::{DirectorySubject, Loss};
use crate::{OpenMode, StorageError};

/// `CreateNew` makes an empty stream or is `AlreadyExists`; `Existing` and `open_reader` need one or are `NotFound`.
pub fn d1_open_modes_are_met_or_an_error(subject: &mut DirectorySubject<'_>) -> Verdict {
    let directory = subject.fresh()?;
    let missing = directory.open("log", OpenMode::Existing);
    ensure!(
        is_kind(&missing, ErrorKind::NotFound),
        "open(Existing) of what is not there gave {}, not NotFound",
        said(&missing)
    );
    let missing = directory.open_reader("log");
    ensure!(
        is_kind(&missing, ErrorKind::NotFound),
        "open_reader of what is not there gave {}, not NotFound",
        said(&missing)
    );
    ensure_list(&*directory, &[], "after opening what is not there")?;
    let mut stream = directory.open("log", OpenMode::CreateNew)?;
    ensure_is(&*stream, &[], "a new stream")?;
    stream.append(b"kept")?;
    stream.flush()?;
    drop(stream);
    let there = directory.open("log", OpenMode::CreateNew);
    ensure!(
        is_kind(&there, ErrorKind::AlreadyExists),
        "open(CreateNew) of what is there gave {}, not AlreadyExists",
        said(&there)
    );
    let mut stream = directory.open("log", OpenMode::Existing)?;
    ensure_is(&*stream, b"kept", "an existing stream")?;
    ensure!(stream.append(b" on")? == 4, "not behind its last byte");
    Ok(())
}

/// D1: a new stream is there, with its first flush, when the directory is opened again.
pub fn d1_a_new_stream_is_there_when_opened_again(subject: &mut DirectorySubject<'_>) -> Verdict {
    let directory = subject.fresh()?;
    let mut stream = directory.open("log", OpenMode::CreateNew)?;
    stream.append(b"first")?;
    stream.flush()?;
    drop((stream, directory));
    let Some(again) = subject.reopen() else {
        return not_checked(NO_REOPEN);
    };
    let directory = again?;
    ensure_list(&*directory, &["log"], "opened again")?;
    ensure_stream(&*directory, "log", b"first", "opened again")?;
    let mut stream = directory.open("log", OpenMode::Existing)?;
    ensure!(stream.append(b" second")? == 5, "not behind its last byte");
    Ok(())
}

/// D1: a new stream, with its name, survives a power loss after its first flush.
pub fn d1_a_new_stream_is_durable_at_its_first_flush(
    subject: &mut DirectorySubject<'_>,
) -> Verdict {
    let directory = subject.fresh()?;
    let mut stream = directory.open("log", OpenMode::CreateNew)?;
    stream.append(b"first")?;
    stream.flush()?;
    let Some(left) = subject.after(Loss::Power) else {
        return not_checked(NO_POWER_LOSS);
    };
    let left = left?;
    ensure_list(&*left, &["log"], "after a flush and a power loss")?;
    ensure_stream(&*left, "log", b"first", "after a flush and a power loss")
}

/// A stream is opened for appending by one handle at a time; the next may when that is dropped or closed.
pub fn stream_has_one_appender(subject: &mut DirectorySubject<'_>) -> Verdict {
    let directory = subject.fresh()?;
    let mut stream = directory.open("log", OpenMode::CreateNew)?;
    for _ in 0..2 {
        let second = directory.open("log", OpenMode::Existing);
        ensure!(
            matches!(&second, Err(StorageError::Locked { holder }) if !holder.is_empty()),
            "a second appender gave {}, not Locked with a holder",
            said(&second)
        );
    }
    drop(directory.open("other", OpenMode::CreateNew)?);
    stream.append(b"first")?;
    // A drop need not flush.
    stream.flush()?;
    drop(stream);
    let mut stream = directory.open("log", OpenMode::Existing)?;
    stream.append(b" second")?;
    stream.close()?;
    let mut third = directory.open("log", OpenMode::Existing)?;
    let late = stream.append(b"late");
    ensure!(
        matches!(late, Err(StorageError::Closed)),
        "append to a closed stream, beside the next appender, gave {}",
        said(&late)
    );
    // What is left of the closed one gives no right back that it has no more.
    drop(stream);
    let fourth = directory.open("log", OpenMode::Existing);
    ensure!(
        matches!(&fourth, Err(StorageError::Locked { .. })),
        "an appender beside another, after a closed one was dropped, gave {}",
        said(&fourth)
    );
    third.append(b" third")?;
    ensure_is(&*third, b"first second third", "after three appenders")
}

/// A stream is read by any number of handles, beside its appender and without one.
pub fn stream_has_any_number_of_readers(subject: &mut DirectorySubject<'_>) -> Verdict {
    let directory = subject.fresh()?;
    let mut stream = directory.open("log", OpenMode::CreateNew)?;
    let readers = [directory.open_reader("log")?, directory.open_reader("log")?];
    stream.append(b"not flushed")?;
    for reader in &readers {
        ensure_reads(&**reader, b"not flushed", "beside the appender")?;
    }
    stream.flush()?;
    drop(stream);
    ensure_stream(&*directory, "log", b"not flushed", "without an appender")?;
    let reader = directory.open_reader("log")?;
    let mut stream = directory.open("log", OpenMode::Existing)?;
    stream.append(b" yet")?;
    ensure_stream(
        &*directory,
        "log",
        b"not flushed yet",
        "a reader of the next appender",
    )?;
    stream.flush()?;
    ensure_reads(
        &*reader,
        b"not flushed yet",
        "a reader from before the appender",
    )
}

/// D3: what is removed is gone, by name, also when the directory is opened again after a sync.
pub fn d3_a_removal_holds(subject: &mut DirectorySubject<'_>) -> Verdict {
    let directory = subject.fresh()?;
    let mut stream = directory.open("log", OpenMode::CreateNew)?;
    stream.append(b"old")?;
    stream.flush()?;
    drop(stream);
    directory.replace("kept", b"kept")?;
    directory.remove("log")?;
    for missing in [
        directory.remove("log"),
        directory.open_reader("log").map(drop),
        directory.open("log", OpenMode::Existing).map(drop),
    ] {
        ensure!(
            is_kind(&missing, ErrorKind::NotFound),
            "what is removed, opened or removed again, gave {}, not NotFound",
            said(&missing)
        );
    }
    directory.sync()?;
    ensure_list(&*directory, &["kept"], "after a removal")?;
    drop(directory);
    if let Some(again) = subject.reopen() {
        let directory = again?;
        ensure_list(&*directory, &["kept"], "after a removal, opened again")?;
        let stream = directory.open("log", OpenMode::CreateNew)?;
        ensure_is(&*stream, &[], "made anew after a removal")?;
    }
    Ok(())
}

/// D3: a removal survives a power loss after a sync.
pub fn d3_a_removal_is_durable_after_a_sync(subject: &mut DirectorySubject<'_>) -> Verdict {
    let directory = subject.fresh()?;
    directory.replace("log", b"old")?;
    directory.remove("log")?;
    directory.sync()?;
    match subject.after(Loss::Power) {
        Some(left) => ensure_list(&*left?, &[], "removed, synced, and then power lost"),
        None => not_checked(NO_POWER_LOSS),
    }
}

/// D7: a removed stream stays what it was for the handles that have it open, whatever takes its name.
pub fn d7_a_removed_stream_stays_readable(subject: &mut DirectorySubject<'_>) -> Verdict {
    let directory = subject.fresh()?;
    let mut stream = directory.open("log", OpenMode::CreateNew)?;
    stream.append(b"content")?;
    stream.flush()?;
    let mut readers = vec![directory.open_reader("log")?];
    readers.extend(stream.reader());
    directory.remove("log")?;
    for reader in &readers {
        ensure_reads(&**reader, b"content", "a reader of what is removed")?;
    }
    let mut second = directory.open("log", OpenMode::CreateNew)?;
    second.append(b"something else")?;
    second.flush()?;
    for reader in &readers {
        ensure_reads(&**reader, b"content", "after another took its name")?;
    }
    ensure_is(&*stream, b"content", "the appender of what is removed")?;
    ensure!(
        stream.append(b" more")? == 7,
        "the appender of what is removed is disturbed"
    );
    stream.flush()?;
    drop(stream);
    for reader in &readers {
        ensure_reads(&**reader, b"content more", "after the appender is gone")?;
    }
    ensure_stream(
        &*directory,
        "log",
        b"something else",
        "the one that took its name",
    )
}
