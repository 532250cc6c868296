//! A transaction that is ready to be committed by one edit of the manifest.

use std::collections::BTreeSet;

use super::held::Held;
use super::line::Line;
use super::piece::Segment;
use super::told::Told;
use crate::ids::{CollectionId, Lsn};
use crate::manifest::{Manifest, SealedEntry};
use crate::run::Run;
use crate::stream::Stream;
use crate::sync::Arc;

/// One run, and the segments that it points into: durable, and of no effect until the manifest lists them.
pub(crate) struct Large {
    run: Arc<Run>,
    segments: Vec<Segment>,
    collections: BTreeSet<CollectionId>,
    held: Arc<Held>,
    /// What followers are told of it, if they are.
    told: Option<Told>,
    line: Arc<Line>,
}

/// A large commit as a view shows it.
pub(crate) struct Shown {
    pub(crate) run: Arc<Run>,
    pub(crate) streams: Vec<Arc<Stream>>,
}

impl Large {
    pub(super) fn new(
        run: Run,
        held: Arc<Held>,
        segments: Vec<Segment>,
        collections: BTreeSet<CollectionId>,
        line: Arc<Line>,
    ) -> Self {
        Self {
            run: Arc::new(run),
            segments,
            collections,
            held,
            told: None,
            line,
        }
    }

    /// With what followers are told of it.
    pub(crate) fn tell(self, told: Option<Told>) -> Self {
        Self { told, ..self }
    }

    /// The log that followers read, as they read it once it is committed as `lsn`.
    pub(crate) fn told_stream(&self, lsn: Lsn) -> Option<Arc<Stream>> {
        self.told.as_ref().map(|told| told.stream(lsn))
    }

    /// The commit that it was begun over.
    pub(crate) fn since(&self) -> Lsn {
        self.line.lsn()
    }

    /// Of each key that it writes, the one entry; its LSN is zero.
    pub(crate) fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// All that it writes to.
    pub(crate) fn collections(&self) -> &BTreeSet<CollectionId> {
        &self.collections
    }

    /// The edit of the manifest that commits it as `lsn`.
    pub(crate) fn apply(&self, lsn: Lsn, manifest: &mut Manifest) {
        let of_the_commit = |entry: SealedEntry| SealedEntry {
            first_lsn: lsn,
            last_lsn: lsn,
            ..entry
        };
        let segments = self.segments.iter();
        let segments = segments.map(|segment| of_the_commit(segment.entry));
        manifest.rewritten.extend(segments);
        manifest.runs.push(of_the_commit(self.run.entry));
        manifest
            .segments
            .extend(self.told.iter().map(|told| told.entry(lsn)));
        manifest.covered = lsn;
    }

    /// As it is shown once it is committed as `lsn`.
    pub(crate) fn shown(&self, lsn: Lsn) -> Shown {
        let streams = self.segments.iter().map(|segment| {
            let mut stream = Stream::clone(&segment.stream);
            stream.one_commit = Some(lsn);
            Arc::new(stream)
        });
        Shown {
            run: Arc::new(self.run.of_commit(lsn)),
            streams: streams.collect(),
        }
    }

    fn all_held(&self) -> impl Iterator<Item = &Arc<Held>> {
        let segments = self.segments.iter().map(|segment| &segment.held);
        let told = self.told.iter().map(|told| &told.held);
        segments.chain([&self.held]).chain(told)
    }

    /// From here on the manifest may list the streams.
    pub(crate) fn take(&self) {
        self.all_held().for_each(|held| held.take());
    }

    /// The manifest does not list them, for certain.
    pub(crate) fn give_back(&self) {
        self.all_held().for_each(|held| held.give_back());
    }
}
