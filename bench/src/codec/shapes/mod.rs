//! The shapes of rust_serialization_benchmark, written from its lists of fields.

mod log;
mod minecraft;
mod mk48;

pub use log::Log;
pub use minecraft::Player;
pub use mk48::Update;

/// A struct that every codec knows: serde by names, minicbor by numbers.
macro_rules! entity {
    ($(#[$attribute:meta])* struct $name:ident { $($(#[$field_attribute:meta])* $number:literal $field:ident: $type:ty,)* }) => {
        $(#[$attribute])*
        #[derive(Serialize, Deserialize, minicbor::Encode, minicbor::Decode, PartialEq)]
        pub struct $name { $($(#[$field_attribute])* #[n($number)] $field: $type,)* }
    };
}
use entity;
