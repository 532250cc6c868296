//! Where transactions spill.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use entidb_storage::Directory;

use super::held::Held;
use super::line::Line;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::format::name::StreamKind;
use crate::ids::{Lsn, StreamId};
use crate::manifest::{Collection, Editor};
use crate::options::Options;
use crate::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use crate::write_set::WriteSet;

/// What a transaction needs of the writer to spill.
pub(crate) trait Host: Send + Sync {
    fn ground(&self) -> &Arc<Ground>;

    /// Makes collections, before a stream names them, and gives the records the ids that they got. Returns them with these.
    fn make_collections(
        &self,
        writes: &mut WriteSet,
        made: Vec<Collection>,
    ) -> Result<Vec<Collection>>;
}

/// The writer's side of all transactions that spill.
pub(crate) struct Ground {
    pub(super) directory: Arc<dyn Directory>,
    pub(super) editor: Arc<Editor>,
    pub(super) environment: Arc<Environment>,
    pub(super) options: Options,
    pub(super) database: [u8; 16],
    /// Whether the database was closed. Whoever makes streams holds it.
    closed: RwLock<bool>,
    /// How many transactions that have spilled, or have read more than fits in memory, were begun over which commit.
    pub(super) lines: Mutex<BTreeMap<Lsn, usize>>,
    sync_count: AtomicU64,
}

impl Ground {
    pub(crate) fn new(
        directory: Arc<dyn Directory>,
        editor: Arc<Editor>,
        environment: Arc<Environment>,
        options: Options,
    ) -> Self {
        Self {
            database: editor.read(|manifest| manifest.database),
            directory,
            editor,
            environment,
            options,
            closed: RwLock::new(false),
            lines: Mutex::default(),
            sync_count: AtomicU64::new(0),
        }
    }

    /// How many bytes of writes, and how many of keys that were read, a transaction holds in memory.
    pub(crate) fn bound(&self) -> usize {
        self.options.transaction_memory_bytes
    }

    /// Lets nobody make streams any more, since their numbers would not be reserved.
    pub(crate) fn close(&self) {
        *self.closed.write().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Refuses if the database was closed, and keeps it from being closed.
    pub(super) fn enter(&self) -> Result<RwLockReadGuard<'_, bool>> {
        let closed = self.closed.read().unwrap_or_else(PoisonError::into_inner);
        match *closed {
            false => Ok(closed),
            true => Err(Error::new(
                ErrorKind::ReadOnly,
                "the database is closed: open it again",
            )),
        }
    }

    /// Says on disk that a session is open, and that a transaction over the commit `since` spills.
    pub(super) fn begin(self: &Arc<Self>, since: Lsn) -> Result<Line> {
        self.editor.begin_session(Lsn(since.0 + 1), |_| ())?;
        Ok(Line::draw(self, since))
    }

    /// A stream that is yet to be made.
    pub(super) fn stream(self: &Arc<Self>, kind: StreamKind) -> Result<Arc<Held>> {
        let id = self.editor.allocate_stream()?;
        Ok(Arc::new(Held::new(self, id, kind)))
    }

    pub(super) fn give_up(&self, id: StreamId, name: &str) {
        self.editor.give_up_stream(id);
        // Nothing names it; if removing fails, the next session does it.
        let _ = self.directory.remove(name);
    }

    pub(super) fn note_sync(&self) {
        self.sync_count.fetch_add(1, Ordering::Relaxed);
    }

    /// How often a stream of a transaction was made durable.
    pub(crate) fn sync_count(&self) -> u64 {
        self.sync_count.load(Ordering::Relaxed)
    }
}
