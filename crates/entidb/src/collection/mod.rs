//! Views of one collection: a codec over the engine, not a second engine.

mod untyped;

pub use untyped::Untyped;
