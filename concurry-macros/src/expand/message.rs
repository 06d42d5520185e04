//! The message enum, and the hidden type of the constructor's arguments.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::Shape;
use crate::hygiene::item;
use crate::model::Param;

/// The derive of what travels; nothing for a `local` type.
fn derive(shape: &Shape<'_>) -> TokenStream {
    if shape.options.local {
        return quote!();
    }
    let private = &shape.private;
    let path = shape.facade.text("serde");
    // The bounds of a generic type stand in its where clause already.
    let bound = shape.is_generic().then(|| quote!(, bound = ""));
    quote! {
        #[derive(#private::serde::Serialize, #private::serde::Deserialize)]
        #[serde(crate = #path #bound)]
    }
}

fn bytes(shape: &Shape<'_>, param: &Param) -> Option<TokenStream> {
    let path = shape.facade.text("bytes");
    param.bytes.then(|| quote!(#[serde(with = #path)]))
}

/// One variant a method, one field an argument.
pub(crate) fn enumeration(shape: &Shape<'_>) -> TokenStream {
    let Shape { message, cfgs, private, .. } = shape;
    let derive = derive(shape);
    let variants = shape.methods.iter().map(|method| {
        let (variant, cfgs) = (&method.variant, &method.attributes.cfgs);
        let doc = format!(" A call of `{}`.", method.name());
        let fields: Vec<TokenStream> = method
            .arguments()
            .map(|param| {
                let (field, held, bytes) = (&param.field, &param.held, bytes(shape, param));
                let doc = format!(" The argument `{}`.", crate::model::plain(field));
                quote_spanned!(held.span()=> #[doc = #doc] #bytes #field: #held,)
            })
            .collect();
        let fields = if fields.is_empty() { quote!() } else { quote!({ #(#fields)* }) };
        quote!(#(#cfgs)* #[doc = #doc] #variant #fields,)
    });
    let phantom = shape.is_generic().then(|| {
        let (name, phantom) = (item("Phantom"), shape.phantom());
        let skip = (!shape.options.local).then(|| quote!(#[serde(skip)]));
        quote!(#[doc(hidden)] #skip #name(#phantom, #private::std::convert::Infallible),)
    });
    let (impl_generics, _, where_clause) = shape.generics.split_for_impl();
    let doc = format!(" What travels to a worker `{}`: one variant a method, one field an argument.", shape.label);
    quote! {
        #(#cfgs)*
        #[doc = #doc]
        #derive
        #[allow(dead_code, private_interfaces, private_bounds, clippy::all, clippy::pedantic, clippy::nursery)]
        pub enum #message #impl_generics #where_clause {
            #(#variants)*
            #phantom
        }
    }
}

/// What the constructor takes, kept to build each worker.
pub(crate) fn init(shape: &Shape<'_>) -> TokenStream {
    let Shape { private, .. } = shape;
    let init = Shape::init();
    let params = shape.constructor_arguments();
    let derive = derive(shape);
    let fields = params.iter().map(|param| {
        let (field, held, bytes) = (&param.field, &param.held, bytes(shape, param));
        quote_spanned!(held.span()=> #bytes #field: #held,)
    });
    let copies = params.iter().map(|param| {
        let (field, held) = (&param.field, &param.held);
        quote_spanned!(held.span()=> #field: #private::std::clone::Clone::clone(&self.#field),)
    });
    let marker = item("marker");
    let (declared, copied) = if shape.is_generic() {
        let (phantom, skip) = (shape.phantom(), (!shape.options.local).then(|| quote!(#[serde(skip)])));
        (quote!(#skip #marker: #phantom,), quote!(#marker: #private::std::marker::PhantomData,))
    } else {
        (quote!(), quote!())
    };
    let (impl_generics, ty_generics, where_clause) = shape.generics.split_for_impl();
    quote! {
        #[doc(hidden)]
        #derive
        #[allow(private_interfaces, private_bounds, non_snake_case)]
        pub struct #init #impl_generics #where_clause {
            #(#fields)*
            #declared
        }
        #[automatically_derived]
        impl #impl_generics #private::std::clone::Clone for #init #ty_generics #where_clause {
            fn clone(&self) -> Self {
                #init { #(#copies)* #copied }
            }
        }
    }
}
