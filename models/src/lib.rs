//! Models of concurry's lock-free parts.
//!
//! The files of the runtime are taken in as they are, with loom's atomics in place of the processor's and a ring of a
//! few bytes in place of a mebibyte. What is checked is thus the code that runs, in every order of its steps that the
//! memory model allows, up to a number of pre-emptions.
//!
//! `LOOM_MAX_PREEMPTIONS` sets that number: the default is checked in seconds, more of them in minutes.

#[cfg(test)]
mod call;
#[cfg(test)]
mod link;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod slot;

/// Checks a model with up to this many pre-emptions, more than which finds little and takes long.
#[cfg(test)]
fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(2);
    builder.check(model);
}
