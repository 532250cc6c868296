//! D6: the lock.

use crate::conformance::verdict::{NO_KILL, Verdict, ensure, not_checked, said};
use crate::conformance::{DirectorySubject, Loss};
use crate::{Directory, StorageError};

/// D6: the lock is held once; a second holder is refused without waiting, and told who has it.
pub fn d6_the_lock_is_held_once_and_a_refusal_names_the_holder(
    subject: &mut DirectorySubject<'_>,
) -> Verdict {
    let directory = subject.fresh()?;
    let _held = directory.lock("lock")?;
    for _ in 0..2 {
        ensure_refused(&*directory, "while it is held")?;
    }
    // Another name is another lock.
    let other = directory.lock("other")?;
    drop(other);
    ensure_refused(&*directory, "after another lock was given back")?;
    let strangers: Vec<String> = directory
        .list()?
        .into_iter()
        .filter(|name| name != "lock" && name != "other")
        .collect();
    ensure!(
        strangers.is_empty(),
        "locking made the streams {strangers:?}, and not only the locks' own"
    );
    Ok(())
}

fn ensure_refused(directory: &dyn Directory, when: &str) -> Verdict {
    let refused = directory.lock("lock");
    ensure!(
        matches!(&refused, Err(StorageError::Locked { holder }) if !holder.trim().is_empty()),
        "{when}, a second lock gave {}, not Locked with a holder",
        said(&refused)
    );
    Ok(())
}

/// D6: the lock is given back when its guard is dropped, whatever is left in its stream.
pub fn d6_the_lock_is_given_back_when_dropped(subject: &mut DirectorySubject<'_>) -> Verdict {
    let directory = subject.fresh()?;
    for round in 0..3 {
        let lock = directory.lock("lock");
        ensure!(
            lock.is_ok(),
            "the lock, held by nobody (round {round}), gave {}",
            said(&lock)
        );
        drop(lock);
    }
    directory.replace("lock", b"stale content, and long")?;
    drop(directory.lock("lock")?);
    let held = directory.lock("lock")?;
    drop((held, directory));
    if let Some(again) = subject.reopen() {
        drop(again?.lock("lock")?);
    }
    Ok(())
}

/// D6: the lock dies with its holder: what a killed process leaves is not locked.
pub fn d6_the_lock_dies_with_its_holder(subject: &mut DirectorySubject<'_>) -> Verdict {
    let directory = subject.fresh()?;
    let _held = directory.lock("lock")?;
    let Some(left) = subject.after(Loss::Process) else {
        return not_checked(NO_KILL);
    };
    let lock = left?.lock("lock");
    ensure!(
        lock.is_ok(),
        "after its holder was killed the lock gave {}",
        said(&lock)
    );
    Ok(())
}
