//! The defaulted methods that no numbered clause covers: reserve, close, capabilities.

use super::BackendSubject;
use super::verdict::{Verdict, bytes, ensure, ensure_is, ensure_reads, filled, not_checked, said};
use crate::{StorageError, StorageResult};

/// `reserve` changes neither the size nor what is read, also when the stream is opened again.
pub fn reserve_changes_neither_size_nor_content(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut backend = subject.fresh()?;
    let reader = backend.reader();
    let mut model = Vec::new();
    for round in 0..30 {
        backend.reserve([100_000, 0, 5_000_000][model.len() % 3])?;
        ensure_is(&*backend, &model, "after a reserve")?;
        let part = bytes(round, 90_000);
        backend.append(&part)?;
        model.extend(part);
        if round % 4 == 0 {
            backend.flush()?;
        }
        if let Some(reader) = &reader {
            ensure_reads(&**reader, &model, "with room reserved")?;
        }
        ensure_is(&*backend, &model, "after an append to reserved room")?;
    }
    backend.flush()?;
    backend.reserve(100_000)?;
    drop(backend);
    if let Some(again) = subject.reopen() {
        ensure_is(&*again?, &model, "reserved, dropped and opened again")?;
    }
    Ok(())
}

/// `close` flushes: what was appended is there when the stream is opened again.
pub fn close_flushes(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut backend = subject.fresh()?;
    let model = filled(&mut *backend)?;
    backend.reserve(100_000)?;
    backend.close()?;
    drop(backend);
    match subject.reopen() {
        Some(again) => ensure_is(&*again?, &model, "closed and opened again"),
        None => not_checked(super::verdict::NO_REOPEN),
    }
}

/// After `close` every method answers `Closed`; or, where `close` is the default that only flushes, none does.
pub fn close_is_final(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut backend = subject.fresh()?;
    let model = filled(&mut *backend)?;
    backend.close()?;
    if backend.size().is_ok() && backend.append(b"").is_ok() {
        ensure_is(&*backend, &model, "after a close that only flushes")?;
        return not_checked("close only flushes, as by default, and leaves the backend open");
    }
    let answers: [(&str, StorageResult<()>); 11] = [
        ("size", backend.size().map(drop)),
        ("read_at", backend.read_at(0, 1).map(drop)),
        ("read_into", backend.read_into(0, &mut [0])),
        ("read_bytes", backend.read_bytes(0, 1).map(drop)),
        ("append", backend.append(b"x").map(drop)),
        (
            "append_vectored",
            backend.append_vectored(&[b"x"]).map(drop),
        ),
        ("flush", backend.flush()),
        ("sync", backend.sync()),
        ("truncate", backend.truncate(0)),
        (
            "read_at past the end",
            backend.read_at(u64::MAX, 1).map(drop),
        ),
        ("close", backend.close()),
    ];
    for (method, answer) in answers {
        ensure!(
            matches!(answer, Err(StorageError::Closed)),
            "{method} after close gave {}, not Closed",
            said(&answer)
        );
    }
    Ok(())
}

/// `capabilities` says the same at any time.
pub fn capabilities_stay_the_same(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut backend = subject.fresh()?;
    let first = backend.capabilities();
    filled(&mut *backend)?;
    for what in ["appended", "flushed", "cut"] {
        match what {
            "flushed" => backend.flush()?,
            "cut" => backend.truncate(5)?,
            _ => {}
        }
        let now = backend.capabilities();
        ensure!(
            now == first,
            "once {what}, capabilities are {now:?}, not {first:?}"
        );
    }
    drop(backend);
    if let Some(again) = subject.reopen() {
        let now = again?.capabilities();
        ensure!(
            now == first,
            "opened again, capabilities are {now:?}, not {first:?}"
        );
    }
    Ok(())
}
