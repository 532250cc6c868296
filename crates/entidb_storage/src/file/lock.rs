//! The lock on a file, and who holds it.

use std::fs::File;
use std::path::Path;

use super::seam::System;
use super::while_doing;
use crate::{StorageError, StorageResult};

/// Takes the exclusive lock on `file` without waiting. It lasts until the file is unlocked or its last handle is closed,
/// and so dies with the process.
pub(super) fn take(system: &System, file: &File, path: &Path) -> StorageResult<()> {
    let taken = system
        .try_lock(file)
        .map_err(|error| while_doing("lock", path, error))?;
    if taken {
        return Ok(());
    }
    Err(StorageError::Locked {
        holder: holder(system, file),
    })
}

/// Who holds the lock, for people.
fn holder(system: &System, file: &File) -> String {
    // The kernel knows best. What the file says may be a predecessor's: its holder writes a moment after it locks.
    holder_by_kernel(file)
        .or_else(|| holder_by_text(system, file))
        .map_or_else(|| "another process".to_owned(), describe)
}

fn describe(pid: u32) -> String {
    if pid == std::process::id() {
        format!("this process ({pid})")
    } else {
        format!("process {pid}")
    }
}

/// The process id that the holder of a directory's lock wrote into the file. Streams never begin like this: their bytes
/// are no digits up to a newline within so few bytes, and if they were, they would only be misquoted.
fn holder_by_text(system: &System, file: &File) -> Option<u32> {
    let mut text = [0; 16];
    let count = system.read(file, &mut text, 0).ok()?;
    let line = text.get(..count)?.strip_suffix(b"\n")?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// Looks the file up in the kernel's table of locks, which has lines like
/// `1: FLOCK  ADVISORY  WRITE 4711 fe:00:5324905 0 EOF`: the process, and the file as device and inode.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn holder_by_kernel(file: &File) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata().ok()?;
    let device = metadata.dev();
    let id = format!(
        "{:02x}:{:02x}:{}",
        rustix::fs::major(device),
        rustix::fs::minor(device),
        metadata.ino()
    );
    let table = std::fs::read_to_string("/proc/locks").ok()?;
    holder_in_table(&table, &id)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn holder_by_kernel(_file: &File) -> Option<u32> {
    None
}

#[cfg(any(target_os = "linux", target_os = "android", test))]
fn holder_in_table(table: &str, id: &str) -> Option<u32> {
    table.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        if words.next()? != "FLOCK" {
            return None;
        }
        let (pid, file) = (words.nth(2)?, words.next()?);
        // A process outside of our namespace is 0 or -1 here.
        (file == id)
            .then(|| pid.parse().ok().filter(|pid| *pid != 0))
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_in_the_kernels_table() {
        let table = "1: FLOCK  ADVISORY  WRITE 0 fe:00:77 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 99 fe:00:53 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 4242 fe:00:53 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 4711 fe:00:53 0 EOF\n";
        assert_eq!(holder_in_table(table, "fe:00:53"), Some(4711));
        assert_eq!(holder_in_table(table, "fe:00:54"), None);
        assert_eq!(holder_in_table(table, "fe:00:77"), None);
        assert_eq!(holder_in_table("nonsense", "fe:00:53"), None);
    }

    #[test]
    fn a_holder_is_described_by_its_process_id() {
        assert_eq!(describe(4_000_000_000), "process 4000000000");
        let own = std::process::id();
        assert_eq!(describe(own), format!("this process ({own})"));
    }

    #[test]
    fn the_holder_is_read_from_the_file_where_the_kernel_does_not_say() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let texts = [
            ("4711\n", Some(4711)),
            ("4711", None),
            ("", None),
            ("\n", None),
            ("-1\n", None),
            ("4711\nand more", None),
            ("99999999999\n", None),
            ("a stream, and a long one\n", None),
        ];
        for (text, pid) in texts {
            std::fs::write(&path, text).unwrap();
            let file = File::open(&path).unwrap();
            assert_eq!(holder_by_text(&System::default(), &file), pid, "{text:?}");
        }
    }
}
