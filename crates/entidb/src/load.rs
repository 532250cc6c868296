//! From bytes to state, without writing: what a reader does at open, and a writer before it recovers.
//!
//! Promises: what the manifest, or any whole batch, knows to have been synced is found whole, or named as damage; anything else
//! behind the last whole batch is a torn tail. Relies on the log's walk. Must never write.

use std::collections::BTreeMap;
use std::sync::Arc;

use entidb_storage::Directory;

use crate::cache::Cache;
use crate::error::{Error, ErrorKind, Result};
use crate::format::name::{self, StreamKind};
use crate::format::record::Kind;
use crate::format::{Fault, header};
use crate::ids::{CollectionId, Lsn, StreamId};
use crate::log::{self, Tail, items};
use crate::manifest::{self, Manifest};
use crate::memtable::{Batch, Memtable};
use crate::run::Run;
use crate::segment;
use crate::stream::Stream;
use crate::view::View;
use crate::writer::IdleLog;

/// How often a reader starts over because a writer changed what it was reading.
const READ_ATTEMPTS: usize = 10;

/// A database's state, as its streams tell it.
pub(crate) struct Loaded {
    pub(crate) manifest: Manifest,
    pub(crate) view: View,
    pub(crate) last_lsn: Lsn,
    pub(crate) logs: Vec<IdleLog>,
    /// The index of the first log with a batch that is not known to be synced.
    pub(crate) unsynced: Option<usize>,
    /// Collections that a batch has dropped and the catalog still has, perhaps.
    pub(crate) dropped: Vec<CollectionId>,
    /// Bytes of a torn tail, in the last log.
    pub(crate) torn_bytes: u64,
}

impl Loaded {
    /// Whether the last session was closed and nothing was changed since.
    pub(crate) fn is_clean(&self) -> bool {
        self.manifest.closed.is_some() && self.torn_bytes == 0
    }
}

/// Reads the manifest. Where there is none, says what is there instead.
pub(crate) fn manifest(directory: &dyn Directory) -> Result<Option<Manifest>> {
    if let Some(manifest) = manifest::read(directory)? {
        return Ok(Some(manifest));
    }
    let names = directory
        .list()
        .map_err(|error| Error::storage(error, "list", "the directory"))?;
    // A writer may have made it in between.
    if let Some(manifest) = manifest::read(directory)? {
        return Ok(Some(manifest));
    }
    if let Some(stream) = names.iter().find(|name| name::parse(name).is_some()) {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!("the manifest is missing, though {stream} is there; restore it from a backup"),
        )
        .at(name::MANIFEST, 0));
    }
    match names.iter().find(|name| *name != name::LOCK) {
        Some(foreign) => Err(Error::new(
            ErrorKind::NotADatabase,
            format!("this is not a database: it holds {foreign}; name a new or an empty folder"),
        )),
        // Nothing, or what a creation that was cut off has left.
        None => Ok(None),
    }
}

/// Loads the database beside whatever writer it may have. What looks like damage may be the writer at work: a stream that is
/// gone with the manifest that listed it, a batch read when half of it was there. So it is believed only if it is met twice in
/// a row, at the same place under the same manifest.
pub(crate) fn beside_a_writer(
    directory: &dyn Directory,
    cache_bytes: u64,
) -> Result<Option<Loaded>> {
    let mut last: Option<(u64, Error)> = None;
    for _ in 0..READ_ATTEMPTS {
        let Some(manifest) = manifest(directory)? else {
            return Ok(None);
        };
        let edit = manifest.edit;
        match load(directory, manifest, cache_bytes) {
            Ok(loaded) => return Ok(Some(loaded)),
            Err(error) => {
                let same = last.as_ref().is_some_and(|(last_edit, last)| {
                    *last_edit == edit
                        && last.stream() == error.stream()
                        && last.offset() == error.offset()
                });
                if same {
                    return Err(error);
                }
                last = Some((edit, error));
            }
        }
    }
    Err(last.map_or_else(
        || Error::new(ErrorKind::Io, "the database could not be read"),
        |(_, error)| error,
    ))
}

/// Opens every stream that the manifest lists and walks through the logs that no run covers.
pub(crate) fn load(
    directory: &dyn Directory,
    manifest: Manifest,
    cache_bytes: u64,
) -> Result<Loaded> {
    check_names(directory, manifest.next_stream)?;
    let mut streams = BTreeMap::new();
    for entry in &manifest.segments {
        let stream = log::open_segment(directory, entry, manifest.database)?;
        stream.check_end(entry)?;
        streams.insert(stream.id, Arc::new(stream));
    }
    for entry in &manifest.rewritten {
        let stream = segment::open(directory, entry, manifest.database)?;
        streams.insert(stream.id, Arc::new(stream));
    }
    let mut runs = Vec::new();
    for entry in manifest.runs.iter().rev() {
        runs.push(Arc::new(Run::open(directory, *entry, manifest.database)?));
    }
    let memtable = Memtable::default();
    let mut dropped = Vec::new();
    let mut walked: Vec<(Arc<Stream>, Tail)> = Vec::new();
    let mut last_lsn = manifest.covered;
    for entry in &manifest.logs {
        let stream = Stream::open(directory, StreamKind::Log, entry.stream, manifest.database)?;
        let tail = log::walk(&stream, entry.end, last_lsn, |walk| {
            let mut tombstones = 0;
            // The batch's checksum held: that its records can be read is checked here, their own checksums when they are.
            log::records(&stream, &walk, |found| {
                tombstones += u64::from(found.is_tombstone());
                let collection = found.header.collection;
                if found.header.kind == Kind::Collection {
                    dropped.push(collection);
                } else {
                    // Put there since the catalog could not be changed: it lives on.
                    dropped.retain(|id| *id != collection);
                }
                match manifest.catalog.has_given(found.header.collection) {
                    true => Ok(()),
                    false => Err(older(&stream.name, found.binding.offset, "collection")),
                }
            })?;
            let lsn = walk.header.lsn;
            if lsn >= manifest.lsn_ceiling {
                return Err(older(&stream.name, walk.header.offset, "commit"));
            }
            let batch = Batch {
                lsn,
                stream: stream.id,
                body_at: walk.body_at,
                body: walk.body.clone(),
            };
            memtable.insert(batch, items(walk.body));
            Ok(tombstones)
        })?;
        last_lsn = tail.last_lsn;
        let stream = Arc::new(stream);
        streams.insert(stream.id, Arc::clone(&stream));
        walked.push((stream, tail));
    }
    let known: Vec<u64> = walked
        .iter()
        .zip(&manifest.logs)
        .enumerate()
        .map(|(index, ((stream, _), entry))| {
            let claimed = walked.iter().map(|(_, tail)| tail.claimed(stream.id)).max();
            let listed = manifest.synced.filter(|synced| synced.log == stream.id);
            let closed = manifest
                .closed
                .filter(|_| index + 1 == manifest.logs.len())
                .map(|closed| closed.log_end);
            (header::LEN as u64)
                .max(claimed.unwrap_or(0))
                .max(listed.map_or(0, |synced| synced.offset))
                .max(entry.end.unwrap_or(0))
                .max(closed.unwrap_or(0))
        })
        .collect();
    for ((stream, tail), known) in walked.iter().zip(&known) {
        check_tail(stream, tail, *known)?;
    }
    if let Some(closed) = manifest.closed {
        check_closed(&manifest, &walked, closed.last_lsn, last_lsn)?;
    }
    let last = walked.last().zip(manifest.logs.last());
    let torn_bytes = match last {
        Some(((stream, tail), entry)) if entry.end.is_none() && !tail.sealed => {
            stream.size()?.saturating_sub(tail.end)
        }
        _ => 0,
    };
    let unsynced = walked
        .iter()
        .zip(&known)
        .position(|((_, tail), known)| tail.end > *known);
    let clean = manifest.closed.is_some() && torn_bytes == 0;
    let count = walked.len();
    let logs = walked
        .into_iter()
        .zip(&manifest.logs)
        .enumerate()
        .map(|(index, ((stream, tail), entry))| {
            let clean = clean && index + 1 == count && entry.end.is_none() && !tail.sealed;
            IdleLog {
                stream,
                end: tail.end,
                tally: tail.tally,
                sealed: None,
                closed: clean,
                clean,
                unsynced: unsynced.is_some_and(|first| index >= first),
            }
        })
        .collect();
    Ok(Loaded {
        view: View {
            memtables: vec![Arc::new(memtable)],
            runs,
            streams,
            catalog: Arc::new(manifest.catalog.clone()),
            cache: Arc::new(Cache::new(cache_bytes)),
            shown: Lsn::ZERO,
            scans: Arc::default(),
            migrations: Arc::default(),
        },
        manifest,
        last_lsn,
        logs,
        unsynced,
        dropped,
        torn_bytes,
    })
}

/// A log must be whole as far as it is known to have been synced.
fn check_tail(stream: &Stream, tail: &Tail, known: u64) -> Result<()> {
    if tail.end >= known {
        return Ok(());
    }
    let fault = tail.fault.clone().unwrap_or_else(|| {
        Fault::damaged(
            format!("batches up to {known}, which were synced"),
            "the end of the stream".to_owned(),
        )
    });
    Err(fault.at(&stream.name, tail.end))
}

/// After a clean close, the last commit is the one that the manifest names.
fn check_closed(
    manifest: &Manifest,
    walked: &[(Arc<Stream>, Tail)],
    expected: Lsn,
    got: Lsn,
) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    let (name, end) = walked.last().map_or_else(
        || (name::MANIFEST.to_owned(), 0),
        |(stream, tail)| (stream.name.clone(), tail.end),
    );
    debug_assert!(manifest.closed.is_some());
    Err(Error::corrupt(
        &name,
        end,
        format!("commit {expected} to be the last"),
        got,
    ))
}

/// What no manifest that this log was ever listed in has given out.
fn older(stream: &str, offset: u64, what: &str) -> Error {
    Error::corrupt(
        stream,
        offset,
        format!("a {what} that the manifest has given out"),
        "one above: the manifest is older than its logs",
    )
}

/// Streams numbered above what the manifest has given out: the manifest is older than they are.
pub(crate) fn check_names(directory: &dyn Directory, next_stream: StreamId) -> Result<()> {
    let names = directory
        .list()
        .map_err(|error| Error::storage(error, "list", "the directory"))?;
    for name in names {
        if let Some((id, _)) = name::parse(&name)
            && id >= next_stream
        {
            return Err(Error::corrupt(
                name::MANIFEST,
                0,
                format!("streams below number {next_stream}"),
                format!("{name}: the manifest is older than its streams"),
            ));
        }
    }
    Ok(())
}
