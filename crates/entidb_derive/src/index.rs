//! An index, resolved: its paths as they are stored, its constant, and the type by which it is looked up.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Error, Ident, Path, Result, Visibility};

use crate::attributes::{Asked, Kind};
use crate::model::{self, Field};
use crate::part::{self, Part};
use crate::path::FieldPath;

/// How many paths an index has at most.
const PATH_COUNT_MAX: usize = 6;

/// An index.
pub(crate) struct Index {
    pub(crate) kind: Kind,
    /// In the database.
    pub(crate) name: String,
    pub(crate) constant: Ident,
    pub(crate) visibility: Visibility,
    pub(crate) paths: Vec<String>,
    pub(crate) key: TokenStream,
    pub(crate) ignore_case: bool,
    /// Statements over `entity` that compile only if the paths lead to the types that were said.
    pub(crate) checks: Vec<TokenStream>,
}

/// The indexes of a struct: those of its fields, then those over several.
pub(crate) fn all(krate: &Path, on_struct: &[Asked], fields: &[Field]) -> Result<Vec<Index>> {
    let mut indexes: Vec<Index> = Vec::new();
    let mut errors: Option<Error> = None;
    let of_fields = fields.iter().flat_map(|field| {
        let asked = field.on.indexes.iter();
        asked.map(move |asked| of_field(krate, field, asked, fields))
    });
    let of_struct = on_struct
        .iter()
        .map(|asked| of_struct(krate, asked, fields));
    for (index, span) in of_fields.chain(of_struct) {
        let index = index.and_then(|index| match collision(&indexes, &index) {
            Some(message) => Err(Error::new(span, message)),
            None => Ok(index),
        });
        match (index, &mut errors) {
            (Ok(index), _) => indexes.push(index),
            (Err(error), Some(errors)) => errors.combine(error),
            (Err(error), None) => errors = Some(error),
        }
    }
    errors.map_or(Ok(indexes), Err)
}

fn collision(indexes: &[Index], index: &Index) -> Option<String> {
    let same = |other: &&Index| other.constant == index.constant || other.name == index.name;
    let other = indexes.iter().find(same)?;
    Some(format!(
        "there is an index `{}` already: give this one another name, `{}(name = \"…\")`",
        other.constant,
        index.kind.word()
    ))
}

fn of_field(krate: &Path, field: &Field, asked: &Asked, fields: &[Field]) -> (Result<Index>, Span) {
    let index = || {
        if asked.paths.len() > 1 {
            return Err(Error::new(
                asked.span,
                format!(
                    "an index over several fields stands on the struct: `#[entity({}(first, second))]`",
                    asked.kind.word()
                ),
            ));
        }
        let part = match asked.paths.first() {
            None => {
                part::from_struct(krate, &FieldPath::field(field.ident.clone()), asked, fields)?
            }
            Some(within) => part::from_field(krate, field, within, asked)?,
        };
        let ignore_case = asked.ignore_case.or(field.on.ignore_case).is_some();
        Index::of(asked, vec![part], ignore_case)
    };
    (index(), asked.span)
}

fn of_struct(krate: &Path, asked: &Asked, fields: &[Field]) -> (Result<Index>, Span) {
    let index = || {
        if asked.paths.is_empty() {
            return Err(Error::new(
                asked.span,
                format!(
                    "on the struct, an index says what it is on: `{}(first, second)`",
                    asked.kind.word()
                ),
            ));
        }
        let parts = asked.paths.iter();
        let parts = parts.map(|path| part::from_struct(krate, path, asked, fields));
        let parts = parts.collect::<Result<Vec<_>>>()?;
        Index::of(asked, parts, asked.ignore_case.is_some())
    };
    (index(), asked.span)
}

impl Index {
    fn of(asked: &Asked, parts: Vec<Part>, ignore_case: bool) -> Result<Self> {
        let arrays = parts.iter().filter(|part| part.path.contains("[]"));
        if asked.kind != Kind::Text && arrays.count() > 1 {
            return Err(Error::new(
                asked.span,
                "only one of an index's paths leads into an array: make an index on each of them",
            ));
        }
        if parts.len() > PATH_COUNT_MAX {
            return Err(Error::new(
                asked.span,
                format!("an index is on up to {PATH_COUNT_MAX} paths"),
            ));
        }
        let paths: Vec<String> = parts.iter().map(|part| part.path.clone()).collect();
        let (name, constant) = name(asked, &parts, &paths)?;
        let mut visibility = &Visibility::Public(Default::default());
        for part in &parts {
            if model::is_narrower(part.field.visibility, visibility) {
                visibility = part.field.visibility;
            }
        }
        let keys = parts.iter().map(|part| &part.key);
        let key = match parts.as_slice() {
            [only] => only.key.clone(),
            _ => quote!((#(#keys),*)),
        };
        Ok(Self {
            kind: asked.kind,
            name,
            constant,
            visibility: visibility.clone(),
            paths,
            key,
            ignore_case,
            checks: parts.into_iter().filter_map(|part| part.check).collect(),
        })
    }
}

/// The index's name, and its constant's.
fn name(asked: &Asked, parts: &[Part], paths: &[String]) -> Result<(String, Ident)> {
    let (name, constant) = match &asked.name {
        Some(name) => (name.value(), name.value()),
        None => {
            let words = parts.iter().flat_map(|part| &part.words);
            let words = words.map(String::as_str).collect::<Vec<_>>().join("_");
            let text = if asked.kind == Kind::Text {
                "text:"
            } else {
                ""
            };
            (format!("{text}{}", paths.join(",")), words)
        }
    };
    let span = asked.name.as_ref().map_or_else(
        || {
            parts
                .first()
                .map_or(asked.span, |part| part.field.ident.span())
        },
        syn::LitStr::span,
    );
    match syn::parse_str::<Ident>(&constant.to_uppercase()) {
        Ok(mut constant) => {
            constant.set_span(span);
            Ok((name, constant))
        }
        Err(_) => Err(Error::new(
            span,
            "an index's name is also a constant's: letters, digits and underscores, a letter first",
        )),
    }
}
