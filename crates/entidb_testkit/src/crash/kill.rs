//! What is left when the process dies and the machine goes on.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::disk::{Extent, SimDisk, State};

impl SimDisk {
    /// The disk for the next process after this one has died, on a warm page cache: everything that was appended is read,
    /// and what was not durable still is not. Where a sync had failed, the bytes of it read well, and syncing them again
    /// succeeds without writing them; only a later power cut shows it.
    #[must_use]
    pub fn restart(&self) -> SimDisk {
        SimDisk::of(restarted(&self.lock().state, usize::MAX, false))
    }

    /// Every state that the death of the process alone may leave: of the bytes that were appended and not flushed, the
    /// operating system has none, all, or those of the first appends; and of what it has and the disk has not, syncs have
    /// failed, or not.
    #[must_use]
    pub fn kill_states(&self) -> Vec<SimDisk> {
        kill_states(&self.lock().state)
            .into_iter()
            .map(SimDisk::of)
            .collect()
    }
}

pub(crate) fn kill_states(state: &State) -> Vec<State> {
    let mut ends = vec![0, usize::MAX];
    for (_, id) in state.visible() {
        if let Some(file) = state.files.get(&id) {
            let buffered = file.now.unsynced.iter().map(|extent| extent.end);
            ends.extend(buffered.filter(|end| *end > file.handed && *end < file.len()));
        }
    }
    ends.sort_unstable();
    ends.dedup();
    let mut states: Vec<State> = Vec::new();
    for end in ends {
        let kept = restarted(state, end, false);
        let lost = restarted(state, end, true);
        for state in [kept, lost] {
            if !states
                .iter()
                .any(|known| known.content() == state.content())
            {
                states.push(state);
            }
        }
    }
    states
}

/// `end` is how far each buffer was handed over.
fn restarted(state: &State, end: usize, syncs_failed: bool) -> State {
    let mut state = state.clone();
    for file in state.files.values_mut() {
        file.keep(end);
        if syncs_failed {
            file.sync_failed(false);
        }
    }
    state
}

/// One stream's content in a form that can be compared.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Content {
    pub(crate) name: Arc<str>,
    pub(crate) bytes: Arc<Vec<u8>>,
    pub(crate) durable_len: usize,
    pub(crate) unsynced: Vec<Extent>,
    /// How many changes of the name, and versions of the bytes, a power cut may undo.
    undone: (usize, usize),
}

impl State {
    /// Stands for what [`content`](Self::content) gives; no power cut leaves a state of the same hash.
    pub(crate) fn content_hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        "kill".hash(&mut hasher);
        self.content().hash(&mut hasher);
        hasher.finish()
    }

    /// What is read, and what of it is durable.
    pub(crate) fn content(&self) -> Vec<Content> {
        let names = self.names.iter();
        names
            .filter_map(|(name, bound)| {
                let file = self.files.get(&bound.now()?)?;
                Some(Content {
                    name: Arc::clone(name),
                    bytes: Arc::clone(&file.now.bytes),
                    durable_len: file.now.durable_len,
                    unsynced: file.now.unsynced.clone(),
                    undone: (bound.unsynced.len(), file.before.len()),
                })
            })
            .collect()
    }
}
