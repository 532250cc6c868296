//! Reading a run.

use std::sync::OnceLock;

use bytes::Bytes;
use entidb_storage::Directory;

use crate::error::{Error, Result};
use crate::format::block;
use crate::format::filter::Filter;
use crate::format::footer::RunFooter;
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::format::page::{self, Entry, Page};
use crate::ids::StreamId;
use crate::manifest::SealedEntry;
use crate::memtable::Location;
use crate::ranges::RangeTombstone;
use crate::stream::Stream;

/// An open run. The filter (10 bits a key) and the inner pages (about 20 bytes for each 170 keys) stay in memory from the
/// first lookup on.
pub(crate) struct Run {
    pub(crate) stream: Stream,
    pub(crate) entry: SealedEntry,
    pub(crate) footer: RunFooter,
    filter: OnceLock<Option<Filter>>,
    inner: OnceLock<Vec<Page>>,
}

impl Run {
    /// Opens a run and checks its header, its length and its footer.
    pub(crate) fn open(
        directory: &dyn Directory,
        entry: SealedEntry,
        database: [u8; 16],
    ) -> Result<Self> {
        let stream = Stream::open(directory, StreamKind::Run, entry.stream, database)?;
        let bytes = stream.footer(entry.end, entry.len, &entry.digest)?;
        let fail = |fault: crate::format::Fault| fault.at(&stream.name, entry.end);
        let body = block::decode(stream.salt, entry.end, &bytes).map_err(fail)?;
        let footer = RunFooter::decode(body).map_err(fail)?;
        let filter_len = footer.filter.map_or(0, |filter| filter.len);
        let end = pages_end(&footer).and_then(|end| end.checked_add(filter_len));
        let empty = [footer.entries, footer.leaves, footer.pages, filter_len] == [0; 4];
        let leaves = footer.leaves == 0 || footer.leaves > footer.pages;
        if end != Some(entry.end) || (leaves && !empty) {
            return Err(Error::corrupt(
                &stream.name,
                entry.end,
                format!("pages and a filter up to {}", entry.end),
                format!("{} pages, {} leaves", footer.pages, footer.leaves),
            ));
        }
        Ok(Self {
            stream,
            entry,
            footer,
            filter: OnceLock::new(),
            inner: OnceLock::new(),
        })
    }

    /// The range tombstones that this run holds.
    pub(crate) fn ranges(&self) -> &[RangeTombstone] {
        &self.footer.ranges
    }

    /// The run's filter, if it has one.
    pub(crate) fn filter(&self) -> Result<Option<&Filter>> {
        if self.filter.get().is_none() {
            let filter = match self.footer.filter {
                None => None,
                Some(entry) => {
                    let offset = pages_end(&self.footer).unwrap_or(0);
                    let len = usize::try_from(entry.len).unwrap_or(usize::MAX);
                    let bytes = self.stream.read(offset, len)?;
                    let filter = Filter::decode(bytes, self.stream.salt, offset, entry.crc);
                    Some(filter.map_err(|fault| fault.at(&self.stream.name, offset))?)
                }
            };
            let _ = self.filter.set(filter);
        }
        Ok(self.filter.get().and_then(Option::as_ref))
    }

    /// The inner pages, in order.
    fn inner(&self) -> Result<&[Page]> {
        if self.inner.get().is_none() {
            let first = self.footer.leaves + 1;
            let count = self.footer.pages - self.footer.leaves;
            let len = count.saturating_mul(page::LEN as u64);
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            let bytes = self.stream.read(first * page::LEN as u64, len)?;
            let mut pages = Vec::new();
            for (number, at) in (first..).zip((0..len).step_by(page::LEN)) {
                pages.push(self.check(number, bytes.slice(at..at + page::LEN))?);
            }
            let _ = self.inner.set(pages);
        }
        Ok(self.inner.get().map_or(&[], Vec::as_slice))
    }

    /// Reads and checks the page with this number, from 1.
    pub(crate) fn page(&self, number: u64) -> Result<Page> {
        if number == 0 || number > self.footer.pages {
            return Err(Error::corrupt(
                &self.stream.name,
                self.entry.end,
                format!("pages 1 to {}", self.footer.pages),
                format!("a reference to page {number}"),
            ));
        }
        if number > self.footer.leaves {
            let index = usize::try_from(number - self.footer.leaves - 1).unwrap_or(usize::MAX);
            if let Some(page) = self.inner()?.get(index) {
                return Ok(page.clone());
            }
        }
        let bytes = self.stream.read(number * page::LEN as u64, page::LEN)?;
        self.check(number, bytes)
    }

    fn check(&self, number: u64, bytes: Bytes) -> Result<Page> {
        let name = &self.stream.name;
        let offset = number * page::LEN as u64;
        let page = Page::decode(bytes, self.stream.salt, offset)
            .map_err(|fault| fault.at(name, offset))?;
        if (page.level() == 0) != (number <= self.footer.leaves) {
            return Err(Error::corrupt(
                name,
                offset,
                format!("{} leaves first", self.footer.leaves),
                format!("a page of level {}", page.level()),
            ));
        }
        Ok(page)
    }

    /// The leaf that has the first key not below `key`, if any has; the one before it in the other cases.
    pub(crate) fn seek(&self, key: &Key) -> Result<(u64, Page)> {
        let mut number = self.footer.pages;
        let mut page = self.page(number)?;
        for _ in 0..=page::LEVEL_MAX {
            if page.level() == 0 {
                return Ok((number, page));
            }
            // The last child that begins below the key: the key itself may stand at its end.
            let index = page.lower_bound(key).saturating_sub(1);
            let child = page.child(index);
            let next = self.page(child)?;
            if next.level() + 1 != page.level() {
                break;
            }
            (number, page) = (child, next);
        }
        Err(Error::corrupt(
            &self.stream.name,
            number * page::LEN as u64,
            "levels that fall to a leaf",
            format!("level {}", page.level()),
        ))
    }

    /// Where the record of `key` lies.
    pub(crate) fn get(&self, key: &Key) -> Result<Option<Location>> {
        if *key < self.footer.first_key || *key > self.footer.last_key {
            return Ok(None);
        }
        if self.filter()?.is_some_and(|filter| !filter.may_have(key)) {
            return Ok(None);
        }
        let (mut number, mut page) = self.seek(key)?;
        loop {
            let index = page.lower_bound(key);
            if index < page.count() {
                let entry = page.entry(index);
                return match entry.key == *key {
                    true => self.location(number, &entry).map(Some),
                    false => Ok(None),
                };
            }
            if number == self.footer.leaves {
                return Ok(None);
            }
            number += 1;
            page = self.page(number)?;
        }
    }

    /// The location that an entry of leaf `number` names.
    pub(crate) fn location(&self, number: u64, entry: &Entry) -> Result<Location> {
        let index = usize::try_from(entry.stream).unwrap_or(usize::MAX);
        let Some(stream) = self.footer.streams.get(index) else {
            return Err(Error::corrupt(
                &self.stream.name,
                number * page::LEN as u64,
                format!("one of {} streams", self.footer.streams.len()),
                format!("number {index}"),
            ));
        };
        Ok(Location {
            lsn: entry.lsn,
            stream: StreamId(stream.0),
            offset: entry.offset,
            len: entry.len,
            tombstone: entry.tombstone,
        })
    }
}

/// Where the pages end, in bytes; `None` if there cannot be so many.
fn pages_end(footer: &RunFooter) -> Option<u64> {
    footer.pages.checked_add(1)?.checked_mul(page::LEN as u64)
}
