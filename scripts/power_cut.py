#!/usr/bin/env python3
"""Cuts the power of a real file system in the middle of commits, again and again, and looks for every acknowledged one.

A file system on a loop device is shut down by ioctl, which drops what was not synced, and mounted again. Only ids that were
acknowledged *before* the cut count: a sync that is under way while the file system goes down may return success without
having reached the disk, which a real power cut does not live to tell.

Needs root and a Linux with loop devices; installs xfsprogs if it is to test xfs and cannot. Prints `not run: why` and exits 0
where it cannot run. Longer-running: not part of CI.

usage: scripts/power_cut.py [ext4|xfs] [CUTS]   (after cargo build --release)
"""
import fcntl
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN
FLUSH_LOG, DROP_LOG = 1, 2
PROGRAM = os.path.join(os.path.dirname(__file__), "..", "target", "release", "entidb")


def not_run(why):
    print(f"not run: {why}")
    sys.exit(0)


def run(*words):
    return subprocess.run(words, capture_output=True, text=True)


def made(kind, image):
    with open(image, "wb") as file:
        file.truncate(600 << 20)
    tool = f"mkfs.{kind}"
    if shutil.which(tool) is None and kind == "xfs":
        run("apt-get", "update")
        run("apt-get", "install", "-y", "xfsprogs")
    if shutil.which(tool) is None:
        not_run(f"{tool} is absent")
    done = run(tool, "-q", "-F" if kind == "ext4" else "-f", image)
    if done.returncode != 0:
        not_run(done.stderr.strip())


def mount(image, folder):
    done = run("mount", "-o", "loop", image, folder)
    if done.returncode != 0:
        not_run(done.stderr.strip())


def commit_until_cut(folder, database, first, rng):
    """Imports events until the cut; gives the ids acknowledged before it, the next number, and what the import said."""
    batch = rng.choice([1, 1, 3, 50])
    words = [PROGRAM, "import", database, "events", "-", "--id", "n", "--batch", str(batch), "--ack"]
    pipe = subprocess.PIPE
    child = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    acknowledged = []
    reader = threading.Thread(target=lambda: [acknowledged.append(line.strip()) for line in child.stdout])
    reader.start()
    number, end = first, time.time() + rng.uniform(0.02, 0.6)
    try:
        while time.time() < end:
            for _ in range(20):
                child.stdin.write(json.dumps({"n": number, "x": "y" * rng.randint(1, 3000)}) + "\n")
                number += 1
            child.stdin.flush()
    except BrokenPipeError:
        pass
    count = len(acknowledged)
    handle = os.open(folder, os.O_RDONLY)
    fcntl.ioctl(handle, SHUTDOWN, struct.pack("I", rng.choice([FLUSH_LOG, DROP_LOG])))
    os.close(handle)
    try:
        child.stdin.close()
    except BrokenPipeError:
        pass
    child.wait()
    reader.join()
    return {i for i in acknowledged[:count] if len(i) == 36}, number, child.stderr.read()


def main():
    kind = sys.argv[1] if len(sys.argv) > 1 else "ext4"
    cuts = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    seed = int(os.environ.get("SEED", time.time()))
    rng = random.Random(seed)
    if os.geteuid() != 0:
        not_run("needs root")
    if not os.path.exists(PROGRAM):
        not_run("target/release/entidb is absent: cargo build --release")
    base = tempfile.mkdtemp(prefix="entidb-power-cut-")
    image, folder = os.path.join(base, "image"), os.path.join(base, "mounted")
    os.mkdir(folder)
    made(kind, image)
    mount(image, folder)
    database = os.path.join(folder, "db")
    acknowledged, number = set(), 0
    try:
        for cut in range(cuts):
            new, number, said = commit_until_cut(folder, database, number, rng)
            run("umount", folder)
            mount(image, folder)
            acknowledged |= new
            verified = run(PROGRAM, "verify", database)
            there = set(run(PROGRAM, "scan", database, "events", "--ids").stdout.split())
            lost = acknowledged - there
            if lost or (acknowledged and verified.returncode != 0):
                print(f"FAILED at cut {cut}, seed {seed}: {len(lost)} acknowledged commits lost")
                print(verified.stdout, verified.stderr, said, sep="\n")
                sys.exit(1)
            if cut % 3 == 2:
                run(PROGRAM, "checkpoint", database)
        print(f"{kind}: {cuts} cuts, {len(acknowledged)} commits acknowledged before them, none lost, all verified")
    finally:
        run("umount", folder)
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
