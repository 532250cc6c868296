//! Whether what was acknowledged is there, and nothing else than the first commits.

use std::path::Path;

use crate::failure::{Failure, Kind, Result};
use crate::history::Model;
use crate::profile::Profile;
use crate::store;

/// The highest number that was acknowledged. A last line without its line feed was not written whole.
pub(crate) fn acknowledged(acks: &str) -> u64 {
    let whole = acks.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let numbers = whole
        .lines()
        .filter_map(|line| line.strip_prefix("ACK ")?.parse().ok());
    numbers.max().unwrap_or(0)
}

/// What a check found.
pub(crate) enum Verdict {
    /// So many commits are there, and right.
    Sound(u64),
    /// The store does not open, for this reason.
    NotOpened(Failure),
}

/// Opens the store and compares it with `model`.
pub(crate) fn check(
    dir: &Path,
    acknowledged: u64,
    model: &mut Model,
    profile: &Profile,
    read_only: bool,
) -> Result<Verdict> {
    let db = match store::open(dir, profile, read_only) {
        Ok(db) => db,
        Err(failure) if failure.kind == Kind::Corrupt => return Err(failure),
        Err(failure) => return Ok(Verdict::NotOpened(failure)),
    };
    let found = store::content(&db)?;
    let report = db.verify()?;
    if let Some(problem) = report.problems.first() {
        return Err(Failure::new(Kind::Corrupt, problem.to_string()));
    }
    let count = store::committed(&db)?;
    if count < acknowledged {
        return Err(Failure::wrong(format!(
            "lost: {acknowledged} commits were acknowledged, {count} are there"
        )));
    }
    if found != *model.after(count)? {
        return Err(Failure::wrong(format!(
            "wrong: what is there is not what the first {count} commits wrote"
        )));
    }
    Ok(Verdict::Sound(count))
}
