//! The command line.

use std::path::PathBuf;

use crate::data::Order;
use crate::engine::Kind;
use crate::rows::{Group, ROWS, Row};

pub const USAGE: &str = "\
Runs the same entity workloads on EntiDB and its peers, checks that all gave the same answers, and prints the table.

usage: compare [options]            measure and print
       compare report [options]     print the last measurement in --dir again, or --write it

  --engines a,b     entidb, redb, fjall, rocksdb, lmdb, sqlite, published (default: all)
  --rows x,y        rows or groups (core, durable, keyed, kill, bounded, ycsb, redb; default: all)
  --orders o        ascending, random (default: both)
  --count N         entities (default: 1,000,000)
  --runs N          interleaved runs, of which the medians are shown (default: 3)
  --cache BYTES     each engine's cache (default: 1 GiB)
  --bounded-cache BYTES   the cache of the rows in a bounded memory (default: 64 MiB)
  --dir PATH        where the databases lie (default: target/compare)
  --write           write the table and the chart into docs/performance.md and docs/performance.svg";

#[derive(Debug, Clone)]
pub struct Args {
    pub command: Command,
    pub engines: Vec<Kind>,
    pub rows: Vec<&'static str>,
    pub orders: Vec<Order>,
    pub count: usize,
    pub runs: usize,
    pub cache_len: u64,
    pub bounded_cache_len: u64,
    pub dir: PathBuf,
    pub write: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Run,
    Report,
    /// One engine's rows of one group, in a process of their own.
    Child(Job),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    Group(Group),
    KillWriter { durable: bool },
    KillCheck { durable: bool, acknowledged: usize },
    Floor,
}

impl Args {
    pub fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            command: Command::Run,
            engines: Kind::ALL.to_vec(),
            rows: ROWS.iter().map(|row| row.name).collect(),
            orders: Order::ALL.to_vec(),
            count: 1_000_000,
            runs: 3,
            cache_len: 1 << 30,
            bounded_cache_len: 64 << 20,
            dir: PathBuf::from("target/compare"),
            write: false,
        };
        let mut args = args.peekable();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} wants a value"));
            match arg.as_str() {
                "report" => parsed.command = Command::Report,
                "child" => parsed.command = Command::Child(Job::parse(&value()?)?),
                "--engines" | "--engine" => parsed.engines = list(&value()?, Kind::parse)?,
                "--rows" => parsed.rows = rows(&value()?)?,
                "--orders" | "--order" => parsed.orders = list(&value()?, Order::parse)?,
                "--count" => parsed.count = number(&value()?)?.max(10_000),
                "--runs" => parsed.runs = number(&value()?)?.max(1),
                "--cache" => parsed.cache_len = number(&value()?)? as u64,
                "--bounded-cache" => parsed.bounded_cache_len = number(&value()?)? as u64,
                "--dir" => parsed.dir = value()?.into(),
                "--write" => parsed.write = true,
                _ => return Err(format!("{arg} is not known\n\n{USAGE}")),
            }
        }
        Ok(parsed)
    }

    pub fn wants(&self, row: &str) -> bool {
        self.rows.contains(&row)
    }

    /// How many entities are four times the bounded cache.
    pub fn bounded_count(&self) -> usize {
        (self.bounded_cache_len as usize * 4 / 410).max(10_000)
    }
}

impl Job {
    /// As [`parse`](Self::parse) reads it.
    pub fn name(&self) -> String {
        match self {
            Self::Group(group) => group.name().to_owned(),
            Self::KillWriter { durable } => format!("kill-writer:{durable}"),
            Self::KillCheck {
                durable,
                acknowledged,
            } => format!("kill-check:{durable}:{acknowledged}"),
            Self::Floor => "floor".to_owned(),
        }
    }

    fn parse(name: &str) -> Result<Self, String> {
        let wrong = || format!("{name} is no job");
        if let Some(group) = Group::parse(name) {
            return Ok(Self::Group(group));
        }
        let parts: Vec<_> = name.split(':').collect();
        match parts[..] {
            ["floor"] => Ok(Self::Floor),
            ["kill-writer", durable] => Ok(Self::KillWriter {
                durable: durable.parse().map_err(|_| wrong())?,
            }),
            ["kill-check", durable, acknowledged] => Ok(Self::KillCheck {
                durable: durable.parse().map_err(|_| wrong())?,
                acknowledged: acknowledged.parse().map_err(|_| wrong())?,
            }),
            _ => Err(wrong()),
        }
    }
}

fn number(text: &str) -> Result<usize, String> {
    let plain = text.replace(['_', ','], "");
    plain.parse().map_err(|_| format!("{text} is no number"))
}

fn list<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    text.split(',')
        .map(|name| parse(name).ok_or(format!("{name} is not known\n\n{USAGE}")))
        .collect()
}

fn rows(text: &str) -> Result<Vec<&'static str>, String> {
    let mut rows = Vec::new();
    for name in text.split(',') {
        match (Group::parse(name), Row::find(name)) {
            (Some(group), _) => rows.extend(group.rows().map(|row| row.name)),
            (_, Some(row)) => rows.push(row.name),
            _ => {
                let known: Vec<_> = ROWS.iter().map(|row| row.name).collect();
                return Err(format!("{name} is no row; there are {}", known.join(", ")));
            }
        }
    }
    Ok(rows)
}
