//! The points at which tests inject faults.

#![allow(unreachable_pub, reason = "they can be named from outside in a build with faults alone")]

macro_rules! points {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A place on the way of a worker or of a call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Point {
            $($(#[$doc])* $name,)*
        }

        impl Point {
            /// All of them.
            #[allow(dead_code, reason = "a build without faults has no use for it")]
            pub const ALL: &[Point] = &[$(Point::$name),*];

            /// Its name in a plan.
            #[allow(dead_code, reason = "a build without faults has no use for it")]
            pub(super) fn text(self) -> &'static str {
                match self {
                    $(Point::$name => $text,)*
                }
            }
        }
    };
}

points! {
    /// Driver: the thread that looks after a process is about to be made.
    Thread = "thread",
    /// Driver: the memory to share is about to be made.
    Memory = "memory",
    /// Driver: a process is about to be started.
    Spawn = "spawn",
    /// Driver: it has been started, and was told nothing yet.
    Spawned = "spawned",
    /// Driver: it has been told what it is.
    Described = "described",
    /// Driver: a call is about to be written.
    Send = "send",
    /// Driver: a call is being written; for what happens to its frame.
    Sending = "sending",
    /// Driver: a call has been written.
    Sent = "sent",
    /// Driver: an answer has been read, and not taken to its call.
    Heard = "heard",
    /// Driver: an answer has been taken to its call.
    Answered = "answered",
    /// Driver: a worker's link is at its end, and the process not buried.
    Bury = "bury",
    /// Worker: the process has found out that it is one.
    TakeOver = "take_over",
    /// Worker: it has read what it is.
    Told = "told",
    /// Worker: it has been built, and is about to say so.
    Ready = "ready",
    /// Worker: it has taken a call, and not marked it.
    Begin = "begin",
    /// Worker: the call is marked, and its method not run.
    Begun = "begun",
    /// Worker: the method has returned, and the answer is not written.
    Done = "done",
    /// Worker: the answer is being written; for what happens to its frame.
    Answering = "answering",
    /// Worker: the answer is written.
    Replied = "replied",
    /// Worker: a method has panicked, and the worker is about to be built anew.
    Rebuild = "rebuild",
    /// Worker: it has been told to end.
    Stopping = "stopping",
    /// Worker: it has nothing more to do, and is about to be dropped.
    Leaving = "leaving",
}
