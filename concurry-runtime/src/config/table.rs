//! What is made of the shared table: [`Layer`] and [`Attributes`], which say something of each option, and [`Values`],
//! which is what comes of them all. Nothing here names an option; they stand in `concurry_options`.

use std::time::Duration;

use super::kind::{self, Kind};
use super::{Chosen, Level, Misfit, Origin, Setting};
use crate::balance::LoadBalancing;
use crate::full::OnFull;
use crate::mode::Mode;

/// What built-in defaults depend on.
pub(crate) struct Facts {
    pub(crate) mode: Mode,
    pub(crate) on_demand: bool,
}

/// How many processors this process may use.
fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

/// The type of a kind's values. Spelt out, not a projection, since public fields are of it.
macro_rules! value {
    (Mode) => {
        Mode
    };
    (Balancing) => {
        LoadBalancing
    };
    (Full) => {
        OnFull
    };
    (Count) => {
        usize
    };
    (Workers) => {
        usize
    };
    (Number) => {
        u32
    };
    (Truth) => {
        bool
    };
    (Time) => {
        Duration
    };
    (Span) => {
        Duration
    };
    (Size) => {
        u64
    };
    (Text) => {
        String
    };
}

/// The same in a constant.
macro_rules! constant {
    (Text) => { &'static str };
    ($kind:ident) => { value!($kind) };
}

macro_rules! from_table {
    ($($(#[$doc:meta])* $name:ident: $kind:ident {
        methods: $methods:literal,
        default: $default:expr,
        unset: $unset:literal,
        hint: $hint:literal,
    })*) => {
        /// What one source says of the options; `None` where it says nothing.
        ///
        /// ```
        /// use concurry::prelude::*;
        /// concurry::config::set(|c| c.mode(Mode::Process).max_queued_tasks = Some(50));
        /// ```
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct Layer {
            $($(#[$doc])* pub $name: Option<value!($kind)>,)*
        }

        impl Layer {
            /// Nothing said.
            pub(crate) const NONE: Layer = Layer { $($name: None,)* };

            /// Says what `text` stands for. `Err` tells what would have been allowed.
            pub(super) fn read(&mut self, option: &str, text: &str) -> Result<(), String> {
                match option {
                    $(stringify!($name) => {
                        self.$name = Some(<kind::$kind as Kind>::read(text).ok_or_else(|| allowed::<kind::$kind>($hint))?);
                    })*
                    _ => {}
                }
                Ok(())
            }

            /// Changes what `after` has changed since it was `before`.
            pub(super) fn follow(&mut self, before: &Layer, after: Layer) {
                $(if after.$name != before.$name {
                    self.$name = after.$name;
                })*
            }
        }

        /// What the attributes of a type or a method say; a constant.
        #[derive(Clone, Copy, Debug)]
        #[allow(missing_docs, reason = "each field is the option of its name")]
        pub struct Attributes {
            $(pub $name: Option<constant!($kind)>,)*
        }

        impl Attributes {
            /// Nothing said.
            pub const NONE: Self = Attributes { $($name: None,)* };

            /// `self`, and where it says nothing, `weaker`.
            #[must_use]
            pub const fn or(self, weaker: Attributes) -> Attributes {
                Attributes { $($name: match self.$name { Some(value) => Some(value), None => weaker.$name },)* }
            }

            /// The same as a layer.
            pub(crate) fn layer(self) -> Layer {
                Layer { $($name: self.$name.map(Into::into),)* }
            }
        }

        /// What is in force, and where each value came from.
        #[derive(Clone, Debug)]
        pub(crate) struct Values {
            $(pub(crate) $name: Chosen<value!($kind)>,)*
        }

        impl Values {
            /// What the strongest of `levels` that says anything says; they are in order, the strongest first.
            pub(super) fn of(levels: &[Level<'_>]) -> Self {
                Values { $($name: Chosen::of(stringify!($name), levels, |layer| layer.$name.clone()),)* }
            }

            /// Puts in the built-in defaults.
            pub(super) fn fill(&mut self, facts: &Facts) {
                $({
                    let default: fn(&Facts) -> Option<value!($kind)> = $default;
                    if self.$name.value.is_none() {
                        self.$name = Chosen { value: default(facts), origin: Origin::Default };
                    }
                })*
            }

            /// Whether each value is allowed; the first that is not.
            pub(crate) fn check(&self) -> Result<(), Misfit> {
                $(if let Some(value) = &self.$name.value {
                    if !<kind::$kind as Kind>::allows(value) {
                        return Err(Misfit {
                            option: stringify!($name),
                            value: <kind::$kind as Kind>::show(value),
                            origin: self.$name.origin.clone(),
                            why: format!("it must be {}", allowed::<kind::$kind>($hint)),
                        });
                    }
                })*
                Ok(())
            }

            /// All of them, in the table's order.
            pub(super) fn settings(&self) -> Vec<Setting> {
                vec![$(Setting {
                    name: stringify!($name),
                    value: self.$name.value.as_ref().map_or_else(|| $unset.to_owned(), <kind::$kind as Kind>::show),
                    origin: self.$name.origin.clone(),
                }),*]
            }
        }

        impl super::Effective {
            $(
                #[doc = concat!("The `", stringify!($name), "` in force; `None` where there is no such value.")]
                pub fn $name(&self) -> Option<value!($kind)> {
                    self.values.$name.value.clone()
                }
            )*
        }
    };
}

/// What is allowed, as plain text.
fn allowed<K: Kind>(hint: &str) -> String {
    K::KIND.in_text() + hint
}

concurry_options::options!([from_table]);
