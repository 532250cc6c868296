//! Walking through a run, in either direction.

use std::ops::Bound;
use std::sync::Arc;

use super::Run;
use crate::error::Result;
use crate::format::key::Key;
use crate::format::page::Page;
use crate::memtable::Location;

/// A lazy walk over the keys of a run within bounds.
pub(crate) struct Cursor {
    run: Arc<Run>,
    bounds: (Bound<Key>, Bound<Key>),
    descending: bool,
    position: Option<Position>,
    started: bool,
}

struct Position {
    number: u64,
    page: Page,
    index: usize,
}

impl Cursor {
    pub(crate) fn new(run: Arc<Run>, bounds: (Bound<Key>, Bound<Key>), descending: bool) -> Self {
        Self {
            run,
            bounds,
            descending,
            position: None,
            started: false,
        }
    }

    pub(crate) fn next(&mut self) -> Result<Option<(Key, Location)>> {
        if self.started {
            self.step()?;
        } else if self.run.footer.leaves == 0 {
            return Ok(None); // it holds range tombstones alone
        } else {
            self.started = true;
            self.position = if self.descending {
                self.last_within()?
            } else {
                self.first_within()?
            };
        }
        let Some(position) = &self.position else {
            return Ok(None);
        };
        let key = position.page.key(position.index);
        let within = match (self.descending, self.bounds) {
            (false, (_, Bound::Included(end))) => key <= end,
            (false, (_, Bound::Excluded(end))) => key < end,
            (true, (Bound::Included(start), _)) => key >= start,
            (true, (Bound::Excluded(start), _)) => key > start,
            _ => true,
        };
        if !within {
            self.position = None;
            return Ok(None);
        }
        let entry = position.page.entry(position.index);
        let location = self.run.location(position.number, &entry)?;
        Ok(Some((key, location)))
    }

    /// The first position within the lower bound.
    fn first_within(&self) -> Result<Option<Position>> {
        let (key, excluded) = match self.bounds.0 {
            Bound::Unbounded => return self.at(1, |_| 0).map(Some),
            Bound::Included(key) => (key, false),
            Bound::Excluded(key) => (key, true),
        };
        let (number, page) = self.run.seek(&key)?;
        let index = page.lower_bound(&key);
        let mut position = Some(Position {
            number,
            page,
            index,
        });
        position = self.settle(position)?;
        if excluded
            && let Some(found) = position.as_mut()
            && found.page.key(found.index) == key
        {
            found.index += 1;
            position = self.settle(position)?;
        }
        Ok(position)
    }

    /// The last position within the upper bound.
    fn last_within(&self) -> Result<Option<Position>> {
        let (key, excluded) = match self.bounds.1 {
            Bound::Unbounded => {
                let last = self.run.footer.leaves;
                return self.at(last, |page| page.count() - 1).map(Some);
            }
            Bound::Included(key) => (key, false),
            Bound::Excluded(key) => (key, true),
        };
        let (number, page) = self.run.seek(&key)?;
        let index = page.lower_bound(&key);
        let first_not_below = self.settle(Some(Position {
            number,
            page,
            index,
        }))?;
        match first_not_below {
            Some(found) if !excluded && found.page.key(found.index) == key => Ok(Some(found)),
            Some(found) => self.before(found),
            None => {
                let last = self.run.footer.leaves;
                self.at(last, |page| page.count() - 1).map(Some)
            }
        }
    }

    fn at(&self, number: u64, index: impl FnOnce(&Page) -> usize) -> Result<Position> {
        let page = self.run.page(number)?;
        Ok(Position {
            number,
            index: index(&page),
            page,
        })
    }

    /// A position behind the end of its page is the first of the next page.
    fn settle(&self, position: Option<Position>) -> Result<Option<Position>> {
        match position {
            Some(p) if p.index >= p.page.count() => {
                if p.number < self.run.footer.leaves {
                    self.at(p.number + 1, |_| 0).map(Some)
                } else {
                    Ok(None)
                }
            }
            position => Ok(position),
        }
    }

    fn before(&self, mut position: Position) -> Result<Option<Position>> {
        if position.index > 0 {
            position.index -= 1;
            Ok(Some(position))
        } else if position.number > 1 {
            self.at(position.number - 1, |page| page.count() - 1)
                .map(Some)
        } else {
            Ok(None)
        }
    }

    fn step(&mut self) -> Result<()> {
        let Some(mut position) = self.position.take() else {
            return Ok(());
        };
        self.position = if self.descending {
            self.before(position)?
        } else {
            position.index += 1;
            self.settle(Some(position))?
        };
        Ok(())
    }
}
