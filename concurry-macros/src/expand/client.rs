//! The client: a stub for each method, and what every client can do.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::docs;
use super::{Shape, allowed};
use crate::hygiene::local;
use crate::model::Method;

/// The type.
pub(crate) fn declaration(shape: &Shape<'_>) -> TokenStream {
    let Shape { ty, client, private, cfgs, .. } = shape;
    let (impl_generics, _, where_clause) = shape.generics.split_for_impl();
    let (allowed, docs) = (allowed(shape), docs::client(shape));
    quote! {
        #(#cfgs)*
        #docs
        #allowed
        #[allow(dead_code, private_interfaces, private_bounds, clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction)]
        pub struct #client #impl_generics (#private::Client<#ty>) #where_clause;
    }
}

/// The stubs, and the traits of every client.
pub(crate) fn implementation(shape: &Shape<'_>) -> TokenStream {
    let Shape { client, private, .. } = shape;
    let (impl_generics, ty_generics, where_clause) = shape.generics.split_for_impl();
    let (stubs, fake) = (shape.methods.iter().map(|method| stub(shape, method)), fake(shape));
    quote! {
        #[allow(dead_code, private_interfaces, private_bounds)]
        impl #impl_generics #client #ty_generics #where_clause {
            #(#stubs)*
            #fake
        }

        #[automatically_derived]
        impl #impl_generics #private::std::clone::Clone for #client #ty_generics #where_clause {
            fn clone(&self) -> Self {
                #client(#private::std::clone::Clone::clone(&self.0))
            }
        }

        #[automatically_derived]
        impl #impl_generics #private::std::fmt::Debug for #client #ty_generics #where_clause {
            fn fmt(&self, f: &mut #private::std::fmt::Formatter<'_>) -> #private::std::fmt::Result {
                #private::std::fmt::Debug::fmt(&self.0, f)
            }
        }

        #[automatically_derived]
        impl #impl_generics #private::std::ops::Deref for #client #ty_generics #where_clause {
            type Target = #private::Pool;
            fn deref(&self) -> &#private::Pool {
                #private::Client::pool(&self.0)
            }
        }

        #[automatically_derived]
        impl #impl_generics #private::WorkerClient for #client #ty_generics #where_clause {
            fn pool(&self) -> &#private::Pool {
                #private::Client::pool(&self.0)
            }
            fn worker(&self, index: usize) -> Self {
                #client(#private::Client::worker(&self.0, index))
            }
            fn holding(&self, held: #private::Held) -> Self {
                #client(#private::Client::holding(&self.0, held))
            }
        }
    }
}

/// The client without workers; none where a worker's method has that name, which is stronger.
fn fake(shape: &Shape<'_>) -> Option<TokenStream> {
    let Shape { ty, client, message, private, label, .. } = shape;
    let (_, ty_generics, _) = shape.generics.split_for_impl();
    let docs = [
        format!(" A client without workers, for tests of what calls a `{label}`: each call goes to `answer`, which says by an"),
        " `Answer` what becomes of it.".to_owned(),
        String::new(),
        " `answer` runs on the thread that makes the call, and the future is there when the call returns; where an argument".to_owned(),
        " is itself a future, it runs on the thread that resolves that. It runs on several threads at once where several".to_owned(),
        " make calls, under no lock, and may call this client. If it panics, the call resolves to `Error::Panicked`.".to_owned(),
        String::new(),
        " Everything else is as for any client: there is one worker in the statistics, and the mode is `sync`. Options do".to_owned(),
        " not apply, be they in the attribute, in a scope or in the environment: no retries, timeouts or limits.".to_owned(),
    ];
    let taken = shape.methods.iter().any(|method| method.name() == "fake");
    (!taken).then(|| {
        quote! {
            #(#[doc = #docs])*
            pub fn fake(
                answer: impl #private::std::ops::Fn(#message #ty_generics) -> #private::Answer
                    + #private::std::marker::Send
                    + #private::std::marker::Sync
                    + 'static,
            ) -> Self {
                #client(#private::fake::<#ty>(answer))
            }
        }
    })
}

/// The attributes of a stub: the function's docs (or one of ours), conditions and deprecation.
pub(crate) fn attributes(method: &Method, otherwise: &str) -> TokenStream {
    let crate::model::Attributes { docs, cfgs, deprecated, .. } = &method.attributes;
    let doc = docs.is_empty().then(|| quote!(#[doc = #otherwise]));
    quote!(#(#cfgs)* #(#docs)* #doc #deprecated)
}

/// The parameters of a stub, `name: impl IntoArg<Type>`.
pub(crate) fn parameters(method: &Method, private: &TokenStream) -> TokenStream {
    let params = method.arguments().map(|param| {
        let (field, held) = (&param.field, &param.held);
        quote!(#field: impl #private::IntoArg<#held>,)
    });
    quote!(#(#params)*)
}

/// The arguments of a stub as nested pairs, and the pattern that takes their values apart.
pub(crate) fn pairs(shape: &Shape<'_>, method: &Method) -> (TokenStream, TokenStream) {
    let private = &shape.private;
    let mut args = quote!(());
    let mut pattern = quote!(());
    let params: Vec<_> = method.arguments().collect();
    for (position, param) in params.iter().enumerate().rev() {
        let (field, name) = (&param.field, local(&format!("arg{position}")));
        let held = &param.held;
        let arg = quote!(#private::IntoArg::<#held>::into_arg(#field));
        let arg = if shape.options.local { arg } else { quote!((&&#private::Returned::<#held>::new()).argument(#arg)) };
        args = quote!((#arg, #args));
        pattern = quote!((#name, #pattern));
    }
    (args, pattern)
}

fn stub(shape: &Shape<'_>, method: &Method) -> TokenStream {
    let Shape { private, message, .. } = shape;
    let numbers = Shape::numbers();
    let attributes = attributes(method, &docs::stub(shape, method));
    let (vis, name, variant) = (&method.vis, &method.signature.ident, &method.variant);
    let params = parameters(method, private);
    let value = shape.value(&method.output);
    let (args, pattern) = pairs(shape, method);
    let fields = method.arguments().enumerate().map(|(position, param)| {
        let (field, name) = (&param.field, local(&format!("arg{position}")));
        quote!(#field: #name,)
    });
    let (span, inner) = (method.output.ty.span(), quote!(&self.0));
    let private = &shape.facade.private_at(span);
    let number = quote_spanned!(span=> #numbers::#variant as usize);
    let build = quote_spanned!(span=> |#pattern| #message::#variant { #(#fields)* });
    let call = if shape.options.local {
        quote_spanned!(span=> #private::Client::call_local::<_, #value>(#inner, #number, #args, #build))
    } else {
        quote_spanned!(span=> (&&#private::Returned::<#value>::new()).call(#inner, #number, #args, #build))
    };
    let future = quote_spanned!(span=> #private::TaskFuture<#value>);
    docs::told(method, private, attributes, |future| quote!(#vis fn #name(&self, #params) -> #future), &future, &call)
}
