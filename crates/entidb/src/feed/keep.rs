//! What commits note for followers, and which logs are kept for them.
//!
//! Promises: whatever is above the floor is noted and kept; the floor rises no higher than the position of any follower or
//! consumer, unless that is further behind than it may be. Relies on the queue's lock: notes begin under it, so that every
//! commit above the floor has them. Must never know a log.

use std::sync::atomic::AtomicU64 as Counter;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::ids::{CollectionId, Lsn};
use crate::manifest::{Dropped, FeedEntry};
use crate::retention::Retention;
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a commit notes of what it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Notes {
    /// Nothing: nobody follows.
    None,
    /// Whether there was an entity before.
    Was,
    /// … and its payload.
    Old,
}

impl Notes {
    fn of(number: u8) -> Self {
        match number {
            0 => Self::None,
            1 => Self::Was,
            _ => Self::Old,
        }
    }
}

/// How often to look for what has become too old, at the most and at the least.
const AGE_MIN: Duration = Duration::from_secs(1);
const AGE_MAX: Duration = Duration::from_secs(3600);

/// What is noted and kept for followers.
pub(crate) struct Keep {
    notes: AtomicU8,
    state: Mutex<State>,
    /// Whether logs are listed that nobody may need any more.
    untidy: AtomicBool,
    /// Whether the manifest says so.
    listed: AtomicBool,
    next_follower: Counter,
    /// Held while a consumer is made or dropped.
    consumers: Mutex<()>,
}

/// Under the lock of [`Keep`].
pub(crate) struct State {
    /// As the manifest has it, but for the floor.
    pub(crate) listed: Option<Retention>,
    /// Up to here, nothing is kept. The highest, if nothing is.
    floor: Lsn,
    holds: Vec<Arc<Held>>,
    dropped: Vec<Dropped>,
}

struct Held {
    follower: u64,
    wants: Notes,
    position: AtomicU64,
}

impl Keep {
    /// As the manifest says.
    pub(crate) fn new(listed: Option<&FeedEntry>) -> Self {
        let keep = Self {
            notes: AtomicU8::new(0),
            state: Mutex::new(State {
                listed: listed.map(|entry| entry.retention),
                floor: listed.map_or(Lsn(u64::MAX), |entry| entry.floor),
                holds: Vec::new(),
                dropped: listed.map_or_else(Vec::new, |entry| entry.dropped.clone()),
            }),
            untidy: AtomicBool::new(true),
            listed: AtomicBool::new(listed.is_some()),
            next_follower: Counter::new(0),
            consumers: Mutex::default(),
        };
        keep.set_notes(&keep.state());
        keep
    }

    /// Keeps what the manifest says from here on.
    pub(crate) fn list(&self, listed: Option<&FeedEntry>) {
        let mut state = self.state();
        state.listed = listed.map(|entry| entry.retention);
        self.listed.store(listed.is_some(), Ordering::Relaxed);
        if let Some(entry) = listed
            && state.floor == Lsn(u64::MAX)
        {
            state.floor = entry.floor;
        }
        self.settle(&mut state);
        self.set_untidy(true);
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets nobody else make or drop a consumer.
    pub(crate) fn consumers(&self) -> MutexGuard<'_, ()> {
        self.consumers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How often to look for what has become too old; `None` if nothing does.
    pub(crate) fn ages(&self) -> Option<Duration> {
        let age = self.state().listed?.age;
        (age < Duration::MAX).then(|| (age / 8).clamp(AGE_MIN, AGE_MAX))
    }

    /// What commits have to note. It becomes more only under the queue's lock.
    #[inline]
    pub(crate) fn notes(&self) -> Notes {
        Notes::of(self.notes.load(Ordering::SeqCst))
    }

    /// Has commits noted for a follower who is about to come, and what comes behind `last`, the last commit so far, kept. Under the
    /// queue's lock, so that every commit behind that one has its notes.
    pub(crate) fn begin(&self, state: &mut State, last: Lsn, wants: Notes) {
        if state.floor == Lsn(u64::MAX) {
            state.floor = last;
        }
        if self.notes() < wants {
            self.notes.store(wants as u8, Ordering::SeqCst);
        }
    }

    /// Notes and keeps nothing any more, if there is nobody to do it for.
    pub(crate) fn settle(&self, state: &mut State) {
        if !state.is_at_work() {
            state.floor = Lsn(u64::MAX);
            state.dropped.clear();
        }
        self.set_notes(state);
    }

    /// Sets what commits have to note by what the state says.
    fn set_notes(&self, state: &State) {
        let listed = match &state.listed {
            Some(retention) if retention.old => Notes::Old,
            Some(_) => Notes::Was,
            None => Notes::None,
        };
        let wanted = state.holds.iter().map(|held| held.wants).max();
        let notes = listed.max(wanted.unwrap_or(Notes::None));
        self.notes.store(notes as u8, Ordering::SeqCst);
    }

    /// Up to here, commits are not kept. The highest LSN, if none is.
    pub(crate) fn floor(&self) -> Lsn {
        self.state().floor
    }

    /// Whether the manifest says that commits are kept, so that other processes may follow.
    pub(crate) fn is_listed(&self) -> bool {
        self.listed.load(Ordering::Relaxed)
    }

    pub(crate) fn is_untidy(&self) -> bool {
        self.untidy.load(Ordering::SeqCst)
    }

    pub(crate) fn set_untidy(&self, untidy: bool) {
        self.untidy.store(untidy, Ordering::SeqCst);
    }

    /// Notes the names of collections, which the catalog is about to forget, if anybody may ask for them.
    pub(crate) fn note_dropped(&self, dropped: Vec<Dropped>) {
        let mut state = self.state();
        if self.notes() > Notes::None {
            state.dropped.extend(dropped);
        }
    }

    pub(crate) fn dropped(&self) -> Vec<Dropped> {
        self.state().dropped.clone()
    }

    pub(crate) fn dropped_name(&self, id: CollectionId) -> Option<Arc<str>> {
        let state = self.state();
        let mut dropped = state.dropped.iter();
        dropped
            .find(|dropped| dropped.id == id)
            .map(|dropped| Arc::from(dropped.name.as_str()))
    }

    /// Keeps what is above `position` for a follower, if it is there.
    pub(crate) fn hold(
        self: &Arc<Self>,
        state: &mut State,
        position: Lsn,
        wants: Notes,
    ) -> Result<Hold> {
        if position < state.floor {
            return Err(gap(state.floor));
        }
        let follower = self
            .next_follower
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let held = Arc::new(Held {
            follower,
            wants,
            position: AtomicU64::new(position.0),
        });
        state.holds.push(Arc::clone(&held));
        Ok(Hold {
            keep: Arc::clone(self),
            held,
        })
    }

    fn let_go(&self, follower: u64) {
        let mut state = self.state();
        state.holds.retain(|held| held.follower != follower);
        self.settle(&mut state);
        self.set_untidy(true);
    }
}

impl State {
    /// Whether anything is kept for anybody.
    pub(crate) fn is_at_work(&self) -> bool {
        self.listed.is_some() || !self.holds.is_empty()
    }

    pub(crate) fn floor(&self) -> Lsn {
        self.floor
    }

    /// Raises the floor, for whoever tidies up.
    pub(crate) fn raise(&mut self, floor: Lsn) {
        self.floor = self.floor.max(floor);
        self.dropped.retain(|dropped| dropped.lsn > floor);
    }

    /// The position of the slowest follower in this process.
    pub(crate) fn slowest(&self) -> Option<Lsn> {
        let positions = self.holds.iter();
        positions
            .map(|held| Lsn(held.position.load(Ordering::Relaxed)))
            .min()
    }

    pub(crate) fn retention(&self) -> Retention {
        self.listed.unwrap_or_default()
    }
}

/// Keeps what a follower has not read.
pub(crate) struct Hold {
    keep: Arc<Keep>,
    held: Arc<Held>,
}

impl Hold {
    pub(crate) fn move_to(&self, position: Lsn) {
        self.held.position.store(position.0, Ordering::Relaxed);
    }

    /// The follower's number in this process.
    #[cfg(feature = "stream")]
    pub(crate) fn follower(&self) -> u64 {
        self.held.follower
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.keep.let_go(self.held.follower);
    }
}

/// What a follower hears whose next commit is not kept any more.
pub(crate) fn gap(floor: Lsn) -> Error {
    if floor == Lsn(u64::MAX) {
        return Error::new(
            ErrorKind::Gap,
            "no commits are kept for those who follow: set Options::retention, make a consumer, or begin with snapshot_and_changes",
        );
    }
    Error::new(
        ErrorKind::Gap,
        format!(
            "commits up to {floor} are not kept any more: take a snapshot, go on behind it, and raise the retention if this \
             comes again"
        ),
    )
    .with_floor(floor)
}
