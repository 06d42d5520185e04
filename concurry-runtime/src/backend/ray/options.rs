//! [`RayOptions`]: where the cluster is, and what a worker needs of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};

/// On which node Ray puts a worker, of those that have what it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RayStrategy {
    /// As Ray finds best: nodes in use first, until they are half full.
    #[default]
    Default,
    /// On as many nodes as there are.
    Spread,
    /// On the node of this id; where it is gone, the worker cannot be started.
    Node(String),
    /// On the node of this id, or on another where it is gone or full.
    NearNode(String),
}

/// How calls and their answers travel between the program and its workers.
///
/// Whichever it is, Ray places and ends workers, and what comes of a death is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RayTransport {
    /// [`Direct`](Self::Direct) to every node that can be reached within 2 s, [`Relay`](Self::Relay) to the others.
    #[default]
    Auto,
    /// As calls of Ray's actors: slower, and possible wherever the cluster can be joined at all.
    Relay,
    /// By a TCP connection from the program to each worker's node, which listens for it on a port of the system's choice.
    /// A worker whose node cannot be reached within 10 s is not started, and the error says what could not be reached.
    ///
    /// The node listens until the program has come, which it knows by a token of 128 random bits that Ray has brought to
    /// both, and it proves to the program by another that it is the node. What is sent is not encrypted.
    Direct,
}

/// Where a Ray cluster is, and what each worker needs of it.
///
/// It is handed to a builder, and holds in mode `ray`:
///
/// ```no_run
/// use concurry::RayOptions;
/// use concurry::prelude::*;
///
/// #[derive(Default)]
/// struct Model;
///
/// #[worker(mode = "ray", max_workers = 8)]
/// impl Model {
///     pub fn answer(&self, question: String) -> String {
///         question.to_uppercase()
///     }
/// }
///
/// fn main() -> concurry::Result<()> {
///     let ray = RayOptions::new().address("10.0.0.1:6379").num_cpus(2.0).num_gpus(0.5);
///     let pool = Model::options().ray(ray).init()?;
///     println!("{}", pool.answer("what is it?".to_owned()).result()?);
///     pool.stop()
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct RayOptions {
    address: Option<String>,
    namespace: Option<String>,
    num_cpus: Option<f64>,
    num_gpus: Option<f64>,
    memory: Option<u64>,
    resources: BTreeMap<String, f64>,
    labels: BTreeMap<String, String>,
    strategy: RayStrategy,
    placement_group: Option<(String, Option<usize>)>,
    env: BTreeMap<String, String>,
    exe_path: Option<PathBuf>,
    python: Option<PathBuf>,
    place_timeout: Option<Duration>,
    transport: RayTransport,
    reference_above: Option<usize>,
}

impl RayOptions {
    /// Nothing said yet: the cluster that `RAY_ADDRESS` names, one CPU a worker.
    pub fn new() -> Self {
        RayOptions::default()
    }

    /// The address of the cluster: `host:port` of its head, `ray://host:port` for a cluster that can be reached only by
    /// its client server, or `local` for one of this program's own on this machine. By default what the variable
    /// `RAY_ADDRESS` says.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// The namespace in which a placement group is looked up by its name.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// How many CPUs a worker takes; fractions are allowed. By default 1.
    pub fn num_cpus(mut self, num_cpus: f64) -> Self {
        self.num_cpus = Some(num_cpus);
        self
    }

    /// How many GPUs a worker takes; fractions are allowed. By default none. Which they are, `CUDA_VISIBLE_DEVICES` tells
    /// the worker.
    pub fn num_gpus(mut self, num_gpus: f64) -> Self {
        self.num_gpus = Some(num_gpus);
        self
    }

    /// How many bytes of memory Ray sets aside for a worker. It does not keep the worker from taking more.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// How much a worker takes of a resource that nodes are said to have.
    pub fn resource(mut self, name: impl Into<String>, amount: f64) -> Self {
        self.resources.insert(name.into(), amount);
        self
    }

    /// A label that a worker's node has to have.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// On which of the nodes that will do.
    pub fn strategy(mut self, strategy: RayStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// In the placement group of this name, which exists; in a bundle of it, or in any.
    pub fn placement_group(mut self, name: impl Into<String>, bundle: Option<usize>) -> Self {
        self.placement_group = Some((name.into(), bundle));
        self
    }

    /// A variable of workers' environment. What else is in it comes from their node.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Where this very executable is on every node, so that it need not be sent there.
    pub fn exe_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.exe_path = Some(path.into());
        self
    }

    /// The Python here that has Ray; by default what the variable `CONCURRY_PYTHON` says, or `python3`.
    pub fn python(mut self, path: impl Into<PathBuf>) -> Self {
        self.python = Some(path.into());
        self
    }

    /// How long a worker may wait for its place on the cluster. By default 30 s, and where no node could ever have it,
    /// not at all; with this, a node may be added meanwhile.
    pub fn place_timeout(mut self, timeout: Duration) -> Self {
        self.place_timeout = Some(timeout);
        self
    }

    /// From how many bytes on the result of a call stays on the cluster where a call to another worker there is all that
    /// it is for, or a [`RemoteRef`](crate::RemoteRef). By default 1 MiB; below it, what is asked for costs more than what
    /// is saved. `usize::MAX` is never. By `ray://` none stays.
    pub fn reference_above(mut self, bytes: usize) -> Self {
        self.reference_above = Some(bytes);
        self
    }

    /// How calls and their answers travel. By default [`RayTransport::Auto`].
    pub fn transport(mut self, transport: RayTransport) -> Self {
        self.transport = transport;
        self
    }
}

/// What is large, in bytes, where nothing else is said.
const LARGE: usize = 1 << 20;

/// A cluster, and the Python that is to join it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Site {
    pub(super) python: PathBuf,
    address: String,
    namespace: Option<String>,
}

impl Site {
    /// Whether values can stay there: not where the cluster is reached by its client server.
    pub(super) fn keeps_values(&self) -> bool {
        !self.address.starts_with("ray://")
    }

    /// As the bridge is told of it first.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        let address = [("address".to_owned(), self.address.clone())];
        let namespace = self.namespace.iter().map(|namespace| ("namespace".to_owned(), namespace.clone()));
        fields(address.into_iter().chain(namespace), "a Ray cluster")
    }
}

/// What the workers of a pool are to be.
#[derive(Debug, PartialEq)]
pub(super) struct Hello {
    /// What the worker's process is called.
    name: String,
    num_cpus: f64,
    num_gpus: f64,
    memory: u64,
    resources: BTreeMap<String, f64>,
    labels: BTreeMap<String, String>,
    strategy: &'static str,
    node: Option<String>,
    soft: bool,
    placement_group: Option<String>,
    bundle: Option<usize>,
    env: BTreeMap<String, String>,
    exe_path: Option<String>,
    capture_stderr: bool,
    /// The current folder, as text.
    folder: Option<String>,
    place_timeout: Option<f64>,
}

impl RayOptions {
    /// From how many bytes on a result is large; nothing where none is.
    pub(super) fn large(&self) -> Option<u64> {
        let bytes = self.reference_above.unwrap_or(LARGE);
        (bytes < usize::MAX).then_some(bytes as u64)
    }

    /// How frames travel.
    pub(super) fn way(&self) -> RayTransport {
        self.transport
    }

    /// Which cluster.
    pub(super) fn site(&self) -> Result<Site> {
        let told = || std::env::var("RAY_ADDRESS").ok().filter(|address| !address.is_empty());
        let address = self.address.clone().or_else(told).ok_or_else(|| {
            Error::config(
                "mode `ray` has to know where the cluster is; say `.ray(RayOptions::new().address(\"host:6379\"))` or set RAY_ADDRESS; `local` starts one on this machine",
            )
        })?;
        let told = || std::env::var_os("CONCURRY_PYTHON").filter(|path| !path.is_empty()).map(PathBuf::from);
        let python = self.python.clone().or_else(told).unwrap_or_else(|| "python3".into());
        Ok(Site { python, address, namespace: self.namespace.clone() })
    }

    /// What its workers are to be, checked.
    pub(super) fn hello(&self, name: String, capture_stderr: bool) -> Result<Hello> {
        let amounts = [("num_cpus", self.num_cpus), ("num_gpus", self.num_gpus)];
        let amounts = amounts.iter().filter_map(|(name, amount)| Some((*name, (*amount)?)));
        for (name, amount) in amounts.chain(self.resources.iter().map(|(name, amount)| (name.as_str(), *amount))) {
            // Ray counts in ten-thousandths.
            if !amount.is_finite() || amount < 0.0 {
                return Err(Error::config(format!(
                    "`{name}` of a worker on Ray is {amount}, but it must be a number from 0"
                )));
            }
        }
        if self.placement_group.is_some() && self.strategy != RayStrategy::Default {
            return Err(Error::config(
                "a placement group says where a worker on Ray goes, and so does its strategy; say one of them",
            ));
        }
        let exe_path = match &self.exe_path {
            None => None,
            Some(path) if path.is_absolute() => Some(path.to_str().ok_or_else(|| {
                Error::config(format!("`exe_path` is {}, which is no text; name it otherwise", path.display()))
            })?),
            Some(path) => {
                return Err(Error::config(format!(
                    "`exe_path` is {}, but workers on Ray need a whole path, from /",
                    path.display()
                )));
            }
        };
        let (strategy, node, soft) = match &self.strategy {
            RayStrategy::Default => ("DEFAULT", None, false),
            RayStrategy::Spread => ("SPREAD", None, false),
            RayStrategy::Node(node) => ("DEFAULT", Some(node.clone()), false),
            RayStrategy::NearNode(node) => ("DEFAULT", Some(node.clone()), true),
        };
        Ok(Hello {
            name,
            num_cpus: self.num_cpus.unwrap_or(1.0),
            num_gpus: self.num_gpus.unwrap_or(0.0),
            memory: self.memory.unwrap_or(0),
            resources: self.resources.clone(),
            labels: self.labels.clone(),
            strategy,
            node,
            soft,
            placement_group: self.placement_group.as_ref().map(|(name, _)| name.clone()),
            bundle: self.placement_group.as_ref().and_then(|(_, bundle)| *bundle),
            env: self.env.clone(),
            exe_path: exe_path.map(str::to_owned),
            capture_stderr,
            folder: std::env::current_dir().ok().and_then(|folder| Some(folder.to_str()?.to_owned())),
            place_timeout: self.place_timeout.map(|timeout| timeout.as_secs_f64()),
        })
    }
}

impl Hello {
    /// As the bridge reads it: names and values in turn, each ended by a zero; what is not said is left out.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut said_of = vec![
            ("name".to_owned(), self.name.clone()),
            ("num_cpus".to_owned(), self.num_cpus.to_string()),
            ("num_gpus".to_owned(), self.num_gpus.to_string()),
            ("memory".to_owned(), self.memory.to_string()),
            ("strategy".to_owned(), self.strategy.to_owned()),
            ("soft".to_owned(), u8::from(self.soft).to_string()),
            ("capture_stderr".to_owned(), u8::from(self.capture_stderr).to_string()),
        ];
        let said = [
            ("node", self.node.clone()),
            ("placement_group", self.placement_group.clone()),
            ("bundle", self.bundle.map(|bundle| bundle.to_string())),
            ("exe_path", self.exe_path.clone()),
            ("folder", self.folder.clone()),
            ("place_timeout", self.place_timeout.map(|timeout| timeout.to_string())),
        ];
        said_of.extend(said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        let amounts = self.resources.iter().map(|(name, amount)| (format!("resources.{name}"), amount.to_string()));
        said_of.extend(amounts);
        for (of, texts) in [("labels", &self.labels), ("env", &self.env)] {
            said_of.extend(texts.iter().map(|(name, value)| (format!("{of}.{name}"), value.clone())));
        }
        fields(said_of, "a worker on Ray")
    }
}

/// Names and values in turn, each ended by a zero.
fn fields(named: impl IntoIterator<Item = (String, String)>, of: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for (name, value) in named {
        if name.contains('\0') || value.contains('\0') {
            return Err(Error::config(format!("`{name}` of {of} has a zero byte in it: {value:?}")));
        }
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(options: RayOptions) -> String {
        options.address("nowhere:1").hello("worker".to_owned(), true).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_is_refused_and_named() {
        assert!(refused(RayOptions::new().num_cpus(-1.0)).contains("`num_cpus`"));
        assert!(refused(RayOptions::new().num_gpus(f64::NAN)).contains("`num_gpus`"));
        assert!(refused(RayOptions::new().resource("tpu", f64::INFINITY)).contains("`tpu`"));
        assert!(refused(RayOptions::new().exe_path("app")).contains("whole path"));
        let both = RayOptions::new().placement_group("group", None).strategy(RayStrategy::Spread);
        assert!(refused(both).contains("one of them"));
    }

    #[test]
    fn a_worker_takes_one_cpu_unless_told_otherwise() {
        let hello = RayOptions::new().address("nowhere:1").hello("worker".to_owned(), true).unwrap();
        assert_eq!((hello.num_cpus, hello.num_gpus, hello.memory), (1.0, 0.0, 0));
        assert_eq!((hello.strategy, hello.node, hello.place_timeout), ("DEFAULT", None, None));
        let options = RayOptions::new().num_cpus(0.5).strategy(RayStrategy::NearNode("abc".to_owned()));
        let hello = options.address("nowhere:1").hello("worker".to_owned(), true).unwrap();
        assert_eq!((hello.num_cpus, hello.node.as_deref(), hello.soft), (0.5, Some("abc"), true));
    }

    #[test]
    fn a_cluster_is_told_by_its_address() {
        let site = RayOptions::new().address("there:1").namespace("mine").site().unwrap();
        assert_eq!(site.to_bytes().unwrap(), b"address\0there:1\0namespace\0mine\0");
        let site = RayOptions::new().address("there\0:1").site().unwrap();
        assert!(site.to_bytes().unwrap_err().to_string().contains("`address` of a Ray cluster"));
    }

    #[test]
    fn it_is_told_as_names_and_values() {
        let options = RayOptions::new().address("there:1").env("A", "b = c").resource("tpu", 2.0);
        let bytes = options.hello("worker".to_owned(), false).unwrap().to_bytes().unwrap();
        let fields: Vec<_> = bytes.split(|byte| *byte == 0).map(|field| str::from_utf8(field).unwrap()).collect();
        assert_eq!(fields[..4], ["name", "worker", "num_cpus", "1"]);
        assert_eq!(fields[fields.len() - 5..], ["resources.tpu", "2", "env.A", "b = c", ""]);
        let bad = RayOptions::new().address("there:1").env("A", "b\0c").hello("worker".to_owned(), false).unwrap();
        assert!(bad.to_bytes().unwrap_err().to_string().contains("zero byte"));
    }
}
