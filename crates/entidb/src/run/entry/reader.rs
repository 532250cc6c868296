//! Reading the index entries of a run.

use std::sync::Arc;

use bytes::Bytes;

use crate::cache::{self, Cache, Held, Table};
use crate::error::{Error, Result};
use crate::format::entry::{self, FilterPage, IndexFooter};
use crate::format::filter;
use crate::format::page;
use crate::ids::IndexId;
use crate::run::Run;

/// A page of the tree in memory, checked.
pub(super) type Node = Arc<cache::Entry<entry::Node>>;

/// The pages of a run's index entries that are in memory.
#[derive(Default)]
pub(in crate::run) struct Pages {
    nodes: Arc<Table<entry::Node>>,
    filter: Arc<Table<FilterPage>>,
}

/// Where in the tree to go.
#[derive(Clone, Copy)]
pub(super) enum Target<'a> {
    /// The leaf that has the first key not below this one, or the leaf before it.
    Key(&'a [u8]),
    Last,
}

impl Run {
    /// How many entries of this index it holds.
    pub(crate) fn entry_count(&self, index: IndexId) -> u64 {
        let indexes = self.footer.index.iter().flat_map(|footer| &footer.indexes);
        let mut found = indexes.filter(|(id, _)| id.0 == index.0);
        found.next().map_or(0, |(_, count)| *count)
    }

    /// Whether it holds index entries.
    pub(crate) fn has_entries(&self) -> bool {
        self.footer.index.is_some()
    }

    /// Whether it may hold entries of this value: `index_and_value` is an entry's key without the id. If not, it surely does
    /// not.
    pub(crate) fn may_have_value(&self, cache: &Cache, index_and_value: &[u8]) -> Result<bool> {
        self.may_have_value_hash(cache, index_and_value, entry::hash(index_and_value))
    }

    /// As [`may_have_value`](Self::may_have_value), by the value's [`hash`](entry::hash) too.
    pub(crate) fn may_have_value_hash(
        &self,
        cache: &Cache,
        index_and_value: &[u8],
        hash: u64,
    ) -> Result<bool> {
        let Some(index) = &self.footer.index else {
            return Ok(false);
        };
        let spans = match (
            entry::split(&index.first_key),
            entry::split(&index.last_key),
        ) {
            (Some((first, _)), Some((last, _))) => {
                first <= index_and_value && index_and_value <= last
            }
            _ => true,
        };
        if !spans || index.filter_blocks == 0 {
            return Ok(spans);
        }
        let (block, bits) = filter::place(hash, index.filter_blocks);
        let (number, at) = entry::place(block);
        let held = cache.look(&self.index_pages.filter, number);
        match held.as_ref().and_then(Held::get) {
            Some(page) => Ok(page.has(at, bits)),
            None => Ok(self.read_filter_page(cache, index, number)?.has(at, bits)),
        }
    }

    #[cold]
    fn read_filter_page(
        &self,
        cache: &Cache,
        index: &IndexFooter,
        number: u64,
    ) -> Result<Arc<cache::Entry<FilterPage>>> {
        let page = self.filter_page(index, number)?;
        Ok(cache.keep(&self.index_pages.filter, number, page, page::LEN as u64))
    }

    /// Reads and checks the page of the value filter with this number, from 0.
    pub(crate) fn filter_page(&self, index: &IndexFooter, number: u64) -> Result<FilterPage> {
        let offset = (self.footer.pages + index.pages + 1 + number) * page::LEN as u64;
        let bytes = self.stream.read(offset, page::LEN)?;
        let before = entry::first_block(number);
        let blocks = index.filter_blocks.saturating_sub(before);
        FilterPage::decode(&bytes, self.stream.salt, offset, blocks)
            .map_err(|fault| fault.at(&self.stream.name, offset))
    }

    /// The number of the first page of the tree, which is a leaf, and of the last one, the root.
    pub(super) fn node_numbers(&self, index: &IndexFooter) -> (u64, u64) {
        (self.footer.pages + 1, self.footer.pages + index.pages)
    }

    /// A page of the tree: from `cache`, if there is one, or else read and checked.
    pub(super) fn node(&self, cache: Option<&Cache>, number: u64) -> Result<Node> {
        let nodes = &self.index_pages.nodes;
        let held = cache.and_then(|cache| cache.look(nodes, self.node_index(number)));
        match held.and_then(Held::keep) {
            Some(node) => Ok(node),
            None => self.load_node(cache, number),
        }
    }

    fn node_index(&self, number: u64) -> u64 {
        number.saturating_sub(self.footer.pages + 1)
    }

    #[cold]
    fn load_node(&self, cache: Option<&Cache>, number: u64) -> Result<Node> {
        let node = self.read_node(number)?;
        let Some(cache) = cache else {
            return Ok(cache::Entry::alone(node));
        };
        let len = node.memory_bytes() as u64;
        Ok(cache.keep(&self.index_pages.nodes, self.node_index(number), node, len))
    }

    /// Reads and checks the page of the tree with this number, which is that of its place in the stream.
    pub(crate) fn read_node(&self, number: u64) -> Result<entry::Node> {
        let bytes = self.stream.read(number * page::LEN as u64, page::LEN)?;
        self.check_node(number, &bytes)
    }

    pub(super) fn check_node(&self, number: u64, bytes: &Bytes) -> Result<entry::Node> {
        let offset = number * page::LEN as u64;
        entry::Node::decode(bytes, self.stream.salt, offset)
            .map_err(|fault| fault.at(&self.stream.name, offset))
    }

    /// The leaf to begin at, and its number.
    pub(super) fn seek_entry(
        &self,
        cache: Option<&Cache>,
        index: &IndexFooter,
        target: Target<'_>,
    ) -> Result<(u64, Node)> {
        let (_, mut number) = self.node_numbers(index);
        let mut above = None;
        loop {
            // Inner pages are borrowed out of the cache: no counter is touched.
            let held = cache.and_then(|cache| {
                let nodes = &self.index_pages.nodes;
                cache.look(nodes, self.node_index(number))
            });
            let mut child = None;
            if let Some(node) = held.as_ref().and_then(Held::get) {
                child = self.child(index, number, node, above, target)?;
                if child.is_none()
                    && let Some(leaf) = held.and_then(Held::keep)
                {
                    return Ok((number, leaf));
                }
            }
            if child.is_none() {
                let node = self.load_node(cache, number)?;
                child = self.child(index, number, &node, above, target)?;
                if child.is_none() {
                    return Ok((number, node));
                }
            }
            if let Some((level, child)) = child {
                above = Some(level);
                number = child;
            }
        }
    }

    /// The level of a page, and the number of the child to go to; `None` if it is a leaf.
    #[inline]
    fn child(
        &self,
        index: &IndexFooter,
        number: u64,
        node: &entry::Node,
        above: Option<u8>,
        target: Target<'_>,
    ) -> Result<Option<(u8, u64)>> {
        let level = node.level();
        if let Some(above) = above
            && level + 1 != above
        {
            return Err(self.bad_tree(number, format!("a page below level {above}"), level));
        }
        if level == 0 {
            return Ok(None);
        }
        let child = match target {
            Target::Key(key) => node.child(key),
            Target::Last => node.child_at(node.count() - 1),
        };
        let (first, _) = self.node_numbers(index);
        if child < first || child >= number {
            return Err(self.bad_tree(number, "children before it", format!("page {child}")));
        }
        Ok(Some((level, child)))
    }

    #[cold]
    pub(super) fn bad_tree(
        &self,
        number: u64,
        expected: impl std::fmt::Display,
        got: impl std::fmt::Display,
    ) -> Error {
        let offset = number * page::LEN as u64;
        Error::corrupt(
            &self.stream.name,
            offset,
            expected.to_string(),
            got.to_string(),
        )
    }
}
