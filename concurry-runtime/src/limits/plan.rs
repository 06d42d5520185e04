//! [`Plan`]: the sets behind one handle, known to both sides of a link; it makes requests of names and checks them.

use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::definition::Definition;
use super::request::{Ask, IntoRequest, Patience, Request, Seal};
use crate::error::{Error, Result};
use crate::few::Few;

/// One set, or the several of a pool, and their keys taken together: a request names a limit by its place among these.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// A number that no other plan has, in whichever process.
    pub(crate) id: u64,
    pub(crate) sets: Vec<Definition>,
    keys: Vec<String>,
    /// For each set, where its limit of each key is. Empty where all sets have the same keys in the same order.
    places: Vec<Vec<Option<u32>>>,
}

/// A random start, and from there on one by one.
fn fresh_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    RandomState::new().hash_one(NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Plan {
    pub(crate) fn new(sets: Vec<Definition>) -> Self {
        let mut keys: Vec<String> = Vec::new();
        for limit in sets.iter().flat_map(|set| &set.limits) {
            if !keys.contains(&limit.key) {
                keys.push(limit.key.clone());
            }
        }
        let alike = sets.iter().all(|set| set.limits.iter().map(|limit| &limit.key).eq(keys.iter()));
        let place = |set: &Definition, key: &String| set.position(key).and_then(|at| u32::try_from(at).ok());
        let places = if alike {
            Vec::new()
        } else {
            sets.iter().map(|set| keys.iter().map(|key| place(set, key)).collect()).collect()
        };
        Plan { id: fresh_id(), sets, keys, places }
    }

    pub(crate) fn set(&self, set: u32) -> Option<&Definition> {
        self.sets.get(set as usize)
    }

    /// The limit in `set` that an ask is about.
    pub(crate) fn place(&self, set: u32, ask: &Ask) -> Option<u32> {
        match self.places.get(set as usize) {
            Some(places) => places.get(ask.key as usize).copied().flatten(),
            None => Some(ask.key).filter(|key| (*key as usize) < self.keys.len()),
        }
    }

    /// Whether `set` has all that is asked for, and can ever serve as much.
    pub(crate) fn fits(&self, set: u32, asks: &[Ask]) -> bool {
        asks.iter().all(|ask| {
            let limit = self.place(set, ask).zip(self.set(set)).and_then(|(at, set)| set.limits.get(at as usize));
            limit.is_some_and(|limit| ask.amount <= limit.capacity)
        })
    }

    /// What `set` is asked for, with the places of its own.
    pub(crate) fn translate(&self, set: u32, asks: &Few<Ask>) -> Few<Ask> {
        if self.places.is_empty() {
            return asks.clone();
        }
        asks.iter().filter_map(|ask| Some(Ask { key: self.place(set, ask)?, amount: ask.amount })).collect()
    }

    /// What the user wrote, checked: none of it waits for what can never be.
    pub(crate) fn request<M>(
        &self,
        wanted: impl IntoRequest<M>,
        patience: Patience,
        set: Option<u32>,
    ) -> Result<Request> {
        let mut asks = Few::EMPTY;
        let mut problem = None;
        // The one set that there is has the limits in the order of the keys, so it can be asked on the way.
        let only = if let ([only], None) = (self.sets.as_slice(), set) { Some(only) } else { None };
        let mut sound = only.is_some();
        wanted.for_each(Seal(()), &mut |key, amount| match self.keys.iter().position(|own| own == key) {
            Some(at) => {
                let ask = Ask { key: at as u32, amount };
                let enough = only.and_then(|set| set.limits.get(at)).is_some_and(|limit| amount <= limit.capacity);
                sound &= enough && !asks.iter().any(|earlier: &Ask| earlier.key == ask.key);
                asks.push(ask);
            }
            None => {
                problem.get_or_insert_with(|| self.unknown(key));
            }
        });
        if let Some(problem) = problem {
            return Err(problem);
        }
        let request = Request { asks, patience, set };
        if !sound {
            self.check(&request)?;
        }
        Ok(request)
    }

    /// Whether this can ever be served; requests from another process are checked again.
    pub(crate) fn check(&self, request: &Request) -> Result<()> {
        let Request { asks, set, .. } = request;
        for (at, ask) in asks.iter().enumerate() {
            let Some(key) = self.keys.get(ask.key as usize) else {
                return Err(Error::limit(format!("a request names limit {} of {}", ask.key, self.keys.len())));
            };
            if asks[..at].iter().any(|earlier| earlier.key == ask.key) {
                return Err(Error::limit(format!("`{key}` is asked for twice in one request; ask for the sum")));
            }
        }
        let mut may_serve = set.map_or(0..self.sets.len() as u32, |set| set..set.saturating_add(1));
        if may_serve.clone().any(|set| self.fits(set, asks)) {
            return Ok(());
        }
        // The most that any of them has tells why.
        for ask in asks.iter() {
            let capacity = |set| Some(self.set(set)?.limits.get(self.place(set, ask)? as usize)?.capacity);
            let key = &self.keys[ask.key as usize];
            match may_serve.clone().filter_map(capacity).max() {
                Some(most) if most >= ask.amount => {}
                Some(most) => {
                    return Err(Error::limit(format!(
                        "{} of `{key}` can never be had: its limit is {most}; ask for less or raise it",
                        ask.amount
                    )));
                }
                None => return Err(self.unknown(key)),
            }
        }
        let sets = may_serve.by_ref().count();
        Err(Error::limit(format!(
            "{} can never be had together: none of the {sets} sets has all of it",
            self.tell(asks)
        )))
    }

    fn unknown(&self, key: &str) -> Error {
        let there_are = match self.keys.as_slice() {
            [] => "the set has no limits".to_owned(),
            [only] => format!("there is `{only}`"),
            keys => format!("there are `{}`", keys.join("`, `")),
        };
        Error::limit(format!("there is no limit `{key}`; {there_are}"))
    }

    /// As `100 of `tokens` and 1 of `db``, for errors.
    pub(crate) fn tell(&self, asks: &[Ask]) -> String {
        let mut text = String::new();
        for (at, ask) in asks.iter().enumerate() {
            let key = self.keys.get(ask.key as usize).map_or("?", String::as_str);
            let and = if at == 0 { "" } else { " and " };
            let _ = write!(text, "{and}{} of `{key}`", ask.amount);
        }
        if text.is_empty() { "nothing of the limits".to_owned() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::LimitSet;

    fn plan(sets: &[LimitSet]) -> Plan {
        Plan::new(sets.iter().map(|set| set.definition().clone()).collect())
    }

    fn error<M>(plan: &Plan, wanted: impl IntoRequest<M>) -> String {
        let error = plan.request(wanted, Patience::Endless, None).unwrap_err();
        assert!(matches!(error, Error::Limit { .. }), "{error:?}");
        error.to_string()
    }

    #[test]
    fn what_can_never_be_is_an_error_that_says_why() {
        let one = plan(&[LimitSet::new().resource("db", 5).resource("file", 2)]);
        assert_eq!(error(&one, ("dv", 1)), "there is no limit `dv`; there are `db`, `file`");
        assert_eq!(error(&one, ("db", 6)), "6 of `db` can never be had: its limit is 5; ask for less or raise it");
        assert_eq!(error(&one, [("db", 1), ("db", 1)]), "`db` is asked for twice in one request; ask for the sum");
        let lone = plan(&[LimitSet::new().resource("db", 5)]);
        assert_eq!(error(&lone, ("dv", 1)), "there is no limit `dv`; there is `db`");
        assert_eq!(error(&plan(&[LimitSet::new()]), ("db", 0)), "there is no limit `db`; the set has no limits");
    }

    #[test]
    fn every_form_of_a_request_is_the_same() {
        use std::collections::{BTreeMap, HashMap};
        let one = plan(&[LimitSet::new().resource("db", 5)]);
        let asked = |request: Result<Request>| request.unwrap().asks;
        let expected = Few::One(Ask { key: 0, amount: 3 });
        let endless = Patience::Endless;
        let pairs = vec![("db".to_owned(), 3)];
        let map = BTreeMap::from([("db", 3)]);
        assert_eq!(asked(one.request(("db", 3), endless, None)), expected);
        assert_eq!(asked(one.request([("db", 3)], endless, None)), expected);
        assert_eq!(asked(one.request(&pairs, endless, None)), expected);
        assert_eq!(asked(one.request(&pairs[0], endless, None)), expected);
        assert_eq!(asked(one.request(pairs.as_slice(), endless, None)), expected);
        assert_eq!(asked(one.request(pairs.clone(), endless, None)), expected);
        assert_eq!(asked(one.request(&map, endless, None)), expected);
        assert_eq!(asked(one.request(map, endless, None)), expected);
        assert_eq!(asked(one.request(HashMap::from([(String::from("db"), 3)]), endless, None)), expected);
        assert_eq!(asked(one.request(Some((std::borrow::Cow::Borrowed("db"), 3)), endless, None)), expected);
        assert_eq!(&*asked(one.request(Vec::<(&str, u64)>::new(), endless, None)), []);
    }

    #[test]
    fn sets_of_a_pool_need_not_be_alike() {
        let small = LimitSet::new().resource("db", 1).resource("file", 9);
        let large = LimitSet::new().resource("file", 1).resource("db", 9);
        let both = plan(&[small, large]);
        let request = both.request([("db", 5), ("file", 1)], Patience::Endless, None).unwrap();
        assert!(!both.fits(0, &request.asks) && both.fits(1, &request.asks));
        assert_eq!(&*both.translate(1, &request.asks), [Ask { key: 1, amount: 5 }, Ask { key: 0, amount: 1 }]);
        assert_eq!(
            error(&both, [("db", 9), ("file", 9)]),
            "9 of `db` and 9 of `file` can never be had together: none of the 2 sets has all of it"
        );
        let pinned = both.request(("db", 5), Patience::Endless, Some(0)).unwrap_err().to_string();
        assert!(pinned.contains("its limit is 1"), "{pinned}");
    }

    #[test]
    fn a_request_from_elsewhere_is_checked_too() {
        let one = plan(&[LimitSet::new().resource("db", 5)]);
        for (asks, set) in [
            (Few::One(Ask { key: 1, amount: 1 }), None),
            (Few::One(Ask { key: 0, amount: 6 }), None),
            (Few::One(Ask { key: 0, amount: 1 }), Some(1)),
            (Few::One(Ask { key: 0, amount: 1 }), Some(u32::MAX)),
            (Few::Many(vec![Ask { key: 0, amount: 1 }; 2]), None),
        ] {
            let request = Request { asks, patience: Patience::Limited, set };
            assert!(matches!(one.check(&request), Err(Error::Limit { .. })), "{request:?}");
        }
    }

    #[test]
    fn no_two_plans_have_one_id() {
        let ids: std::collections::HashSet<u64> = (0..100).map(|_| plan(&[]).id).collect();
        assert_eq!(ids.len(), 100);
    }
}
