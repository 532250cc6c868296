//! Clause 8: what a cut takes, and for how long.

use std::io::ErrorKind;

use super::verdict::{
    NO_KILL, NO_POWER_LOSS, NO_REOPEN, Verdict, bytes, ensure, ensure_is, filled, is_kind,
    not_checked, opened, said,
};
use super::{BackendSubject, Loss};

/// Clause 8: a cut leaves exactly what is below it, and appending again never brings old bytes back.
pub fn clause_08_a_cut_is_exact_and_old_bytes_never_come_back(
    subject: &mut BackendSubject<'_>,
) -> Verdict {
    let mut backend = subject.fresh()?;
    let mut model = filled(&mut *backend)?;
    for flushed in [true, false] {
        for (seed, cut) in (0..).zip([1, 0, 1000, 70_000, 400_000]) {
            if flushed {
                backend.flush()?;
            }
            let size = model.len().saturating_sub(cut);
            backend.truncate(size as u64)?;
            model.truncate(size);
            ensure_is(
                &*backend,
                &model,
                &format!("after {cut} bytes were cut off"),
            )?;
            // Room, and fewer other bytes, where the old ones were.
            backend.reserve(1000)?;
            let part = bytes(seed, 700);
            let offset = backend.append(&part)?;
            ensure!(
                offset == size as u64,
                "an append behind a cut to {size} was put at {offset}"
            );
            model.extend(part);
            ensure_is(
                &*backend,
                &model,
                &format!("after an append behind a cut of {cut} bytes"),
            )?;
        }
        let part = bytes(5, 700_000);
        backend.append(&part)?;
        model.extend(part);
    }
    backend.truncate(0)?;
    ensure_is(&*backend, &[], "cut to nothing")?;
    backend.append(b"anew")?;
    ensure_is(&*backend, b"anew", "cut to nothing and begun anew")
}

/// Clause 8: what was cut is still cut when the stream is opened again, without a flush.
pub fn clause_08_a_cut_holds_when_opened_again(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut backend = subject.fresh()?;
    let mut model = filled(&mut *backend)?;
    backend.flush()?;
    backend.truncate(500_000)?;
    model.truncate(500_000);
    drop(backend);
    let Some(again) = subject.reopen() else {
        return not_checked(NO_REOPEN);
    };
    let mut backend = again?;
    ensure_is(&*backend, &model, "cut and opened again")?;
    backend.append(b"end")?;
    model.extend(b"end");
    backend.flush()?;
    drop(backend);
    match subject.reopen() {
        Some(again) => ensure_is(&*again?, &model, "cut, appended to and opened again"),
        None => not_checked(NO_REOPEN),
    }
}

/// Clause 8: a cut is durable when it returns.
pub fn clause_08_a_cut_is_durable_when_it_returns(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut checked = false;
    for loss in [Loss::Process, Loss::Power] {
        let mut backend = subject.fresh()?;
        let mut model = filled(&mut *backend)?;
        backend.flush()?;
        backend.truncate(600_000)?;
        model.truncate(600_000);
        if let Some(left) = subject.after(loss) {
            checked = true;
            let when = format!("cut, and then {loss}");
            ensure_is(&*opened(left, &when)?, &model, &when)?;
        }
    }
    match checked {
        true => Ok(()),
        false => not_checked(&format!("{NO_KILL}; {NO_POWER_LOSS}")),
    }
}

/// Clause 8: a cut above the size is `InvalidInput` and changes nothing.
pub fn clause_08_cutting_above_the_size_is_invalid_and_changes_nothing(
    subject: &mut BackendSubject<'_>,
) -> Verdict {
    let mut backend = subject.fresh()?;
    backend.append(b"some")?;
    for flushed in [false, true] {
        if flushed {
            backend.flush()?;
        }
        backend.reserve(100)?;
        for size in [5, 100, 1 << 40, u64::MAX] {
            let result = backend.truncate(size);
            ensure!(
                is_kind(&result, ErrorKind::InvalidInput),
                "truncate({size}) of 4 bytes gave {}, not an Io of kind InvalidInput",
                said(&result)
            );
            ensure_is(
                &*backend,
                b"some",
                &format!("after truncate({size}) was refused"),
            )?;
        }
        backend.truncate(4)?;
        ensure_is(&*backend, b"some", "after a cut to the size itself")?;
    }
    Ok(())
}
