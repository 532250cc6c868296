//! Writes the seeds of each target, in the format that the code has now, and its committed corpus into a folder of its name:
//! `seeds FOLDER`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).expect("seeds FOLDER");
    for target in entidb_fuzz::fuzz::TARGETS {
        let folder = Path::new(&folder).join(target.name);
        std::fs::create_dir_all(&folder)?;
        let corpus = format!("{}/corpus/{}.hex", env!("CARGO_MANIFEST_DIR"), target.name);
        let corpus = std::fs::read_to_string(corpus)?;
        let seeds = (target.seeds)()
            .into_iter()
            .chain(corpus.lines().map(bytes));
        for (number, seed) in seeds.enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}

fn bytes(line: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&line[at..at + 2], 16).expect("hexadecimal");
    (0..line.len()).step_by(2).map(byte).collect()
}
