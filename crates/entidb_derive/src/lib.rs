//! `#[derive(Entity)]`, which `entidb` re-exports beside its trait `Entity`: use it from there.
//!
//! Knows nothing but syntax: what a type is, it tells by its last path segment.

#![forbid(unsafe_code)]

mod attributes;
mod case;
mod expand;
mod index;
mod keys;
mod model;
mod part;
mod path;
mod serde_attributes;
mod ttl;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct an entity: implements `entidb::Entity`, and gives each declared index a typed constant.
///
/// serde says how an entity is stored, so its two derives stand beside this one.
///
/// ```ignore
/// #[derive(Entity, Serialize, Deserialize)]
/// #[entity(collection = "users", version = 2, index(last, first))]
/// struct User {
///     #[entity(id)]
///     id: EntityId,                          // not stored: it is the entity's id, and filled in on read
///     #[entity(unique, ignore_case)]
///     email: String,                         // User::EMAIL: Unique<User, String>
///     #[entity(index)]
///     age: Option<u32>,                      // User::AGE: Index<User, u32>
///     #[entity(index)]
///     tags: Vec<String>,                     // User::TAGS: Index<User, String>, an entry for each element
///     #[entity(index(city: String))]
///     address: Address,                      // User::ADDRESS_CITY: Index<User, String>, on the path address.city
///     #[entity(text)]
///     bio: String,                           // User::BIO: Text<User>, by word
///     first: String,
///     last: String,                          // User::LAST_FIRST: Compound<User, (String, String)>
/// }
/// ```
///
/// # On the struct: `#[entity(…)]`
///
/// | | |
/// |---|---|
/// | `collection = "users"` | the collection's name; without it, the struct's name in lower case with underscores |
/// | `version = 2` | the version of the stored form, from 1, which it is without; see `entidb::Migrations` |
/// | `ttl = "30m"` | how long each entity lives from its put on, in `ms`, `s`, `m`, `h` or `d`; without it, for ever, or as `Database::set_time_to_live` says |
/// | `index(last, first)`, `unique(last, first)` | an index on several paths; also on one |
/// | `crate = "path"` | where `entidb` is, if not at `::entidb` |
///
/// # On a field
///
/// | | |
/// |---|---|
/// | `id` | exactly one field: an `EntityId`, or a natural key (`String`, an integer), or any type with `entidb::Id` |
/// | `index`, `unique` | an index on the field; on each element, if it is an array |
/// | `index(city: String)`, `unique(…)` | on a path into the field, whose type has to be said, and is checked |
/// | `text` | a full-text index, asked by words; on the struct, `text(title, body)` is one over several |
/// | `ignore_case` | the field's indexes compare text without regard to case |
///
/// # In the parentheses of an index
///
/// | | |
/// |---|---|
/// | `address.city: String` | a path: fields with points between them; `lines[].sku` for each element of an array, `geo?.city` into an `Option`; of a field of the struct itself that is told from its type |
/// | `"address.zipCode": String` | a path in quotes, as it is stored: for a struct within whose fields serde renames, or that are private; it is not checked |
/// | `name = "by_name"` | the index's name in the database, and in upper case its constant's; without it, the paths |
/// | `ignore_case` | compares text without regard to case |
/// | `as = String` | the type that is stored, where serde's `with` makes it another than the field's |
///
/// Names follow serde's `rename` and `rename_all`, since that is how the fields are stored.
#[proc_macro_derive(Entity, attributes(entity))]
pub fn derive_entity(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let tokens = match model::Entity::of(&input) {
        Ok(entity) => expand::entity(&entity),
        Err(error) => error.into_compile_error(),
    };
    tokens.into()
}
