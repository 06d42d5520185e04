//! From syntax to the model. Nothing is judged here but what cannot be read at all.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::visit_mut::VisitMut;
use syn::{
    Attribute, FnArg, Ident, ImplItem, ImplItemFn, ItemFn, ItemImpl, Meta, Pat, PatType, ReturnType, Signature, Token,
    Type, Visibility, parse_quote, parse_quote_spanned, punctuated::Punctuated,
};

use crate::diagnostics::{Diagnostics, Problem};
use crate::hygiene::{Facade, PlainSelf, bare, last_segment};
use crate::model::{Attributes, Method, Output, Param, Pass, Receiver, Worker, plain};
use crate::options::{self, MethodOptions, Options, Place};
use crate::words::camel_case;

/// The names that the helper attribute goes by.
const HELPERS: &[&str] = &["worker", "task"];

/// Reads a block; `None` where it is of a kind that has no worker in it.
pub(crate) fn worker(options: Options, block: ItemImpl, diagnostics: &mut Diagnostics) -> Option<Worker> {
    let mut block = block;
    let mut constructors = Vec::new();
    let mut fallbacks = Vec::new();
    let mut methods = Vec::new();
    let ty = (*block.self_ty).clone();
    let facade = Facade::new(options.facade.as_ref());
    let name = last_segment(&ty).map(|segment| segment.ident.clone());
    for item in &mut block.items {
        match item {
            ImplItem::Fn(function) => {
                let method = function_of_block(function, &ty, &facade, options.local, diagnostics);
                match role(&method) {
                    Role::Constructor => constructors.push(method),
                    Role::MaybeConstructor => fallbacks.push(method),
                    Role::Method => methods.push(method),
                    Role::Private => misused(&method, |option| Problem::PrivateMethod { option }, diagnostics),
                    Role::Function => misused(&method, |option| Problem::NotAMethod { option }, diagnostics),
                    Role::Skipped => {}
                }
            }
            ImplItem::Const(syn::ImplItemConst { attrs, .. })
            | ImplItem::Type(syn::ImplItemType { attrs, .. })
            | ImplItem::Macro(syn::ImplItemMacro { attrs, .. }) => {
                for attribute in attrs.extract_if(.., |attribute| is_helper(attribute)) {
                    diagnostics.at(attribute, Problem::NotAFunctionOfTheBlock);
                }
            }
            _ => {}
        }
    }
    if constructors.is_empty() {
        constructors = fallbacks;
    }
    if block.trait_.is_some() {
        return None;
    }
    let Some(name) = name else {
        diagnostics.at(&ty, Problem::NotAPath);
        return None;
    };
    let mut generics = block.generics.clone();
    PlainSelf(&ty).visit_generics_mut(&mut generics);
    let Attributes { cfgs, lints, .. } = attributes(&block.attrs);
    Some(Worker { block, ty, name, generics, cfgs, lints, options, constructors, methods })
}

/// Reads a function that is a task. Its parameters lose our helper attributes.
pub(crate) fn task(options: &Options, function: &mut ItemFn, diagnostics: &mut Diagnostics) -> Method {
    let facade = Facade::new(options.facade.as_ref());
    let attrs = attributes(&function.attrs);
    let said = MethodOptions { result: options.result, value: options.value, ..MethodOptions::default() };
    let name = function.sig.ident.clone();
    let ty: Type = parse_quote!(#name);
    let reading = Reading { ty: &ty, facade: &facade, local: options.local };
    let vis = function.vis.clone();
    let mut method = reading.method(&mut function.sig, vis, attrs, said, diagnostics);
    method.variant = Ident::new("Call", Span::call_site());
    method
}

fn function_of_block(
    function: &mut ImplItemFn,
    ty: &Type,
    facade: &Facade,
    local: bool,
    diagnostics: &mut Diagnostics,
) -> Method {
    for attribute in function.attrs.extract_if(.., |attribute| names(attribute, "task")) {
        diagnostics.at(attribute, Problem::TaskInABlock);
    }
    let tokens = helper(&mut function.attrs, diagnostics);
    let mut said = MethodOptions::default();
    said.add(&options::entries(tokens, Place::Method, diagnostics), diagnostics);
    let attrs = attributes(&function.attrs);
    let vis = function.vis.clone();
    Reading { ty, facade, local }.method(&mut function.sig, vis, attrs, said, diagnostics)
}

enum Role {
    Constructor,
    MaybeConstructor,
    Method,
    Private,
    Function,
    Skipped,
}

fn role(method: &Method) -> Role {
    if method.options.init.is_some() {
        Role::Constructor
    } else if method.options.skip {
        Role::Skipped
    } else if method.receiver == Receiver::None {
        if method.name() == "new" { Role::MaybeConstructor } else { Role::Function }
    } else if is_private(&method.vis) {
        Role::Private
    } else {
        Role::Method
    }
}

fn is_private(vis: &Visibility) -> bool {
    match vis {
        Visibility::Inherited => true,
        Visibility::Restricted(restricted) => restricted.path.is_ident("self"),
        Visibility::Public(_) => false,
    }
}

/// A function that is no worker method, but has options that only these have.
fn misused(method: &Method, problem: impl Fn(String) -> Problem, diagnostics: &mut Diagnostics) {
    if let Some(option) = &method.options.for_methods {
        diagnostics.at(option, problem(option.to_string()));
    }
}

/// Whether an attribute goes by this name, by whatever path.
fn names(attribute: &Attribute, name: &str) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == name)
}

fn is_helper(attribute: &Attribute) -> bool {
    HELPERS.iter().any(|name| names(attribute, name))
}

/// Takes our attributes out of a list and returns what they hold, as one list of options.
fn helper(attrs: &mut Vec<Attribute>, diagnostics: &mut Diagnostics) -> TokenStream {
    let mut tokens = TokenStream::new();
    for attribute in attrs.extract_if(.., |attribute| is_helper(attribute)) {
        match &attribute.meta {
            Meta::List(list) if !list.tokens.is_empty() => {
                let list = &list.tokens;
                tokens = if tokens.is_empty() { quote!(#list) } else { quote!(#tokens, #list) };
            }
            Meta::NameValue(_) => diagnostics.at(attribute, Problem::Syntax),
            Meta::Path(_) | Meta::List(_) => diagnostics.at(attribute, Problem::SaysNothing),
        }
    }
    tokens
}

/// Takes out of an item's attributes those that bear the name of the one that is being expanded.
pub(crate) fn twice(attrs: &mut Vec<Attribute>, name: &'static str, diagnostics: &mut Diagnostics) {
    for attribute in attrs.extract_if(.., |attribute| names(attribute, name)) {
        diagnostics.at(attribute, Problem::Twice { name });
    }
}

/// Takes our attributes out of every place of a block, read or not.
pub(crate) fn strip(block: &mut ItemImpl) {
    let mut ignored = Diagnostics::default();
    for item in &mut block.items {
        if let ImplItem::Fn(function) = item {
            helper(&mut function.attrs, &mut ignored);
            for input in &mut function.sig.inputs {
                if let FnArg::Typed(typed) = input {
                    helper(&mut typed.attrs, &mut ignored);
                }
            }
        }
    }
}

/// What a stub bears of a function's attributes.
pub(crate) fn attributes(attrs: &[Attribute]) -> Attributes {
    let mut kept = Attributes::default();
    for attribute in attrs {
        let path = attribute.path();
        if path.is_ident("doc") {
            kept.docs.push(attribute.clone());
        } else if path.is_ident("cfg") {
            kept.cfgs.push(attribute.clone());
        } else if path.is_ident("deprecated") {
            kept.deprecated = Some(attribute.clone());
        } else if path.is_ident("cfg_attr") && only_docs(attribute) {
            kept.docs.push(attribute.clone());
        } else {
            kept.lints.extend(lints(attribute));
        }
    }
    kept
}

/// The lints that an attribute allows or expects, if it is of that kind.
fn lints(attribute: &Attribute) -> Vec<syn::Path> {
    if !attribute.path().is_ident("allow") && !attribute.path().is_ident("expect") {
        return Vec::new();
    }
    let metas = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).unwrap_or_default();
    let lints = metas.into_iter().filter_map(|meta| match meta {
        Meta::Path(lint) => Some(lint),
        _ => None,
    });
    lints.collect()
}

/// Whether a `cfg_attr` adds nothing but docs.
fn only_docs(attribute: &Attribute) -> bool {
    attribute
        .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
        .is_ok_and(|metas| metas.iter().skip(1).all(|meta| meta.path().is_ident("doc")))
}

/// What reading a signature depends on.
struct Reading<'a> {
    ty: &'a Type,
    facade: &'a Facade,
    local: bool,
}

impl Reading<'_> {
    fn method(
        &self,
        signature: &mut Signature,
        vis: Visibility,
        attributes: Attributes,
        options: MethodOptions,
        diagnostics: &mut Diagnostics,
    ) -> Method {
        let receiver = signature.receiver().map_or(Receiver::None, receiver);
        let mut attributes = attributes;
        let mut params = Vec::<Param>::new();
        for input in &mut signature.inputs {
            if let FnArg::Typed(typed) = input {
                let param = self.param(typed, &params, diagnostics);
                attributes.lints.extend(param.attrs.iter().flat_map(lints));
                params.push(param);
            }
        }
        let mut ty: Type = match &signature.output {
            ReturnType::Default => parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        };
        let guess = last_segment(&ty).is_some_and(|last| last.ident == "Result");
        PlainSelf(self.ty).visit_type_mut(&mut ty);
        // Both at once is an error, after which the guess stands.
        let fallible = if options.result == options.value { guess } else { options.result };
        let output = Output { ty, fallible };
        let name = plain(&signature.ident);
        let variant = Ident::new(&camel_case(&name), signature.ident.span().resolved_at(Span::call_site()));
        let signature = signature.clone();
        Method { signature, vis, attributes, options, receiver, params, output, variant, broken: false }
    }

    fn param(&self, typed: &mut PatType, before: &[Param], diagnostics: &mut Diagnostics) -> Param {
        let tokens = helper(&mut typed.attrs, diagnostics);
        let marks = options::entries(tokens, Place::Param, diagnostics);
        let marked = !marks.is_empty();
        let field = field(&typed.pat, before);
        let mut ty = (*typed.ty).clone();
        PlainSelf(self.ty).visit_type_mut(&mut ty);
        let attrs = typed.attrs.clone();
        let mut param = Param { field, held: ty.clone(), ty, pass: Pass::Value, bytes: false, attrs, broken: false };
        self.pass(&mut param, marked);
        param
    }

    /// Finds out what the message holds of a parameter, and how the function gets it.
    fn pass(&self, param: &mut Param, marked: bool) {
        let borrowed = match bare(&param.ty) {
            Type::Reference(reference) => Some(reference.clone()),
            _ => None,
        };
        let Some(mut reference) = borrowed else {
            param.pass = if marked { Pass::OwnContext } else { Pass::Value };
            param.bytes = !self.local && is_bytes(&param.ty);
            return;
        };
        let fixed = reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static");
        let named = last_segment(&reference.elem).map(|last| last.ident.to_string());
        if marked || named.as_deref() == Some("CallContext") {
            param.pass = Pass::Context;
            if !fixed {
                reference.lifetime = None;
                param.ty = Type::Reference(reference);
            }
            return;
        }
        if fixed && self.local {
            return;
        }
        let span = reference.elem.span();
        let private = self.facade.private_at(span);
        param.pass = Pass::Borrow;
        // These are the names of unsized types; one that has parameters is the user's own.
        let plain = last_segment(&reference.elem).is_some_and(|last| last.arguments.is_none());
        param.held = match bare(&reference.elem) {
            Type::Slice(slice) => {
                let element = &slice.elem;
                parse_quote_spanned!(span=> #private::std::vec::Vec<#element>)
            }
            other => match named.as_deref().filter(|_| plain) {
                Some("str") => parse_quote_spanned!(span=> #private::std::string::String),
                // A type of the user's may have one of these names; then this is that type itself.
                Some("Path" | "OsStr" | "CStr") => parse_quote_spanned!(span=> #private::Owned<#other>),
                _ => other.clone(),
            },
        };
        param.bytes = !self.local
            && match bare(&reference.elem) {
                Type::Slice(slice) => is_u8(&slice.elem),
                other => is_bytes(other),
            };
        if !fixed {
            reference.lifetime = None;
            param.ty = Type::Reference(reference);
        }
    }
}

fn receiver(receiver: &syn::Receiver) -> Receiver {
    match bare(&receiver.ty) {
        Type::Reference(reference) if matches!(bare(&reference.elem), Type::Path(path) if path.path.is_ident("Self")) => {
            if reference.mutability.is_some() {
                Receiver::Exclusive
            } else {
                Receiver::Shared
            }
        }
        _ => Receiver::Owned,
    }
}

/// The name of a parameter's field: its own where it is a plain name, else `arg` and its position.
fn field(pat: &Pat, before: &[Param]) -> Ident {
    let taken = |name: &Ident| before.iter().any(|param| plain(&param.field) == plain(name));
    let own = match pat {
        Pat::Ident(ident) if ident.subpat.is_none() => Some(ident.ident.clone()),
        _ => None,
    };
    if let Some(mut own) = own.filter(|own| !taken(own)) {
        // Ours, so that no lint of names takes it for the user's.
        own.set_span(own.span().resolved_at(Span::call_site()));
        return own;
    }
    let mut name = format!("arg{}", before.len());
    while taken(&Ident::new(&name, Span::call_site())) {
        name.push('_');
    }
    Ident::new(&name, pat.span().resolved_at(Span::call_site()))
}

fn is_u8(ty: &Type) -> bool {
    matches!(bare(ty), Type::Path(path) if path.path.is_ident("u8"))
}

/// Whether a type is written as `Vec<u8>`.
fn is_bytes(ty: &Type) -> bool {
    let Type::Path(syn::TypePath { qself: None, path }) = bare(ty) else { return false };
    let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let known = matches!(names[..], ["Vec"] | ["vec", "Vec"] | ["std" | "alloc", "vec", "Vec"]);
    let element = path.segments.last().map(|last| last.arguments.to_token_stream().to_string().replace(' ', ""));
    known && element.is_some_and(|element| element.trim_start_matches("::") == "<u8>")
}
