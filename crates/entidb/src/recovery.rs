//! Recovery: what a writer does at open before it shows anything.
//!
//! Promises: everything acknowledged is there; what is shown is on the disk, and not only in a page cache that a failed sync or
//! a kill has left warm. Crashing in here and recovering again gives the same. Relies on the load. Must never append behind
//! a torn tail, nor sync again what a sync has failed on.

use entidb_storage::{Directory, DirectoryLock};

use crate::commit::{Committer, Queue};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::expiry::Timer;
use crate::feed::Feed;
use crate::format::batch::Synced;
use crate::format::checksum::Binding;
use crate::format::{header, record};
use crate::ids::{CollectionId, Lsn};
use crate::load::{self, Loaded};
use crate::log::{self, Draft, Failure, Item, Log, items};
use crate::manifest::{Catalog, Editor, Manifest};
use crate::memtable::Batch;
use crate::options::Options;
use crate::scans::ScanLog;
use crate::spill::Ground;
use crate::stream::Stream;
use crate::sync::atomic::AtomicBool;
use crate::sync::{Arc, Mutex};
use crate::view::Published;
use crate::writer::{IdleLog, Writer};

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
    let dropped = loaded.dropped.clone();
    let writer = writer(directory, lock, environment, options, loaded);
    if !clean {
        writer.committer.reserve.remove_left_over();
        // ORDER: of a new database, the manifest is the first stream of all but the lock; a crash before it leaves nothing
        // that counts, and the database is made again. Of one that was there, the manifest itself may be one whose replacing
        // failed at its last sync: it is replaced again before anything is shown or removed by what it says.
        let queue = writer.committer.queue();
        let (next_lsn, ends) = (queue.next_lsn(), queue.idle.iter().map(IdleLog::entry));
        let ends: Vec<_> = ends.collect();
        drop(queue);
        writer
            .editor
            .begin_session(next_lsn, |manifest| manifest.set_ends(&ends))?;
        if let Some(index) = unsynced {
            writer.copy_unsynced(index)?;
        }
    }
    writer.finish_drops(&dropped)?;
    writer.renew_indexes()?;
    writer.set_retention()?;
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
        feed: None,
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
    // A commit tells by its LSN in which form its entities are. One that was refused may have had a higher LSN than the last.
    let older = loaded.manifest.catalog.last_of_older();
    let next_lsn = next_lsn.max(Lsn(older.0 + 1));
    let memtable = loaded.view.memtables.first().map(Arc::clone);
    let mut queue = Queue::new(memtable.unwrap_or_default(), loaded.last_lsn, next_lsn);
    queue.idle = loaded.logs;
    let feed = Feed::new(loaded.manifest.feed.as_ref(), loaded.last_lsn);
    let feed = Arc::new(feed);
    let editor = Editor::new(
        Arc::clone(&directory),
        Arc::clone(&environment),
        loaded.manifest,
    );
    let editor = Arc::new(editor);
    let mut view = loaded.view;
    view.scans = Arc::new(ScanLog::new(options.scans));
    let published = Arc::new(Published::new(view, loaded.last_lsn));
    let committer = Committer::new(
        Arc::clone(&directory),
        Arc::clone(&editor),
        Arc::clone(&environment),
        options.clone(),
        Arc::clone(&published),
        Arc::clone(&feed),
        queue,
    );
    let ground = Ground::new(
        Arc::clone(&directory),
        Arc::clone(&editor),
        Arc::clone(&environment),
        options.clone(),
    );
    Writer {
        directory,
        ground: Arc::new(ground),
        environment,
        options,
        published,
        editor,
        committer,
        feed,
        timer: Timer::default(),
        indexing: Mutex::default(),
        maintenance: Mutex::default(),
        compactor: Mutex::default(),
        stopping: AtomicBool::new(false),
        lock: Mutex::new(Some(lock)),
    }
}

impl Writer {
    /// Copies the idle logs from `index` on into a new log, syncs that, and lists it in their place.
    ///
    /// After a failed sync, or a kill, their last batches may be in the page cache and not on the disk; syncing them again
    /// would succeed without writing them. The logs are copied from their beginning, and never touched again: a reader that
    /// has opened them beside us goes on reading what it saw.
    fn copy_unsynced(&self, index: usize) -> Result<()> {
        let id = self.editor.allocate_stream()?;
        let salt = self.environment.salt();
        let database = self.editor.read(|manifest| manifest.database);
        self.committer.counters.sync();
        self.committer.counters.sync();
        let mut copy = Log::create(&*self.directory, id, database, salt)?;
        let mut queue = self.committer.queue();
        let before = queue.idle.iter().take(index);
        let covered = self.editor.read(|manifest| manifest.covered);
        let mut previous = before.fold(covered, |lsn, log| last_lsn(log, lsn));
        // The keys of what is copied lie elsewhere from now on.
        queue.memtable.take_back(Lsn(previous.0 + 1));
        let memtable = Arc::clone(&queue.memtable);
        for old in queue.idle.iter().skip(index) {
            let tail = log::walk(&old.stream, Some(old.end), previous, |walk| {
                let lsn = walk.header.lsn;
                let items: Vec<Item> = items(walk.body).collect();
                let draft = Draft {
                    lsn,
                    previous: walk.header.previous,
                    time_us: walk.header.time_us,
                    body: unbound(&old.stream, &walk, &items),
                };
                // Nothing in the copy is known to be synced before all of it is.
                let synced = Synced {
                    log: id,
                    offset: header::LEN as u64,
                };
                let batch = copy.sealer().seal(draft, &items, synced)?;
                copy.append(&[&batch])?;
                let in_memory = Batch {
                    lsn,
                    stream: id,
                    body_at: batch.body_at(),
                    body: batch.body.clone(),
                };
                let tombstones = batch.tombstones;
                memtable.insert(in_memory, items);
                Ok(tombstones)
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
        if let Err(Failure::Refused(error) | Failure::Unknown(error)) = copy.flush(false) {
            return Err(error);
        }
        let copied = queue.idle.split_off(index);
        let ends: Vec<_> = queue.idle.iter().map(IdleLog::ended).collect();
        drop(queue);
        let copied: Vec<_> = copied.iter().map(|log| log.stream.id).collect();
        let stream = Arc::new(copy.stream().clone());
        self.editor.note_synced(Synced {
            log: id,
            offset: copy.end(),
        });
        // ORDER: this is where the copies take the place of what was copied, which is not shown before.
        self.editor.edit(|manifest| {
            manifest.logs.retain(|log| !copied.contains(&log.stream));
            manifest.set_ends(&ends);
            manifest.logs.push(copy.entry());
        })?;
        self.published.change(|view| {
            view.streams.retain(|id, _| !copied.contains(id));
            view.streams.insert(id, stream);
        });
        self.committer.go_on(copy);
        Ok(())
    }

    /// Takes collections out of the catalog whose drop is in the logs.
    fn finish_drops(&self, dropped: &[CollectionId]) -> Result<()> {
        let there = |id: &&CollectionId| self.editor.read(|manifest| manifest.catalog.has(**id));
        if !dropped.iter().any(|id| there(&id)) {
            return Ok(());
        }
        let last = self.committer.queue().last_lsn();
        self.take_from_catalog(dropped, last)
    }
}

/// The records of a batch with their checksums not bound to the place where they lie.
fn unbound(stream: &Stream, walk: &log::Walk<'_>, items: &[Item]) -> Vec<u8> {
    let mut body = walk.body.to_vec();
    for item in items {
        let (at, len) = item.place();
        let binding = Binding {
            salt: stream.salt,
            offset: walk.body_at + u64::from(at),
            lsn: walk.header.lsn,
        };
        if let Some(bytes) = body.get_mut(at as usize..(at + len) as usize) {
            record::bind(bytes, binding);
        }
    }
    body
}

fn last_lsn(log: &IdleLog, previous: Lsn) -> Lsn {
    if log.tally.batches() > 0 {
        log.tally.last_lsn()
    } else {
        previous
    }
}
