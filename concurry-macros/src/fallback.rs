//! After an error: the user's own item still compiles, and what was to be generated is there in outline, so that the
//! rest of the crate resolves and one mistake gives one error.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ImplItem, ItemFn, ItemImpl, Type, parse_quote};

use crate::expand::{Shape, client, options, task};
use crate::hygiene::Facade;
use crate::model::{Method, Worker, plain};
use crate::options::Options;

/// A body for a function that never runs, since the crate does not compile.
fn body() -> TokenStream {
    quote!(loop {})
}

/// A block of which no worker can be made.
pub(crate) fn block(mut block: ItemImpl) -> TokenStream {
    crate::parse::strip(&mut block);
    quote!(#block)
}

/// A block with errors in it.
pub(crate) fn worker(worker: &Worker) -> TokenStream {
    let block = &worker.block;
    let mut shape = Shape::of(worker);
    if worker.generics.lifetimes().next().is_some() {
        return quote!(#block);
    }
    shape.methods = worker.methods.iter().collect();
    let has = |name: &str| {
        block.items.iter().any(|item| matches!(item, ImplItem::Fn(function) if plain(&function.sig.ident) == name))
    };
    let Shape { ty, private, message, client, builder, cfgs, .. } = &shape;
    let (impl_generics, ty_generics, where_clause) = shape.generics.split_for_impl();
    let (phantom, body) = (shape.phantom(), body());
    let params = shape.constructor_arguments();
    let params = match shape.constructor {
        Some(constructor) if constructor.broken => loose(constructor),
        _ => options::plain_parameters(&params),
    };
    let stubs = shape.methods.iter().filter(|method| method.name() != "clone").map(|method| stub(&shape, method));
    let result = quote!(#private::Result<#client #ty_generics>);
    let on_type_options = (!has("options")).then(|| quote!(pub fn options() -> #builder #ty_generics { #body }));
    let on_type_init = (!has("init")).then(|| quote!(pub fn init(#params) -> #result { #body }));
    let bare_generics = &worker.generics;
    let (message_generics, _, message_where) = bare_generics.split_for_impl();
    quote! {
        #block
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(private_bounds)]
        pub struct #message #message_generics (#phantom) #message_where;
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(private_bounds)]
        pub struct #client #impl_generics (#phantom) #where_clause;
        #(#cfgs)*
        #[doc(hidden)]
        #[must_use]
        #[allow(private_bounds)]
        pub struct #builder #impl_generics (#private::Options, #phantom) #where_clause;
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(unused_variables, dead_code, private_interfaces, private_bounds, clippy::all, clippy::pedantic)]
        const _: () = {
            impl #impl_generics #builder #ty_generics #where_clause {
                #private::option_setters!(0);
                pub fn init(self, #params) -> #result { #body }
            }
            impl #impl_generics #ty #where_clause {
                #on_type_options
                #on_type_init
            }
            impl #impl_generics #client #ty_generics #where_clause {
                #(#stubs)*
            }
            impl #impl_generics #private::std::clone::Clone for #client #ty_generics #where_clause {
                fn clone(&self) -> Self { #body }
            }
            impl #impl_generics #private::std::fmt::Debug for #client #ty_generics #where_clause {
                fn fmt(&self, f: &mut #private::std::fmt::Formatter<'_>) -> #private::std::fmt::Result { #body }
            }
            impl #impl_generics #private::std::ops::Deref for #client #ty_generics #where_clause {
                type Target = #private::Pool;
                fn deref(&self) -> &#private::Pool { #body }
            }
            impl #impl_generics #private::WorkerClient for #client #ty_generics #where_clause {
                fn pool(&self) -> &#private::Pool { #body }
                fn worker(&self, index: usize) -> Self { #body }
            }
        };
    }
}

/// Parameters that take anything.
fn loose(method: &Method) -> TokenStream {
    let params = method.arguments().map(|param| {
        let field = &param.field;
        quote!(#field: impl ::core::marker::Sized,)
    });
    quote!(#(#params)*)
}

/// A stub's outline; what is wrong with a method's types is not said a second time.
fn stub(shape: &Shape<'_>, method: &Method) -> TokenStream {
    let Shape { private, .. } = shape;
    let (vis, name, cfgs, body) = (&method.vis, &method.signature.ident, &method.attributes.cfgs, body());
    let params = if method.broken { loose(method) } else { client::parameters(method, private) };
    let value = if method.broken { owned(method, private) } else { shape.value(&method.output) };
    quote!(#(#cfgs)* #vis fn #name(&self, #params) -> #private::TaskFuture<#value> { #body })
}

/// What a broken method's result would best have been.
fn owned(method: &Method, private: &TokenStream) -> TokenStream {
    if !method.signature.generics.params.is_empty() {
        return quote!(());
    }
    let ty = match crate::hygiene::bare(&method.output.ty) {
        Type::Reference(reference) => match crate::hygiene::bare(&reference.elem) {
            Type::Path(path) if path.path.is_ident("str") => parse_quote!(#private::std::string::String),
            Type::Slice(slice) => {
                let element = &slice.elem;
                parse_quote!(#private::std::vec::Vec<#element>)
            }
            other => other.clone(),
        },
        other => other.clone(),
    };
    if crate::check::is_owned(&ty) {
        if method.output.fallible {
            return quote!(<#ty as #private::ResultLike>::Value);
        }
        return quote!(#ty);
    }
    quote!(())
}

/// A task with errors in it.
pub(crate) fn task(options: &Options, function: &ItemFn, method: &Method) -> TokenStream {
    let generic = !method.signature.generics.params.is_empty();
    if generic || method.signature.receiver().is_some() || method.signature.unsafety.is_some() {
        return quote!(#function);
    }
    let private = Facade::new(options.facade.as_ref()).private();
    let (vis, name, cfgs, body) = (&method.vis, &method.signature.ident, &method.attributes.cfgs, body());
    let params = if method.broken { loose(method) } else { client::parameters(method, &private) };
    let value = owned(method, &private);
    let mut own = task::own(function);
    own.attrs.push(parse_quote!(#[allow(dead_code)]));
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(unused_variables, dead_code)]
        #vis fn #name(#params) -> #private::TaskFuture<#value> {
            #own
            #body
        }
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code)]
        #vis struct #name { __concurry: () }
        #(#cfgs)*
        #[allow(unused_variables, dead_code)]
        impl #name {
            #vis fn call(#params) -> #value { #body }
            #vis fn stop() -> #private::Result<()> { #body }
        }
    }
}
