//! What is tested, and what the suite may ask of it beyond the contract.

use crate::{Directory, OpenMode, StorageBackend, StorageError, StorageResult};

/// A kind of backend (`T` is `dyn StorageBackend`) or of directory (`T` is `dyn Directory`).
///
/// Only [`fresh`](Self::fresh) is required. Each of the others lets the suite look at clauses that cannot be seen from
/// outside; what is left out is reported as not checked.
pub trait Subject<T: ?Sized> {
    /// A new, empty one, which nobody else has.
    ///
    /// # Errors
    /// Whatever its making gives; every check that needs it fails.
    fn fresh(&mut self) -> StorageResult<Box<T>>;

    /// The one that [`fresh`](Self::fresh) made last, opened again, as a program would after a restart. A backend is also
    /// asked this while its first handle is alive, and then has to refuse (clause 11).
    fn reopen(&mut self) -> Option<StorageResult<Box<T>>> {
        None
    }

    /// What the loss, if it happened now, would leave of the one that [`fresh`](Self::fresh) made last: a copy, so that the
    /// original goes on.
    fn after(&mut self, loss: Loss) -> Option<StorageResult<Box<T>>> {
        let _ = loss;
        None
    }

    /// Makes the medium below the one that [`fresh`](Self::fresh) made last fail from now on until
    /// [`mend`](Self::mend), and says whether it can.
    fn inject(&mut self, fault: Fault) -> bool {
        let _ = fault;
        false
    }

    /// Ends the fault.
    fn mend(&mut self) {}
}

/// What is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The process is killed: what it handed to the operating system is kept.
    Process,
    /// The power fails: only what was made durable is kept for certain.
    Power,
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Process => "the process was killed",
            Self::Power => "the power failed",
        })
    }
}

/// How a medium fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No room is left: what needs more is refused.
    Full,
    /// Writes succeed, and the next sync fails.
    Sync,
    /// Reads and writes are again and again interrupted or cut short, and succeed if they are gone on with.
    Interruptions,
}

/// What a factory of subjects may return: the thing, a box of it, or a result of either.
pub trait Made<T: ?Sized> {
    /// The thing, boxed.
    ///
    /// # Errors
    /// Those of its making.
    fn made(self) -> StorageResult<Box<T>>;
}

impl<B: StorageBackend + 'static> Made<dyn StorageBackend> for B {
    fn made(self) -> StorageResult<Box<dyn StorageBackend>> {
        Ok(Box::new(self))
    }
}

impl<D: Directory + 'static> Made<dyn Directory> for D {
    fn made(self) -> StorageResult<Box<dyn Directory>> {
        Ok(Box::new(self))
    }
}

impl<T: ?Sized> Made<T> for Box<T> {
    fn made(self) -> StorageResult<Self> {
        Ok(self)
    }
}

impl<T: ?Sized, M: Made<T>, E: Into<StorageError>> Made<T> for Result<M, E> {
    fn made(self) -> StorageResult<Box<T>> {
        self.map_err(Into::into)?.made()
    }
}

/// A subject that lives only as long as its handle, from a function that makes one.
#[derive(Debug)]
pub struct Volatile<F>(F);

impl<F> Volatile<F> {
    /// What `make` makes.
    pub fn new<M>(make: F) -> Self
    where
        F: FnMut() -> M,
    {
        Self(make)
    }
}

impl<T: ?Sized, M: Made<T>, F: FnMut() -> M> Subject<T> for Volatile<F> {
    fn fresh(&mut self) -> StorageResult<Box<T>> {
        (self.0)().made()
    }
}

/// A subject that can be opened again, from a function that opens or creates by name.
///
/// The names are `[a-z0-9-]+`, and have to be new to the function's place.
#[derive(Debug)]
pub struct Durable<F> {
    open: F,
    count: u64,
}

impl<F> Durable<F> {
    /// What `open` opens: empty under a new name, and under a known one what was left there.
    pub fn new<M>(open: F) -> Self
    where
        F: FnMut(&str) -> M,
    {
        Self { open, count: 0 }
    }
}

impl<T: ?Sized, M: Made<T>, F: FnMut(&str) -> M> Subject<T> for Durable<F> {
    fn fresh(&mut self) -> StorageResult<Box<T>> {
        self.count += 1;
        (self.open)(&format!("subject-{}", self.count)).made()
    }

    fn reopen(&mut self) -> Option<StorageResult<Box<T>>> {
        Some((self.open)(&format!("subject-{}", self.count)).made())
    }
}

/// The backends that a directory gives out.
#[derive(Debug)]
pub struct StreamsOf<D> {
    directory: D,
    count: u64,
}

impl<D: Directory> StreamsOf<D> {
    /// The streams of `directory`, which must be empty.
    pub fn new(directory: D) -> Self {
        Self {
            directory,
            count: 0,
        }
    }

    fn name(&self) -> String {
        format!("subject-{}", self.count)
    }
}

impl<D: Directory> Subject<dyn StorageBackend> for StreamsOf<D> {
    fn fresh(&mut self) -> StorageResult<Box<dyn StorageBackend>> {
        self.count += 1;
        self.directory.open(&self.name(), OpenMode::CreateNew)
    }

    fn reopen(&mut self) -> Option<StorageResult<Box<dyn StorageBackend>>> {
        Some(self.directory.open(&self.name(), OpenMode::Existing))
    }
}
