//! Another service, on which ours depends: it answers when it is open, and whoever comes before that waits.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

#[derive(Default)]
struct Door {
    open: Mutex<bool>,
    opened: Condvar,
}

pub struct Upstream {
    port: u16,
    door: Arc<Door>,
    visitors: Mutex<Receiver<()>>,
}

impl Upstream {
    /// A closed one, on threads of this program, until it ends.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let door = Arc::<Door>::default();
        let (came, visitors) = mpsc::channel();
        let own = door.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (door, came) = (own.clone(), came.clone());
                thread::spawn(move || {
                    // Nobody counts visitors once the program is at its end.
                    let _ = came.send(());
                    answer(&stream, &door);
                });
            }
        });
        Ok(Upstream { port, door, visitors: Mutex::new(visitors) })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn open(&self) {
        *self.door.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.door.opened.notify_all();
    }

    /// Closes it again, and forgets who came so far.
    pub fn close(&self) {
        *self.door.open.lock().unwrap_or_else(PoisonError::into_inner) = false;
        while self.visitors.lock().unwrap_or_else(PoisonError::into_inner).try_recv().is_ok() {}
    }

    /// Waits until somebody has come.
    pub fn next_visitor(&self) -> Result<(), mpsc::RecvError> {
        self.visitors.lock().unwrap_or_else(PoisonError::into_inner).recv()
    }
}

fn answer(mut stream: &TcpStream, door: &Door) {
    let mut open = door.open.lock().unwrap_or_else(PoisonError::into_inner);
    while !*open {
        open = door.opened.wait(open).unwrap_or_else(PoisonError::into_inner);
    }
    drop(open);
    // Who has gone away meanwhile gets none.
    let _ = stream.write_all(b"an answer");
}
