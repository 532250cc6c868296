//! Every image that a crash may leave of short histories, one for each operation on the inner stream.

use super::disk::{Disk, Medium};
use super::{Numbers, key};
use crate::StorageBackend;
use crate::encrypted::EncryptedBackend;

#[derive(Debug, Clone, Copy)]
enum Step {
    Append(usize),
    Flush,
    Cut(usize),
    Reopen,
    Close,
}

fn open(disk: &Disk) -> EncryptedBackend {
    EncryptedBackend::with_block_size(Box::new(disk.clone()), &key(3), 1024).unwrap()
}

fn all(backend: &EncryptedBackend) -> Vec<u8> {
    let len = usize::try_from(backend.size().unwrap()).unwrap();
    backend.read_at(0, len).unwrap()
}

/// What a crash may leave of `medium`: cut at every byte or every seventh, zeros from there on, and torn sectors.
fn images(medium: &Medium, numbers: &mut Numbers) -> Vec<Medium> {
    let len = medium.bytes.len();
    let stride = 1 + (len - medium.flushed) / 400;
    let mut images = Vec::new();
    for cut in (medium.flushed..len).step_by(stride).chain([len]) {
        let mut image = medium.clone();
        image.bytes.truncate(cut);
        images.push(image.clone());
        image.bytes.resize(len + 300, 0);
        images.push(image);
    }
    images.extend((0..30).map(|_| medium.crashed(numbers)));
    images
}

/// Runs the history, and after each operation on the inner stream everything that a crash may leave of it then.
fn every_crash_keeps_what_was_promised(steps: &[Step]) {
    let mut numbers = Numbers(5);
    let disk = Disk::default();
    let mut backend = Some(open(&disk));
    let mut model: Vec<u8> = Vec::new();
    let mut durable = 0;
    for step in steps {
        let before = model.clone();
        let durable_before = durable;
        let handle = backend.get_or_insert_with(|| open(&disk));
        match *step {
            Step::Append(len) => {
                let data = numbers.bytes(len);
                handle.append(&data).unwrap();
                model.extend(data);
            }
            Step::Flush => {
                handle.flush().unwrap();
                durable = model.len();
            }
            Step::Cut(len) => {
                handle.truncate(len as u64).unwrap();
                model.truncate(len);
                durable = durable.min(len);
            }
            Step::Reopen => backend = None,
            Step::Close => {
                handle.close().unwrap();
                backend = None;
                durable = model.len();
            }
        }
        let mut during = disk.take_images();
        let last = during.pop().unwrap_or(disk.medium());
        for medium in during {
            for image in images(&medium, &mut numbers) {
                let found = recovered(image);
                // Of what was, as of what is to be, all that was durable before and is not being cut.
                let kept = durable_before.min(model.len());
                let one = found.len() >= kept
                    && (before.starts_with(&found) || model.starts_with(&found));
                assert!(
                    one,
                    "{} bytes of {} during {step:?}",
                    found.len(),
                    before.len()
                );
            }
        }
        for image in images(&last, &mut numbers) {
            let found = recovered(image);
            assert!(
                found.len() >= durable && model.starts_with(&found),
                "{} bytes of {}, {durable} of them durable, after {step:?}",
                found.len(),
                model.len(),
            );
        }
    }
}

/// What is there after a crash, which goes on as a stream: it is appended to, crashes once more, and is closed.
fn recovered(image: Medium) -> Vec<u8> {
    let disk = Disk::with(image);
    let mut backend = open(&disk);
    let found = all(&backend);
    backend.append(b"more").unwrap();
    backend.flush().unwrap();
    drop(backend);
    let mut medium = disk.medium();
    medium.bytes.truncate(medium.flushed);
    let mut backend = open(&Disk::with(medium));
    let again = all(&backend);
    assert_eq!(again, [&found[..], b"more"].concat());
    backend.close().unwrap();
    found
}

use Step::{Append, Close, Cut, Flush, Reopen};

#[test]
fn a_crash_during_creation_and_appends_keeps_what_was_flushed() {
    every_crash_keeps_what_was_promised(&[
        Flush,
        Append(10),
        Flush,
        Append(3000),
        Append(10),
        Flush,
        Reopen,
        Append(2000),
        Close,
        Append(1),
        Flush,
    ]);
}

#[test]
fn a_crash_during_a_cut_inside_a_flushed_frame_leaves_the_old_stream_or_the_new() {
    every_crash_keeps_what_was_promised(&[
        Append(700),
        Flush,
        Append(900),
        Flush,
        Cut(1200),
        Append(50),
        Flush,
        Cut(800),
        Append(2000),
        Cut(100),
        Append(100),
        Flush,
        Close,
        Cut(10),
        Flush,
    ]);
}

#[test]
fn a_crash_during_a_cut_between_frames_leaves_the_old_stream_or_the_new() {
    every_crash_keeps_what_was_promised(&[
        Append(700),
        Flush,
        Append(900),
        Flush,
        Append(20),
        Cut(700),
        Append(30),
        Flush,
        Close,
        Cut(0),
        Append(5),
        Flush,
        Reopen,
        Append(5000),
        Cut(4000),
        Flush,
    ]);
}

#[test]
fn a_crash_during_a_cut_of_what_was_not_flushed_keeps_what_was() {
    every_crash_keeps_what_was_promised(&[
        Append(500),
        Flush,
        Append(4000),
        Cut(2000),
        Append(4000),
        Flush,
        Append(4000),
        Cut(9000),
        Cut(600),
        Append(1),
        Flush,
    ]);
}
