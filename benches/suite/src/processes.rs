//! Work for other processes: one call at a time, many at once, large values, and how long a new one takes.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use concurry::prelude::*;
use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender};
use serde::{Deserialize, Serialize};

use crate::iceoryx;
use crate::measure::{Result, Row, Way, Who};
use crate::threads::checked;

#[derive(Default)]
pub struct Far;

#[worker(mode = "process")]
impl Far {
    pub fn plus_one(&self, x: u64) -> u64 {
        x + 1
    }

    pub fn echo(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    /// So many rounds of a hash that nobody wants.
    pub fn work(&self, rounds: u64) -> u64 {
        work(rounds)
    }
}

pub fn work(rounds: u64) -> u64 {
    (0..rounds)
        .fold(0x9e37_79b9_7f4a_7c15, |hash: u64, round| (hash ^ round).wrapping_mul(0x0100_0000_01b3).rotate_left(7))
}

/// Uses what nobody uses.
fn finish(hash: u64) {
    let _ = std::hint::black_box(hash);
}

/// What a child of ours is told to be, if it is one.
pub const AS_PIPE: &str = "--as-pipe";
pub const AS_IPC: &str = "--as-ipc";
pub const AS_NOTHING: &str = "--as-nothing";

/// Answers on a pipe.
pub fn be_pipe() -> Result<()> {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut bytes = [0; 16];
    while input.read_exact(&mut bytes).is_ok() {
        output.write_all(&bytes)?;
        output.flush()?;
    }
    Ok(())
}

#[derive(Serialize, Deserialize)]
enum Asked {
    Add(u64),
    Echo(#[serde(with = "serde_bytes")] Vec<u8>),
}

#[derive(Serialize, Deserialize)]
enum Answer {
    Sum(u64),
    Echo(#[serde(with = "serde_bytes")] Vec<u8>),
}

type Ends = (IpcSender<Asked>, IpcReceiver<Answer>);

pub fn be_ipc(name: &str) -> Result<()> {
    let (asked, questions) = ipc::channel()?;
    let (answers, answered) = ipc::channel()?;
    IpcSender::<Ends>::connect(name.to_owned())?.send((asked, answered))?;
    while let Ok(question) = questions.recv() {
        answers.send(match question {
            Asked::Add(x) => Answer::Sum(x + 1),
            Asked::Echo(bytes) => Answer::Echo(bytes),
        })?;
    }
    Ok(())
}

fn ipc_peer() -> Result<Ends> {
    let (server, name) = IpcOneShotServer::<Ends>::new()?;
    Command::new("/proc/self/exe").args([AS_IPC, &name]).spawn()?;
    Ok(server.accept()?.1)
}

fn sum_of(answer: Answer) -> Result<u64> {
    match answer {
        Answer::Sum(sum) => Ok(sum),
        Answer::Echo(_) => Err("another answer".into()),
    }
}

pub fn round_trip(n: u32) -> Result<Row> {
    let pool = Far::options().init()?;
    let ours = Way::new(Who::Ours, "concurry", n, move |n| {
        let mut sum = 0;
        for x in 0..u64::from(n) {
            sum += pool.plus_one(x).result()?;
        }
        checked(sum, n)
    });

    let slow = n / 4;
    let mut child = Command::new("/proc/self/exe").arg(AS_PIPE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (mut to, mut from) = child.stdin.take().zip(child.stdout.take()).ok_or("no pipes")?;
    let pipe = Way::new(Who::Limit, "16 bytes through two pipes", slow, move |n| {
        let mut bytes = [0; 16];
        for _ in 0..n {
            to.write_all(&bytes)?;
            from.read_exact(&mut bytes)?;
        }
        Ok(())
    });

    let peer = iceoryx::Peer::start()?;
    let iceoryx = Way::new(Who::Peer, "iceoryx2, which never sleeps", n, move |n| {
        let mut sum = 0;
        for x in 0..u64::from(n) {
            sum += peer.plus_one(x)?;
        }
        checked(sum, n)
    });

    let (asked, answered) = ipc_peer()?;
    let ipc = Way::new(Who::Peer, "ipc-channel", slow, move |n| {
        let mut sum = 0;
        for x in 0..u64::from(n) {
            asked.send(Asked::Add(x))?;
            sum += sum_of(answered.recv()?)?;
        }
        checked(sum, n)
    });

    let pool = procspawn::Pool::new(1)?;
    let procspawn = Way::new(Who::Peer, "procspawn", slow / 4, move |n| {
        let mut sum = 0;
        for x in 0..u64::from(n) {
            sum += procspawn::spawn!(in pool, (x) || x + 1).join()?;
        }
        checked(sum, n)
    });
    Ok(Row {
        key: "process_round_trip",
        title: "One tiny call to a process, answered before the next".into(),
        ways: vec![ours, pipe, iceoryx, ipc, procspawn],
    })
}

pub fn many(n: u32) -> Result<Row> {
    let pool = Far::options().init()?;
    let ours = Way::new(Who::Ours, "concurry, a future each", n, move |n| {
        let futures: Vec<_> = (0..u64::from(n)).map(|x| pool.plus_one(x)).collect();
        let mut sum = 0;
        for future in futures {
            sum += future.result()?;
        }
        checked(sum, n)
    });

    let (asked, answered) = ipc_peer()?;
    let ipc = Way::new(Who::Peer, "ipc-channel, a thread that sends", n / 4, move |n| {
        std::thread::scope(|scope| -> Result<()> {
            scope.spawn(|| (0..u64::from(n)).all(|x| asked.send(Asked::Add(x)).is_ok()));
            let mut sum = 0;
            for _ in 0..n {
                sum += sum_of(answered.recv()?)?;
            }
            checked(sum, n)
        })
    });

    // It has file descriptors for each call that waits.
    let pool = procspawn::Pool::new(1)?;
    let procspawn = Way::new(Who::Peer, "procspawn", (n / 100).min(400), move |n| {
        let handles: Vec<_> = (0..u64::from(n)).map(|x| procspawn::spawn!(in pool, (x) || x + 1)).collect();
        let mut sum = 0;
        for handle in handles {
            sum += handle.join()?;
        }
        checked(sum, n)
    });
    Ok(Row {
        key: "process_many",
        title: "Many tiny calls to one process, all collected".into(),
        ways: vec![ours, ipc, procspawn],
    })
}

pub fn echo(size: usize, n: u32) -> Result<Row> {
    let bytes = vec![7; size];
    let pool = Far::options().init()?;
    let own = bytes.clone();
    let ours = Way::new(Who::Ours, "concurry", n, move |n| {
        for _ in 0..n {
            same(pool.echo(own.clone()).result()?.len(), own.len())?;
        }
        Ok(())
    });
    let own = bytes.clone();
    let copy = Way::new(Who::Limit, "four copies of it, in one process", n, move |n| {
        for _ in 0..n {
            // To the call, into shared memory, out of it there, and the same on the way back, of which two can overlap.
            let mut there = own.clone();
            for _ in 0..3 {
                there = std::hint::black_box(there.clone());
            }
            same(there.len(), own.len())?;
        }
        Ok(())
    });
    let (asked, answered) = ipc_peer()?;
    let own = bytes.clone();
    let ipc = Way::new(Who::Peer, "ipc-channel", n.div_ceil(4), move |n| {
        for _ in 0..n {
            asked.send(Asked::Echo(own.clone()))?;
            match answered.recv()? {
                Answer::Echo(bytes) => same(bytes.len(), own.len())?,
                Answer::Sum(_) => return Err("another answer".into()),
            }
        }
        Ok(())
    });
    let pool = procspawn::Pool::new(1)?;
    let own = bytes;
    let procspawn = Way::new(Who::Peer, "procspawn", n.div_ceil(10), move |n| {
        for _ in 0..n {
            let bytes = serde_bytes::ByteBuf::from(own.clone());
            same(procspawn::spawn!(in pool, (bytes) || bytes).join()?.len(), own.len())?;
        }
        Ok(())
    });
    Ok(Row {
        key: "echo",
        title: format!("{} to a process and back", in_words(size)),
        ways: vec![ours, copy, ipc, procspawn],
    })
}

fn same(length: usize, expected: usize) -> Result<()> {
    if length == expected { Ok(()) } else { Err(format!("{length} bytes came back").into()) }
}

pub fn in_words(size: usize) -> String {
    match size {
        size if size >= 1 << 20 => format!("{} MiB", size >> 20),
        size if size >= 1 << 10 => format!("{} KiB", size >> 10),
        size => format!("{size} B"),
    }
}

/// How long `n` calls take by themselves, each made 2 ms after the last has come back.
fn apart(n: u32, call: impl Fn(u64) -> Result<u64>) -> Result<Duration> {
    let (mut sum, mut took) = (0, Duration::ZERO);
    for x in 0..u64::from(n) {
        std::thread::sleep(Duration::from_millis(2));
        let begun = Instant::now();
        sum += call(x)?;
        took += begun.elapsed();
    }
    checked(sum, n)?;
    Ok(took)
}

pub fn first_reply(n: u32) -> Result<Row> {
    let pool = Far::options().on_demand(true).max_workers(1).init()?;
    let ours = Way::new(Who::Ours, "concurry, a process on demand", n, move |n| {
        let mut sum = 0;
        for x in 0..u64::from(n) {
            sum += pool.plus_one(x).result()?;
        }
        checked(sum, n)
    });
    let pool = Far::options().on_demand(true).max_workers(1).init()?;
    let spare = Way::told(Who::Ours, "concurry, the same, 2 ms after the last", n, move |n| {
        apart(n, |x| Ok(pool.plus_one(x).result()?))
    });
    let pool = Far::options().mode(Mode::Thread).on_demand(true).max_workers(1).init()?;
    let threads = Way::new(Who::Ours, "concurry, a thread on demand", n, move |n| {
        let mut sum = 0;
        for x in 0..u64::from(n) {
            sum += pool.plus_one(x).result()?;
        }
        checked(sum, n)
    });
    let bare = Way::new(Who::Limit, "this program started, which ends at once", n, |n| {
        for _ in 0..n {
            Command::new("/proc/self/exe").arg(AS_NOTHING).status()?;
        }
        Ok(())
    });
    let thread = Way::new(Who::Limit, "a thread started and joined", n, |n| {
        let mut sum = 0;
        for x in 0..u64::from(n) {
            sum += std::thread::spawn(move || x + 1).join().map_err(|_| "a panic")?;
        }
        checked(sum, n)
    });
    let late = Way::told(Who::Peer, "procspawn, the same, 2 ms after the last", n, |n| {
        apart(n, |x| Ok(procspawn::spawn(x, |x| x + 1).join()?))
    });
    let procspawn = Way::new(Who::Peer, "procspawn, spawn", n, |n| {
        let mut sum = 0;
        for x in 0..u64::from(n) {
            sum += procspawn::spawn(x, |x| x + 1).join()?;
        }
        checked(sum, n)
    });
    Ok(Row {
        key: "first_reply",
        title: "A worker of its own for one call".into(),
        ways: vec![ours, spare, threads, bare, thread, procspawn, late],
    })
}

/// 64 pieces of work of some milliseconds each.
pub fn cpu(workers: usize, rounds: u64) -> Result<Row> {
    const PIECES: u32 = 64;
    let pool = Far::options().max_workers(workers).init()?;
    let ours = Way::new(Who::Ours, "concurry, processes", PIECES, move |n| {
        gather((0..n).map(|_| pool.work(rounds))).results().map(drop).map_err(Into::into)
    });
    let pool = Far::options().mode(Mode::Thread).max_workers(workers).init()?;
    let threads = Way::new(Who::Ours, "concurry, threads", PIECES, move |n| {
        gather((0..n).map(|_| pool.work(rounds))).results().map(drop).map_err(Into::into)
    });
    let rayon = rayon::ThreadPoolBuilder::new().num_threads(workers).build()?;
    let rayon = Way::new(Who::Peer, "rayon, a scope", PIECES, move |n| {
        rayon.scope(|scope| (0..n).for_each(|_| scope.spawn(|_| finish(work(rounds)))));
        Ok(())
    });
    let alone = Way::new(Who::Limit, "one thread by itself", PIECES, move |n| {
        (0..n).for_each(|_| finish(work(rounds)));
        Ok(())
    });
    Ok(Row {
        key: "cpu",
        title: format!("64 pieces of work for {workers} workers"),
        ways: vec![ours, threads, rayon, alone],
    })
}
