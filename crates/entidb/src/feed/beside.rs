//! A follower's logs beside a writer in another process, or without one.
//!
//! Promises: only what the manifest, or a batch behind it, knows to have been synced counts as durable; a batch that merely can be
//! read may be gone after a crash. Relies on the manifest being replaced whole. Must never write.

use std::collections::BTreeMap;
use std::time::Duration;

use entidb_storage::Directory;

use super::bell::Woken;
use super::cursor::{Cursor, Head};
use super::source::{LogRef, Logs};
use crate::error::{Error, ErrorKind, Result};
use crate::format::header;
use crate::format::name::StreamKind;
use crate::ids::{CollectionId, Lsn, StreamId};
use crate::load;
use crate::log;
use crate::manifest::{Manifest, SealedEntry};
use crate::stream::Stream;
use crate::sync::{Arc, Instant};

/// How often a waiting follower looks.
const POLL: Duration = Duration::from_millis(50);
/// How often the manifest is read again because its streams were gone.
const ATTEMPTS: usize = 10;

/// What a follower reads beside a writer.
pub(crate) struct Beside {
    directory: Arc<dyn Directory>,
    manifest: Manifest,
    streams: BTreeMap<StreamId, Arc<Stream>>,
    /// Behind the last batch that is known to be durable, in a log that no run covers.
    edge: Option<Cursor>,
    durable: Lsn,
}

impl Beside {
    pub(super) fn new(directory: Arc<dyn Directory>, manifest: Manifest) -> Self {
        Self {
            directory,
            manifest,
            streams: BTreeMap::new(),
            edge: None,
            durable: Lsn::ZERO,
        }
    }

    /// Which manifest it has.
    pub(super) fn edit(&self) -> u64 {
        self.manifest.edit
    }

    /// Reads the manifest again, and says how far everything is durable.
    pub(super) fn durable(&mut self) -> Result<Lsn> {
        self.again(|beside| beside.durable_now())
    }

    /// As [`durable`](Self::durable), by the manifest that it has.
    pub(super) fn durable_now(&mut self) -> Result<Lsn> {
        let sealed = self.manifest.segments.last();
        let sealed = sealed.map_or(Lsn::ZERO, |segment| segment.last_lsn);
        let start = self.manifest.covered.max(sealed);
        let mut logs = Vec::new();
        for entry in self.manifest.logs.clone() {
            logs.push(LogRef {
                stream: self.stream(entry.stream)?,
                end: entry.end,
            });
        }
        let known = self.known(&logs, start)?;
        let mut last = start;
        self.edge = walk(&logs, self.edge.take(), start, |cursor, head| {
            let known = known.get(&cursor.log().id()).copied().unwrap_or(0);
            let synced = cursor.end_of(head) <= known;
            if synced {
                last = head.header.lsn;
            }
            synced
        })?;
        self.durable = self.durable.max(last).max(start);
        Ok(self.durable)
    }

    /// How far each log is known to be synced, in bytes.
    fn known(&self, logs: &[LogRef], start: Lsn) -> Result<BTreeMap<StreamId, u64>> {
        let manifest = &self.manifest;
        let mut known: BTreeMap<StreamId, u64> = BTreeMap::new();
        let mut claim = |log: StreamId, offset: u64| {
            let known = known.entry(log).or_default();
            *known = offset.max(*known);
        };
        if let Some(synced) = manifest.synced {
            claim(synced.log, synced.offset);
        }
        for log in &manifest.logs {
            claim(log.stream, log.end.unwrap_or(0));
        }
        if let (Some(closed), Some(last)) = (manifest.closed, manifest.logs.last()) {
            claim(last.stream, closed.log_end);
        }
        walk(logs, self.edge.clone(), start, |_, head| {
            claim(head.header.synced.log, head.header.synced.offset);
            true
        })?;
        // Whatever was synced in a later log was so behind all of those before it.
        let mut whole = false;
        for log in manifest.logs.iter().rev() {
            let known = known.entry(log.stream).or_default();
            if whole {
                *known = u64::MAX;
            }
            whole |= *known > header::LEN as u64;
        }
        Ok(known)
    }

    pub(super) fn logs(&mut self, after: Lsn) -> Result<Logs> {
        self.again(|beside| {
            let mut list = Vec::new();
            for segment in beside.manifest.segments.clone() {
                if segment.last_lsn > after {
                    list.push(LogRef {
                        stream: beside.segment(&segment)?,
                        end: Some(segment.end),
                    });
                }
            }
            for entry in beside.manifest.logs.clone() {
                list.push(LogRef {
                    stream: beside.stream(entry.stream)?,
                    end: entry.end,
                });
            }
            let feed = beside.manifest.feed.as_ref();
            Ok(Logs {
                floor: feed.map_or(Lsn(u64::MAX), |feed| feed.floor),
                list,
            })
        })
    }

    pub(super) fn name(&mut self, id: CollectionId) -> Option<Arc<str>> {
        if let Some(name) = self.known_name(id) {
            return Some(name);
        }
        self.reload().ok()?;
        self.known_name(id)
    }

    fn known_name(&self, id: CollectionId) -> Option<Arc<str>> {
        if let Some(collection) = self.manifest.catalog.get(id) {
            return Some(Arc::from(collection.name.as_str()));
        }
        let mut dropped = self.manifest.feed.iter().flat_map(|feed| &feed.dropped);
        let dropped = dropped.find(|dropped| dropped.id == id)?;
        Some(Arc::from(dropped.name.as_str()))
    }

    pub(super) fn wait(&self, end: Option<Instant>) -> Woken {
        let left = end.map_or(POLL, |end| end.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return Woken::TimedOut;
        }
        crate::sync::thread::sleep(left.min(POLL));
        Woken::More
    }

    /// Reads the manifest and does `read` with it; once more if that fails and the manifest is another by then: its streams may
    /// have gone with it.
    fn again<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        self.reload()?;
        let mut attempt = 1;
        loop {
            let edit = self.manifest.edit;
            match read(self) {
                Ok(read) => return Ok(read),
                Err(error) => {
                    self.reload()?;
                    if self.manifest.edit == edit || attempt == ATTEMPTS {
                        return Err(error);
                    }
                    attempt += 1;
                }
            }
        }
    }

    fn reload(&mut self) -> Result<()> {
        let manifest = load::manifest(&*self.directory)?
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "the database is not there any more"))?;
        if manifest.edit != self.manifest.edit {
            self.streams.retain(|id, _| manifest.lists(*id));
            // A log may have been cut since.
            self.edge = None;
            self.manifest = manifest;
        }
        Ok(())
    }

    fn segment(&mut self, entry: &SealedEntry) -> Result<Arc<Stream>> {
        if let Some(stream) = self.streams.get(&entry.stream) {
            return Ok(Arc::clone(stream));
        }
        let stream = log::open_segment(&*self.directory, entry, self.manifest.database)?;
        let stream = Arc::new(stream);
        self.streams.insert(entry.stream, Arc::clone(&stream));
        Ok(stream)
    }

    fn stream(&mut self, id: StreamId) -> Result<Arc<Stream>> {
        if let Some(stream) = self.streams.get(&id) {
            return Ok(Arc::clone(stream));
        }
        let database = self.manifest.database;
        let stream = Stream::open(&*self.directory, StreamKind::Log, id, database)?;
        let stream = Arc::new(stream);
        self.streams.insert(id, Arc::clone(&stream));
        Ok(stream)
    }
}

/// Walks through the batches of the logs, from `edge` or the first of them on, for as long as `each` wants. Returns where it
/// stopped. What is there may not be durable, so nothing of it is kept.
fn walk(
    logs: &[LogRef],
    edge: Option<Cursor>,
    start: Lsn,
    mut each: impl FnMut(&Cursor, &Head) -> bool,
) -> Result<Option<Cursor>> {
    let first = || {
        let first = logs.first().cloned();
        first.map(|log| Cursor::new(log, Some(start)))
    };
    let Some(mut cursor) = edge.or_else(first) else {
        return Ok(None);
    };
    let at = logs.iter().position(|log| log.id() == cursor.log().id());
    let mut later = logs.iter().skip(at.map_or(0, |at| at + 1));
    cursor.forget();
    'logs: loop {
        while let Some(head) = cursor.head(Lsn::MAX)? {
            if !each(&cursor, &head) {
                break 'logs;
            }
            cursor.pass(&head);
        }
        // On to the next log that goes on from here; one without a batch is passed over.
        for log in later.by_ref() {
            let mut next = Cursor::new(log.clone(), cursor.previous());
            if next.head(Lsn::MAX)?.is_some() {
                cursor = next;
                continue 'logs;
            }
        }
        break;
    }
    cursor.forget();
    Ok(Some(cursor))
}
