//! Signals that must not be the death of the program.

#[cfg(unix)]
use std::sync::{Arc, atomic::AtomicBool};

/// Makes a write above the limit of a file's size an error (EFBIG), where the signal's default is to kill.
#[cfg(unix)]
pub(crate) fn ignore_file_size_limit() {
    // Handled, the write fails instead; that the flag is raised, nobody needs to know. Without the handler the program
    // works as well, but for that one death, from which the database recovers.
    let flag = Arc::new(AtomicBool::new(false));
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, flag);
}

/// There is no such signal here.
#[cfg(not(unix))]
pub(crate) fn ignore_file_size_limit() {}
