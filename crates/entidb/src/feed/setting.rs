//! What is kept, as the options ask for it and the manifest remembers it.

use crate::error::Result;
use crate::ids::Lsn;
use crate::manifest::FeedEntry;
use crate::writer::Writer;

impl Writer {
    /// At open: keeps what the options ask for, or what the last session has kept, or nothing if nobody is there to keep it for.
    pub(crate) fn set_retention(&self) -> Result<()> {
        let listed = self.editor.read(|manifest| manifest.feed.clone());
        let asked = self.options.retention;
        if listed.is_none() && !asked.is_some_and(|asked| asked.keeps()) {
            return Ok(());
        }
        let retention = asked.or(listed.as_ref().map(|listed| listed.retention));
        let retention = retention.unwrap_or_default();
        let wanted = retention.keeps() || self.slowest_consumer()?.is_some();
        let entry = wanted.then(|| FeedEntry {
            retention,
            ..listed.clone().unwrap_or_else(|| self.nothing_kept())
        });
        if entry == listed {
            return Ok(());
        }
        self.list_feed(entry)
    }

    /// An entry that keeps what comes behind the last commit.
    pub(crate) fn nothing_kept(&self) -> FeedEntry {
        let last = self.committer.queue().last_lsn();
        FeedEntry {
            floor: last,
            retention: self.options.retention.unwrap_or_default(),
            dropped: Vec::new(),
        }
    }

    /// Has the manifest say that commits are kept, if it does not yet; a follower keeps them already.
    pub(crate) fn keep_listed(&self) -> Result<()> {
        if self.feed.keep.state().listed.is_some() {
            return Ok(());
        }
        let entry = FeedEntry {
            floor: self.feed.keep.floor(),
            dropped: self.feed.keep.dropped(),
            ..self.nothing_kept()
        };
        self.list_feed(Some(entry))
    }

    /// Has the manifest say that nothing is kept, if there is neither a consumer nor a retention.
    pub(crate) fn unlist_if_idle(&self) -> Result<()> {
        let listed = self.feed.keep.state().listed;
        let keeps = listed.is_none_or(|retention| retention.keeps());
        if keeps || self.slowest_consumer()?.is_some() {
            return Ok(());
        }
        self.list_feed(None)
    }

    /// Has the manifest say what is kept.
    pub(crate) fn list_feed(&self, entry: Option<FeedEntry>) -> Result<()> {
        let next_lsn: Lsn = self.committer.queue().next_lsn();
        self.editor.begin_session(next_lsn, |_| ())?;
        // ORDER: commits are noted from before this on, so that none above the floor is without; one line earlier a crash leaves a
        // database that keeps what it kept.
        self.editor
            .edit(|manifest| manifest.feed.clone_from(&entry))?;
        self.feed.keep.list(entry.as_ref());
        self.committer.notify();
        Ok(())
    }
}
