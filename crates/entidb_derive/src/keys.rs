//! What an index on a type is looked up by: told by the type's name alone.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, GenericArgument, PathArguments, PathSegment, Result, Type};

/// A layer around what is indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// `Option`: there, or not.
    Option,
    /// An array: any number of them.
    Array,
    /// `Box` and its like: not to be seen in what is stored.
    Pointer,
}

/// A type taken apart.
pub(crate) struct Peeled<'a> {
    /// The outermost first.
    pub(crate) layers: Vec<Layer>,
    /// What is within.
    pub(crate) inner: &'a Type,
}

impl Peeled<'_> {
    /// How many arrays there are.
    pub(crate) fn arrays(&self) -> usize {
        let arrays = self.layers.iter().filter(|layer| **layer == Layer::Array);
        arrays.count()
    }
}

const ARRAYS: [&str; 9] = [
    "Vec",
    "VecDeque",
    "LinkedList",
    "BinaryHeap",
    "HashSet",
    "BTreeSet",
    "IndexSet",
    "SmallVec",
    "ArrayVec",
];
const POINTERS: [&str; 4] = ["Box", "Rc", "Arc", "Cow"];
const MAPS: [&str; 3] = ["HashMap", "BTreeMap", "IndexMap"];
const NOT_TEXT: [&str; 17] = [
    "bool", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
    "f32", "f64", "EntityId", "Uuid",
];

/// Takes a type apart.
pub(crate) fn peel(of: &Type) -> Peeled<'_> {
    let mut layers = Vec::new();
    let mut inner = of;
    while let Some((layer, within)) = layer(inner) {
        layers.push(layer);
        inner = within;
    }
    Peeled { layers, inner }
}

fn layer(of: &Type) -> Option<(Layer, &Type)> {
    match of {
        Type::Paren(paren) => layer(&paren.elem),
        Type::Group(group) => layer(&group.elem),
        Type::Array(array) => Some((Layer::Array, &array.elem)),
        Type::Slice(slice) => Some((Layer::Array, &slice.elem)),
        Type::Path(_) => {
            let segment = last_segment(of)?;
            let name = segment.ident.to_string();
            let layer = if name == "Option" {
                Layer::Option
            } else if ARRAYS.contains(&name.as_str()) {
                Layer::Array
            } else if POINTERS.contains(&name.as_str()) {
                Layer::Pointer
            } else {
                return None;
            };
            Some((layer, first_argument(segment)?))
        }
        _ => None,
    }
}

fn last_segment(of: &Type) -> Option<&PathSegment> {
    match of {
        Type::Path(path) => path.path.segments.last(),
        Type::Paren(paren) => last_segment(&paren.elem),
        Type::Group(group) => last_segment(&group.elem),
        _ => None,
    }
}

fn first_argument(segment: &PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(of) => Some(of),
        _ => None,
    })
}

fn name(of: &Type) -> Option<String> {
    last_segment(of).map(|segment| segment.ident.to_string())
}

/// What is known of text: whether a type is none, as far as its name tells.
pub(crate) fn is_not_text(of: &Type) -> bool {
    name(of).is_some_and(|name| NOT_TEXT.contains(&name.as_str()))
}

/// The type by which an index on `of` is looked up. `bytes` says that serde stores it as a byte string.
pub(crate) fn key(of: &Type, bytes: bool, krate: &syn::Path) -> Result<(TokenStream, usize)> {
    let mut peeled = peel(of);
    if bytes {
        if name(peeled.inner).as_deref() == Some("u8") {
            // The innermost array is the byte string itself.
            let array = peeled.layers.iter().rposition(|l| *l == Layer::Array);
            array.map(|at| peeled.layers.remove(at));
        }
        return Ok((quote!(#krate::ByteString), peeled.arrays()));
    }
    let arrays = peeled.arrays();
    let inner = peeled.inner;
    match name(inner).as_deref() {
        Some("u8") if arrays > 0 => Err(Error::new_spanned(
            of,
            "serde stores this as an array of numbers: say `#[serde(with = \"serde_bytes\")]`, so that it is a byte string",
        )),
        Some(map) if MAPS.contains(&map) => Err(Error::new_spanned(
            of,
            "a map cannot be indexed as a whole: make what you look for a field",
        )),
        Some("str") => Ok((quote!(::std::string::String), arrays)),
        _ if arrays > 1 => Err(Error::new_spanned(
            of,
            "an array of arrays cannot be indexed: make what you look for a field",
        )),
        _ => Ok((inner.to_token_stream(), arrays)),
    }
}
