//! The share of each target that every test run has: its seeds, the committed corpus, and what chance makes of both.
#![allow(clippy::print_stderr, reason = "a failed test names its input")]

use std::path::PathBuf;

use super::{TARGETS, target};
use crate::mix::{GOLDEN, mix64};

/// How many mutated inputs a target is given. More by `ENTIDB_FUZZ_CASES`.
fn cases() -> u64 {
    let told = std::env::var("ENTIDB_FUZZ_CASES").ok();
    told.and_then(|told| told.parse().ok()).unwrap_or(500)
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The committed inputs of a target: one a line, in hexadecimal.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let lines = std::fs::read_to_string(folder().join(format!("corpus/{name}.hex"))).unwrap();
    lines.lines().map(bytes).collect()
}

fn bytes(line: &str) -> Vec<u8> {
    let digits = line.trim().as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

/// The same numbers each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(GOLDEN);
        usize::try_from(mix64(self.0) >> 33).unwrap() % bound.max(1)
    }

    fn byte(&mut self) -> u8 {
        const TELLING: [u8; 6] = [0, 1, 0x7f, 0x80, 0xfe, 0xff];
        match self.below(3) {
            0 => TELLING[self.below(TELLING.len())],
            _ => u8::try_from(self.below(256)).unwrap(),
        }
    }
}

/// Changes a few places of `input`; now and then it takes a part of `other`.
fn mutate(input: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    for _ in 0..=chance.below(4) {
        let at = chance.below(input.len() + 1);
        match chance.below(8) {
            0 | 1 if at < input.len() => input[at] ^= 1 << chance.below(8),
            2 | 3 if at < input.len() => input[at] = chance.byte(),
            4 => input.insert(at, chance.byte()),
            5 => drop(input.drain(at..(at + chance.below(8)).min(input.len()))),
            6 => {
                let from = chance.below(other.len() + 1);
                let until = (from + chance.below(64)).min(other.len());
                drop(input.splice(at..at, other[from..until].iter().copied()));
            }
            7 => {
                let end = (at + 8).min(input.len());
                input[at..end].fill(chance.byte());
            }
            _ => input.extend((0..chance.below(16)).map(|_| 0)),
        }
    }
}

/// Names the input of a failed test.
struct Naming<'a>(&'a str, &'a [u8]);

impl Drop for Naming<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let hex = crate::stream::hex(self.1);
            eprintln!("{}: the input is {hex}", self.0);
            eprintln!(
                "to run it alone: put it into a file in fuzz/corpus/{}/",
                self.0
            );
        }
    }
}

fn share(name: &str) {
    let target = target(name).unwrap();
    let mut inputs = (target.seeds)();
    inputs.extend(corpus(name));
    for input in &inputs {
        let naming = Naming(name, input);
        (target.run)(naming.1);
    }
    let mut chance = Chance(7);
    for _ in 0..cases() {
        let mut input = inputs[chance.below(inputs.len())].clone();
        let other = inputs[chance.below(inputs.len())].clone();
        mutate(&mut input, &other, &mut chance);
        let naming = Naming(name, &input);
        (target.run)(naming.1);
        // What mutants are made of, mutants become.
        let place = chance.below(inputs.len() * 8);
        if let Some(place) = inputs.get_mut(place) {
            *place = input.clone();
        }
    }
}

macro_rules! shares {
    ($($name:ident)*) => {
        $(#[test] fn $name() { share(stringify!($name)); })*
        const SHARES: &[&str] = &[$(stringify!($name)),*];
    };
}

shares! {
    header manifest footer record batch log page filter entry chunk table cbor json key path types sealed keyring history damage forge
}

#[test]
fn every_target_has_its_share_and_its_program() {
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(SHARES, names);
    for name in names {
        let program = folder().join(format!("targets/{name}.rs"));
        let text = std::fs::read_to_string(&program).unwrap();
        assert!(
            text.contains(&format!("\"{name}\"")),
            "{}",
            program.display()
        );
    }
}
