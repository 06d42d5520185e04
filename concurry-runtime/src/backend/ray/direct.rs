//! Connecting to a worker's node without Ray between.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, setsockopt, socket, sockopt};

/// How many bytes each of the two says, so that the other knows it.
const HALF: usize = 16;

/// How soon a connection on which nothing comes is looked after, how often then, and how often in vain. In seconds.
const KEEP: (u32, u32, u32) = (10, 5, 3);

/// Where a worker's node listens for this process, and the secret by which the two know each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) at: SocketAddr,
    ours: [u8; HALF],
    theirs: [u8; HALF],
}

impl Offer {
    /// Of the words of the bridge: the secret in hexadecimal digits, and the address.
    pub(super) fn told(text: &str) -> Option<Self> {
        let (secret, at) = text.split_once('\n')?;
        let (ours, theirs) = secret.split_at_checked(2 * HALF)?;
        Some(Offer { at: at.parse().ok()?, ours: half(ours)?, theirs: half(theirs)? })
    }

    /// Connects. Each step of that may take as long as `patience`, and none goes on once `over` has ended.
    ///
    /// # Errors
    ///
    /// Nobody is there, or somebody else; in which case the node goes on to listen. Or `over` has ended.
    pub(super) fn take(&self, patience: Duration, over: &UnixStream) -> io::Result<UnixStream> {
        let mut stream = self.reach(patience, over)?;
        stream.set_nodelay(true)?;
        let (idle, again, times) = KEEP;
        setsockopt(&stream, sockopt::KeepAlive, &true)?;
        setsockopt(&stream, sockopt::TcpKeepIdle, &idle)?;
        setsockopt(&stream, sockopt::TcpKeepInterval, &again)?;
        setsockopt(&stream, sockopt::TcpKeepCount, &times)?;
        // While something is on its way nobody looks after it, and sending it again goes on for a quarter of an hour.
        setsockopt(&stream, sockopt::TcpUserTimeout, &(1000 * (idle + again * times)))?;
        stream.set_read_timeout(Some(patience))?;
        stream.write_all(&self.ours)?;
        let mut said = [0; HALF];
        await_ready(&stream, PollFlags::POLLIN, patience, over)?;
        stream.read_exact(&mut said).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => silent(),
            io::ErrorKind::UnexpectedEof => io::Error::new(error.kind(), "it has hung up"),
            _ => error,
        })?;
        if said != self.theirs {
            return Err(io::Error::other("somebody else answers there"));
        }
        // From here on there is no way back: the node starts the worker.
        stream.write_all(&[1])?;
        stream.set_read_timeout(None)?;
        // Nothing is done with it that is not the same for every stream socket; no file descriptor goes over it.
        Ok(UnixStream::from(OwnedFd::from(stream)))
    }

    /// As `TcpStream::connect_timeout`, which nothing ends before its time.
    fn reach(&self, patience: Duration, over: &UnixStream) -> io::Result<TcpStream> {
        let family = if self.at.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let stream = TcpStream::from(socket(family, SockType::Stream, flags, None)?);
        match connect(stream.as_raw_fd(), &SockaddrStorage::from(self.at)) {
            // Interrupted or not, it goes on by itself.
            Err(Errno::EINPROGRESS | Errno::EINTR) => await_ready(&stream, PollFlags::POLLOUT, patience, over)?,
            done => done?,
        }
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        stream.set_nonblocking(false)?;
        Ok(stream)
    }
}

/// Waits until `stream` is ready, or has failed, and no longer than until `over` has ended.
fn await_ready(stream: &TcpStream, ready: PollFlags, patience: Duration, over: &UnixStream) -> io::Result<()> {
    let until = Instant::now() + patience;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(over.as_fd(), PollFlags::POLLIN), PollFd::new(stream.as_fd(), ready)];
        let polled = poll(&mut fds, left);
        let [over, _] = fds.map(|fd| fd.any().unwrap_or(true));
        match polled {
            Ok(0) => return Err(silent()),
            Ok(_) if over => return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the worker was ended")),
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn silent() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it does not answer")
}

/// Half of a secret in hexadecimal digits.
fn half(digits: &str) -> Option<[u8; HALF]> {
    if digits.len() != 2 * HALF || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(digits, 16).ok().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsRawFd;
    use std::sync::mpsc::channel;
    use std::thread;

    use nix::sys::socket::{Backlog, SockaddrIn, bind, getsockname, listen};

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(100);
    const LONG: Duration = Duration::from_secs(60);
    const SECRET: &str = "000102030405060708090a0b0c0d0e0ff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

    fn offer(at: SocketAddr) -> Offer {
        Offer::told(&format!("{SECRET}\n{at}")).unwrap()
    }

    /// What does not end.
    fn alive() -> (UnixStream, UnixStream) {
        UnixStream::pair().unwrap()
    }

    #[test]
    fn an_offer_is_a_secret_and_an_address() {
        let here = offer("127.0.0.1:80".parse().unwrap());
        assert_eq!((here.ours[..2].to_vec(), here.theirs[15]), (vec![0, 1], 0xff));
        assert_eq!(Offer::told(&format!("{SECRET}\n[::1]:80")).unwrap().at, "[::1]:80".parse().unwrap());
        let bad = SECRET.replace('f', "+");
        for text in ["", SECRET, "0f\n127.0.0.1:80", &format!("{SECRET}\nnode:80"), &format!("{bad}\n127.0.0.1:80")] {
            assert_eq!(Offer::told(text), None, "{text}");
        }
    }

    #[test]
    fn both_say_their_half_and_then_what_they_like() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let offer = offer(listener.local_addr().unwrap());
        let node = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut said = [0; HALF];
            stream.read_exact(&mut said).unwrap();
            assert_eq!(said.to_vec(), (0..16).collect::<Vec<u8>>());
            stream.write_all(&(0xf0..=0xff).collect::<Vec<u8>>()).unwrap();
            let mut rest = [0; 4];
            stream.read_exact(&mut rest).unwrap();
            assert_eq!(&rest, b"\x01one");
            stream.write_all(b"two").unwrap();
        });
        let mut stream = offer.take(LONG, &alive().0).unwrap();
        stream.write_all(b"one").unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"two");
        node.join().unwrap();
    }

    #[test]
    fn who_is_not_there_or_does_not_know_the_secret_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = offer(listener.local_addr().unwrap());
        let (over, _end) = alive();
        // The system has accepted for it, and nobody speaks.
        assert_eq!(here.take(PATIENCE, &over).unwrap_err().to_string(), "it does not answer");
        let node = thread::spawn(move || {
            // The one that has given up.
            drop(listener.accept().unwrap());
            for said in [&[7; HALF][..], b"short"] {
                let mut stream = listener.accept().unwrap().0;
                let mut heard = [0; HALF];
                stream.read_exact(&mut heard).unwrap();
                stream.write_all(said).unwrap();
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                // Until it has hung up by itself.
                assert_eq!(stream.read(&mut heard).unwrap(), 0);
            }
        });
        assert_eq!(here.take(LONG, &over).unwrap_err().to_string(), "somebody else answers there");
        assert_eq!(here.take(LONG, &over).unwrap_err().to_string(), "it has hung up");
        node.join().unwrap();
        // A port that is somebody's, so that nobody else can listen there meanwhile.
        let kept = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(kept.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
        let port = getsockname::<SockaddrIn>(kept.as_raw_fd()).unwrap().port();
        let closed = offer(SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!(closed.take(PATIENCE, &over).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn nobody_waits_for_the_node_of_a_worker_that_is_ended() {
        // One is let in and not accepted; who comes after that is not answered by the system either.
        let any = SockaddrStorage::from("127.0.0.1:0".parse::<SocketAddr>().unwrap());
        let listener = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(listener.as_raw_fd(), &any).unwrap();
        listen(&listener, Backlog::new(0).unwrap()).unwrap();
        let listener = TcpListener::from(listener);
        let here = offer(listener.local_addr().unwrap());
        for _ in 0..2 {
            let (over, end) = alive();
            let (begun, ended) = channel();
            let own = here.clone();
            let takes = thread::spawn(move || {
                begun.send(()).unwrap();
                own.take(LONG, &over)
            });
            ended.recv().unwrap();
            // Whether it waits already or will in a moment.
            drop(end);
            assert_eq!(takes.join().unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        }
        let (over, _end) = alive();
        assert_eq!(here.take(PATIENCE, &over).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
