//! Writing the index entries of a run.

use crate::error::{Error, Result};
use crate::format::entry::{self, IndexFooter, InnerBuilder, LeafBuilder, separator, split};
use crate::format::filter::FilterBuilder;
use crate::ids::Lsn;
use crate::run::output::Output;

/// Takes entries in the order of their keys, and writes the pages as they fill.
pub(in crate::run) struct Builder {
    leaf: LeafBuilder,
    /// What stands before the leaf that is gathered.
    separator: Vec<u8>,
    /// The inner page of each level that is gathered, from the lowest.
    levels: Vec<InnerBuilder>,
    filter: FilterBuilder,
    /// The key that came last.
    last: Vec<u8>,
    footer: IndexFooter,
    /// How many pages stand before the tree.
    before: u64,
}

impl Builder {
    /// A tree behind what `output` has, and a filter with room for so many values.
    pub(in crate::run) fn new(output: &Output, value_count: u64) -> Self {
        Self {
            leaf: LeafBuilder::default(),
            separator: Vec::new(),
            levels: Vec::new(),
            filter: FilterBuilder::foldable(value_count),
            last: Vec::new(),
            footer: IndexFooter::default(),
            before: output.pages,
        }
    }

    /// Takes the next entry.
    pub(in crate::run) fn push(
        &mut self,
        output: &mut Output,
        key: &[u8],
        lsn: Lsn,
        tombstone: bool,
    ) -> Result<()> {
        let Some((value, id)) = split(key) else {
            return Err(bad_entry("too short or too long a key"));
        };
        let last = split(&self.last);
        if last.is_none_or(|(last, _)| last != value) {
            if last.is_some_and(|(last, _)| last >= value || value.starts_with(last)) {
                return Err(bad_entry("a value out of order"));
            }
            self.filter.insert_hash(entry::hash(value));
            self.footer.values += 1;
        } else if last.is_some_and(|(_, last)| last >= id) {
            return Err(bad_entry("an id out of order"));
        }
        if !self.leaf.push(value, id, lsn, tombstone) {
            self.finish_leaf(output)?;
            self.separator.clear();
            self.separator.extend_from_slice(separator(&self.last, key));
            let fits = self.leaf.push(value, id, lsn, tombstone);
            debug_assert!(fits, "an empty page has room for any entry");
        }
        self.footer.count(entry::index_of(key), tombstone);
        if self.footer.first_key.is_empty() {
            self.footer.first_key.extend_from_slice(key);
        }
        self.last.clear();
        self.last.extend_from_slice(key);
        Ok(())
    }

    fn finish_leaf(&mut self, output: &mut Output) -> Result<()> {
        let separator = std::mem::take(&mut self.separator);
        self.make_room(output, 0, &separator)?;
        let number = output.page(|salt, offset| self.leaf.finish(salt, offset))?;
        self.footer.leaves += 1;
        self.push_child(0, &separator, number);
        self.separator = separator;
        Ok(())
    }

    /// Writes the inner page that is gathered, if it has no room for the page that is about to be written. So the children of an
    /// inner page all stand before it.
    fn make_room(&mut self, output: &mut Output, level: usize, separator: &[u8]) -> Result<()> {
        let number = output.pages + 1;
        match self.levels.get(level) {
            Some(inner) if !inner.has_room(separator, number) => self.finish_inner(output, level),
            _ => Ok(()),
        }
    }

    fn finish_inner(&mut self, output: &mut Output, level: usize) -> Result<()> {
        let inner = self.levels.get_mut(level).map(std::mem::take);
        let mut inner = inner.unwrap_or_default();
        let first = inner.first().to_vec();
        self.make_room(output, level + 1, &first)?;
        let height = u8::try_from(level + 1)
            .ok()
            .filter(|height| *height <= entry::LEVEL_MAX)
            .ok_or_else(|| Error::invalid("a run over too many index entries"))?;
        let number = output.page(|salt, offset| inner.finish(height, salt, offset))?;
        self.push_child(level + 1, &first, number);
        Ok(())
    }

    fn push_child(&mut self, level: usize, separator: &[u8], number: u64) {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, InnerBuilder::default);
        }
        if let Some(inner) = self.levels.get_mut(level) {
            inner.push(separator, number);
        }
    }

    /// Writes what is still gathered, and the filter. The root is the last page before that.
    pub(in crate::run) fn finish(mut self, output: &mut Output) -> Result<IndexFooter> {
        if !self.leaf.is_empty() {
            self.finish_leaf(output)?;
        }
        let mut level = 0;
        // The level above the root has nothing but the root.
        while let Some(inner) = self.levels.get(level)
            && (level + 1 < self.levels.len() || inner.len() > 1)
        {
            if inner.len() > 0 {
                self.finish_inner(output, level)?;
            }
            level += 1;
        }
        self.footer.pages = output.pages - self.before;
        self.footer.last_key = self.last;
        // A tree of one page is looked at as fast.
        if self.footer.pages > 1 {
            self.filter.fold(self.footer.values);
            let blocks = self.filter.blocks();
            let offset = output.pages_end();
            for page in entry::encode_filter(blocks, output.salt, offset) {
                output.page(|_, _| page)?;
            }
            self.footer.filter_blocks = blocks.len() as u64;
        }
        Ok(self.footer)
    }
}

#[cold]
fn bad_entry(what: &str) -> Error {
    Error::invalid(format!("an index entry with {what}"))
}
