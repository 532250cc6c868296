//! The change feed: every durable commit, in order, to whoever follows.
//!
//! Promises: a follower gets each durable commit behind its position exactly once, in LSN order, through restarts, checkpoints,
//! merges and recoveries, or hears that there is a gap; never one that is not durable. Relies on the logs, which are the feed:
//! commits above the floor are noted (`notes.rs`) and their logs kept (`keep.rs`, `tidy.rs`). Costs nothing while nobody follows and
//! nothing is to be kept. Must never hold back a commit.

mod bell;
mod beside;
mod changes;
mod commit;
mod consumer;
mod cursor;
mod database;
mod decode;
mod keep;
mod kept;
mod line;
mod live;
mod notes;
mod position;
mod setting;
mod source;
#[cfg(feature = "stream")]
mod stream;
mod tidy;
mod watch;

pub use changes::Changes;
pub use commit::{Change, ChangeKind, Commit};
pub use consumer::{Consumer, ConsumerInfo};
pub use watch::{Watch, Watcher};

pub(crate) use bell::Bell;
pub(crate) use keep::{Keep, Notes};
pub(crate) use kept::Kept;
pub(crate) use notes::note;

use crate::ids::Lsn;
use crate::manifest::FeedEntry;
use crate::sync::Arc;

/// What commits, followers and whoever tidies up share.
pub(crate) struct Feed {
    pub(crate) bell: Bell,
    pub(crate) keep: Arc<Keep>,
}

impl Feed {
    /// Of a database that was opened at `last`, all of which is durable.
    pub(crate) fn new(listed: Option<&FeedEntry>, last: Lsn) -> Self {
        Self {
            bell: Bell::new(last),
            keep: Arc::new(Keep::new(listed)),
        }
    }
}
