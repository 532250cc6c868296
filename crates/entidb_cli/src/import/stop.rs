//! An import that ended early.

use std::io;

use super::pipeline::Tally;
use super::source::Fault;
use crate::exit::Failure;
use crate::human;

/// What is in, and why it ended.
pub(crate) struct Stop {
    pub(super) tally: Tally,
    pub(super) reason: Reason,
}

pub(super) enum Reason {
    Fault(Fault),
    Engine(entidb::Error),
    /// The acknowledgements could not be written.
    Ack(io::Error),
    /// The parser's thread could not be started, or panicked.
    Thread,
}

impl Stop {
    /// Says why it ended, and what is in all the same. `shown` is the input; `skip_bad` whether bad lines were left out.
    pub(crate) fn failure(self, shown: &str, skip_bad: bool) -> Failure {
        let uncertain = match self.tally.uncertain {
            0 => String::new(),
            count => format!(
                "; whether {} more are is unknown until the database is opened again",
                human::count(count)
            ),
        };
        let stay = match self.tally.entities {
            0 if uncertain.is_empty() => "nothing was kept".to_owned(),
            1 => format!("1 entity is in and durable{uncertain}"),
            count => format!(
                "{} entities are in and durable{uncertain}",
                human::count(count)
            ),
        };
        match self.reason {
            Reason::Fault(Fault::Bad { place, why, fatal }) => {
                let next = match (skip_bad, fatal) {
                    (false, false) => "; mend it, or leave bad ones out with --skip-bad",
                    (_, true) => "; mend it, since nothing can be read past this",
                    (true, false) => "",
                };
                let batch = match self.tally.entities {
                    0 => "",
                    _ => "nothing of its batch was kept; ",
                };
                Failure::no(format!("{shown}, {place}: {why}{next}; {batch}{stay}"))
            }
            Reason::Fault(Fault::Read(why)) => {
                Failure::could_not(format!("could not read {shown}: {why}; {stay}"))
            }
            Reason::Engine(error) if error.kind() == entidb::ErrorKind::Invalid => {
                Failure::wrong_use(format!("{error}; {stay}"))
            }
            Reason::Engine(error) => Failure::could_not(format!("{error}; {stay}")),
            // Not quiet: unlike a listing, an import that ends early has not done its work.
            Reason::Ack(error) => Failure::could_not(format!(
                "could not acknowledge on standard output ({error}), so the import ended early; {stay}"
            )),
            Reason::Thread => Failure::could_not(format!("the reading thread died; {stay}")),
        }
    }
}
