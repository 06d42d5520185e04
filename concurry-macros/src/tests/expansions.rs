//! What is written for a block without mistakes.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::Item;

use super::{errors, functions, items, task, tokens, types, worker};

const BLOCK: &str = "
    /// Counts.
    #[cfg(unix)]
    impl<T: Clone> inner::Counter<T> where T: Ord {
        /// Starts.
        pub fn new(start: &str, more: Vec<T>) -> Result<Self, E> { Option::None::<u8>; todo!() }
        /// Adds.
        #[cfg(feature = \"x\")]
        #[deprecated]
        pub(crate) fn add(&mut self, by: T, bytes: &[u8], context: &CallContext) -> io::Result<u64> { todo!() }
        pub async fn all(&self, r#type: Vec<u8>) -> Vec<T> where T: std::fmt::Debug { todo!() }
        #[worker(skip)]
        pub fn skipped(self) {}
        fn private(&self) {}
    }";

fn plain(tokens: impl ToTokens) -> String {
    tokens.to_token_stream().to_string().replace(' ', "")
}

#[test]
fn the_block_stays_as_it_is() {
    for attr in ["", "local", "mode = \"no\""] {
        let expansion = worker(attr, BLOCK);
        let block = items(&expansion).into_iter().find(|item| matches!(item, Item::Impl(_)));
        assert_eq!(plain(block), plain(tokens(&BLOCK.replace("#[worker(skip)]", ""))));
    }
}

#[test]
fn three_types_and_nothing_else_can_be_named() {
    let expansion = worker("", BLOCK);
    assert!(errors(&expansion).is_empty());
    assert_eq!(types(&expansion), ["CounterMessage", "CounterClient", "CounterOptions"]);
    let others = items(&expansion).into_iter().skip(1).filter(|item| !matches!(item, Item::Enum(_) | Item::Struct(_)));
    let others: Vec<Item> = others.collect();
    assert!(matches!(&others[..], [Item::Const(hidden)] if hidden.ident == "_"));
    // What the block stands under, all of it stands under.
    let conditional = items(&expansion).iter().all(|item| plain(item).contains("#[cfg(unix)]"));
    assert!(conditional);
    let renamed = worker("client = \"A\", options = \"B\", message = \"C\"", BLOCK);
    assert_eq!(types(&renamed), ["C", "A", "B"]);
}

#[test]
fn stubs_have_docs_conditions_and_visibility() {
    let expansion = worker("", BLOCK);
    let stubs: Vec<_> =
        functions(&expansion).into_iter().filter(|function| plain(&function.sig).contains("TaskFuture")).collect();
    let [add, shown, all] = &stubs[..] else { panic!("{} stubs", stubs.len()) };
    assert_eq!(plain(&add.vis), "pub(crate)");
    let attributes: Vec<String> = add.attrs.iter().map(plain).collect();
    assert_eq!(attributes, ["#[cfg(not(doc))]", "#[cfg(feature=\"x\")]", "#[doc=\"Adds.\"]", "#[deprecated]"]);
    let attributes: Vec<String> = shown.attrs.iter().map(plain).collect();
    assert_eq!(attributes, ["#[cfg(doc)]", "#[cfg(feature=\"x\")]", "#[doc=\"Adds.\"]", "#[deprecated]"]);
    assert!(plain(&shown.sig).ends_with("TaskFuture<u64>"), "{}", plain(&shown.sig));
    let private = "::concurry::__private";
    assert_eq!(
        plain(&add.sig),
        format!(
            "fnadd(&self,by:impl{private}::IntoArg<T>,bytes:impl{private}::IntoArg<{private}::std::vec::Vec<u8>>,)->{private}::TaskFuture<<io::Result<u64>as{private}::ResultLike>::Value>"
        )
    );
    assert!(all.sig.asyncness.is_none());
}

#[test]
fn a_client_has_a_fake_unless_a_method_is_called_so() {
    let fakes = |block: &str| {
        let functions = functions(&worker("", block));
        functions
            .into_iter()
            .filter(|function| function.sig.ident == "fake")
            .map(|fake| plain(&fake.sig))
            .collect::<Vec<_>>()
    };
    let [fake] = &fakes(BLOCK)[..] else { panic!("one fake") };
    assert!(fake.contains("Fn(CounterMessage<T>)->::concurry::__private::Answer"), "{fake}");
    let [method, stub] = &fakes("impl Bank { pub fn fake(&self, coin: u8) {} }")[..] else {
        panic!("a method and its stub")
    };
    assert!(method.contains("coin:u8") && stub.contains("TaskFuture"), "{method} {stub}");
}

#[test]
fn a_methods_conditions_become_the_clients() {
    let expansion = plain(worker("", BLOCK));
    let client = &expansion[expansion.find("structCounterClient").unwrap()..];
    let clause = &client[..client.find(';').unwrap()];
    for condition in ["T:Ord", "T:'static", "T:std::fmt::Debug", "Vec<T>:::concurry::__private::Travels"] {
        assert!(clause.contains(condition), "{condition} is not in {clause}");
    }
}

#[test]
fn local_types_know_nothing_of_serde() {
    let expansion = plain(worker("local", BLOCK));
    assert!(!expansion.contains("serde") && !expansion.contains("Travels"));
    assert!(plain(worker("", BLOCK)).contains("serde::Serialize"));
}

/// The generated part, without what the user wrote.
fn generated(expansion: &TokenStream) -> Vec<TokenTree> {
    fn flatten(tokens: TokenStream, into: &mut Vec<TokenTree>) {
        for token in tokens {
            if let TokenTree::Group(group) = &token {
                flatten(group.stream(), into);
            }
            into.push(token);
        }
    }
    let mut flat = Vec::new();
    for item in items(expansion).into_iter().skip(1) {
        flatten(item.into_token_stream(), &mut flat);
    }
    flat
}

#[test]
fn no_name_of_a_prelude_stands_by_itself() {
    const PRELUDE: &[&str] = &[
        "Option",
        "Some",
        "None",
        "Result",
        "Ok",
        "Err",
        "Box",
        "Vec",
        "String",
        "ToString",
        "ToOwned",
        "Clone",
        "Copy",
        "Send",
        "Sync",
        "Sized",
        "Drop",
        "Fn",
        "FnMut",
        "FnOnce",
        "Default",
        "Iterator",
        "IntoIterator",
        "From",
        "Into",
        "AsRef",
        "PartialEq",
        "Serialize",
        "Deserialize",
        "panic",
        "vec",
        "format",
        "assert",
        "unreachable",
        "todo",
        "std",
        "core",
        "alloc",
        "serde",
    ];
    let block = "impl Counter {
        pub fn new(start: &str, n: u8) -> E<Self> { todo!() }
        pub fn a(&self, by: u8, text: &str, list: &[u8], context: &CallContext) -> Fallible { todo!() }
        #[worker(result, timeout = \"1s\", num_retries = 2)]
        pub async fn b(&mut self) -> Fallible { todo!() }
    }";
    let block = block.replace("E<Self>", "Self");
    let attr = "mode = \"process\", max_workers = 2, load_balancing = \"rr\", timeout = \"1s\", name = \"x\", stop_timeout = \"1s\"";
    let generic = block.replace("impl Counter", "impl<T> Counter<T>").replace("by: u8", "by: T");
    let expansions = [
        worker(attr, &block),
        worker(attr, &generic),
        worker("local", &block),
        worker(attr, "struct Counter { x: u8 }"),
        task(attr, "fn f(a: u8, b: &str, context: &CallContext) -> Fallible { 1 }"),
    ];
    for expansion in expansions {
        assert_eq!(errors(&expansion), [""; 0]);
        let flat = generated(&expansion);
        assert!(flat.len() > 10);
        for (at, token) in flat.iter().enumerate() {
            let TokenTree::Ident(name) = token else { continue };
            let punct = |back: usize, char: char| matches!(at.checked_sub(back).map(|at| &flat[at]), Some(TokenTree::Punct(punct)) if punct.as_char() == char);
            if PRELUDE.contains(&name.to_string().as_str()) {
                // `::Option`, or `#[serde(..)]` and `#[cfg_attr(.., serde(..))]`, which is the derive's own.
                let qualified = punct(1, ':') && punct(2, ':') || (punct(1, '#') || punct(1, ',')) && name == "serde";
                assert!(qualified, "`{name}` stands by itself in {expansion}");
            }
        }
    }
}

#[test]
fn the_facade_can_be_elsewhere() {
    let attr = "crate = \"crate::my::facade\"";
    let expansions = [
        worker(attr, BLOCK),
        worker(attr, "struct Counter;"),
        worker(attr, "impl Counter { pub fn a(&self) -> &str {} }"),
        task(attr, "fn f(a: u8) -> Vec<u8> { 1 }"),
        task(attr, "fn f(a: &mut u8) -> u8 { 1 }"),
    ];
    for expansion in expansions {
        let text = expansion.to_string();
        assert!(text.contains("facade"));
        assert!(!text.contains(":: concurry ::") && !text.contains("::concurry::"), "{text}");
    }
}

#[test]
fn a_task_is_a_function_and_a_type() {
    let expansion = task(
        "mode = \"thread\"",
        "/// Docs.\n#[cfg(unix)] pub(crate) fn heavy(x: u64, y: &str) -> u64 { heavy(x, y) }",
    );
    assert!(errors(&expansion).is_empty());
    let items = items(&expansion);
    let [Item::Fn(function), Item::Struct(face), Item::Impl(_), Item::Const(_)] = &items[..] else {
        panic!("{} items", items.len());
    };
    assert_eq!(
        (plain(&function.vis), plain(&face.vis), face.ident.to_string()),
        ("pub(crate)".into(), "pub(crate)".into(), "heavy".into())
    );
    for name in ["call", "map", "map_unordered", "options", "stop"] {
        let found = functions(&expansion).into_iter().find(|function| function.sig.ident == name);
        assert!(found.is_some_and(|function| plain(&function.vis) == "pub(crate)"), "{name}");
    }
    assert!(items.iter().all(|item| plain(item).contains("#[cfg(unix)]")));
}
