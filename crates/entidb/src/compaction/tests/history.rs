//! A store without a writer: logs, runs and a manifest made by hand, beside a model of what they hold.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::Unbounded;
use std::ops::Range;
use std::sync::Arc;

use entidb_codec::Value;
use entidb_storage::{Directory, MemoryDirectory};

use super::indexes::Indexes;
use crate::Result;
use crate::compaction::merge::run_with;
use crate::compaction::{self, Context, Job, Merged, Outcome, RunInfo, Source, run_infos};
use crate::format::batch::{self, Synced};
use crate::format::header;
use crate::format::key::Key;
use crate::format::record::{self, Kind};
use crate::ids::{CollectionId, EntityId, Lsn, StreamId};
use crate::load::{self, Loaded};
use crate::log::{Draft, Log, items, seal};
use crate::manifest::{self, Catalog, Collection, Manifest};
use crate::memtable::Location;
use crate::merge::Merge;
use crate::options::Compression;
use crate::ranges::RangeTombstone;
use crate::run::{Builder, Run};
use crate::verify;

const DATABASE: [u8; 16] = [7; 16];
const CACHE_BYTES: u64 = 1 << 20;
pub(super) const COLLECTION_COUNT: u16 = 3;

/// One write.
#[derive(Debug, Clone, Copy)]
pub(super) enum Write {
    Put {
        key: Key,
        len: usize,
    },
    Delete(Key),
    DeleteRange {
        collection: CollectionId,
        first: EntityId,
        last: EntityId,
    },
}

pub(super) fn key(collection: u16, n: u64) -> Key {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&n.to_be_bytes());
    Key::new(CollectionId(collection), EntityId::from_bytes(id))
}

/// What the entity of a key says after this commit: text that can be compressed, and can be told from any other.
fn payload(key: &Key, lsn: u64, len: usize) -> Vec<u8> {
    let word = format!("{key:?} of {lsn}, ");
    let text = word.repeat(len / word.len() + 1);
    let text = text.get(..len.max(16)).unwrap_or(&text).to_owned();
    entidb_codec::encode(&Value::from(text)).expect("a text")
}

pub(super) struct Store {
    pub(super) directory: Arc<dyn Directory>,
    pub(super) manifest: Manifest,
    pub(super) model: BTreeMap<Key, Vec<u8>>,
    pub(super) next_stream: Cell<u64>,
    lsn: u64,
    last_batch: u64,
    dropped: BTreeSet<CollectionId>,
    pub(super) indexes: Indexes,
    pub(super) compression: Compression,
    /// What the entity of a key says after a commit, with about this length.
    pub(super) payload: fn(&Key, u64, usize) -> Vec<u8>,
}

impl Store {
    pub(super) fn new() -> Self {
        Self::in_directory(Arc::new(MemoryDirectory::new()))
    }

    pub(super) fn in_directory(directory: Arc<dyn Directory>) -> Self {
        let collections =
            (1..=COLLECTION_COUNT).map(|id| Collection::new(CollectionId(id), &format!("c{id}")));
        Self {
            directory,
            manifest: Manifest {
                database: DATABASE,
                edit: 1,
                next_stream: StreamId(1 << 30),
                lsn_ceiling: Lsn(1 << 40),
                covered: Lsn::ZERO,
                closed: None,
                synced: None,
                logs: Vec::new(),
                segments: Vec::new(),
                rewritten: Vec::new(),
                runs: Vec::new(),
                feed: None,
                catalog: Catalog {
                    version: 1,
                    collections: collections.collect(),
                    indexes: Vec::new(),
                    last_id: 0,
                    times_to_live: Vec::new(),
                },
            },
            model: BTreeMap::new(),
            next_stream: Cell::new(1),
            lsn: 0,
            last_batch: 0,
            dropped: BTreeSet::new(),
            indexes: Indexes::default(),
            compression: Compression::None,
            payload,
        }
    }

    fn allocate(&self) -> StreamId {
        StreamId(self.next_stream.replace(self.next_stream.get() + 1))
    }

    /// A log of these transactions, sealed, and a run of their keys.
    pub(super) fn checkpoint(&mut self, transactions: &[Vec<Write>]) {
        let id = self.allocate();
        let first_lsn = Lsn(self.lsn + 1);
        let mut log = Log::create(&*self.directory, id, DATABASE, 40 + id.0).expect("new");
        let mut newest: BTreeMap<Key, Location> = BTreeMap::new();
        let mut ranges: Vec<RangeTombstone> = Vec::new();
        for transaction in transactions {
            self.lsn += 1;
            let lsn = Lsn(self.lsn);
            let mut body = Vec::new();
            let mut records = Vec::new();
            // What a transaction puts behind its own range delete stays; a writer drops what it put before.
            let mut writes = transaction.clone();
            writes.sort_by_key(|write| !matches!(write, Write::DeleteRange { .. }));
            for write in &writes {
                let (key, kind, bytes) = match *write {
                    Write::Put { key, len } => {
                        (key, Kind::Entity, (self.payload)(&key, lsn.0, len))
                    }
                    Write::Delete(key) => (key, Kind::Tombstone, Vec::new()),
                    Write::DeleteRange {
                        collection,
                        first,
                        last,
                    } => {
                        let range = RangeTombstone {
                            collection,
                            first,
                            last,
                            lsn,
                        };
                        self.model.retain(|key, _| !range.covers(key));
                        self.indexes.delete_range(&range);
                        newest.retain(|key, found| !range.covers(key) || found.lsn == lsn);
                        ranges.push(range);
                        continue;
                    }
                };
                if self.dropped.contains(&key.collection()) {
                    continue;
                }
                let header = record::Header {
                    payload_len: bytes.len() as u32,
                    collection: key.collection(),
                    kind,
                    was: record::Was::Unknown,
                    id: key.id(),
                };
                records.push((key, body.len() as u64, header.record_len() as u32, kind));
                header.encode(&bytes, &mut body);
                let len = (kind == Kind::Entity).then_some(bytes.len());
                self.indexes.write(key, len, lsn);
                match kind {
                    Kind::Entity => self.model.insert(key, bytes),
                    _ => self.model.remove(&key),
                };
            }
            if records.is_empty() {
                continue;
            }
            let draft = Draft {
                lsn,
                previous: Lsn(self.last_batch),
                time_us: 0,
                body,
            };
            self.last_batch = lsn.0;
            let items: Vec<_> = items(&draft.body).collect();
            let synced = Synced {
                log: id,
                offset: header::LEN as u64,
            };
            let sealed = log.sealer().seal(draft, &items, synced).expect("sealed");
            log.append(&[&sealed]).expect("appended");
            let body_at = sealed.body_at();
            for (key, at, len, kind) in records {
                let location = Location {
                    lsn,
                    stream: id,
                    offset: body_at + at,
                    len,
                    tombstone: kind == Kind::Tombstone,
                };
                newest.insert(key, location);
            }
        }
        assert!(log.flush(false).is_ok());
        let (stream, end, tally) = (log.stream().clone(), log.end(), log.tally());
        log.close().expect("closed");
        if end > batch::HEADER_LEN as u64 && !newest.is_empty() {
            let segment = seal(&*self.directory, &stream, end, &tally).expect("sealed");
            self.manifest.segments.push(segment);
        }
        if newest.is_empty() && ranges.is_empty() {
            return;
        }
        let run = self.allocate();
        let count = newest.len() as u64;
        let entries = self.indexes.take();
        let mut builder =
            Builder::create(&*self.directory, run, DATABASE, run.0, count).expect("new");
        builder.set_older(self.loaded().view.runs.clone());
        builder.set_ranges(ranges);
        for (key, location) in newest {
            builder.push(key, location).expect("pushed");
        }
        builder.expect_entries(entries.len() as u64);
        for (key, (lsn, tombstone)) in entries {
            builder.push_entry(&key, lsn, tombstone).expect("pushed");
        }
        let entry = builder.finish(first_lsn, Lsn(self.lsn)).expect("sealed");
        self.manifest.runs.push(entry);
        self.manifest.covered = Lsn(self.lsn);
    }

    pub(super) fn drop_collection(&mut self, id: u16) {
        let id = CollectionId(id);
        self.dropped.insert(id);
        self.model.retain(|key, _| key.collection() != id);
        self.indexes.drop_collection(id);
        self.manifest
            .catalog
            .collections
            .retain(|collection| collection.id != id);
    }

    pub(super) fn loaded(&self) -> Loaded {
        load::load(&*self.directory, self.manifest.clone(), CACHE_BYTES).expect("it opens")
    }

    /// The oldest first.
    pub(super) fn runs(&self) -> Vec<Arc<Run>> {
        self.loaded().view.runs.iter().rev().cloned().collect()
    }

    pub(super) fn infos(&self) -> Vec<RunInfo> {
        let streams = self.loaded().view.streams;
        run_infos(
            &self.runs(),
            &streams,
            &|id| self.dropped.contains(&id),
            &|index| self.indexes.collection_of(index),
            &BTreeSet::new(),
        )
        .expect("measured")
    }

    fn with<T>(
        &self,
        cancelled: &dyn Fn() -> bool,
        work: impl FnOnce(&Source<'_>, &mut Context<'_>) -> T,
    ) -> T {
        let runs = self.runs();
        let streams = self.loaded().view.streams;
        let source = Source {
            runs: &runs,
            streams: &streams,
            is_dropped: &|id| self.dropped.contains(&id),
            forget: Lsn(u64::MAX),
            collection_of: &|index| self.indexes.collection_of(index),
            kept: &BTreeSet::new(),
        };
        let mut context = Context {
            directory: &*self.directory,
            database: DATABASE,
            compression: self.compression,
            allocate: &mut || Ok(self.allocate()),
            salt: &mut || 1000 + self.next_stream.get(),
            cancelled,
            pace: &mut |_| (),
        };
        work(&source, &mut context)
    }

    /// Carries out a job, and lists what it made.
    pub(super) fn run(&mut self, job: &Job) -> Result<Outcome> {
        let outcome = self.with(&|| false, |source, context| {
            compaction::run(job, source, context)
        })?;
        if let Outcome::Merged(merged) = &outcome {
            self.apply(merged);
        }
        Ok(outcome)
    }

    /// Merges these runs, and copies what lives in the victims.
    pub(super) fn merge(
        &mut self,
        runs: Range<usize>,
        victims: &BTreeSet<StreamId>,
    ) -> Result<Merged> {
        let outcome = self.with(&|| false, |source, context| {
            run_with(&runs, victims, source, context)
        })?;
        match outcome {
            Outcome::Merged(merged) => {
                self.apply(&merged);
                Ok(merged)
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn cancel(&self, job: &Job, after: u64) -> Outcome {
        let steps = Cell::new(0);
        let cancelled = || steps.replace(steps.get() + 1) >= after;
        self.with(&cancelled, |source, context| {
            compaction::run(job, source, context).expect("cancelled or done")
        })
    }

    fn apply(&mut self, merged: &Merged) {
        merged.apply(&mut self.manifest);
        self.remove_unlisted();
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.directory.list().expect("listed")
    }

    pub(super) fn remove_unlisted(&self) {
        for name in self.names() {
            let numbered = crate::format::name::parse(&name);
            if numbered.is_some_and(|(id, _)| !self.manifest.lists(id)) {
                self.directory.remove(&name).expect("removed");
            }
        }
    }

    /// Everything is found as the model says, by scan and by id, and the verification finds nothing.
    pub(super) fn check(&self) {
        let view = self.loaded().view;
        let mut found = BTreeMap::new();
        let mut merge = Merge::new(&view, Lsn(u64::MAX), (Unbounded, Unbounded), false);
        while let Some((key, version)) = merge.next().expect("sound") {
            if !version.location.tombstone && !self.dropped.contains(&key.collection()) {
                let payload = view.payload(key, &version).expect("sound");
                found.insert(key, payload.to_vec());
            }
        }
        assert!(
            found == self.model,
            "{} and {}",
            found.len(),
            self.model.len()
        );
        self.indexes.check(&view, &self.dropped);
        for key in self.model.keys() {
            let version = view.locate(*key, Lsn(u64::MAX)).expect("sound");
            let payload = view.payload(*key, &version.expect("there"));
            assert_eq!(payload.expect("sound").as_ref(), self.model[key]);
        }
        manifest::replace(&*self.directory, &self.manifest, 3).expect("replaced");
        let report = verify::verify(&*self.directory).expect("read");
        assert_eq!(report.problems, [], "{:?}", report.notes);
    }

    pub(super) fn segment_bytes(&self) -> u64 {
        let segments = self
            .manifest
            .segments
            .iter()
            .chain(&self.manifest.rewritten);
        segments.map(|segment| segment.len).sum()
    }

    /// Records as a log would hold them, without batches.
    pub(super) fn live_bytes(&self) -> u64 {
        let lens = self.model.values().map(|payload| payload.len() as u64);
        lens.map(|len| len + record::HEADER_LEN as u64).sum()
    }
}
