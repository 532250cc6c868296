//! Locks, atomics, threads and the clock: the standard library's, or, in the tests of schedules, ones whose every step the test
//! chooses.
//!
//! Promises: whoever takes these from here can be run under every order of steps that threads may take. Whatever two threads
//! share, and whatever is held while other threads may get their turn, is from here. Left out are counters that only statistics
//! read, and the cache, which calls nothing of this while it holds a lock of its own.
//!
//! The tests are in `schedules/`, and run under `--cfg entidb_schedules`: `just schedules`.

#[cfg(all(test, entidb_schedules))]
mod modelled;

#[cfg(all(test, entidb_schedules))]
pub(crate) use modelled::*;

#[cfg(not(all(test, entidb_schedules)))]
pub(crate) use self::system::*;

#[cfg(not(all(test, entidb_schedules)))]
mod system {
    pub(crate) use std::sync::{
        Condvar, Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard, atomic,
    };
    pub(crate) use std::thread;
    pub(crate) use std::time::Instant;

    pub(crate) use arc_swap::{ArcSwap, Guard};
}

pub(crate) use std::sync::{Arc, PoisonError, Weak};

/// Waits until it is called at `condvar`, or `timeout` has passed, or for no reason at all.
pub(crate) fn wait_timeout<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    timeout: std::time::Duration,
) -> MutexGuard<'a, T> {
    let waited = condvar.wait_timeout(guard, timeout);
    waited.unwrap_or_else(PoisonError::into_inner).0
}
