//! The conformance suite, tested: what is good passes, and every lie is caught.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what was caught"
)]

mod disk;
mod disk_lies;
mod folder_lies;
mod folders;
mod good;
mod memory_lies;
mod strangers;

/// Every check has a liar that it catches, or it would be no check.
#[test]
fn every_check_catches_a_lie() {
    use entidb_storage::conformance::{BACKEND_CHECKS, DIRECTORY_CHECKS};
    let backends = [memory_lies::CATCHING, disk_lies::CATCHING].concat();
    for check in BACKEND_CHECKS {
        assert!(backends.contains(&check.name), "no lie for {}", check.name);
    }
    for check in DIRECTORY_CHECKS {
        assert!(
            folder_lies::CATCHING.contains(&check.name),
            "no lie for {}",
            check.name
        );
    }
}

/// `name: Lie is caught by check;` as a named test each, and the list of the checks.
macro_rules! lies {
    ($($test:ident: $lie:ident is caught by $check:ident;)+) => {
        $(#[test]
        fn $test() {
            caught($lie, stringify!($check));
        })+

        /// The checks that a lie of this file fails.
        pub(crate) const CATCHING: &[&str] = &[$(stringify!($check)),+];
    };
}
use lies;
