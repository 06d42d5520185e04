//! Which method of a pool has which retry policy.
//!
//! What is said of one method is stronger than what is said of all, since it is said by who knows the method: a method
//! that must not run twice says `num_retries = 0`, and no pool changes that by accident. So, the strongest first: the
//! builder's `retry_method`; the method's attribute `num_retries`, which is a number for the pool's policy, or for the
//! default one where the pool has none; the builder's `retry`, with the builder's `num_retries` where it gives that
//! too; the pool's `num_retries` from any source, which is the default policy with that number.

use std::any::TypeId;

use concurry_options::names::nearest;

use super::Options;
use crate::config::Values;
use crate::retry::{Policy, Retries, Retry};
use crate::worker::Method;

/// The policy of each method. `Err` tells what cannot be.
pub(super) fn of(options: &Options, values: &Values) -> Result<Retries, String> {
    let Options { methods, retry, retry_methods, said, .. } = options;
    let mut own: Vec<Option<&Retry>> = vec![None; methods.len()];
    for (name, retry) in retry_methods {
        retry.check().map_err(|why| format!("`retry_method` for `{name}`: {why}"))?;
        match methods.iter().position(|method| method.name == name) {
            Some(position) => own[position] = Some(retry),
            None => return Err(unknown(name, options)),
        }
    }
    if let Some(retry) = retry {
        retry.check().map_err(|why| format!("`retry`: {why}"))?;
    }
    let pool = match retry {
        Some(retry) => Some(Policy::new(retry.clone())).map(|policy| match said.num_retries {
            Some(number) => policy.with(number),
            None => policy,
        }),
        None => values.num_retries.value.map(|number| Policy::new(Retry::exponential().num_retries(number))),
    };
    // Where the pool has none, its methods share the budget of one.
    let default = Policy::new(Retry::exponential());
    let policies: Vec<Option<Policy>> = methods
        .iter()
        .zip(&own)
        .map(|(method, own)| match (own, method.said.num_retries) {
            (Some(retry), _) => Some(Policy::new((*retry).clone())),
            (None, Some(0)) => None,
            (None, Some(number)) => Some(pool.as_ref().unwrap_or(&default).with(number)),
            (None, None) => pool.clone(),
        })
        .collect();
    check_untils(options, &own)?;
    Ok(Retries::new(policies))
}

fn unknown(name: &str, options: &Options) -> String {
    let known: Vec<&str> = options.methods.iter().map(|method| method.name).collect();
    let near = nearest(name, known.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
    format!(
        "`retry_method` names `{name}`, but there is no such method among `{}`{}",
        known.join("`, `"),
        near.unwrap_or_default()
    )
}

/// An `until` whose type no method returns would never be asked.
fn check_untils(options: &Options, own: &[Option<&Retry>]) -> Result<(), String> {
    let returns = |method: &Method, type_id: TypeId| method.output.is_none_or(|output| output() == type_id);
    for (method, retry) in options.methods.iter().zip(own).filter_map(|(method, own)| Some((method, (*own)?))) {
        let name = method.name;
        if let Some((_, type_name)) = retry.until_types().find(|(type_id, _)| !returns(method, *type_id)) {
            return Err(format!(
                "the `until` of `retry_method` for `{name}` takes a `{type_name}`, but `{name}` returns something else; take what it returns"
            ));
        }
    }
    let covered = || {
        let pools = |(method, own): &(&Method, &Option<&Retry>)| own.is_none() && method.said.num_retries != Some(0);
        options.methods.iter().zip(own).filter(pools).map(|(method, _)| method)
    };
    let mut untils = options.retry.iter().flat_map(Retry::until_types);
    match untils.find(|(type_id, _)| !covered().any(|method| returns(method, *type_id))) {
        Some((_, type_name)) => Err(format!(
            "the `until` of `retry` takes a `{type_name}`, but no method that it applies to returns one; take what a method returns, or drop it"
        )),
        None => Ok(()),
    }
}
