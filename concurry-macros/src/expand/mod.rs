//! From the model to code.

pub(crate) mod client;
mod demands;
pub(crate) mod dispatch;
mod docs;
pub(crate) mod message;
pub(crate) mod options;
pub(crate) mod task;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit_mut::VisitMut;
use syn::{Attribute, Generics, Ident, Type, WherePredicate, parse_quote};

use crate::hygiene::{self, Facade, PlainSelf, mentions};
use crate::model::{Method, Output, Param, Worker};
use crate::options::Options;

/// What all parts of an expansion need to know.
pub(crate) struct Shape<'a> {
    pub(crate) ty: Type,
    /// What errors and statistics call it.
    pub(crate) label: String,
    pub(crate) generics: Generics,
    pub(crate) cfgs: &'a [Attribute],
    /// The lints that the block allows.
    pub(crate) lints: &'a [syn::Path],
    pub(crate) options: &'a Options,
    pub(crate) facade: Facade,
    pub(crate) private: TokenStream,
    pub(crate) message: Ident,
    pub(crate) client: Ident,
    pub(crate) builder: Ident,
    pub(crate) methods: Vec<&'a Method>,
    pub(crate) constructor: Option<&'a Method>,
}

impl<'a> Shape<'a> {
    pub(crate) fn of(worker: &'a Worker) -> Self {
        let name = crate::model::plain(&worker.name);
        let options = &worker.options;
        let named = |given: &Option<Ident>, suffix: &str| {
            given.clone().unwrap_or_else(|| format_ident!("{name}{suffix}", span = worker.name.span()))
        };
        let facade = Facade::new(options.facade.as_ref());
        let mut shape = Shape {
            ty: worker.ty.clone(),
            label: name.clone(),
            generics: worker.generics.clone(),
            cfgs: &worker.cfgs,
            lints: &worker.lints,
            options,
            private: facade.private(),
            facade,
            message: named(&options.message, "Message"),
            client: named(&options.client, "Client"),
            builder: named(&options.options, "Options"),
            methods: worker.methods.iter().filter(|method| !method.broken).collect(),
            constructor: worker.constructor(),
        };
        shape.bound();
        shape
    }

    /// Adds what the messages need of the block's parameters, type by type.
    fn bound(&mut self) {
        if self.generics.params.is_empty() {
            return;
        }
        let private = &self.private;
        // Traits of ours, which the user's own conditions cannot name a second time.
        let travels = if self.options.local { quote!(#private::Crosses) } else { quote!(#private::Travels) };
        let mut predicates: Vec<WherePredicate> = Vec::new();
        let constructor = self.constructor.filter(|constructor| !constructor.broken);
        for param in self.generics.type_params() {
            let name = &param.ident;
            predicates.push(parse_quote!(#name: 'static));
        }
        let generic = |ty: &Type| mentions(ty, &self.generics);
        for method in &self.methods {
            for param in method.arguments().filter(|param| generic(&param.held)) {
                let held = &param.held;
                predicates.push(parse_quote!(#held: #travels));
            }
            if generic(&method.output.ty) {
                let value = self.value(&method.output);
                predicates.push(parse_quote!(#value: #travels));
            }
        }
        for param in constructor.iter().flat_map(|constructor| constructor.arguments()) {
            if generic(&param.held) {
                let held = &param.held;
                predicates.push(parse_quote!(#held: #travels + #private::Kept));
            }
        }
        for function in self.methods.iter().copied().chain(constructor) {
            if function.output.fallible && generic(&function.output.ty) {
                let returned = &function.output.ty;
                predicates.push(parse_quote!(<#returned as #private::ResultLike>::Error: #private::MethodError));
            }
            predicates.extend(self.conditions(function));
        }
        self.generics.make_where_clause().predicates.extend(predicates);
    }

    /// The conditions that a function itself has on the block's parameters.
    fn conditions(&self, function: &Method) -> Vec<WherePredicate> {
        let generics = &function.signature.generics;
        let lifetimes: Vec<_> = generics.lifetimes().map(|param| &param.lifetime).collect();
        let all = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
        all.filter(|predicate| !hygiene::speaks_of(predicate, &lifetimes))
            .map(|predicate| {
                let mut predicate = predicate.clone();
                PlainSelf(&self.ty).visit_where_predicate_mut(&mut predicate);
                predicate
            })
            .collect()
    }

    /// The type of a function's value.
    pub(crate) fn value(&self, output: &Output) -> TokenStream {
        output.value(&self.facade)
    }

    /// A type that uses all of the block's parameters and is whatever they are `Send` and `Sync`.
    pub(crate) fn phantom(&self) -> TokenStream {
        let (ty, private) = (&self.ty, &self.private);
        quote!(#private::std::marker::PhantomData<fn() -> #ty>)
    }

    pub(crate) fn is_generic(&self) -> bool {
        !self.generics.params.is_empty()
    }

    /// The hidden type that holds the constructor's arguments.
    pub(crate) fn init() -> Ident {
        hygiene::item("Init")
    }

    /// The field of that type that uses the block's parameters.
    pub(crate) fn marker() -> Ident {
        Ident::new("__concurry_marker", Span::call_site())
    }

    /// The hidden enum that numbers the methods, whichever of them are configured in.
    pub(crate) fn numbers() -> Ident {
        hygiene::item("Method")
    }

    pub(crate) fn constructor_arguments(&self) -> Vec<&'a Param> {
        self.constructor.iter().flat_map(|constructor| constructor.arguments()).collect()
    }
}

impl Output {
    /// The type of a function's value: what it returns, or what its result holds.
    pub(crate) fn value(&self, facade: &Facade) -> TokenStream {
        let ty = &self.ty;
        if self.fallible {
            let private = facade.private_at(ty.span());
            quote_spanned!(ty.span()=> <#ty as #private::ResultLike>::Value)
        } else {
            ty.to_token_stream()
        }
    }
}

/// What the user's own code is allowed, the code that repeats parts of it is too.
pub(crate) fn allowed(shape: &Shape<'_>) -> Option<TokenStream> {
    let functions = shape.methods.iter().copied().chain(shape.constructor);
    let lints: Vec<_> = shape.lints.iter().chain(functions.flat_map(|function| &function.attributes.lints)).collect();
    // Names that are made of the type's are of its style.
    let style = (!is_camel_case(&shape.label)).then(|| quote!(non_camel_case_types,));
    (style.is_some() || !lints.is_empty()).then(|| quote!(#[allow(#style #(#lints,)*)]))
}

fn is_camel_case(name: &str) -> bool {
    !name.contains('_') && !name.starts_with(char::is_lowercase)
}

/// The attributes of a block that holds nothing but implementations.
pub(crate) fn quiet(shape: &Shape<'_>) -> TokenStream {
    let deprecated = shape
        .methods
        .iter()
        .copied()
        .chain(shape.constructor)
        .any(|method| method.attributes.deprecated.is_some())
        .then(|| quote!(#[allow(deprecated)]));
    let allowed = allowed(shape);
    quote! {
        #[doc(hidden)]
        #deprecated
        #allowed
        #[allow(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction)]
    }
}

/// Everything for a `#[worker]` block.
pub(crate) fn worker(worker: &Worker) -> TokenStream {
    let shape = Shape::of(worker);
    let block = &worker.block;
    let message = message::enumeration(&shape);
    let client = client::declaration(&shape);
    let builder = options::declaration(&shape);
    let init = message::init(&shape);
    let dispatch = dispatch::implementation(&shape);
    let stubs = client::implementation(&shape);
    let building = options::implementation(&shape);
    let demands = demands::demands(&shape);
    let (cfgs, quiet) = (shape.cfgs, quiet(&shape));
    quote! {
        #block
        #message
        #client
        #builder
        #(#cfgs)*
        #quiet
        const _: () = {
            #demands
            #init
            #dispatch
            #stubs
            #building
        };
    }
}

/// The default options of a type, for `#[worker]` on a `struct`.
pub(crate) fn defaults(name: &Ident, generics: &Generics, cfgs: &[Attribute], options: &Options) -> TokenStream {
    let private = Facade::new(options.facade.as_ref()).private();
    let attributes = options::attributes(&options.said, &private);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let constant = Ident::new("__CONCURRY_DEFAULTS", Span::call_site());
    quote! {
        #(#cfgs)*
        #[automatically_derived]
        impl #impl_generics #name #ty_generics #where_clause {
            #[doc(hidden)]
            #[allow(dead_code)]
            pub const #constant: #private::Attributes = #attributes;
        }
    }
}
