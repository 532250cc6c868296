//! Giving up what is kept for followers and nobody needs any more.
//!
//! Promises: the floor on the disk rises before a log below it goes, and in memory before that, so that a follower meets a gap and
//! never a log that is missing; a log that a run still points into stays. Relies on the compactor's lock: no merge runs beside
//! it. Must never give up what a follower may yet read, but for what is beyond retention's bounds.

use std::any::Any;
use std::collections::BTreeSet;

use super::line::{Kept, line};
use crate::compact::Compactor;
use crate::error::Result;
use crate::format::batch;
use crate::format::block;
use crate::format::footer::Tally;
use crate::ids::{Lsn, StreamId};
use crate::manifest::{Manifest, SealedEntry};
use crate::stream::Stream;
use crate::sync::Arc;
use crate::view::View;
use crate::writer::Writer;

impl Writer {
    /// Raises the floor as far as it may rise, and gives up the logs below it that no run needs.
    pub(crate) fn tidy_feed(&self, compactor: &mut Compactor) -> Result<()> {
        let keep = &self.feed.keep;
        if !keep.is_untidy() {
            return Ok(());
        }
        keep.set_untidy(false);
        let done = self.tidy(compactor);
        if done.is_err() {
            keep.set_untidy(true);
        }
        done
    }

    fn tidy(&self, compactor: &mut Compactor) -> Result<()> {
        // In this order: a segment is listed together with the run that points into it, and shown behind that.
        let manifest = self.editor.read(Manifest::clone);
        let (view, _) = self.published.get();
        let shown = |listed: &SealedEntry| view.runs.iter().any(|run| run.entry == *listed);
        if !manifest.runs.iter().all(shown) {
            // A checkpoint is about to show its run, and then asks for this again.
            self.feed.keep.set_untidy(true);
            return Ok(());
        }
        let (segments, listed) = (manifest.segments, manifest.feed);
        let retention = self.feed.keep.state().retention();
        let mut logs = Vec::with_capacity(segments.len());
        for segment in &segments {
            let time_us = match retention.age_us() {
                Some(_) => last_time_us(&view, segment)?,
                None => None,
            };
            logs.push(Kept {
                last: segment.last_lsn,
                bytes: segment.len,
                time_us,
            });
        }
        let slowest = self.slowest_consumer()?;
        let open_bytes = open_bytes(&view, &segments);
        let mut state = self.feed.keep.state();
        let floor = match state.is_at_work() {
            true => {
                let slowest = slowest.into_iter().chain(state.slowest()).min();
                let now_us = self.environment.now_us();
                let (floor, retention) = (state.floor(), state.retention());
                let floor = line(floor, &logs, open_bytes, &retention, slowest, now_us);
                state.raise(floor);
                floor
            }
            false => Lsn(u64::MAX),
        };
        drop(state);
        let used = used(&view);
        let goes =
            |segment: &SealedEntry| segment.last_lsn <= floor && !used.contains(&segment.stream);
        let gone: Vec<StreamId> = segments
            .iter()
            .filter(|segment| goes(segment))
            .map(|segment| segment.stream)
            .collect();
        let rises = listed.is_some_and(|listed| listed.floor < floor && floor < Lsn::MAX);
        if gone.is_empty() && !rises {
            return Ok(());
        }
        let next_lsn = self.committer.queue().next_lsn();
        self.editor.begin_session(next_lsn, |_| ())?;
        // ORDER: nothing is removed before the manifest says that it is not there; one line earlier a crash leaves all of it.
        self.editor.edit(|manifest| {
            manifest.segments.retain(|s| !gone.contains(&s.stream));
            if let Some(feed) = &mut manifest.feed
                && floor < Lsn::MAX
            {
                feed.floor = feed.floor.max(floor);
                feed.dropped.retain(|dropped| dropped.lsn > floor);
            }
        })?;
        self.published.change(|view| {
            view.streams.retain(|id, _| !gone.contains(id));
        });
        for stream in gone.iter().filter_map(|id| view.streams.get(id)) {
            let holder: Arc<dyn Any + Send + Sync> = Arc::clone(stream) as _;
            compactor.note(stream.name.clone(), stream.size().unwrap_or(0), &holder);
        }
        Ok(())
    }

    /// The logs that followers may yet read, and that no merge takes apart.
    pub(crate) fn kept_for_feed(&self) -> BTreeSet<StreamId> {
        let floor = self.feed.keep.floor();
        self.editor.read(|manifest| {
            let segments = manifest.segments.iter();
            let kept = segments.filter(|segment| segment.last_lsn > floor);
            kept.map(|segment| segment.stream).collect()
        })
    }
}

/// Bytes of the logs that are kept for followers alone.
pub(super) fn bytes_kept(view: &View, segments: &[SealedEntry]) -> u64 {
    let used = used(view);
    let kept = segments.iter();
    let kept = kept.filter(|segment| !used.contains(&segment.stream));
    kept.map(|segment| segment.len).sum()
}

/// The streams that runs point into.
fn used(view: &View) -> BTreeSet<StreamId> {
    let runs = view.runs.iter();
    runs.flat_map(|run| run.footer.streams.iter().copied())
        .collect()
}

/// Bytes of the logs that are no segments yet.
fn open_bytes(view: &View, segments: &[SealedEntry]) -> u64 {
    let sealed = |id| segments.iter().any(|segment| segment.stream == id);
    let open = view.streams.iter();
    let open = open.filter(|(id, stream)| stream.is_plain() && !sealed(**id));
    open.map(|(_, stream)| stream.size().unwrap_or(0)).sum()
}

/// When the last commit of a segment was made. By its footer, or where it has none, by the header of its last batch.
fn last_time_us(view: &View, segment: &SealedEntry) -> Result<Option<u64>> {
    let Some(stream) = view.streams.get(&segment.stream) else {
        return Ok(None);
    };
    if segment.len > segment.end {
        let footer = stream.footer(segment.end, segment.len, &segment.digest)?;
        let tally = block::decode(stream.salt, segment.end, &footer).and_then(Tally::decode);
        let tally = tally.map_err(|fault| fault.at(&stream.name, segment.end))?;
        return Ok(Some(tally.last_time_us()));
    }
    walk_to_end(stream, segment)
}

fn walk_to_end(stream: &Stream, segment: &SealedEntry) -> Result<Option<u64>> {
    let mut at = crate::format::header::LEN as u64;
    let mut last = None;
    while at + batch::HEADER_LEN as u64 <= segment.end {
        let mut bytes = [0; batch::HEADER_LEN];
        stream.read_into(at, &mut bytes)?;
        let header = batch::Header::decode(&bytes).map_err(|fault| fault.at(&stream.name, at))?;
        last = Some(header.time_us);
        at += batch::HEADER_LEN as u64 + u64::from(header.body_len);
    }
    Ok(last)
}
