//! What needs a second process: locks, limits, rights. The second process is this test program, told what to do by a
//! variable.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::sample::bytes;
use entidb_storage::{
    Directory, FileBackend, FileDirectory, OpenMode, StorageBackend, StorageError,
};

const ROLE: &str = "ENTIDB_STORAGE_TEST_ROLE";
const PLACE: &str = "ENTIDB_STORAGE_TEST_PLACE";

/// What a child says once it has done what it is for.
const READY: &str = "child is ready";

#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let place = PathBuf::from(std::env::var(PLACE).unwrap());
    match role.as_str() {
        "append" => {
            let mut backend = FileBackend::open(&place.join("stream")).unwrap();
            backend.append(b"of the child").unwrap();
            backend.flush().unwrap();
            backend.append(b", not flushed").unwrap();
            wait_to_be_killed();
        }
        "lock" => {
            let directory = FileDirectory::create(&place).unwrap();
            let _lock = directory.lock("lock").unwrap();
            wait_to_be_killed();
        }
        "limited" => within_a_file_size_limit(&place),
        "reserving" => reserving_below_a_limit(&place),
        "stranger" => without_rights(&place),
        _ => panic!("no such role: {role}"),
    }
    println!("{READY}");
}

fn wait_to_be_killed() {
    println!("{READY}");
    std::io::stdout().flush().unwrap();
    loop {
        std::thread::park();
    }
}

/// This test program as a child, behind `wrapper`.
fn command(wrapper: &[&str], role: &str, place: &Path) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = match wrapper {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    };
    command
        .args(["--exact", "processes::child", "--nocapture"])
        .env(ROLE, role)
        .env(PLACE, place)
        .stdout(Stdio::piped());
    command
}

/// A child that is ready and waits, and is killed when it is dropped.
struct Waiting(Child);

impl Waiting {
    fn start(role: &str, place: &Path) -> Self {
        let mut child = command(&[], role, place).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        assert!(lines.any(|line| line.contains(READY)), "the child failed");
        Self(child)
    }

    fn holder(&self) -> String {
        format!("process {}", self.0.id())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn clause_11_a_stream_is_locked_by_another_process_until_it_dies() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stream");
    let child = Waiting::start("append", dir.path());
    let error = FileBackend::open(&path).unwrap_err();
    assert!(
        matches!(&error, StorageError::Locked { holder } if *holder == child.holder()),
        "{error}"
    );
    // Readers need no lock, and see what the other process has written.
    let directory = FileDirectory::open(dir.path()).unwrap();
    let reader = directory.open_reader("stream").unwrap();
    assert_eq!(reader.read_at(0, 12).unwrap(), b"of the child");
    drop(child);
    // Clause 4: what was flushed survived the process.
    let backend = FileBackend::open(&path).unwrap();
    assert_eq!(backend.read_at(0, 12).unwrap(), b"of the child");
    assert_eq!(backend.size().unwrap(), 12);
}

#[test]
fn d6_a_directory_is_locked_by_another_process_until_it_dies() {
    let dir = tempfile::tempdir().unwrap();
    let directory = FileDirectory::create(dir.path()).unwrap();
    for _ in 0..2 {
        let child = Waiting::start("lock", dir.path());
        let error = directory.lock("lock").unwrap_err();
        assert!(
            matches!(&error, StorageError::Locked { holder } if *holder == child.holder()),
            "{error}"
        );
        drop(child);
        // The dead one's number is still in the file, and does no harm.
        drop(directory.lock("lock").unwrap());
    }
}

#[test]
fn clause_10_a_file_size_limit_is_an_error_that_leaves_the_backend_usable() {
    let dir = tempfile::tempdir().unwrap();
    // The unit of the limit is 512 or 1024 bytes, as the shell has it.
    let limit = ["sh", "-c", "trap '' XFSZ; ulimit -f 600; exec \"$@\"", "sh"];
    let child = command(&limit, "limited", dir.path()).output().unwrap();
    let out = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && out.contains(READY), "{out}");
}

#[test]
fn reserving_does_not_step_on_a_file_size_limit() {
    let dir = tempfile::tempdir().unwrap();
    // Here who goes above it is killed.
    let limit = ["sh", "-c", "ulimit -f 600; exec \"$@\"", "sh"];
    let child = command(&limit, "reserving", dir.path()).output().unwrap();
    let out = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && out.contains(READY), "{out}");
}

fn reserving_below_a_limit(place: &Path) {
    let mut backend = FileBackend::open(&place.join("stream")).unwrap();
    for round in 0..20 {
        backend.reserve(10_000).unwrap();
        backend.append(&bytes(round, 10_000)).unwrap();
        backend.flush().unwrap();
    }
    backend.close().unwrap();
}

fn within_a_file_size_limit(place: &Path) {
    let path = place.join("stream");
    let mut backend = FileBackend::open(&path).unwrap();
    let model = bytes(1, 100_000);
    backend.append(&model).unwrap();
    backend.flush().unwrap();

    // Too much for the file, and for the buffer.
    let error = backend.append(&bytes(2, 2_000_000)).unwrap_err();
    assert!(error.is_full(), "{error}");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 100_000);
    assert!(backend.read_at(0, 100_000).unwrap() == model);

    // Too much for the file, not for the buffer at first.
    let mut size = backend.size().unwrap();
    let error = loop {
        match backend.append(&bytes(3, 100_000)) {
            Ok(start) => assert_eq!(start, size),
            Err(error) => break error,
        }
        size += 100_000;
        assert!(size < 10_000_000, "there is no limit");
    };
    assert!(error.is_full(), "{error}");
    assert_eq!(backend.size().unwrap(), size);
    assert!(backend.flush().unwrap_err().is_full());
    assert!(backend.reserve(1 << 20).unwrap_err().is_full());
    assert_eq!(backend.size().unwrap(), size);
    assert!(backend.read_at(0, 100_000).unwrap() == model);
    assert!(backend.read_at(size - 100_000, 100_000).unwrap() == bytes(3, 100_000));

    // Room is made by a cut.
    backend.truncate(150_000).unwrap();
    backend.append(b"end").unwrap();
    backend.close().unwrap();
    let left = std::fs::read(&path).unwrap();
    assert!(left == [&model[..], &bytes(3, 50_000), b"end"].concat());

    // An atomic replacement that has no room leaves the old content.
    let directory = FileDirectory::open(place).unwrap();
    directory.replace("manifest", b"old").unwrap();
    let error = directory
        .replace("manifest", &bytes(4, 2_000_000))
        .unwrap_err();
    assert!(error.is_full(), "{error}");
    assert_eq!(std::fs::read(place.join("manifest")).unwrap(), b"old");
    assert_eq!(directory.list().unwrap(), ["manifest", "stream"]);
    assert_eq!(std::fs::read_dir(place).unwrap().count(), 2);
    directory.replace("manifest", b"new").unwrap();
}

#[test]
fn clause_10_what_may_not_be_opened_is_a_clear_error() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let dir = tempfile::tempdir().unwrap();
    let rights = |name: &str, mode: u32| {
        std::fs::set_permissions(dir.path().join(name), std::fs::Permissions::from_mode(mode))
            .unwrap();
    };
    std::fs::write(dir.path().join("closed"), "x").unwrap();
    std::fs::write(dir.path().join("readable"), "readable").unwrap();
    rights("closed", 0o000);
    rights("readable", 0o444);
    rights("", 0o555);
    let nobody = 65_534;
    let wrapper: Vec<String> = if rustix_is_root() {
        // Another user needs a program that it can reach.
        if chown(dir.path(), Some(nobody), Some(nobody)).is_err() || !nobody_can_run() {
            println!("not run: cannot become another user");
            return;
        }
        as_nobody().map(str::to_owned).to_vec()
    } else {
        Vec::new()
    };
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let child = command(&wrapper, "stranger", dir.path()).output().unwrap();
    rights("", 0o755);
    let out = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && out.contains(READY), "{out}");
}

fn as_nobody() -> [&'static str; 4] {
    [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ]
}

fn rustix_is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Whether another user may run this very program.
fn nobody_can_run() -> bool {
    let [program, arguments @ ..] = as_nobody();
    Command::new(program)
        .args(arguments)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child"])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn without_rights(place: &Path) {
    for name in ["closed", "readable", "new"] {
        let error = FileBackend::open(&place.join(name)).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        assert!(is_denied(&error), "{error}");
    }
    let directory = FileDirectory::open(place).unwrap();
    assert_eq!(directory.list().unwrap(), ["closed", "readable"]);
    let reader = directory.open_reader("readable").unwrap();
    assert_eq!(reader.read_at(0, 8).unwrap(), b"readable");
    let errors = [
        directory.open("readable", OpenMode::Existing).map(drop),
        directory.open("new", OpenMode::CreateNew).map(drop),
        directory.open_reader("closed").map(drop),
        directory.replace("readable", b"x"),
        directory.remove("readable"),
        directory.lock("lock").map(drop),
        FileDirectory::create(&place.join("sub")).map(drop),
    ];
    for result in errors {
        assert!(is_denied(result.as_ref().unwrap_err()), "{result:?}");
    }
}

fn is_denied(error: &StorageError) -> bool {
    matches!(error, StorageError::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied)
}
