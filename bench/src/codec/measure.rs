//! Times of one shape, in all codecs.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use crate::codecs::{Codec, Entity, codecs};

const ROUNDS: usize = 500;

/// Nanoseconds for an entity: to a new `Vec`, into a buffer that is there, and decoded.
type Times = [f64; 3];

/// Checks that each codec gives back what it was given, and measures it: a table in Markdown.
///
/// # Panics
/// If a codec loses something.
pub fn table<T: Entity>(shape: &str, entities: &[T]) -> String {
    let codecs = codecs::<T>();
    let encoded: Vec<Vec<Vec<u8>>> = codecs
        .iter()
        .map(|codec| entities.iter().map(codec.to_vec).collect())
        .collect();
    for (codec, encoded) in codecs.iter().zip(&encoded) {
        let mut pairs = entities.iter().zip(encoded);
        let kept = pairs.all(|(entity, bytes)| (codec.read)(bytes) == *entity);
        assert!(kept, "{} loses something", codec.name);
    }
    let best = measure(&codecs, entities, &encoded);
    let mut out = format!(
        "#### {shape}\n\n| | bytes | encode to a `Vec` | ÷ ours | encode into a buffer | ÷ ours | decode | ÷ ours |\n|---|---|---|---|---|---|---|---|\n"
    );
    for ((codec, encoded), times) in codecs.iter().zip(&encoded).zip(&best) {
        let bytes: usize = encoded.iter().map(Vec::len).sum();
        let _ = write!(out, "| {} | {} |", codec.name, bytes / entities.len());
        for (time, own) in times.iter().zip(&best[0]) {
            let _ = write!(out, " {time:.0} ns | {:.2} |", time / own);
        }
        out.push('\n');
    }
    out
}

/// The least of many short rounds, in which the codecs take turns: what else runs on the machine only adds, and some rounds are
/// within one slice of its time.
fn measure<T: Entity>(codecs: &[Codec<T>], entities: &[T], encoded: &[Vec<Vec<u8>>]) -> Vec<Times> {
    let mut best = vec![[f64::MAX; 3]; codecs.len()];
    let mut buffer = Vec::new();
    for _ in 0..ROUNDS {
        for ((codec, encoded), best) in codecs.iter().zip(encoded).zip(&mut best) {
            for (best, time) in best
                .iter_mut()
                .zip(round(codec, entities, encoded, &mut buffer))
            {
                *best = best.min(time / entities.len() as f64);
            }
        }
    }
    best
}

fn round<T: Entity>(
    codec: &Codec<T>,
    entities: &[T],
    encoded: &[Vec<u8>],
    buffer: &mut Vec<u8>,
) -> Times {
    let to_vec = time(|| {
        entities
            .iter()
            .for_each(|entity| drop(black_box((codec.to_vec)(entity))));
    });
    let append = time(|| {
        for entity in entities {
            buffer.clear();
            (codec.append)(entity, buffer);
            black_box(&*buffer);
        }
    });
    let read = time(|| {
        encoded
            .iter()
            .for_each(|bytes| drop(black_box((codec.read)(bytes))));
    });
    [to_vec, append, read]
}

fn time(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_nanos() as f64
}
