//! Which index keys an entity has.

use std::ops::Range;

use entidb_codec::key::{self, Case, Kind};

use super::words::each_word;
use crate::error::{Error, Result};
use crate::format::catalog::{Index, IndexKind};
use crate::format::entry_key;

/// The index keys of one entity in one index: sorted, each once. Kept and filled again, it allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    bytes: Vec<u8>,
    spans: Vec<Range<usize>>,
    /// Of a compound index, what comes behind the path that leads to several items.
    behind: Vec<u8>,
}

impl Keys {
    /// Forgets all keys.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    /// The keys of the entity with this payload, as they are stored.
    pub(crate) fn fill(&mut self, index: &Index, payload: &[u8]) -> Result<()> {
        self.fill_with(index, payload, true)
    }

    /// The keys of the entity with this payload, however long they are.
    pub(crate) fn fill_whole(&mut self, index: &Index, payload: &[u8]) -> Result<()> {
        self.fill_with(index, payload, false)
    }

    fn fill_with(&mut self, index: &Index, payload: &[u8], shorten: bool) -> Result<()> {
        self.clear();
        let filled = match (index.kind, index.paths.as_slice()) {
            (IndexKind::Text, _) => self.fill_words(index, payload, shorten),
            (IndexKind::Value, [_]) => self.fill_simple(index, payload, shorten),
            (IndexKind::Value, _) => self.fill_compound(index, payload, shorten),
        };
        filled.map_err(|error| refused(index, error))?;
        self.sort();
        Ok(())
    }

    /// The keys of the entity, if there is one.
    pub(super) fn fill_if(&mut self, index: &Index, payload: Option<&[u8]>) -> Result<()> {
        match payload {
            Some(payload) => self.fill(index, payload),
            None => {
                self.clear();
                Ok(())
            }
        }
    }

    /// The key that an index on one path has of the item there, as it is stored.
    pub(super) fn fill_item(&mut self, index: &Index, item: Option<&[u8]>) -> Result<()> {
        self.clear();
        if let Some(item) = item {
            let pushed = key::push(&mut self.bytes, item, index.case);
            pushed.map_err(|error| refused(index, error))?;
            self.end(0, true);
        }
        Ok(())
    }

    fn fill_simple(
        &mut self,
        index: &Index,
        payload: &[u8],
        shorten: bool,
    ) -> Result<(), key::KeyError> {
        for item in index.paths.iter().flat_map(|path| path.find(payload)) {
            let from = self.bytes.len();
            key::push(&mut self.bytes, item, index.case)?;
            self.end(from, shorten);
        }
        Ok(())
    }

    fn fill_compound(
        &mut self,
        index: &Index,
        payload: &[u8],
        shorten: bool,
    ) -> Result<(), key::KeyError> {
        let mut any = false;
        let mut paths = index.paths.iter();
        let each = paths.by_ref().position(|path| path.has_each());
        // Before the path that leads to several items, and behind it.
        let before = each.unwrap_or(index.paths.len());
        for path in index.paths.iter().take(before) {
            any |= push_one(&mut self.bytes, path.find(payload).next(), index.case)?;
        }
        self.behind.clear();
        for path in paths {
            any |= push_one(&mut self.behind, path.find(payload).next(), index.case)?;
        }
        let Some(each) = each.and_then(|each| index.paths.get(each)) else {
            match any {
                true => self.end(0, shorten),
                false => self.clear(),
            }
            return Ok(());
        };
        let front = std::mem::take(&mut self.bytes);
        let mut items = each.find(payload).peekable();
        if items.peek().is_none() && any {
            self.bytes.extend_from_slice(&front);
            key::push_absent(&mut self.bytes);
            self.bytes.extend_from_slice(&self.behind);
            self.end(0, shorten);
        }
        for item in items {
            let from = self.bytes.len();
            self.bytes.extend_from_slice(&front);
            key::push(&mut self.bytes, item, index.case)?;
            self.bytes.extend_from_slice(&self.behind);
            self.end(from, shorten);
        }
        Ok(())
    }

    fn fill_words(
        &mut self,
        index: &Index,
        payload: &[u8],
        shorten: bool,
    ) -> Result<(), key::KeyError> {
        for item in index.paths.iter().flat_map(|path| path.find(payload)) {
            // What is no text has no words.
            let Ok(text) = entidb_codec::from_slice::<&str>(item) else {
                continue;
            };
            each_word(text, |word| {
                let from = self.bytes.len();
                key::push_value(&mut self.bytes, word, Case::Insensitive)?;
                self.end(from, shorten);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Ends the key that begins at `from`.
    fn end(&mut self, from: usize, shorten: bool) {
        if shorten {
            entry_key::shorten(&mut self.bytes, from);
        }
        self.spans.push(from..self.bytes.len());
    }

    fn sort(&mut self) {
        if self.spans.len() > 1 {
            let bytes = &self.bytes;
            let key = |span: &Range<usize>| bytes.get(span.clone()).unwrap_or_default();
            self.spans.sort_unstable_by(|a, b| key(a).cmp(key(b)));
            self.spans.dedup_by(|a, b| key(a) == key(b));
        }
    }

    /// The keys, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let spans = self.spans.iter();
        spans.map(|span| self.bytes.get(span.clone()).unwrap_or_default())
    }
}

fn refused(index: &Index, error: key::KeyError) -> Error {
    let name = &index.name;
    Error::invalid(format!("the index {name} cannot take the entity")).because(error)
}

/// Appends one part of a compound key. Says whether something was there.
fn push_one(out: &mut Vec<u8>, item: Option<&[u8]>, case: Case) -> Result<bool, key::KeyError> {
    match item {
        Some(item) => key::push(out, item, case)?,
        None => key::push_absent(out),
    }
    Ok(item.is_some())
}

/// Whether a unique index lets only one entity have this key: no part of it is null, undefined or absent.
pub(crate) fn is_claimed(index_key: &[u8]) -> bool {
    let mut rest = index_key;
    while !rest.is_empty() {
        match Kind::of(rest) {
            Some(Kind::Absent | Kind::Null | Kind::Undefined) => return false,
            // A shortened key ends in the middle of a part.
            _ => match key::item_len(rest).ok().and_then(|len| rest.get(len..)) {
                Some(behind) => rest = behind,
                None => return true,
            },
        }
    }
    true
}
