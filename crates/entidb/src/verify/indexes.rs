//! Indexes: that each has what its entities give, and nothing else.

use std::ops::Bound;

use super::Report;
use crate::error::{Error, ErrorKind, Result};
use crate::format::catalog::{Index, State};
use crate::format::entry_key;
use crate::ids::{CollectionId, EntityId};
use crate::index::{Entries, Keys, bounds_of};
use crate::snapshot::Snapshot;

/// Compares every index with its collection.
pub(super) fn verify(snapshot: &Snapshot, report: &mut Report) {
    let catalog = &snapshot.view().catalog;
    for index in &catalog.indexes {
        let mut check = Check {
            snapshot,
            index,
            name: format!(
                "index {:?} of {:?}",
                index.name,
                catalog.name_of(index.collection)
            ),
            keys: Keys::default(),
            problem_count: 0,
        };
        if let Err(error) = check.run(report) {
            // What the streams have of it was named already.
            report.add(&check.name.clone(), &error);
        }
    }
}

struct Check<'a> {
    snapshot: &'a Snapshot,
    index: &'a Index,
    name: String,
    keys: Keys,
    problem_count: u64,
}

impl Check<'_> {
    fn run(&mut self, report: &mut Report) -> Result<()> {
        let count = self.check_entries(report)?;
        report.entry_count += count;
        // Each entry is right and stands there once: where they are as many as there should be, none is missing.
        let expected = self.each_key(EntityId::MAX, |_, _, _| Ok(()))?;
        match self.index.state {
            State::Ready if expected == count && self.problem_count == 0 => Ok(()),
            State::Ready => self.name_missing(EntityId::MAX, report),
            State::Building(next) => match next.previous() {
                Some(last) => self.name_missing(last, report),
                None => Ok(()),
            },
        }
    }

    /// Checks that each entry is one that its entity gives. Returns how many there are.
    fn check_entries(&mut self, report: &mut Report) -> Result<u64> {
        let bounds = bounds_of(&self.index.id.0.to_be_bytes());
        let view = self.snapshot.view();
        let collection = self.index.collection;
        let mut entries =
            Entries::new(view, self.snapshot.lsn(), collection, &bounds, None, false)?;
        let mut count = 0;
        while let Some(found) = entries.next()? {
            count += 1;
            let Some((_, key, id)) = entry_key::split(found) else {
                continue;
            };
            self.keys.clear();
            match self.snapshot.get_in(collection, id) {
                Ok(Some(payload)) => self.keys.fill(self.index, payload.as_bytes())?,
                Ok(None) => {}
                // That the entity is damaged was told.
                Err(_) => continue,
            }
            if !self.keys.iter().any(|own| own == key) {
                let why = format!("it has an entry of entity {id} that the entity does not give");
                self.problem(&why, report);
            }
        }
        Ok(count)
    }

    /// Names the entries that are missing, of the entities up to `last`.
    fn name_missing(&mut self, last: EntityId, report: &mut Report) -> Result<()> {
        let mut missing = Vec::new();
        let collection = self.index.collection;
        self.each_key(last, |snapshot, key, id| {
            if !holds(snapshot, collection, key)? {
                missing.push(id);
            }
            Ok(())
        })?;
        for id in missing {
            let why = format!("it lacks an entry of entity {id}");
            self.problem(&why, report);
        }
        Ok(())
    }

    /// Calls `each` with the whole key of every entry that the entities up to `last` give. Returns how many these are.
    fn each_key(
        &mut self,
        last: EntityId,
        mut each: impl FnMut(&Snapshot, &[u8], EntityId) -> Result<()>,
    ) -> Result<u64> {
        let mut count = 0;
        let mut whole = Vec::new();
        let collection = self.index.collection;
        for entity in self.snapshot.range_in(Some(collection), ..=last) {
            let Ok((id, payload)) = entity else {
                continue;
            };
            self.keys.fill(self.index, payload.as_bytes())?;
            for key in self.keys.iter() {
                count += 1;
                whole.clear();
                entry_key::push(&mut whole, self.index.id, key, id);
                each(self.snapshot, &whole, id)?;
            }
        }
        Ok(count)
    }

    fn problem(&mut self, why: &str, report: &mut Report) {
        let error = Error::new(
            ErrorKind::Corrupt,
            format!("{}: {why}; drop it and make it again", self.name),
        );
        // No place in a stream: they are numbered.
        report.add(&self.name, &error.at(&self.name, self.problem_count));
        self.problem_count += 1;
    }
}

/// Whether the entry with this whole key is there.
fn holds(snapshot: &Snapshot, collection: CollectionId, key: &[u8]) -> Result<bool> {
    let bounds = (Bound::Included(key.to_vec()), Bound::Included(key.to_vec()));
    let (view, lsn) = (snapshot.view(), snapshot.lsn());
    let mut entries = Entries::new(view, lsn, collection, &bounds, None, false)?;
    Ok(entries.next()?.is_some())
}
