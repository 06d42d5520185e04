//! After an error: the user's own item still compiles, and what was to be generated is there in outline, so that the
//! rest of the crate resolves and one mistake gives one error.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{GenericParam, Generics, ImplItem, ItemFn, ItemImpl, Lifetime, Type, parse_quote};

use crate::check::CLIENTS_OWN;
use crate::diagnostics::Diagnostics;
use crate::earlier::Earlier;
use crate::expand::{Shape, task};
use crate::hygiene::{Facade, bare};
use crate::model::{Method, Output, Worker, plain};
use crate::options::{Options, Place};

/// A body for a function that never runs, since the crate does not compile.
fn body() -> TokenStream {
    quote!(loop {})
}

/// A block of which no worker can be made.
pub(crate) fn block(mut block: ItemImpl) -> TokenStream {
    crate::parse::strip(&mut block);
    quote!(#block)
}

/// A trait's block. Its methods are in the outline as if they were the type's own, and so is the constructor that stands
/// in the blocks `beside` it; where these are not known, or the outline could not be that simple, there is none.
pub(crate) fn of_trait(attr: TokenStream, block: ItemImpl, beside: Option<Vec<ItemImpl>>) -> TokenStream {
    let simple = |item: &ImplItem| matches!(item, ImplItem::Fn(_));
    let Some(beside) = beside.filter(|_| block.generics.params.is_empty() && block.items.iter().all(simple)) else {
        return self::block(block);
    };
    let mut own = ItemImpl { trait_: None, ..block.clone() };
    for item in &mut own.items {
        if let ImplItem::Fn(function) = item {
            function.vis = parse_quote!(pub);
        }
    }
    let functions = beside.into_iter().filter(|block| block.generics.params.is_empty()).flat_map(|block| block.items);
    for item in functions {
        match &item {
            // The type's own, whatever it is, is what the calls are of.
            ImplItem::Fn(function) if ["options", "init"].contains(&plain(&function.sig.ident).as_str()) => {
                return self::block(block);
            }
            ImplItem::Fn(function) if function.sig.receiver().is_none() => own.items.push(item),
            _ => {}
        }
    }
    let mut ignored = Diagnostics::default();
    let options = Options::read(attr, Place::Block, &mut ignored);
    let Some(mut worker) = crate::parse::worker(options, own, &mut ignored) else { return self::block(block) };
    crate::check::worker(&mut worker, &mut ignored);
    worker.block = block;
    crate::parse::strip(&mut worker.block);
    self::worker(&worker)
}

/// A block with errors in it.
pub(crate) fn worker(worker: &Worker) -> TokenStream {
    let block = &worker.block;
    let shape = Shape::of(worker);
    let borrows = worker.generics.lifetimes().next().is_some() || !crate::check::is_owned(&worker.ty);
    // The user's own conditions: ours would be complained of wherever the types are named.
    let generics = if borrows { unborrowed(&worker.generics) } else { worker.generics.clone() };
    let Shape { private, message, client, builder, cfgs, .. } = &shape;
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let (block_generics, _, block_where) = worker.generics.split_for_impl();
    let (ty, phantom, body) = (&worker.ty, phantom(&generics, private), body());
    let params = shape.constructor_arguments().into_iter().map(|param| {
        let (field, ty) = (&param.field, elided(&param.ty));
        quote!(#field: #ty,)
    });
    let params = quote!(#(#params)*);
    let init_generics = shape.constructor.and_then(own_generics);
    let init_where = init_generics.and_then(|generics| generics.where_clause.as_ref());
    let methods = worker.methods.iter().filter(|method| !CLIENTS_OWN.contains(&method.name().as_str()));
    let stubs = methods.map(|method| stub(&shape.facade, method));
    let result = quote!(#private::Result<#client #ty_generics>);
    let has = |name: &str| {
        block.items.iter().any(|item| matches!(item, ImplItem::Fn(function) if plain(&function.sig.ident) == name))
    };
    let on_type_options = (!has("options")).then(|| quote!(pub fn options() -> #builder #ty_generics { #body }));
    let on_type_init =
        (!has("init")).then(|| quote!(pub fn init #init_generics (#params) -> #result #init_where { #body }));
    quote! {
        #block
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(private_bounds)]
        pub struct #message #impl_generics (#phantom) #where_clause;
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
                pub fn init #init_generics (self, #params) -> #result #init_where { #body }
            }
            impl #block_generics #ty #block_where {
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
                fn holding(&self, held: #private::Held) -> Self { #body }
            }
        };
    }
}

/// A second block of a type. What is generated is the first one's; the client has the methods of both in outline.
pub(crate) fn second(worker: Worker, earlier: Earlier) -> TokenStream {
    let block = &worker.block;
    // The conditions of a generic client are not known here.
    if !worker.generics.params.is_empty() {
        return quote!(#block);
    }
    let mut named = Options::read(earlier.attr, Place::Block, &mut Diagnostics::default());
    named.facade = worker.options.facade.clone();
    let worker = Worker { options: named, ..worker };
    let block = &worker.block;
    let Shape { facade, client, .. } = Shape::of(&worker);
    let before = |name: &str| {
        name == "fake"
            || earlier
                .block
                .items
                .iter()
                .any(|item| matches!(item, ImplItem::Fn(function) if plain(&function.sig.ident) == name))
    };
    let ours = |method: &&Method| !CLIENTS_OWN.contains(&method.name().as_str()) && !before(&method.name());
    let stubs = worker.methods.iter().filter(ours).map(|method| stub(&facade, method));
    quote! {
        #block
        #[doc(hidden)]
        #[allow(unused_variables, dead_code, private_interfaces, clippy::all, clippy::pedantic)]
        const _: () = {
            impl #client {
                #(#stubs)*
            }
        };
    }
}

/// The parameters of a block without its lifetimes, and without conditions, which might speak of them.
fn unborrowed(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    generics.where_clause = None;
    let params = std::mem::take(&mut generics.params).into_iter();
    generics.params = params.filter(|param| !matches!(param, GenericParam::Lifetime(_))).collect();
    for param in generics.type_params_mut() {
        param.bounds = Punctuated::new();
    }
    generics
}

/// A type that uses all parameters.
fn phantom(generics: &Generics, private: &TokenStream) -> TokenStream {
    let params = generics.type_params().map(|param| &param.ident);
    quote!(#private::std::marker::PhantomData<fn() -> (#(*const #params,)*)>)
}

/// The parameters that a function must not have and has.
fn own_generics(method: &Method) -> Option<&Generics> {
    let generics = &method.signature.generics;
    generics.params.iter().any(|param| !matches!(param, GenericParam::Lifetime(_))).then_some(generics)
}

/// A parameter's type, its lifetimes left to the compiler.
fn elided(ty: &Type) -> Type {
    struct Eliding;
    impl VisitMut for Eliding {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if lifetime.ident != "static" {
                lifetime.ident = Ident::new("_", lifetime.ident.span());
            }
        }
        fn visit_type_bare_fn_mut(&mut self, _: &mut syn::TypeBareFn) {}
        fn visit_type_trait_object_mut(&mut self, _: &mut syn::TypeTraitObject) {}
    }
    let mut ty = ty.clone();
    Eliding.visit_type_mut(&mut ty);
    ty
}

/// The parameters of a function as its stub takes them; one that cannot travel is taken as it is written, and so are all
/// of a generic function, since conversions leave its parameters open.
fn parameters(method: &Method, private: &TokenStream) -> TokenStream {
    let generic = own_generics(method).is_some();
    let params = method.arguments().map(|param| {
        let (field, held) = (&param.field, &param.held);
        let ty = if generic {
            param.ty.to_token_stream()
        } else if param.broken {
            elided(&param.ty).to_token_stream()
        } else {
            quote!(impl #private::IntoArg<#held>)
        };
        quote!(#field: #ty,)
    });
    quote!(#(#params)*)
}

/// A stub's outline; what is wrong with a method's types is not said a second time.
fn stub(facade: &Facade, method: &Method) -> TokenStream {
    let private = facade.private();
    let (vis, name, cfgs, body) = (&method.vis, &method.signature.ident, &method.attributes.cfgs, body());
    let generics = own_generics(method);
    let condition = generics.and_then(|generics| generics.where_clause.as_ref());
    let (params, value) = (parameters(method, &private), value(facade, method));
    quote!(#(#cfgs)* #vis fn #name #generics (&self, #params) -> #private::TaskFuture<#value> #condition { #body })
}

/// What a method's result is, or would best have been: borrows are taken for what owns the same.
fn value(facade: &Facade, method: &Method) -> TokenStream {
    struct Owning<'a>(&'a TokenStream);
    impl VisitMut for Owning<'_> {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            let private = self.0;
            if let Type::Reference(reference) = bare(ty) {
                *ty = match bare(&reference.elem) {
                    Type::Path(path) if path.path.is_ident("str") => parse_quote!(#private::std::string::String),
                    Type::Slice(slice) => {
                        let element = &slice.elem;
                        parse_quote!(#private::std::vec::Vec<#element>)
                    }
                    other => other.clone(),
                };
            }
            visit_mut::visit_type_mut(self, ty);
        }
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            lifetime.ident = Ident::new("static", lifetime.ident.span());
        }
    }
    let mut output = Output { ty: method.output.ty.clone(), fallible: method.output.fallible };
    Owning(&facade.private()).visit_type_mut(&mut output.ty);
    if crate::check::is_owned(&output.ty) { output.value(facade) } else { quote!(()) }
}

/// A task with errors in it.
pub(crate) fn task(options: &Options, function: &ItemFn, method: &Method) -> TokenStream {
    // Neither is there a task to stand for: the one is no function, the other has to be what it is.
    if method.signature.receiver().is_some() || method.name() == "main" {
        return quote!(#function);
    }
    let facade = Facade::new(options.facade.as_ref());
    let private = facade.private();
    let (vis, name, cfgs, body) = (&method.vis, &method.signature.ident, &method.attributes.cfgs, body());
    let generics = own_generics(method);
    let condition = generics.and_then(|generics| generics.where_clause.as_ref());
    let (params, value) = (parameters(method, &private), value(&facade, method));
    let mut own = task::own(function);
    own.attrs.push(parse_quote!(#[allow(dead_code)]));
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        #[allow(unused_variables, dead_code)]
        #vis fn #name #generics (#params) -> #private::TaskFuture<#value> #condition {
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
            #vis fn call #generics (#params) -> #value #condition { #body }
            #vis fn stop() -> #private::Result<()> { #body }
        }
    }
}
