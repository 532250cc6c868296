//! Clauses 7 and 10: a medium that fails.

use super::verdict::{Verdict, bytes, ensure, ensure_is, ensure_same, filled, not_checked, said};
use super::{BackendSubject, Fault};
use crate::{StorageBackend, StorageError, StorageResult};

const NO_FULL: &str = "the medium cannot be filled (Subject::inject(Fault::Full))";

/// Clause 7: after a failed sync, of a flush, a sync or a cut, every later write is `Poisoned`, and reads go on.
pub fn clause_07_a_failed_sync_is_sticky_and_reads_go_on(
    subject: &mut BackendSubject<'_>,
) -> Verdict {
    for method in ["flush", "sync", "truncate"] {
        let mut backend = subject.fresh()?;
        let model = bytes(1, 10_000);
        backend.append(&model)?;
        backend.flush()?;
        backend.append(b"more")?;
        let reader = backend.reader();
        if !subject.inject(Fault::Sync) {
            return not_checked("no sync can be made to fail (Subject::inject(Fault::Sync))");
        }
        let failed = match method {
            "flush" => backend.flush(),
            "sync" => backend.sync(),
            _ => backend.truncate(9000),
        };
        ensure!(failed.is_err(), "{method} succeeded though its sync failed");
        // The medium is well again, and yet the pages may be gone.
        subject.mend();
        let later: [(&str, StorageResult<()>); 6] = [
            ("append", backend.append(b"x").map(drop)),
            (
                "append_vectored",
                backend.append_vectored(&[b"x", b"y"]).map(drop),
            ),
            ("flush", backend.flush()),
            ("sync", backend.sync()),
            ("truncate", backend.truncate(0)),
            ("flush", backend.flush()),
        ];
        for (later, result) in later {
            ensure!(
                matches!(result, Err(StorageError::Poisoned)),
                "{later} after a failed sync (in {method}) gave {}, not Poisoned",
                said(&result)
            );
        }
        let kept = model.get(..9000).unwrap_or_default();
        ensure!(
            backend.size()? >= 9000,
            "the size has fallen after a failed sync"
        );
        ensure_same(&backend.read_at(0, 9000)?, kept, "read after a failed sync")?;
        if let Some(reader) = reader {
            ensure_same(
                &reader.read_at(0, 9000)?,
                kept,
                "reader after a failed sync",
            )?;
        }
    }
    Ok(())
}

/// Clause 7: if only the write of a flush fails, size and reads are unchanged, and the flush may be retried or the rest cut.
pub fn clause_07_a_failed_write_may_be_retried_or_cut(subject: &mut BackendSubject<'_>) -> Verdict {
    for cut in [false, true] {
        let mut backend = subject.fresh()?;
        let mut model = bytes(1, 1000);
        backend.append(&model)?;
        backend.flush()?;
        if !subject.inject(Fault::Full) {
            return not_checked(NO_FULL);
        }
        let Some((failed, true)) = fill(&mut *backend, &mut model)? else {
            subject.mend();
            return not_checked("the medium refuses appends already, so that no flush fails");
        };
        ensure!(
            failed.is_full(),
            "a full medium gave the error \"{failed}\""
        );
        ensure_is(&*backend, &model, "after a flush whose write failed")?;
        let again = backend.flush();
        ensure!(
            matches!(&again, Err(error) if error.is_full()),
            "a second flush on a full medium gave {}",
            said(&again)
        );
        if cut {
            backend.truncate(1000)?;
            model.truncate(1000);
            ensure_is(&*backend, &model, "after the rest was cut off")?;
        }
        subject.mend();
        backend.flush()?;
        ensure_is(&*backend, &model, "after the flush was retried")?;
        drop(backend);
        if let Some(again) = subject.reopen() {
            ensure_is(&*again?, &model, "retried, and opened again")?;
        }
    }
    Ok(())
}

/// Appends and flushes until something fails, and says what failed and whether it was the flush.
fn fill(
    backend: &mut dyn StorageBackend,
    model: &mut Vec<u8>,
) -> StorageResult<Option<(StorageError, bool)>> {
    for seed in 0..1000 {
        let part = bytes(seed, [100, 30_000, 500_000][model.len() % 3]);
        match backend.append(&part) {
            Ok(_) => model.extend(part),
            Err(error) => return Ok(Some((error, false))),
        }
        if let Err(error) = backend.flush() {
            return Ok(Some((error, true)));
        }
    }
    Ok(None)
}

/// Clause 10: a full disk is an error of its own, changes nothing, and leaves the backend usable.
pub fn clause_10_a_full_disk_leaves_the_backend_usable(
    subject: &mut BackendSubject<'_>,
) -> Verdict {
    let mut backend = subject.fresh()?;
    let mut model = bytes(1, 1000);
    backend.append(&model)?;
    backend.flush()?;
    if !subject.inject(Fault::Full) {
        return not_checked(NO_FULL);
    }
    let Some((error, _)) = fill(&mut *backend, &mut model)? else {
        subject.mend();
        return not_checked("Subject::inject(Fault::Full) did not make the medium full");
    };
    ensure!(
        error.is_full(),
        "a full disk gave the error \"{error}\", for which is_full() does not hold"
    );
    ensure_is(&*backend, &model, "after the disk was full")?;
    let reserved = backend.reserve(1 << 30);
    ensure!(
        reserved.is_ok() || matches!(&reserved, Err(error) if error.is_full()),
        "reserve on a full disk gave {}",
        said(&reserved)
    );
    ensure_is(&*backend, &model, "after room was asked for on a full disk")?;
    subject.mend();
    backend.flush()?;
    backend.append(b"end")?;
    model.extend(b"end");
    ensure_is(&*backend, &model, "after there was room again")?;
    backend.close()?;
    drop(backend);
    match subject.reopen() {
        Some(again) => ensure_is(&*again?, &model, "after a full disk, opened again"),
        None => Ok(()),
    }
}

/// Clause 10: interrupted and short reads and writes are handled inside.
pub fn clause_10_interruptions_are_handled_inside(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut backend = subject.fresh()?;
    if !subject.inject(Fault::Interruptions) {
        return not_checked(
            "reads and writes cannot be interrupted (Subject::inject(Fault::Interruptions))",
        );
    }
    let mut model = filled(&mut *backend)?;
    backend.flush()?;
    ensure_is(&*backend, &model, "written with interruptions")?;
    backend.append_vectored(&[b"one", b"two"])?;
    model.extend(b"onetwo");
    backend.truncate(1_000_000)?;
    model.truncate(1_000_000);
    backend.append(b"end")?;
    model.extend(b"end");
    backend.sync()?;
    ensure_is(&*backend, &model, "cut and appended with interruptions")?;
    subject.mend();
    ensure_is(&*backend, &model, "after interruptions")
}
