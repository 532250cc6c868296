//! The crashes that led to a state.

use std::fmt;
use std::sync::Arc;

use crate::crash::CrashState;
use crate::disk::{SimDisk, State};

/// One crash, and those before it.
pub(super) struct Path {
    pub(super) before: Option<Arc<Path>>,
    /// How many operations of the workload had been done; of a recovery, nothing is known.
    pub(super) operation: usize,
    pub(super) after: After,
    pub(super) acknowledged: u64,
}

/// What a crash left.
pub(super) enum After {
    PowerCut(CrashState),
    Kill(State),
}

impl Path {
    /// The number of crashes.
    pub(super) fn depth(&self) -> u32 {
        1 + self.before.as_ref().map_or(0, |before| before.depth())
    }

    /// The disk that the next process finds.
    pub(super) fn disk(&self) -> SimDisk {
        let disk = match &self.after {
            After::PowerCut(state) => state.disk(),
            After::Kill(state) => SimDisk::of(state.clone()),
        };
        disk.acknowledge_to(self.acknowledged);
        disk
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.before {
            Some(before) => write!(f, "{before}then, in the recovery, ")?,
            None => write!(f, "after operation {}, ", self.operation)?,
        }
        match &self.after {
            After::PowerCut(state) => write!(f, "the power was cut, and left\n{state}"),
            After::Kill(state) => {
                writeln!(f, "the process was killed, and left")?;
                for file in state.content() {
                    let (len, unsynced) = (file.bytes.len(), &file.unsynced);
                    let (name, durable_len) = (&file.name, file.durable_len);
                    writeln!(
                        f,
                        "  {name}: {len} bytes, durable {durable_len}, unsynced {unsynced:?}"
                    )?;
                }
                Ok(())
            }
        }
    }
}
