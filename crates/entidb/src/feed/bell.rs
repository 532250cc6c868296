//! What wakes those who wait for commits to become durable.
//!
//! Promises: whoever waits hears of every commit that becomes durable; where nobody waits, telling so costs two atomics a group of
//! commits. Relies on nothing.

use std::task::Waker;
use std::time::Duration;

use crate::ids::Lsn;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Condvar, Instant, Mutex, MutexGuard, PoisonError, wait_timeout};

/// The last durable commit, and who waits for the next.
#[derive(Default)]
pub(crate) struct Bell {
    durable: AtomicU64,
    /// Threads that wait, and wakers.
    waiting: AtomicUsize,
    waiters: Mutex<Waiters>,
    rung: Condvar,
}

#[derive(Default)]
struct Waiters {
    closed: bool,
    /// By the number of the follower, of which there is one at the most.
    wakers: Vec<(u64, Waker)>,
}

/// Why a wait came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// There is something new.
    More,
    /// The database was closed, and nothing comes any more.
    Closed,
    TimedOut,
}

/// Longer than anybody waits: a wait without an end is made of such.
const LONG: Duration = Duration::from_secs(3600);

impl Bell {
    pub(crate) fn new(durable: Lsn) -> Self {
        Self {
            durable: AtomicU64::new(durable.0),
            ..Self::default()
        }
    }

    pub(crate) fn durable(&self) -> Lsn {
        Lsn(self.durable.load(Ordering::SeqCst))
    }

    fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that everything up to `lsn` is durable and shown.
    pub(crate) fn ring(&self, lsn: Lsn) {
        self.durable.fetch_max(lsn.0, Ordering::SeqCst);
        // Whoever waits has counted himself before he looked at `durable`: either he has seen it, or he is seen here.
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.wake(&mut self.waiters());
        }
    }

    /// Says that nothing comes any more.
    pub(crate) fn close(&self) {
        let mut waiters = self.waiters();
        waiters.closed = true;
        self.wake(&mut waiters);
    }

    fn wake(&self, waiters: &mut Waiters) {
        for (_, waker) in waiters.wakers.drain(..) {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            waker.wake();
        }
        self.rung.notify_all();
    }

    fn state(&self, waiters: &Waiters, seen: Lsn) -> Option<Woken> {
        if self.durable() > seen {
            return Some(Woken::More);
        }
        waiters.closed.then_some(Woken::Closed)
    }

    /// Waits until more than `seen` is durable, until `end` at the longest.
    pub(crate) fn wait(&self, seen: Lsn, end: Option<Instant>) -> Woken {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut waiters = self.waiters();
        let woken = loop {
            if let Some(woken) = self.state(&waiters, seen) {
                break woken;
            }
            let now = Instant::now();
            let left = end.map_or(LONG, |end| end.saturating_duration_since(now));
            if left.is_zero() {
                break Woken::TimedOut;
            }
            waiters = wait_timeout(&self.rung, waiters, left);
        };
        drop(waiters);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        woken
    }

    /// Has `waker` woken when more than `seen` is durable, unless it is already.
    #[cfg(feature = "stream")]
    pub(crate) fn register(&self, follower: u64, seen: Lsn, waker: &Waker) -> Option<Woken> {
        let mut waiters = self.waiters();
        let known = waiters.wakers.iter_mut().find(|(id, _)| *id == follower);
        match known {
            Some((_, known)) => known.clone_from(waker),
            None => {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                waiters.wakers.push((follower, waker.clone()));
            }
        }
        let woken = self.state(&waiters, seen);
        if woken.is_some() {
            self.forget_in(&mut waiters, follower);
        }
        woken
    }

    /// Forgets the waker of a follower that is no more.
    #[cfg(feature = "stream")]
    pub(crate) fn forget(&self, follower: u64) {
        self.forget_in(&mut self.waiters(), follower);
    }

    #[cfg(feature = "stream")]
    fn forget_in(&self, waiters: &mut Waiters, follower: u64) {
        let before = waiters.wakers.len();
        waiters.wakers.retain(|(id, _)| *id != follower);
        let gone = before - waiters.wakers.len();
        self.waiting.fetch_sub(gone, Ordering::SeqCst);
    }
}
