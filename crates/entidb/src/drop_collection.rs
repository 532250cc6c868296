//! Dropping a collection: one record, whatever it holds.
//!
//! Promises: the drop is one commit, in LSN order like any other; its name is free when the call returns. Nothing is committed
//! to the collection between its drop and the end of its name, since it would go with it. Relies on the range
//! tombstone that the record is, which hides all that was in the collection until compaction gives the space back.

use std::sync::Arc;

use crate::error::Result;
use crate::ids::{CollectionId, Lsn};
use crate::manifest::Dropped;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;
use crate::view::Published;
use crate::write_options::{Durability, Isolation};
use crate::writer::Writer;

impl Writer {
    /// Drops the collection `name`. Says whether there was one.
    pub(crate) fn drop_collection(&self, name: &str) -> Result<bool> {
        let mut transaction = Transaction::new(snapshot(&self.published), Isolation::Snapshot);
        let Some(id) = transaction.drop_collection(name)? else {
            return Ok(false);
        };
        self.committer.begin_drop(id);
        let dropped = self
            .committer
            .commit(transaction.finish(), Durability::Sync);
        if let Ok(receipt) = &dropped {
            // ORDER: the drop is durable before the catalog forgets the name; one line earlier a crash leaves an empty
            // collection, and recovery finishes this, unless something was put there since. So does a failure here: the drop
            // is committed all the same, and what the failure means for writing, the next write hears.
            let _ = self.take_from_catalog(&[id], receipt.lsn);
        }
        self.committer.end_drop(id);
        dropped.map(|_| true)
    }

    /// Takes collections, to which nothing was committed behind `lsn`, out of the catalog. Their ids are never given out again.
    pub(crate) fn take_from_catalog(&self, dropped: &[CollectionId], lsn: Lsn) -> Result<()> {
        let next_lsn = self.committer.queue().next_lsn();
        self.editor.begin_session(next_lsn, |_| ())?;
        let names: Vec<Dropped> = self.editor.read(|manifest| {
            let found = dropped.iter().filter_map(|id| manifest.catalog.get(*id));
            let dropped = found.map(|collection| Dropped {
                id: collection.id,
                name: collection.name.clone(),
                lsn,
            });
            dropped.collect()
        });
        self.editor.edit(|manifest| {
            for dropped in &names {
                manifest.catalog.remove(dropped.id);
            }
            // Followers may yet come to its commits.
            if let Some(feed) = &mut manifest.feed {
                feed.dropped.extend(names.iter().cloned());
            }
        })?;
        self.feed.keep.note_dropped(names);
        self.committer.show_catalog();
        Ok(())
    }
}

fn snapshot(published: &Arc<Published>) -> Snapshot {
    Snapshot::new(published.get())
}
