//! A second block of a type is seen in the file that it stands in.

use crate::earlier;

/// What stands before the block whose attribute is marked by `@` in a source.
fn before(ty: &str, source: &str) -> Option<earlier::Earlier> {
    let at = source.find('@').unwrap();
    let line = source[..at].matches('\n').count() + 1;
    let column = source[..at].chars().rev().take_while(|c| *c != '\n').count() + 1;
    earlier::find(&source.replace('@', ""), line, column, &syn::parse_str(ty).unwrap())
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
