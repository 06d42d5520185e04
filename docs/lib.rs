//! The chapters of the guide, so that every block in them is compiled and run: `cargo test --doc -p concurry-guide`.

macro_rules! chapters {
    ($($name:ident $file:literal)*) => {$(
        #[doc = include_str!($file)]
        pub mod $name {}
    )*};
}

chapters! {
    getting_started "src/getting-started.md"
    workers "src/workers.md"
    tasks "src/tasks.md"
    modes "src/modes.md"
    ray "src/ray.md"
    pools "src/pools.md"
    futures "src/futures.md"
    limits "src/limits.md"
    retries "src/retries.md"
    configuration "src/configuration.md"
    failures "src/failures.md"
    observability "src/observability.md"
    performance "src/performance.md"
    testing "src/testing.md"
    how_it_works "src/how-it-works.md"
    coming_from "src/coming-from.md"
}
