//! `max_pending` bounds the calls of a pool that are unresolved, exactly, whatever becomes of them: who comes when it is
//! full is refused or waits, with a thread or without.

mod bound;
mod desk;
mod maps;
mod reserving;
mod waiting;
