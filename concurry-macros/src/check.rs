//! The rules, one function each. Every rule looks at the whole block, so that all errors come in one go.

use syn::visit::{self, Visit};
use syn::{FnArg, GenericParam, ImplItem, Lifetime, ReturnType, Type};

use crate::diagnostics::{Diagnostics, Problem};
use crate::hygiene::{bare, last_segment};
use crate::model::{Method, Param, Pass, Receiver, Worker, plain};
use crate::unsendable::{is_function, unsendable};

/// Names that are every client's.
pub(crate) const CLIENTS_OWN: &[&str] = &["clone", "deref", "into", "try_into"];

const METHOD: &str = "a worker method";
const CONSTRUCTOR: &str = "a constructor";
const TASK: &str = "a task";

/// All rules of a block.
pub(crate) fn worker(worker: &mut Worker, diagnostics: &mut Diagnostics) {
    lifetimes(worker, diagnostics);
    reserved(worker, diagnostics);
    constructors(worker, diagnostics);
    doubled(worker);
    variants(worker, diagnostics);
    let local = worker.options.local;
    for method in &mut worker.methods {
        let before = diagnostics.len();
        hides(method, diagnostics);
        self_by_value(method, diagnostics);
        signature(method, METHOD, diagnostics);
        types(method, local, diagnostics);
        contexts(method, diagnostics);
        method.broken = diagnostics.len() > before;
    }
    for constructor in &mut worker.constructors {
        let before = diagnostics.len();
        signature(constructor, CONSTRUCTOR, diagnostics);
        arguments(constructor, local, diagnostics);
        constructor.broken = diagnostics.len() > before;
    }
    no_methods(worker, diagnostics);
    names(worker, diagnostics);
}

/// All rules of a task.
pub(crate) fn task(method: &mut Method, local: bool, diagnostics: &mut Diagnostics) {
    let before = diagnostics.len();
    if let Some(receiver) = method.signature.receiver() {
        diagnostics.at(receiver, Problem::TaskSelf);
    }
    if method.name() == "main" && method.params.is_empty() {
        diagnostics.at(&method.signature.ident, Problem::TaskMain);
    }
    signature(method, TASK, diagnostics);
    types(method, local, diagnostics);
    contexts(method, diagnostics);
    method.broken = diagnostics.len() > before;
}

fn lifetimes(worker: &Worker, diagnostics: &mut Diagnostics) {
    for param in worker.generics.lifetimes() {
        diagnostics.at(param, Problem::Lifetimes);
    }
    // What is named after a parameter is complained of there.
    if worker.generics.lifetimes().next().is_none()
        && let Some(lifetime) = borrow_in(&worker.ty)
    {
        diagnostics.span(lifetime, Problem::Lifetimes);
    }
}

fn no_methods(worker: &Worker, diagnostics: &mut Diagnostics) {
    if worker.methods.is_empty() {
        diagnostics.at(&worker.ty, Problem::NoMethods);
    }
}

/// `options` and `init` are generated on the type.
fn reserved(worker: &Worker, diagnostics: &mut Diagnostics) {
    for item in &worker.block.items {
        if let ImplItem::Fn(function) = item {
            let name = plain(&function.sig.ident);
            if matches!(name.as_str(), "options" | "init") {
                diagnostics.at(&function.sig.ident, Problem::Reserved { name });
            }
        }
    }
}

/// The names that are given to what is generated: all differ, and none is the type's own.
fn names(worker: &mut Worker, diagnostics: &mut Diagnostics) {
    let options = &mut worker.options;
    let given = [("client", &mut options.client), ("options", &mut options.options), ("message", &mut options.message)];
    let mut taken = vec![("the type itself".to_owned(), plain(&worker.name))];
    for (option, given) in given {
        let Some(name) = given.as_ref() else { continue };
        let text = plain(name);
        match taken.iter().find(|(_, other)| *other == text) {
            Some((owner, _)) => {
                diagnostics.at(name, Problem::SameName { option, name: text, owner: owner.clone() });
                *given = None;
            }
            None => taken.push((format!("`{option}`"), text)),
        }
    }
}

fn hides(method: &Method, diagnostics: &mut Diagnostics) {
    let name = method.name();
    if CLIENTS_OWN.contains(&name.as_str()) {
        diagnostics.at(&method.signature.ident, Problem::Hides { name });
    }
}

/// Of two methods of one name the second is left out: rustc says in the user's own block what is wrong with it. Under
/// conditions they may be two versions of one method.
fn doubled(worker: &mut Worker) {
    let mut seen: Vec<String> = Vec::new();
    worker.methods.retain(|method| {
        let name = method.name();
        let first = !method.attributes.cfgs.is_empty() || !seen.contains(&name);
        seen.push(name);
        first
    });
}

fn variants(worker: &mut Worker, diagnostics: &mut Diagnostics) {
    let methods = &mut worker.methods;
    for at in 1..methods.len() {
        let (before, rest) = methods.split_at_mut(at);
        let Some(method) = rest.first_mut() else { return };
        let name = method.name();
        // Two versions of a method under conditions are one method.
        let same = before.iter().find(|other| other.variant == method.variant && other.name() != name);
        if let Some(other) = same {
            let problem = Problem::SameVariant { name, other: other.name(), variant: method.variant.to_string() };
            diagnostics.at(&method.signature.ident, problem);
            method.broken = true;
        }
    }
}

fn self_by_value(method: &Method, diagnostics: &mut Diagnostics) {
    if let (Receiver::Owned, Some(receiver)) = (method.receiver, method.signature.receiver()) {
        diagnostics.at(receiver, Problem::SelfByValue);
    }
}

/// Generic, `unsafe`, `extern`: none of them can be called by a message.
fn signature(method: &Method, what: &'static str, diagnostics: &mut Diagnostics) {
    let signature = &method.signature;
    for param in &signature.generics.params {
        if !matches!(param, GenericParam::Lifetime(_)) {
            diagnostics.at(param, Problem::Generic { what });
        }
    }
    if let Some(keyword) = &signature.unsafety {
        diagnostics.at(keyword, Problem::Unsafe { what });
    }
    if let Some(abi) = &signature.abi {
        diagnostics.at(abi, Problem::Extern { what });
    }
    if let Some(variadic) = &signature.variadic {
        diagnostics.at(variadic, Problem::Extern { what });
    }
}

fn types(method: &mut Method, local: bool, diagnostics: &mut Diagnostics) {
    arguments(method, local, diagnostics);
    returned(method, local, diagnostics);
}

fn arguments(method: &mut Method, local: bool, diagnostics: &mut Diagnostics) {
    let written = method.signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(&*typed.ty),
        FnArg::Receiver(_) => None,
    });
    for (param, written) in method.params.iter_mut().zip(written) {
        let before = diagnostics.len();
        for attribute in &param.attrs {
            if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
                diagnostics.at(attribute, Problem::ParamCfg);
            }
        }
        argument(param, written, local, diagnostics);
        param.broken = diagnostics.len() > before;
    }
}

/// What cannot travel as an argument, seen from its type. One complaint a parameter.
fn argument(param: &Param, written: &Type, local: bool, diagnostics: &mut Diagnostics) {
    if let Type::Reference(reference) = bare(written) {
        let fixed = reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static");
        if reference.mutability.is_some() && !is_context(written) {
            return diagnostics.at(written, Problem::MutArgument);
        }
        if param.is_context() || (fixed && local) {
            return;
        }
        if matches!(bare(&reference.elem), Type::TraitObject(_)) {
            return diagnostics.at(written, Problem::DynArgument);
        }
        if fixed {
            return diagnostics.at(written, Problem::StaticArgument);
        }
    }
    if param.is_context() || is_context(written) {
        return;
    }
    if let Some(found) = impl_trait_in(written) {
        let function = found.bounds.iter().any(is_function);
        return diagnostics.at(found, if function { Problem::FunctionArgument } else { Problem::ImplArgument });
    }
    let held = match (param.pass, bare(written)) {
        (Pass::Borrow, Type::Reference(reference)) => bare(&reference.elem),
        (_, other) => other,
    };
    if borrow_in(held).is_some() || (!local && static_in(held)) {
        return diagnostics.at(written, Problem::InnerBorrow);
    }
    if let Some((found, what, remedy)) = unsendable(written, local) {
        diagnostics.at(found, Problem::OwnThread { what, remedy });
    }
}

/// Whether a type is the context of a call, lent or not.
fn is_context(ty: &Type) -> bool {
    match bare(ty) {
        Type::Reference(reference) => is_context(&reference.elem),
        other => last_segment(other).is_some_and(|last| last.ident == "CallContext" && last.arguments.is_none()),
    }
}

fn returned(method: &Method, local: bool, diagnostics: &mut Diagnostics) {
    let ReturnType::Type(_, ty) = &method.signature.output else { return };
    // The error of a result is taken in the worker and need not travel as it is.
    let value = if method.output.fallible { first_argument(ty) } else { Some(&**ty) };
    if let Some(found) = impl_trait_in(ty) {
        diagnostics.at(found, Problem::ImplReturn);
    } else if borrow_in(ty).is_some() {
        diagnostics.at(ty, Problem::BorrowedReturn);
    } else if !local && value.is_some_and(static_in) {
        diagnostics.at(ty, Problem::StaticReturn);
    } else if matches!(bare(ty), Type::Never(_)) {
        diagnostics.at(ty, Problem::NeverReturn);
    } else if let Some((found, what, remedy)) = value.and_then(|value| unsendable(value, local)) {
        diagnostics.at(found, Problem::OwnThread { what, remedy });
    }
}

fn contexts(method: &Method, diagnostics: &mut Diagnostics) {
    let typed = method.signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    let mut contexts = 0usize;
    for (param, input) in method.params.iter().zip(typed) {
        let mutable = matches!(bare(&input.ty), Type::Reference(reference) if reference.mutability.is_some());
        if is_context(&input.ty) && (mutable || !param.is_context()) {
            diagnostics.at(&input.ty, Problem::LentContext);
        } else if param.is_context() {
            contexts += 1;
            if contexts > 1 {
                diagnostics.at(input, Problem::TwoContexts);
            }
        }
    }
}

fn constructors(worker: &mut Worker, diagnostics: &mut Diagnostics) {
    for second in worker.constructors.iter().skip(1) {
        let span = second.options.init.unwrap_or(second.signature.ident.span());
        diagnostics.span(span, Problem::TwoConstructors);
    }
    worker.constructors.truncate(1);
    for constructor in &worker.constructors {
        let signature = &constructor.signature;
        if let Some(option) = &constructor.options.for_methods {
            diagnostics.at(option, Problem::NotAMethod { option: option.to_string() });
        }
        if let Some(receiver) = signature.receiver() {
            diagnostics.at(receiver, Problem::ConstructorSelf);
        }
        for cfg in &constructor.attributes.cfgs {
            diagnostics.at(cfg, Problem::ConstructorCfg);
        }
        let typed = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(typed) => Some(typed),
            FnArg::Receiver(_) => None,
        });
        for (param, input) in constructor.params.iter().zip(typed) {
            if param.is_context() || is_context(&input.ty) {
                diagnostics.at(input, Problem::ConstructorContext);
            }
        }
        let itself = last_segment(&constructor.output.ty).is_some_and(|last| last.ident == worker.name);
        if !(constructor.output.fallible || constructor.options.value || itself) {
            let problem = Problem::ConstructorReturn { name: constructor.name() };
            match &signature.output {
                ReturnType::Default => diagnostics.at(&signature.ident, problem),
                ReturnType::Type(_, ty) => diagnostics.at(ty, problem),
            }
        }
    }
}

/// Whether a type can stand anywhere, with nothing borrowed and nothing left open.
pub(crate) fn is_owned(ty: &Type) -> bool {
    borrow_in(ty).is_none() && impl_trait_in(ty).is_none() && !matches!(bare(ty), Type::Never(_) | Type::TraitObject(_))
}

/// The first borrow inside a type that is shorter than `'static`. What stands in the parentheses of a function's type
/// is its own affair.
fn borrow_in(ty: &Type) -> Option<proc_macro2::Span> {
    struct Finder(Option<proc_macro2::Span>);
    impl<'a> Visit<'a> for Finder {
        fn visit_type_reference(&mut self, reference: &'a syn::TypeReference) {
            match &reference.lifetime {
                None => self.0 = self.0.or(Some(reference.and_token.span)),
                Some(lifetime) => self.visit_lifetime(lifetime),
            }
            self.visit_type(&reference.elem);
        }
        fn visit_lifetime(&mut self, lifetime: &'a Lifetime) {
            if lifetime.ident != "static" {
                self.0 = self.0.or(Some(lifetime.span()));
            }
        }
        fn visit_type_bare_fn(&mut self, _: &'a syn::TypeBareFn) {}
        fn visit_parenthesized_generic_arguments(&mut self, _: &'a syn::ParenthesizedGenericArguments) {}
        fn visit_type_trait_object(&mut self, object: &'a syn::TypeTraitObject) {
            let higher_ranked = object
                .bounds
                .iter()
                .any(|bound| matches!(bound, syn::TypeParamBound::Trait(bound) if bound.lifetimes.is_some()));
            if !higher_ranked {
                visit::visit_type_trait_object(self, object);
            }
        }
    }
    let mut finder = Finder(None);
    finder.visit_type(ty);
    finder.0
}

/// Whether there is a `'static` borrow inside a type.
fn static_in(ty: &Type) -> bool {
    struct Finder(bool);
    impl<'a> Visit<'a> for Finder {
        fn visit_type_reference(&mut self, _: &'a syn::TypeReference) {
            self.0 = true;
        }
        fn visit_type_bare_fn(&mut self, _: &'a syn::TypeBareFn) {}
        fn visit_parenthesized_generic_arguments(&mut self, _: &'a syn::ParenthesizedGenericArguments) {}
    }
    let mut finder = Finder(false);
    finder.visit_type(ty);
    finder.0
}

/// The first type that a type has as a parameter: what `Ok` holds, in every usual alias of `Result`.
pub(crate) fn first_argument(ty: &Type) -> Option<&Type> {
    let syn::PathArguments::AngleBracketed(arguments) = &last_segment(ty)?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        syn::GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The first `impl Trait` inside a type.
fn impl_trait_in(ty: &Type) -> Option<&syn::TypeImplTrait> {
    struct Finder<'a>(Option<&'a syn::TypeImplTrait>);
    impl<'a> Visit<'a> for Finder<'a> {
        fn visit_type_impl_trait(&mut self, found: &'a syn::TypeImplTrait) {
            self.0 = self.0.or(Some(found));
        }
    }
    let mut finder = Finder(None);
    finder.visit_type(ty);
    finder.0
}
