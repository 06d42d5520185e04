//! The options of the attributes: their names, where each may stand, how a list of them is read. Spans are kept.

use concurry_options::{Entry as Row, TABLE, entry as row, names};
use proc_macro2::Span;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Ident, Path, Token};

use crate::diagnostics::{Diagnostics, Problem};
use crate::value::{self, Value};

/// Where an attribute stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Block,
    Type,
    Task,
    Method,
    Param,
}

use Place::{Block, Method, Param, Task, Type};

/// Where an option of the shared table may stand; all of these are about how a pool runs.
const POOLS: &[Place] = &[Block, Type, Task];
/// The same for one that a method may have of its own.
const METHODS: &[Place] = &[Block, Type, Task, Method];

/// The options that are about code, and where each may stand.
const OURS: &[(&str, &[Place])] = &[
    ("codec", &[Block, Task]),
    ("local", &[Block, Task]),
    ("crate", &[Block, Type, Task]),
    ("client", &[Block]),
    ("options", &[Block]),
    ("message", &[Block]),
    ("result", &[Task, Method]),
    ("value", &[Task, Method]),
    ("init", &[Method]),
    ("skip", &[Method]),
    ("context", &[Param]),
];

/// Every option, and where it may stand.
pub(crate) fn known() -> impl Iterator<Item = (&'static str, &'static [Place])> {
    let shared = TABLE.iter().map(|row| (row.name, if row.methods { METHODS } else { POOLS }));
    shared.chain(OURS.iter().copied())
}

/// What is said of the options of the shared table.
#[derive(Clone, Default)]
pub(crate) struct Said(Vec<(&'static Row, Value)>);

impl Said {
    /// What is said of the option of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(row, _)| row.name == name).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(row, value)| (row.name, value))
    }

    fn set(&mut self, row: &'static Row, entry: &Entry) -> syn::Result<()> {
        let value = value::of(row, entry)?;
        self.0.retain(|(said, _)| said.name != row.name);
        self.0.push((row, value));
        Ok(())
    }
}

/// What the attribute of a block, a type or a task says.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) said: Said,
    pub(crate) msgpack: bool,
    pub(crate) local: bool,
    pub(crate) facade: Option<Path>,
    pub(crate) client: Option<Ident>,
    pub(crate) options: Option<Ident>,
    pub(crate) message: Option<Ident>,
    pub(crate) result: bool,
    pub(crate) value: bool,
}

/// What the attributes of a function say.
#[derive(Clone, Default)]
pub(crate) struct MethodOptions {
    pub(crate) init: Option<Span>,
    pub(crate) skip: bool,
    pub(crate) result: bool,
    pub(crate) value: bool,
    pub(crate) said: Said,
    /// The first option that only a worker method can have.
    pub(crate) for_methods: Option<Ident>,
}

/// One `name` or `name = value` of a list.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: Ident,
    pub(crate) value: Option<Expr>,
    pub(crate) place: Place,
}

impl Entry {
    pub(crate) fn name(&self) -> String {
        crate::model::plain(&self.key)
    }
}

/// The entries of a list that may stand at `place`; all others are complaints.
pub(crate) fn entries(tokens: proc_macro2::TokenStream, place: Place, diagnostics: &mut Diagnostics) -> Vec<Entry> {
    let mut entries = Vec::<Entry>::new();
    let mut read = Vec::new();
    // What was read before an error is looked at all the same.
    let parsed = (|input: ParseStream<'_>| list(input, place, &mut read, diagnostics)).parse2(tokens);
    for entry in read {
        let name = entry.name();
        match known().find(|(known, _)| *known == name) {
            None => diagnostics.at(&entry.key, unknown(&name, place)),
            Some((known, places)) if !places.contains(&place) => {
                diagnostics.at(&entry.key, misplaced(known, places, place))
            }
            Some(_) if entries.iter().any(|other| other.name() == name) => {
                diagnostics.at(&entry.key, Problem::Doubled { name });
            }
            Some(_) => entries.push(entry),
        }
    }
    if let Err(error) = parsed {
        diagnostics.add(error);
    }
    entries
}

fn list(
    input: ParseStream<'_>,
    place: Place,
    entries: &mut Vec<Entry>,
    diagnostics: &mut Diagnostics,
) -> syn::Result<()> {
    let syntax = |error: syn::Error| syn::Error::new(error.span(), Problem::Syntax);
    while !input.is_empty() {
        let key = input.call(Ident::parse_any).map_err(syntax)?;
        if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            // A value that is not there is complained of with an example of one.
            let missing = input.is_empty() || input.peek(Token![,]);
            let value = if missing { None } else { Some(input.parse::<Expr>().map_err(syntax)?) };
            entries.push(Entry { key, value, place });
        } else if input.peek(Token![:]) || input.peek(syn::token::Paren) {
            let value: Expr = if input.peek(Token![:]) {
                input.parse::<Token![:]>()?;
                input.parse().map_err(syntax)?
            } else {
                let content;
                syn::parenthesized!(content in input);
                content.parse().map_err(syntax)?
            };
            let problem = Problem::Equals { name: crate::model::plain(&key), value: value::compact(&value) };
            diagnostics.at(key, problem);
        } else {
            entries.push(Entry { key, value: None, place });
        }
        if !input.is_empty() && input.parse::<Token![,]>().is_err() {
            return Err(input.error(Problem::Syntax));
        }
    }
    Ok(())
}

/// Whether a list begins with what only a function of a `#[worker]` block can bear.
pub(crate) fn marks_a_method(tokens: &proc_macro2::TokenStream) -> bool {
    let first = tokens.clone().into_iter().next().map(|token| token.to_string());
    known()
        .any(|(known, places)| matches!(places, [.., Method]) && places.len() <= 2 && first.as_deref() == Some(known))
}

/// What other libraries call what is an option here.
const ELSEWHERE: &[(&str, &[&str])] = &[
    (
        "max_workers",
        &["workers", "num_workers", "n_workers", "threads", "processes", "pool_size", "size", "parallelism"],
    ),
    ("max_queued_tasks", &["queue", "queue_size", "queue_depth", "prefetch", "in_flight"]),
    ("max_pending", &["capacity", "bound", "backlog"]),
    ("load_balancing", &["balancing", "balancer", "strategy", "scheduling"]),
    ("num_retries", &["retries", "max_retries", "attempts", "max_attempts"]),
    ("restart_backoff", &["backoff", "restart_delay"]),
    ("max_memory", &["memory", "memory_limit"]),
    ("timeout", &["deadline", "call_timeout"]),
    ("mode", &["kind", "backend", "executor", "runtime"]),
    ("on_demand", &["lazy", "dynamic"]),
    ("codec", &["serde", "format", "encoding"]),
    ("init", &["new", "constructor"]),
    ("skip", &["ignore", "private"]),
    ("context", &["ctx"]),
];

/// What only the builder takes, since it is no literal: how it is said there, and what of it an attribute can say.
const BUILDERS: &[(&str, &str, &str)] = &[
    ("retry", ".retry(Retry::exponential())", "; `num_retries = 3` is what the attribute can say of it"),
    (
        "retry_method",
        ".retry_method(\"name\", Retry::fixed())",
        "; `#[worker(num_retries = 3)]` on the method is the short form",
    ),
    ("limits", ".limits(LimitSet::new().calls(500, Window::Minutely))", ""),
    ("limits_per_worker", ".limits_per_worker(LimitSet::new().resource(\"db\", 1))", ""),
    ("on_worker_start", ".on_worker_start(function)", ""),
];

fn unknown(name: &str, place: Place) -> Problem {
    if let Some((_, call, instead)) = BUILDERS.iter().find(|(only, _, _)| *only == name) {
        return Problem::ForTheBuilder { name: name.to_owned(), call, instead };
    }
    let known: Vec<&'static str> =
        known().filter(|(_, places)| places.contains(&place)).map(|(known, _)| known).collect();
    let elsewhere = ELSEWHERE.iter().find(|(ours, theirs)| known.contains(ours) && theirs.contains(&name));
    let nearest = elsewhere.map(|(ours, _)| *ours).or_else(|| names::nearest(name, known.iter().copied()));
    let nearest = nearest.map(str::to_owned);
    Problem::Unknown { what: "option", name: name.to_owned(), nearest, known }
}

fn misplaced(name: &str, places: &[Place], place: Place) -> Problem {
    let remedy = match places {
        [Param] => "it marks a parameter",
        [.., Method] if place == Param => "put it on the method",
        [Method] => "it marks a function of a `#[worker]` block",
        [Block] | [Block, Task] => "put it on the `impl` block's attribute",
        [Task, Method] => "put it on the method or the task",
        _ => "put it on the block's attribute",
    };
    let place = match place {
        Block => "an `impl` block",
        Type => "a type, where the pools' default options stand",
        Task => "a task",
        Method => "a method",
        Param => "a parameter",
    };
    Problem::Misplaced { name: name.to_owned(), place, remedy }
}

impl Options {
    /// Reads the list of a block, a type or a task.
    pub(crate) fn read(tokens: proc_macro2::TokenStream, place: Place, diagnostics: &mut Diagnostics) -> Self {
        let mut options = Options::default();
        let entries = entries(tokens, place, diagnostics);
        for entry in &entries {
            options.set(entry, diagnostics);
        }
        options.combine(&entries, diagnostics);
        options
    }

    fn set(&mut self, entry: &Entry, diagnostics: &mut Diagnostics) {
        let name = entry.name();
        if let Some(row) = row(&name) {
            if let Err(error) = self.said.set(row, entry) {
                diagnostics.add(error);
            }
            return;
        }
        let done = match name.as_str() {
            "codec" => value::word(entry, value::CODECS).map(|codec| self.msgpack = codec == "MsgPack"),
            "local" => value::flag(entry).map(|()| self.local = true),
            "result" => value::flag(entry).map(|()| self.result = true),
            "value" => value::flag(entry).map(|()| self.value = true),
            "crate" => value::path(entry).map(|path| self.facade = Some(path)),
            "client" => value::ident(entry).map(|ident| self.client = Some(ident)),
            "options" => value::ident(entry).map(|ident| self.options = Some(ident)),
            _ => value::ident(entry).map(|ident| self.message = Some(ident)),
        };
        if let Err(error) = done {
            diagnostics.add(error);
        }
    }

    /// What does not go together.
    fn combine(&self, entries: &[Entry], diagnostics: &mut Diagnostics) {
        let mut both = |first: &'static str, second: &'static str, at: &str, why: &'static str| {
            if let Some(entry) = entries.iter().find(|entry| entry.name() == at) {
                let cause = entry.value.as_ref().map_or(entry.key.to_token_stream(), ToTokens::to_token_stream);
                diagnostics.at(cause, Problem::Contradiction { first, second, why });
            }
        };
        if matches!(self.said.get("mode"), Some(Value::Mode("Sync"))) {
            if matches!(self.said.get("max_workers"), Some(Value::Count(2..))) {
                both(
                    "mode = \"sync\"",
                    "max_workers",
                    "max_workers",
                    "the caller's thread is one worker; leave `max_workers` out, or use mode \"thread\"",
                );
            }
            if matches!(self.said.get("on_demand"), Some(Value::Truth(true))) {
                both(
                    "mode = \"sync\"",
                    "on_demand",
                    "on_demand",
                    "the caller's thread is always there; leave `on_demand` out, or use mode \"thread\"",
                );
            }
        }
        if self.local && matches!(self.said.get("mode"), Some(Value::Mode("Process" | "Ray"))) {
            both(
                "local",
                "mode",
                "mode",
                "the messages of a local worker cannot leave this process; use mode \"sync\", \"thread\" or \"async\", or drop `local`",
            );
        }
        if self.local {
            both("local", "codec", "codec", "a local worker's messages are never encoded; keep one of them");
        }
        if self.result && self.value {
            both("result", "value", "value", "a function returns either a result or a plain value; keep one of them");
        }
    }
}

impl MethodOptions {
    /// Adds what one attribute of a function says.
    pub(crate) fn add(&mut self, entries: &[Entry], diagnostics: &mut Diagnostics) {
        for entry in entries {
            let name = entry.name();
            let done = match name.as_str() {
                "init" => value::flag(entry).map(|()| self.init = Some(entry.key.span())),
                "skip" => value::flag(entry).map(|()| self.skip = true),
                "result" => value::flag(entry).map(|()| self.result = true),
                "value" => value::flag(entry).map(|()| self.value = true),
                _ => row(&name).map_or(Ok(()), |row| self.said.set(row, entry)),
            };
            if row(&name).is_some() && self.for_methods.is_none() {
                self.for_methods = Some(entry.key.clone());
            }
            if let Err(error) = done {
                diagnostics.add(error);
            }
            let clash = match name.as_str() {
                "result" | "value" if self.result && self.value => {
                    Some(("result", "value", "a method returns either a result or a plain value; keep one of them"))
                }
                "init" | "skip" if self.init.is_some() && self.skip => {
                    Some(("init", "skip", "a constructor cannot be left out; keep one of them"))
                }
                _ => None,
            };
            if let Some((first, second, why)) = clash {
                diagnostics.at(&entry.key, Problem::Contradiction { first, second, why });
            }
        }
    }
}
