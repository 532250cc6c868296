//! Logs and segments: each batch, each record, each footer.

use bytes::Bytes;
use entidb_storage::Directory;

use super::Report;
use crate::error::{Error, Result};
use crate::format::checksum::Binding;
use crate::format::footer::Tally;
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::format::{Fault, batch, block, entry_key, header, record};
use crate::ids::{IndexId, Lsn, StreamId};
use crate::index::newest;
use crate::load::Loaded;
use crate::log;
use crate::manifest::{Manifest, SealedEntry};
use crate::memtable::Memtable;
use crate::ranges::covering;
use crate::run::Run;
use crate::stream::Stream;
use crate::sync::Arc;
use crate::view::View;

pub(super) fn verify(
    directory: &dyn Directory,
    manifest: &Manifest,
    loaded: Option<&Loaded>,
    report: &mut Report,
) {
    let view = loaded.map(|loaded| &loaded.view);
    let mut last = Lsn::ZERO;
    for entry in &manifest.segments {
        let name = StreamKind::Log.name(entry.stream);
        if let Err(error) = segment(directory, manifest, entry, last, view, report) {
            report.add(&name, &error);
        }
        // By the manifest, so that damage in one segment does not spread to the next.
        last = entry.last_lsn;
    }
    let mut previous = manifest.covered;
    for (index, entry) in manifest.logs.iter().enumerate() {
        let name = StreamKind::Log.name(entry.stream);
        // As far as the view knows it: a writer may have gone on.
        let seen = loaded.and_then(|loaded| loaded.logs.get(index));
        let end = seen.map(|log| log.end).or(entry.end);
        match open(directory, manifest, entry.stream, report)
            .and_then(|stream| walk(&stream, end, previous, view, report))
        {
            // Whether a fault at the end is damage or a torn tail, the load has told.
            Ok(tail) => previous = tail.last_lsn,
            Err(error) => report.add(&name, &error),
        }
    }
}

fn open(
    directory: &dyn Directory,
    manifest: &Manifest,
    id: StreamId,
    report: &mut Report,
) -> Result<Stream> {
    let stream = Stream::open(directory, StreamKind::Log, id, manifest.database)?;
    report.read(stream.size()?);
    Ok(stream)
}

fn segment(
    directory: &dyn Directory,
    manifest: &Manifest,
    entry: &SealedEntry,
    last: Lsn,
    view: Option<&View>,
    report: &mut Report,
) -> Result<()> {
    let stream = log::open_segment(directory, entry, manifest.database)?;
    report.read(stream.size()?);
    let footed = entry.len > entry.end;
    let footer = match footed {
        true => stream.footer(entry.end, entry.len, &entry.digest),
        false => stream.check_end(entry).map(|()| Bytes::new()),
    };
    if let Err(error) = &footer {
        report.add(&stream.name, error);
    }
    let previous = match stream.one_commit {
        Some(_) => Lsn::ZERO,
        None => previous(&stream, last)?,
    };
    let tail = walk(&stream, Some(entry.end), previous, view, report)?;
    if let Some(fault) = tail.fault {
        return Err(fault.at(&stream.name, tail.end));
    }
    let fail = |fault: Fault| fault.at(&stream.name, entry.end);
    let Ok(footer) = footer else {
        return Ok(());
    };
    if !footed {
        let mut found = log::unfooted(&stream, tail.end, &tail.tally)?;
        if let Some(lsn) = stream.one_commit {
            (found.first_lsn, found.last_lsn) = (lsn, lsn);
        }
        return match found == *entry {
            true => Ok(()),
            false => Err(Error::corrupt(
                &stream.name,
                entry.end,
                format!("{entry:?}"),
                format!("{found:?}"),
            )),
        };
    }
    let told = block::decode(stream.salt, entry.end, &footer)
        .and_then(Tally::decode)
        .map_err(fail)?;
    let lsns = (entry.first_lsn, entry.last_lsn);
    if told != tail.tally || lsns != (told.first_lsn(), told.last_lsn()) || tail.end != entry.end {
        return Err(Error::corrupt(
            &stream.name,
            entry.end,
            format!("{told:?}"),
            format!("{:?}", tail.tally),
        ));
    }
    Ok(())
}

/// The commit that the first batch of a segment follows. Between it and the segment before, others may have been, which
/// compaction has given back; so it is taken from the batch itself, and must not be below `last`, that segment's last.
fn previous(stream: &Stream, last: Lsn) -> Result<Lsn> {
    let mut bytes = [0; batch::HEADER_LEN];
    let at = header::LEN as u64;
    stream.read_into(at, &mut bytes)?;
    // What is wrong with it otherwise, the walk tells.
    match batch::Header::decode(&bytes) {
        Ok(first) if first.previous >= last => Ok(first.previous),
        _ => Ok(last),
    }
}

/// Walks through the batches and checks every record: its own checksum, its payload, and that the runs know it.
fn walk(
    stream: &Stream,
    limit: Option<u64>,
    previous: Lsn,
    view: Option<&View>,
    report: &mut Report,
) -> Result<log::Tail> {
    log::walk(stream, limit, previous, |batch| {
        let mut tombstones = 0;
        log::records(stream, &batch, |found| {
            report.record_count += 1;
            tombstones += u64::from(found.is_tombstone());
            if let Err(error) = check_record(stream, found.bytes, found.binding, view) {
                report.add(&stream.name, &error);
            }
            Ok(())
        })?;
        Ok(tombstones)
    })
}

fn check_record(
    stream: &Stream,
    bytes: &[u8],
    binding: Binding,
    view: Option<&View>,
) -> Result<()> {
    let fail = |fault: Fault| fault.at(&stream.name, binding.offset);
    let (header, payload) = record::open(bytes, binding).map_err(fail)?;
    if matches!(header.kind, record::Kind::Entity | record::Kind::Before) {
        entidb_codec::validate(payload)
            .map_err(|error| fail(Fault::damaged("canonical CBOR", error.to_string())))?;
    }
    match view {
        Some(view) if header.kind.is_entry() => {
            check_known_entry(&stream.name, binding, &header, payload, view)
        }
        Some(view) => {
            let lsn = stream.one_commit.unwrap_or(binding.lsn);
            check_known(&stream.name, binding.offset, &header, lsn, view)
        }
        None => Ok(()),
    }
}

/// A record is the newest of its key, or a newer one is known, or a deletion, or it can have been forgotten.
pub(super) fn check_known(
    stream: &str,
    offset: u64,
    header: &record::Header,
    lsn: Lsn,
    view: &View,
) -> Result<()> {
    let entity = matches!(header.kind, record::Kind::Entity | record::Kind::Tombstone);
    // Of a dropped collection, runs forget what they come across.
    if !entity || !view.catalog.has(header.collection) {
        return Ok(());
    }
    let key = Key::new(header.collection, header.id);
    let newest = view.locate(key, Lsn(u64::MAX))?.map(|found| found.location);
    let known = match newest {
        Some(newest) => newest.lsn >= lsn,
        None => is_deleted(view, &key, lsn) || is_forgotten(view, lsn),
    };
    match known {
        true => Ok(()),
        false => Err(Error::corrupt(
            stream,
            offset,
            format!("a run or the memtable to know commit {lsn}"),
            newest.map_or("none".to_owned(), |newest| newest.lsn.to_string()),
        )),
    }
}

/// The same of an index entry, unless its index was dropped.
fn check_known_entry(
    stream: &str,
    binding: Binding,
    header: &record::Header,
    index_key: &[u8],
    view: &View,
) -> Result<()> {
    let (index, lsn) = (IndexId(header.collection.0), binding.lsn);
    let Some(collection) = view.catalog.collection_of(index) else {
        return Ok(());
    };
    let mut whole = Vec::new();
    entry_key::push(&mut whole, index, index_key, header.id);
    let newest = newest(view, &whole)?;
    let key = Key::new(collection, header.id);
    let known = match newest {
        Some((newest, _)) => newest >= lsn,
        None => is_deleted(view, &key, lsn) || is_forgotten(view, lsn),
    };
    match known {
        true => Ok(()),
        false => Err(Error::corrupt(
            stream,
            binding.offset,
            format!("a run or the memtable to know an index entry of commit {lsn}"),
            newest.map_or("none".to_owned(), |(newest, _)| newest.to_string()),
        )),
    }
}

/// Whether a range tombstone above `lsn` covers the key.
fn is_deleted(view: &View, key: &Key, lsn: Lsn) -> bool {
    let max = Lsn(u64::MAX);
    let memtables = view.memtables.iter().map(|table| table.covering(key, max));
    let runs = view.runs.iter().map(|run| covering(run.ranges(), key, max));
    memtables.chain(runs).any(|deleted| deleted > lsn)
}

/// Whether a run covers that commit which no longer knows what was deleted; or one did, of which nothing was left: it was the
/// oldest, so that all runs there are begin behind it.
fn is_forgotten(view: &View, lsn: Lsn) -> bool {
    let mut runs = view.runs.iter();
    let forgetful = runs.any(|run| run.footer.forgetful && lsn <= run.entry.last_lsn);
    let covered = |run: &Arc<Run>| run.entry.first_lsn <= lsn;
    let in_memory = |table: &Arc<Memtable>| table.first_lsn().is_some_and(|first| first <= lsn);
    forgetful || !view.runs.iter().any(covered) && !view.memtables.iter().any(in_memory)
}
