//! What is demanded of the types of arguments and results, each at its place.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use super::Shape;
use crate::hygiene::mentions;
use crate::model::Method;

/// A function that is never called, whose types must hold what the messages need. Types with parameters of the block in
/// them are not in it: these conditions stand in the where clause.
pub(crate) fn demands(shape: &Shape<'_>) -> TokenStream {
    let demand = |word: &str, ty: &Type, value: TokenStream| {
        let span = ty.span();
        let private = shape.facade.private_at(span);
        let demand = Ident::new(if shape.options.local { "crosses" } else { word }, span);
        (!mentions(ty, &shape.generics)).then(|| quote_spanned!(span=> #private::#demand::<#value>();))
    };
    let arguments = |function: &Method, word: &str| {
        let held = function.arguments().map(|param| &param.held);
        held.filter_map(|held| demand(word, held, held.to_token_stream())).collect::<Vec<_>>()
    };
    let methods = shape.methods.iter().map(|method| {
        let cfgs = &method.attributes.cfgs;
        let arguments = arguments(method, "argument");
        let value = demand("outcome", &method.output.ty, shape.value(&method.output));
        quote!(#(#cfgs)* { #(#arguments)* #value })
    });
    let kept = shape.constructor.iter().filter(|_| !shape.options.local);
    let kept = kept.flat_map(|constructor| arguments(constructor, "travels"));
    let copied = shape.constructor_arguments().into_iter().filter_map(|param| {
        let (held, span) = (&param.held, param.held.span());
        let private = shape.facade.private_at(span);
        (!mentions(held, &shape.generics)).then(|| quote_spanned!(span=> #private::kept::<#held>();))
    });
    quote! {
        const _: fn() = || {
            #(#methods)*
            #(#kept)*
            #(#copied)*
        };
    }
}
