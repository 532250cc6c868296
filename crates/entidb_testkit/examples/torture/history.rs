//! What each commit of a seed writes, and what all of them come to.

use std::collections::BTreeMap;

use entidb::{EntityId, Payload, Result, Transaction, Value};

use crate::profile::Profile;

const COLLECTIONS: [&str; 3] = ["accounts", "events", "notes"];
/// Where each commit leaves its number.
const COUNTER: (&str, &str) = ("torture", "commits");

/// Collection and id to payload bytes.
pub(crate) type Content = BTreeMap<(String, EntityId), Vec<u8>>;

/// SplitMix64, so that a history is the same everywhere.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn of(seed: u64, n: u64) -> Self {
        let mut chance = Self(seed ^ n.wrapping_mul(0xd6e8_feb8_6659_fd93));
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// Whether this is the one of `count`; never of none.
    pub(crate) fn one_of(&mut self, count: u64) -> bool {
        let drawn = self.below(count);
        count > 0 && drawn == 0
    }
}

/// One write of a commit.
pub(crate) enum Write {
    Put(Payload),
    Delete,
    /// Everything from the id to this one.
    DeleteTo(EntityId),
}

/// Where a commit writes, and what.
pub(crate) type Change = (&'static str, EntityId, Write);

pub(crate) fn counter() -> (&'static str, EntityId) {
    (COUNTER.0, EntityId::from_key(COUNTER.1))
}

/// What commit `n` writes.
pub(crate) fn commit(seed: u64, n: u64, profile: &Profile) -> Result<Vec<Change>> {
    let mut chance = Chance::of(seed, n);
    let count = 1 + chance.below(profile.writes_max);
    let mut changes = Vec::new();
    for _ in 0..count {
        let collection = COLLECTIONS[usize::try_from(chance.below(3)).unwrap_or(0)];
        let id = EntityId::from_key(chance.below(profile.ids));
        let kind = chance.below(100);
        let write = if kind < profile.deletes {
            Write::Delete
        } else if kind < profile.deletes + profile.ranges {
            Write::DeleteTo(behind(id, profile.ids))
        } else {
            Write::Put(payload(&mut chance, n, profile)?)
        };
        changes.push((collection, id, write));
    }
    let (collection, id) = counter();
    changes.push((
        collection,
        id,
        Write::Put(Payload::encode(&Value::from(n))?),
    ));
    Ok(changes)
}

fn payload(chance: &mut Chance, n: u64, profile: &Profile) -> Result<Payload> {
    let len = chance.below(profile.payload_len_max);
    let bytes: Vec<u8> = (0..len.div_ceil(8))
        .flat_map(|_| chance.next().to_le_bytes())
        .collect();
    let mut entries = vec![
        (Value::from("n"), Value::from(n)),
        (Value::from("bytes"), Value::from(bytes)),
    ];
    if profile.compressed {
        let text = "what is said again and again ".repeat(8);
        entries.push((Value::from("text"), Value::from(text.as_str())));
    }
    Payload::encode(&Value::from(entries))
}

/// An id so far behind another that about four lie between; ids of natural keys are spread evenly.
fn behind(id: EntityId, ids: u64) -> EntityId {
    let id = u128::from_be_bytes(*id.as_bytes());
    let last = id.saturating_add(u128::MAX / u128::from(ids.max(1)) * 4);
    EntityId::from_bytes(last.to_be_bytes())
}

/// Does in a transaction what a commit does.
pub(crate) fn apply(tx: &mut Transaction, changes: &[Change]) -> Result<()> {
    for (collection, id, write) in changes {
        match write {
            Write::Put(payload) => tx.put_payload(collection, *id, payload)?,
            Write::Delete => drop(tx.delete(collection, *id)?),
            Write::DeleteTo(last) => tx.delete_range(collection, *id..=*last)?,
        }
    }
    Ok(())
}

/// What the first commits of a seed come to.
pub(crate) struct Model {
    seed: u64,
    profile: &'static Profile,
    count: u64,
    content: Content,
}

impl Model {
    pub(crate) fn new(seed: u64, profile: &'static Profile) -> Self {
        Self {
            seed,
            profile,
            count: 0,
            content: Content::new(),
        }
    }

    /// What the first `count` commits come to. The count never falls.
    pub(crate) fn after(&mut self, count: u64) -> Result<&Content> {
        while self.count < count {
            self.count += 1;
            for (collection, id, write) in commit(self.seed, self.count, self.profile)? {
                self.change(collection, id, write);
            }
        }
        Ok(&self.content)
    }

    fn change(&mut self, collection: &str, id: EntityId, write: Write) {
        let key = (collection.to_owned(), id);
        match write {
            Write::Put(payload) => drop(self.content.insert(key, payload.as_bytes().to_vec())),
            Write::Delete => drop(self.content.remove(&key)),
            Write::DeleteTo(last) => {
                let inside = self.content.range(key..=(collection.to_owned(), last));
                let inside: Vec<_> = inside.map(|(key, _)| key.clone()).collect();
                inside.iter().for_each(|key| drop(self.content.remove(key)));
            }
        }
    }
}
