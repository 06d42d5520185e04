//! Runs the programs of `pass/`, and compares the errors of those in `fail/` with what stands beside them.

#[test]
fn expansions_compile_and_run() {
    trybuild::TestCases::new().pass("pass/*.rs");
}

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("fail/*.rs");
}
