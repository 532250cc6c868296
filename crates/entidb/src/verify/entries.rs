//! Index entries of a run: each page, the order of the keys, the tree above them, and the filter.

use super::Report;
use crate::error::{Error, Result};
use crate::format::entry::{self, FilterPage, IndexFooter, Node, Place, index_of, split};
use crate::format::filter;
use crate::format::page;
use crate::run::Run;

/// Checks the index entries of a run, if it has any. One damage does not hide the next.
pub(crate) fn check(run: &Run, report: &mut Report) {
    let Some(footer) = &run.footer.index else {
        return;
    };
    let name = &run.stream.name;
    let mut checker = Checker {
        run,
        footer,
        filter: read_filter(run, footer, report),
        counted: IndexFooter::default(),
        last: Vec::new(),
        pending: Vec::new(),
        skipped: false,
    };
    let first = run.footer.pages + 1;
    for number in first..first + footer.pages {
        match run.read_node(number) {
            Ok(node) if node.level() == 0 => {
                if let Err(error) = checker.leaf(number, &node) {
                    report.add(name, &error);
                }
            }
            Ok(node) => {
                if let Err(error) = checker.inner(number, &node) {
                    report.add(name, &error);
                }
            }
            Err(error) => {
                report.add(name, &error);
                checker.skipped = true;
            }
        }
    }
    if let Err(error) = checker.finish() {
        report.add(name, &error);
    }
}

/// All pages of the filter; `None` if there are none, or not all of them are sound.
fn read_filter(run: &Run, footer: &IndexFooter, report: &mut Report) -> Option<Vec<FilterPage>> {
    let mut pages = Vec::new();
    let count = footer.page_count() - footer.pages;
    for number in 0..count {
        match run.filter_page(footer, number) {
            Ok(page) => pages.push(page),
            Err(error) => report.add(&run.stream.name, &error),
        }
    }
    (count > 0 && pages.len() as u64 == count).then_some(pages)
}

struct Checker<'a> {
    run: &'a Run,
    footer: &'a IndexFooter,
    filter: Option<Vec<FilterPage>>,
    counted: IndexFooter,
    /// The key that came last.
    last: Vec<u8>,
    /// Of each level, the pages that no inner page has named yet.
    pending: Vec<Vec<Part>>,
    /// Whether a page could not be checked: then the counts and the tree do not say more.
    skipped: bool,
}

/// A page, and the first and the last key below it.
struct Part {
    number: u64,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl Checker<'_> {
    fn leaf(&mut self, number: u64, node: &Node) -> Result<()> {
        let checked = self.entries(number, node);
        self.skipped |= checked.is_err();
        let first = checked?;
        self.counted.leaves += 1;
        let last = self.last.clone();
        self.add(
            0,
            Part {
                number,
                first,
                last,
            },
        );
        Ok(())
    }

    /// Checks the entries of a leaf, and returns the first key.
    fn entries(&mut self, number: u64, node: &Node) -> Result<Vec<u8>> {
        let mut place = Place { group: 0, row: 0 };
        let mut first = Vec::new();
        let mut key = Vec::new();
        let lsns = self.run.entry.first_lsn..=self.run.entry.last_lsn;
        while place < node.end() {
            node.write_value(place.group, &mut key);
            let (lsn, tombstone) = node.write_id(place, &mut key);
            let lsn = self.run.lsn_of(lsn);
            self.order(number, &key)?;
            if !lsns.contains(&lsn) {
                let expected = format!("commits {} to {}", lsns.start(), lsns.end());
                return Err(self.corrupt(number, &expected, &lsn.to_string()));
            }
            self.counted.count(index_of(&key), tombstone);
            if first.is_empty() {
                first.clone_from(&key);
            }
            self.last.clone_from(&key);
            place = node.behind(place);
        }
        Ok(first)
    }

    /// Checks that a key is above the last one, and that the filter has its value.
    fn order(&mut self, number: u64, key: &[u8]) -> Result<()> {
        let Some((value, id)) = split(key) else {
            return Err(self.corrupt(number, "an index entry's key", "one that is too short"));
        };
        let rising = match split(&self.last) {
            None => true,
            Some((last, last_id)) if last == value => {
                return match last_id < id {
                    true => Ok(()),
                    false => Err(self.corrupt(number, "rising ids of a value", "others")),
                };
            }
            Some((last, _)) => last < value && !value.starts_with(last),
        };
        if !rising {
            return Err(self.corrupt(
                number,
                "rising values, none beginning with another",
                "others",
            ));
        }
        self.counted.values += 1;
        match self.passes(value) {
            true => Ok(()),
            false => Err(self.corrupt(
                number,
                "the filter to pass each value",
                "a filter that does not",
            )),
        }
    }

    fn passes(&self, value: &[u8]) -> bool {
        let Some(pages) = &self.filter else {
            return true;
        };
        let (block, bits) = filter::place(entry::hash(value), self.footer.filter_blocks);
        let (number, at) = entry::place(block);
        let page = usize::try_from(number)
            .ok()
            .and_then(|number| pages.get(number));
        page.is_none_or(|page| page.has(at, bits))
    }

    /// An inner page has, in order, the pages of the level below that stand before it and have no other parent; and each
    /// separator lies between what it separates.
    fn inner(&mut self, number: u64, node: &Node) -> Result<()> {
        let below = usize::from(node.level() - 1);
        let parts = self.pending.get_mut(below).map(std::mem::take);
        let parts = parts.unwrap_or_default();
        if self.skipped {
            return Ok(());
        }
        let children = (0..node.count()).map(|index| node.child_at(index));
        if !children.eq(parts.iter().map(|part| part.number)) {
            self.skipped = true;
            return Err(self.corrupt(number, "the pages before it as children", "others"));
        }
        for (index, pair) in (1..).zip(parts.windows(2)) {
            let separator = node.separator(index);
            let between = pair.first().is_some_and(|part| part.last < separator)
                && pair.last().is_some_and(|part| separator <= part.first);
            if !between {
                return Err(self.corrupt(number, "separators between their children", "another"));
            }
        }
        let mut parts = parts.into_iter();
        if let Some(first) = parts.next() {
            let last = parts.next_back().map_or(first.last, |part| part.last);
            self.add(
                below + 1,
                Part {
                    number,
                    last,
                    ..first
                },
            );
        }
        Ok(())
    }

    fn add(&mut self, level: usize, part: Part) {
        if self.pending.len() <= level {
            self.pending.resize_with(level + 1, Vec::new);
        }
        if let Some(pending) = self.pending.get_mut(level) {
            pending.push(part);
        }
    }

    /// What was counted is what the footer says, and everything is below the last page.
    fn finish(mut self) -> Result<()> {
        if self.skipped {
            return Ok(());
        }
        let counted = &mut self.counted;
        counted.pages = self.footer.pages;
        counted.filter_blocks = self.footer.filter_blocks;
        counted.last_key = std::mem::take(&mut self.last);
        let mut open = self.pending.iter().flatten();
        let root = open.next();
        let root_number = self.run.footer.pages + self.footer.pages;
        let rooted = root.is_some_and(|root| root.number == root_number) && open.next().is_none();
        if !rooted {
            return Err(self.corrupt(root_number, "a root over all pages", "others"));
        }
        self.counted.first_key = root.map(|root| root.first.clone()).unwrap_or_default();
        if self.counted != *self.footer {
            return Err(Error::corrupt(
                &self.run.stream.name,
                self.run.entry.end,
                summary(self.footer),
                summary(&self.counted),
            ));
        }
        Ok(())
    }

    fn corrupt(&self, number: u64, expected: &str, got: &str) -> Error {
        let offset = number * page::LEN as u64;
        Error::corrupt(&self.run.stream.name, offset, expected, got)
    }
}

fn summary(footer: &IndexFooter) -> String {
    format!(
        "{} index entries, {} tombstones, {} values, {} leaves, of {} indexes",
        footer.entries,
        footer.tombstones,
        footer.values,
        footer.leaves,
        footer.indexes.len()
    )
}
