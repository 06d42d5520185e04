//! The table itself, as a macro and as data.

use crate::Kind;

/// Hands the table to a macro: `options!([path::of] context)` becomes `path::of! { context entry entry .. }`.
///
/// An entry is an option's documentation, name, [kind](crate::Kind) and, in braces:
///
/// - `methods`: whether a method's attribute may say it too, for that method alone.
/// - `default`: what holds where nobody says anything, as a function of the facts that defaults depend on, in the
///   runtime's words. `None` means that there is no such value.
/// - `unset`: how that `None` reads.
/// - `hint`: what an error adds to what is allowed.
#[macro_export]
macro_rules! options {
    ([$($to:tt)*] $($context:tt)*) => {
        $($to)*! {
            $($context)*

            /// Where the workers live; by default on threads.
            mode: Mode {
                methods: false,
                default: |_| Some(Mode::Thread),
                unset: "thread",
                hint: "",
            }

            /// How many workers there are, at least 1; on demand, how many at most. By default 1; on demand, as many as
            /// there are processors.
            max_workers: Workers {
                methods: false,
                default: |facts| Some(if facts.on_demand { cpus() } else { 1 }),
                unset: "1",
                hint: "",
            }

            /// How many tasks may be with one worker at once, at least 1; the rest wait in its queue. By default 100 in
            /// processes, 3 on Ray, and as many as there are elsewhere.
            max_queued_tasks: Count {
                methods: false,
                default: |facts| match facts.mode {
                    Mode::Process => Some(100),
                    Mode::Ray => Some(3),
                    _ => None,
                },
                unset: "unbounded",
                hint: "; leave it out for the mode's default",
            }

            /// How the worker of a call is picked; by default one after another, on demand by chance.
            load_balancing: Balancing {
                methods: false,
                default: |facts| Some(match facts.on_demand {
                    true => LoadBalancing::Random,
                    false => LoadBalancing::RoundRobin,
                }),
                unset: "round_robin",
                hint: "",
            }

            /// Makes a worker when a task comes and ends it with the task.
            on_demand: Truth {
                methods: false,
                default: |_| Some(false),
                unset: "false",
                hint: "",
            }

            /// How many deaths within `restart_window` a worker may have before it is given up; by default 3.
            max_restarts: Number {
                methods: false,
                default: |_| Some(3),
                unset: "3",
                hint: "",
            }

            /// For how long a death counts against `max_restarts`; by default 60 s.
            restart_window: Span {
                methods: false,
                default: |_| Some(Duration::from_secs(60)),
                unset: "60s",
                hint: "",
            }

            /// How long a worker rests that crashes again and again before it is of any use: nothing the first time, then
            /// this long, then twice as long each time, up to 10 s; `0s` lets it never rest. By default 100 ms.
            restart_backoff: Time {
                methods: false,
                default: |_| Some(Duration::from_millis(100)),
                unset: "100ms",
                hint: "",
            }

            /// How many calls a worker is given before it ends, in good order, and another is built in its place; at least 1.
            /// That is no death, and loses nothing. By default there is no such number.
            max_calls_per_worker: Count {
                methods: false,
                default: |_| None,
                unset: "unbounded",
                hint: "; leave it out for workers that last",
            }

            /// Above how many bytes of memory a worker process ends, in good order, after the call that it is running, and
            /// another is started in its place. Its resident set is looked at whenever it has answered a call. That is no
            /// death, and loses nothing; but what a single call takes is not bounded by it. By default there is no bound.
            max_memory: Size {
                methods: false,
                default: |_| None,
                unset: "unbounded",
                hint: "",
            }

            /// How many bytes the arguments of a call, or its result, may take on their way to a worker process or back,
            /// and the constructor's arguments likewise; at most 2 GiB, which is the default. What takes more is an error
            /// of that call alone. Where workers share the program's memory, nothing is sent and nothing is bounded.
            max_message_size: Size {
                methods: false,
                default: |_| Some(1 << 31),
                unset: "2GiB",
                hint: "",
            }

            /// How long a worker may take to come up, its start hook and its constructor included; each time that one is
            /// built. A process that takes longer is killed. A thread cannot be: it is let go of, and goes on until its
            /// constructor returns. In mode `sync` the time is looked at then. By default it may take as long as it likes.
            init_timeout: Span {
                methods: false,
                default: |_| None,
                unset: "none",
                hint: "",
            }

            /// How many calls of the pool may be unresolved at once, wherever they are; at least 1. By default there is no
            /// bound.
            max_pending: Count {
                methods: false,
                default: |_| None,
                unset: "unbounded",
                hint: "; leave it out for no bound",
            }

            /// What becomes of a call while `max_pending` are unresolved; by default its future is an error.
            on_full: Full {
                methods: false,
                default: |_| Some(OnFull::Reject),
                unset: "reject",
                hint: "",
            }

            /// How long `stop` waits for accepted work; by default 30 s.
            stop_timeout: Time {
                methods: false,
                default: |_| Some(Duration::from_secs(30)),
                unset: "30s",
                hint: "",
            }

            /// Whether the stderr of a worker process goes, as it does by default, through this one, which shows it at once
            /// and keeps the last of it for the error of the worker's death. Where it does not, the worker has this
            /// process's stderr itself; that makes a difference to what asks whether it is a terminal, and to programs that
            /// outlive this one.
            capture_stderr: Truth {
                methods: false,
                default: |_| Some(true),
                unset: "true",
                hint: "",
            }

            /// Whether what worker processes write to their stderr goes to this process's `tracing` subscriber, one event a
            /// line, instead of to its stderr; needs the feature `tracing`. Where there is no subscriber it is shown as
            /// ever. Workers that share the program's memory have the program's subscriber as it is.
            forward_logs: Truth {
                methods: false,
                default: |_| Some(false),
                unset: "false",
                hint: "",
            }

            /// Whether the constructor of a worker process runs once, in a process of its own, from which all workers of the
            /// pool are forked: they share the memory that it made, until one of them changes it. Successors of workers are
            /// forked from it too, so that the constructor is not run again. It must leave no thread behind.
            preload: Truth {
                methods: false,
                default: |_| Some(false),
                unset: "false",
                hint: "",
            }

            /// How long an attempt of a call may take from its submission, the time in queues included; by default as long
            /// as it likes.
            timeout: Span {
                methods: true,
                default: |_| None,
                unset: "none",
                hint: "",
            }

            /// How long an attempt of a call may take from the beginning of its method; by default as long as it likes.
            run_timeout: Span {
                methods: true,
                default: |_| None,
                unset: "none",
                hint: "",
            }

            /// How often a call that failed, panicked, timed out or lost its worker is tried again, by the default
            /// policy or by the one of `retry`; by default it is not.
            num_retries: Number {
                methods: true,
                default: |_| None,
                unset: "none",
                hint: "",
            }

            /// The pool's name, for statistics and errors; by default the type's.
            name: Text {
                methods: false,
                default: |_| None,
                unset: "the worker's type",
                hint: "",
            }
        }
    };
}

/// An option, as data.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name, the same everywhere.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Whether a method's attribute may say it too.
    pub methods: bool,
    /// What an error adds to what is allowed.
    pub hint: &'static str,
}

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident: $kind:ident {
        methods: $methods:literal,
        default: $default:expr,
        unset: $unset:literal,
        hint: $hint:literal,
    })*) => {
        /// Every option, in the order in which they are listed to users.
        pub const TABLE: &[Entry] = &[$(
            Entry { name: stringify!($name), kind: Kind::$kind, methods: $methods, hint: $hint },
        )*];
    };
}

options!([table]);

/// The option of this name.
pub fn entry(name: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_are_found() {
        for (position, one) in TABLE.iter().enumerate() {
            assert_eq!(TABLE.iter().position(|other| other.name == one.name), Some(position));
            assert_eq!(entry(one.name).map(|found| found.kind), Some(one.kind));
        }
        assert!(entry("modes").is_none());
        let methods: Vec<&str> = TABLE.iter().filter(|entry| entry.methods).map(|entry| entry.name).collect();
        assert_eq!(methods, ["timeout", "run_timeout", "num_retries"]);
    }
}
