//! Runs: each page, the order of the keys, and the record that each points to.

use entidb_storage::Directory;

use super::{Report, entries};
use crate::error::{Error, Result};
use crate::format::footer::Live;
use crate::format::name::StreamKind;
use crate::format::{header, page};
use crate::manifest::Manifest;
use crate::ranges::RangeTombstone;
use crate::run::Run;
use crate::view::View;

pub(super) fn verify(
    directory: &dyn Directory,
    manifest: &Manifest,
    view: Option<&View>,
    report: &mut Report,
) {
    for entry in &manifest.runs {
        let name = StreamKind::Run.name(entry.stream);
        match Run::open(directory, *entry, manifest.database) {
            Ok(run) => {
                report.read(entry.len);
                if let Err(error) =
                    check_padding(&run).and_then(|()| check_leaves(&run, view, report))
                {
                    report.add(&name, &error);
                }
                check_inner(&run, report);
                entries::check(&run, report);
            }
            Err(error) => report.add(&name, &error),
        }
    }
}

/// Behind the header, page 0 holds zeros.
fn check_padding(run: &Run) -> Result<()> {
    let padding = run
        .stream
        .read(header::LEN as u64, page::LEN - header::LEN)?;
    match padding.iter().position(|byte| *byte != 0) {
        None => Ok(()),
        Some(at) => Err(Error::corrupt(
            &run.stream.name,
            (header::LEN + at) as u64,
            "zeros behind the header",
            "another byte",
        )),
    }
}

fn check_leaves(run: &Run, view: Option<&View>, report: &mut Report) -> Result<()> {
    let name = &run.stream.name;
    let mut last = None;
    let (mut entries, mut tombstones) = (0_u64, 0_u64);
    let mut skipped = false;
    let mut live = vec![Live::default(); run.footer.streams.len()];
    let filter = match run.filter() {
        Ok(filter) => filter,
        Err(error) => {
            report.add(name, &error);
            None
        }
    };
    for number in 1..=run.footer.leaves {
        let leaf = match run.page(number) {
            Ok(leaf) => leaf,
            Err(error) => {
                report.add(name, &error);
                skipped = true;
                continue;
            }
        };
        let offset = number * page::LEN as u64;
        for index in 0..leaf.count() {
            let key = leaf.key(index);
            if last.is_some_and(|last| last >= key) {
                return Err(Error::corrupt(
                    name,
                    offset,
                    "rising keys",
                    format!("entry {index} out of order"),
                ));
            }
            last = Some(key);
            if filter.is_some_and(|filter| !filter.may_have(&key)) {
                return Err(Error::corrupt(
                    name,
                    offset,
                    format!("the filter to pass entry {index}"),
                    "a filter that does not",
                ));
            }
            let entry = leaf.entry(index);
            let location = run.location(number, &entry)?;
            let counted = usize::try_from(entry.stream).ok();
            if let Some(counted) = counted.and_then(|stream| live.get_mut(stream)) {
                counted.add(location.len);
            }
            entries += 1;
            tombstones += u64::from(location.tombstone);
            if location.lsn < run.entry.first_lsn || location.lsn > run.entry.last_lsn {
                return Err(Error::corrupt(
                    name,
                    offset,
                    format!("commits {} to {}", run.entry.first_lsn, run.entry.last_lsn),
                    format!("{} in entry {index}", location.lsn),
                ));
            }
            if let Some(view) = view
                && let Err(error) = view.payload(key, &location.into())
            {
                report.add(name, &error);
            }
        }
    }
    let footer = &run.footer;
    let last_key = (entries > 0).then_some(footer.last_key);
    let sound = (entries, tombstones) == (footer.entries, footer.tombstones) && last == last_key;
    if !skipped && !sound {
        return Err(Error::corrupt(
            name,
            run.entry.end,
            format!(
                "{} entries, {} tombstones",
                footer.entries, footer.tombstones
            ),
            format!("{entries} and {tombstones}"),
        ));
    }
    if !skipped && !footer.live.is_empty() && footer.live != live {
        return Err(Error::corrupt(
            name,
            run.entry.end,
            format!("{:?} in its streams", footer.live),
            format!("{live:?}"),
        ));
    }
    let within = |range: &RangeTombstone| {
        (run.entry.first_lsn..=run.entry.last_lsn).contains(&range.lsn) && range.first <= range.last
    };
    match footer.ranges.iter().find(|range| !within(range)) {
        None => Ok(()),
        Some(range) => Err(Error::corrupt(
            name,
            run.entry.end,
            "range tombstones of the commits that the run covers",
            format!("{range:?}"),
        )),
    }
}

/// Each child of an inner page begins with the key that the page says, and lies one level below.
fn check_inner(run: &Run, report: &mut Report) {
    let name = &run.stream.name;
    for number in run.footer.leaves + 1..=run.footer.pages {
        let offset = number * page::LEN as u64;
        let checked = run.page(number).and_then(|inner| {
            for index in 0..inner.count() {
                let child = run.page(inner.child(index))?;
                if child.key(0) != inner.key(index) || child.level() + 1 != inner.level() {
                    return Err(Error::corrupt(
                        name,
                        offset,
                        format!("page {} to be child {index}", inner.child(index)),
                        "another key or level",
                    ));
                }
            }
            Ok(())
        });
        if let Err(error) = checked {
            report.add(name, &error);
        }
    }
}
