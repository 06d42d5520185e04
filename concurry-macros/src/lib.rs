//! The macros of concurry. Depend on the crate `concurry`, which re-exports them.

mod check;
mod diagnostics;
mod earlier;
mod expand;
mod fallback;
mod hollow;
mod hygiene;
mod model;
mod options;
mod parse;
mod show;
#[cfg(test)]
mod tests;
mod unsendable;
mod value;
mod words;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Generics, Ident, Item, ItemFn, ItemImpl};

use crate::diagnostics::{Diagnostics, Problem};
use crate::hygiene::Facade;
use crate::options::{Options, Place};

#[doc = include_str!("../docs/worker.md")]
#[proc_macro_attribute]
pub fn worker(attr: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    worker_item(attr.into(), item.into()).into()
}

#[doc = include_str!("../docs/task.md")]
#[proc_macro_attribute]
pub fn task(attr: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    task_item(attr.into(), item.into()).into()
}

/// The errors, and after them what is left of the item.
fn with(diagnostics: Diagnostics, rest: TokenStream) -> TokenStream {
    match diagnostics.into_error() {
        Some(error) => {
            let errors = error.into_compile_error();
            quote!(#errors #rest)
        }
        None => rest,
    }
}

fn worker_item(attr: TokenStream, item: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let parsed = match syn::parse2::<Item>(item.clone()) {
        Ok(parsed) => parsed,
        Err(error) => {
            diagnostics.add(error);
            return match hollow::block(&item) {
                Some(block) => worker_block(attr, block, diagnostics),
                None => with(diagnostics, item),
            };
        }
    };
    let not_a_block = |found| Problem::NotABlock { found };
    let problem = match parsed {
        Item::Impl(block) => return worker_block(attr, block, diagnostics),
        Item::Struct(mut of) => {
            return defaults(attr, &mut of, |of| (&of.ident, &of.generics, &mut of.attrs), diagnostics);
        }
        Item::Enum(mut of) => {
            return defaults(attr, &mut of, |of| (&of.ident, &of.generics, &mut of.attrs), diagnostics);
        }
        Item::Union(mut of) => {
            return defaults(attr, &mut of, |of| (&of.ident, &of.generics, &mut of.attrs), diagnostics);
        }
        Item::Fn(function) if function.sig.receiver().is_some() || options::marks_a_method(&attr) => {
            Problem::LoneMethod
        }
        Item::Fn(_) => Problem::FunctionIsATask,
        Item::Trait(_) => not_a_block("a trait"),
        Item::Mod(_) => not_a_block("a module"),
        Item::Type(_) => not_a_block("a type alias"),
        Item::Use(_) => not_a_block("a `use`"),
        Item::Const(_) | Item::Static(_) => not_a_block("a constant"),
        _ => not_a_block("this item"),
    };
    diagnostics.span(Span::call_site(), problem);
    with(diagnostics, item)
}

fn worker_block(attr: TokenStream, mut block: ItemImpl, mut diagnostics: Diagnostics) -> TokenStream {
    parse::twice(&mut block.attrs, "worker", &mut diagnostics);
    if let Some((_, path, _)) = &block.trait_ {
        diagnostics.at(path, Problem::TraitBlock);
        let beside = earlier::beside(&block.self_ty);
        return with(diagnostics, fallback::of_trait(attr, block, beside));
    }
    let options = Options::read(attr, Place::Block, &mut diagnostics);
    let Some(mut worker) = parse::worker(options, block.clone(), &mut diagnostics) else {
        return with(diagnostics, fallback::block(block));
    };
    check::worker(&mut worker, &mut diagnostics);
    if let Some(earlier) = earlier::block(&worker.ty) {
        diagnostics.at(&worker.ty, Problem::SecondBlock { name: model::plain(&worker.name) });
        return with(diagnostics, fallback::second(worker, earlier));
    }
    if diagnostics.len() > 0 {
        return with(diagnostics, fallback::worker(&worker));
    }
    let expansion = expand::worker(&worker);
    show::show(&model::plain(&worker.name), &expansion, &Facade::new(worker.options.facade.as_ref()));
    expansion
}

/// `#[worker(..)]` on a type: the default options of its pools.
fn defaults<T: ToTokens>(
    attr: TokenStream,
    item: &mut T,
    parts: impl Fn(&mut T) -> (&Ident, &Generics, &mut Vec<Attribute>),
    mut diagnostics: Diagnostics,
) -> TokenStream {
    let options = Options::read(attr, Place::Type, &mut diagnostics);
    let (name, generics, attrs) = parts(item);
    parse::twice(attrs, "worker", &mut diagnostics);
    let cfgs = parse::attributes(attrs).cfgs;
    let defaults = expand::defaults(name, generics, &cfgs, &options);
    with(diagnostics, quote!(#item #defaults))
}

fn task_item(attr: TokenStream, item: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let found = match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Fn(function)) => return task_function(attr, function, diagnostics),
        Ok(Item::Impl(_)) => ("an `impl` block", "put `#[worker]` there"),
        Ok(Item::Struct(_) | Item::Enum(_) | Item::Union(_)) => {
            ("a type", "put `#[worker]` on the `impl` block that holds its methods")
        }
        Ok(Item::Trait(_)) => ("a trait", "mark a free function"),
        Ok(Item::Mod(_)) => ("a module", "mark its functions one by one"),
        Ok(_) => ("this item", "mark a free function"),
        Err(error) => {
            diagnostics.add(error);
            return match hollow::function(&item) {
                Some(function) => task_function(attr, function, diagnostics),
                None => with(diagnostics, item),
            };
        }
    };
    let (found, remedy) = found;
    diagnostics.span(Span::call_site(), Problem::NotAFunction { found, remedy });
    with(diagnostics, item)
}

fn task_function(attr: TokenStream, mut function: ItemFn, mut diagnostics: Diagnostics) -> TokenStream {
    let options = Options::read(attr, Place::Task, &mut diagnostics);
    parse::twice(&mut function.attrs, "task", &mut diagnostics);
    let mut method = parse::task(&options, &mut function, &mut diagnostics);
    check::task(&mut method, options.local, &mut diagnostics);
    if diagnostics.len() > 0 {
        return with(diagnostics, fallback::task(&options, &function, &method));
    }
    let expansion = expand::task::task(&options, &function, &method);
    show::show(&method.name(), &expansion, &Facade::new(options.facade.as_ref()));
    expansion
}
