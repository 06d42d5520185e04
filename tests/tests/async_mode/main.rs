//! Mode `async`: a worker is an event loop, whose `async fn`s run side by side.

mod given_up;
mod room;
mod side_by_side;
mod stops;
