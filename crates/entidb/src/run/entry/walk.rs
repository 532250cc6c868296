//! Walking through all index entries of a run, past any cache.

use std::sync::Arc;

use bytes::Bytes;

use crate::error::Result;
use crate::format::entry::{Node, Place};
use crate::format::page;
use crate::ids::Lsn;
use crate::run::{EntryRef, Run};

/// How many pages are read at once.
const READ_AHEAD_COUNT: u64 = 64;

/// A walk that reads many pages at once and keeps none.
pub(crate) struct Walk {
    run: Arc<Run>,
    /// Pages that were read and not yet taken.
    ahead: Bytes,
    /// The number of the next page.
    next: u64,
    leaf: Option<Node>,
    place: Place,
    key: Vec<u8>,
    /// What else there is of the current entry; `None` behind the last.
    entry: Option<(Lsn, bool)>,
}

impl Walk {
    /// A walk that stands at the first entry.
    pub(crate) fn new(run: Arc<Run>) -> Result<Self> {
        let mut walk = Self {
            next: run.footer.pages + 1,
            run,
            ahead: Bytes::new(),
            leaf: None,
            place: Place { group: 0, row: 0 },
            key: Vec::new(),
            entry: None,
        };
        walk.turn()?;
        walk.look();
        Ok(walk)
    }

    /// The entry where the walk stands.
    #[inline]
    pub(crate) fn entry(&self) -> Option<EntryRef<'_>> {
        self.entry.map(|(lsn, tombstone)| EntryRef {
            key: &self.key,
            lsn: self.run.lsn_of(lsn),
            tombstone,
        })
    }

    /// Goes on to the next entry.
    #[inline]
    pub(crate) fn step(&mut self) -> Result<()> {
        let Some(leaf) = &self.leaf else {
            return Ok(());
        };
        let next = leaf.behind(self.place);
        if next.row > 0 {
            self.place = next;
            self.entry = Some(leaf.write_id(next, &mut self.key));
            return Ok(());
        }
        self.place = next;
        if next == leaf.end() {
            self.turn()?;
        }
        self.look();
        Ok(())
    }

    /// Looks at the first entry of a value.
    fn look(&mut self) {
        self.entry = self.leaf.as_ref().map(|leaf| {
            leaf.write_value(self.place.group, &mut self.key);
            leaf.write_id(self.place, &mut self.key)
        });
    }

    /// Takes the next leaf, if there is one.
    fn turn(&mut self) -> Result<()> {
        self.leaf = None;
        self.place = Place { group: 0, row: 0 };
        let pages = self
            .run
            .footer
            .index
            .as_ref()
            .map_or(0, |index| index.pages);
        let last = self.run.footer.pages + pages;
        while self.leaf.is_none() && self.next <= last {
            if self.ahead.is_empty() {
                let count = (last - self.next + 1).min(READ_AHEAD_COUNT);
                let len = usize::try_from(count * page::LEN as u64).unwrap_or(usize::MAX);
                self.ahead = self.run.stream.read(self.next * page::LEN as u64, len)?;
            }
            let bytes = self.ahead.split_to(page::LEN.min(self.ahead.len()));
            let node = self.run.check_node(self.next, &bytes)?;
            self.next += 1;
            self.leaf = (node.level() == 0).then_some(node);
        }
        Ok(())
    }
}
