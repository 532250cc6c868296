//! Waiting before a commit that was refused is tried again.

use crate::sync::thread;

/// Waits a little before a transaction is run again, the longer the more often it was.
pub(crate) fn back_off(attempt: u32) {
    if attempt < 4 {
        thread::yield_now();
    } else {
        // No two wait equally long: the odd part is a thread's own.
        let odd = std::process::id() ^ attempt.wrapping_mul(0x9e37_79b9);
        let us = u64::from(attempt.min(32)) * 20 + u64::from(odd % 64);
        thread::sleep(std::time::Duration::from_micros(us));
    }
}
