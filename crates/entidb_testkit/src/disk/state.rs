//! What a crash is a function of: names, files, and what of both is not durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::file::File;
use crate::mutant::Mutant;

/// Stands for one file whatever its name becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId(u64);

impl FileId {
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// A change of a name that is not known to be durable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    pub(crate) file: Option<FileId>,
    /// A sync of it has failed: later ones succeed without writing it.
    lost: bool,
}

/// What a name stands for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Name {
    pub(crate) durable: Option<FileId>,
    /// In the order in which they were made.
    pub(crate) unsynced: Vec<Binding>,
}

impl Name {
    pub(crate) fn now(&self) -> Option<FileId> {
        self.unsynced
            .last()
            .map_or(self.durable, |binding| binding.file)
    }

    fn bind(&mut self, file: Option<FileId>) {
        self.unsynced.push(Binding { file, lost: false });
    }

    fn synced(&mut self) {
        if self.unsynced.last().is_some_and(|binding| !binding.lost) {
            self.durable = self.now();
            self.unsynced.clear();
        }
    }

    fn sync_failed(&mut self) {
        for binding in &mut self.unsynced {
            binding.lost = true;
        }
    }
}

/// A disk at one moment. Cloning it copies no bytes.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) seed: u64,
    pub(crate) sector_len: usize,
    pub(crate) mutant: Option<Mutant>,
    /// Bytes of all streams at the most.
    pub(crate) capacity: Option<u64>,
    /// Whether `reserve` finds out that there is no room.
    pub(crate) reserves: bool,
    /// Space is set aside up to a multiple of this many bytes.
    pub(crate) reserve_step: usize,
    pub(crate) names: BTreeMap<Arc<str>, Name>,
    pub(crate) files: BTreeMap<FileId, File>,
    next_file: u64,
    /// How many acknowledgements the workload has given.
    pub(crate) acknowledged: u64,
}

impl State {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            sector_len: 512,
            mutant: None,
            capacity: None,
            reserves: true,
            reserve_step: 1024,
            names: BTreeMap::new(),
            files: BTreeMap::new(),
            next_file: 0,
            acknowledged: 0,
        }
    }

    /// The same disk with nothing on it.
    pub(crate) fn emptied(&self, seed: u64) -> Self {
        Self {
            seed,
            names: BTreeMap::new(),
            files: BTreeMap::new(),
            ..self.clone_settings()
        }
    }

    fn clone_settings(&self) -> Self {
        Self {
            sector_len: self.sector_len,
            mutant: self.mutant,
            capacity: self.capacity,
            reserves: self.reserves,
            reserve_step: self.reserve_step,
            acknowledged: self.acknowledged,
            ..Self::new(self.seed)
        }
    }

    /// Differs with every file that is made.
    pub(crate) fn next_file(&self) -> u64 {
        self.next_file
    }

    pub(crate) fn add_file(&mut self, file: File) -> FileId {
        let id = FileId(self.next_file);
        self.next_file += 1;
        self.files.insert(id, file);
        id
    }

    pub(crate) fn find(&self, name: &str) -> Option<FileId> {
        self.names.get(name).and_then(Name::now)
    }

    pub(crate) fn bind(&mut self, name: &str, file: Option<FileId>) {
        match self.names.get_mut(name) {
            Some(known) => known.bind(file),
            None => self.names.entry(name.into()).or_default().bind(file),
        }
    }

    /// Puts a name on the disk for good.
    pub(crate) fn bind_durably(&mut self, name: &Arc<str>, file: FileId) {
        let bound = Name {
            durable: Some(file),
            unsynced: Vec::new(),
        };
        self.names.insert(Arc::clone(name), bound);
    }

    /// Makes the stream be these bytes, or none, whatever was there.
    pub(crate) fn put_durably(&mut self, name: &str, bytes: Option<Arc<Vec<u8>>>) {
        self.names.remove(name);
        if let Some(bytes) = bytes {
            let file = self.add_file(File::durable(bytes));
            self.bind_durably(&name.into(), file);
        }
    }

    /// A good sync of every name for which `which` holds.
    pub(crate) fn names_synced(&mut self, which: impl Fn(&str, &Name) -> bool) {
        if self.mutant == Some(Mutant::LyingSync) {
            return;
        }
        for (name, bound) in &mut self.names {
            if which(name, bound) {
                bound.synced();
            }
        }
        self.names
            .retain(|_, name| name.durable.is_some() || !name.unsynced.is_empty());
    }

    pub(crate) fn name_sync_failed(&mut self, which: impl Fn(&str, &Name) -> bool) {
        for (name, bound) in &mut self.names {
            if which(name, bound) {
                bound.sync_failed();
            }
        }
    }

    pub(crate) fn visible(&self) -> impl Iterator<Item = (&Arc<str>, FileId)> {
        self.names
            .iter()
            .filter_map(|(name, bound)| Some((name, bound.now()?)))
    }

    /// How many bytes there is room for; `None` if there is no bound.
    pub(crate) fn room(&self) -> Option<usize> {
        let capacity = usize::try_from(self.capacity?).unwrap_or(usize::MAX);
        let used: usize = self
            .visible()
            .filter_map(|(_, id)| self.files.get(&id))
            .map(File::space)
            .sum();
        Some(capacity.saturating_sub(used))
    }
}
