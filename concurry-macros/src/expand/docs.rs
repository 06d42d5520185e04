//! What the documentation of generated items says, and how it shows them.
//!
//! It is read by people who know the type and not the macro: what a call does, what it can come to, and what the
//! attribute has said already.

use concurry_options::{BALANCING, FULL, MODES, Word};
use proc_macro2::TokenStream;
use quote::quote;

use super::Shape;
use crate::check::first_argument;
use crate::model::{Method, plain};
use crate::options::Options;
use crate::value::Value;

/// Docs of these paragraphs.
fn docs(paragraphs: &[String]) -> TokenStream {
    let lines = paragraphs.iter().enumerate().flat_map(|(at, paragraph)| {
        let blank = (at > 0).then(|| quote!(#[doc = ""]));
        let lines = paragraph.lines().map(|line| format!(" {line}")).map(|line| quote!(#[doc = #line]));
        blank.into_iter().chain(lines)
    });
    quote!(#(#lines)*)
}

/// The client's: what a call gives, and what its error can be.
pub(crate) fn client(shape: &Shape<'_>) -> TokenStream {
    let label = &shape.label;
    let builder = plain(&shape.builder);
    docs(&[
        format!("A pool of [`{label}`] workers: each method returns at once with a future of its result."),
        format!(
            "{} [`{builder}`] says otherwise;\neach is built by its own call of the constructor, where it lives.",
            workers(shape.options)
        ),
        "A future comes to what the method returns, or to an error: `Error::Failed` holds the method's own, others say that\nit \
         panicked, that its worker died, that time ran out, or that the pool was stopped. Clones are of one pool,\nwhich \
         stops when the last of them is dropped."
            .to_owned(),
    ])
}

/// What the workers of a pool are, as far as the attribute says it.
fn workers(options: &Options) -> String {
    let many = match options.said.get("max_workers") {
        Some(Value::Count(count)) => *count != 1,
        _ => false,
    };
    let (one, several) = match options.said.get("mode") {
        Some(Value::Mode("Sync")) => ("the thread that starts the pool", ""),
        Some(Value::Mode("Async")) => ("an event loop on a thread of its own", "event loops on threads of their own"),
        Some(Value::Mode("Process")) => ("a process of this executable", "processes of this executable"),
        Some(Value::Mode("Ray")) => ("an actor of a Ray cluster", "actors of a Ray cluster"),
        Some(_) => ("a thread", "threads"),
        None => return "A worker is a thread where neither the environment nor".to_owned(),
    };
    match options.said.get("max_workers") {
        Some(Value::Count(count)) if many => format!("There are {count} workers, {several}, unless"),
        _ => format!("A worker is {one} unless"),
    }
}

/// The builder's: what the attribute has said.
pub(crate) fn options(shape: &Shape<'_>) -> TokenStream {
    let label = &shape.label;
    let said: Vec<String> =
        shape.options.said.iter().map(|(name, value)| format!("`{name} = {}`", literal(value))).collect();
    let mut paragraphs = vec![format!("The options of a pool of [`{label}`] workers; [`init`](Self::init) starts it.")];
    if !said.is_empty() {
        paragraphs.push(format!("Said by the attribute, and overruled by what is said here: {}.", said.join(", ")));
    }
    docs(&paragraphs)
}

/// A value as it stands in the attribute.
fn literal(value: &Value) -> String {
    let word = |table: &[Word], variant: &str| {
        let words = table.iter().find(|(name, _)| *name == variant).map(|(_, words)| words[0]);
        format!("{:?}", words.unwrap_or(variant))
    };
    match value {
        Value::Mode(variant) => word(MODES, variant),
        Value::Balancing(variant) => word(BALANCING, variant),
        Value::Full(variant) => word(FULL, variant),
        Value::Count(count) => count.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Truth(truth) => truth.to_string(),
        Value::Time(time) => format!("\"{time:?}\""),
        Value::Size(size) => format!("{size} bytes"),
        Value::Text(text) => format!("{text:?}"),
    }
}

/// The docs of a stub whose method has none.
pub(crate) fn stub(shape: &Shape<'_>, method: &Method) -> String {
    format!(" Calls `{}::{}` on a worker.", shape.label, method.name())
}

/// The docs of a method's variant.
pub(crate) fn variant(shape: &Shape<'_>, method: &Method) -> String {
    let name = method.name();
    // A task's message is for nobody to see.
    let method = if shape.client == crate::hygiene::item("Client") { name } else { format!("{}::{name}", shape.label) };
    format!(" A call of `{method}`.")
}

/// What a task's type says of itself, below the function's docs or in their place.
pub(crate) fn task(label: &str, alone: bool) -> TokenStream {
    let what = format!("The task [`{label}`](fn@{label}) as a type: its pool, its options, and the plain function.");
    if alone { docs(&[what]) } else { docs(&[String::new(), what]) }
}

/// A function whose signature the documentation shows as people would write it: with the type that a result holds, and
/// not with the projection that finds it.
pub(crate) fn told(
    method: &Method,
    private: &TokenStream,
    attributes: TokenStream,
    signature: impl Fn(&TokenStream) -> TokenStream,
    future: &TokenStream,
    body: &TokenStream,
) -> TokenStream {
    let held = if method.output.fallible { first_argument(&method.output.ty) } else { None };
    let declared = signature(future);
    let Some(held) = held else {
        return quote!(#attributes #declared { #body });
    };
    let shown = signature(&quote!(#private::TaskFuture<#held>));
    quote! {
        #[cfg(not(doc))]
        #attributes
        #declared { #body }
        #[cfg(doc)]
        #attributes
        #shown { loop {} }
    }
}
