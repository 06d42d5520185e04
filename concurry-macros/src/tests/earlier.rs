//! A second block of a type is seen in the file that it stands in.

use crate::earlier;

/// A source without the `@` in it, and where that was.
fn marked(source: &str) -> (String, usize, usize) {
    let at = source.find('@').unwrap();
    let line = source[..at].matches('\n').count() + 1;
    let column = source[..at].chars().rev().take_while(|c| *c != '\n').count() + 1;
    (source.replace('@', ""), line, column)
}

/// What stands before the block whose attribute is marked by `@` in a source.
fn before(ty: &str, source: &str) -> Option<earlier::Earlier> {
    let (text, line, column) = marked(source);
    earlier::find(&text, line, column, &syn::parse_str(ty).unwrap())
}

/// How many inherent blocks stand beside the trait's whose attribute is marked by `@` in a source.
fn beside(source: &str) -> Option<usize> {
    let (text, line, column) = marked(source);
    Some(earlier::find_beside(&text, line, column, &syn::parse_str("Counter").unwrap())?.len())
}

#[test]
fn the_block_above_is_found_with_its_options() {
    let found = before(
        "Counter",
        "struct Counter;\n\n#[worker(client = Counting)]\nimpl Counter { pub fn one(&self) {} }\n\n@#[worker]\nimpl Counter {}\n",
    );
    let found = found.unwrap();
    assert_eq!(found.attr.to_string(), "client = Counting");
    assert_eq!(found.block.items.len(), 1);
}

#[test]
fn so_is_one_in_a_module_or_in_a_function() {
    for scope in ["mod inner", "fn main()", "mod outer { fn inner()"] {
        let end = if scope.contains("outer") { "} }" } else { "}" };
        let source = format!(
            "// Ä\n{scope} {{\n    #[worker]\n    impl Counter {{}}\n    /* ü */ @#[worker]\n    impl Counter {{}}\n{end}\n"
        );
        assert!(before("Counter", &source).is_some(), "{source}");
    }
}

#[test]
fn of_all_else_nothing_is_said() {
    for (ty, source) in [
        // The first of them, and the only one.
        ("Counter", "@#[worker]\nimpl Counter {}\n#[worker]\nimpl Counter {}"),
        ("Counter", "@#[worker]\nimpl Counter {}"),
        // Others have no such attribute.
        ("Counter", "impl Counter {}\n@#[worker]\nimpl Counter {}"),
        ("Counter", "#[other::worker]\nimpl Counter {}\n@#[worker]\nimpl Counter {}"),
        ("Counter", "#[worker]\nimpl Clone for Counter {}\nimpl Counter {}\n@#[worker]\nimpl Counter {}"),
        // Another type.
        ("Store<u8>", "#[worker]\nimpl Store<u16> {}\n@#[worker]\nimpl Store<u8> {}"),
        ("Counter", "mod a {\n#[worker]\nimpl Counter {}\n}\n@#[worker]\nimpl Counter {}"),
        ("Counter", "fn a() {\n#[worker]\nimpl Counter {}\n}\n@#[worker]\nimpl Counter {}"),
        // Two versions of one.
        ("Counter", "#[cfg(unix)]\n#[worker]\nimpl Counter {}\n@#[worker]\nimpl Counter {}"),
        ("Counter", "#[worker]\nimpl Counter {}\n@#[worker]\n#[cfg(windows)]\nimpl Counter {}"),
        // What stands at the place is no attribute, or the file is no Rust.
        ("Counter", "#[worker]\nimpl Counter {}\n#[worker]\n@impl Counter {}"),
        ("Counter", "#[worker]\nimpl Counter {}\n@#[worker]\nimpl Counter {} }"),
    ] {
        assert!(before(ty, source).is_none(), "{source}");
    }
}

#[test]
fn a_place_that_is_not_in_the_file_is_no_place() {
    let source = "#[worker]\nimpl Counter {}\n#[worker]\nimpl Counter {}\n";
    let ty = syn::parse_str("Counter").unwrap();
    for (line, column) in [(0, 1), (3, 0), (3, 90), (9, 1), (usize::MAX, usize::MAX)] {
        assert!(earlier::find(source, line, column, &ty).is_none());
    }
    assert!(earlier::find(source, 3, 1, &ty).is_some());
}

#[test]
fn the_blocks_beside_one_of_a_trait_are_found_unless_the_type_has_a_worker() {
    let source = "impl Counter {}\nimpl Other {}\n@#[worker]\nimpl Count for Counter {}\nimpl Clone for Counter {}\nmod a { impl Counter {} }\nimpl Counter {}";
    assert_eq!(beside(source), Some(2));
    assert_eq!(beside("@#[worker]\nimpl Count for Counter {}\n#[worker]\nimpl Clone for Counter {}"), Some(0));
    for other in ["impl Counter", "impl Clone for Counter"] {
        let source = format!("#[worker(local)]\n{other} {{}}\n@#[worker]\nimpl Count for Counter {{}}");
        assert_eq!(beside(&source), None, "{source}");
    }
    assert_eq!(beside("@#[worker]\nimpl Count for Counter {}\n#[worker]\nimpl Counter {}"), None);
}
