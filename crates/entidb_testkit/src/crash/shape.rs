//! The ways in which a crash may treat the unsynced bytes of one file.

use crate::disk::{Extent, Version};
use crate::rng::Rng;

/// What became of a piece of unsynced bytes, where the length shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// It was written.
    New,
    /// It was not, and reads as zeros.
    Zero,
    /// It reads as something else: random bytes, or those of another place on the disk.
    Junk,
}

/// About how many extreme plans there are for each piece.
const EXTREMES_PER_PIECE: usize = 13;

const FILLS: [Fill; 3] = [Fill::New, Fill::Zero, Fill::Junk];

/// How an image was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    /// Which of the file's versions.
    pub(super) version: usize,
    pub(super) len: usize,
    /// Of each piece, as far as the length shows it.
    pub(super) fills: Vec<Fill>,
    /// Where the last new piece is torn: what is behind it is what the piece's fill says.
    pub(super) torn_at: Option<usize>,
}

/// The unsynced pieces of a version, none of which spans a sector's boundary or two appends, and the lengths it may have.
pub(super) struct Shape {
    pub(super) pieces: Vec<Extent>,
    lens: Vec<usize>,
    len_max: usize,
}

impl Shape {
    pub(super) fn of(version: &Version, sector_len: usize, zeros_to: usize) -> Self {
        let mut pieces = Vec::new();
        for extent in &version.unsynced {
            let mut start = extent.start;
            while start < extent.end {
                let end = extent.end.min((start / sector_len + 1) * sector_len);
                pieces.push(Extent {
                    start,
                    end,
                    ..*extent
                });
                start = end;
            }
        }
        let len_max = version.bytes.len();
        let mut lens: Vec<usize> = pieces.iter().map(|piece| piece.end).collect();
        // Of space that was set aside, a crash may leave the zeros.
        lens.extend([version.durable_len, len_max, len_max.max(zeros_to)]);
        lens.retain(|len| *len >= version.durable_len);
        lens.sort_unstable();
        lens.dedup();
        Self {
            pieces,
            lens,
            len_max,
        }
    }

    /// How many pieces a file of this length shows.
    fn shown(&self, len: usize) -> usize {
        self.pieces.iter().filter(|piece| piece.start < len).count()
    }

    pub(super) fn combinations(&self) -> usize {
        let of_len = |len: &usize| {
            u32::try_from(self.shown(*len))
                .ok()
                .and_then(|count| FILLS.len().checked_pow(count))
                .unwrap_or(usize::MAX)
        };
        self.lens.iter().map(of_len).fold(0, usize::saturating_add)
    }

    pub(super) fn plan(&self, version: usize, len: usize, fill: impl Fn(usize) -> Fill) -> Made {
        Made {
            version,
            len,
            fills: (0..self.shown(len)).map(fill).collect(),
            torn_at: None,
        }
    }

    pub(super) fn whole(&self, version: usize, fill: impl Fn(usize) -> Fill) -> Made {
        self.plan(version, self.len_max, fill)
    }

    /// Every fill of every piece at every length.
    pub(super) fn all(&self, version: usize) -> impl Iterator<Item = Made> {
        self.lens.iter().flat_map(move |len| {
            let shown = self.shown(*len);
            let count = u32::try_from(shown).map_or(0, |shown| FILLS.len().pow(shown));
            (0..count).map(move |number| {
                let mut rest = number;
                let fills = (0..shown).map(|_| {
                    let fill = FILLS[rest % FILLS.len()];
                    rest /= FILLS.len();
                    fill
                });
                Made {
                    version,
                    len: *len,
                    fills: fills.collect(),
                    torn_at: None,
                }
            })
        })
    }

    /// What is made whatever the bound: nothing, everything, zeros, junk, a prefix up to each boundary and torn inside each
    /// piece, with nothing, zeros or junk behind it, and each piece the only one kept or lost.
    ///
    /// Of more pieces than `bound` has room for, those at one distance from each other, beginning where `seed` says.
    pub(super) fn extremes(&self, version: usize, bound: usize, seed: u64) -> Vec<Made> {
        let step = (self.pieces.len() * EXTREMES_PER_PIECE)
            .div_ceil(bound.max(1))
            .max(1);
        let first = Rng::new(seed).below(step);
        let least = self.lens.first().copied().unwrap_or(0);
        let mut plans = vec![self.plan(version, least, |_| Fill::Zero)];
        plans.extend(FILLS.map(|fill| self.whole(version, |_| fill)));
        if let Some(longest) = self.lens.last().filter(|len| **len > self.len_max) {
            plans.extend(FILLS.map(|fill| self.plan(version, *longest, |_| fill)));
        }
        for index in (first..self.pieces.len()).step_by(step) {
            let piece = self.pieces[index];
            let torn = piece.start + (piece.end - piece.start) / 2;
            for rest in [Fill::Zero, Fill::Junk] {
                let only = |one: Fill, other: Fill| {
                    self.whole(version, |at| if at == index { one } else { other })
                };
                plans.push(only(Fill::New, rest));
                plans.push(only(rest, Fill::New));
                let prefix = |at: usize| if at < index { Fill::New } else { rest };
                plans.push(self.whole(version, prefix));
                if torn > piece.start {
                    let mut plan = self.whole(version, prefix);
                    plan.torn_at = Some(torn);
                    plans.push(plan);
                }
            }
            for len in [piece.start, piece.start + 1, torn, piece.end - 1, piece.end] {
                if len >= least {
                    plans.push(self.plan(version, len, |_| Fill::New));
                }
            }
        }
        plans
    }

    pub(super) fn random(&self, version: usize, rng: &mut Rng) -> Made {
        let len = self.lens[rng.below(self.lens.len())];
        let fills: Vec<Fill> = (0..self.shown(len)).map(|_| FILLS[rng.below(3)]).collect();
        let torn_at = self
            .pieces
            .get(rng.below(self.pieces.len()))
            .filter(|_| rng.below(2) == 0)
            .map(|piece| piece.start + rng.below(piece.end - piece.start));
        Made {
            version,
            len,
            fills,
            torn_at,
        }
    }
}
