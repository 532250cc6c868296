//! Collections that a transaction makes.

use std::sync::{Arc, PoisonError};

use super::Committer;
use crate::error::{Error, Result};
use crate::format::NUMBER_MAX;
use crate::ids::CollectionId;
use crate::manifest::Collection;
use crate::transaction::check_name;
use crate::write_set::WriteSet;

impl Committer {
    /// Makes the collections that are not there yet durable, before a batch names them, and gives the records the ids that
    /// they got. Returns the collections with these. If the commit then fails, they stay, empty.
    pub(crate) fn make_collections(
        &self,
        writes: &mut WriteSet,
        made: Vec<Collection>,
    ) -> Result<Vec<Collection>> {
        if made.is_empty() {
            return Ok(made);
        }
        let next_lsn = self.queue().next_lsn;
        self.editor.begin_session(next_lsn, |_| ())?;
        let find = |names: &[Collection]| -> Vec<Option<CollectionId>> {
            let find = |name: &str| self.editor.read(|manifest| manifest.catalog.find_any(name));
            names.iter().map(|wanted| find(&wanted.name)).collect()
        };
        if find(&made).contains(&None) {
            // ORDER: a batch whose collection the manifest does not know would be damage; one line earlier a crash leaves
            // neither.
            self.editor.edit(|manifest| {
                for wanted in &made {
                    if manifest.catalog.find_any(&wanted.name).is_none() {
                        manifest.catalog.make(&wanted.name);
                    }
                }
            })?;
            self.show_catalog();
        }
        let ids = find(&made);
        if made
            .iter()
            .zip(&ids)
            .all(|(wanted, id)| Some(wanted.id) == *id)
        {
            return Ok(made);
        }
        // Others have made collections meanwhile. By way of ids that no collection has, so that none is taken for another.
        let interim = (0..=u16::MAX).rev().map(CollectionId);
        let interim: Vec<_> = interim.take(made.len()).collect();
        for (wanted, interim) in made.iter().zip(&interim) {
            writes.rename(wanted.id, *interim);
        }
        let mut renamed = made;
        for ((interim, id), renamed) in interim.iter().zip(ids).zip(&mut renamed) {
            renamed.id = id.ok_or_else(|| self.why_not_made())?;
            writes.rename(*interim, renamed.id);
        }
        Ok(renamed)
    }

    /// Sets how long what is put into a collection lives, in microseconds. One that is not there is made.
    pub(crate) fn set_time_to_live(&self, name: &str, time_us: Option<u64>) -> Result<()> {
        check_name(name)?;
        let next_lsn = self.queue().next_lsn;
        self.editor.begin_session(next_lsn, |_| ())?;
        let mut there = false;
        self.editor.edit(|manifest| {
            let catalog = &mut manifest.catalog;
            if let Some(id) = catalog.find_any(name).or_else(|| catalog.make(name)) {
                // The manifest has no room for longer ones, which are longer than anybody waits.
                let time_us = time_us.filter(|time_us| *time_us < NUMBER_MAX);
                catalog.set_time_to_live(id, time_us);
                there = true;
            }
        })?;
        self.show_catalog();
        match there {
            true => Ok(()),
            false => Err(self.why_not_made()),
        }
    }

    /// Why a collection that was just made is not there.
    fn why_not_made(&self) -> Error {
        let last = CollectionId(u16::MAX);
        if self
            .editor
            .read(|manifest| manifest.catalog.has_given(last))
        {
            return Error::invalid("the database has as many collections as there can be");
        }
        super::conflict::conflict("a collection that it made was dropped at once")
    }

    /// Lets nobody else write to the collection `id`, until [`end_drop`](Self::end_drop). Waits for another who drops it.
    pub(crate) fn begin_drop(&self, id: CollectionId) {
        let mut queue = self.queue();
        // Nor is anything that was checked before committed behind it.
        while queue.is_dropping(id) || queue.held {
            queue = self.wait_changed(queue);
        }
        queue.dropping.push(id);
    }

    /// Lets those go on who wanted to write to the collection `id`.
    pub(crate) fn end_drop(&self, id: CollectionId) {
        self.queue().dropping.retain(|other| *other != id);
        self.notify();
    }

    /// Shows the catalog as it stands in the manifest.
    pub(crate) fn show_catalog(&self) {
        // One at a time, so that an older catalog never takes the place of a newer one; and as every change of the view under
        // the queue's lock, so that none is lost. The editor is asked before, since it may be at work for long.
        let _showing = self.showing.lock().unwrap_or_else(PoisonError::into_inner);
        let catalog = Arc::new(self.editor.read(|manifest| manifest.catalog.clone()));
        let _queue = self.queue();
        self.published.change(|view| view.catalog = catalog);
    }
}
