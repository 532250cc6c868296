//! When the next entity is due, for the thread that sees to it.

use std::time::Duration;

use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError, wait_timeout};

/// The next time, and whoever waits for it.
#[derive(Default)]
pub(crate) struct Timer {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Microseconds since 1970; `None` if nothing is due ever.
    next_us: Option<u64>,
    closed: bool,
    /// Why the last sweep failed, if it did.
    trouble: Option<String>,
}

/// Longer than any wait: a longer one is made of such.
const LONG: Duration = Duration::from_secs(600);

impl Timer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that something is due at `time_us`.
    pub(crate) fn note(&self, time_us: u64) {
        let mut state = self.state();
        if state.next_us.is_none_or(|next| time_us < next) {
            state.next_us = Some(time_us);
            self.changed.notify_all();
        }
    }

    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    pub(crate) fn trouble(&self) -> Option<String> {
        self.state().trouble.clone()
    }

    pub(crate) fn set_trouble(&self, trouble: Option<String>) {
        self.state().trouble = trouble;
    }

    /// Waits until something is due by the clock `now_us`. What is due from then on is noted anew. Says false once it is closed.
    pub(crate) fn wait(&self, now_us: impl Fn() -> u64) -> bool {
        let mut state = self.state();
        loop {
            if state.closed {
                return false;
            }
            let left = match state.next_us {
                Some(next) => Duration::from_micros(next.saturating_sub(now_us())),
                None => LONG,
            };
            if left.is_zero() {
                state.next_us = None;
                return true;
            }
            // The clock may be set while this waits, so not for too long.
            state = wait_timeout(&self.changed, state, left.min(LONG));
        }
    }
}
