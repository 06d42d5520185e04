//! The course of a call: attempts, answers, restarts, cancellation.

#[path = "../../../concurry-runtime/src/call/course.rs"]
mod course;

mod models;
mod sync;
