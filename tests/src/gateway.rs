//! What is between a driver and the nodes of a cluster that is none: a network that a test can take down.
//!
//! With an interpreter of the gateway's, a node's port is another outside than inside, as behind a router that forwards
//! ports: whoever connects to the one outside is led to the one inside.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use nix::sys::socket::{setsockopt, sockopt};

use crate::TempDir;
use crate::clusters::Interpreter;

/// A gateway, open at first.
#[derive(Debug)]
pub struct Gateway {
    folder: TempDir,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// How many ports of nodes it was told of.
    offers: usize,
    /// How many have connected.
    callers: usize,
    /// Those who were not let through.
    held: Vec<TcpStream>,
    ways: Vec<Arc<Way>>,
}

/// One connection: its end at the driver's, and its end at the node's.
#[derive(Debug)]
struct Way {
    ends: [TcpStream; 2],
    cut: Mutex<bool>,
}

impl Gateway {
    /// One that lets everybody through.
    pub fn new() -> Self {
        let gateway = Gateway { folder: TempDir::new(), state: Arc::default() };
        let listener = UnixListener::bind(gateway.folder.path().join("gateway")).unwrap();
        let state = gateway.state.clone();
        // It ends with the test's process, as all that follow.
        thread::spawn(move || {
            for asks in listener.incoming() {
                let mut asks = asks.unwrap();
                let mut inside = String::new();
                BufReader::new(&asks).read_line(&mut inside).unwrap();
                let inside = inside.trim().parse().unwrap();
                let outside = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                lock(&state).offers += 1;
                writeln!(asks, "{}", outside.local_addr().unwrap().port()).unwrap();
                let state = state.clone();
                thread::spawn(move || outside.incoming().for_each(|caller| lead(&state, caller.unwrap(), inside)));
            }
        });
        gateway
    }

    /// What stands in for Ray, whose nodes are behind it.
    pub fn interpreter(&self) -> Interpreter {
        Interpreter::with_nodes_behind(&self.folder.path().join("gateway"))
    }

    /// How many times a node has listened, and how many times somebody has connected.
    pub fn counts(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.offers, state.callers)
    }

    /// From now on whoever connects is accepted, and nothing more.
    pub fn close(&self) {
        lock(&self.state).closed = true;
    }

    /// Has all connections broken off, as by somebody who does not know them.
    pub fn cut(&self) {
        for way in lock(&self.state).ways.drain(..) {
            *way.cut.lock().unwrap() = true;
            for end in &way.ends {
                setsockopt(end, sockopt::Linger, &nix::libc::linger { l_onoff: 1, l_linger: 0 }).unwrap();
                // Says nothing to the other side, but ends whoever reads here, by which it is closed.
                let _ = end.shutdown(Shutdown::Read);
            }
        }
    }

    /// Drops whatever comes by the connections, before the system sees it: nobody acknowledges anything any more.
    pub fn silence(&self) {
        for end in lock(&self.state).ways.iter().flat_map(|way| &way.ends) {
            let own = OwnedFd::from(end.try_clone().unwrap());
            let deafened = Command::new("python3").args(["-c", DEAFEN]).stdin(Stdio::from(own)).status().unwrap();
            assert!(deafened.success());
        }
    }
}

/// Attaches a filter that drops every packet to the socket that is its standard input.
const DEAFEN: &str = r"
import ctypes, socket, struct
drop = ctypes.create_string_buffer(struct.pack('HBBI', 0x06, 0, 0, 0))
program = struct.pack('HP', 1, ctypes.addressof(drop))
socket.socket(fileno=0).setsockopt(socket.SOL_SOCKET, 26, program)
";

impl Default for Gateway {
    fn default() -> Self {
        Self::new()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

/// Leads who has connected to the node, where that is allowed.
fn lead(state: &Mutex<State>, caller: TcpStream, inside: u16) {
    let mut state = lock(state);
    state.callers += 1;
    if state.closed {
        state.held.push(caller);
        return;
    }
    // Where the node does not listen any more, it ends.
    let Ok(node) = TcpStream::connect((Ipv4Addr::LOCALHOST, inside)) else { return };
    let way = Arc::new(Way { ends: [caller, node], cut: Mutex::new(false) });
    state.ways.push(way.clone());
    for (from, to) in [(0, 1), (1, 0)] {
        let way = way.clone();
        thread::spawn(move || way.pass(from, to));
    }
}

impl Way {
    fn pass(&self, from: usize, to: usize) {
        // What breaks off here has nobody to be told.
        let _ = io::copy(&mut &self.ends[from], &mut &self.ends[to]);
        if !*self.cut.lock().unwrap() {
            let _ = self.ends[to].shutdown(Shutdown::Write);
        }
    }
}
