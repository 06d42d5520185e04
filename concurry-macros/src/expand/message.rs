//! The message enum, and the hidden type of the constructor's arguments.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{LitStr, Type};

use super::{Shape, allowed};
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

/// What serde is told of a field.
fn field(shape: &Shape<'_>, param: &Param) -> TokenStream {
    if shape.options.local {
        return quote!();
    }
    let plain = matches!(&param.held, Type::Path(path)
        if shape.generics.type_params().any(|generic| path.path.is_ident(&generic.ident)));
    let with = (param.bytes || plain).then(|| {
        let path = shape.facade.text("bytes");
        quote!(#[serde(with = #path)])
    });
    let bound = (!shape.is_generic()).then(|| bound(shape, param)).flatten();
    quote!(#with #bound)
}

/// A condition on the type of a field under which serde's code for it compiles. It looks higher-ranked to the compiler,
/// which therefore takes it as given; whether it holds is asked by `demands`, once and at the right place.
fn bound(shape: &Shape<'_>, param: &Param) -> Option<TokenStream> {
    let mut ty = param.held.to_token_stream().to_string();
    for (spaced, plain) in [(" :: ", "::"), (":: ", "::"), (" <", "<"), ("< ", "<"), (" >", ">"), (" ,", ",")] {
        ty = ty.replace(spaced, plain);
    }
    // Serde reads the condition from a text, which a type with `$crate` in it does not survive.
    syn::parse_str::<Type>(&ty).ok()?;
    let condition = format!("for<'__concurry> {ty}: {}", shape.facade.text("Travels"));
    // An unknown type in it is told of at the user's own, and so only once.
    let condition = LitStr::new(&condition, Span::call_site().located_at(param.ty.span()));
    // The documentation is without it, where it would only be read as one.
    Some(quote!(#[cfg_attr(not(doc), serde(bound = #condition))]))
}

/// One variant a method, one field an argument.
pub(crate) fn enumeration(shape: &Shape<'_>) -> TokenStream {
    let Shape { message, cfgs, private, .. } = shape;
    let derive = derive(shape);
    let variants = shape.methods.iter().map(|method| {
        let (variant, cfgs) = (&method.variant, &method.attributes.cfgs);
        let doc = super::docs::variant(shape, method);
        let fields: Vec<TokenStream> = method
            .arguments()
            .map(|param| {
                let (name, held, serde) = (&param.field, &param.held, field(shape, param));
                let doc = format!(" The argument `{}`.", crate::model::plain(name));
                quote_spanned!(held.span()=> #[doc = #doc] #serde #name: #held,)
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
    let allowed = allowed(shape);
    let doc =
        format!(" A call of a `{}` worker on its way there: one variant a method, one field an argument.", shape.label);
    quote! {
        #(#cfgs)*
        #[doc = #doc]
        #allowed
        #derive
        #[allow(dead_code, private_interfaces, private_bounds, clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction)]
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
        let (name, held, serde) = (&param.field, &param.held, field(shape, param));
        quote_spanned!(held.span()=> #serde #name: #held,)
    });
    let copies = params.iter().map(|param| {
        let (field, held) = (&param.field, &param.held);
        let private = shape.facade.private_at(held.span());
        let argument = quote!(&self.#field);
        let repeated = quote!(&&#private::Repeated::<#held>::new());
        quote_spanned!(held.span()=> #field: #private::copy((#repeated).repeat(#argument)),)
    });
    let marker = Shape::marker();
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
        #[allow(private_interfaces, private_bounds)]
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
