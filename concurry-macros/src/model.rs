//! What was understood of a block or a function: plain data that the rules judge and the expansion writes out.

use syn::{Attribute, Generics, Ident, Signature, Type, Visibility};

use crate::options::{MethodOptions, Options};

/// A `#[worker]` block.
pub(crate) struct Worker {
    /// The block without our helper attributes; it goes back to the user's crate as it is.
    pub(crate) block: syn::ItemImpl,
    /// The type, as the block names it.
    pub(crate) ty: Type,
    /// The last segment of the type's path.
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    /// The conditions that the block itself stands under.
    pub(crate) cfgs: Vec<Attribute>,
    /// The lints that the block allows or expects.
    pub(crate) lints: Vec<syn::Path>,
    pub(crate) options: Options,
    /// The functions that are marked as constructors, or called `new`; the rules allow one.
    pub(crate) constructors: Vec<Method>,
    /// What the stub offers.
    pub(crate) methods: Vec<Method>,
}

/// A function of the block that a stub or the builder calls; also a task.
pub(crate) struct Method {
    pub(crate) signature: Signature,
    pub(crate) vis: Visibility,
    pub(crate) attributes: Attributes,
    pub(crate) options: MethodOptions,
    pub(crate) receiver: Receiver,
    pub(crate) params: Vec<Param>,
    pub(crate) output: Output,
    /// The name of its variant in the message.
    pub(crate) variant: Ident,
    /// Set by the rules: the stub of this method cannot be written.
    pub(crate) broken: bool,
}

/// What of a function's attributes its stub bears too.
#[derive(Default)]
pub(crate) struct Attributes {
    pub(crate) docs: Vec<Attribute>,
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) deprecated: Option<Attribute>,
    /// The lints that it allows or expects.
    pub(crate) lints: Vec<syn::Path>,
}

/// How a function takes `self`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Receiver {
    None,
    Shared,
    Exclusive,
    /// By value, in whatever box.
    Owned,
}

/// A parameter besides `self`.
pub(crate) struct Param {
    /// The name of its field in the message.
    pub(crate) field: Ident,
    /// The type as written, `Self` replaced.
    pub(crate) ty: Type,
    /// The type that the message holds.
    pub(crate) held: Type,
    pub(crate) pass: Pass,
    /// Whether it travels as bytes.
    pub(crate) bytes: bool,
    pub(crate) attrs: Vec<Attribute>,
    /// Set by the rules: a value of its type cannot travel.
    pub(crate) broken: bool,
}

/// How the function gets a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pass {
    /// The field itself.
    Value,
    /// A borrow of the field.
    Borrow,
    /// The context of the call, by reference.
    Context,
    /// The context of the call, by value.
    OwnContext,
}

/// What a function returns.
pub(crate) struct Output {
    /// The type, `Self` replaced; `()` where none is written.
    pub(crate) ty: Type,
    /// Whether that is a result.
    pub(crate) fallible: bool,
}

impl Worker {
    /// The constructor; without one the type has a default.
    pub(crate) fn constructor(&self) -> Option<&Method> {
        self.constructors.first()
    }
}

impl Method {
    /// The name without `r#`.
    pub(crate) fn name(&self) -> String {
        plain(&self.signature.ident)
    }

    pub(crate) fn is_async(&self) -> bool {
        self.signature.asyncness.is_some()
    }

    /// The parameters that travel.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &Param> {
        self.params.iter().filter(|param| !param.is_context())
    }
}

impl Param {
    pub(crate) fn is_context(&self) -> bool {
        matches!(self.pass, Pass::Context | Pass::OwnContext)
    }
}

/// An identifier's text without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}
