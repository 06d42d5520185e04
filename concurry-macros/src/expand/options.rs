//! The builder, and what the attributes say as a value.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::{Shape, allowed, docs};
use crate::model::{Param, Pass};
use crate::options::Said;
use crate::value::Value;

/// A value that a constant can hold.
fn constant(value: &Value, private: &TokenStream) -> TokenStream {
    let variant = |kind: &str, word: &str| {
        let (kind, word) = (Ident::new(kind, Span::call_site()), Ident::new(word, Span::call_site()));
        quote!(#private::#kind::#word)
    };
    match value {
        Value::Mode(word) => variant("Mode", word),
        Value::Balancing(word) => variant("LoadBalancing", word),
        Value::Full(word) => variant("OnFull", word),
        Value::Count(count) => quote!(#count),
        Value::Number(number) => quote!(#number),
        Value::Truth(truth) => quote!(#truth),
        Value::Time(time) => {
            let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            quote!(#private::std::time::Duration::from_nanos(#nanos))
        }
        Value::Size(size) => quote!(#size),
        Value::Text(text) => quote!(#text),
    }
}

/// What is said of the options of the shared table.
pub(crate) fn attributes(said: &Said, private: &TokenStream) -> TokenStream {
    let fields = said.iter().map(|(name, value)| {
        let (name, value) = (Ident::new(name, Span::call_site()), constant(value, private));
        quote!(#name: #private::std::option::Option::Some(#value),)
    });
    quote!(#private::Attributes { #(#fields)* ..#private::Attributes::NONE })
}

/// The builder's type.
pub(crate) fn declaration(shape: &Shape<'_>) -> TokenStream {
    let Shape { builder, private, cfgs, .. } = shape;
    let (impl_generics, _, where_clause) = shape.generics.split_for_impl();
    let marker = shape.is_generic().then(|| shape.phantom());
    let (allowed, docs) = (allowed(shape), docs::options(shape));
    quote! {
        #(#cfgs)*
        #docs
        #[must_use = "options do nothing until `init` starts the pool"]
        #allowed
        #[allow(dead_code, private_interfaces, private_bounds, clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction)]
        pub struct #builder #impl_generics (#private::Options, #marker) #where_clause;
    }
}

/// A parameter of `init`, in the constructor's own type.
pub(crate) fn plain_parameters(params: &[&Param]) -> TokenStream {
    let params = params.iter().map(|param| {
        let (field, ty) = (&param.field, &param.ty);
        quote!(#field: #ty,)
    });
    quote!(#(#params)*)
}

/// The setters, `init`, and `options()` and `init(..)` on the type itself.
pub(crate) fn implementation(shape: &Shape<'_>) -> TokenStream {
    let Shape { ty, builder, private, client, label, .. } = shape;
    let (impl_generics, ty_generics, where_clause) = shape.generics.split_for_impl();
    let init = Shape::init();
    let params = shape.constructor_arguments();
    let (parameters, names) = (plain_parameters(&params), params.iter().map(|param| &param.field));
    let fields = params.iter().map(|param| {
        let field = &param.field;
        match param.pass {
            Pass::Borrow => quote_spanned! {param.ty.span()=>
                #field: #private::std::borrow::ToOwned::to_owned(#field),
            },
            _ => quote!(#field,),
        }
    });
    let (phantom, marker) = if shape.is_generic() {
        let marker = Shape::marker();
        (quote!(#private::std::marker::PhantomData), quote!(#marker: #private::std::marker::PhantomData,))
    } else {
        (quote!(), quote!())
    };
    let copied = &phantom;
    let options_doc = format!(" The options of a pool of `{label}` workers.");
    let init_doc = format!(" Starts a pool of `{label}` workers; the same as `options().init(..)`.");
    let errors = " # Errors\n A bad option, a mode that cannot run here, or a constructor that fails.";
    quote! {
        #[allow(dead_code, private_interfaces, private_bounds)]
        impl #impl_generics #builder #ty_generics #where_clause {
            #private::option_setters!(0);

            #[doc = " Starts the pool; each worker is built by its own call of the constructor."]
            #[doc = ""]
            #[doc = #errors]
            pub fn init(self, #parameters) -> #private::Result<#client #ty_generics> {
                #private::Result::map(#private::start::<#ty>(self.0, #init { #(#fields)* #marker }), #client)
            }
        }

        #[automatically_derived]
        impl #impl_generics #private::std::clone::Clone for #builder #ty_generics #where_clause {
            fn clone(&self) -> Self {
                #builder(#private::std::clone::Clone::clone(&self.0), #copied)
            }
        }

        #[automatically_derived]
        impl #impl_generics #private::std::fmt::Debug for #builder #ty_generics #where_clause {
            fn fmt(&self, f: &mut #private::std::fmt::Formatter<'_>) -> #private::std::fmt::Result {
                #private::std::fmt::Debug::fmt(&self.0, f)
            }
        }

        #[allow(dead_code, private_interfaces, private_bounds)]
        impl #impl_generics #ty #where_clause {
            #[doc = #options_doc]
            pub fn options() -> #builder #ty_generics {
                #builder(#private::Options::new::<#ty>(), #phantom)
            }

            #[doc = #init_doc]
            #[doc = ""]
            #[doc = #errors]
            pub fn init(#parameters) -> #private::Result<#client #ty_generics> {
                #builder(#private::Options::new::<#ty>(), #phantom).init(#(#names),*)
            }
        }
    }
}
