//! What does not compile, and what is said about it.

/// What the derive says, in its own words: the same under every compiler.
#[test]
fn wrong_attributes_are_refused_with_what_to_write_instead() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/derive/*.rs");
}

/// What the compiler says, in words of its own that change from version to version.
#[test]
fn wrong_fields_and_wrong_types_do_not_compile() {
    const WRITTEN_BY: &str = "rustc 1.95";
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = std::process::Command::new(rustc).arg("--version").output();
    let version = String::from_utf8(version.expect("a compiler").stdout).expect("UTF-8");
    if !version.starts_with(WRITTEN_BY) {
        eprintln!("not run: the messages are those of {WRITTEN_BY}, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/compile_fail/types/*.rs");
}
