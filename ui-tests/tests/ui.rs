//! Compares the errors of the programs in `fail/` with what stands beside them.

/// Our own words, at the place of the mistake.
#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("fail/*.rs");
}
