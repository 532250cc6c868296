//! What the derive writes.

use proc_macro2::TokenStream;
use quote::quote;

use crate::attributes::Kind;
use crate::index::Index;
use crate::model::Entity;

pub(crate) fn entity(entity: &Entity) -> TokenStream {
    let Entity {
        ident,
        krate,
        collection,
        version,
        ttl,
        id,
        id_type,
        id_name,
        indexes,
    } = entity;
    let constants = indexes.iter().map(|index| constant(entity, index));
    let checks = checks(entity);
    let names = indexes.iter().map(|index| &index.constant);
    let ttl = ttl.map(|micros| {
        quote! {
            const TIME_TO_LIVE: ::std::option::Option<::std::time::Duration> =
                ::std::option::Option::Some(::std::time::Duration::from_micros(#micros));
        }
    });
    quote! {
        #[automatically_derived]
        impl #krate::Entity for #ident {
            type Id = #id_type;
            const COLLECTION: &'static str = #collection;
            const ID_FIELD: &'static str = #id_name;
            const VERSION: u32 = #version;
            #ttl

            fn id(&self) -> #krate::EntityId {
                #krate::Id::entity_id(&self.#id)
            }

            fn indexes() -> ::std::vec::Vec<#krate::IndexSpec> {
                ::std::vec![#(Self::#names.spec()),*]
            }
        }

        #[allow(dead_code)]
        #[automatically_derived]
        impl #ident {
            #(#constants)*
        }

        #checks
    }
}

fn constant(entity: &Entity, index: &Index) -> TokenStream {
    let Entity { ident, krate, .. } = entity;
    let Index {
        name,
        constant,
        visibility,
        paths,
        key,
        ignore_case,
        ..
    } = index;
    let shown = paths.join("`, `");
    let (of, what) = match (index.kind, paths.len()) {
        (Kind::Index, 1) => (quote!(#krate::Index<#ident, #key>), "The index"),
        (Kind::Index, _) => (quote!(#krate::Compound<#ident, #key>), "The index"),
        (Kind::Unique, 1) => (quote!(#krate::Unique<#ident, #key>), "The unique index"),
        (Kind::Unique, _) => (
            quote!(#krate::UniqueCompound<#ident, #key>),
            "The unique index",
        ),
        (Kind::Text, _) => (quote!(#krate::Text<#ident>), "The full-text index"),
    };
    let ignore_case = ignore_case.then(|| quote!(.ignore_case()));
    let doc = format!("{what} on `{shown}`.");
    quote! {
        #[doc = #doc]
        #visibility const #constant: #of = <#of>::on(#name, &[#(#paths),*])#ignore_case;
    }
}

/// A function that is never called, and compiles only if the paths lead where they are said to.
fn checks(entity: &Entity) -> TokenStream {
    let checks: Vec<_> = entity.indexes.iter().flat_map(|i| &i.checks).collect();
    if checks.is_empty() {
        return TokenStream::new();
    }
    let ident = entity.ident;
    quote! {
        const _: () = {
            #[allow(dead_code, for_loops_over_fallibles, clippy::all)]
            fn paths(entity: &#ident) {
                #(#checks)*
            }
        };
    }
}
