//! The macros as functions from tokens to tokens, without a compiler: `ui-tests` has the compiler's side.

mod documentation;
mod earlier;
mod expansions;
mod reading;
mod rules;

use proc_macro2::{TokenStream, TokenTree};
use syn::Item;

fn tokens(source: &str) -> TokenStream {
    source.parse().unwrap_or_else(|error| panic!("{error} in {source}"))
}

/// What `#[worker(attr)]` makes of an item.
fn worker(attr: &str, item: &str) -> TokenStream {
    crate::worker_item(tokens(attr), tokens(item))
}

/// What `#[task(attr)]` makes of an item.
fn task(attr: &str, item: &str) -> TokenStream {
    crate::task_item(tokens(attr), tokens(item))
}

/// The texts of the errors in an expansion.
fn errors(expansion: &TokenStream) -> Vec<String> {
    let trees: Vec<TokenTree> = expansion.clone().into_iter().collect();
    let mut found = Vec::new();
    for window in trees.windows(3) {
        if let [TokenTree::Ident(name), _, TokenTree::Group(group)] = window
            && name == "compile_error"
        {
            found.push(syn::parse2::<syn::LitStr>(group.stream()).unwrap().value());
        }
    }
    found
}

/// The items of an expansion, which thereby is known to be valid Rust.
fn items(expansion: &TokenStream) -> Vec<Item> {
    match syn::parse2::<syn::File>(expansion.clone()) {
        Ok(file) => file.items,
        Err(error) => panic!("{error} in {expansion}"),
    }
}

/// The names of the types that an expansion declares at its top.
fn types(expansion: &TokenStream) -> Vec<String> {
    let names = items(expansion).into_iter().filter_map(|item| match item {
        Item::Struct(item) => Some(item.ident.to_string()),
        Item::Enum(item) => Some(item.ident.to_string()),
        _ => None,
    });
    names.collect()
}

/// The functions that an expansion has anywhere, by their names.
fn functions(expansion: &TokenStream) -> Vec<syn::ImplItemFn> {
    struct Finder(Vec<syn::ImplItemFn>);
    impl<'a> syn::visit::Visit<'a> for Finder {
        fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
            self.0.push(function.clone());
        }
    }
    let mut finder = Finder(Vec::new());
    for item in items(expansion) {
        syn::visit::Visit::visit_item(&mut finder, &item);
    }
    finder.0
}
