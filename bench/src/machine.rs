//! Where it ran, and what.

use std::path::Path;

/// The lock file says which versions were built.
const LOCK: &str = include_str!("../Cargo.lock");

/// The version of a package that was built.
#[must_use]
pub fn version(package: &str) -> String {
    let head = format!("name = \"{package}\"\nversion = \"");
    // Of several, the newest: the others are those of a peer.
    LOCK.rsplit_once(&head)
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or_else(|| "?".to_owned(), |(version, _)| version.to_owned())
}

/// All engines that `compare` knows.
#[must_use]
pub fn versions() -> String {
    let rocksdb = version("librocksdb-sys");
    let rocksdb = rocksdb.split_once('+').map_or("?", |(_, native)| native);
    let lmdb = heed::lmdb_version();
    format!(
        "EntiDB at this version, redb {}, fjall {}, RocksDB {rocksdb} (rust-rocksdb {}), LMDB {}.{}.{} (heed {}), \
         SQLite {} (rusqlite {}), published entidb_core 2.0.0-alpha.3",
        version("redb"),
        version("fjall"),
        version("rocksdb"),
        lmdb.major,
        lmdb.minor,
        lmdb.patch,
        version("heed"),
        rusqlite::version(),
        version("rusqlite"),
    )
}

/// The value behind the first line that begins with `name`.
fn line(file: &str, name: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_once(':'));
    value.map_or("?", |(_, value)| value.trim()).to_owned()
}

/// Processor, cores, memory, system, and the file system of `dir`.
#[must_use]
pub fn machine(dir: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kib: f64 = line("/proc/meminfo", "MemTotal")
        .trim_end_matches(" kB")
        .parse()
        .unwrap_or_default();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{} ({}), {cores} cores, {:.0} GiB, Linux {}, {}",
        line("/proc/cpuinfo", "model name"),
        std::env::consts::ARCH,
        kib / f64::from(1 << 20),
        kernel.trim(),
        file_system(dir),
    )
}

/// The type of the file system that holds `dir`.
fn file_system(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_default();
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let holds = mounts.filter(|(point, _)| dir.starts_with(point));
    let nearest = holds.max_by_key(|(point, _)| point.len());
    nearest.map_or("?", |(_, kind)| kind).to_owned()
}
