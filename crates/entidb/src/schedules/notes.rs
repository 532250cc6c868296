//! What the threads of a program were told and have seen, and what must hold of it when they have ended.

use std::collections::{BTreeMap, BTreeSet};

use entidb_testkit::SimDisk;

use crate::ids::Lsn;
use crate::{EntityId, ErrorKind, Options, Payload, Receipt, Snapshot};

/// The collection of all programs.
pub(super) const NAME: &str = "a";

/// What a database holds: entities by number, each a number.
pub(super) type Content = BTreeMap<u64, u64>;

/// What a transaction writes: entities by number; `None` deletes.
pub(super) type Writes = Vec<(u64, Option<u64>)>;

/// A commit's three answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Committed(Receipt),
    Refused(ErrorKind),
    Unknown,
}

/// A commit as it was told, and the least that a crash at that moment would have left.
pub(super) struct Told {
    pub(super) writes: Writes,
    pub(super) answer: Answer,
    /// Whether it was to be durable before it was told.
    pub(super) waited: bool,
    pub(super) image: SimDisk,
}

/// A snapshot as it was taken, and the least that a crash at that moment would have left.
pub(super) struct Seen {
    pub(super) snapshot: Snapshot,
    pub(super) image: SimDisk,
}

/// What the threads of a program were told and have seen.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) told: Vec<Told>,
    pub(super) seen: Vec<Seen>,
    /// Whether the collection was dropped, once.
    pub(super) dropped: bool,
}

impl Notes {
    /// Checks each against all others.
    pub(super) fn check(&self) {
        for told in &self.told {
            if let Answer::Committed(receipt) = told.answer
                && receipt.durable
            {
                let (found, lsn) = read(&told.image);
                assert!(
                    lsn >= receipt.lsn,
                    "commit {} was told to be durable when {lsn} was",
                    receipt.lsn
                );
                self.check_content(&found, lsn);
                // What is told without having been committed is a commit all the same.
                let made = self.committed().any(|(_, made)| made == receipt.lsn);
                assert!(
                    made || self.has_unknown(),
                    "{} was told to be durable, and is no commit",
                    receipt.lsn
                );
            }
        }
        for seen in &self.seen {
            let lsn = seen.snapshot.lsn();
            let found = content(&seen.snapshot);
            assert_eq!(found, self.model(lsn), "the snapshot at {lsn}");
            let waited = self.committed().filter(|(told, _)| told.waited);
            let shown = waited.map(|(_, lsn)| lsn).filter(|shown| *shown <= lsn);
            if let Some(last) = shown.max() {
                let (_, durable) = read(&seen.image);
                assert!(
                    durable >= last,
                    "commit {last} was shown when {durable} was durable"
                );
            }
        }
    }

    fn has_unknown(&self) -> bool {
        self.told.iter().any(|told| told.answer == Answer::Unknown)
    }

    pub(super) fn committed(&self) -> impl Iterator<Item = (&Told, Lsn)> {
        self.told.iter().filter_map(|told| match told.answer {
            Answer::Committed(receipt) if !told.writes.is_empty() => Some((told, receipt.lsn)),
            _ => None,
        })
    }

    /// What the commits up to `lsn` come to.
    fn model(&self, lsn: Lsn) -> Content {
        let commits = self.committed().filter(|(_, made)| *made <= lsn);
        let mut commits: Vec<_> = commits.map(|(told, lsn)| (lsn, &told.writes)).collect();
        commits.sort_unstable_by_key(|(lsn, _)| *lsn);
        let given: BTreeSet<Lsn> = commits.iter().map(|(lsn, _)| *lsn).collect();
        assert_eq!(given.len(), commits.len(), "an LSN was given out twice");
        // Where nothing was refused, all LSNs are those of commits, and the drop's is the one that is left.
        let mut left = (1..=lsn.0).map(Lsn).filter(|lsn| !given.contains(lsn));
        let dropped = self.dropped.then(|| left.next()).flatten();
        let mut content = Content::new();
        let kept = commits
            .iter()
            .filter(|(made, _)| dropped.is_none_or(|dropped| dropped < *made));
        for (n, value) in kept.flat_map(|(_, writes)| writes.iter()) {
            match value {
                Some(value) => content.insert(*n, *value),
                None => content.remove(n),
            };
        }
        content
    }

    /// Checks what a disk had at `lsn`. Commits of which nobody knows whether they were kept may be in it, each whole: programs
    /// with such write each entity once.
    pub(super) fn check_content(&self, found: &Content, lsn: Lsn) {
        let model = self.model(lsn);
        let unknown: Vec<&Told> = self
            .told
            .iter()
            .filter(|told| told.answer == Answer::Unknown)
            .collect();
        if unknown.is_empty() {
            assert_eq!(*found, model, "what there is at {lsn}");
            return;
        }
        let mut rest = found.clone();
        for (n, value) in &model {
            assert_eq!(rest.remove(n), Some(*value), "entity {n}");
        }
        for told in unknown {
            let kept = told.writes.iter().filter(|(n, _)| rest.remove(n).is_some());
            let kept = kept.count();
            assert!(kept == 0 || kept == told.writes.len(), "half a commit");
        }
        assert!(rest.is_empty(), "{rest:?} was refused, or never committed");
    }
}

/// What a disk holds, and its last commit.
fn read(image: &SimDisk) -> (Content, Lsn) {
    let options = Options::new().read_only(true);
    match options.open_in(image.opened_again()) {
        Ok(db) => (content(&db.snapshot()), db.lsn()),
        Err(error) if error.kind() == ErrorKind::NotFound => (Content::new(), Lsn::ZERO),
        Err(error) => panic!("{error}"),
    }
}

pub(super) fn content(snapshot: &Snapshot) -> Content {
    let entities = snapshot.scan(NAME).map(|entity| {
        let (id, payload) = entity.unwrap();
        (numbered(id), number(&payload))
    });
    entities.collect()
}

pub(super) fn id(n: u64) -> EntityId {
    EntityId::from_bytes(u128::from(n + 1).to_be_bytes())
}

/// The number of an entity.
pub(super) fn numbered(id: EntityId) -> u64 {
    u64::try_from(u128::from_be_bytes(*id.as_bytes())).unwrap() - 1
}

/// The number in an entity.
pub(super) fn number(payload: &Payload) -> u64 {
    payload.value().unwrap().as_u64().unwrap()
}
