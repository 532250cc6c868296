//! The codec beside others: serde types to bytes and back, one entity at a time.
//!
//! The shapes are those of rust_serialization_benchmark. Shown are nanoseconds for an entity, and how many times as long the
//! others take: above 1 is slower than this crate.
//!
//! `cargo run --release --bin codec [-- --write]`

mod chance;
mod codecs;
mod measure;
mod shapes;

use std::fmt::Write;
use std::path::Path;

use chance::Chance;
use entidb_bench::{machine, page};
use measure::table;
use shapes::{Log, Player, Update};

const ABOUT: &str = "\
The shapes of rust_serialization_benchmark: `log` is a line of a web server's log, `minecraft` a saved player, `mk48` an update of a
game. This crate and ciborium write maps with names, this crate in canonical order; minicbor, derived, writes arrays without names.
This crate's decoder refuses what is not canonical. Times are for one entity, the least of many short rounds that are interleaved;
behind each stands that time ÷ ours: above 1 is slower than ours.";

fn main() {
    let write = std::env::args().any(|arg| arg == "--write");
    let mut chance = Chance(42);
    let mut text = format!(
        "## The codec\n\n`cd bench && cargo run --release --bin codec -- --write` writes this part anew.\n\n\
         entidb_codec at this version, minicbor {}, ciborium {}.\n\n{}.\n\n{ABOUT}\n",
        machine::version("minicbor"),
        machine::version("ciborium"),
        machine::machine(Path::new(".")),
    );
    let logs: Vec<Log> = (0..1000).map(|_| Log::any(&mut chance)).collect();
    let _ = writeln!(text, "\n{}", table("log", &logs));
    let players: Vec<Player> = (0..100).map(|_| Player::any(&mut chance)).collect();
    let _ = writeln!(text, "{}", table("minecraft", &players));
    let updates: Vec<Update> = (0..100).map(|_| Update::any(&mut chance)).collect();
    let _ = writeln!(text, "{}", table("mk48", &updates));
    println!("{text}");
    if write {
        page::write("codec", &text);
    }
}
