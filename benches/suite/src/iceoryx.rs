//! iceoryx2: both sides look at shared memory and never sleep while there is work, which is as fast as two processes get.

use std::hint;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use iceoryx2::port::client::Client;
use iceoryx2::port::server::Server;
use iceoryx2::prelude::*;

use crate::measure::Result;

/// What a child of ours is told to be, with the name of the service.
pub const AS_ICEORYX: &str = "--as-iceoryx";

type Asks = Client<ipc::Service, u64, (), u64, ()>;
type Answers = Server<ipc::Service, u64, (), u64, ()>;

/// A child that looks for nothing for this long lets others work.
const IDLE: Duration = Duration::from_millis(1);

fn answers(name: &str) -> Result<(Node<ipc::Service>, Answers)> {
    let node = NodeBuilder::new().create::<ipc::Service>()?;
    let service = node.service_builder(&name.try_into()?).request_response::<u64, u64>().open_or_create()?;
    Ok((node, service.server_builder().create()?))
}

/// Answers until its parent is gone.
pub fn be_server(name: &str) -> Result<()> {
    let (_node, server) = answers(name)?;
    let parent = std::os::unix::process::parent_id();
    let mut last = Instant::now();
    loop {
        if let Some(asked) = server.receive()? {
            asked.send_copy(asked.payload() + 1)?;
            last = Instant::now();
        } else if last.elapsed() > IDLE {
            std::thread::sleep(IDLE);
            if std::os::unix::process::parent_id() != parent {
                return Ok(());
            }
        } else {
            hint::spin_loop();
        }
    }
}

/// The other end of a child that answers.
pub struct Peer {
    child: Child,
    client: Asks,
    _node: Node<ipc::Service>,
}

impl Peer {
    pub fn start() -> Result<Self> {
        let name = format!("concurry-bench-{}", std::process::id());
        let node = NodeBuilder::new().create::<ipc::Service>()?;
        let service =
            node.service_builder(&name.as_str().try_into()?).request_response::<u64, u64>().open_or_create()?;
        let client = service.client_builder().create()?;
        let child = Command::new("/proc/self/exe").args([AS_ICEORYX, &name]).spawn()?;
        let peer = Peer { child, client, _node: node };
        // What is asked before there is anybody to answer gets lost.
        let end = Instant::now() + Duration::from_secs(10);
        while service.dynamic_config().number_of_servers() == 0 {
            if Instant::now() > end {
                return Err("its child does not come up".into());
            }
            std::thread::yield_now();
        }
        Ok(peer)
    }

    pub fn plus_one(&self, x: u64) -> Result<u64> {
        let pending = self.client.send_copy(x)?;
        loop {
            if let Some(answer) = pending.receive()? {
                return Ok(*answer.payload());
            }
            hint::spin_loop();
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
