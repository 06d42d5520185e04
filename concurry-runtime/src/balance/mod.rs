//! Which worker gets a call: the trait, and one file an algorithm.
//!
//! A balancer sees nothing but loads; it knows neither pools nor backends.

mod least;
mod power_of_two;
mod random;
mod round_robin;

use serde::{Deserialize, Serialize};

use crate::words::{self, Words};

/// How a pool picks the worker for a call.
///
/// ```
/// use concurry::prelude::*;
/// assert_eq!("active".parse::<LoadBalancing>().unwrap(), LoadBalancing::LeastActive);
/// assert_eq!(LoadBalancing::PowerOfTwo.to_string(), "power_of_two");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum LoadBalancing {
    /// In turn.
    #[default]
    RoundRobin,
    /// The worker with the fewest calls queued and running; ties are broken in turn.
    LeastActive,
    /// The worker that has been given the fewest calls so far.
    LeastTotal,
    /// Any worker, all equally likely.
    Random,
    /// The less loaded of two workers drawn at random (Mitzenmacher, "The Power of Two Choices in Randomized Load
    /// Balancing", 2001): nearly as even as `LeastActive` without looking at every worker.
    PowerOfTwo,
    /// One queue for all: a call waits there until a worker is free.
    Shared,
}

impl Words for LoadBalancing {
    const WHAT: &'static str = "load balancing";
    const TABLE: &'static [(Self, &'static [&'static str])] =
        concurry_options::balancing!([words::table] LoadBalancing);
}

words::in_words!(LoadBalancing);

/// What a balancer may ask about the workers.
pub(crate) trait Loads {
    /// How many workers there are; at least one.
    fn len(&self) -> usize;
    /// Whether this worker takes calls (it is not given up).
    fn usable(&self, index: usize) -> bool;
    /// Calls queued and running at this worker.
    fn active(&self, index: usize) -> u64;
    /// Calls that this worker has been given so far.
    fn total(&self, index: usize) -> u64;
}

/// An algorithm that picks a worker.
pub(crate) trait Balancer: Send + Sync {
    /// The worker for the next call; `None` where none is usable.
    fn pick(&self, loads: &dyn Loads) -> Option<usize>;
}

/// The balancer for `kind`; `None` for [`LoadBalancing::Shared`], which has no choice to make.
pub(crate) fn balancer(kind: LoadBalancing) -> Option<Box<dyn Balancer>> {
    Some(match kind {
        LoadBalancing::RoundRobin => Box::new(round_robin::RoundRobin::default()),
        LoadBalancing::LeastActive => Box::new(least::Least::active()),
        LoadBalancing::LeastTotal => Box::new(least::Least::total()),
        LoadBalancing::Random => Box::new(random::Random::default()),
        LoadBalancing::PowerOfTwo => Box::new(power_of_two::PowerOfTwo::default()),
        LoadBalancing::Shared => return None,
    })
}

/// The first usable worker at or after `start`, in a circle.
fn next_usable(loads: &dyn Loads, start: usize) -> Option<usize> {
    let len = loads.len();
    (0..len).map(|step| (start + step) % len).find(|&index| loads.usable(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Vec<(bool, u64, u64)>);
    impl Loads for Fixed {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn usable(&self, index: usize) -> bool {
            self.0[index].0
        }
        fn active(&self, index: usize) -> u64 {
            self.0[index].1
        }
        fn total(&self, index: usize) -> u64 {
            self.0[index].2
        }
    }

    fn picks(kind: LoadBalancing, loads: &Fixed, n: usize) -> Vec<usize> {
        let balancer = balancer(kind).unwrap();
        (0..n).map(|_| balancer.pick(loads).unwrap()).collect()
    }

    #[test]
    fn round_robin_goes_in_turn_past_the_dead() {
        let loads = Fixed(vec![(true, 9, 9), (false, 0, 0), (true, 0, 0)]);
        assert_eq!(picks(LoadBalancing::RoundRobin, &loads, 3), [0, 2, 2]);
        let even = Fixed(vec![(true, 0, 0); 3]);
        assert_eq!(picks(LoadBalancing::RoundRobin, &even, 6), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn least_takes_the_least_and_breaks_ties_in_turn() {
        let loads = Fixed(vec![(true, 3, 0), (true, 1, 5), (true, 1, 4)]);
        let mut seen = picks(LoadBalancing::LeastActive, &loads, 4);
        seen.sort_unstable();
        assert_eq!(seen, [1, 1, 2, 2]);
        assert_eq!(picks(LoadBalancing::LeastTotal, &loads, 2), [0, 0]);
    }

    #[test]
    fn random_and_power_of_two_reach_every_usable_worker_and_no_other() {
        for kind in [LoadBalancing::Random, LoadBalancing::PowerOfTwo] {
            let loads = Fixed(vec![(true, 0, 0), (false, 0, 0), (true, 0, 0), (true, 0, 0)]);
            let seen = picks(kind, &loads, 400);
            for index in [0, 2, 3] {
                assert!(seen.iter().filter(|&&i| i == index).count() > 40, "{kind}: {index}");
            }
            assert!(!seen.contains(&1));
        }
        let loads = Fixed(vec![(true, 100, 0), (true, 0, 0)]);
        let seen = picks(LoadBalancing::PowerOfTwo, &loads, 400);
        assert!(seen.iter().all(|&i| i == 1), "two of two are always both");
    }

    #[test]
    fn nobody_usable_is_none() {
        let loads = Fixed(vec![(false, 0, 0)]);
        for (kind, _) in LoadBalancing::TABLE {
            if let Some(balancer) = balancer(*kind) {
                assert_eq!(balancer.pick(&loads), None);
            }
        }
    }
}
