//! A struct as an entity: what the attributes come to.

use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, Ident, Path, Result, Type, Visibility};

use crate::attributes::{self, OnField, OnStruct};
use crate::case;
use crate::index::Index;
use crate::serde_attributes::{self, OfField};

/// An entity.
pub(crate) struct Entity<'a> {
    pub(crate) ident: &'a Ident,
    /// Where `entidb` is.
    pub(crate) krate: Path,
    pub(crate) collection: String,
    pub(crate) version: u32,
    /// How long each lives, in microseconds, if that has a bound.
    pub(crate) ttl: Option<u64>,
    pub(crate) id: &'a Ident,
    pub(crate) id_type: &'a Type,
    /// The name under which serde knows the id.
    pub(crate) id_name: String,
    pub(crate) indexes: Vec<Index>,
}

/// One field of it.
pub(crate) struct Field<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) visibility: &'a Visibility,
    pub(crate) of: &'a Type,
    /// The name under which it is stored.
    pub(crate) name: String,
    pub(crate) serde: OfField,
    pub(crate) on: OnField,
}

impl<'a> Entity<'a> {
    pub(crate) fn of(input: &'a DeriveInput) -> Result<Self> {
        refuse_generics(input)?;
        let fields = fields(input)?;
        let on = attributes::on_struct(&input.attrs)?;
        let krate = match &on.krate {
            Some(path) => path.parse()?,
            None => syn::parse_quote!(::entidb),
        };
        let id = id(&input.ident, &fields)?;
        let version = version(&on)?;
        let collection = collection(&on, &input.ident)?;
        let indexes = crate::index::all(&krate, &on.indexes, &fields)?;
        Ok(Self {
            ident: &input.ident,
            krate,
            collection,
            version,
            ttl: on.ttl.as_ref().map(crate::ttl::micros).transpose()?,
            id: id.ident,
            id_type: id.of,
            id_name: id.name.clone(),
            indexes,
        })
    }
}

fn refuse_generics(input: &DeriveInput) -> Result<()> {
    if input.generics.params.is_empty() {
        return Ok(());
    }
    Err(Error::new_spanned(
        &input.generics,
        "an entity has no parameters: a collection holds entities of one type, and what is read out of it borrows from nothing",
    ))
}

fn fields(input: &DeriveInput) -> Result<Vec<Field<'_>>> {
    let named = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => named,
            _ => {
                return Err(Error::new_spanned(
                    &input.ident,
                    "an entity has named fields: write `struct Name { #[entity(id)] id: EntityId, … }`",
                ));
            }
        },
        _ => {
            return Err(Error::new_spanned(
                &input.ident,
                "an entity is a struct: put the enum into a field of one, beside its id",
            ));
        }
    };
    let of_struct = serde_attributes::of_struct(&input.attrs)?;
    // All that is wrong is said at once.
    let mut errors: Option<Error> = None;
    let mut fields = Vec::new();
    for field in &named.named {
        let Some(ident) = &field.ident else { continue };
        let read = serde_attributes::of_field(&field.attrs)
            .and_then(|serde| attributes::on_field(&field.attrs).map(|on| (serde, on)));
        match read {
            Ok((serde, on)) => {
                let own = ident.unraw().to_string();
                let renamed = serde.rename.clone();
                let name = renamed.unwrap_or_else(|| match of_struct.rename_all {
                    Some(rule) => rule.apply(&own),
                    None => own,
                });
                fields.push(Field {
                    ident,
                    visibility: &field.vis,
                    of: &field.ty,
                    name,
                    serde,
                    on,
                });
            }
            Err(error) => match &mut errors {
                Some(errors) => errors.combine(error),
                None => errors = Some(error),
            },
        }
    }
    errors.map_or(Ok(fields), Err)
}

fn id<'a, 'f>(entity: &Ident, fields: &'f [Field<'a>]) -> Result<&'f Field<'a>> {
    let mut marked = fields.iter().filter(|field| field.on.id.is_some());
    let Some(id) = marked.next() else {
        let named_id = fields.iter().find(|field| field.ident == "id");
        return Err(match named_id {
            Some(id) => Error::new_spanned(
                id.ident,
                "an entity says which field is its id: write `#[entity(id)]` above this one",
            ),
            None => Error::new_spanned(
                entity,
                format!(
                    "`{entity}` has no id: add a field `#[entity(id)] id: EntityId`, or mark the one that is its natural key"
                ),
            ),
        });
    };
    if let Some(second) = marked.next() {
        return Err(Error::new(
            second.on.id.unwrap_or_else(|| second.ident.span()),
            format!("an entity has one id, and that is `{}`", id.ident),
        ));
    }
    if let Some(index) = id.on.indexes.first() {
        return Err(Error::new(
            index.span,
            "the id needs no index: `get`, `range` and `iter` go by it",
        ));
    }
    if id.serde.skip || id.serde.flatten || id.serde.with.is_some() {
        return Err(Error::new_spanned(
            id.ident,
            "serde is not told anything of the id: an `EntityId` is left out of what is stored, and filled in on read",
        ));
    }
    if let Some(read_as) = &id.serde.read_as {
        return Err(Error::new(
            read_as.span(),
            "the id has one name, for writing and for reading",
        ));
    }
    Ok(id)
}

fn version(on: &OnStruct) -> Result<u32> {
    let Some(version) = &on.version else {
        return Ok(1);
    };
    match version.base10_parse() {
        Ok(0) => Err(Error::new(version.span(), "versions begin at 1")),
        parsed => parsed,
    }
}

fn collection(on: &OnStruct, ident: &Ident) -> Result<String> {
    let Some(name) = &on.collection else {
        return Ok(case::snake(&ident.unraw().to_string()));
    };
    let (value, span) = (name.value(), name.span());
    if value.is_empty() || value.len() > 255 {
        return Err(Error::new(span, "a collection's name has 1 to 255 bytes"));
    }
    if value.starts_with('~') {
        return Err(Error::new(
            span,
            "names that begin with `~` are the engine's own",
        ));
    }
    Ok(value)
}

/// Whether the first is seen by fewer than the second, as far as their words tell.
pub(crate) fn is_narrower(one: &Visibility, other: &Visibility) -> bool {
    let rank = |visibility: &Visibility| match visibility {
        Visibility::Inherited => 0,
        Visibility::Public(_) => 2,
        _ => 1,
    };
    rank(one) < rank(other)
}

/// The span of a field's type, for what is wrong with it.
pub(crate) fn type_span(field: &Field) -> proc_macro2::Span {
    field.of.span()
}
