//! What `submit` of a task's pool takes: one argument as a stub would take it, or a tuple of such.

use crate::future::{Arg, Args, IntoArg, TaskFuture};

/// The shape of a task with one argument.
#[derive(Debug)]
pub struct One;

/// The shape of a task with several arguments, or none: they come as a tuple.
#[derive(Debug)]
pub struct Many;

/// What may stand for the arguments `A` of a task: for one argument whatever [`IntoArg`] allows, for several a tuple
/// of such, or a future of the whole tuple.
///
/// The trait is sealed: only concurry can make what it gives.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed as the arguments `{A}` of a task",
    label = "expected `{A}`",
    note = "a task of one argument takes it as it is, a task of several takes a tuple; in the place of each value there may be a `TaskFuture` of it or a reference to clone"
)]
pub trait IntoTaskArgs<A, Shape> {
    #[doc(hidden)]
    type Held: Args;
    #[doc(hidden)]
    fn into_held(self) -> Self::Held;
    #[doc(hidden)]
    fn values(held: <Self::Held as Args>::Values) -> A;
}

impl<X: IntoArg<A>, A: Send + 'static> IntoTaskArgs<A, One> for X {
    type Held = (Arg<A>, ());

    fn into_held(self) -> Self::Held {
        (self.into_arg(), ())
    }

    fn values((value, ()): (A, ())) -> A {
        value
    }
}

/// `(Arg<A>, (Arg<B>, ()))` of `A B`, and the same with values and as a pattern.
macro_rules! nested {
    (type) => { () };
    (type $first:ident $($rest:ident)*) => { (Arg<$first>, nested!(type $($rest)*)) };
    (value) => { () };
    (value $first:ident $($rest:ident)*) => { (IntoArg::<$first>::into_arg($first), nested!(value $($rest)*)) };
    (pattern) => { () };
    (pattern $first:ident $($rest:ident)*) => { ($first, nested!(pattern $($rest)*)) };
}

impl IntoTaskArgs<(), Many> for () {
    type Held = ();

    fn into_held(self) {}

    fn values((): ()) {}
}

macro_rules! tuple {
    ($($from:ident $to:ident,)*) => {
        #[allow(non_snake_case, reason = "a value is called as its type is")]
        impl<$($from: IntoArg<$to>, $to: Send + 'static,)*> IntoTaskArgs<($($to,)*), Many> for ($($from,)*) {
            type Held = nested!(type $($to)*);

            fn into_held(self) -> Self::Held {
                let ($($to,)*) = self;
                nested!(value $($to)*)
            }

            fn values(nested!(pattern $($to)*): <Self::Held as Args>::Values) -> ($($to,)*) {
                ($($to,)*)
            }
        }

        impl<$($to: Send + 'static,)*> IntoTaskArgs<($($to,)*), Many> for TaskFuture<($($to,)*)> {
            type Held = (Arg<($($to,)*)>, ());

            fn into_held(self) -> Self::Held {
                (self.into_arg(), ())
            }

            fn values((values, ()): (($($to,)*), ())) -> ($($to,)*) {
                values
            }
        }
    };
}

tuple! { X1 A1, X2 A2, }
tuple! { X1 A1, X2 A2, X3 A3, }
tuple! { X1 A1, X2 A2, X3 A3, X4 A4, }
tuple! { X1 A1, X2 A2, X3 A3, X4 A4, X5 A5, }
tuple! { X1 A1, X2 A2, X3 A3, X4 A4, X5 A5, X6 A6, }
tuple! { X1 A1, X2 A2, X3 A3, X4 A4, X5 A5, X6 A6, X7 A7, }
tuple! { X1 A1, X2 A2, X3 A3, X4 A4, X5 A5, X6 A6, X7 A7, X8 A8, }
tuple! { X1 A1, X2 A2, X3 A3, X4 A4, X5 A5, X6 A6, X7 A7, X8 A8, X9 A9, }
tuple! { X1 A1, X2 A2, X3 A3, X4 A4, X5 A5, X6 A6, X7 A7, X8 A8, X9 A9, X10 A10, }
tuple! { X1 A1, X2 A2, X3 A3, X4 A4, X5 A5, X6 A6, X7 A7, X8 A8, X9 A9, X10 A10, X11 A11, }
tuple! { X1 A1, X2 A2, X3 A3, X4 A4, X5 A5, X6 A6, X7 A7, X8 A8, X9 A9, X10 A10, X11 A11, X12 A12, }
