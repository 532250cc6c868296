//! Random bytes: the operating system's, and in tests a sequence that is the same every time.

use crate::StorageResult;

/// Fills `bytes` with random ones.
pub(super) fn fill(bytes: &mut [u8]) -> StorageResult<()> {
    #[cfg(test)]
    if seam::fill(bytes) {
        return Ok(());
    }
    getrandom::fill(bytes).map_err(|error| std::io::Error::other(error).into())
}

/// `N` random bytes.
pub(super) fn array<const N: usize>() -> StorageResult<[u8; N]> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
pub(super) mod seam {
    use std::cell::Cell;

    thread_local! {
        static NEXT: Cell<Option<u8>> = const { Cell::new(None) };
    }

    /// From here on, this thread's random arrays are `first` repeated, then the number after it, and so on.
    pub(crate) fn count_from(first: u8) {
        NEXT.set(Some(first));
    }

    pub(super) fn fill(bytes: &mut [u8]) -> bool {
        let Some(next) = NEXT.get() else {
            return false;
        };
        bytes.fill(next);
        NEXT.set(Some(next.wrapping_add(1)));
        true
    }
}
