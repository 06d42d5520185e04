//! Limits as their users see them.

mod acquiring;
mod calls;
mod pools;
mod sets;
mod speed;
mod together;
