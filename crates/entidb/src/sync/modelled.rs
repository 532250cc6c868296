//! What a test of schedules puts in the place of the standard library: shuttle's locks, atomics and threads, and a clock that
//! moves only when a wait or a sleep comes to its end.

use std::cell::Cell;
use std::ops::Deref;
use std::time::Duration;

use super::Arc;

pub(crate) use shuttle::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, atomic};

/// A wait that would last as long as this is never over by itself: whoever relies on that has missed its call.
const FOREVER: Duration = Duration::from_secs(60);

std::thread_local! {
    /// All tasks of an execution run on the one thread that explores it, so this is the execution's own clock.
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Sets the clock back, before an execution.
pub(crate) fn reset_clock() {
    NOW.set(Duration::ZERO);
}

/// A moment of the execution's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Self {
        Self(NOW.get())
    }

    pub(crate) fn checked_add(self, duration: Duration) -> Option<Self> {
        self.0.checked_add(duration).map(Self)
    }

    pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        NOW.get().saturating_sub(self.0)
    }
}

/// Threads; a sleep moves the clock.
pub(crate) mod thread {
    use std::time::Duration;

    pub(crate) use shuttle::thread::{Builder, JoinHandle, panicking, yield_now};

    pub(crate) fn sleep(duration: Duration) {
        // Others get their turn for certain.
        yield_now();
        super::NOW.set(super::NOW.get() + duration);
    }
}

/// A condition variable whose waits with a bound may end at any moment from their beginning on: a thread of its own calls the
/// end, whenever the schedule gives it its turn.
#[derive(Debug, Default)]
pub(crate) struct Condvar(Arc<shuttle::sync::Condvar>);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn wait<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
    ) -> std::sync::LockResult<MutexGuard<'a, T>> {
        self.0.wait(guard)
    }

    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> std::sync::LockResult<(MutexGuard<'a, T>, ())> {
        let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
        if timeout < FOREVER {
            let (condvar, over) = (Arc::clone(&self.0), Arc::clone(&over));
            let end = NOW.get() + timeout;
            shuttle::thread::spawn(move || {
                // The first call may come before the wait has begun, so this calls until it is over.
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    NOW.set(NOW.get().max(end));
                    condvar.notify_all();
                    shuttle::thread::yield_now();
                }
            });
        }
        let waited = self.0.wait(guard);
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        waited
            .map(|guard| (guard, ()))
            .map_err(|panicked| super::PoisonError::new((panicked.into_inner(), ())))
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A value that is set once: whoever comes while another makes it waits where the schedule sees it.
#[derive(Debug, Default)]
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    making: Mutex<()>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self {
            value: std::sync::OnceLock::new(),
            making: Mutex::new(()),
        }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.value.get()
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.value.get() {
            return value;
        }
        let _making = self
            .making
            .lock()
            .unwrap_or_else(super::PoisonError::into_inner);
        if let Some(value) = self.value.get() {
            return value;
        }
        let value = make();
        self.value.get_or_init(|| value)
    }
}

/// What `arc_swap`'s is for its users: a place for a shared value, of which each load and store is one step.
pub(crate) struct ArcSwap<T>(Mutex<Arc<T>>);

impl<T> ArcSwap<T> {
    pub(crate) fn from_pointee(value: T) -> Self {
        Self(Mutex::new(Arc::new(value)))
    }

    fn place(&self) -> MutexGuard<'_, Arc<T>> {
        self.0.lock().unwrap_or_else(super::PoisonError::into_inner)
    }

    pub(crate) fn load(&self) -> Guard<Arc<T>> {
        Guard(Arc::clone(&self.place()))
    }

    pub(crate) fn store(&self, value: Arc<T>) {
        // The old one is dropped once the place is free again.
        let before = std::mem::replace(&mut *self.place(), value);
        drop(before);
    }
}

/// What [`ArcSwap::load`] gives.
pub(crate) struct Guard<T>(T);

impl<T> Guard<T> {
    pub(crate) fn into_inner(guard: Self) -> T {
        guard.0
    }
}

impl<T> Deref for Guard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
