//! `entidb export`: the file appears under its name once it is whole and durable.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use entidb::Scan;

use crate::args::Export;
use crate::exit::{Failure, Outcome, say};
use crate::key::Key;
use crate::output::Lines;
use crate::{human, open, scan};

pub(crate) fn run(args: &Export, key: Option<&Key>) -> Outcome {
    let db = open::for_reading(&args.db, key)?;
    let snapshot = db.snapshot();
    open::collection(&snapshot, &args.db, &args.collection)?;
    let scan = snapshot.scan(&args.collection);
    match args.file.as_deref().filter(|file| *file != Path::new("-")) {
        None => to_stdout(scan),
        Some(file) => {
            let target = Target::new(file, args.force)?;
            let (count, bytes) = target.write(scan)?;
            say(format_args!(
                "{} in {}, {}",
                human::entities(count),
                file.display(),
                human::bytes(bytes)
            ));
            Ok(())
        }
    }
}

fn to_stdout(entities: Scan) -> Outcome {
    let mut lines = Lines::stdout();
    scan::write(entities, &mut lines)?;
    Ok(lines.flush()?)
}

/// Where an export goes.
struct Target {
    file: PathBuf,
    /// Beside it, until it is whole; `None` for a device or a pipe, which is written to as it is.
    partial: Option<PathBuf>,
    replace: bool,
}

impl Target {
    fn new(file: &Path, force: bool) -> Outcome<Self> {
        let refused = |error: io::Error| could_not(file, &error);
        let metadata = match fs::metadata(file) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Self::beside(file.to_owned(), false);
            }
            Err(error) => return Err(refused(error)),
        };
        if metadata.is_dir() {
            return Err(Failure::wrong_use(format!(
                "{} is a folder: name a file in it",
                file.display()
            )));
        }
        if !force {
            return Err(exists(file));
        }
        if metadata.is_file() {
            // A link stays, and what it leads to is replaced.
            return Self::beside(fs::canonicalize(file).map_err(refused)?, true);
        }
        Ok(Self {
            file: file.to_owned(),
            partial: None,
            replace: true,
        })
    }

    fn beside(file: PathBuf, replace: bool) -> Outcome<Self> {
        let Some(name) = file.file_name() else {
            return Err(Failure::wrong_use(format!(
                "{} does not name a file",
                file.display()
            )));
        };
        let mut partial = std::ffi::OsString::from(".");
        partial.push(name);
        partial.push(format!(".{}.partial", std::process::id()));
        Ok(Self {
            partial: Some(file.with_file_name(partial)),
            file,
            replace,
        })
    }

    fn write(&self, entities: Scan) -> Outcome<(u64, u64)> {
        let Some(partial) = &self.partial else {
            let sink = OpenOptions::new().write(true).open(&self.file);
            let sink = sink.map_err(|error| could_not(&self.file, &error))?;
            return self
                .fill(sink, entities)
                .map(|(_, count, bytes)| (count, bytes));
        };
        let sink = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(partial);
        let sink = sink.map_err(|error| could_not(&self.file, &error))?;
        let written = self.fill(sink, entities).and_then(|(sink, count, bytes)| {
            // ORDER: the bytes first, then the name: a crash in between leaves no file that only looks whole.
            sink.sync_all()
                .map_err(|error| could_not(&self.file, &error))?;
            self.name(partial)?;
            Ok((count, bytes))
        });
        if written.is_err() {
            // What could not be finished is of no use.
            let _ = fs::remove_file(partial);
        }
        written
    }

    fn fill(&self, sink: File, entities: Scan) -> Outcome<(File, u64, u64)> {
        let failed = |error: &io::Error| could_not(&self.file, error);
        let mut lines = Lines::new(Counted { sink, bytes: 0 });
        let count = scan::write(entities, &mut lines).map_err(|failure| match failure {
            Failure::Output(error) => failed(&error),
            other => other,
        })?;
        let counted = lines.into_sink().map_err(|error| failed(&error))?;
        Ok((counted.sink, count, counted.bytes))
    }

    /// Gives the whole file its name, and makes the name durable.
    fn name(&self, partial: &Path) -> Outcome {
        let failed = |error: io::Error| could_not(&self.file, &error);
        if self.replace {
            fs::rename(partial, &self.file).map_err(failed)?;
        } else {
            // A link never replaces a file that has come in between; some file systems have none.
            match fs::hard_link(partial, &self.file) {
                Ok(()) => fs::remove_file(partial).map_err(failed)?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(exists(&self.file));
                }
                Err(_) => fs::rename(partial, &self.file).map_err(failed)?,
            }
        }
        let folder = self
            .file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        sync_folder(folder.unwrap_or(Path::new("."))).map_err(failed)
    }
}

fn could_not(file: &Path, error: &io::Error) -> Failure {
    Failure::could_not(format!("could not write {}: {error}", file.display()))
}

fn exists(file: &Path) -> Failure {
    Failure::wrong_use(format!(
        "{} is there already: name another file, or replace it with --force",
        file.display()
    ))
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Counts what is written.
struct Counted {
    sink: File,
    bytes: u64,
}

impl io::Write for Counted {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let len = self.sink.write(buffer)?;
        self.bytes += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
