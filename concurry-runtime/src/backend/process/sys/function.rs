//! A function of the user's that another process of this executable is to run, by its name.
//!
//! A worker's methods are compiled into its entry; a function that is handed over with a call is not. So code is
//! compiled that runs it ([`Body`]), once for each type of function, and the distance of that code from the anchor is
//! the function's name. A function or a closure that captures nothing is all type and no bytes: the code needs nothing
//! else to have it. A `fn` pointer is all bytes: its own distance travels with the name.

use std::any::{Any, TypeId};
use std::cell::Cell;
use std::mem::{needs_drop, size_of};
use std::ptr::NonNull;

use super::code::{Offset, check_image};
use crate::error::Error;
use crate::worker::{Replied, Reply};

/// What is done with a function that has arrived, and with the bytes that came with it.
pub(crate) trait Body<F> {
    /// What the function takes.
    type Argument: 'static;
    /// What it returns.
    type Returned: 'static;
    fn run(function: F, argument: Vec<u8>, reply: Reply<'_>) -> Replied;
}

/// The code that is compiled for a function. It is told where a `fn` pointer points to.
type Run = fn(Offset, Vec<u8>, Reply<'_>) -> Replied;

/// The name of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    run: Offset,
    pointer: Offset,
}

/// Why a function has no name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Nameless {
    /// It is more than code.
    Captures,
    /// It is code that other processes of this executable do not have.
    Elsewhere(String),
}

impl Named {
    /// Names `function`, which is to be run by `B`.
    pub(crate) fn new<B: Body<F>, F: Send + 'static>(function: &F) -> Result<Self, Nameless> {
        let function: &dyn Any = function;
        let named = if let Some(pointer) = function.downcast_ref::<fn(B::Argument) -> B::Returned>() {
            let run: Run = run_pointer::<B, F>;
            Named { run: Offset::of_address(run as usize), pointer: Offset::of_address(*pointer as usize) }
        } else if size_of::<F>() == 0 && !needs_drop::<F>() {
            let run: Run = run_type::<B, F>;
            Named { run: Offset::of_address(run as usize), pointer: Offset::of_address(run as usize) }
        } else {
            return Err(Nameless::Captures);
        };
        named.check().map_err(Nameless::Elsewhere)?;
        Ok(named)
    }

    /// Whether it is the name of code in the executable itself.
    fn check(self) -> Result<(), String> {
        thread_local! {
            /// The last that was found good; most callers send one function many times.
            static GOOD: Cell<Option<Named>> = const { Cell::new(None) };
        }
        if GOOD.try_with(Cell::get).ok().flatten() == Some(self) {
            return Ok(());
        }
        check_image(self.run.address())?;
        check_image(self.pointer.address())?;
        // A thread that is being torn down looks again each time.
        let _ = GOOD.try_with(|good| good.set(Some(self)));
        Ok(())
    }

    /// Appends the name to `bytes`.
    pub(crate) fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.run.to_bytes());
        bytes.extend_from_slice(&self.pointer.to_bytes());
    }
}

/// A function and its argument that have come from the driver.
pub(crate) struct Arrived {
    named: Named,
    argument: Vec<u8>,
}

impl Arrived {
    /// Reads a name that another process of the same build has written, and what stands after it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let cut = || "is cut short".to_owned();
        let (run, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut)?;
        let (pointer, argument) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
        let named = Named { run: Offset::from_bytes(*run), pointer: Offset::from_bytes(*pointer) };
        named.check().map_err(|_| "names code that is not in this executable".to_owned())?;
        Ok(Arrived { named, argument: argument.to_vec() })
    }

    pub(crate) fn run(self, reply: Reply<'_>) -> Replied {
        let address = self.named.run.address();
        // SAFETY: this process and the one that wrote the name run the same file, which was compared before the first
        // call came. There the offset was made of a `Run` by `Named::new`, and it is inside the file's own image, whose
        // layout does not change from run to run but for where it is loaded. So a `Run` is here.
        let run = unsafe { std::mem::transmute::<usize, Run>(address) };
        run(self.named.pointer, self.argument, reply)
    }
}

/// Runs a function that is all type.
fn run_type<B: Body<F>, F: Send + 'static>(_: Offset, argument: Vec<u8>, reply: Reply<'_>) -> Replied {
    // SAFETY: the only way here is an offset that `Named::new` made, and it had a value of this type, so there are
    // such values, and they have no bytes and nothing to drop: a read of none is one. What has no bytes holds nothing
    // of the process that it was made in. It is `Send`, so it may turn up on another thread, which is what this is.
    let function = unsafe { NonNull::<F>::dangling().read() };
    B::run(function, argument, reply)
}

/// Runs a function that a pointer leads to.
fn run_pointer<B: Body<F>, F: Send + 'static>(pointer: Offset, argument: Vec<u8>, reply: Reply<'_>) -> Replied {
    debug_assert_eq!(TypeId::of::<F>(), TypeId::of::<fn(B::Argument) -> B::Returned>());
    let address = pointer.address();
    // SAFETY: as in `Arrived::run`: the only way here is a name that `Named::new` made of a pointer of this type, to
    // code in the executable itself.
    let pointer = unsafe { std::mem::transmute::<usize, fn(B::Argument) -> B::Returned>(address) };
    let mut pointer = Some(pointer);
    match (&mut pointer as &mut dyn Any).downcast_mut::<Option<F>>().and_then(Option::take) {
        Some(function) => B::run(function, argument, reply),
        None => reply.error(Error::codec("the function came under the name of another kind of function")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::Codec;
    use crate::worker::RemoteReply;

    struct Add;

    impl<F: FnOnce(u8) -> u8> Body<F> for Add {
        type Argument = u8;
        type Returned = u8;
        fn run(function: F, argument: Vec<u8>, reply: Reply<'_>) -> Replied {
            reply.value(function(argument.first().copied().unwrap_or_default()))
        }
    }

    fn double(x: u8) -> u8 {
        x * 2
    }

    fn send<F: FnOnce(u8) -> u8 + Send + 'static>(function: &F, argument: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        Named::new::<Add, F>(function).unwrap().write(&mut bytes);
        bytes.push(argument);
        let mut reply = RemoteReply { codec: Codec::Bincode, most: 1 << 20, outcome: None };
        Arrived::read(&bytes).unwrap().run(Reply::remote(&mut reply));
        reply.outcome.unwrap().unwrap()
    }

    #[test]
    fn functions_closures_and_pointers_arrive() {
        assert_eq!(send(&double, 4), [8]);
        assert_eq!(send(&|x: u8| x + 1, 4), [5]);
        let pointers: [fn(u8) -> u8; 2] = [double, |x| x + 2];
        assert_eq!(send(&pointers[0], 4), [8]);
        assert_eq!(send(&pointers[1], 4), [6]);
    }

    #[test]
    fn what_captures_has_no_name() {
        struct Falls;
        impl Drop for Falls {
            fn drop(&mut self) {}
        }
        let by = std::hint::black_box(3u8);
        let address = std::hint::black_box(3usize);
        let falls = Falls;
        assert_eq!(Named::new::<Add, _>(&move |x: u8| x + by), Err(Nameless::Captures));
        assert_eq!(Named::new::<Add, _>(&move |x: u8| x + address as u8), Err(Nameless::Captures));
        assert_eq!(
            Named::new::<Add, _>(&move |x: u8| {
                let _held = &falls;
                x
            }),
            Err(Nameless::Captures)
        );
    }

    #[test]
    fn rubbish_is_refused() {
        assert!(Arrived::read(&[1; 15]).is_err());
        assert!(Arrived::read(&[0x7f; 40]).is_err());
    }
}
