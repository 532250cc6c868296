//! Clauses 4, 5, 6 and 9: what survives.

use super::verdict::{
    NO_KILL, NO_POWER_LOSS, NO_REOPEN, Verdict, as_len, bytes, ensure, ensure_is, ensure_same,
    filled, not_checked, opened,
};
use super::{BackendSubject, Loss};
use crate::{StorageBackend, StorageResult};

/// Clause 4: after a flush, every appended byte is there when the stream is opened again.
pub fn clause_04_flushed_bytes_are_there_when_opened_again(
    subject: &mut BackendSubject<'_>,
) -> Verdict {
    let mut backend = subject.fresh()?;
    let model = filled(&mut *backend)?;
    backend.flush()?;
    backend.append(b"perhaps")?;
    drop(backend);
    let Some(again) = subject.reopen() else {
        return not_checked(NO_REOPEN);
    };
    let mut backend = again?;
    ensure_begins(&*backend, &model, "flushed, dropped and opened again")?;
    let size = backend.size()?;
    let offset = backend.append(b"more")?;
    ensure!(
        offset == size,
        "opened again with {size} bytes, it appends at {offset}"
    );
    Ok(())
}

/// Clause 4: after a flush, every appended byte survives the death of the process.
pub fn clause_04_flushed_bytes_survive_the_process(subject: &mut BackendSubject<'_>) -> Verdict {
    survives(subject, Loss::Process, |backend| backend.flush())
}

/// Clause 4: after a flush, every appended byte survives a power loss.
pub fn clause_04_flushed_bytes_survive_a_power_loss(subject: &mut BackendSubject<'_>) -> Verdict {
    survives(subject, Loss::Power, |backend| backend.flush())
}

/// Clause 5: what a sync covers survives the death of the process.
pub fn clause_05_synced_bytes_survive_the_process(subject: &mut BackendSubject<'_>) -> Verdict {
    survives(subject, Loss::Process, |backend| backend.sync())
}

/// Clause 5: what a sync covers, with its name, survives a power loss.
pub fn clause_05_synced_bytes_survive_a_power_loss(subject: &mut BackendSubject<'_>) -> Verdict {
    survives(subject, Loss::Power, |backend| backend.sync())
}

fn survives(
    subject: &mut BackendSubject<'_>,
    loss: Loss,
    make_durable: impl Fn(&mut dyn StorageBackend) -> StorageResult<()>,
) -> Verdict {
    let mut backend = subject.fresh()?;
    let mut model = Vec::new();
    for round in 0..4 {
        let part = bytes(round, 100_000);
        backend.append(&part)?;
        model.extend(part);
        make_durable(&mut *backend)?;
        let Some(left) = subject.after(loss) else {
            return not_checked(absent(loss));
        };
        let when = format!("made durable, and then {loss}");
        ensure_begins(&*opened(left, &when)?, &model, &when)?;
    }
    Ok(())
}

fn absent(loss: Loss) -> &'static str {
    match loss {
        Loss::Process => NO_KILL,
        Loss::Power => NO_POWER_LOSS,
    }
}

/// Clause 6: below the last flush all is intact after a crash, whatever was appended, reserved or cut since.
pub fn clause_06_below_the_last_flush_everything_is_intact(
    subject: &mut BackendSubject<'_>,
) -> Verdict {
    let mut checked = false;
    let mut backend = subject.fresh()?;
    let mut model = Vec::new();
    for round in 0..12 {
        let part = bytes(round, 1000 * as_len(round) + 1);
        backend.append(&part)?;
        model.extend_from_slice(&part);
        backend.flush()?;
        backend.reserve(10_000)?;
        backend.append(&bytes(99, 5000))?;
        if round % 3 == 0 {
            backend.append(&bytes(98, 300_000))?;
        }
        for loss in [Loss::Process, Loss::Power] {
            if let Some(left) = subject.after(loss) {
                checked = true;
                let when = format!("flushed, more appended, and then {loss}");
                ensure_begins(&*opened(left, &when)?, &model, &when)?;
            }
        }
        backend.truncate(model.len() as u64)?;
        ensure_is(&*backend, &model, "after the rest was cut off")?;
    }
    match checked {
        true => Ok(()),
        false => not_checked(&format!("{NO_KILL}; {NO_POWER_LOSS}")),
    }
}

/// Clause 9: the first flush makes the name durable, too; and so does the first sync.
pub fn clause_09_the_first_flush_makes_the_name_durable(
    subject: &mut BackendSubject<'_>,
) -> Verdict {
    for sync in [false, true] {
        let mut backend = subject.fresh()?;
        backend.append(b"first")?;
        match sync {
            false => backend.flush()?,
            true => backend.sync()?,
        }
        let Some(left) = subject.after(Loss::Power) else {
            return not_checked(NO_POWER_LOSS);
        };
        let when = "flushed or synced once, and then the power failed";
        ensure_begins(&*opened(left, when)?, b"first", when)?;
    }
    Ok(())
}

/// Clause 9: the first flush of a later handle makes the name durable, since the one that made it may have died before.
pub fn clause_09_so_does_the_first_flush_of_a_later_handle(
    subject: &mut BackendSubject<'_>,
) -> Verdict {
    drop(subject.fresh()?);
    let Some(again) = subject.reopen() else {
        return not_checked(NO_REOPEN);
    };
    let mut backend = again?;
    backend.append(b"second")?;
    backend.flush()?;
    let when = "flushed by a second handle, and then the power failed";
    match subject.after(Loss::Power) {
        Some(left) => ensure_begins(&*opened(left, when)?, b"second", when),
        None => not_checked(NO_POWER_LOSS),
    }
}

fn ensure_begins(backend: &dyn StorageBackend, model: &[u8], when: &str) -> Verdict {
    let size = backend.size()?;
    ensure!(
        size >= model.len() as u64,
        "{when}: only {size} bytes of {} are there",
        model.len()
    );
    ensure_same(&backend.read_at(0, model.len())?, model, when)
}
