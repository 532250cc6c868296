//! The program, used as it is from outside: arguments, input, output, exit codes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod commands;
mod common;
mod demo;
mod durability;
mod encryption;
mod export;
mod formats;
mod import;
mod indexes;
mod keys;
mod sizes;
mod watch;
