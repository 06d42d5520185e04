//! Every mistake of a block is reported, once each, and what uses the client compiles as if there were none.
use concurry::prelude::*;

mod inner {
    use super::*;

    #[derive(Default)]
    pub struct Inner {
        pub names: Vec<String>,
    }

    #[worker(mode = "thraed", max_workers = 0)]
    impl Inner {
        pub fn new(names: Option<&str>) -> Self {
            Inner { names: names.into_iter().map(str::to_owned).collect() }
        }

        pub fn first(&self, ctx: &CallContext) -> &str {
            let _ = ctx;
            &self.names[0]
        }

        pub fn add(&mut self, names: impl IntoIterator<Item = String>) -> usize {
            self.names.extend(names);
            self.names.len()
        }

        pub fn take(self) -> Vec<String> {
            self.names
        }

        #[worker(timeout = "soon")]
        pub fn fine(&self, at: usize) -> Result<String, String> {
            self.names.get(at).cloned().ok_or_else(|| "too far".to_owned())
        }
    }
}

use inner::{Inner, InnerClient, InnerOptions};

struct Holder {
    client: InnerClient,
}

fn build(options: InnerOptions) -> concurry::Result<Holder> {
    let client = options.max_workers(3).load_balancing(LoadBalancing::LeastActive).init(Some("a"))?;
    Ok(Holder { client })
}

fn main() -> concurry::Result<()> {
    let holder = build(Inner::options().mode(Mode::Thread).name("inner"))?;
    let first: String = holder.client.first().result()?;
    let length: usize = holder.client.add(vec![first]).result()?;
    let all: Vec<String> = holder.client.clone().take().result()?;
    let fine: String = holder.client.worker(0).fine(length).result()?;
    let futures: Vec<TaskFuture<String>> = holder.client.broadcast(|client| client.fine(0));
    let strings: Vec<String> = gather(futures).results()?;
    println!("{fine} {all:?} {strings:?} {:?}", holder.client.stats());
    Inner::init(None)?.stop()
}
