//! Types of which it is certain by their names that no other thread can have a value.
//!
//! Of all others the compiler knows, and it says so at many places of the code that is generated; these are what people
//! write, and get one error.

use syn::{GenericArgument, PathArguments, Type, TypeParamBound, TypePath, TypeTraitObject};

use crate::hygiene::bare;

const POINTER: (&str, &str) =
    ("a raw pointer", "take or return what it points to, as in `&[u8]` or `Vec<u8>` for `*const u8`");
const RC: (&str, &str) =
    ("an `Rc`", "take or return the value in it; to share memory, `Arc` in a block or function marked `local`");
const FUNCTION: (&str, &str) = (
    "a `dyn Fn` without `+ Send`",
    "it can in a block or function marked `local`, as `Box<dyn Fn() + Send>` or `Arc<dyn Fn() + Send + Sync>`",
);
const LOCAL_FUNCTION: (&str, &str) =
    ("a `dyn Fn` without `+ Send`", "write `Box<dyn Fn() + Send>` or `Arc<dyn Fn() + Send + Sync>`");
const LOCAL_RC: (&str, &str) = ("an `Rc`", "write `Arc` for `Rc`");

/// The type inside `ty` that cannot leave its thread, what it is, and what to write instead.
///
/// Only types that hold the value itself are looked into: a user's own may well make a pointer fit to travel.
pub(crate) fn unsendable(ty: &Type, local: bool) -> Option<(&Type, &'static str, &'static str)> {
    let inside = |ty| unsendable(ty, local);
    match bare(ty) {
        Type::Ptr(_) => Some((ty, POINTER.0, POINTER.1)),
        Type::Reference(reference) => inside(&reference.elem),
        Type::Slice(slice) => inside(&slice.elem),
        Type::Array(array) => inside(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(inside),
        Type::TraitObject(object) if is_bare_function(object) => {
            let (what, remedy) = if local { LOCAL_FUNCTION } else { FUNCTION };
            Some((ty, what, remedy))
        }
        Type::Path(path) if is_rc(path) => {
            let (what, remedy) = if local { LOCAL_RC } else { RC };
            Some((ty, what, remedy))
        }
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let holds = ["Option", "Vec", "VecDeque", "Box", "Arc"].iter().any(|name| last.ident == name);
            if holds { arguments(&last.arguments).find_map(inside) } else { None }
        }
        _ => None,
    }
}

fn arguments(arguments: &PathArguments) -> impl Iterator<Item = &Type> {
    let list = match arguments {
        PathArguments::AngleBracketed(list) => Some(&list.args),
        _ => None,
    };
    list.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// Whether this is a `dyn Fn..` that says nothing of `Send`, which a trait of the user's may have among its own conditions.
fn is_bare_function(object: &TypeTraitObject) -> bool {
    object.bounds.iter().any(is_function) && !object.bounds.iter().any(|bound| is_bound(bound, "Send"))
}

/// Whether a type of this bound can be called.
pub(crate) fn is_function(bound: &TypeParamBound) -> bool {
    ["Fn", "FnMut", "FnOnce"].into_iter().any(|name| is_bound(bound, name))
}

fn is_bound(bound: &TypeParamBound, name: &str) -> bool {
    matches!(bound, TypeParamBound::Trait(of) if of.path.segments.last().is_some_and(|last| last.ident == name))
}

/// Whether this is the standard library's `Rc`, or a `Weak` of it; another crate's would stand in a path of that crate.
fn is_rc(path: &TypePath) -> bool {
    let names: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let named = matches!(names[..], ["Rc"] | ["rc", "Rc" | "Weak"] | ["std" | "alloc", "rc", "Rc" | "Weak"]);
    let one = path.path.segments.last().is_some_and(|last| arguments(&last.arguments).count() == 1);
    path.qself.is_none() && named && one
}
