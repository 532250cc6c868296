//! The top-level fields that the indexes of a collection look into: all found in one walk through a payload.
//!
//! An entity that is written again mostly differs in few of them. An index whose fields are the same bytes has the same keys.

use std::sync::Arc;

use entidb_codec::object;

use crate::format::catalog::{Index, IndexKind};

/// The indexes of a collection, and where their paths begin.
#[derive(Default)]
pub(super) struct Roots {
    indexes: Vec<Arc<Index>>,
    /// Which path of which index, in the order of the paths' first keys.
    order: Vec<(usize, usize)>,
    /// Of each index, whether a path begins with no key, so that it has to be looked for in any case.
    rootless: Vec<bool>,
}

/// What an entity's two payloads mean for one index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change<'a> {
    /// Its fields are the same.
    None,
    /// Its one field is on the top level, and was this item and is that one.
    Item(Option<&'a [u8]>, Option<&'a [u8]>),
    /// Its keys have to be taken from both payloads.
    Any,
}

impl Roots {
    pub(super) fn of(indexes: Vec<Arc<Index>>) -> Self {
        let mut order = Vec::with_capacity(indexes.len());
        for (at, index) in indexes.iter().enumerate() {
            let paths = index.paths.iter().enumerate();
            let keyed = paths.filter(|(_, path)| path.encoded_first_key().is_some());
            order.extend(keyed.map(|(path, _)| (at, path)));
        }
        order.sort_by(|a, b| key(&indexes, *a).cmp(key(&indexes, *b)));
        let rootless = indexes.iter().map(|index| {
            let mut paths = index.paths.iter();
            paths.any(|path| path.encoded_first_key().is_none())
        });
        Self {
            rootless: rootless.collect(),
            order,
            indexes,
        }
    }

    pub(super) fn indexes(&self) -> &[Arc<Index>] {
        &self.indexes
    }

    /// Of each of the indexes, whether it has to change, where a payload takes the place of another.
    pub(super) fn changes<'a>(
        &self,
        before: Option<&'a [u8]>,
        after: Option<&'a [u8]>,
    ) -> Vec<Change<'a>> {
        let rootless = self.rootless.iter();
        let mut changes: Vec<_> = rootless
            .map(|rootless| match rootless {
                true => Change::Any,
                false => Change::None,
            })
            .collect();
        let (before, after) = (self.find(before), self.find(after));
        for ((at, _), (before, after)) in self.order.iter().zip(before.into_iter().zip(after)) {
            if before == after {
                continue;
            }
            if let (Some(change), Some(index)) = (changes.get_mut(*at), self.indexes.get(*at)) {
                *change = match is_item(index) {
                    true => Change::Item(before, after),
                    false => Change::Any,
                };
            }
        }
        changes
    }

    /// The items at the roots, in their order.
    fn find<'a>(&self, payload: Option<&'a [u8]>) -> Vec<Option<&'a [u8]>> {
        let mut found = Vec::with_capacity(self.order.len());
        let roots = self.order.iter().map(|root| key(&self.indexes, *root));
        let mut roots = roots.peekable();
        for (name, item) in payload.map(object::entries).into_iter().flatten() {
            while roots.next_if(|root| *root < name).is_some() {
                found.push(None);
            }
            while roots.next_if(|root| *root == name).is_some() {
                found.push(Some(item));
            }
            if roots.peek().is_none() {
                break;
            }
        }
        found.resize(self.order.len(), None);
        found
    }
}

/// The first key of a path, encoded.
fn key(indexes: &[Arc<Index>], (index, path): (usize, usize)) -> &[u8] {
    let path = indexes.get(index).and_then(|index| index.paths.get(path));
    let key = path.and_then(|path| path.encoded_first_key());
    key.unwrap_or_default()
}

/// Whether the keys follow from one item on the top level.
fn is_item(index: &Index) -> bool {
    let one = matches!(index.paths.as_slice(), [path] if path.is_key());
    one && index.kind == IndexKind::Value
}
