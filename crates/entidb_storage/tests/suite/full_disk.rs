//! A disk that is really full: small file systems, mounted where we may.

use std::path::Path;
use std::process::Command;

use crate::sample::bytes;
use entidb_storage::{Directory, FileBackend, FileDirectory, StorageBackend, StorageError};

/// A mounted file system, gone when it is dropped.
struct Mount(tempfile::TempDir);

impl Mount {
    fn tmpfs() -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        run(
            "mount",
            &["-t", "tmpfs", "-o", "size=2m", "none"],
            dir.path(),
        )?;
        Ok(Self(dir))
    }

    fn ext4() -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let image = dir.path().join("image");
        let file = std::fs::File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(8 << 20).map_err(|error| error.to_string())?;
        run("mkfs.ext4", &["-q", "-m", "0"], &image)?;
        let mount = tempfile::tempdir().map_err(|error| error.to_string())?;
        run(
            "mount",
            &["-o", "loop", &*image.to_string_lossy()],
            mount.path(),
        )?;
        Ok(Self(mount))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = run("umount", &[], self.0.path());
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .arg(path)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

#[test]
fn clause_10_a_full_tmpfs_leaves_the_backend_usable() {
    on_a_full_disk(Mount::tmpfs());
}

#[test]
fn clause_10_a_full_ext4_leaves_the_backend_usable() {
    on_a_full_disk(Mount::ext4());
}

fn on_a_full_disk(mount: Result<Mount, String>) {
    let mount = match mount {
        Ok(mount) => mount,
        Err(why) => return println!("not run: {why}"),
    };
    let place = mount.0.path();
    let directory = FileDirectory::open(place).unwrap();
    directory.replace("manifest", b"old").unwrap();
    let ballast = place.join("ballast");
    std::fs::write(&ballast, vec![1; 500_000]).unwrap();
    let path = place.join("stream");
    let mut backend = FileBackend::open(&path).unwrap();
    let mut model = Vec::new();
    let full = loop {
        let part = bytes(model.len(), 30_000);
        if let Err(error) = backend.append(&part) {
            break error;
        }
        model.extend(part);
        match backend.flush() {
            Ok(()) => {}
            Err(error) => break error,
        }
        assert!(model.len() < 10_000_000, "there is no end to this disk");
    };
    assert!(full.is_full(), "{full}");
    is_model(&backend, &model);
    assert!(backend.append(&bytes(1, 3_000_000)).unwrap_err().is_full());
    is_model(&backend, &model);
    let reserved = backend.reserve(9_000_000);
    assert!(
        matches!(&reserved, Err(error) if error.is_full()),
        "{reserved:?}"
    );
    is_model(&backend, &model);
    let replaced = directory.replace("manifest", &bytes(1, 1_000_000));
    assert!(
        matches!(&replaced, Err(error) if error.is_full()),
        "{replaced:?}"
    );
    assert_eq!(std::fs::read(place.join("manifest")).unwrap(), b"old");
    assert!(!place.join("manifest.new~").exists());

    // Space is freed.
    std::fs::remove_file(ballast).unwrap();
    backend.flush().unwrap();
    backend.append(b"end").unwrap();
    model.extend(b"end");
    backend.reserve(100_000).unwrap();
    is_model(&backend, &model);
    backend.close().unwrap();
    assert!(std::fs::read(&path).unwrap() == model);
    directory.replace("manifest", b"new").unwrap();
}

fn is_model(backend: &FileBackend, model: &[u8]) {
    assert_eq!(backend.size().unwrap(), model.len() as u64);
    assert!(backend.read_at(0, model.len()).unwrap() == model);
    let past = backend.read_at(model.len() as u64, 1);
    assert!(matches!(past, Err(StorageError::ReadPastEnd { .. })));
}
