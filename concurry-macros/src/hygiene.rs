//! What keeps generated code apart from the user's: the facade's path, names of our own, `Self` made plain.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::visit::Visit;
use syn::visit_mut::{self, VisitMut};
use syn::{Generics, Ident, Lifetime, Path, QSelf, Token, Type, TypePath, WherePredicate};

/// The path of the facade crate.
#[derive(Clone)]
pub(crate) struct Facade(Option<Path>);

impl Facade {
    pub(crate) fn new(path: Option<&Path>) -> Self {
        Facade(path.cloned())
    }

    /// The path of what generated code names.
    pub(crate) fn private(&self) -> TokenStream {
        match &self.0 {
            Some(path) => quote!(#path::__private),
            None => quote!(::concurry::__private),
        }
    }

    /// The same, shown where `cause` stands in the errors that it is part of.
    pub(crate) fn private_at(&self, cause: Span) -> TokenStream {
        let tokens = self.private().into_iter().map(|mut token| {
            token.set_span(cause);
            token
        });
        tokens.collect()
    }

    /// The same as text, for serde's attributes.
    pub(crate) fn text(&self, item: &str) -> String {
        let path = match &self.0 {
            Some(path) => path.to_token_stream().to_string().replace(' ', ""),
            None => "::concurry".to_owned(),
        };
        format!("{path}::__private::{item}")
    }
}

/// A local name that nothing of the user's can be or see.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(&format!("__{name}"), Span::mixed_site())
}

/// A local name for an expression whose errors are to be shown at `cause`. It has that place's hygiene, or the compiler
/// would show them at the attribute; no code of the user's may stand in its scope.
pub(crate) fn local_at(name: &str, cause: Span) -> Ident {
    Ident::new(&format!("__concurry_{name}"), cause)
}

/// A name of our own that is an item, which hygiene does not reach.
pub(crate) fn item(name: &str) -> Ident {
    Ident::new(&format!("__Concurry{name}"), Span::call_site())
}

/// The type without the groups that macros put around it.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}

/// The last segment of a type's path.
pub(crate) fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match bare(ty) {
        Type::Path(TypePath { path, .. }) => path.segments.last(),
        _ => None,
    }
}

/// Replaces `Self` by the type that it stands for, since stubs and messages are other types.
pub(crate) struct PlainSelf<'a>(pub(crate) &'a Type);

impl PlainSelf<'_> {
    /// `Self::N` is `<Type>::N`.
    fn qualify(&self, qself: &mut Option<QSelf>, path: &mut Path) {
        if qself.is_some() || path.leading_colon.is_some() || path.segments.len() < 2 {
            return;
        }
        if path.segments.first().is_some_and(|first| first.ident == "Self") {
            let rest = std::mem::take(&mut path.segments).into_iter().skip(1).collect();
            path.segments = rest;
            path.leading_colon = Some(Token![::](Span::call_site()));
            *qself = Some(QSelf {
                lt_token: Token![<](Span::call_site()),
                ty: Box::new(self.0.clone()),
                position: 0,
                as_token: None,
                gt_token: Token![>](Span::call_site()),
            });
        }
    }
}

impl VisitMut for PlainSelf<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        // Needless parentheses are the user's; the lint on them shall not fall on our copy.
        while let Type::Paren(paren) = &mut *ty
            && !matches!(*paren.elem, Type::TraitObject(_) | Type::ImplTrait(_))
        {
            *ty = (*paren.elem).clone();
        }
        if matches!(&*ty, Type::Path(TypePath { qself: None, path }) if path.is_ident("Self")) {
            *ty = self.0.clone();
        } else {
            visit_mut::visit_type_mut(self, ty);
        }
    }

    fn visit_type_path_mut(&mut self, path: &mut TypePath) {
        visit_mut::visit_type_path_mut(self, path);
        self.qualify(&mut path.qself, &mut path.path);
    }

    fn visit_expr_path_mut(&mut self, path: &mut syn::ExprPath) {
        visit_mut::visit_expr_path_mut(self, path);
        self.qualify(&mut path.qself, &mut path.path);
    }
}

/// Whether a condition speaks of one of these lifetimes, or is about lifetimes alone.
pub(crate) fn speaks_of(predicate: &WherePredicate, lifetimes: &[&Lifetime]) -> bool {
    struct Finder<'a>(&'a [&'a Lifetime], bool);
    impl<'a> Visit<'a> for Finder<'_> {
        fn visit_lifetime(&mut self, lifetime: &'a Lifetime) {
            self.1 |= self.0.contains(&lifetime);
        }
    }
    let mut finder = Finder(lifetimes, matches!(predicate, WherePredicate::Lifetime(_)));
    finder.visit_where_predicate(predicate);
    finder.1
}

/// Whether a type speaks of one of the block's parameters.
pub(crate) fn mentions(ty: &Type, generics: &Generics) -> bool {
    struct Finder<'a>(&'a Generics, bool);
    impl<'a> Visit<'a> for Finder<'_> {
        fn visit_ident(&mut self, ident: &'a Ident) {
            self.1 |= self.0.type_params().any(|param| param.ident == *ident)
                || self.0.const_params().any(|param| param.ident == *ident);
        }
    }
    let mut finder = Finder(generics, false);
    finder.visit_type(ty);
    finder.1
}
