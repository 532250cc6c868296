# Each recipe is one line, and runs by its plain command too.

# format and lints
check:
    cargo fmt --all --check && cargo clippy --workspace --all-targets --all-features -- -D warnings

# all tests
test:
    cargo test

# the main job
demo:
    cargo run --release -- demo

# every gate, as CI runs them
ci:
    .ci/run

# write the examples of docs/format.md anew, after a change of the format; look at the diff
format-examples:
    scripts/format_examples.py

# longer-running: cut the power of a real file system 200 times
power-cut fs="ext4":
    cargo build --release && scripts/power_cut.py {{fs}} 200

# longer-running: a million crash states of the engine, each recovered and checked
crash:
    ENTIDB_CRASH_STATES=1000000 cargo test --release -p entidb_testkit --test crash --test crash_after -- --nocapture

# longer-running: a million orders in which threads take their steps, and the lints of what runs only there
schedules:
    RUSTFLAGS="--cfg entidb_schedules" CARGO_TARGET_DIR=target/schedules CARGO_PROFILE_TEST_DEBUG=line-tables-only cargo clippy -p entidb --no-default-features --lib --profile test -- -D warnings
    RUSTFLAGS="--cfg entidb_schedules" CARGO_TARGET_DIR=target/schedules CARGO_PROFILE_TEST_DEBUG=line-tables-only ENTIDB_SCHEDULES=1000000 cargo test -p entidb --no-default-features --lib schedules::

# longer-running: breaks the engine in one place at a time; a test of schedules has to find it
schedule-mutants:
    scripts/schedule_mutants.py

# longer-running: libFuzzer over every decoder, histories, damaged and forged databases; an hour for each target if nothing is said
fuzz seconds="3600" *targets:
    fuzz/run {{seconds}} {{targets}}

# longer-running: writers on real files, killed with SIGKILL and checked
torture kills="10000" dir="/tmp/entidb-torture":
    cargo run --release -p entidb_testkit --example torture -- kill --dir {{dir}} --kills {{kills}}

# rewrite the golden I/O traces; look at the diff
trace-update:
    ENTIDB_UPDATE_TRACES=1 cargo test -p entidb_testkit --test traces

# side by side with the peers: the storage layer
bench:
    cd bench && cargo run --release --bin storage

# side by side with the peers: the codec; --write puts it into docs/performance.md, here and below
bench-codec *args:
    cd bench && cargo run --release --bin codec -- {{args}}

# side by side with SQLite and native_db: secondary indexes
bench-indexes *args:
    cd bench && cargo run --release --bin indexes -- {{args}}

# a follower of the change feed: over history, and beside 16 threads that write
bench-feed *args:
    cd bench && cargo run --release --bin feed -- {{args}}

# side by side with the peers: the database; as long as an hour, and written into docs/performance.md
compare *args:
    cd bench && cargo run --release --bin compare -- {{args}}

# what bench/ needs beside Rust: clang for RocksDB
bench-setup:
    scripts/bench_setup.sh
