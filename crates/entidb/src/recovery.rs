//! Recovery: what a writer does at open before it shows anything.
//!
//! Promises: everything acknowledged is there; what is shown is on the disk, and not only in a page cache that a failed sync or
//! a kill has left warm. Crashing in here and recovering again gives the same. Relies on the load. Must never append behind
//! a torn tail, nor sync again what a sync has failed on.

use std::sync::Arc;

use entidb_storage::{Directory, DirectoryLock};

use crate::commit::locations;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::Lsn;
use crate::load::{self, Loaded};
use crate::log::{self, Draft, Failure, Log};
use crate::manifest::{Catalog, Manifest};
use crate::options::Options;
use crate::view::Published;
use crate::writer::{Counters, IdleLog, Writer};

/// Opens a database for writing, or makes it. The writer keeps the lock.
pub(crate) fn open(
    directory: Arc<dyn Directory>,
    lock: DirectoryLock,
    environment: Arc<Environment>,
    options: Options,
) -> Result<Option<Writer>> {
    let loaded = match load::manifest(&*directory)? {
        Some(manifest) => load::load(&*directory, manifest, options.cache_bytes)?,
        None if options.create => {
            load::load(&*directory, new_manifest(&environment), options.cache_bytes)?
        }
        None => return Ok(None),
    };
    let clean = loaded.is_clean();
    let unsynced = loaded.unsynced;
    let mut writer = writer(directory, lock, environment, options, loaded);
    if !clean {
        // ORDER: of a new database, the manifest is the first stream of all but the lock; a crash before it leaves nothing
        // that counts, and the database is made again. Of one that was there, the manifest itself may be one whose replacing failed at its last sync: it is replaced again before anything is
        // shown or removed by what it says.
        writer.begin_session()?;
        if let Some(index) = unsynced {
            writer.copy_unsynced(index)?;
        }
    }
    Ok(Some(writer))
}

/// The manifest of an empty database, never yet written.
fn new_manifest(environment: &Environment) -> Manifest {
    Manifest {
        database: environment.random(),
        edit: 0,
        next_stream: crate::ids::StreamId(1),
        lsn_ceiling: Lsn(1),
        covered: Lsn::ZERO,
        closed: None,
        synced: None,
        logs: Vec::new(),
        segments: Vec::new(),
        rewritten: Vec::new(),
        runs: Vec::new(),
        catalog: Catalog::default(),
    }
}

fn writer(
    directory: Arc<dyn Directory>,
    lock: DirectoryLock,
    environment: Arc<Environment>,
    options: Options,
    loaded: Loaded,
) -> Writer {
    let next_lsn = match loaded.manifest.closed {
        Some(closed) => Lsn(closed.last_lsn.0 + 1),
        // Above whatever a lost session may have given out.
        None => loaded.manifest.lsn_ceiling,
    };
    Writer {
        directory,
        environment,
        options,
        published: Arc::new(Published::new(loaded.view, loaded.last_lsn)),
        next_stream: loaded.manifest.next_stream,
        manifest: loaded.manifest,
        session: false,
        last_lsn: loaded.last_lsn,
        next_lsn,
        idle: loaded.logs,
        active: None,
        poisoned: false,
        checkpoint_again_bytes: 0,
        checkpoint_failure: None,
        counters: Counters::default(),
        _lock: lock,
    }
}

impl Writer {
    /// Copies the idle logs from `index` on into a new log, syncs that, and lists it in their place.
    ///
    /// After a failed sync, or a kill, their last batches may be in the page cache and not on the disk; syncing them again
    /// would succeed without writing them. The logs are copied from their beginning, and never touched again: a reader that
    /// has opened them beside us goes on reading what it saw.
    fn copy_unsynced(&mut self, index: usize) -> Result<()> {
        let id = self.allocate_stream()?;
        let salt = self.environment.salt();
        self.counters.syncs += 2;
        let mut copy = Log::create(&*self.directory, id, self.manifest.database, salt)?;
        let memtable = self.memtable();
        let before = self.idle.iter().take(index);
        let mut previous = before.fold(self.manifest.covered, |lsn, log| last_lsn(log, lsn));
        for old in self.idle.iter().skip(index) {
            let tail = log::walk(&old.stream, Some(old.end), previous, |walk| {
                let lsn = walk.header.lsn;
                let mut draft = Draft {
                    lsn,
                    previous: walk.header.previous,
                    time_us: walk.header.time_us,
                    body: walk.body.to_vec(),
                };
                let body_at = copy.append(&mut draft).map_err(Failure::into_error)?;
                memtable.insert(locations(&draft.body, id, body_at, lsn));
                tombstones(&old.stream, &walk)
            })?;
            if tail.end != old.end {
                // Read well a moment ago: now the cache has let go of what the disk never got.
                return Err(Error::new(
                    ErrorKind::Io,
                    format!(
                        "{} changed while it was read: open the database again",
                        old.stream.name
                    ),
                )
                .at(&old.stream.name, tail.end));
            }
            previous = tail.last_lsn;
        }
        // ORDER: the copies are durable before the manifest names them; one line earlier a crash leaves the old logs, and the
        // next open copies them again.
        copy.sync()?;
        self.idle.truncate(index);
        let logs = self.log_entries(Some(copy.entry()));
        let stream = Arc::new(copy.stream().clone());
        self.active = Some(copy);
        // ORDER: this is where the copies take the place of what was copied, which is not shown before.
        self.edit(|manifest| manifest.logs = logs)?;
        self.published.change(|view| {
            view.streams.insert(id, stream);
        });
        Ok(())
    }
}

fn last_lsn(log: &IdleLog, previous: Lsn) -> Lsn {
    if log.tally.batches() > 0 {
        log.tally.last_lsn()
    } else {
        previous
    }
}

fn tombstones(stream: &crate::stream::Stream, walk: &log::Walk<'_>) -> Result<u64> {
    let mut tombstones = 0;
    log::records(stream, walk, |found| {
        tombstones += u64::from(found.is_tombstone());
        Ok(())
    })?;
    Ok(tombstones)
}
