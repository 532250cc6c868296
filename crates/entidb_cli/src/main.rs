//! The `entidb` program: parse the arguments, call the public API, print. It knows nothing of file formats.

mod args;
mod checkpoint;
mod collections;
mod compact;
mod delete;
mod demo;
mod drop;
mod encrypted;
mod exit;
mod export;
mod find;
mod get;
mod human;
mod id;
mod import;
mod index;
mod key;
mod open;
mod output;
mod put;
mod retention;
mod scan;
mod signals;
mod stats;
mod table;
mod value;
mod verify;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    signals::ignore_file_size_limit();
    match Args::try_parse() {
        Ok(args) => exit::report(run(&args)),
        Err(error) => exit::usage(&error),
    }
}

fn run(args: &Args) -> exit::Outcome {
    // Before anything is read or made.
    let key = match &args.command {
        Command::Demo(_) => args.key.refuse("the demo's database is not encrypted"),
        _ => args.key.read(),
    }?;
    let key = key.as_ref();
    match &args.command {
        Command::Import(args) => import::run(args, key),
        Command::Get(args) => get::run(args, key),
        Command::Put(args) => put::run(args, key),
        Command::Delete(args) => delete::run(args, key),
        Command::Scan(args) => scan::run(args, key),
        Command::Find(args) => find::run(args, key),
        Command::Index(command) => index::run(command, key),
        Command::Watch(args) => watch::run(args, key),
        Command::Retention(args) => retention::run(args, key),
        Command::Collections(args) => collections::run(args, key),
        Command::Drop(args) => drop::run(args, key),
        Command::Stats(args) => stats::run(args, key),
        Command::Verify(args) => verify::run(args, key),
        Command::Export(args) => export::run(args, key),
        Command::Compact(args) => compact::run(args, key),
        Command::Checkpoint(args) => checkpoint::run(args, key),
        Command::Demo(args) => demo::run(args),
    }
}
