#!/usr/bin/env python3
"""Puts the examples that the format's tests print into docs/format.md, in the place of those that are there."""
import os
import pathlib
import re
import subprocess

root = pathlib.Path(__file__).resolve().parent.parent
page = root / "docs/format.md"
commands = [
    "cargo test -p entidb --lib -- --nocapture --test-threads=1 format::tests",
    # Prints nothing where there is no C compiler.
    "cargo test -p entidb --lib --features zstd -- --nocapture format::tests::a_chunk_of_zstandard",
    "cargo test -p entidb_codec --test key_format -- --nocapture",
]
printed = ""
for command in commands:
    run = subprocess.run(
        command.split(), cwd=root, env=os.environ | {"ENTIDB_PRINT_FORMAT": "1"}, capture_output=True, text=True
    )
    printed += run.stdout + run.stderr
text = page.read_text()
for name, block in re.findall(r"```hex ([^\n]*)\n(.*?)```", printed, re.S):
    pattern = re.compile(r"```hex " + re.escape(name) + r"\n.*?```", re.S)
    text, count = pattern.subn(lambda _: f"```hex {name}\n{block}```", text)
    if count == 0:
        print(f"docs/format.md has no example named {name!r}")
page.write_text(text)
