//! Clauses 11 and 12: one appender, and nothing hidden.

use super::BackendSubject;
use super::verdict::{NO_REOPEN, Numbers, Verdict, as_len, bytes, ensure, not_checked, said};
use crate::{StorageBackend, StorageError, StorageResult};

/// Clause 11: a second handle that would append is refused with `Locked`, which names the holder, as long as the first
/// lives.
pub fn clause_11_a_second_appender_is_refused(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut first = subject.fresh()?;
    if first.capabilities().concurrent_appenders {
        return not_checked(
            "the backend allows several appenders (Capabilities::concurrent_appenders)",
        );
    }
    first.append(b"first")?;
    first.flush()?;
    for _ in 0..2 {
        let Some(second) = subject.reopen() else {
            return not_checked(NO_REOPEN);
        };
        ensure!(
            matches!(&second, Err(StorageError::Locked { holder }) if !holder.is_empty()),
            "opening the stream again below its appender gave {}, not Locked with a holder",
            said(&second)
        );
    }
    ensure!(first.append(b" on")? == 5, "the first handle was disturbed");
    drop(first);
    match subject.reopen() {
        Some(second) => {
            ensure!(
                second.is_ok(),
                "opening the stream after its appender was dropped gave {}",
                said(&second)
            );
            Ok(())
        }
        None => not_checked(NO_REOPEN),
    }
}

/// Clause 11: a handle that gave its right back by closing appends no more.
pub fn clause_11_a_closed_handle_appends_no_more(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut first = subject.fresh()?;
    first.append(b"first")?;
    first.close()?;
    match subject.reopen() {
        None => return not_checked(NO_REOPEN),
        Some(Err(StorageError::Locked { .. })) => {
            return not_checked("close keeps the right to append until the handle is dropped");
        }
        Some(Err(error)) => return Err(error.into()),
        Some(Ok(mut second)) => {
            let appended = first.append(b"late");
            ensure!(
                matches!(appended, Err(StorageError::Closed)),
                "append to a closed handle, beside the next one, gave {}",
                said(&appended)
            );
            ensure!(
                second.append(b"second")? == 5,
                "the second handle was disturbed"
            );
            drop(first);
        }
    }
    Ok(())
}

/// Clause 12: the same calls give the same answers, whenever they are made: no clock, no random number.
pub fn clause_12_the_same_history_gives_the_same_answers(
    subject: &mut BackendSubject<'_>,
) -> Verdict {
    let mut first: Option<Vec<String>> = None;
    for _ in 0..3 {
        let mut backend = subject.fresh()?;
        let answers = answers(&mut *backend)?;
        if let Some(first) = &first {
            let differs = first.iter().zip(&answers).find(|(a, b)| a != b);
            if let Some((a, b)) = differs {
                ensure!(false, "the same call answered \"{a}\" and then \"{b}\"");
            }
        }
        first = Some(answers);
    }
    Ok(())
}

fn answers(backend: &mut dyn StorageBackend) -> StorageResult<Vec<String>> {
    let mut numbers = Numbers(12);
    let mut answers = vec![
        format!("capabilities: {:?}", backend.capabilities()),
        format!("reader: {}", backend.reader().is_some()),
    ];
    for step in 0..60 {
        let size = as_len(backend.size()?);
        let len = numbers.below(9000);
        let answer = match step % 6 {
            0 | 1 => format!("append: {:?}", backend.append(&bytes(step, len))),
            2 => format!(
                "read: {:?}",
                backend.read_at(numbers.below(size) as u64, len % 100)
            ),
            3 => format!("reserve: {:?}", backend.reserve(len as u64)),
            4 => format!("flush: {:?}", backend.flush()),
            _ => format!(
                "truncate: {:?}",
                backend.truncate(numbers.below(size * 2) as u64)
            ),
        };
        answers.push(answer);
    }
    answers.push(format!("close: {:?}", backend.close()));
    answers.push(format!("size: {:?}", backend.size()));
    Ok(answers)
}
