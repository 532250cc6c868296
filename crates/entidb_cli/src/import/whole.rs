//! An import that is one transaction: all of it is there at the end, or nothing.

use entidb::{Database, Durability, ErrorKind, Transaction};

use super::pipeline::{Batch, Tally, put};

/// What has come in so far; nobody sees it yet. What does not fit in memory lies on the disk.
pub(super) struct Whole {
    transaction: Transaction,
    entities: u64,
    replaced: u64,
}

impl Whole {
    pub(super) fn begin(db: &Database) -> Self {
        Self {
            transaction: db.begin(),
            entities: 0,
            replaced: 0,
        }
    }

    pub(super) fn add(&mut self, collection: &str, batch: &Batch) -> entidb::Result<()> {
        self.replaced += put(&mut self.transaction, collection, batch)?;
        self.entities += batch.entities.len() as u64;
        Ok(())
    }

    /// Commits it, and counts it as what it is then: durable, or perhaps.
    pub(super) fn commit(self, db: &Database, tally: &mut Tally) -> entidb::Result<()> {
        match db.commit(self.transaction, Durability::Sync) {
            Ok(_) => {
                tally.entities += self.entities;
                tally.replaced += self.replaced;
                Ok(())
            }
            Err(error) => {
                if error.kind() == ErrorKind::Unknown {
                    tally.uncertain += self.entities;
                }
                Err(error)
            }
        }
    }
}
