//! `entidb compact`

use entidb::{Compression, Options, Stats};

use crate::args::Compact;
use crate::exit::{Outcome, say};
use crate::key::Key;
use crate::{human, open};

pub(crate) fn run(args: &Compact, key: Option<&Key>) -> Outcome {
    // What is due by itself would only be done before.
    let options = Options::new()
        .compression(compression(args))
        .auto_compaction(false);
    let db = open::for_writing_with(options, &args.db, key)?;
    let before = bytes(&db.stats()?);
    db.compact()?;
    let after = bytes(&db.stats()?);
    open::close(db);
    say(format_args!(
        "{}: {} before, {} after",
        args.db.display(),
        human::bytes(before),
        human::bytes(after)
    ));
    Ok(())
}

fn compression(args: &Compact) -> Compression {
    match args {
        #[cfg(feature = "zstd")]
        Compact { zstd: true, .. } => Compression::Zstd,
        Compact { lz4: true, .. } => Compression::Lz4,
        _ => Compression::None,
    }
}

/// What entities and keys take on disk.
fn bytes(stats: &Stats) -> u64 {
    stats.log_bytes + stats.run_bytes
}
