//! A path into an entity, as it is written in an attribute: `address.city: String`, `lines[].sku: String`, or as it is stored,
//! `"address.zipCode": String`.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitInt, LitStr, Result, Token, Type, bracketed, token};

/// One field of a path.
pub(crate) struct Step {
    pub(crate) field: Ident,
    /// `[]`: each element of it.
    pub(crate) each: bool,
    /// `?`: if it is there.
    pub(crate) optional: bool,
}

impl Step {
    /// The field's name without `r#`.
    pub(crate) fn name(&self) -> String {
        self.field.unraw().to_string()
    }
}

/// A path, and what is at its end.
pub(crate) struct FieldPath {
    pub(crate) way: Way,
    pub(crate) of: Option<Type>,
}

/// How a path is written.
pub(crate) enum Way {
    /// Fields, from the outermost in.
    Fields(Vec<Step>),
    /// As it is stored: nothing of it is checked.
    Stored(LitStr),
}

impl FieldPath {
    /// The path to a field of the struct itself.
    pub(crate) fn field(field: Ident) -> Self {
        let step = Step {
            field,
            each: false,
            optional: false,
        };
        Self {
            way: Way::Fields(vec![step]),
            of: None,
        }
    }

    pub(crate) fn span(&self) -> Span {
        match &self.way {
            Way::Fields(steps) => steps
                .first()
                .map_or_else(Span::call_site, |s| s.field.span()),
            Way::Stored(path) => path.span(),
        }
    }
}

impl Parse for FieldPath {
    fn parse(input: ParseStream) -> Result<Self> {
        let way = if input.peek(LitStr) {
            Way::Stored(input.parse()?)
        } else {
            let mut steps = vec![step(input)?];
            while input.peek(Token![.]) {
                input.parse::<Token![.]>()?;
                steps.push(step(input)?);
            }
            Way::Fields(steps)
        };
        let of = if input.peek(Token![:]) {
            input.parse::<Token![:]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        Ok(Self { way, of })
    }
}

fn step(input: ParseStream) -> Result<Step> {
    if input.peek(LitInt) {
        return Err(input.error(
            "serde stores a tuple as an array, and no path leads to one element of an array: give it a name in a struct",
        ));
    }
    let field = Ident::parse_any(input)?;
    let mut step = Step {
        field,
        each: false,
        optional: false,
    };
    loop {
        if input.peek(Token![?]) {
            input.parse::<Token![?]>()?;
            step.optional = true;
        } else if input.peek(token::Bracket) {
            let content;
            bracketed!(content in input);
            if !content.is_empty() {
                return Err(content.error(
                    "a path leads to each element of an array, not to one of them: write `[]`",
                ));
            }
            if step.each {
                return Err(Error::new(
                    step.field.span(),
                    "an array of arrays cannot be indexed: make what you look for a field",
                ));
            }
            step.each = true;
        } else {
            return Ok(step);
        }
    }
}
