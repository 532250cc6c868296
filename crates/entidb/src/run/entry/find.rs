//! Finding the entries of one value.

use super::reader::Target;
use crate::cache::Cache;
use crate::error::Result;
use crate::format::entry::Place;
use crate::ids::{EntityId, Lsn};
use crate::run::Run;

impl Run {
    /// Gives each id that has this value here, in order, its commit and whether the entry is a tombstone, until that says false:
    /// what a cursor over the value finds, without what a walk costs besides. Says whether all were given.
    pub(crate) fn each_with_value(
        &self,
        cache: &Cache,
        index_and_value: &[u8],
        mut give: impl FnMut(EntityId, Lsn, bool) -> bool,
    ) -> Result<bool> {
        let Some(index) = &self.footer.index else {
            return Ok(true);
        };
        if index_and_value > index.last_key.as_slice() {
            return Ok(true);
        }
        let target = Target::Key(index_and_value);
        let (mut number, mut leaf) = self.seek_entry(Some(cache), index, target)?;
        let (_, last) = self.node_numbers(index);
        let mut place = leaf.position(index_and_value, false);
        loop {
            if place < leaf.end() {
                if !leaf.has_value(place.group, index_and_value) {
                    return Ok(true);
                }
                let (id, lsn, tombstone) = leaf.id(place);
                if !give(id, self.lsn_of(lsn), tombstone) {
                    return Ok(false);
                }
                place = leaf.behind(place);
                continue;
            }
            // Inner pages stand between leaves.
            loop {
                number += 1;
                if number > last {
                    return Ok(true);
                }
                leaf = self.node(Some(cache), number)?;
                if leaf.level() == 0 {
                    break;
                }
            }
            place = Place { group: 0, row: 0 };
        }
    }
}
