//! With the feature `tracing` there is a span around each run of a method, below the one in which the call was made, and an
//! event of what goes wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, Once};
use std::time::Duration;

use concurry::prelude::*;
use concurry::{Error, Retry};
use concurry_tests::{Gate, Soon, Watched, Way, all_ok, apart, eventually, eventually_is, modes};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber, info_span};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

type Fields = BTreeMap<String, String>;

#[derive(Clone, Debug, Default)]
struct Span {
    name: String,
    fields: Fields,
    parent: Option<usize>,
    entered: usize,
    closed: bool,
}

#[derive(Clone, Debug, Default)]
struct Said {
    level: String,
    target: String,
    fields: Fields,
    span: Option<usize>,
}

/// All that this program's calls were told of.
#[derive(Debug, Default)]
struct Heard {
    spans: Vec<Span>,
    events: Vec<Said>,
}

static HEARD: Mutex<Heard> = Mutex::new(Heard { spans: Vec::new(), events: Vec::new() });

fn heard() -> MutexGuard<'static, Heard> {
    HEARD.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

struct Ear;

/// The place of a span in what was heard; numbers of spans come again.
struct Place(usize);

struct Reads<'a>(&'a mut Fields);

impl Visit for Reads<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

fn place<S: Subscriber + for<'a> LookupSpan<'a>>(context: &Context<'_, S>, id: &Id) -> usize {
    context.span(id).unwrap().extensions().get::<Place>().unwrap().0
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Ear {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let parent = span.parent().map(|parent| parent.extensions().get::<Place>().unwrap().0);
        let mut new = Span { name: span.name().to_owned(), parent, ..Span::default() };
        attributes.record(&mut Reads(&mut new.fields));
        let mut heard = heard();
        heard.spans.push(new);
        span.extensions_mut().insert(Place(heard.spans.len() - 1));
    }
    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let place = place(&context, id);
        values.record(&mut Reads(&mut heard().spans[place].fields));
    }
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let span = context.event_span(event).map(|span| span.extensions().get::<Place>().unwrap().0);
        let metadata = event.metadata();
        let (level, target) = (metadata.level().to_string(), metadata.target().to_owned());
        let mut said = Said { level, target, span, ..Said::default() };
        event.record(&mut Reads(&mut said.fields));
        heard().events.push(said);
    }
    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let place = place(&context, id);
        heard().spans[place].entered += 1;
    }
    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let place = place(&context, &id);
        let before = std::mem::replace(&mut heard().spans[place].closed, true);
        assert!(!before);
    }
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Ear)).unwrap();
    });
}

/// The spans of the calls of a pool, with their places.
fn calls(pool: &str) -> Vec<(usize, Span)> {
    let heard = heard();
    let of = |span: &Span| span.name == "call" && span.fields.get("pool").is_some_and(|name| name == pool);
    heard.spans.iter().cloned().enumerate().filter(|(_, span)| of(span)).collect()
}

/// The events of a pool that say this.
fn said(pool: &str, message: &str) -> Vec<Said> {
    let of =
        |said: &&Said| said.fields.get("pool").is_some_and(|name| name == pool) && said.fields["message"] == message;
    heard().events.iter().filter(of).cloned().collect()
}

/// Looks until the calls of a pool have had so many spans. One that goes to a process is told of by whoever gets to it, who
/// may be later than the answer.
#[track_caller]
fn all_closed(pool: &str, spans: usize) {
    eventually_is(pool, (spans, true), || {
        let calls = calls(pool);
        (calls.len(), calls.iter().all(|(_, span)| span.closed))
    });
}

/// Where the span of the test of this name is.
fn request(name: &str) -> usize {
    heard().spans.iter().position(|span| span.name == "request" && span.fields["name"] == name).unwrap()
}

/// Says something from inside a method.
#[derive(Default)]
struct Speaker;

#[worker]
impl Speaker {
    pub fn speak(&self, pool: &str) {
        tracing::info!(pool, "from inside");
    }

    pub async fn speak_later(&self, pool: String) {
        std::future::ready(()).await;
        tracing::info!(pool, "from inside");
    }
}

#[test]
fn each_run_has_a_span_below_the_one_in_which_it_was_called() {
    listen();
    for mode in modes() {
        let name = format!("runs-{mode}");
        let pool = Watched::options().mode(mode).name(&*name).init().unwrap();
        info_span!("request", name).in_scope(|| {
            all_ok((0..20).map(|x| pool.fine(x)));
            pool.fails().soon().unwrap_err();
            pool.ends(Way::Panic).soon().unwrap_err();
        });
        pool.later(1).soon().unwrap();
        pool.stop().unwrap();
        all_closed(&name, 23);
        let (calls, request) = (calls(&name), request(&name));
        let below = calls.iter().filter(|(_, span)| span.parent == Some(request)).count();
        let alone = calls.iter().filter(|(_, span)| span.parent.is_none()).count();
        assert_eq!((below, alone, calls.len()), (22, 1, 23), "{mode}");
        for (_, span) in &calls {
            let field = |name: &str| span.fields[name].as_str();
            assert_eq!((field("worker"), field("attempt"), field("mode")), ("0", "1", &*mode.to_string()));
            // It is around the method where that is in this process.
            assert_eq!(span.entered > 0, mode != Mode::Process, "{mode}: {span:?}");
        }
        let count = |method: &str| calls.iter().filter(|(_, span)| span.fields["method"] == method).count();
        assert_eq!((count("fine"), count("fails"), count("ends"), count("later")), (20, 1, 1, 1), "{mode}");
        assert_eq!(said(&name, "call lost").len(), 1, "{mode}");
    }
}

#[test]
fn what_a_method_says_is_inside_its_span() {
    listen();
    for mode in [Mode::Sync, Mode::Thread, Mode::Async] {
        let name = format!("inside-{mode}");
        let pool = Speaker::options().mode(mode).name(&*name).init().unwrap();
        pool.speak(&*name).soon().unwrap();
        pool.speak_later(name.clone()).soon().unwrap();
        pool.stop().unwrap();
        let places: Vec<_> = calls(&name).iter().map(|(place, _)| Some(*place)).collect();
        let spans: Vec<_> = said(&name, "from inside").iter().map(|said| said.span).collect();
        assert_eq!((places.len(), spans), (2, places), "{mode}");
    }
}

#[test]
fn attempts_have_spans_of_their_own_and_retries_are_told() {
    listen();
    for mode in modes() {
        let name = format!("attempts-{mode}");
        let retry = Retry::fixed().num_retries(2).wait(Duration::from_millis(1));
        let pool = Watched::options().mode(mode).name(&*name).retry(retry).init().unwrap();
        info_span!("request", name).in_scope(|| {
            assert_eq!(pool.fails_until(3).soon().unwrap(), 3);
            pool.fails().soon().unwrap_err();
        });
        pool.stop().unwrap();
        let request = request(&name);
        let is = |span: Option<usize>| {
            let heard = heard();
            let fields = &heard.spans[span.unwrap()].fields;
            format!("{} {}", fields["method"], fields["attempt"])
        };
        let sorted = |spans: Vec<Option<usize>>| {
            let mut names: Vec<String> = spans.into_iter().map(is).collect();
            names.sort();
            names
        };
        all_closed(&name, 6);
        let calls = calls(&name);
        assert!(calls.iter().all(|(_, span)| span.parent == Some(request)), "{mode}: {calls:?}");
        let attempts = sorted(calls.iter().map(|(place, _)| Some(*place)).collect());
        let expected = ["fails 1", "fails 2", "fails 3", "fails_until 1", "fails_until 2", "fails_until 3"];
        assert_eq!(attempts, expected, "{mode}");
        eventually("the last is told", || said(&name, "call given up").len() == 1);
        let told = |what: &str| sorted(said(&name, what).iter().map(|said| said.span).collect());
        assert_eq!(told("call retried"), ["fails 1", "fails 2", "fails_until 1", "fails_until 2"], "{mode}");
        assert_eq!(told("call given up"), ["fails 3"], "{mode}");
    }
}

#[test]
fn deaths_restarts_and_timeouts_are_told() {
    listen();
    let pool = Watched::options().mode(Mode::Process).name("ends").init().unwrap();
    info_span!("request", name = "ends").in_scope(|| {
        assert!(matches!(pool.ends(Way::Abort).soon().unwrap_err(), Error::WorkerDied { .. }));
    });
    all_ok((0..3).map(|x| pool.fine(x)));
    pool.stop().unwrap();
    let died = said("ends", "worker died");
    assert_eq!((died.len(), &*died[0].level), (1, "WARN"));
    assert!(died[0].fields["status"].contains("SIGABRT"), "{died:?}");
    assert_eq!(said("ends", "worker restarted").len(), 1);
    all_closed("ends", 4);
    eventually("it is told", || said("ends", "call lost").len() == 1);
    let (calls, lost) = (calls("ends"), said("ends", "call lost"));
    let (place, ends) = calls.iter().find(|(_, span)| span.fields["method"] == "ends").unwrap();
    assert_eq!((calls.len(), ends.parent, lost[0].span), (4, Some(request("ends")), Some(*place)));

    for mode in apart() {
        let (name, gate) = (format!("late-{mode}"), Gate::new());
        let pool = Watched::options().mode(mode).name(&*name).run_timeout(Duration::from_millis(5)).init().unwrap();
        let late = info_span!("request", name).in_scope(|| pool.stays(gate.door()));
        assert!(matches!(late.soon().unwrap_err(), Error::TimedOut { .. }));
        drop(gate);
        pool.stop().unwrap();
        all_closed(&name, 1);
        eventually("it is told", || said(&name, "call timed out").len() == 1);
        let (calls, late) = (self::calls(&name), said(&name, "call timed out"));
        assert_eq!((calls.len(), late.len(), late[0].span), (1, 1, Some(calls[0].0)), "{mode}");
        assert_eq!(calls[0].1.parent, Some(request(&name)), "{mode}");
    }
}

#[test]
fn what_never_begins_has_no_span() {
    listen();
    for mode in apart() {
        let (name, gate) = (format!("never-{mode}"), Gate::new());
        let pool = Watched::options().mode(mode).max_queued_tasks(1).name(&*name).init().unwrap();
        let stays = pool.stays(gate.door());
        let visitor = gate.visitor();
        let waits: Vec<_> = (0..3).map(|x| pool.fine(x)).collect();
        assert!(waits[0].cancel());
        visitor.pass("go");
        stays.soon().unwrap();
        pool.stop().unwrap();
        all_closed(&name, 3);
        let mut methods: Vec<_> = calls(&name).iter().map(|(_, span)| span.fields["method"].clone()).collect();
        methods.sort();
        assert_eq!(methods, ["fine", "fine", "stays"], "{mode}");
    }
}

#[task(mode = "thread", max_workers = 2, name = "chunked")]
fn small(x: u64) -> u64 {
    x + 1
}

#[test]
fn calls_in_chunks_have_a_span_a_chunk() {
    listen();
    let sum: u64 = info_span!("request", name = "chunked").in_scope(|| small::map(0..10_000).map(Result::unwrap).sum());
    assert_eq!(sum, 10_000 * 10_001 / 2);
    small::stop().unwrap();
    let request = request("chunked");
    let heard = heard();
    let own = |span: &&Span| span.name == "chunk" && span.fields["pool"] == "chunked" && span.fields["calls"] != "0";
    let chunks: Vec<_> = heard.spans.iter().filter(own).collect();
    assert_eq!(chunks.iter().map(|span| span.fields["calls"].parse::<u64>().unwrap()).sum::<u64>(), 10_000);
    assert!(chunks.iter().all(|span| span.parent == Some(request) && span.closed && span.fields["failed"] == "0"));
}

#[test]
fn what_workers_write_to_stderr_becomes_events() {
    listen();
    let pool = Watched::options().mode(Mode::Process).name("logs").forward_logs(true).init().unwrap();
    pool.says("2026-01-01T00:00:00Z  WARN app: in two ").soon().unwrap();
    pool.says("parts\n\nplain\nno end").soon().unwrap();
    let pid = pool.stats().workers[0].pid;
    pool.stop().unwrap();
    let all = || {
        let of = |said: &&Said| said.target == "concurry::worker" && said.fields["pool"] == "logs";
        let lines = heard().events.iter().filter(of).cloned().collect::<Vec<_>>();
        lines
            .iter()
            .map(|said| format!("{} {} {}", said.level, said.fields["worker"], said.fields["message"]))
            .collect()
    };
    let lines: Vec<String> = all();
    assert_eq!(
        lines,
        ["WARN 0 2026-01-01T00:00:00Z  WARN app: in two parts", "INFO 0 plain", "INFO 0 no end"],
        "of process {pid:?}"
    );
    let error = Watched::options().mode(Mode::Process).forward_logs(true).capture_stderr(false).init().unwrap_err();
    assert!(matches!(error, Error::Config { .. }) && error.to_string().contains("capture_stderr"), "{error}");
    eventually("it is what it was", || all().len() == 3);
}
