//! Every rule, and that each mistake is one error.

use super::{errors, functions, items, task, types, worker};

/// The errors of a block of this type, of which the functions are given.
fn block(functions: &str) -> Vec<String> {
    errors(&worker("", &format!("impl Counter {{ {functions} }}")))
}

/// Asserts that there are these errors, in this order, and no others.
#[track_caller]
fn expect(errors: &[String], expected: &[&str]) {
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    }
}

#[test]
fn methods_that_cannot_be_called_by_a_message() {
    for (function, error) in [
        ("pub fn f(self) {}", "by value"),
        ("pub fn f(mut self) {}", "by value"),
        ("pub fn f(self: Box<Self>) {}", "by value"),
        ("pub fn f(self: std::sync::Arc<Self>) {}", "by value"),
        ("pub fn f<T>(&self, x: T) {}", "cannot be generic"),
        ("pub fn f<const N: usize>(&self) {}", "cannot be generic"),
        ("pub unsafe fn f(&self) {}", "cannot be `unsafe`"),
        ("pub extern \"C\" fn f(&self) {}", "cannot be `extern`"),
        ("pub fn options(&self) {}", "generates a function `options`"),
        ("pub fn clone(&self) {}", "cannot be called `clone`"),
        ("pub fn deref(&self) {}", "cannot be called `deref`"),
        ("pub fn into(&self) {}", "cannot be called `into`"),
        ("pub fn try_into(&self) {}", "cannot be called `try_into`"),
        ("pub fn r#clone(&self) {}", "cannot be called `clone`"),
        ("#[task] pub fn f(&self) {}", "a task is a free function"),
        ("#[worker] pub fn f(&self) {}", "says nothing"),
        ("#[worker()] pub fn f(&self) {}", "says nothing"),
        ("#[worker(result, value)] pub fn f(&self) {}", "contradict"),
        ("#[worker(timout = \"5s\")] pub fn f(&self) {}", "did you mean `timeout`?"),
        ("#[worker(deadline = \"5s\")] pub fn f(&self) {}", "did you mean `timeout`?"),
        ("#[worker(retry = 3)] pub fn f(&self) {}", "is for the builder"),
        ("pub fn f(&self, c: CallContext) {}", "is lent"),
        ("pub fn f(&self, c: &mut CallContext) {}", "is lent"),
    ] {
        expect(&block(function), &[error]);
    }
}

#[test]
fn types_that_cannot_travel() {
    for (ty, error) in [
        ("impl Fn()", "`Box<dyn Fn() + Send>`"),
        ("impl ToString + Send", "write the type out"),
        ("&impl ToString", "write the type out"),
        ("Vec<impl ToString>", "write the type out"),
        ("&mut u8", "cannot be `&mut`"),
        ("&'static mut u8", "cannot be `&mut`"),
        ("&dyn Display", "a borrowed trait object"),
        ("&'static str", "a `'static` borrow"),
        ("&'static [u8]", "a `'static` borrow"),
        ("Rc<u8>", "an `Rc` cannot go"),
        ("&[std::rc::Rc<u8>]", "an `Rc` cannot go"),
        ("Option<*const u8>", "a raw pointer cannot go"),
        ("Box<dyn Fn()>", "a `dyn Fn` without"),
        ("Option<&str>", "a borrow inside"),
        ("(u8, &[u8])", "a borrow inside"),
        ("&[&str]", "a borrow inside"),
        ("&&str", "a borrow inside"),
        ("Cow<'_, str>", "a borrow inside"),
        ("Option<&'static str>", "a borrow inside"),
        ("Box<dyn Fn(u8) + '_>", "a borrow inside"),
    ] {
        expect(&block(&format!("pub fn f(&self, x: {ty}) {{}}")), &[error]);
        expect(&errors(&task("", &format!("fn f(x: {ty}) {{}}"))), &[error]);
        expect(&block(&format!("pub fn new(x: {ty}) -> Self {{}} pub fn f(&self) {{}}")), &[error]);
    }
    for (ty, error) in [
        ("&str", "cannot borrow from the worker"),
        ("Option<&u8>", "cannot borrow from the worker"),
        ("Result<&u8, String>", "cannot borrow from the worker"),
        ("Result<u8, &str>", "cannot borrow from the worker"),
        ("Cow<'_, str>", "cannot borrow from the worker"),
        ("&'static str", "a `'static` borrow cannot travel as a result"),
        ("Result<&'static str, String>", "a `'static` borrow cannot travel as a result"),
        ("impl Iterator<Item = u8>", "cannot be an `impl Trait`"),
        ("Box<impl Fn()>", "cannot be an `impl Trait`"),
        ("!", "never returns"),
    ] {
        expect(&block(&format!("pub fn f(&self) -> {ty} {{}}")), &[error]);
        expect(&errors(&task("", &format!("fn f() -> {ty} {{}}"))), &[error]);
    }
}

#[test]
fn types_that_can_travel() {
    for ty in [
        "&str",
        "&[u8]",
        "&Path",
        "&Option<Vec<u8>>",
        "&'a str",
        "(u8, [u8; 4])",
        "Box<dyn Fn(&u8) -> &u8 + Send>",
        "fn(&str) -> &str",
        "Box<dyn for<'b> Fn(&'b str) -> &'b str + Send>",
        "Cow<'static, str>",
        "PhantomData<fn(&u8)>",
        "&CallContext",
        "<T as Trait>::Item",
        "Self",
        "Option<Self>",
        "[u8; Self::N]",
        "my::Result<u8>",
        "&(dyn_like, u8)",
    ] {
        expect(&block(&format!("pub fn f<'a>(&self, x: {ty}) {{}}")), &[]);
    }
    for ty in [
        "Result<u8, &'static str>",
        "io::Result<u8>",
        "()",
        "Result<(), Box<dyn Error + Send + Sync>>",
        "Cow<'static, str>",
    ] {
        expect(&block(&format!("pub fn f(&self) -> {ty} {{}}")), &[]);
    }
    for (ty, local) in
        [("&'static str", true), ("&'static [u8]", true), ("Option<&'static str>", true), ("Option<&str>", false)]
    {
        let errors = errors(&worker("local", &format!("impl A {{ pub fn f(&self, x: {ty}) -> {ty} {{}} }}")));
        assert_eq!(errors.is_empty(), local, "{ty}: {errors:?}");
    }
}

#[test]
fn constructors() {
    for (functions, error) in [
        ("#[worker(init)] fn a() -> Self {} #[worker(init)] fn b() -> Self {}", "one constructor"),
        ("pub fn new() -> Option<Self> {}", "must return `Self`"),
        ("pub fn new() {}", "must return `Self`"),
        ("#[worker(init)] pub fn make() -> Box<Self> {}", "must return `Self`"),
        ("#[worker(init)] pub fn make(&self) -> Self {}", "takes no `self`"),
        ("pub fn new(context: &CallContext) -> Self {}", "outside any call"),
        ("#[cfg(unix)] pub fn new() -> Self {}", "under a condition"),
        ("pub fn new<T>() -> Self {}", "cannot be generic"),
        ("pub unsafe fn new() -> Self {}", "cannot be `unsafe`"),
        ("#[worker(init, skip)] pub fn make() -> Self {}", "contradict"),
        ("#[worker(init, timeout = \"5s\")] pub fn make() -> Self {}", "`timeout` is for worker methods"),
        ("pub fn init() -> Self {}", "generates a function `init`"),
    ] {
        expect(&block(&format!("{functions} pub fn f(&self) {{}}")), &[error]);
    }
    for functions in [
        "pub fn new() -> Self {}",
        "fn new() -> Counter {}",
        "pub async fn new() -> Result<Self, String> {}",
        "pub fn new() -> anyhow::Result<Self> {}",
        "#[worker(init, result)] pub fn make() -> Made {}",
        "#[worker(init, value)] pub fn make() -> Alias {}",
        "#[worker(init)] pub fn make() -> Self {} pub fn new() -> Option<Self> {}",
        "#[worker(skip)] pub fn new() -> Option<Self> {}",
        "pub fn new(&self) -> u8 {}",
    ] {
        expect(&block(&format!("{functions} pub fn f(&self) {{}}")), &[]);
    }
}

#[test]
fn blocks() {
    let empty =
        ["", "fn f(&self) {}", "pub(self) fn f(&self) {}", "pub fn f() {}", "#[worker(skip)] pub fn f(&self) {}"];
    for functions in empty {
        expect(&block(functions), &["no worker methods"]);
    }
    expect(
        &block("pub fn a1(&self) {} pub fn a_1(&self) {}"),
        &["`a_1` and `a1` would both be the message variant `A1`"],
    );
    expect(&block("#[cfg(a)] pub fn a(&self) {} #[cfg(not(a))] pub fn a(&self) {}"), &[]);
    expect(&block("#[worker(timeout = \"1s\")] fn a(&self) {} pub fn b(&self) {}"), &["a private method is none"]);
    expect(&block("#[worker(num_retries = 1)] pub fn a() {} pub fn b(&self) {}"), &["without `self` is none"]);
    expect(&block("#[worker(skip)] pub const A: u8 = 1; pub fn b(&self) {}"), &["marks its functions"]);
    for (item, error) in [
        ("impl Clone for Counter { fn clone(&self) -> Self {} }", "a trait's methods"),
        ("impl<'a> Counter<'a> { pub fn f(&self) {} }", "cannot borrow"),
        ("impl Counter<'_> { pub fn f(&self) {} }", "cannot borrow"),
        ("impl dyn Any { pub fn f(&self) {} }", "a named type"),
        ("#[worker] impl Counter { pub fn f(&self) {} }", "twice"),
        ("#[worker(local)] struct Counter;", "twice"),
        ("fn f() {}", "write `#[task]`"),
        ("fn f(&self) {}", "put `#[worker]` on the whole block"),
        ("trait A {}", "not on a trait"),
        ("mod a {}", "not on a module"),
        ("type A = u8;", "not on a type alias"),
        ("use a::b;", "not on a `use`"),
        ("const A: u8 = 1;", "not on a constant"),
        ("static A: u8 = 1;", "not on a constant"),
        ("macro_rules! a { () => {} }", "not on this item"),
    ] {
        expect(&errors(&worker("", item)), &[error]);
    }
    expect(&errors(&worker("init", "fn f() -> Self {}")), &["put `#[worker]` on the whole block"]);
}

#[test]
fn tasks() {
    for (item, error) in [
        ("impl A { fn f(&self) {} }", "put `#[worker]` there"),
        ("struct A;", "not on a type"),
        ("trait A {}", "not on a trait"),
        ("mod a {}", "not on a module"),
        ("const A: u8 = 1;", "not on this item"),
        ("fn f(&self) {}", "takes no `self`"),
        ("fn f<T>(x: T) {}", "a task cannot be generic"),
        ("unsafe fn f() {}", "a task cannot be `unsafe`"),
        ("extern \"C\" fn f() {}", "a task cannot be `extern`"),
        ("fn f(a: &CallContext, b: &CallContext) {}", "one context"),
        ("fn f(#[cfg(unix)] a: u8) {}", "under a condition"),
        ("#[task] fn f() {}", "twice"),
    ] {
        expect(&errors(&task("", item)), &[error]);
    }
    expect(&errors(&task("init", "fn f() {}")), &["`init` has no meaning on a task"]);
    expect(&errors(&task("mode = \"proces\"", "fn f() {}")), &["did you mean \"process\"?"]);
}

#[test]
fn options() {
    for (attr, error) in [
        ("max_workers = 0", "from 1 to 65536"),
        ("max_workers = 65537", "from 1 to 65536"),
        ("max_workers = -1", "`max_workers = -1` cannot be"),
        ("max_workers = \"4\"", "without quotes"),
        ("max_workers = 99999999999999999999", "from 1 to 65536"),
        ("max_workers", "needs a value: `max_workers = 4`"),
        ("max_workers = ", "needs a value: `max_workers = 4`"),
        ("max_workers(4)", "write `max_workers = 4`"),
        ("max_workers: 4", "write `max_workers = 4`"),
        ("max_queued_tasks = 0", "from 1"),
        ("max_restarts = 1.5", "from 0 to 4294967295"),
        ("mode = \"thraed\"", "did you mean \"thread\"?"),
        ("mode = Mode::Process", "did you mean \"process\"?"),
        ("mode = 5", "one of \"sync\""),
        ("load_balancing = \"least\"", "\"least_active\""),
        ("on_demand = \"yes\"", "`true` or `false`"),
        ("stop_timeout = 30", "a time in quotes"),
        ("timeout = \"0s\"", "longer than nothing"),
        ("name = \" \"", "not empty"),
        ("max_calls_per_worker = 0", "from 1"),
        ("max_pending = 0", "from 1"),
        ("on_full = \"blok\"", "did you mean \"block\"?"),
        ("on_full", "needs a value: `on_full = \"block\"`"),
        ("max_memory = 512", "a size in quotes"),
        ("max_memory = \"0MiB\"", "a size in quotes"),
        ("max_memory", "needs a value: `max_memory = \"512MiB\"`"),
        ("codec = \"json\"", "one of \"bincode\", \"msgpack\""),
        ("local = true", "write only `local`"),
        ("crate = \"a b\"", "a path in quotes"),
        ("client = Client", "in quotes"),
        ("client = \"Counter\"", "taken by the type itself"),
        ("client = \"A\", message = \"A\"", "taken by `client`"),
        ("mode = \"sync\", mode = \"sync\"", "given twice"),
        ("modes = \"sync\"", "did you mean `mode`?"),
        ("colour = 1", "unknown option `colour`"),
        ("skip", "it marks a function"),
        ("context", "it marks a parameter"),
        ("mode = \"sync\", max_workers = 2", "contradict"),
        ("mode = \"sync\", on_demand = true", "contradict"),
        ("local, mode = \"process\"", "contradict"),
        ("local, mode = \"ray\"", "contradict"),
        ("local, codec = \"bincode\"", "contradict"),
        ("mode = \"sync\" max_workers = 1", "separated by commas"),
        ("\"sync\"", "separated by commas"),
    ] {
        let expansion = worker(attr, "impl Counter { pub fn f(&self) {} }");
        expect(&errors(&expansion), &[error]);
        assert_eq!(types(&expansion).len(), 3, "{attr}");
    }
    for attr in [
        "",
        "mode = \"Proc\", max_workers = 65536, load_balancing = \"least-active\",",
        "mode = \"sync\", max_workers = 1, on_demand = false",
        "stop_timeout = \"0s\", timeout = \"1.5 m\", max_restarts = 0, num_retries = 0, name = \"x\"",
        "max_pending = 10, on_full = \"Block\"",
        "max_calls_per_worker = 100, max_memory = \"1.5GiB\", restart_window = \"1m\", restart_backoff = \"0s\"",
        "local, mode = \"async\"",
        "crate = \"::a::b\", client = \"A\", options = \"B\", message = \"C\", codec = \"msgpack\"",
    ] {
        expect(&errors(&worker(attr, "impl Counter { pub fn f(&self) {} }")), &[]);
    }
    expect(&errors(&worker("codec = \"bincode\"", "struct A;")), &["has no meaning on a type"]);
}

#[test]
fn all_errors_come_at_once_and_the_rest_is_there() {
    let expansion = worker(
        "mode = \"no\", max_workers = 0",
        "impl<T: Clone> Counter<T> {
            pub fn new<U>(x: impl Into<U>, y: Option<&str>) -> Self { todo!() }
            pub fn a(self) -> &str { todo!() }
            #[worker(timeout = \"soon\")]
            pub fn b<V: Ord>(&self, v: V) -> V { todo!() }
            #[cfg(unix)]
            pub(crate) fn c(&mut self, x: &mut u8, y: u8) -> Result<&T, String> { todo!() }
            pub fn clone(&self) {}
        }",
    );
    let errors = errors(&expansion);
    assert_eq!(errors.len(), 12, "{errors:#?}");
    assert_eq!(types(&expansion), ["CounterMessage", "CounterClient", "CounterOptions"]);
    let names: Vec<String> = functions(&expansion).iter().map(|function| function.sig.ident.to_string()).collect();
    let ours: Vec<&str> = names.iter().map(String::as_str).skip(5).collect();
    let clients = ["clone", "fmt", "deref", "pool", "worker", "holding"];
    assert_eq!(ours, [&["init", "options", "init", "a", "b", "c"][..], &clients].concat());
}

#[test]
fn after_an_error_types_are_as_they_should_have_been() {
    let stub = |item: &str, name: &str| {
        let expansion = worker("", item);
        assert!(!errors(&expansion).is_empty());
        let found = functions(&expansion).into_iter().filter(|function| function.sig.ident == name).nth(1);
        let signature = &found.unwrap().sig;
        quote::quote!(#signature).to_string().replace(' ', "").replace("::concurry::__private::", "")
    };
    for (method, expected) in [
        ("pub fn f(&self) -> &str {}", "fnf(&self,)->TaskFuture<std::string::String>"),
        ("pub fn f(&self) -> &[u8] {}", "fnf(&self,)->TaskFuture<std::vec::Vec<u8>>"),
        ("pub fn f(&self) -> Option<&A> {}", "fnf(&self,)->TaskFuture<Option<A>>"),
        ("pub fn f(&self) -> Cow<'_, str> {}", "fnf(&self,)->TaskFuture<Cow<'static,str>>"),
        ("pub fn f(&self) -> Result<&A, E> {}", "fnf(&self,)->TaskFuture<<Result<A,E>asResultLike>::Value>"),
        ("pub fn f(&self) -> impl Fn() {}", "fnf(&self,)->TaskFuture<()>"),
        ("pub fn f(&self, x: Option<&str>, y: u8) {}", "fnf(&self,x:Option<&str>,y:implIntoArg<u8>,)->TaskFuture<()>"),
        ("pub fn f<'a>(&self, x: Vec<&'a str>) {}", "fnf(&self,x:Vec<&'_str>,)->TaskFuture<()>"),
        ("pub fn f<T: Ord>(&self, x: T, y: u8) -> T {}", "fnf<T:Ord>(&self,x:T,y:u8,)->TaskFuture<T>"),
    ] {
        assert_eq!(stub(&format!("impl Counter {{ {method} }}"), "f"), expected);
    }
    let item = "impl<'a, T: Foo<'a>> Counter<'a, T> { pub fn f(&self, x: &'a T) -> &'a T {} }";
    assert_eq!(stub(item, "f"), "fnf(&self,x:implIntoArg<T>,)->TaskFuture<T>");
    items(&worker("", item));
}

#[test]
fn a_body_that_cannot_be_read_leaves_an_outline() {
    let expansion =
        worker("", "impl Counter { pub fn new(x: u64) -> Self { x + } pub fn get(&self) -> u64 { self. } }");
    expect(&errors(&expansion), &["expected"]);
    assert_eq!(types(&expansion), ["CounterMessage", "CounterClient", "CounterOptions"]);
    let stub = functions(&expansion).into_iter().find(|function| function.sig.ident == "get");
    assert!(stub.is_some());

    let expansion = task("", "fn double(x: u64) -> u64 { x * }");
    expect(&errors(&expansion), &["expected"]);
    assert_eq!(types(&expansion), ["double"]);

    // What is wrong with the signatures is said beside.
    let expansion = worker("", "impl Counter { pub fn get(self) -> u64 { self. } }");
    expect(&errors(&expansion), &["expected", "by value"]);
}

#[test]
fn types_of_which_nothing_is_known_are_left_to_the_compiler() {
    for ty in ["Rc", "Rc<u8, u8>", "mine::Rc<u8>", "Pin<*const u8>", "Box<dyn Fn() + Send>", "PhantomData<Rc<u8>>"] {
        expect(&block(&format!("pub fn f(&self, x: {ty}) {{}}")), &[]);
    }
}

#[test]
fn the_second_of_two_methods_is_the_compilers_affair() {
    expect(&block("pub fn f(&self) {} pub fn f(&self, x: u64) {}"), &[]);
    expect(&errors(&task("", "fn main() {}")), &["`main` begins the program"]);
}
