//! The block of a type that has `#[worker]` already.
//!
//! A macro is shown one block at a time, and two of them make every name twice, of which the compiler has dozens of
//! complaints that say nothing of the cause. So the source file is looked at, where it is known and a block of this type
//! stands in it twice. Nothing but an error is made of what is found there, and where it is not found the compiler speaks.
//! A block of a trait asks the same way for the blocks of its type.

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
    let (text, line, column) = here()?;
    find(&text, line, column, ty)
}

/// The inherent blocks of `ty` beside the trait's whose attribute is being expanded, unless one of them has it too.
pub(crate) fn beside(ty: &Type) -> Option<Vec<ItemImpl>> {
    let (text, line, column) = here()?;
    find_beside(&text, line, column, ty)
}

/// The file with the attribute that is being expanded, and where in it that is.
fn here() -> Option<(String, usize, usize)> {
    if !proc_macro::is_available() {
        return None;
    }
    let here = proc_macro::Span::call_site();
    let text = std::fs::read_to_string(here.local_file()?).ok()?;
    Some((text, here.line(), here.column()))
}

/// The same of a block of `ty` whose attribute stands at this place of the text; lines and columns begin with 1.
pub(crate) fn find(text: &str, line: usize, column: usize, ty: &Type) -> Option<Earlier> {
    let name = plain(&last_segment(ty)?.ident);
    let headed = |line: &str| line.trim_start().starts_with("impl") && line.contains(&name) && !line.contains(" for ");
    // A file is read as Rust only where that is likely to find something: it takes milliseconds.
    if text.lines().filter(|line| headed(line)).count() < 2 {
        return None;
    }
    scope(text, line, column, ty)?.earlier()
}

/// The same of the blocks beside one of a trait.
pub(crate) fn find_beside(text: &str, line: usize, column: usize, ty: &Type) -> Option<Vec<ItemImpl>> {
    let Scope { ours, before, after, .. } = scope(text, line, column, ty)?;
    let has_it = |block: &ItemImpl| block.attrs.iter().any(|attribute| attribute.path() == ours.path());
    if before.iter().any(has_it) || after.iter().any(|block| is_inherent(block) && has_it(block)) {
        return None;
    }
    Some(before.into_iter().chain(after).filter(is_inherent).collect())
}

/// What is around the attribute at this place of the text.
fn scope(text: &str, line: usize, column: usize, ty: &Type) -> Option<Scope> {
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

/// The blocks of a type around the one whose attribute is being expanded.
struct Scope {
    ours: Attribute,
    conditional: bool,
    before: Vec<ItemImpl>,
    after: Vec<ItemImpl>,
}

impl Scope {
    fn earlier(self) -> Option<Earlier> {
        // Blocks under conditions may be two versions of one.
        if self.conditional {
            return None;
        }
        let mut blocks = self.before.into_iter().filter(|block| is_inherent(block) && !is_conditional(block));
        blocks.find_map(|block| {
            let other = block.attrs.iter().find(|attribute| attribute.path() == self.ours.path())?;
            let attr = match &other.meta {
                Meta::List(list) => list.tokens.clone(),
                Meta::Path(_) | Meta::NameValue(_) => TokenStream::new(),
            };
            Some(Earlier { block, attr })
        })
    }
}

struct Finder {
    /// The type, as all of its blocks write it.
    ty: String,
    found: Option<Scope>,
}

impl Finder {
    /// Looks at the items of one scope.
    fn scope<'a>(&mut self, items: impl Iterator<Item = &'a Item>) {
        let blocks = items.filter_map(|item| match item {
            Item::Impl(block) if block.self_ty.to_token_stream().to_string() == self.ty => Some(block),
            _ => None,
        });
        let blocks: Vec<_> = blocks.collect();
        let found = blocks.iter().enumerate().find_map(|(at, block)| {
            let mark = block.attrs.iter().position(|attribute| is(attribute, HERE))?;
            let ours = block.attrs.get(mark + 1)?.clone();
            let copies = |blocks: &[&ItemImpl]| blocks.iter().map(|&block| block.clone()).collect();
            let (before, after) = (copies(&blocks[..at]), copies(&blocks[at + 1..]));
            Some(Scope { ours, conditional: is_conditional(block), before, after })
        });
        self.found = self.found.take().or(found);
    }
}

fn is_inherent(block: &ItemImpl) -> bool {
    block.trait_.is_none()
}

fn is_conditional(block: &ItemImpl) -> bool {
    block.attrs.iter().any(|attribute| is(attribute, "cfg") || is(attribute, "cfg_attr"))
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
