//! What a crash may leave.

mod image;
mod kill;
mod policy;
mod shape;
mod states;

pub(crate) use kill::kill_states;
pub use policy::Policy;
pub use states::{CrashState, CrashStates};

use crate::disk::State;

/// A moment at which a crash could come.
pub(crate) struct CrashPoint {
    pub(crate) state: State,
    /// How many lines the trace had.
    pub(crate) operation: usize,
}
