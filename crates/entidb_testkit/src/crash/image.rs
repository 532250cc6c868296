//! What a crash may make of one file.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::Hasher;
use std::sync::Arc;

use super::shape::{Fill, Made, Shape};
use crate::disk::{File, FileId, State, Version};
use crate::rng::{Rng, mix};

/// One content that a crash may leave in a file.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) bytes: Arc<Vec<u8>>,
    pub(crate) hash: u64,
    made: Made,
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Made {
            version,
            len,
            fills,
            torn_at,
        } = &self.made;
        write!(f, "{len} bytes")?;
        if *version > 0 {
            write!(f, " of the version before a cut")?;
        }
        if !fills.is_empty() {
            write!(f, ", unsynced pieces {fills:?}")?;
        }
        if let Some(at) = torn_at {
            write!(f, ", torn at byte {at}")?;
        }
        Ok(())
    }
}

/// Makes the images of one file.
pub(crate) struct Images<'a> {
    state: &'a State,
    id: FileId,
    file: &'a File,
    seen: HashSet<u64>,
    images: Vec<Image>,
}

impl<'a> Images<'a> {
    pub(crate) fn new(state: &'a State, id: FileId, file: &'a File) -> Self {
        Self {
            state,
            id,
            file,
            seen: HashSet::new(),
            images: Vec::new(),
        }
    }

    /// All images, if there are no more than about `bound`; else that many, the extreme ones among them. The first has nothing
    /// unsynced, the second, if there is one, everything. Says whether these are all, and how many more were made that were
    /// equal to one of them.
    pub(crate) fn make(mut self, bound: usize) -> (Vec<Image>, bool, u64) {
        let mut made = 0;
        let mut complete = true;
        let versions: Vec<&Version> = std::iter::once(&self.file.now)
            .chain(&self.file.before)
            .collect();
        for (index, version) in versions.into_iter().enumerate() {
            let shape = self.shape(version);
            let mut plans = shape.extremes(index, bound, self.state.seed);
            if shape.combinations() <= bound {
                plans.extend(shape.all(index));
            } else {
                complete = false;
                let mut rng = Rng::new(mix(self.state.seed, version.bytes.len() as u64));
                let sampled = bound.saturating_sub(plans.len());
                plans.extend((0..sampled).map(|_| shape.random(index, &mut rng)));
            }
            made += plans.len() as u64;
            for plan in plans {
                self.add(version, &shape, plan);
            }
        }
        let pruned = made - self.images.len() as u64;
        (self.images, complete, pruned)
    }

    fn shape(&self, version: &Version) -> Shape {
        Shape::of(version, self.state.sector_len, self.file.crash_len)
    }

    /// The one image that has nothing that is not durable.
    pub(crate) fn least(mut self) -> Option<Image> {
        let version = &self.file.now;
        let shape = self.shape(version);
        let plan = shape.plan(0, version.durable_len, |_| Fill::Zero);
        self.add(version, &shape, plan);
        self.images.pop()
    }

    /// The one image that has every piece as `fill`, at the greatest length.
    pub(crate) fn uniform(mut self, fill: Fill) -> Option<Image> {
        let version = &self.file.now;
        let shape = self.shape(version);
        let plan = shape.whole(0, |_| fill);
        self.add(version, &shape, plan);
        self.images.pop()
    }

    /// The file cut inside its unsynced bytes, at a place that `rng` gives.
    pub(crate) fn torn(mut self, rng: &mut Rng) -> Option<Image> {
        let version = &self.file.now;
        let shape = self.shape(version);
        let plan = shape.random(0, rng);
        self.add(version, &shape, plan);
        self.images.pop()
    }

    fn add(&mut self, version: &Version, shape: &Shape, made: Made) {
        let mut bytes = version.bytes[..made.len.min(version.bytes.len())].to_vec();
        bytes.resize(made.len, 0);
        for (piece, fill) in shape.pieces.iter().zip(&made.fills) {
            let from = made
                .torn_at
                .filter(|at| (piece.start..piece.end).contains(at))
                .unwrap_or(piece.start);
            let to = piece.end.min(made.len);
            if from >= to {
                continue;
            }
            match fill {
                Fill::New => {}
                Fill::Zero => bytes[from..to].fill(0),
                Fill::Junk => self.junk(from, &mut bytes[from..to]),
            }
        }
        let hash = hash(&bytes);
        if self.seen.insert(hash) {
            self.images.push(Image {
                bytes: Arc::new(bytes),
                hash,
                made,
            });
        }
    }

    /// Random bytes, or what stands at the same place in another file, or earlier in this one.
    fn junk(&self, at: usize, piece: &mut [u8]) {
        let mut rng = Rng::new(mix(self.state.seed ^ self.id.number(), at as u64));
        let others = self.state.files.iter();
        let donors: Vec<&[u8]> = others
            .filter(|(id, _)| **id != self.id)
            .filter_map(|(_, file)| file.now.bytes.get(at..at + piece.len()))
            .collect();
        let earlier = self.file.now.bytes.get(..piece.len());
        match rng.below(4) {
            0 if !donors.is_empty() => piece.copy_from_slice(donors[rng.below(donors.len())]),
            1 if earlier.is_some() => piece.copy_from_slice(earlier.unwrap_or_default()),
            _ => rng.fill(piece),
        }
    }
}

pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
