//! Running the checks, and telling people what was found.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::subject::Subject;
use super::verdict::{Unmet, Verdict};

/// One check of one clause.
pub struct Check<T: ?Sized> {
    /// The name of its function: the clause, and what it promises.
    pub name: &'static str,
    /// Its function.
    pub run: fn(&mut dyn Subject<T>) -> Verdict,
}

impl<T: ?Sized> Check<T> {
    /// Runs the check; that it panicked, in the subject say, is a failure too.
    ///
    /// # Errors
    /// [`Unmet`], if the clause does not hold or could not be checked.
    pub fn run(&self, subject: &mut dyn Subject<T>) -> Verdict {
        let run = catch_unwind(AssertUnwindSafe(|| (self.run)(subject)));
        run.unwrap_or_else(|panic| Err(Unmet::Fails(format!("panicked: {}", message(&*panic)))))
    }
}

impl<T: ?Sized> fmt::Debug for Check<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "without a message",
    }
}

/// Runs one check as a test does.
///
/// # Errors
/// What does not hold. What could not be checked is printed, and no error.
#[doc(hidden)]
#[expect(clippy::print_stdout, reason = "a test says what it did not check")]
pub fn test<T: ?Sized>(check: &Check<T>, subject: &mut dyn Subject<T>) -> Result<(), String> {
    match check.run(subject) {
        Ok(()) => Ok(()),
        Err(Unmet::NotChecked(why)) => {
            println!("{}: not checked: {why}", check.name);
            Ok(())
        }
        Err(Unmet::Fails(what)) => Err(format!("{}: {what}", check.name)),
    }
}

/// What was found, check by check.
#[derive(Debug, Clone)]
pub struct Report {
    lines: Vec<(&'static str, Verdict)>,
}

impl Report {
    pub(super) fn of<T: ?Sized>(checks: &[Check<T>], subject: &mut dyn Subject<T>) -> Self {
        let run = |check: &Check<T>| {
            let verdict = check.run(&mut *subject);
            // A check that stopped early may have left its fault behind.
            subject.mend();
            (check.name, verdict)
        };
        Self {
            lines: checks.iter().map(run).collect(),
        }
    }

    /// Every check by name, and what it found.
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, &Verdict)> {
        self.lines.iter().map(|(name, verdict)| (*name, verdict))
    }

    /// Whether nothing fails. What was not checked is no failure.
    #[must_use]
    pub fn is_conformant(&self) -> bool {
        self.fails().next().is_none()
    }

    /// What holds.
    pub fn holds(&self) -> impl Iterator<Item = &'static str> {
        self.lines()
            .filter_map(|(name, verdict)| verdict.is_ok().then_some(name))
    }

    /// What does not hold, and what was found instead.
    pub fn fails(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.lines().filter_map(|(name, verdict)| match verdict {
            Err(Unmet::Fails(what)) => Some((name, what.as_str())),
            _ => None,
        })
    }

    /// What was not checked, and why.
    pub fn not_checked(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.lines().filter_map(|(name, verdict)| match verdict {
            Err(Unmet::NotChecked(why)) => Some((name, why.as_str())),
            _ => None,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, verdict) in self.lines() {
            let name = name.replace('_', " ");
            match verdict {
                Ok(()) => writeln!(f, "holds        {name}")?,
                Err(Unmet::Fails(what)) => writeln!(f, "FAILS        {name}: {what}")?,
                Err(Unmet::NotChecked(why)) => writeln!(f, "not checked  {name}: {why}")?,
            }
        }
        write!(
            f,
            "{} hold, {} fail, {} not checked",
            self.holds().count(),
            self.fails().count(),
            self.not_checked().count()
        )
    }
}
