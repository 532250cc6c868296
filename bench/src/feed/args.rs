//! The command line.

use std::path::PathBuf;
use std::time::Duration;

pub const USAGE: &str = "\
A follower of the change feed: over history, and beside 16 threads that write; prints the table.

usage: feed [options]

  --count N       changes in a history (default: 1,000,000)
  --seconds N     how long threads write beside a follower (default: 5)
  --runs N        runs, of which the medians are shown (default: 3)
  --dir PATH      where the databases lie (default: target/feed)
  --write         write the table into docs/performance.md";

#[derive(Debug, Clone)]
pub struct Args {
    pub count: usize,
    pub time: Duration,
    pub runs: usize,
    pub dir: PathBuf,
    pub write: bool,
}

impl Args {
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            count: 1_000_000,
            time: Duration::from_secs(5),
            runs: 3,
            dir: PathBuf::from("target/feed"),
            write: false,
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} wants a value"));
            match arg.as_str() {
                "--count" => parsed.count = number(&value()?)?.max(10_000),
                "--seconds" => parsed.time = Duration::from_secs(number(&value()?)?.max(1) as u64),
                "--runs" => parsed.runs = number(&value()?)?.max(1),
                "--dir" => parsed.dir = value()?.into(),
                "--write" => parsed.write = true,
                _ => return Err(format!("{arg} is not known\n\n{USAGE}")),
            }
        }
        Ok(parsed)
    }
}

fn number(text: &str) -> Result<usize, String> {
    let plain = text.replace(['_', ','], "");
    plain.parse().map_err(|_| format!("{text} is no number"))
}
