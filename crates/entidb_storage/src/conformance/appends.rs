//! Clause 3: what an append does, and a failed one does not.

use super::verdict::{Verdict, bytes, ensure, ensure_is, filled, not_checked, said};
use super::{BackendSubject, Fault};
use crate::StorageError;

/// Clause 3: an append returns the size before it, also an empty one.
pub fn clause_03_append_returns_the_size_before_it(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut backend = subject.fresh()?;
    let mut model = Vec::new();
    for (seed, len) in (0..).zip([1, 511, 0, 4097, 65_536, 262_145, 3]) {
        let part = bytes(seed, len);
        let offset = backend.append(&part)?;
        ensure!(
            offset == model.len() as u64,
            "append of {len} bytes to {} returned {offset}",
            model.len()
        );
        model.extend(part);
        if seed % 2 == 0 {
            backend.flush()?;
        }
        ensure_is(
            &*backend,
            &model,
            &format!("after an append of {len} bytes"),
        )?;
    }
    Ok(())
}

/// Clause 3: `append_vectored` appends the concatenation of its parts, and returns where the first begins.
pub fn clause_03_parts_are_appended_as_their_concatenation(
    subject: &mut BackendSubject<'_>,
) -> Verdict {
    let mut backend = subject.fresh()?;
    let mut model = filled(&mut *backend)?;
    let long = bytes(1, 300_000);
    let lists: [&[&[u8]]; 7] = [
        &[],
        &[b""],
        &[b"one"],
        &[b"a", b"", b"bc", b"def"],
        &[b"", &long, b"", &long, b"end"],
        &[b"x".as_slice(); 2000],
        &[b"last", b""],
    ];
    for (n, parts) in lists.into_iter().enumerate() {
        let offset = backend.append_vectored(parts)?;
        ensure!(
            offset == model.len() as u64,
            "append_vectored of {} parts to {} bytes returned {offset}",
            parts.len(),
            model.len()
        );
        model.extend(parts.concat());
        ensure_is(
            &*backend,
            &model,
            &format!("after list {n} of {} parts", parts.len()),
        )?;
    }
    Ok(())
}

/// Clause 3: after a failed append the size is what it was, and nothing of the data is ever readable; or the backend is
/// poisoned and says so.
pub fn clause_03_a_failed_append_leaves_nothing(subject: &mut BackendSubject<'_>) -> Verdict {
    for vectored in [false, true] {
        let mut backend = subject.fresh()?;
        let mut model = bytes(1, 1000);
        backend.append(&model)?;
        backend.flush()?;
        if !subject.inject(Fault::Full) {
            return not_checked("no append can be made to fail (Subject::inject(Fault::Full))");
        }
        let part = bytes(2, 1 << 20);
        let (left, right) = part.split_at(10);
        let mut failed = None;
        for _ in 0..16 {
            let result = match vectored {
                false => backend.append(&part),
                true => backend.append_vectored(&[left, right]),
            };
            if let Err(error) = result {
                failed = Some(error);
                break;
            }
            model.extend_from_slice(&part);
        }
        let Some(error) = failed else {
            subject.mend();
            return not_checked("16 MiB were appended to a full medium: appends never fail");
        };
        ensure_is(&*backend, &model, "after a failed append")?;
        subject.mend();
        if matches!(error, StorageError::Poisoned) {
            let again = backend.append(b"x");
            ensure!(
                matches!(again, Err(StorageError::Poisoned)),
                "poisoned, and then append gave {}",
                said(&again)
            );
            continue;
        }
        let offset = backend.append(b"end")?;
        ensure!(
            offset == model.len() as u64,
            "the append after a failed one was put at {offset}, not at {}",
            model.len()
        );
        model.extend(b"end");
        backend.flush()?;
        ensure_is(&*backend, &model, "after a failed append and another")?;
        drop(backend);
        if let Some(again) = subject.reopen() {
            ensure_is(&*again?, &model, "after a failed append, opened again")?;
        }
    }
    Ok(())
}
