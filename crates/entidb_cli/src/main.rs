//! The `entidb` program: parse the arguments, call the public API, print. It knows nothing of file formats.

mod args;
mod checkpoint;
mod collections;
mod delete;
mod demo;
mod exit;
mod export;
mod get;
mod human;
mod id;
mod import;
mod open;
mod output;
mod put;
mod scan;
mod signals;
mod stats;
mod table;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    signals::ignore_file_size_limit();
    match Args::try_parse() {
        Ok(args) => exit::report(run(args.command)),
        Err(error) => exit::usage(&error),
    }
}

fn run(command: Command) -> exit::Outcome {
    match command {
        Command::Import(args) => import::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Put(args) => put::run(&args),
        Command::Delete(args) => delete::run(&args),
        Command::Scan(args) => scan::run(&args),
        Command::Collections(args) => collections::run(&args),
        Command::Stats(args) => stats::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Checkpoint(args) => checkpoint::run(&args),
        Command::Demo(args) => demo::run(&args),
    }
}
