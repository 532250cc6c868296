#![no_main]

entidb_fuzz::program!("entry");
