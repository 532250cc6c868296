//! One path of an index: as it is stored, and what is at its end.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Ident, Path, Result};

use crate::attributes::{Asked, Kind};
use crate::keys::{self, Layer};
use crate::model::{self, Field};
use crate::path::{FieldPath, Step, Way};
use crate::serde_attributes;

/// One path of an index.
pub(crate) struct Part<'a> {
    pub(crate) field: &'a Field<'a>,
    /// The words of its constant's name.
    pub(crate) words: Vec<String>,
    pub(crate) path: String,
    pub(crate) key: TokenStream,
    pub(crate) check: Option<TokenStream>,
}

/// A path that is written as one from the struct.
pub(crate) fn from_struct<'a>(
    krate: &Path,
    path: &FieldPath,
    asked: &Asked,
    fields: &'a [Field<'a>],
) -> Result<Part<'a>> {
    let steps = match &path.way {
        Way::Fields(steps) => steps,
        Way::Stored(stored) => {
            return Err(Error::new(
                stored.span(),
                "a path in quotes stands on the field that it leads into: `#[entity(index(\"zipCode\": String))] address: Address`",
            ));
        }
    };
    let Some((first, rest)) = steps.split_first() else {
        return Err(Error::new(path.span(), "an index needs a path"));
    };
    let Some(field) = fields.iter().find(|field| *field.ident == first.field) else {
        return Err(no_field(first, fields));
    };
    if rest.is_empty() && path.of.is_none() {
        return whole_field(krate, field, asked);
    }
    if rest.is_empty() {
        return Err(Error::new(
            first.field.span(),
            format!(
                "the type of `{}` is told from the struct: leave it out here",
                first.name()
            ),
        ));
    }
    let rest = rest.iter().collect::<Vec<_>>();
    fields_within(krate, field, &rest, path, asked)
}

fn no_field(step: &Step, fields: &[Field]) -> Error {
    let names = fields.iter().map(|field| format!("`{}`", field.ident));
    let names = names.collect::<Vec<_>>().join(", ");
    Error::new(
        step.field.span(),
        format!("there is no field `{}`: there are {names}", step.name()),
    )
}

/// An index on a field itself.
fn whole_field<'a>(krate: &Path, field: &'a Field<'a>, asked: &Asked) -> Result<Part<'a>> {
    refuse_unstored(field)?;
    if field.serde.flatten {
        return Err(Error::new(
            field.ident.span(),
            "what is flattened has no name of its own: say the path within it, `index(city: String)`",
        ));
    }
    let bytes = field.serde.is_bytes();
    let of = match (&asked.stored, &field.serde.with) {
        (Some(stored), _) => stored,
        (None, Some(with)) if !bytes => {
            return Err(Error::new(
                with.span(),
                format!(
                    "this decides how `{}` is stored, so say which type that is like: `{}(as = String)`",
                    field.ident,
                    asked.kind.word()
                ),
            ));
        }
        _ => field.of,
    };
    let (key, arrays) = keys::key(of, bytes && asked.stored.is_none(), krate)?;
    refuse_not_text(asked, field, of)?;
    Ok(Part {
        field,
        words: vec![word(field.ident)],
        path: quoted(&field.name) + &"[]".repeat(arrays),
        key,
        check: None,
    })
}

/// A path that is written as one from a field.
pub(crate) fn from_field<'a>(
    krate: &Path,
    field: &'a Field<'a>,
    path: &FieldPath,
    asked: &Asked,
) -> Result<Part<'a>> {
    match &path.way {
        Way::Fields(steps) => {
            let steps = steps.iter().collect::<Vec<_>>();
            fields_within(krate, field, &steps, path, asked)
        }
        Way::Stored(stored) => {
            let of = required_type(path)?;
            refuse_unstored(field)?;
            refuse_not_text(asked, field, of)?;
            let (key, arrays) = keys::key(of, false, krate)?;
            let path = stored.value();
            let words = path.split(|c: char| !c.is_alphanumeric());
            let words = words.filter(|word| !word.is_empty()).map(str::to_owned);
            Ok(Part {
                words: std::iter::once(word(field.ident)).chain(words).collect(),
                path: prefix(field) + &path + &"[]".repeat(arrays),
                field,
                key,
                check: None,
            })
        }
    }
}

fn fields_within<'a>(
    krate: &Path,
    field: &'a Field<'a>,
    steps: &[&Step],
    path: &FieldPath,
    asked: &Asked,
) -> Result<Part<'a>> {
    refuse_unstored(field)?;
    let of = required_type(path)?;
    refuse_not_text(asked, field, of)?;
    let (key, arrays) = keys::key(of, false, krate)?;
    let mut stored = prefix(field);
    let mut words = vec![word(field.ident)];
    for (at, step) in steps.iter().enumerate() {
        if at > 0 {
            stored.push('.');
        }
        stored.push_str(&step.name());
        if step.each {
            stored.push_str("[]");
        }
        words.push(step.name());
    }
    let last_is_array = steps.last().is_some_and(|step| step.each);
    if last_is_array && arrays > 0 {
        return Err(Error::new_spanned(
            of,
            "behind `[]` stands the type of an element",
        ));
    }
    stored.push_str(&"[]".repeat(arrays));
    Ok(Part {
        words,
        path: stored,
        key,
        check: Some(check(field, steps, of)),
        field,
    })
}

fn required_type(path: &FieldPath) -> Result<&syn::Type> {
    path.of.as_ref().ok_or_else(|| {
        let name = match &path.way {
            Way::Fields(steps) => steps.last().map(Step::name).unwrap_or_default(),
            Way::Stored(stored) => format!("{:?}", stored.value()),
        };
        Error::new(
            path.span(),
            format!("what is within a field has to be said with its type: `{name}: String`"),
        )
    })
}

fn refuse_unstored(field: &Field) -> Result<()> {
    if field.on.id.is_some() {
        return Err(Error::new(
            field.ident.span(),
            "the id needs no index: `get`, `range` and `iter` go by it",
        ));
    }
    if field.serde.skip {
        return Err(serde_attributes::not_stored(field.ident));
    }
    Ok(())
}

fn refuse_not_text(asked: &Asked, field: &Field, of: &syn::Type) -> Result<()> {
    let of_text = match (asked.kind, asked.ignore_case.or(field.on.ignore_case)) {
        (Kind::Text, _) => "a full-text index is on text",
        (_, Some(_)) => "only text has upper and lower case",
        _ => return Ok(()),
    };
    if keys::is_not_text(keys::peel(of).inner) {
        return Err(Error::new(model::type_span(field), of_text));
    }
    Ok(())
}

/// What stands before a path within a field.
fn prefix(field: &Field) -> String {
    if field.serde.flatten {
        return String::new();
    }
    let arrays = keys::peel(field.of).arrays();
    quoted(&field.name) + &"[]".repeat(arrays) + "."
}

/// A name as a path has it: in JSON quotes, where it has characters that mean something in a path.
fn quoted(name: &str) -> String {
    let special = |c: char| ".[]\"\\,".contains(c) || c.is_whitespace() || c.is_control();
    if !name.is_empty() && !name.chars().any(special) {
        return name.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in name.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// A field's name as a word of a constant.
fn word(field: &Ident) -> String {
    use syn::ext::IdentExt;
    field.unraw().to_string()
}

/// A statement that compiles only if the steps lead to what is said.
fn check(field: &Field, steps: &[&Step], of: &syn::Type) -> TokenStream {
    let mut layers = Vec::new();
    let mut expression = {
        let ident = field.ident;
        quote!(entity.#ident)
    };
    let field_layers = keys::peel(field.of).layers;
    layers.push((expression, field_layers));
    expression = quote!(inner);
    for step in steps {
        let ident = &step.field;
        let mut within = Vec::new();
        if step.optional {
            within.push(Layer::Option);
        }
        if step.each {
            within.push(Layer::Array);
        }
        layers.push((quote!(#expression.#ident), within));
    }
    // What is wrong is shown at the type that was said.
    let at_type = Span::call_site().located_at(of.span());
    let mut statement = quote_spanned!(at_type=> let _: &#of = inner;);
    for (expression, layers) in layers.into_iter().rev() {
        for layer in layers.into_iter().rev() {
            statement = match layer {
                Layer::Option | Layer::Array => quote!(for inner in inner { #statement }),
                Layer::Pointer => quote!({ let inner = &**inner; #statement }),
            };
        }
        statement = quote!({ let inner = &#expression; #statement });
    }
    statement
}
