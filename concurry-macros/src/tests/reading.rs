//! What is understood of a block.

use syn::{ItemImpl, parse_str};

use crate::diagnostics::Diagnostics;
use crate::model::{Pass, Receiver, Worker};
use crate::options::Options;
use crate::parse;

fn read(block: &str, options: Options) -> Worker {
    let block = parse_str::<ItemImpl>(block).unwrap();
    let mut diagnostics = Diagnostics::default();
    let worker = parse::worker(options, block, &mut diagnostics).unwrap();
    assert!(diagnostics.into_error().is_none());
    worker
}

fn plain(tokens: impl quote::ToTokens) -> String {
    tokens.to_token_stream().to_string().replace(' ', "").replace("::concurry::__private::", "")
}

#[test]
fn each_function_has_its_role() {
    let worker = read(
        "impl Counter {
            pub fn new() -> Self {}
            pub fn a(&self) {}
            pub(crate) fn b(&mut self) {}
            pub(super) fn c(self: &Self) {}
            fn private(&self) {}
            pub(self) fn also_private(&self) {}
            pub fn helper() {}
            #[worker(skip)] pub fn skipped(&self) {}
            const N: usize = 1;
        }",
        Options::default(),
    );
    let names: Vec<String> = worker.methods.iter().map(|method| method.name()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let receivers: Vec<Receiver> = worker.methods.iter().map(|method| method.receiver).collect();
    assert_eq!(receivers, [Receiver::Shared, Receiver::Exclusive, Receiver::Shared]);
    assert_eq!(worker.constructor().map(|method| method.name()).as_deref(), Some("new"));
    assert!(!plain(&worker.block).contains("worker(skip)"));
}

#[test]
fn the_marked_constructor_wins_over_new() {
    let block = "impl A { pub fn new() -> Option<Self> {} #[worker(init)] fn make() -> Self {} pub fn a(&self) {} }";
    let worker = read(block, Options::default());
    assert_eq!(worker.constructors.len(), 1);
    assert_eq!(worker.constructor().map(|method| method.name()).as_deref(), Some("make"));
}

#[test]
fn parameters_are_held_and_passed() {
    let worker = read(
        "impl Counter {
            pub fn f(
                &self, mut a: u8, b: &str, c: &[T], d: &T, e: &Path, Point { x, .. }: Point, _: Vec<u8>, g: &Vec<u8>, h: &[u8],
                context: &concurry::CallContext, #[worker(context)] i: Context, j: &my::Path<u8>, r#type: Self, a2 @ _: Option<Self>,
            ) {}
        }",
        Options::default(),
    );
    let params = &worker.methods[0].params;
    let fields: Vec<String> = params.iter().map(|param| param.field.to_string()).collect();
    assert_eq!(fields, ["a", "b", "c", "d", "e", "arg5", "arg6", "g", "h", "context", "i", "j", "r#type", "arg13"]);
    let held: Vec<String> = params.iter().filter(|param| !param.is_context()).map(|param| plain(&param.held)).collect();
    assert_eq!(
        held,
        [
            "u8",
            "std::string::String",
            "std::vec::Vec<T>",
            "T",
            "Owned<Path>",
            "Point",
            "Vec<u8>",
            "Vec<u8>",
            "std::vec::Vec<u8>",
            "my::Path<u8>",
            "Counter",
            "Option<Counter>",
        ]
    );
    let borrowed: Vec<usize> = (0..14).filter(|at| params[*at].pass == Pass::Borrow).collect();
    assert_eq!(borrowed, [1, 2, 3, 4, 7, 8, 11]);
    assert_eq!((params[9].pass, params[10].pass), (Pass::Context, Pass::OwnContext));
    let bytes: Vec<usize> = (0..14).filter(|at| params[*at].bytes).collect();
    assert_eq!(bytes, [6, 7, 8]);
}

#[test]
fn local_types_keep_what_is_static() {
    let options = Options { local: true, ..Options::default() };
    let worker = read("impl A { pub fn f(&self, a: &'static str, b: Vec<u8>, c: &str) {} }", options);
    let params = &worker.methods[0].params;
    assert_eq!((params[0].pass, plain(&params[0].held)), (Pass::Value, "&'staticstr".to_owned()));
    assert_eq!((params[2].pass, params[1].bytes), (Pass::Borrow, false));
}

#[test]
fn results_are_guessed_by_their_name_and_the_guess_can_be_overruled() {
    for (attribute, returned, fallible) in [
        ("", "Result<u8, E>", true),
        ("", "io::Result<u8>", true),
        ("", "a::b::Result", true),
        ("", "(Result<u8, E>)", true),
        ("", "Option<Result<u8, E>>", false),
        ("", "Results<u8>", false),
        ("#[worker(value)]", "Result<u8, E>", false),
        ("#[worker(result)]", "Answer", true),
    ] {
        let worker = read(&format!("impl A {{ {attribute} pub fn f(&self) -> {returned} {{}} }}"), Options::default());
        assert_eq!(worker.methods[0].output.fallible, fallible, "{attribute} {returned}");
    }
}

#[test]
fn attributes_that_stubs_bear() {
    let worker = read(
        "impl A {
            /// Docs.
            #[cfg(unix)]
            #[cfg_attr(docsrs, doc(cfg(unix)))]
            #[cfg_attr(unix, inline)]
            #[deprecated]
            #[inline]
            #[allow(clippy::all, reason = \"so\")]
            #[must_use]
            pub fn f(&self, #[expect(unused_variables)] x: u8) {}
        }",
        Options::default(),
    );
    let attributes = &worker.methods[0].attributes;
    assert_eq!((attributes.docs.len(), attributes.cfgs.len(), attributes.deprecated.is_some()), (2, 1, true));
    let lints: Vec<String> = attributes.lints.iter().map(plain).collect();
    assert_eq!(lints, ["clippy::all", "unused_variables"]);
}
