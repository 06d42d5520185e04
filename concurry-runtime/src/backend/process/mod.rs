//! Workers that are processes of their own.
use std::sync::Arc;
use std::thread::JoinHandle;
use super::{Backend, Host, Place, Recipe, Started};
use crate::error::Result;
use crate::worker::{Wire, Worker};
pub(crate) struct Processes<W: Worker>(Arc<Recipe<W>>, Wire<W>);
impl<W: Worker> Processes<W> { pub(crate) fn new(recipe: Arc<Recipe<W>>, wire: Wire<W>) -> Result<Self> { Ok(Processes(recipe, wire)) } }
impl<W: Worker> Backend for Processes<W> {
    fn start(&self, _place: Place, _host: Arc<dyn Host>, _previous: Option<JoinHandle<()>>) -> Result<Started> { Err(crate::error::Error::unsupported("soon")) }
}
