//! A set that is four times the cache, in a control group whose memory is bounded: what is not cached comes from disk.

use std::path::{Path, PathBuf};

use super::load::load;
use super::{Bench, read};
use crate::engine::Setup;
use crate::measure::anonymous;

/// Beside the cache: a memtable of 64 MiB, and 64 MiB.
const BESIDE_LEN: u64 = 128 << 20;

const ROWS: [&str; 3] = ["bounded-load", "bounded-get", "bounded-scan"];

pub fn run(bench: &Bench) {
    if bench.kind == crate::engine::Kind::Published {
        return ROWS
            .iter()
            .for_each(|row| bench.note(row, "not run: its set is small"));
    }
    bench.warm();
    // This program's own lists are not the engine's; its data is mapped from pages that others hold.
    let limit = bench.cache_len + BESIDE_LEN + anonymous();
    if let Err(why) = enter(&format!("entidb-bench-{}", bench.kind.name()), limit) {
        let note = format!("not run: {why}");
        return ROWS.iter().for_each(|row| bench.note(row, &note));
    }
    let data = bench.data;
    let setup = Setup {
        bounded: true,
        ..bench.setup()
    };
    let engine = bench.open(setup);
    let time = load(&*engine, data, 0..data.count);
    bench.rate("bounded-load", data.count, time);
    engine.close();
    let engine = bench.open(setup);
    let count = data.count / 5;
    read::get(bench, &*engine, 1, count, "bounded-get");
    read::scan(bench, &*engine, "bounded-scan");
    engine.close();
}

/// Puts this process into a new group with so much memory.
fn enter(name: &str, limit: u64) -> Result<(), String> {
    let (root, file) = match Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        true => ("/sys/fs/cgroup", "memory.max"),
        false => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
    };
    let write = |path: PathBuf, text: String| {
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    let root = Path::new(root);
    if file == "memory.max" {
        // It may be on already, or not be ours to switch; the limit's file tells.
        let _ = write(root.join("cgroup.subtree_control"), "+memory".to_owned());
    }
    let group = root.join(name);
    match std::fs::create_dir(&group) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(format!("{}: {error}", group.display()));
        }
        _ => {}
    }
    write(group.join(file), limit.to_string())?;
    write(group.join("cgroup.procs"), std::process::id().to_string())
}

/// Removes the group of a child that has ended.
pub fn leave(engine: &str) {
    for root in ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"] {
        let _ = std::fs::remove_dir(Path::new(root).join(format!("entidb-bench-{engine}")));
    }
}
