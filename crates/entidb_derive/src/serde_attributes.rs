//! What serde's own attributes say of how a struct and its fields are stored.

use syn::meta::ParseNestedMeta;
use syn::parse::ParseStream;
use syn::{Attribute, Error, Ident, LitStr, Result};

use crate::case::Rule;

/// What serde is told of the struct.
#[derive(Default)]
pub(crate) struct OfStruct {
    pub(crate) rename_all: Option<Rule>,
}

/// What serde is told of a field.
#[derive(Default)]
pub(crate) struct OfField {
    pub(crate) rename: Option<String>,
    /// What it is read under, where that is another name.
    pub(crate) read_as: Option<LitStr>,
    pub(crate) flatten: bool,
    /// It is not stored.
    pub(crate) skip: bool,
    /// Another module stores it, so that its type does not say how.
    pub(crate) with: Option<LitStr>,
}

impl OfField {
    /// Whether it is stored as a byte string.
    pub(crate) fn is_bytes(&self) -> bool {
        let with = self.with.as_ref().map(LitStr::value);
        with.is_some_and(|path| path.rsplit("::").next() == Some("serde_bytes"))
    }
}

pub(crate) fn of_struct(attributes: &[Attribute]) -> Result<OfStruct> {
    let mut found = OfStruct::default();
    each(attributes, |meta| {
        if meta.path.is_ident("rename_all") {
            let names = Names::parse(&meta)?;
            found.rename_all = names.stored.and_then(|name| Rule::of(&name.value()));
        } else if meta.path.is_ident("transparent") {
            return Err(meta.error(
                "a transparent struct is stored as its only field is: derive `Entity` for a struct that has an id and something beside it",
            ));
        } else {
            pass(meta.input)?;
        }
        Ok(())
    })?;
    Ok(found)
}

pub(crate) fn of_field(attributes: &[Attribute]) -> Result<OfField> {
    let mut found = OfField::default();
    each(attributes, |meta| {
        let is = |name| meta.path.is_ident(name);
        if is("rename") {
            let names = Names::parse(&meta)?;
            let stored = names.stored.as_ref().map(LitStr::value);
            found.read_as = names.read.filter(|read| Some(read.value()) != stored);
            found.rename = stored;
        } else if is("flatten") {
            found.flatten = true;
        } else if is("skip") || is("skip_serializing") || is("skip_deserializing") {
            found.skip = true;
        } else if is("with") || is("serialize_with") {
            found.with = Some(meta.value()?.parse()?);
        } else {
            pass(meta.input)?;
        }
        Ok(())
    })?;
    Ok(found)
}

fn each(
    attributes: &[Attribute],
    mut look: impl FnMut(ParseNestedMeta) -> Result<()>,
) -> Result<()> {
    for attribute in attributes {
        if attribute.path().is_ident("serde") {
            attribute.parse_nested_meta(&mut look)?;
        }
    }
    Ok(())
}

/// Passes over what an attribute is given: serde itself says whether it is right.
fn pass(input: ParseStream) -> Result<()> {
    while !input.is_empty() && !input.peek(syn::Token![,]) {
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}

/// `rename = "x"`, or `rename(serialize = "x", deserialize = "y")`.
#[derive(Default)]
struct Names {
    stored: Option<LitStr>,
    read: Option<LitStr>,
}

impl Names {
    fn parse(meta: &ParseNestedMeta) -> Result<Self> {
        if meta.input.peek(syn::Token![=]) {
            let name: LitStr = meta.value()?.parse()?;
            return Ok(Self {
                stored: Some(name.clone()),
                read: Some(name),
            });
        }
        let mut names = Self::default();
        meta.parse_nested_meta(|inner| {
            let name: LitStr = inner.value()?.parse()?;
            if inner.path.is_ident("serialize") {
                names.stored = Some(name);
            } else {
                names.read = Some(name);
            }
            Ok(())
        })?;
        Ok(names)
    }
}

/// The error for an index on a field that is not stored.
pub(crate) fn not_stored(field: &Ident) -> Error {
    Error::new(
        field.span(),
        format!("`{field}` is not stored, as serde is told to skip it: there is nothing to index"),
    )
}
