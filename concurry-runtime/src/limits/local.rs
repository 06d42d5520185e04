//! [`Local`]: the keeper whose state is in this process; one set, or several that share the work.

use std::sync::Arc;

use super::call::{Permit, Turn};
use super::clock::Clock;
use super::definition::Definition;
use super::keeper::{End, Grant, Holder, Keeper, Reply, TicketId};
use super::plan::Plan;
use super::request::{Ask, Patience, Request};
use super::state::Shared;
use super::stats::LimitSetStats;
use super::waiting::Ticket;
use crate::balance::{Balancer, LoadBalancing, Loads, balancer};
use crate::error::{Error, Result};
use crate::few::Few;

/// Keeps the state of sets here.
pub(crate) struct Local {
    plan: Plan,
    sets: Vec<Arc<Shared>>,
    /// Picks a set where there are several.
    balancer: Option<Box<dyn Balancer>>,
}

/// The sets as a balancer sees them: those that do not fit a request are not usable for it.
struct View<'a> {
    sets: &'a [Arc<Shared>],
    fits: &'a dyn Fn(u32) -> bool,
}

impl Loads for View<'_> {
    fn len(&self) -> usize {
        self.sets.len()
    }
    fn usable(&self, index: usize) -> bool {
        (self.fits)(index as u32)
    }
    fn active(&self, index: usize) -> u64 {
        self.sets[index].load().0
    }
    fn total(&self, index: usize) -> u64 {
        self.sets[index].load().1
    }
}

impl Local {
    /// A set of its own, if such a set can be.
    pub(crate) fn of_set(definition: &Definition, clock: Clock) -> Result<Self> {
        definition.check()?;
        let shared = Shared::new(definition.clone(), clock);
        Ok(Local { plan: Plan::new(vec![definition.clone()]), sets: vec![shared], balancer: None })
    }

    /// Sets that others may use too.
    pub(crate) fn of_sets(sets: Vec<(Definition, Arc<Shared>)>, kind: LoadBalancing) -> Result<Self> {
        let Some(balancer) = balancer(kind) else {
            return Err(Error::limit(format!(
                "a pool of limits cannot be balanced by `{kind}`, since each set has a line of its own; use `least_active`"
            )));
        };
        if sets.is_empty() {
            return Err(Error::limit("a pool of limits has no sets; give `LimitPool::new` at least one"));
        }
        let (definitions, sets) = sets.into_iter().unzip();
        Ok(Local { plan: Plan::new(definitions), sets, balancer: Some(balancer) })
    }

    /// The state of the first set.
    pub(crate) fn first(&self) -> &Arc<Shared> {
        &self.sets[0]
    }

    fn set(&self, at: u32) -> Result<&Arc<Shared>> {
        let missing = || Error::limit(format!("there is no set {at} among {} sets of limits", self.sets.len()));
        self.sets.get(at as usize).ok_or_else(missing)
    }

    /// The set whose turn it is among those that fit.
    fn pick(&self, fits: &dyn Fn(u32) -> bool) -> Result<u32> {
        let Some(balancer) = &self.balancer else { return Ok(0) };
        let picked = balancer.pick(&View { sets: &self.sets, fits });
        picked.map(|at| at as u32).ok_or_else(|| Error::limit("none of the sets has all that is asked for"))
    }

    /// Where a request goes first, and if that has nothing, where else it may go.
    fn route(&self, request: &Request) -> Result<(u32, impl Iterator<Item = u32> + '_)> {
        let fits = |set: u32| self.plan.fits(set, &request.asks);
        let (first, elsewhere) = match request.set {
            Some(set) => (set, false),
            None => (self.pick(&fits)?, self.sets.len() > 1),
        };
        let others =
            if elsewhere { (0..self.sets.len() as u32).filter(|set| fits(*set)).collect() } else { Vec::new() };
        Ok((first, others.into_iter().filter(move |set| *set != first)))
    }

    fn attempt_at(&self, set: u32, holder: Holder, asks: &Few<Ask>) -> Result<Option<Grant>> {
        let shared = self.set(set)?;
        let id = if self.sets.len() == 1 {
            shared.attempt(holder, asks)
        } else {
            shared.attempt(holder, &self.plan.translate(set, asks))
        };
        Ok(id.map(|id| Grant { set, id }))
    }

    /// Takes from the set that `route` names, or from another that has enough now; the set to wait at if none has.
    fn attempt_somewhere(&self, holder: Holder, request: &Request) -> Result<Result<Grant, u32>> {
        let (first, others) = self.route(request)?;
        for set in std::iter::once(first).chain(others) {
            if let Some(grant) = self.attempt_at(set, holder, &request.asks)? {
                return Ok(Ok(grant));
            }
        }
        Ok(Err(first))
    }

    /// Whether calls are throttled: some set has `calls`.
    pub(crate) fn throttles(&self) -> bool {
        self.plan.sets.iter().any(|set| set.calls().is_some())
    }

    /// Takes the one of `calls` that every call takes. If it has to wait, `granted` is run when it may go, on whatever
    /// thread that happens; until then the ticket keeps its place. A call that is not sent in the end gives
    /// its permit back by [`Permit::unused`].
    pub(crate) fn turn(self: &Arc<Self>, granted: impl FnOnce(Result<Permit>) + Send + 'static) -> Result<Turn> {
        let several = self.sets.len() > 1;
        let first = self.pick(&|_| true)?;
        let others = (0..self.sets.len() as u32).filter(|set| *set != first);
        let keeper: Arc<dyn Keeper> = self.clone();
        for set in std::iter::once(first).chain(others) {
            let pinned = several.then_some(set);
            let Some(calls) = self.plan.set(set).and_then(Definition::calls) else {
                return Ok(Turn::Now(Permit::free(pinned)));
            };
            if let Some(id) = self.set(set)?.attempt(Holder::NOBODY, &Few::One(Ask { key: calls, amount: 1 })) {
                return Ok(Turn::Now(Permit::taken(keeper, Grant { set, id }, pinned)));
            }
        }
        let calls = self.plan.set(first).and_then(Definition::calls).unwrap_or_default();
        let (asks, own) = (Few::One(Ask { key: calls, amount: 1 }), keeper.clone());
        let reply = Box::new(move |result: Result<Grant>| {
            granted(result.map(|grant| Permit::taken(own, grant, several.then_some(grant.set))));
        });
        let id = self.set(first)?.request(Holder::NOBODY, asks, Patience::Limited, first, reply);
        Ok(Turn::Later(Ticket::new(keeper, TicketId { set: first, id })))
    }
}

impl Keeper for Local {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn is_near(&self) -> bool {
        // An attempt at several would take a turn of its own.
        self.balancer.is_none()
    }

    fn attempt(&self, holder: Holder, request: &Request) -> Result<Option<Grant>> {
        if self.balancer.is_none() && request.set.is_none() {
            return self.attempt_at(0, holder, &request.asks);
        }
        Ok(self.attempt_somewhere(holder, request)?.ok())
    }

    fn request(&self, holder: Holder, request: Request, reply: Reply) -> TicketId {
        let set = match self.attempt_somewhere(holder, &request) {
            Ok(Err(set)) => set,
            Ok(Ok(grant)) => {
                reply(Ok(grant));
                return TicketId { set: grant.set, id: 0 };
            }
            Err(error) => {
                reply(Err(error));
                return TicketId { set: 0, id: 0 };
            }
        };
        let asks = self.plan.translate(set, &request.asks);
        let id = self.sets[set as usize].request(holder, asks, request.patience, set, reply);
        TicketId { set, id }
    }

    fn cancel(&self, ticket: TicketId) {
        if let Ok(shared) = self.set(ticket.set) {
            shared.cancel(ticket.id);
        }
    }

    fn update(&self, holder: Holder, grant: Grant, place: u32, used: u64) {
        if let Ok(shared) = self.set(grant.set) {
            shared.update(holder.worker, grant.id, place, used);
        }
    }

    fn give_back(&self, holder: Holder, grant: Grant, end: End) {
        if let Ok(shared) = self.set(grant.set) {
            shared.give_back(holder.worker, grant.id, end);
        }
    }

    fn release_all(&self, worker: u64) {
        self.sets.iter().for_each(|shared| shared.release_all(worker));
    }

    fn stats(&self) -> Result<Vec<LimitSetStats>> {
        Ok(self.sets.iter().map(|shared| shared.stats()).collect())
    }
}
