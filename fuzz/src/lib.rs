//! What the programs in `targets/` share. What they run is in `crates/entidb/src/fuzz/`.

pub use entidb::fuzz;
pub use libfuzzer_sys;

/// The program of the target with this name.
#[macro_export]
macro_rules! program {
    ($name:literal) => {
        $crate::libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            static RUN: std::sync::LazyLock<fn(&[u8])> = std::sync::LazyLock::new(|| {
                $crate::fuzz::target($name)
                    .expect("a target of this name")
                    .run
            });
            RUN(data);
        });
    };
}
