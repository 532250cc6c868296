//! Room that is kept for a full disk: enough for deletes, a checkpoint and a merge, by which space comes back.
//!
//! Promises: while it is given up, nothing but what frees space is let through. Relies on a backend that can reserve room
//! behind its end; where there is none, there is no such room, and nothing is lost by it. Must never hold anything that counts:
//! the stream is empty, and is removed unread.

use entidb_storage::{Directory, OpenMode, StorageBackend, StorageError};

use crate::format::name;
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The room, or the lack of it.
pub(crate) struct Reserve {
    directory: Arc<dyn Directory>,
    bytes: u64,
    state: Mutex<State>,
}

enum State {
    /// Not asked for yet, or there was none to be had.
    Absent,
    /// The backend holds it for as long as it is open.
    Held { _backend: Box<dyn StorageBackend> },
    /// The disk was full.
    GivenUp,
}

impl Reserve {
    pub(crate) fn new(directory: Arc<dyn Directory>, bytes: u64) -> Self {
        Self {
            directory,
            bytes,
            state: Mutex::new(State::Absent),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes what a crash has left of it, so that its room serves recovery.
    pub(crate) fn remove_left_over(&self) {
        // If it cannot be removed, it only takes up room.
        let _ = self.directory.remove(name::RESERVE);
    }

    /// Sets the room aside, if there is plenty of it.
    pub(crate) fn set_aside(&self) {
        let mut state = self.state();
        if matches!(*state, State::Absent)
            && let Ok(Some(backend)) = self.make()
        {
            *state = State::Held { _backend: backend };
        }
    }

    fn make(&self) -> Result<Option<Box<dyn StorageBackend>>, StorageError> {
        if self.bytes == 0 {
            return Ok(None);
        }
        let mut backend = match self.directory.open(name::RESERVE, OpenMode::CreateNew) {
            Err(StorageError::Io(error)) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                self.directory.remove(name::RESERVE)?;
                self.directory.open(name::RESERVE, OpenMode::CreateNew)?
            }
            made => made?,
        };
        match backend.reserve(self.bytes) {
            Ok(()) => Ok(Some(backend)),
            Err(error) => {
                drop(backend);
                self.directory.remove(name::RESERVE)?;
                Err(error)
            }
        }
    }

    /// Gives the room up, since the disk is full. Says whether there was any.
    pub(crate) fn give_up(&self) -> bool {
        let mut state = self.state();
        let held = matches!(*state, State::Held { .. });
        if held {
            // Dropped, which gives back what it had reserved.
            *state = State::GivenUp;
            let _ = self.directory.remove(name::RESERVE);
        }
        held
    }

    /// Whether there is room for more than what frees space. If the room was given up, this asks for it again.
    pub(crate) fn is_whole(&self) -> bool {
        let mut state = self.state();
        if !matches!(*state, State::GivenUp) {
            return true;
        }
        match self.make() {
            Ok(Some(backend)) => {
                *state = State::Held { _backend: backend };
                true
            }
            Ok(None) | Err(_) => false,
        }
    }

    /// Lets the room go, at the end of a session.
    pub(crate) fn end(&self) {
        if matches!(
            std::mem::replace(&mut *self.state(), State::Absent),
            State::Held { .. }
        ) {
            self.remove_left_over();
        }
    }
}
