//! Segments that a merge has written: each chunk, each record, and what the footer sums up.

use bytes::Bytes;
use entidb_storage::Directory;

use super::{Report, segments};
use crate::error::{Error, Result};
use crate::format::checksum::Binding;
use crate::format::chunk::Place;
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::format::{Fault, record};
use crate::ids::Lsn;
use crate::manifest::{Manifest, SealedEntry};
use crate::ranges::covering;
use crate::segment;
use crate::stream::{Layout, Stream};
use crate::view::View;

pub(super) fn verify(
    directory: &dyn Directory,
    manifest: &Manifest,
    view: Option<&View>,
    report: &mut Report,
) {
    for entry in &manifest.rewritten {
        let name = StreamKind::Segment.name(entry.stream);
        let checked = segment::open(directory, entry, manifest.database).and_then(|stream| {
            report.read(entry.len);
            check(&stream, entry, view, report)
        });
        if let Err(error) = checked {
            report.add(&name, &error);
        }
    }
}

/// What was counted in a segment.
struct Tally {
    records: u64,
    tombstones: u64,
    lsns: (Lsn, Lsn),
    last: Option<Key>,
}

fn check(
    stream: &Stream,
    entry: &SealedEntry,
    view: Option<&View>,
    report: &mut Report,
) -> Result<()> {
    let Layout::Chunked(chunks) = &stream.layout else {
        return Ok(());
    };
    let mut tally = Tally {
        records: 0,
        tombstones: 0,
        lsns: (Lsn::MAX, Lsn::ZERO),
        last: None,
    };
    let mut skipped = false;
    let range = (chunks.footer.first_lsn, chunks.footer.last_lsn);
    for place in (0..chunks.count()).filter_map(|number| chunks.place(number)) {
        let checked = chunks
            .read(stream, &place)
            .and_then(|raw| records(stream, &place, &raw, range, view, &mut tally, report));
        if let Err(error) = checked {
            report.add(&stream.name, &error);
            skipped = true;
        }
    }
    let footer = &chunks.footer;
    let counts = (tally.records, tally.tombstones) == (footer.records, footer.tombstones);
    let sound = counts && tally.lsns == (footer.first_lsn, footer.last_lsn);
    if !skipped && !sound {
        return Err(Error::corrupt(
            &stream.name,
            entry.end,
            format!(
                "{} records, {} tombstones",
                footer.records, footer.tombstones
            ),
            format!("{} and {}", tally.records, tally.tombstones),
        ));
    }
    Ok(())
}

/// Checks every record of a chunk: its own checksum, its payload, its order, and that the runs know it.
fn records(
    stream: &Stream,
    place: &Place,
    raw: &Bytes,
    range: (Lsn, Lsn),
    view: Option<&View>,
    tally: &mut Tally,
    report: &mut Report,
) -> Result<()> {
    let fail = |fault: Fault| fault.at(&stream.name, place.offset);
    let mut at = 0;
    while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
        let (header, low) = record::Header::decode_with_lsn(rest).map_err(fail)?;
        let len = header.record_len() + record::LSN_LEN as u64;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let bytes = rest
            .get(..len)
            .ok_or_else(|| fail(Fault::short(len, rest.len())))?;
        let (first, last) = range;
        let mut opened = Err(Fault::damaged(
            format!("a commit from {first} to {last}"),
            format!("one whose low bits are {low}"),
        ));
        let mut lsn = first;
        for candidate in record::lsns(low, first, last) {
            let binding = Binding {
                salt: stream.salt,
                offset: place.raw_at + at as u64,
                lsn: candidate,
            };
            lsn = candidate;
            opened = record::open_with_lsn(bytes, binding);
            if opened.is_ok() {
                break;
            }
        }
        let (header, payload) = opened.map_err(fail)?;
        let tombstone = header.kind == record::Kind::Tombstone;
        if !tombstone {
            entidb_codec::validate(payload)
                .map_err(|error| fail(Fault::damaged("canonical CBOR", error.to_string())))?;
        }
        let key = Key::new(header.collection, header.id);
        if tally.last.is_some_and(|last| last >= key) {
            return Err(fail(Fault::damaged("rising keys", "a record out of order")));
        }
        tally.last = Some(key);
        tally.records += 1;
        tally.tombstones += u64::from(tombstone);
        tally.lsns = (tally.lsns.0.min(lsn), tally.lsns.1.max(lsn));
        report.record_count += 1;
        // Of one commit, the manifest knows the LSN.
        let lsn = stream.one_commit.unwrap_or(lsn);
        let known = |view| segments::check_known(&stream.name, place.offset, &header, lsn, view);
        if let Some(view) = view
            && !deletes_its_own(stream, &header, lsn, view)
            && let Err(error) = known(view)
        {
            report.add(&stream.name, &error);
        }
        at += len;
    }
    Ok(())
}

/// Whether the segment holds what a large transaction has put before it deleted the range around it: both are of one commit.
fn deletes_its_own(stream: &Stream, header: &record::Header, lsn: Lsn, view: &View) -> bool {
    let key = Key::new(header.collection, header.id);
    let mut runs = view.runs.iter();
    stream.one_commit.is_some()
        && runs.any(|run| covering(run.ranges(), &key, Lsn(u64::MAX)) >= lsn)
}
