//! A small database whose streams were damaged: an error, or what it held; never a wrong entity.

use std::sync::OnceLock;

use super::image::{self, Content, Image, content};
use super::input::Input;
use crate::{Database, ErrorKind, Options, Result};

/// Of damage in one input, at the most.
const DAMAGE_COUNT_MAX: usize = 8;
/// What a disk zeroes, forgets or misplaces at a time, in bytes.
const SECTOR_LEN: usize = 512;

/// The databases: closed, and as a killed process leaves one; with each, what it held at the end.
fn sound(closed: bool) -> &'static (Image, Content) {
    static SOUND: OnceLock<[(Image, Content); 2]> = OnceLock::new();
    let sound = SOUND.get_or_init(|| [image::small(false), image::small(true)]);
    &sound[usize::from(closed)]
}

pub(super) fn damage(data: &[u8]) {
    let mut input = Input::new(data);
    let closed = input.u8() & 1 == 0;
    let (image, model) = sound(closed);
    let mut damaged = image.clone();
    for _ in 0..DAMAGE_COUNT_MAX {
        if input.is_empty() {
            break;
        }
        spoil(&mut damaged, &mut input);
    }
    let mut errors = 0;
    for read_only in [true, false] {
        match read(&damaged, read_only) {
            Ok(read) if closed => assert_eq!(read, *model, "a wrong entity, or a silent loss"),
            // What was not known to be synced can pass for torn.
            Ok(read) => assert!(is_older(&read, model), "a wrong entity"),
            Err(error) => {
                assert_ne!(error.kind(), ErrorKind::Poisoned, "{error:?}");
                errors += 1;
            }
        }
    }
    let opened = Options::new()
        .read_only(true)
        .open_in(image::directory(&damaged));
    let report = opened.ok().map(|db| db.verify().expect("memory"));
    if closed
        && errors > 0
        && let Some(report) = report
    {
        assert!(!report.is_sound(), "found by reading, and not by verifying");
    }
}

/// Whether this can be a state before the last one: of the last commits there are a delete of things, and puts.
fn is_older(read: &Content, model: &Content) -> bool {
    let sound = |((name, id), bytes): (&(String, crate::EntityId), &Vec<u8>)| {
        model
            .get(&(name.clone(), *id))
            .is_none_or(|now| now == bytes || *id == image::id(2))
    };
    read.iter().all(sound)
}

fn read(image: &Image, read_only: bool) -> Result<Content> {
    let options = Options::new().read_only(read_only).seed(3);
    let db: Database = options.open_in(image::directory(image))?;
    content(&db)
}

/// Does to a stream what a disk may do.
fn spoil(image: &mut Image, input: &mut Input<'_>) {
    let names: Vec<String> = image.keys().cloned().collect();
    if names.is_empty() {
        return;
    }
    let name = &names[input.index(names.len())];
    let other = image[&names[input.index(names.len())]].clone();
    let what = input.u8() % 8;
    let Some(bytes) = image.get_mut(name).filter(|bytes| !bytes.is_empty()) else {
        return;
    };
    let at = input.index(bytes.len());
    let sector = at / SECTOR_LEN * SECTOR_LEN;
    let sector_end = (sector + SECTOR_LEN).min(bytes.len());
    match what {
        0..=2 => bytes[at] ^= 1 << (input.u8() % 8),
        3 => bytes[sector..sector_end].fill(0),
        4 => bytes.truncate(at),
        5 => {
            let from = input.index(other.len().max(1)) / SECTOR_LEN * SECTOR_LEN;
            let moved = other.iter().skip(from);
            for (byte, moved) in bytes[sector..sector_end].iter_mut().zip(moved) {
                *byte = *moved;
            }
        }
        // An empty directory is a new one.
        6 if names.len() > 1 => drop(image.remove(name)),
        6 => {}
        _ => bytes.extend_from_slice(&other[..at.min(other.len())]),
    }
}

pub(super) fn damage_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for closed in [0, 1] {
        for stream in 0..6 {
            seeds.push(vec![closed, stream, 0, 0, 200, 0, 0, 0, 3]);
            seeds.push(vec![closed, stream, 1, 5, 0, 2, 0, 0, 0, 1, 0, 0]);
            seeds.push(vec![closed, stream, 2, 4, 100, 0, 0, 0]);
        }
    }
    seeds
}
