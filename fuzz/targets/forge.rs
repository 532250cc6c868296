#![no_main]

entidb_fuzz::program!("forge");
