//! What stands in `#[entity(…)]`.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, Ident, LitInt, LitStr, Path, Result, Token, Type, parenthesized, token,
};

use crate::path::{FieldPath, Way};

/// What kind of index is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Index,
    Unique,
    Text,
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        if path.is_ident("index") {
            Some(Self::Index)
        } else if path.is_ident("unique") {
            Some(Self::Unique)
        } else if path.is_ident("text") {
            Some(Self::Text)
        } else {
            None
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Unique => "unique",
            Self::Text => "text",
        }
    }
}

/// An index as it is asked for.
pub(crate) struct Asked {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    pub(crate) paths: Vec<FieldPath>,
    pub(crate) name: Option<LitStr>,
    pub(crate) ignore_case: Option<Span>,
    /// The type that is stored, where it is another than the field's.
    pub(crate) stored: Option<Type>,
}

impl Asked {
    fn parse(kind: Kind, meta: &ParseNestedMeta) -> Result<Self> {
        let span = meta
            .path
            .get_ident()
            .map_or_else(Span::call_site, Ident::span);
        let mut asked = Self {
            kind,
            span,
            paths: Vec::new(),
            name: None,
            ignore_case: None,
            stored: None,
        };
        if meta.input.peek(Token![=]) {
            return Err(meta.error(format!(
                "write what is indexed in parentheses, with its type: `{0}(city: String)`; or only `{0}`, for the field itself",
                kind.word()
            )));
        }
        if meta.input.peek(token::Paren) {
            let content;
            parenthesized!(content in meta.input);
            for argument in Punctuated::<Argument, Token![,]>::parse_terminated(&content)? {
                match argument {
                    Argument::Path(path) => asked.paths.push(path),
                    Argument::Name(name) => asked.name = Some(name),
                    Argument::IgnoreCase(span) => asked.ignore_case = Some(span),
                    Argument::Stored(of) => asked.stored = Some(of),
                }
            }
        }
        Ok(asked)
    }
}

enum Argument {
    Path(FieldPath),
    Name(LitStr),
    IgnoreCase(Span),
    Stored(Type),
}

impl Parse for Argument {
    fn parse(input: ParseStream) -> Result<Self> {
        if input.peek(Token![as]) {
            input.parse::<Token![as]>()?;
            input.parse::<Token![=]>()?;
            return input.parse().map(Self::Stored);
        }
        if input.peek(Ident::peek_any) && input.peek2(Token![=]) {
            let option = Ident::parse_any(input)?;
            if option != "name" {
                return Err(Error::new(
                    option.span(),
                    format!(
                        "there is no `{option}` here: an index takes paths, `name = \"…\"`, `ignore_case` and `as = Type`"
                    ),
                ));
            }
            input.parse::<Token![=]>()?;
            return input.parse().map(Self::Name);
        }
        let path: FieldPath = input.parse()?;
        if let Way::Fields(steps) = &path.way
            && let ([only], None) = (steps.as_slice(), &path.of)
            && only.field == "ignore_case"
        {
            return Ok(Self::IgnoreCase(only.field.span()));
        }
        Ok(Self::Path(path))
    }
}

/// `#[entity(…)]` on the struct.
#[derive(Default)]
pub(crate) struct OnStruct {
    pub(crate) collection: Option<LitStr>,
    pub(crate) version: Option<LitInt>,
    pub(crate) ttl: Option<LitStr>,
    pub(crate) krate: Option<LitStr>,
    pub(crate) indexes: Vec<Asked>,
}

pub(crate) fn on_struct(attributes: &[Attribute]) -> Result<OnStruct> {
    let mut on = OnStruct::default();
    each(attributes, |meta| {
        if let Some(kind) = Kind::of(&meta.path) {
            on.indexes.push(Asked::parse(kind, &meta)?);
        } else if meta.path.is_ident("collection") {
            on.collection = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("version") {
            on.version = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("ttl") {
            on.ttl = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("crate") {
            on.krate = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("id") || meta.path.is_ident("ignore_case") {
            return Err(meta.error("this stands on a field"));
        } else {
            return Err(meta.error(
                "not known here: a struct takes `collection = \"…\"`, `version = N`, `ttl = \"…\"`, `index(…)`, `unique(…)`, `text(…)` and `crate = \"…\"`",
            ));
        }
        Ok(())
    })?;
    Ok(on)
}

/// `#[entity(…)]` on a field.
#[derive(Default)]
pub(crate) struct OnField {
    pub(crate) id: Option<Span>,
    pub(crate) ignore_case: Option<Span>,
    pub(crate) indexes: Vec<Asked>,
}

pub(crate) fn on_field(attributes: &[Attribute]) -> Result<OnField> {
    let mut on = OnField::default();
    each(attributes, |meta| {
        let span = meta
            .path
            .get_ident()
            .map_or_else(Span::call_site, Ident::span);
        if let Some(kind) = Kind::of(&meta.path) {
            on.indexes.push(Asked::parse(kind, &meta)?);
        } else if meta.path.is_ident("id") {
            on.id = Some(span);
        } else if meta.path.is_ident("ignore_case") {
            on.ignore_case = Some(span);
        } else if ["collection", "version", "ttl"]
            .iter()
            .any(|name| meta.path.is_ident(name))
        {
            return Err(meta.error("this stands on the struct"));
        } else {
            return Err(meta.error(
                "not known here: a field takes `id`, `index`, `unique`, `text` and `ignore_case`",
            ));
        }
        Ok(())
    })?;
    if let (Some(span), true) = (on.ignore_case, on.indexes.is_empty()) {
        return Err(Error::new(
            span,
            "this says how an index compares: write `index` or `unique` beside it",
        ));
    }
    Ok(on)
}

fn each(
    attributes: &[Attribute],
    mut look: impl FnMut(ParseNestedMeta) -> Result<()>,
) -> Result<()> {
    for attribute in attributes {
        if attribute.path().is_ident("entity") {
            attribute.parse_nested_meta(&mut look)?;
        }
    }
    Ok(())
}
