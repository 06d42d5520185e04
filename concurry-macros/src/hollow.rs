//! Items whose bodies cannot be parsed: as long as the signatures can, there is an outline of them, and what uses the
//! client or the task resolves while a method is being written.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;
use syn::{ItemFn, ItemImpl, parse_quote};

/// The `impl` block with bodies that never end, if it can be read then.
pub(crate) fn block(item: &TokenStream) -> Option<ItemImpl> {
    let mut trees: Vec<TokenTree> = item.clone().into_iter().collect();
    let Some(TokenTree::Group(last)) = trees.pop() else { return None };
    if last.delimiter() != Delimiter::Brace {
        return None;
    }
    trees.push(braces(hollow(last.stream()), &last));
    let mut block: ItemImpl = syn::parse2(trees.into_iter().collect()).ok()?;
    block.attrs.push(parse_quote!(#[allow(unused)]));
    Some(block)
}

/// The same of a function.
pub(crate) fn function(item: &TokenStream) -> Option<ItemFn> {
    let mut function: ItemFn = syn::parse2(hollow(item.clone())).ok()?;
    function.attrs.push(parse_quote!(#[allow(unused)]));
    Some(function)
}

fn braces(content: TokenStream, of: &Group) -> TokenTree {
    let mut group = Group::new(Delimiter::Brace, content);
    group.set_span(of.span());
    TokenTree::Group(group)
}

/// The items without the bodies of their functions: in each, what is in the first braces after `fn` that are none of the
/// signature.
fn hollow(items: TokenStream) -> TokenStream {
    let mut trees = items.into_iter().peekable();
    let mut hollowed = Vec::new();
    let mut in_signature = false;
    while let Some(tree) = trees.next() {
        match &tree {
            TokenTree::Ident(word) if word == "fn" => in_signature = true,
            TokenTree::Punct(end) if end.as_char() == ';' => in_signature = false,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && in_signature => {
                // As in `-> Array<{ N + 1 }>`.
                let argument =
                    matches!(trees.peek(), Some(TokenTree::Punct(next)) if matches!(next.as_char(), '>' | ','));
                if !argument {
                    in_signature = false;
                    hollowed.push(braces(quote!(loop {}), group));
                    continue;
                }
            }
            _ => {}
        }
        hollowed.push(tree);
    }
    hollowed.into_iter().collect()
}
