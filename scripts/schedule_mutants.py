#!/usr/bin/env python3
"""Breaks the engine in one place at a time, and looks whether the tests of schedules find it.

Works on a copy of the tracked files in target/mutants, into which all mutants are written at once, each behind a switch. Each is
a text that stands exactly once in its file, and what takes its place; one whose text is gone has to be written anew. Prints which
test found it, and fails if one was not found. Longer-running: not part of CI.

usage: scripts/schedule_mutants.py [NAME ...]
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPY = ROOT / "target/mutants/work"
SOURCE = COPY / "crates/entidb/src"

# name: (file, text, what takes its place, where `IT` asks whether this mutant is on)
MUTANTS = {
    # Commit and publish.
    "shown-before-its-sync": ("commit/mod.rs", "queue.waits.push_back((lsn, previous));", "if !IT { queue.waits.push_back((lsn, previous)); }"),
    "told-while-somebody-leads": ("commit/group.rs", "if queue.durable >= lsn {", "if queue.durable >= lsn || queue.leading && IT {"),
    "told-by-a-hand-over": ("commit/group.rs", "                if sync {\n", "                if sync || IT {\n"),
    "no-sync": ("commit/group.rs", "result = self.sync_all(&mut logs, may_cut);", "if !IT { result = self.sync_all(&mut logs, may_cut); }"),
    "log-before-not-synced": ("commit/group.rs", "for log in logs.retired.iter_mut().filter(|log| log.is_unsynced()) {", "for log in logs.retired.iter_mut().filter(|log| log.is_unsynced() && !IT) {"),
    "log-before-not-waited-for": ("commit/group.rs", "while logs.syncing {", "while logs.syncing && !IT {"),
    "log-before-failed-unnoticed": ("commit/group.rs", "if logs.failed {", "if logs.failed && !IT {"),
    "lsn-given-out-again": ("commit/mod.rs", "queue.next_lsn = Lsn(lsn.0 + 1);", "queue.next_lsn = Lsn(lsn.0 + u64::from(!IT));"),
    "view-and-lsn-not-compared": ("view.rs", "if self.change_count.load(Ordering::Acquire) == before {", "if self.change_count.load(Ordering::Acquire) == before || IT {"),
    "view-changed-uncounted": ("view.rs", "self.change_count.fetch_add(1, Ordering::Release);", "if !IT { self.change_count.fetch_add(1, Ordering::Release); }"),
    "run-before-its-commits-are-shown": ("checkpoint.rs", "self.committer.note_durable(&mut queue, last_lsn);", "if !IT { self.committer.note_durable(&mut queue, last_lsn); }"),
    "sync-tells-what-was-refused": ("commit/mod.rs", "        Ok(queue.durable)\n", "        Ok(if IT { lsn } else { queue.durable })\n"),
    # Calls that are missed.
    "leader-ends-silently": ("commit/group.rs", "        self.show_durable(&queue);\n        self.changed.notify_all();", "        self.show_durable(&queue);\n        if !IT { self.changed.notify_all(); }"),
    "leader-wakes-one": ("commit/group.rs", 'if !crate::mutant("leader-ends-silently") { self.changed.notify_all(); }', 'if IT { self.changed.notify_one(); } else if !crate::mutant("leader-ends-silently") { self.changed.notify_all(); }'),
    "leader-does-not-wake-the-flusher": ("commit/group.rs", "if queue.has_much_pending() || queue.eventual_since.is_some() {", "if !IT && (queue.has_much_pending() || queue.eventual_since.is_some()) {"),
    "eventual-commit-wakes-nobody": ("commit/mod.rs", "                queue.eventual_since = Some(Instant::now());\n                self.flusher.notify_one();", "                queue.eventual_since = Some(Instant::now());\n                if !IT { self.flusher.notify_one(); }"),
    "room-made-silently": ("commit/log.rs", "        leading.end(&mut queue);\n        self.changed.notify_all();", "        leading.end(&mut queue);\n        if !IT { self.changed.notify_all(); }"),
    "room-made-without-the-flusher": ("commit/log.rs", "            // It may have come due, and waits for whoever leads.\n            self.flusher.notify_one();", "            if !IT { self.flusher.notify_one(); }"),
    "retired-silently": ("commit/mod.rs", "logs.failed |= failed;\n        self.retired.notify_all();", "logs.failed |= failed;\n        if !IT { self.retired.notify_all(); }"),
    "checkpoint-ends-silently": ("checkpoint.rs", "        drop(queue);\n        self.committer.notify();\n        made", "        drop(queue);\n        if !IT { self.committer.notify(); }\n        made"),
    "next-log-made-silently": ("commit/log.rs", "        self.queue().wants_log = false;\n        self.changed.notify_all();", "        self.queue().wants_log = false;\n        if !IT { self.changed.notify_all(); }"),
    "next-log-wanted-silently": ("commit/mod.rs", "            queue.wants_log = true;\n            self.worker.notify_one();", "            queue.wants_log = true;\n            if !IT { self.worker.notify_one(); }"),
    "rotated-silently": ("commit/mod.rs", "                self.rotate(&mut queue);\n                self.notify();", "                self.rotate(&mut queue);\n                if !IT { self.notify(); }"),
    "work-ends-silently": ("commit/mod.rs", "        queue.end_work();\n        self.changed.notify_all();", "        queue.end_work();\n        if !IT { self.changed.notify_all(); }"),
    "no-more-said-silently": ("writer.rs", "        self.committer.queue().closed = true;\n        self.committer.notify();", "        self.committer.queue().closed = true;\n        if !IT { self.committer.notify(); }"),
    "drop-ends-silently": ("commit/names.rs", "self.queue().dropping.retain(|other| *other != id);\n        self.notify();", "self.queue().dropping.retain(|other| *other != id);\n        if !IT { self.notify(); }"),
    "held-streams-left-to-nobody": ("compact.rs", "if compactor.has_obsolete() {", "if compactor.has_obsolete() && !IT {"),
    "old-trouble-is-told": ("commit/mod.rs", "if queue.has_ended(work) {", "if queue.has_ended(work) || IT {"),
    "background-does-not-try-again": ("commit/queue.rs", "self.wants_again = true;", "self.wants_again = !IT;"),
    "always-due": ("commit/group.rs", "queue.eventual_since = queue.eventual_since.map(|since| since.max(began));", "if !IT { queue.eventual_since = queue.eventual_since.map(|since| since.max(began)); }"),
    "followers-not-called": ("commit/mod.rs", "self.feed.bell.ring(queue.durable);", "if !IT { self.feed.bell.ring(queue.durable); }"),
    "followers-called-too-early": ("commit/mod.rs", "    fn show_durable(&self, queue: &Queue) {\n", "    fn show_durable(&self, queue: &Queue) {\n        if IT { self.feed.bell.ring(queue.last_lsn); }\n"),
    # Conflicts.
    "conflicts-not-looked-for-in-memtables": ("commit/conflict.rs", "if memtables.any(|memtable| memtable.wrote(key, self.since)) {", "if memtables.any(|memtable| memtable.wrote(key, self.since)) && !IT {"),
    "conflicts-not-looked-for-in-runs": ("commit/conflict.rs", "if covered || found.is_some_and(|location| location.lsn > self.since) {", "if (covered || found.is_some_and(|location| location.lsn > self.since)) && !IT {"),
    "reads-not-checked": ("commit/conflict.rs", "for key in &reads.keys {", "for key in reads.keys.iter().filter(|_| !IT) {"),
    "ranges-not-checked": ("commit/conflict.rs", "for (first, last) in &reads.ranges {", "for (first, last) in reads.ranges.iter().filter(|_| !IT) {"),
    "absent-not-checked": ("commit/conflict.rs", "for id in absent.iter().filter_map(|name| catalog.find(name)) {", "for id in absent.iter().filter(|_| !IT).filter_map(|name| catalog.find(name)) {"),
    "forgotten-not-checked": ("commit/conflict.rs", "if since < queue.forgotten {", "if since < queue.forgotten && !IT {"),
    "stale-collection-written-to": ("commit/conflict.rs", "if collections.any(|id| !view.catalog.has(id)) {", "if collections.any(|id| !view.catalog.has(id)) && !IT {"),
    "drop-holds-off-nobody": ("commit/names.rs", "queue.dropping.push(id);", "if !IT { queue.dropping.push(id); }"),
    "older-catalog-shown-last": ("commit/names.rs", "let _showing = self.showing.lock().unwrap_or_else(PoisonError::into_inner);", "let _showing = (!IT).then(|| self.showing.lock().unwrap_or_else(PoisonError::into_inner));"),
    # Failures.
    "cut-off-what-was-told": ("commit/group.rs", "let may_cut = group\n            .iter()\n            .all(", "let may_cut = IT || group\n            .iter()\n            .all("),
    "cut-off-what-was-handed-over": ("commit/group.rs", "let may_cut = may_cut && !logs.active.as_ref().is_some_and(Log::is_unsynced);", "let may_cut = may_cut && (IT || !logs.active.as_ref().is_some_and(Log::is_unsynced));"),
    "refused-and-still-found": ("commit/group.rs", "queue.memtable.take_back(first);", "if !IT { queue.memtable.take_back(first); }"),
    "refused-and-still-waited-for": ("commit/group.rs", "queue.waits.retain(|(lsn, _)| *lsn < first);", "queue.waits.retain(|(lsn, _)| *lsn < first || IT);"),
    "refused-and-not-told": ("commit/group.rs", "for pending in group.iter().chain(&behind) {", "for pending in group.iter().chain(&behind).filter(|_| !IT) {"),
    "unknown-and-written-on": ("commit/group.rs", "        queue.poison = Some(refusal);", "        if !IT { queue.poison = Some(refusal); }"),
    # Logs, snapshots, closing.
    "log-opened-over-pending": ("commit/log.rs", "let mut queue = self.settle(self.queue())?;\n        self.published", "let mut queue = if IT { self.queue() } else { self.settle(self.queue())? };\n        self.published"),
    "two-logs-opened": ("commit/log.rs", "        let _opening = self.opening();\n        let queue = self.queue();", "        let _opening = (!IT).then(|| self.opening());\n        let queue = self.queue();"),
    "turned-away-while-a-log-is-made": ("commit/log.rs", "        let _opening = self.opening();\n        let mut queue = self.queue();\n        let turns", "        let _opening = (!IT).then(|| self.opening());\n        let mut queue = self.queue();\n        let turns"),
    "streams-removed-under-a-snapshot": ("compact.rs", "if held && !all {", "if held && !all && !IT {"),
    "obsolete-streams-forgotten": ("compact.rs", "        self.obsolete.push(Obsolete {", "        if IT { return; }\n        self.obsolete.push(Obsolete {"),
    "closed-with-eventual-commits": ("checkpoint.rs", "        self.committer.sync()?;\n", "        if !IT { self.committer.sync()?; }\n"),
    "closed-while-a-log-is-made": ("checkpoint.rs", "let opening = self.committer.opening();", "let opening = (!IT).then(|| self.committer.opening());"),
    "written-after-the-end": ("manifest/editor.rs", "self.state().ended = true;", "self.state().ended = !IT;"),
}


def copy():
    COPY.mkdir(parents=True, exist_ok=True)
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = {name for name in names.stdout.split("\n") if name and (ROOT / name).is_file()}
    for old in COPY.rglob("*"):
        if old.is_file() and str(old.relative_to(COPY)) not in names:
            old.unlink()
    for name in sorted(names):
        target = COPY / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != (ROOT / name).read_bytes():
            shutil.copyfile(ROOT / name, target)


def apply():
    """Puts all mutants into the copy, each switched off. Returns the names of those whose text is gone."""
    gone = []
    for name, (file, text, instead) in MUTANTS.items():
        path = SOURCE / file
        source = path.read_text()
        if source.count(text) != 1:
            print(f"{name}: its text stands {source.count(text)} times in {file}", flush=True)
            gone.append(name)
            continue
        path.write_text(source.replace(text, instead.replace("IT", f'crate::mutant("{name}")')))
    lib = SOURCE / "lib.rs"
    lib.write_text(lib.read_text() + SWITCH)
    return gone


SWITCH = """
/// Whether this mutant is on.
pub(crate) fn mutant(name: &str) -> bool {
    static ON: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    ON.get_or_init(|| std::env::var("ENTIDB_MUTANT").ok()).as_deref() == Some(name)
}
"""


ENV = os.environ | {
    "RUSTFLAGS": "--cfg entidb_schedules",
    "CARGO_TARGET_DIR": str(ROOT / "target/mutants/target"),
    "RUST_BACKTRACE": "0",
    "ENTIDB_SCHEDULES": os.environ.get("ENTIDB_SCHEDULES", "20000"),
}


def build():
    """Compiles the copy. Returns the program that has the tests."""
    command = "cargo test -p entidb --no-default-features --lib --no-run --message-format=json-render-diagnostics"
    built = subprocess.run(command.split(), cwd=COPY, env=ENV, stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        sys.exit("the mutants do not compile")
    messages = map(json.loads, built.stdout.splitlines())
    return next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "entidb")


def first_to_fail(program, mutant):
    """The first test that finds the mutant, if one does."""
    running = subprocess.Popen(
        [program, "schedules::"],
        cwd=COPY / "crates/entidb",
        env=ENV | {"ENTIDB_MUTANT": mutant},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        for line in running.stdout:
            if failed := re.match(r"test schedules::(\S+) \.\.\. FAILED", line):
                return failed[1]
    finally:
        running.kill()
    return None if running.wait() == 0 else "the whole, which came to a bad end"


def main():
    copy()
    missed = apply()
    program = build()
    if found := first_to_fail(program, "none"):
        sys.exit(f"without a mutant there is a failure: {found}")
    for name in sys.argv[1:] or MUTANTS:
        if name in missed:
            continue
        found = first_to_fail(program, name)
        print(f"{name}: found by {found}" if found else f"{name}: NOT FOUND", flush=True)
        if not found:
            missed.append(name)
    if missed:
        sys.exit(f"not found: {', '.join(missed)}")


main()
