#!/bin/sh
# Installs what bench/ needs and a plain Rust machine lacks: a C++ compiler and libclang for RocksDB's bindings, and
# rsvg-convert with a font, to look at the chart. Safe to run again; needs root, on Debian or Ubuntu.
set -eu

missing=""
for package in build-essential clang libclang-dev librsvg2-bin fonts-dejavu-core; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
if [ -z "$missing" ]; then
    echo "bench: nothing is missing"
    exit 0
fi
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
