//! The block of a type that has `#[worker]` already.
//!
//! A macro is shown one block at a time, and two of them make every name twice, of which the compiler has dozens of
//! complaints that say nothing of the cause. So the source file is looked at, where it is known and a block of this type
//! stands in it twice. Nothing but an error is made of what is found there, and where it is not found the compiler speaks.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, File, Item, ItemImpl, ItemMod, Meta, Stmt, Type};

use crate::hygiene::last_segment;
use crate::model::plain;

/// Marks the attribute that is being expanded, in a copy of its file.
const HERE: &str = "__concurry_here";

/// A block before this one, in the same scope.
pub(crate) struct Earlier {
    pub(crate) block: ItemImpl,
    /// What its `#[worker(..)]` says.
    pub(crate) attr: TokenStream,
}

/// What stands before the block of `ty` whose attribute is being expanded.
pub(crate) fn block(ty: &Type) -> Option<Earlier> {
    if !proc_macro::is_available() {
        return None;
    }
    let here = proc_macro::Span::call_site();
    let text = std::fs::read_to_string(here.local_file()?).ok()?;
    find(&text, here.line(), here.column(), ty)
}

/// The same of a block of `ty` whose attribute stands at this place of the text; lines and columns begin with 1.
pub(crate) fn find(text: &str, line: usize, column: usize, ty: &Type) -> Option<Earlier> {
    let name = plain(&last_segment(ty)?.ident);
    let headed = |line: &str| line.trim_start().starts_with("impl") && line.contains(&name) && !line.contains(" for ");
    // A file is read as Rust only where that is likely to find something: it takes milliseconds.
    if text.lines().filter(|line| headed(line)).count() < 2 {
        return None;
    }
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let (within, _) = text.get(start..)?.char_indices().nth(column.checked_sub(1)?)?;
    let (before, after) = text.split_at_checked(start + within)?;
    if !after.starts_with("#[") {
        return None;
    }
    let file = syn::parse_file(&format!("{before}#[{HERE}]{after}")).ok()?;
    let mut finder = Finder { ty: ty.to_token_stream().to_string(), found: None };
    finder.visit_file(&file);
    finder.found
}

struct Finder {
    /// The type, as both blocks write it.
    ty: String,
    found: Option<Earlier>,
}

impl Finder {
    /// Looks at the items of one scope. Blocks under conditions may be two versions of one.
    fn scope<'a>(&mut self, items: impl Iterator<Item = &'a Item>) {
        let mut before = Vec::new();
        for item in items {
            let Item::Impl(block) = item else { continue };
            let conditional = block.attrs.iter().any(|attribute| is(attribute, "cfg") || is(attribute, "cfg_attr"));
            if block.trait_.is_some() || conditional || block.self_ty.to_token_stream().to_string() != self.ty {
                continue;
            }
            let mark = block.attrs.iter().position(|attribute| is(attribute, HERE));
            let Some(ours) = mark.and_then(|mark| block.attrs.get(mark + 1)) else {
                before.push(block);
                continue;
            };
            self.found = before.into_iter().find_map(|block| {
                let other = block.attrs.iter().find(|attribute| attribute.path() == ours.path())?;
                let attr = match &other.meta {
                    Meta::List(list) => list.tokens.clone(),
                    Meta::Path(_) | Meta::NameValue(_) => TokenStream::new(),
                };
                Some(Earlier { block: block.clone(), attr })
            });
            return;
        }
    }
}

impl<'a> Visit<'a> for Finder {
    fn visit_file(&mut self, file: &'a File) {
        self.scope(file.items.iter());
        visit::visit_file(self, file);
    }

    fn visit_item_mod(&mut self, module: &'a ItemMod) {
        self.scope(module.content.iter().flat_map(|(_, items)| items));
        visit::visit_item_mod(self, module);
    }

    fn visit_block(&mut self, block: &'a Block) {
        let items = block.stmts.iter().filter_map(|statement| match statement {
            Stmt::Item(item) => Some(item),
            _ => None,
        });
        self.scope(items);
        visit::visit_block(self, block);
    }
}

fn is(attribute: &Attribute, name: &str) -> bool {
    attribute.path().is_ident(name)
}
