//! The bytes of one stream: what the process sees, and what of it a crash may change.

use std::sync::Arc;

use crate::mutant::Mutant;

/// How much of the space that was set aside behind its end a crash may show as a file's own, in bytes. All of it would be a
/// mebibyte of zeros in every image, which tells no more than two sectors of them do.
const RESERVED_SHOWN_MAX: usize = 8 << 10;

/// Bytes of an append that no good sync has covered, from `start` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Extent {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// A sync of them has failed: later ones succeed without writing them.
    pub(crate) lost: bool,
}

/// One state that the stream's file has had since its last good sync.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// What is read.
    pub(crate) bytes: Arc<Vec<u8>>,
    /// The length that a crash leaves at the least.
    pub(crate) durable_len: usize,
    /// In the order of their offsets.
    pub(crate) unsynced: Vec<Extent>,
}

/// A file.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) now: Version,
    /// What it was before a cut, or what a failed append had put there, which a crash may bring back until a sync.
    pub(crate) before: Vec<Version>,
    /// A sync of a cut has failed: `before` stays for ever.
    before_is_lost: bool,
    /// How many bytes the operating system has; the rest is in the appender's buffer.
    pub(crate) handed: usize,
    /// How far space is set aside: while the appender lives, the file is so long, by zeros.
    pub(crate) reserved: usize,
    /// How long a crash may leave the file, by zeros.
    pub(crate) crash_len: usize,
    /// It is only there to be locked.
    pub(crate) is_lock: bool,
}

impl File {
    /// A file whose bytes are on the disk.
    pub(crate) fn durable(bytes: Arc<Vec<u8>>) -> Self {
        Self {
            handed: bytes.len(),
            reserved: 0,
            crash_len: 0,
            now: Version {
                durable_len: bytes.len(),
                bytes,
                unsynced: Vec::new(),
            },
            before: Vec::new(),
            before_is_lost: false,
            is_lock: false,
        }
    }

    /// A file without bytes that is only there to be locked.
    pub(crate) fn lock() -> Self {
        Self {
            is_lock: true,
            ..Self::durable(Arc::default())
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.now.bytes.len()
    }

    /// The bytes, to be damaged.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        Arc::<Vec<u8>>::make_mut(&mut self.now.bytes)
    }

    /// Whether a crash leaves exactly what is read.
    pub(crate) fn is_durable(&self) -> bool {
        self.before.is_empty()
            && self.now.unsynced.is_empty()
            && self.now.durable_len == self.len()
            && self.crash_len <= self.len()
    }

    pub(crate) fn append(&mut self, parts: &[&[u8]]) {
        let bytes = Arc::make_mut(&mut self.now.bytes);
        let start = bytes.len();
        for part in parts {
            bytes.extend_from_slice(part);
        }
        let end = bytes.len();
        if end > start {
            self.now.unsynced.push(Extent {
                start,
                end,
                lost: false,
            });
        }
    }

    /// Sets space aside up to `end`.
    pub(crate) fn reserve(&mut self, end: usize) {
        self.reserved = self.reserved.max(end);
        self.crash_len = self.crash_len.max(self.shown(end));
    }

    /// Up to where a crash may show the space that reaches to `end`.
    fn shown(&self, end: usize) -> usize {
        end.min(self.len() + RESERVED_SHOWN_MAX)
    }

    /// The space that the file takes up, in bytes.
    pub(crate) fn space(&self) -> usize {
        self.handed.max(self.reserved)
    }

    /// A part of an append got into the file and was taken back: a crash may show it yet.
    pub(crate) fn append_taken_back(&mut self, data: &[u8]) {
        let mut with = self.clone();
        with.append(&[data]);
        self.before.push(with.now);
    }

    /// A good sync.
    pub(crate) fn synced(&mut self, mutant: Option<Mutant>) {
        let before = self.now.durable_len;
        match mutant {
            Some(Mutant::LyingSync) => return,
            Some(Mutant::ReorderAcrossSync) => {
                let last = self.now.unsynced.len().saturating_sub(1);
                let mut at = 0;
                self.now.unsynced.retain(|extent| {
                    at += 1;
                    extent.lost || at <= last
                });
                self.now.durable_len = self.len();
            }
            _ => {
                let durable = self.now.unsynced.iter().filter(|extent| !extent.lost);
                let end = durable.map(|extent| extent.end).max();
                self.now.durable_len = before.max(end.unwrap_or(0));
                self.now.unsynced.retain(|extent| extent.lost);
            }
        }
        if mutant == Some(Mutant::SyncDropsSize) {
            self.now.durable_len = before;
        }
        if !self.before_is_lost {
            self.before.clear();
        }
        self.crash_len = self.shown(self.reserved);
    }

    /// A failed sync: what is not durable by now will not be made so by another.
    pub(crate) fn sync_failed(&mut self, revert: bool) {
        for extent in &mut self.now.unsynced {
            extent.lost = true;
        }
        self.before_is_lost |= !self.before.is_empty();
        if revert {
            let bytes = Arc::make_mut(&mut self.now.bytes);
            for extent in &self.now.unsynced {
                bytes[extent.start..extent.end].fill(0);
            }
        }
    }

    /// Cuts bytes that only the appender's buffer had, which cannot come back.
    pub(crate) fn cut_buffer(&mut self, len: usize) {
        self.now.cut(len);
        self.handed = self.handed.min(len);
    }

    /// Cuts the file; until the next good sync, a crash may bring back what it was.
    pub(crate) fn cut(&mut self, len: usize) {
        self.before.push(self.now.clone());
        self.cut_buffer(len);
        self.reserved = 0;
    }

    /// What is left when the process dies and had handed over only the first `len` bytes.
    pub(crate) fn keep(&mut self, len: usize) {
        self.cut_buffer(len.max(self.handed).min(self.len()));
        let shown = self.shown(self.reserved);
        if shown > self.len() {
            let zeros = vec![0; shown - self.len()];
            self.append(&[&zeros]);
        }
        self.handed = self.len();
        self.reserved = 0;
    }
}

impl Version {
    fn cut(&mut self, len: usize) {
        Arc::make_mut(&mut self.bytes).truncate(len);
        self.durable_len = self.durable_len.min(len);
        self.unsynced.retain_mut(|extent| {
            extent.end = extent.end.min(len);
            extent.start < extent.end
        });
    }
}
