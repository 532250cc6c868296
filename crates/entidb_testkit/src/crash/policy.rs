//! One crash state, by name.

use super::image::Images;
use super::shape::Fill;
use super::states::CrashStates;
use crate::disk::{File, SimDisk, State};
use crate::rng::{Rng, mix};

/// What a single crash does with everything that is not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// All of it is lost.
    Nothing,
    /// All of it is there.
    Everything,
    /// Names and lengths are there, and the bytes read as zeros.
    Zeros,
    /// Names and lengths are there, and the bytes read as something else.
    Junk,
    /// Names are there, each stream is torn somewhere.
    Torn(u64),
    /// Anything, by this seed.
    Random(u64),
}

impl SimDisk {
    /// The disk after a power cut now. This one goes on as if there had been none.
    #[must_use]
    pub fn crash(&self, policy: Policy) -> SimDisk {
        let state = self.lock().state.clone();
        let fill = match policy {
            Policy::Nothing => return lose(&state),
            Policy::Random(seed) => return random(&state, seed).unwrap_or_else(|| lose(&state)),
            Policy::Torn(_) => None,
            Policy::Everything => Some(Fill::New),
            Policy::Zeros => Some(Fill::Zero),
            Policy::Junk => Some(Fill::Junk),
        };
        let mut after = state.emptied(state.seed);
        for (name, id) in state.visible() {
            let Some(file) = state.files.get(&id) else {
                continue;
            };
            let images = Images::new(&state, id, file);
            let image = match (fill, policy) {
                (None, Policy::Torn(seed)) => images.torn(&mut Rng::new(seed)),
                (fill, _) => images.uniform(fill.unwrap_or(Fill::New)),
            };
            if let Some(image) = image {
                let file = after.add_file(File::durable(image.bytes));
                after.bind_durably(name, file);
            }
        }
        SimDisk::of(after)
    }

    /// Walks over the states that a crash now may leave: all of them if there are no more than `bound`, else about that many.
    #[must_use]
    pub fn crash_states(&self, bound: usize) -> CrashStates {
        CrashStates::new(&self.lock().state, bound)
    }
}

fn lose(state: &State) -> SimDisk {
    let mut after = state.emptied(state.seed);
    for (name, bound) in &state.names {
        let image = bound.durable.and_then(|id| {
            let file = state.files.get(&id)?;
            Images::new(state, id, file).least()
        });
        if let Some(image) = image {
            let file = after.add_file(File::durable(image.bytes));
            after.bind_durably(name, file);
        }
    }
    SimDisk::of(after)
}

fn random(state: &State, seed: u64) -> Option<SimDisk> {
    const SAMPLE: usize = 64;
    let mut state = state.clone();
    state.seed = mix(state.seed, seed);
    let states: Vec<_> = CrashStates::new(&state, SAMPLE).collect();
    let at = Rng::new(seed).below(states.len());
    states.get(at).map(super::CrashState::disk)
}
