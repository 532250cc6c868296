//! D2: a stream is replaced as a whole.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{ensure_list, ensure_stream};
use crate::conformance::verdict::{
    NO_KILL, NO_POWER_LOSS, Unmet, Verdict, as_len, bytes, ensure, ensure_reads, not_checked,
};
use crate::conformance::{DirectorySubject, Fault, Loss};
use crate::{Directory, OpenMode, StorageResult};

/// D2: `replace` makes the stream, or puts exactly the new content in its place, and leaves nothing beside it.
pub fn d2_a_replacement_is_the_whole(subject: &mut DirectorySubject<'_>) -> Verdict {
    let directory = subject.fresh()?;
    let large = bytes(1, 3_000_000);
    for content in [&b"first and long"[..], b"second", b"", &large, b"last"] {
        directory.replace("manifest", content)?;
        let when = format!("replaced by {} bytes", content.len());
        ensure_stream(&*directory, "manifest", content, &when)?;
        ensure_list(&*directory, &["manifest"], &when)?;
    }
    let mut stream = directory.open("manifest", OpenMode::Existing)?;
    ensure!(
        stream.append(b" and more")? == 4,
        "what was replaced is not appended to behind its last byte"
    );
    stream.close()?;
    drop((stream, directory));
    match subject.reopen() {
        Some(again) => ensure_stream(&*again?, "manifest", b"last and more", "opened again"),
        None => Ok(()),
    }
}

/// D2 and D7: who had the old content open goes on with that.
pub fn d2_the_old_content_stays_with_who_has_it_open(
    subject: &mut DirectorySubject<'_>,
) -> Verdict {
    let directory = subject.fresh()?;
    directory.replace("manifest", b"old")?;
    let reader = directory.open_reader("manifest")?;
    directory.replace("manifest", b"a new one, and longer")?;
    ensure_reads(&*reader, b"old", "a reader from before the replacement")?;
    let mut appender = directory.open("manifest", OpenMode::Existing)?;
    directory.replace("manifest", b"below its appender")?;
    appender.append(b"of the old one")?;
    ensure_reads(&*reader, b"old", "a reader from before the replacements")?;
    ensure_stream(
        &*directory,
        "manifest",
        b"below its appender",
        "replaced below an appender, which then appended",
    )
}

/// D2: whoever opens the stream while it is replaced reads the old or the new content, whole, and always one of them.
pub fn d2_nobody_sees_half_a_replacement(subject: &mut DirectorySubject<'_>) -> Verdict {
    let directory = subject.fresh()?;
    let contents = [bytes(1, 40_000), bytes(2, 90_000), bytes(3, 5)];
    directory.replace("manifest", &contents[0])?;
    let (done, start) = (AtomicBool::new(false), Barrier::new(2));
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            start.wait();
            while !done.load(Ordering::Acquire) {
                let found = whole(&*directory)?;
                ensure!(
                    contents.contains(&found),
                    "while the stream was being replaced {} bytes were read, which are none of the contents",
                    found.len()
                );
                ensure_list(&*directory, &["manifest"], "while it was being replaced")?;
            }
            Ok(())
        });
        start.wait();
        let replaced = (1..60).try_for_each(|n| directory.replace("manifest", &contents[n % 3]));
        done.store(true, Ordering::Release);
        let watched = watcher.join();
        watched.map_err(|_| Unmet::Fails("a reader's thread panicked".to_owned()))??;
        Ok(replaced?)
    })
}

fn whole(directory: &dyn Directory) -> StorageResult<Vec<u8>> {
    let reader = directory.open_reader("manifest")?;
    reader.read_at(0, as_len(reader.size()?))
}

/// D2: a replacement is durable when it returns, with its name.
pub fn d2_a_replacement_is_durable_when_it_returns(subject: &mut DirectorySubject<'_>) -> Verdict {
    let mut checked = false;
    for loss in [Loss::Process, Loss::Power] {
        let directory = subject.fresh()?;
        for content in [&b"the first"[..], b"and another"] {
            directory.replace("manifest", content)?;
            if let Some(left) = subject.after(loss) {
                checked = true;
                let when = format!("replaced, and then {loss}");
                ensure_stream(&*left?, "manifest", content, &when)?;
            }
        }
    }
    match checked {
        true => Ok(()),
        false => not_checked(&format!("{NO_KILL}; {NO_POWER_LOSS}")),
    }
}

/// D2: a replacement that failed for want of room leaves the old content, now and for good.
pub fn d2_a_failed_replacement_leaves_the_old(subject: &mut DirectorySubject<'_>) -> Verdict {
    let directory = subject.fresh()?;
    directory.replace("manifest", b"old")?;
    if !subject.inject(Fault::Full) {
        return not_checked("the medium cannot be filled (Subject::inject(Fault::Full))");
    }
    let large = bytes(1, 4 << 20);
    let Err(error) = directory.replace("manifest", &large) else {
        subject.mend();
        return not_checked("Subject::inject(Fault::Full) did not make a replacement fail");
    };
    ensure!(
        error.is_full(),
        "a full disk gave the error \"{error}\", for which is_full() does not hold"
    );
    ensure_stream(
        &*directory,
        "manifest",
        b"old",
        "after a failed replacement",
    )?;
    ensure_list(&*directory, &["manifest"], "after a failed replacement")?;
    subject.mend();
    ensure_stream(
        &*directory,
        "manifest",
        b"old",
        "after a failed replacement",
    )?;
    directory.replace("manifest", b"new")?;
    ensure_stream(
        &*directory,
        "manifest",
        b"new",
        "replaced after a failed replacement",
    )
}
