//! What the binaries of this workspace share: where they ran, how figures are shown, and their place in docs/performance.md.

pub mod figures;
pub mod machine;
pub mod page;
