//! Every state that a crash may leave.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use super::image::{self, Image, Images};
use crate::disk::{File, FileId, SimDisk, State};
use crate::rng::{Rng, mix};

/// Walks over the states that a crash at one moment may leave, each only once: all of them where there are no more than a
/// bound, else the extreme ones and a seeded sample.
///
/// A state is a choice for each name (any of the streams it stood for since it was last durable, or none) and for each
/// stream (any length between the durable one and the present one, and for every unsynced piece of a sector that it shows:
/// the new bytes, zeros or junk).
pub struct CrashStates {
    choices: Arc<Choices>,
    plan: Plan,
    seen: HashSet<u64>,
    explored: u64,
    pruned: u64,
    exhaustive: bool,
}

/// What there is to choose between.
struct Choices {
    /// The disk's settings.
    state: State,
    sites: Vec<Site>,
    /// At which site each file is.
    files: BTreeMap<FileId, usize>,
}

/// One independent choice. The first option keeps nothing that is not durable.
enum Site {
    Name {
        name: Arc<str>,
        hash: u64,
        options: Vec<Option<FileId>>,
    },
    File {
        images: Vec<Image>,
    },
}

impl Site {
    fn count(&self) -> usize {
        match self {
            Self::Name { options, .. } => options.len(),
            Self::File { images, .. } => images.len(),
        }
    }

    /// The option that keeps everything.
    fn kept(&self) -> usize {
        match self {
            Self::Name { options, .. } => options.len() - 1,
            Self::File { images, .. } => 1.min(images.len() - 1),
        }
    }
}

/// In which order choices are made.
enum Plan {
    /// Each combination, counting.
    All(Option<Vec<usize>>),
    /// These, and then some by chance.
    Some {
        first: VecDeque<Vec<usize>>,
        rng: Rng,
        left: usize,
    },
}

/// One state of the disk after a crash.
pub struct CrashState {
    choices: Arc<Choices>,
    picked: Vec<usize>,
    hash: u64,
}

impl CrashStates {
    pub(crate) fn new(state: &State, bound: usize) -> Self {
        let mut sites = Vec::new();
        let mut files = BTreeSet::new();
        for (name, bound) in &state.names {
            let lock = bound
                .now()
                .filter(|id| state.files.get(id).is_some_and(|file| file.is_lock));
            let mut options = vec![bound.durable];
            options.extend(bound.unsynced.iter().map(|binding| binding.file));
            if lock.is_some() && options.len() > 1 {
                // Whether an empty lock stream is there doubles the states and tells them apart by nothing: by chance.
                let at = Rng::new(mix(state.seed, state.next_file())).below(options.len());
                options = vec![options[at]];
            }
            options.dedup();
            files.extend(options.iter().flatten());
            sites.push(Site::Name {
                name: Arc::clone(name),
                hash: image::hash(name.as_bytes()),
                options,
            });
        }
        let mut exhaustive = true;
        let mut pruned = 0;
        let mut at = BTreeMap::new();
        for id in files {
            if let Some(file) = state.files.get(&id) {
                let (images, complete, equal) = Images::new(state, id, file).make(bound);
                exhaustive &= complete;
                pruned += equal;
                at.insert(id, sites.len());
                sites.push(Site::File { images });
            }
        }
        let combinations = sites.iter().map(Site::count).fold(1, usize::saturating_mul);
        let plan = if combinations <= bound {
            Plan::All(Some(vec![0; sites.len()]))
        } else {
            exhaustive = false;
            Plan::sampled(&sites, bound, state.seed)
        };
        Self {
            choices: Arc::new(Choices {
                state: state.emptied(state.seed),
                sites,
                files: at,
            }),
            plan,
            seen: HashSet::new(),
            explored: 0,
            pruned,
            exhaustive,
        }
    }

    /// How many different states were given out so far.
    #[must_use]
    pub fn explored(&self) -> u64 {
        self.explored
    }

    /// How many were left out so far because they were equal to one of those.
    #[must_use]
    pub fn pruned(&self) -> u64 {
        self.pruned
    }

    /// Whether this walk goes over every state, and not over a sample.
    #[must_use]
    pub fn is_exhaustive(&self) -> bool {
        self.exhaustive
    }
}

impl Plan {
    /// The extreme choices, and chance for the rest.
    fn sampled(sites: &[Site], bound: usize, seed: u64) -> Self {
        let none = vec![0; sites.len()];
        let all: Vec<usize> = sites.iter().map(Site::kept).collect();
        let mut first = VecDeque::from([none.clone(), all.clone()]);
        for (index, site) in sites.iter().enumerate() {
            for option in 0..site.count().min(bound / 4 + 1) {
                for base in [&none, &all] {
                    let mut picked = base.clone();
                    picked[index] = option;
                    first.push_back(picked);
                }
            }
        }
        Self::Some {
            left: bound.saturating_sub(first.len()),
            first,
            rng: Rng::new(mix(seed, sites.len() as u64)),
        }
    }

    fn next(&mut self, sites: &[Site]) -> Option<Vec<usize>> {
        match self {
            Self::All(next) => {
                let picked = next.take()?;
                let mut following = picked.clone();
                for (option, site) in following.iter_mut().zip(sites) {
                    *option += 1;
                    if *option < site.count() {
                        *next = Some(following);
                        break;
                    }
                    *option = 0;
                }
                Some(picked)
            }
            Self::Some { first, rng, left } => first.pop_front().or_else(|| {
                *left = left.checked_sub(1)?;
                Some(sites.iter().map(|site| rng.below(site.count())).collect())
            }),
        }
    }
}

impl Iterator for CrashStates {
    type Item = CrashState;

    fn next(&mut self) -> Option<CrashState> {
        loop {
            let picked = self.plan.next(&self.choices.sites)?;
            let hash = self.choices.hash(&picked);
            if self.seen.insert(hash) {
                self.explored += 1;
                return Some(CrashState {
                    choices: Arc::clone(&self.choices),
                    picked,
                    hash,
                });
            }
            self.pruned += 1;
        }
    }
}

impl Choices {
    /// The streams that there are after these choices: the name, its hash, and what it holds.
    fn streams<'a>(
        &'a self,
        picked: &'a [usize],
    ) -> impl Iterator<Item = (&'a Arc<str>, u64, &'a Image)> {
        let sites = self.sites.iter().zip(picked);
        sites.filter_map(|(site, option)| match site {
            Site::Name {
                name,
                hash,
                options,
            } => {
                let id = options.get(*option).copied()??;
                Some((name, *hash, self.image(id, picked)?))
            }
            Site::File { .. } => None,
        })
    }

    fn image(&self, id: FileId, picked: &[usize]) -> Option<&Image> {
        let at = *self.files.get(&id)?;
        match self.sites.get(at)? {
            Site::File { images } => images.get(*picked.get(at)?),
            Site::Name { .. } => None,
        }
    }

    /// The same for equal names with equal bytes.
    fn hash(&self, picked: &[usize]) -> u64 {
        let streams = self.streams(picked);
        streams.fold(0, |hash, (_, name, image)| mix(mix(hash, name), image.hash))
    }
}

impl CrashState {
    /// The disk as it is after the reboot: nothing is open, and everything on it is durable.
    #[must_use]
    pub fn disk(&self) -> SimDisk {
        let settings = &self.choices.state;
        let mut state = settings.emptied(mix(settings.seed, self.hash));
        for (name, _, image) in self.choices.streams(&self.picked) {
            let file = state.add_file(File::durable(Arc::clone(&image.bytes)));
            state.bind_durably(name, file);
        }
        SimDisk::of(state)
    }

    /// Stands for the state's content: equal for equal names with equal bytes.
    #[must_use]
    pub fn content_hash(&self) -> u64 {
        self.hash
    }
}

impl fmt::Display for CrashState {
    /// Says what was chosen, where there was a choice.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, _, image) in self.choices.streams(&self.picked) {
            writeln!(f, "  {name}: {image}")?;
        }
        Ok(())
    }
}
