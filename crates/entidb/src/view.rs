//! Everything that a read needs, immutable: the memtable, the runs, and the streams that they point into.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::format::filter;
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::format::record;
use crate::ids::{Lsn, StreamId};
use crate::manifest::Catalog;
use crate::memtable::{Location, Memtable, Version};
use crate::migrations::Registry;
use crate::ranges::covering;
use crate::run::Run;
use crate::scans::ScanLog;
use crate::stream::Stream;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, ArcSwap, Guard, Mutex, PoisonError};
use crate::window::Windows;

/// What is live, between two changes of it.
#[derive(Clone)]
pub(crate) struct View {
    /// The newest first: the one that commits go to, and those that are becoming runs.
    pub(crate) memtables: Vec<Arc<Memtable>>,
    /// The newest first.
    pub(crate) runs: Vec<Arc<Run>>,
    /// Logs and segments.
    pub(crate) streams: BTreeMap<StreamId, Arc<Stream>>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) cache: Arc<Cache>,
    /// A large commit that came with this view, and all before it: whoever gets the view is shown them.
    pub(crate) shown: Lsn,
    pub(crate) scans: Arc<ScanLog>,
    /// How entities of older forms are read.
    pub(crate) migrations: Arc<Registry>,
}

impl View {
    /// Where the newest version of `key` not above `lsn` lies; a tombstone is one too.
    /// What a range tombstone hides is not found.
    pub(crate) fn locate(&self, key: Key, lsn: Lsn) -> Result<Option<Version>> {
        // Below this commit, every version is deleted. Sources rise in age, so what comes later is older.
        let mut deleted = Lsn::ZERO;
        for memtable in &self.memtables {
            deleted = deleted.max(memtable.covering(&key, lsn));
            if let Some(version) = memtable.get(key, lsn) {
                return Ok(Some(version).filter(|found| found.location.lsn >= deleted));
            }
        }
        let mut key_hash = None;
        for run in &self.runs {
            let ranges = run.ranges();
            if !ranges.is_empty() {
                deleted = deleted.max(covering(ranges, &key, lsn));
            }
            if !run.spans(&key) {
                continue;
            }
            let hash = *key_hash.get_or_insert_with(|| filter::hash(&key));
            if let Some(location) = run.get(&self.cache, &key, hash)? {
                return Ok(Some(location.into()).filter(|_| location.lsn >= deleted));
            }
        }
        Ok(None)
    }

    /// The version of `key` that a reader at `lsn` sees; `None` if there is none, or it was deleted.
    pub(crate) fn live(&self, key: Key, lsn: Lsn) -> Result<Option<Version>> {
        let version = self.locate(key, lsn)?;
        Ok(version.filter(|version| !version.location.tombstone))
    }

    /// The payload of `key` that a reader at `lsn` sees.
    pub(crate) fn get(&self, key: Key, lsn: Lsn) -> Result<Option<Bytes>> {
        match self.live(key, lsn)? {
            Some(version) => self.payload(key, &version).map(Some),
            None => Ok(None),
        }
    }

    /// As [`get`](Self::get), and has the payload read where it lies, if that is in memory.
    #[inline]
    pub(crate) fn get_with<R>(
        &self,
        key: Key,
        lsn: Lsn,
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        self.get_version_with(key, lsn, |_, payload| read(payload))
    }

    /// As [`get_with`](Self::get_with), with the commit that has put it.
    #[inline]
    pub(crate) fn get_version_with<R>(
        &self,
        key: Key,
        lsn: Lsn,
        read: impl FnOnce(Lsn, &[u8]) -> R,
    ) -> Result<Option<R>> {
        let Some(version) = self.live(key, lsn)? else {
            return Ok(None);
        };
        let put = version.location.lsn;
        if version.record.is_some() {
            return Ok(Some(read(put, &self.payload(key, &version)?)));
        }
        let stream = self.stream(&version.location)?;
        let read = |payload: &[u8]| read(put, payload);
        let read = stream.read_payload(&self.cache, key, &version.location, read);
        read.map(Some)
    }

    /// The payload of a version of `key`.
    pub(crate) fn payload(&self, key: Key, version: &Version) -> Result<Bytes> {
        if let Some(record) = &version.record {
            return Ok(record.slice(record.len().min(record::HEADER_LEN)..));
        }
        let location = &version.location;
        let stream = self.stream(location)?;
        stream.payload(&self.cache, key, location)
    }

    /// As [`payload`](Self::payload), of a version that a walk has come to.
    #[inline]
    pub(crate) fn payload_in(
        &self,
        windows: &mut Windows,
        key: Key,
        version: Version,
    ) -> Result<Bytes> {
        match version.record {
            Some(_) => self.payload(key, &version),
            None => windows.payload(self, key, &version.location),
        }
    }

    /// The stream that a location names.
    pub(crate) fn stream(&self, location: &Location) -> Result<&Arc<Stream>> {
        self.streams.get(&location.stream).ok_or_else(|| {
            let name = StreamKind::Log.name(location.stream);
            Error::corrupt(
                &name,
                location.offset,
                "a live stream",
                "a reference to one that is not",
            )
        })
    }

    /// What runs point into is sealed, and may be kept in memory to its end.
    fn seal_streams(&self) {
        for id in self.runs.iter().flat_map(|run| &run.footer.streams) {
            if let Some(stream) = self.streams.get(id) {
                stream.seal();
            }
        }
    }
}

/// The view that reads get, and the LSN up to which it is visible.
///
/// Promises: a reader gets a view and an LSN that belong together, without a lock and without a counter that readers share.
/// Relies on a view that holds more commits being put in place only after they were shown, or saying itself that they are, and on commits that need a view
/// being shown only after it is in place; a run has of each key only the newest version, so a newer view with an older LSN
/// would lose what was replaced in between.
pub(crate) struct Published {
    view: ArcSwap<View>,
    visible: AtomicU64,
    /// How many views have been put in place of another.
    change_count: AtomicU64,
    /// One change at a time.
    changing: Mutex<()>,
}

impl Published {
    pub(crate) fn new(view: View, lsn: Lsn) -> Self {
        view.seal_streams();
        Self {
            view: ArcSwap::from_pointee(view),
            visible: AtomicU64::new(lsn.0),
            change_count: AtomicU64::new(0),
            changing: Mutex::new(()),
        }
    }

    pub(crate) fn get(&self) -> (Arc<View>, Lsn) {
        let (view, lsn) = self.guard();
        (Guard::into_inner(view), lsn)
    }

    /// Reads the view at the visible LSN: for one short read, which holds up nobody.
    #[inline]
    pub(crate) fn read<T>(&self, read: impl FnOnce(&View, Lsn) -> T) -> T {
        let (view, lsn) = self.guard();
        read(&view, lsn)
    }

    /// The last visible LSN.
    pub(crate) fn lsn(&self) -> Lsn {
        Lsn(self.visible.load(Ordering::Acquire))
    }

    #[inline]
    fn guard(&self) -> (Guard<Arc<View>>, Lsn) {
        loop {
            let before = self.change_count.load(Ordering::Acquire);
            let view = self.view.load();
            let lsn = self.lsn();
            // An LSN is shown after the view that it needs was put in place and counted: whoever sees the one sees the
            // other. If that was counted before the view was loaded too, it is that view, or a later one.
            if self.change_count.load(Ordering::Acquire) == before {
                let lsn = lsn.max(view.shown);
                return (view, lsn);
            }
        }
    }

    /// Shows everything up to `lsn`, which is durable.
    pub(crate) fn show(&self, lsn: Lsn) {
        self.visible.store(lsn.0, Ordering::Release);
    }

    /// Puts another view in the place of the current one. It must hold the same entities.
    pub(crate) fn change(&self, change: impl FnOnce(&mut View)) {
        // A panic in here has changed nothing.
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut view = View::clone(&self.view.load());
        change(&mut view);
        view.seal_streams();
        self.view.store(Arc::new(view));
        self.change_count.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(version: u64) -> View {
        View {
            memtables: Vec::new(),
            runs: Vec::new(),
            streams: BTreeMap::new(),
            catalog: Arc::new(Catalog {
                version,
                ..Catalog::default()
            }),
            cache: Arc::new(Cache::new(0)),
            shown: Lsn::ZERO,
            scans: Arc::default(),
            migrations: Arc::default(),
        }
    }

    #[test]
    fn a_reader_gets_a_view_and_an_lsn_that_belong_together() {
        // View n is put in place at LSN 10 n, and commits up to 10 n + 10 are shown with it.
        const LAST: u64 = 3000;
        let published = Published::new(view(0), Lsn(0));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut last = (0, Lsn(0));
                    while last.0 < LAST {
                        let pair = published.read(|view, lsn| (view.catalog.version, lsn));
                        let (version, lsn) = pair;
                        assert!(
                            10 * version <= lsn.0 && lsn.0 <= 10 * version + 10,
                            "{pair:?}"
                        );
                        assert!(pair >= last, "{pair:?} after {last:?}");
                        let (view, lsn) = published.get();
                        assert!((view.catalog.version, lsn) >= pair);
                        last = pair;
                    }
                });
            }
            for version in 0..=LAST {
                published.change(|current| *current = view(version));
                for lsn in 1..=10 {
                    published.show(Lsn(10 * version + lsn));
                }
            }
        });
    }

    #[test]
    fn changes_from_several_threads_are_all_kept() {
        let published = Published::new(view(0), Lsn(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        published.change(|view| Arc::make_mut(&mut view.catalog).version += 1);
                    }
                });
            }
        });
        assert_eq!(published.get().0.catalog.version, 2000);
    }
}
