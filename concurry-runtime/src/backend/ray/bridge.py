"""The bridge between a driver of concurry and Ray; see `mod.rs` beside this file for who says what to whom.

It runs in a process of its own, a child of the driver's. It passes on bytes and does not look into them: a worker's
frames come by a socket that the driver has handed over, and go to the worker's actor in batches; and back. Where the
driver reaches the worker's node by itself, they do not come here at all.
"""

import collections
import hashlib
import hmac
import mmap
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

# How often each side is heard, and after which silence it is given up. In seconds.
BEAT = 2.0
SILENCE = 10.0
# A node that hears of nobody for so long ends its worker.
FORSAKEN = 20.0
# How long a worker that is to be ended may take before its actor is ended.
PATIENCE = 3.0

# How long a node waits for the driver to come by itself or to say that it does not; and for whoever has come to say what
# the driver would. How many may be in the middle of that.
EXPECTED, HANDSHAKE, CALLERS = 60.0, 5.0, 8
# Half of a secret: the driver says the first, and knows its worker's node by the second.
HALF = 16
# How soon a connection without a word on it is looked after, how often then, how often in vain.
KEEP_IDLE, KEEP_AGAIN, KEEP_TIMES = 10, 5, 3

# How often a worker's actor may die before it has started anything, and what is waited for between. A node that has just
# gone is not known to be for a moment.
ATTEMPTS = 4
PAUSE = 0.5
# How long a cluster's door may take to open.
KNOCK = 5.0

# How much goes into one batch, and how much of a worker's may be under way.
BATCH = 4 << 20
UNDER_WAY = 64 << 20
MOUTHFUL = 1 << 20
# Of batches that are smaller than this so many are under way at once, of others more: while one is, calls gather for the
# next, and what a batch costs is shared by them.
SMALL, FEW, MANY = 64 << 10, 4, 16
# What comes after so many bytes is about to come, and waited for so long.
STREAM, ABOUT = 128 << 10, 0.001

# A frame without bytes, such as the one by which a worker tells of the beginning of a call. What is alone waits for so
# long: the answer may be next, and what a batch costs is paid once.
BARE, COMPANY = 32, 0.002

# How long the value that a worker has left on its node may be on its way to Ray.
STOWING = 60.0

# What a guardian says comes in records: kind, length, bytes. (No `Struct`: this is sent along with the guardian.)
RECORD = "<cI"
# Of a value that a worker has left with it: the call's number, and the file's.
KEPT = "<QI"


class Refused(Exception):
    """A worker cannot be started, for a reason that the user can do something about."""


class Lost(Exception):
    """A worker may have been started, and cannot be reached any more."""


def status(process):
    """The parent of a process, and when it was begun, in ticks after the machine was; nothing where it is gone."""
    try:
        with open("/proc/%s/stat" % process) as file:
            fields = file.read().rpartition(")")[2].split()
        return [int(fields[1]), fields[19]]
    except (OSError, IndexError):
        return []


# ---------------------------------------------------------------------------------------------------------------------
# On the node: an actor that starts a worker's process and passes its frames on. It knows nothing of calls.


class Guardian:
    """Keeps one worker at a time. Each worker that it starts has a generation; what is about another is not heard."""

    def __init__(self, spec):
        self.spec = spec
        self.state = threading.Condition()
        self.generation = 0
        self.records = collections.deque()
        self.size = 0
        self.pending = {}
        self.turn = 0
        self.heard = time.monotonic()
        self.process = None
        self.socket = None
        self.writing = threading.Lock()
        self.hashed = None
        self.offer = None
        # Values that the worker has left here, each in a file without a name, until they are taken; and the way by which
        # it leaves them and is given others.
        self.kept = {}
        self.values = None
        self.giving = threading.Lock()
        threading.Thread(target=self._watch, daemon=True).start()

    def begin(self, generation, executable, direct):
        """Starts the worker, or offers its driver to connect to it first; `executable` is its bytes, where it was asked
        for them."""
        try:
            path = self._executable(executable)
            if path is None:
                return {"need": True}
            if direct:
                return {"offer": self._expect(generation, path)}
            return self._start(generation, path, None)
        except (OSError, Refused) as error:
            return self._refused(error)

    def _refused(self, error):
        return {"refused": "on node %s: %s" % (socket.gethostname(), error)}

    def _expect(self, generation, path):
        """Listens for the worker's driver; where, and the secret by which the two know each other."""
        import ray

        host = ray.util.get_node_ip_address()
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            listener.bind((host, 0))
        except OSError:
            # Others know this machine by an address that is not its own.
            listener.bind(("", 0))
        listener.listen(CALLERS)
        secret = os.urandom(2 * HALF)
        # The one who takes the listener out of the offer starts the worker.
        offer = {"generation": generation, "path": path, "listener": listener, "answer": None, "killed": False}
        offer["until"] = time.monotonic() + EXPECTED
        with self.state:
            self.offer = offer
        threading.Thread(target=self._accept, args=(offer, listener, secret), daemon=True).start()
        shown = "[%s]" % host if ":" in host else host
        return [secret.hex(), "%s:%d" % (shown, listener.getsockname()[1])]

    def _accept(self, offer, listener, secret):
        callers = threading.BoundedSemaphore(CALLERS)
        while True:
            callers.acquire()
            try:
                caller, _ = listener.accept()
            except OSError:
                # It is over with it, which who waits here is told by its being shut down.
                listener.close()
                return
            threading.Thread(target=self._admit, args=(offer, caller, secret, callers), daemon=True).start()

    def _admit(self, offer, caller, secret, callers):
        """Starts the worker, which talks to who has connected, if that is its driver."""
        try:
            caller.settimeout(HANDSHAKE)
            if not hmac.compare_digest(exactly(caller, HALF), secret[:HALF]):
                raise OSError("somebody else")
            caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_IDLE)
            caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEP_AGAIN)
            caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEP_TIMES)
            caller.sendall(secret[HALF:])
            # It may have given up meanwhile. Once it has said this, it will not.
            exactly(caller, 1)
            # The worker's process is to wait for what it reads.
            caller.settimeout(None)
        except OSError:
            caller.close()
            callers.release()
            return
        self._answer(offer, caller)

    def relay(self, generation):
        """The driver cannot come by itself: starts the worker all the same."""
        with self.state:
            offer = self.offer
        if offer is not None and offer["generation"] == generation:
            self._answer(offer, None)

    def _close(self, offer):
        """Lets nobody connect any more; whether somebody could until now."""
        with self.state:
            listener, offer["listener"] = offer["listener"], None
        if listener is None:
            return False
        try:
            listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        return True

    def _answer(self, offer, caller):
        if not self._close(offer):
            # Somebody was faster.
            if caller is not None:
                caller.close()
            return
        try:
            answer = self._start(offer["generation"], offer["path"], caller)
        except (OSError, Refused) as error:
            answer = self._refused(error)
        with self.state:
            offer["answer"] = answer
            if offer["killed"] and "pid" in answer:
                self.process.kill()
            self.state.notify_all()

    def started(self, generation):
        """What has become of the worker that its driver was to connect to; `None` while that is not known."""
        with self.state:
            offer = self.offer
            if offer is None or offer["generation"] != generation:
                return self._refused("nobody was to connect to it")
            self.state.wait_for(lambda: offer["answer"] is not None, BEAT)
        if time.monotonic() > offer["until"] and self._close(offer):
            return self._refused("its driver did not connect to it within %d s" % EXPECTED)
        return offer["answer"]

    def _machine(self):
        """On which machine this is, as far as processes there know each other by their numbers; its own, and when it was
        begun. Nothing where that is not to be known."""
        try:
            with open("/proc/sys/kernel/random/boot_id") as file:
                booted = file.read().strip()
            return [booted + os.readlink("/proc/self/ns/pid"), os.getpid(), status("self")[1]]
        except (OSError, IndexError):
            return None

    def _node(self):
        import ray

        return ray.get_runtime_context().get_node_id()

    def _executable(self, data):
        wanted = self.spec["sha256"]
        own = self.spec["exe_path"]
        if own is not None:
            if not os.path.exists(own):
                raise Refused("there is no executable %s (`exe_path`); put it there, or leave `exe_path` out" % own)
            if self._hash(own) != wanted:
                raise Refused(
                    "%s (`exe_path`) is another executable than the driver's; copy the driver's there, or leave `exe_path` out" % own
                )
            return own
        folder = os.path.join(tempfile.gettempdir(), "concurry-%d" % os.getuid())
        path = os.path.join(folder, wanted)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        about = os.stat(folder)
        if about.st_uid != os.getuid() or about.st_mode & 0o022:
            raise Refused("others may write to %s, where executables are kept; remove it, or set its mode to 0700" % folder)
        if os.path.exists(path):
            if self._hash(path) == wanted:
                return path
            # Cut short by a full disk, or worse.
            os.unlink(path)
        if data is None:
            return None
        if hashlib.sha256(data).hexdigest() != wanted:
            raise Refused("the executable arrived as something else")
        handle, temporary = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, 0o700)
            os.rename(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        return path

    def _hash(self, path):
        about = os.stat(path)
        key = (path, about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns)
        if self.hashed is None or self.hashed[0] != key:
            digest = hashlib.sha256()
            with open(path, "rb") as file:
                while True:
                    piece = file.read(1 << 20)
                    if not piece:
                        break
                    digest.update(piece)
            self.hashed = (key, digest.hexdigest())
        return self.hashed[1]

    def _start(self, generation, path, caller):
        """Starts the worker; `caller` is the connection to its driver, where there is one."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        # Ray sets it for Python's sake.
        env.pop("OMP_NUM_THREADS", None)
        env.update(self.spec["env"])
        env["CONCURRY_WORKER_OF"] = str(os.getpid())
        env["CONCURRY_EXECUTABLE"] = self.spec["sha256"]
        env["CONCURRY_NODE_ID"] = self._node()
        values, its_values = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        env["CONCURRY_VALUES"] = str(its_values.fileno())
        if caller is None:
            ours, theirs = socket.socketpair()
        else:
            ours, theirs = caller, caller.dup()
            # It is not known by who has made its other end.
            env["CONCURRY_WORKER_OF"] += ":%d" % os.fstat(caller.fileno()).st_ino
        try:
            process = subprocess.Popen(
                [self.spec["name"]],
                executable=path,
                env=env,
                cwd=self.spec["folder"] if os.path.isdir(self.spec["folder"] or "") else None,
                stdin=theirs.fileno(),
                pass_fds=[its_values.fileno()],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if self.spec["capture_stderr"] else None,
            )
        except BaseException:
            ours.close()
            values.close()
            raise
        finally:
            theirs.close()
            its_values.close()
        with self.state:
            self.generation = generation
            self.records.clear()
            self.size = 0
            self.pending.clear()
            self.turn = 0
            self.heard = time.monotonic()
            self.process = process
            self.socket = ours if caller is None else None
            self.values = values
            self.state.notify_all()
        pipes = [(process.stdout, b"O")] + ([(process.stderr, b"E")] if process.stderr else [])
        heard = [
            threading.Thread(target=self._listen, args=(generation, process, pipes), daemon=True),
            threading.Thread(target=self._keep, args=(generation, values), daemon=True),
        ]
        for thread in heard:
            thread.start()
        watch = self._read if caller is None else self._wait
        threading.Thread(target=watch, args=(generation, process, ours, heard), daemon=True).start()
        return {"pid": process.pid, "direct": caller is not None, "at": self._machine()}

    def _put(self, generation, kind, data):
        with self.state:
            while self.size > (8 << 20) and self.generation == generation and kind != b"X":
                self.state.wait()
            if self.generation == generation:
                if self.records and self.records[-1][0] == kind:
                    self.records[-1][1].append(data)
                else:
                    self.records.append((kind, [data]))
                self.size += len(data)
                self.state.notify_all()

    def _read(self, generation, process, ours, heard):
        """Passes on what the worker says, until it is gone, and then how it ended."""
        while True:
            try:
                data = ours.recv(1 << 20)
            except OSError:
                data = b""
            if not data:
                break
            self._put(generation, b"D", data)
        # It has let go of its socket, so whatever it still does, it does for nobody.
        process.kill()
        self._tell_end(generation, process.wait(), heard)
        # Not while somebody writes to it: its number may be another's at once.
        with self.writing:
            ours.close()

    def _wait(self, generation, process, ours, heard):
        """Waits until a worker is gone to which its driver has connected, and tells how it ended.

        What it had said last may be on its way. Were nobody but the worker to have the connection, what it had not read
        would, at its death, have the kernel break that off, and what is on its way would be lost. So it ends in good order.
        """
        try:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            # Reaped by who looked after it.
            pass
        try:
            ours.shutdown(socket.SHUT_WR)
        except OSError:
            # It is broken off, which the driver sees as well.
            pass
        with self.state:
            # Not while somebody kills it.
            code = process.wait()
        self._tell_end(generation, code, heard)
        ours.settimeout(SILENCE)
        try:
            while ours.recv(MOUTHFUL):
                pass
        except OSError:
            pass
        ours.close()

    def _tell_end(self, generation, code, heard):
        printed, kept = heard
        # What it has left here is to be known before it is known to be gone. Nobody else has its end of that.
        kept.join(PATIENCE)
        # What it wrote is in the pipes; programs that it has started may keep them open for as long as they like.
        printed.join(0.3)
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = "?"
            status = "killed by signal %d (%s)" % (-code, name)
        else:
            status = "its process exited with code %d" % code
        self._put(generation, b"X", status.encode())

    def _keep(self, generation, values):
        """Takes in what the worker leaves here, until it is gone."""
        while True:
            try:
                said, files, _, _ = socket.recv_fds(values, 64, 1)
            except OSError:
                break
            if not said:
                break
            call = struct.unpack("<Q", said)[0]
            if not files:
                # There was no descriptor left for it; whoever wants it is told that it is lost.
                continue
            with self.state:
                self.kept[generation, call] = files[0]
            self._put(generation, b"K", struct.pack(KEPT, call, files[0]))
        with self.giving:
            values.close()

    def take(self, generation, call):
        """A value that the worker has left, which is Ray's from here on."""
        with self.state:
            file = self.kept.pop((generation, call))
        try:
            return [pickle.PickleBuffer(mmap.mmap(file, 0, prot=mmap.PROT_READ))]
        finally:
            os.close(file)

    def drop(self, generation, call):
        """A value that the worker has left is not needed any more."""
        with self.state:
            file = self.kept.pop((generation, call), None)
        if file is not None:
            os.close(file)

    def pass_on(self, generation, worker, call, process, begun, file):
        """Gives a value to the worker that is in a file of a process of this machine, without a copy; whether it could."""
        try:
            file = os.open("/proc/%d/fd/%d" % (process, file), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            # Were that process gone, another might have its number, and the file be anything.
            return status(process)[1:] == [begun] and self._say(generation, b"G", worker, call, b"", [file])
        finally:
            os.close(file)

    def give(self, generation, worker, call, value):
        """Gives a value to the worker, by the key of who had left it."""
        file = os.memfd_create("concurry-value")
        try:
            view = memoryview(value[0]).cast("B")
            done = 0
            while done < len(view):
                done += os.write(file, view[done : done + (64 << 20)])
            if not self._say(generation, b"G", worker, call, b"", [file]):
                raise OSError("the worker could not be handed it")
        finally:
            os.close(file)

    def lose(self, generation, worker, call, why):
        """That value does not come."""
        self._say(generation, b"L", worker, call, why.encode("utf-8", "replace"), [])

    def forget(self, generation, worker, call):
        """That value is not needed any more."""
        self._say(generation, b"F", worker, call, b"", [])

    def _say(self, generation, what, worker, call, text, files):
        """Tells the worker of this generation something; whether it could."""
        with self.state:
            values = self.values if generation == self.generation else None
        if values is None:
            return False
        try:
            with self.giving:
                socket.send_fds(values, [what + struct.pack("<QQ", worker, call) + text[:4000]], files)
            return True
        except OSError:
            return False

    def _listen(self, generation, process, pipes):
        """Passes on what the worker prints."""
        poll, left = select.poll(), {}
        for pipe, kind in pipes:
            left[pipe.fileno()] = (pipe, kind)
            poll.register(pipe, select.POLLIN)
        while left:
            for number, _ in poll.poll():
                pipe, kind = left[number]
                try:
                    data = os.read(number, 64 << 10)
                except OSError:
                    data = b""
                if data:
                    self._put(generation, kind, data)
                else:
                    poll.unregister(number)
                    del left[number]
                    pipe.close()

    def push(self, generation, turn, batch):
        """Frames for the worker. Batches may overtake each other on the way; they are written in turn."""
        with self.state:
            if generation != self.generation:
                return
            self.heard = time.monotonic()
            self.pending[turn] = batch
            ours = self.socket
        while True:
            with self.state:
                batch = self.pending.pop(self.turn, None) if generation == self.generation else None
                if batch is None:
                    return
                self.turn += 1
            try:
                with self.writing:
                    ours.sendall(batch)
            except OSError:
                # It is gone, and who reads from it has seen that.
                pass

    def drain(self, generation, wait):
        """What the worker has said since, once there is something; nothing, when so many seconds have passed."""
        with self.state:
            self.heard = time.monotonic()
            over = lambda: self.generation != generation
            self.state.wait_for(lambda: self.records or over(), wait)
            if self.size <= BARE and self.records and self.records[0][0] == b"D":
                self.state.wait_for(lambda: self.size > BARE or len(self.records) > 1 or over(), COMPANY)
            self.heard = time.monotonic()
            if self.generation != generation:
                return b""
            # As much as is here, which is bounded by how much may be.
            records, self.records = self.records, collections.deque()
            self.size = 0
            self.state.notify_all()
        parts = []
        for kind, data in records:
            parts.append(struct.pack(RECORD, kind, sum(map(len, data))))
            parts += data
        return b"".join(parts)

    def kill(self, generation):
        with self.state:
            offer = self.offer
            if generation == self.generation and self.process is not None:
                self.process.kill()
            elif offer is not None and offer["generation"] == generation:
                # It may be about to be started.
                offer["killed"] = True
        if offer is not None and offer["generation"] == generation and self._close(offer):
            with self.state:
                offer["answer"] = self._refused("it was ended before it was started")
                self.state.notify_all()

    def _watch(self):
        """Ends the worker where nobody asks for it any more: its driver cannot be reached, and has given it up."""
        while True:
            time.sleep(BEAT)
            with self.state:
                process = self.process
                silent = time.monotonic() - self.heard
            if process is not None and process.poll() is None and silent > FORSAKEN:
                process.kill()
                os._exit(1)


# ---------------------------------------------------------------------------------------------------------------------
# The link to the driver: frames as all of concurry's, over the socket that was this process's standard input.

HEAD = struct.Struct("<IBBHIQIII")
START, STOP, LEAVE, BELL, FORK, RELAY, POOL = 1, 4, 5, 7, 11, 13, 14
READY, FAILED, VALUE, BEGUN, SPENT, OFFER = 16, 17, 18, 20, 22, 23
GIVE, FORGET, FETCH, PUT, FETCHED = 25, 26, 27, 28, 29
MOST = 1 << 20


class Driver:
    def __init__(self, link):
        self.link = link
        self.writing = threading.Lock()

    def tell(self, kind, number=0, *lines, files=()):
        data = "\n".join(str(line) for line in lines).encode("utf-8", "replace")[:MOST]
        head = bytearray(HEAD.pack(len(data), kind, 0, 0, 0, number, 0, 0, 0))
        for byte in bytes(head):
            head[5] ^= byte
        frame = bytes(head) + data
        with self.writing:
            try:
                sent = socket.send_fds(self.link, [frame], files) if files else 0
                self.link.sendall(frame[sent:])
            except OSError:
                leave()

    def hear(self):
        """The next order, and the files that came with it; `None` where the driver is gone."""
        head, files = b"", []
        while len(head) < HEAD.size:
            data, came, _, _ = socket.recv_fds(self.link, HEAD.size - len(head), 4)
            files += came
            if not data:
                return None
            head += data
        check = 0
        for byte in head:
            check ^= byte
        length, kind, _, _, _, number, _, _, _ = HEAD.unpack(head)
        if check != 0 or length > MOST:
            return None
        data = b""
        while len(data) < length:
            piece = self.link.recv(length - len(data))
            if not piece:
                return None
            data += piece
        fields = data.decode().split("\0")
        return kind, number, dict(zip(fields[::2], fields[1::2])), files


def told(fields):
    """What the cluster or a pool's workers are to be, of what the driver says."""
    hello = {"namespace": None, "node": None, "placement_group": None, "bundle": None, "exe_path": None, "folder": None}
    hello.update({"place_timeout": None, "resources": {}, "labels": {}, "env": {}})
    kinds = {"num_cpus": float, "num_gpus": float, "memory": int, "bundle": int, "place_timeout": float}
    for name, value in fields.items():
        group, dot, key = name.partition(".")
        if dot:
            hello[group][key] = float(value) if group == "resources" else value
        elif name in ("soft", "capture_stderr"):
            hello[name] = value == "1"
        else:
            hello[name] = kinds.get(name, str)(value)
    return hello


def descendants(process):
    """All that come from a process, and when they were begun: a number alone may be another's soon."""
    known = {int(name): status(name) for name in os.listdir("/proc") if name.isdigit()}
    found, look = [], [process]
    while look:
        parent = look.pop()
        children = [child for child, about in known.items() if about[:1] == [parent]]
        found += [(child, known[child][1]) for child in children]
        look += children
    return found


def leave(code=0):
    os._exit(code)


# ---------------------------------------------------------------------------------------------------------------------
# The driver's pools and their workers.


class Bridge:
    def __init__(self, driver, hello, executable):
        self.driver = driver
        self.hello = hello
        self.executable = executable
        self.sha256, self.size = self.hash()
        self.lock = threading.Lock()
        self.pools = {}
        self.workers = {}
        # What workers have left on the cluster, and what was put there, by the worker and its call, or by 0 and a number.
        self.values = {}
        self.shipped = None
        self.closing = False

    def hash(self):
        digest, at = hashlib.sha256(), 0
        while True:
            piece = os.pread(self.executable, 1 << 20, at)
            if not piece:
                return digest.hexdigest(), at
            digest.update(piece)
            at += len(piece)

    def ship(self):
        """The executable, as Ray knows it."""
        with self.lock:
            if self.shipped is None:
                self.shipped = self.ray.put(os.pread(self.executable, self.size, 0))
            return self.shipped

    # -- the cluster

    def connect(self):
        if sys.version_info < (3, 9):
            raise Refused("Python %s is too old; 3.9 is the least" % sys.version.split()[0])
        try:
            import ray
            import ray.exceptions
        except ImportError as error:
            raise Refused(
                "%s (Python %s) has no Ray (%s); `%s -m pip install ray`, in the version that the cluster has, or name another Python by CONCURRY_PYTHON"
                % (sys.executable, sys.version.split()[0], error, sys.executable)
            )
        parts = [int(part) if part.isdigit() else 0 for part in ray.__version__.split(".")[:2]]
        if tuple(parts) < (2, 40):
            raise Refused("Ray %s is too old; 2.40 is the least that mode `ray` runs with" % ray.__version__)
        self.ray = ray
        options = {"logging_level": "ERROR", "log_to_driver": False, "namespace": self.hello["namespace"]}
        if self.hello["address"] == "local":
            options["include_dashboard"] = False
        try:
            knock(self.hello["address"])
            ray.init(address=self.hello["address"], **options)
        except Exception as error:
            raise Refused(
                "the Ray cluster at `%s` cannot be joined: %s; is it up, is its address right, and has it Ray %s and Python %s?"
                % (self.hello["address"], first_lines(error), ray.__version__, sys.version.split()[0])
            )
        self.kind = ray.remote(
            concurrency_groups={"down": 1, "up": 2, "control": 2, "values": 2}, max_restarts=0, max_task_retries=0
        )(self.grouped())

    def grouped(self):
        group = lambda name: self.ray.method(concurrency_group=name)
        # Methods get their groups here, where Ray is at hand.
        Guardian.begin = group("control")(Guardian.begin)
        Guardian.started = group("control")(Guardian.started)
        Guardian.relay = group("control")(Guardian.relay)
        Guardian.kill = group("control")(Guardian.kill)
        for name in ("take", "drop", "pass_on", "give", "lose", "forget"):
            setattr(Guardian, name, group("values")(getattr(Guardian, name)))
        Guardian.push = group("down")(Guardian.push)
        Guardian.drain = group("up")(Guardian.drain)
        return Guardian

    # -- orders

    def open(self, number, hello):
        with self.lock:
            self.pools[number] = Pool(self, hello)

    def fork(self, number, what, files):
        stream = socket.socket(fileno=files[0])
        stderr = files[1] if len(files) > 1 else None
        with self.lock:
            pool = self.pools[int(what["pool"])]
            seat = pool.seats.setdefault(what["seat"], Seat())
            worker = self.workers[number] = Worker(pool, number, seat, what, stream, stderr)
        threading.Thread(target=worker.live, daemon=True).start()

    def shut(self, number):
        """Ends all workers of a pool, of which there will be no more."""
        with self.lock:
            pool = self.pools[number]
            # Whoever is about to have a place gives it back.
            pool.over = True
            workers = [worker for worker in self.workers.values() if worker.pool is pool]
        try:
            pool.end()
            deadline = time.monotonic() + PATIENCE
            for worker in workers:
                worker.kill()
            for worker in workers:
                worker.done.wait(max(0, deadline - time.monotonic()))
        finally:
            # Whatever went wrong: somebody waits for this.
            with self.lock:
                self.pools.pop(number)
            self.driver.tell(SPENT, number)

    def kill(self, number, why):
        with self.lock:
            worker = self.workers.get(number)
        if worker is not None:
            worker.why = worker.why or why
            worker.kill()

    def relay(self, number):
        with self.lock:
            worker = self.workers.get(number)
        if worker is not None:
            worker.relay()

    # -- values

    def value(self, key):
        with self.lock:
            value = self.values.setdefault(key, Value())
            if key[0] not in self.workers and key[0] != 0 and not value.came.is_set():
                value.fail("the node on which it was left is gone")
            return value

    def give(self, number, key, lost):
        with self.lock:
            worker = self.workers.get(number)
        if worker is not None:
            if lost:
                value = Value()
                value.fail("it was left on the cluster by another bridge, which is gone")
            else:
                value = self.value(key)
            worker.give(key, value)

    def forget(self, key):
        with self.lock:
            value = self.values.setdefault(key, Value())
            if value.came.is_set():
                self.values.pop(key)
            else:
                # It is on its way, perhaps.
                value.unwanted = True
            workers = [worker for worker in self.workers.values() if key in worker.given]

        def end():
            value.end()
            for worker in workers:
                worker.take_back(key)

        # It may be on its way to a worker that hangs, for which no other order is to wait.
        threading.Thread(target=end, daemon=True).start()

    def keep(self, key, **where):
        """A value has come, and this is where it is."""
        with self.lock:
            value = self.values.setdefault(key, Value())
            value.put(**where)
            unwanted = value.unwanted
            if unwanted:
                self.values.pop(key)
        if unwanted:
            value.end()

    def put(self, number, file):
        try:
            ref = self.ray.put([pickle.PickleBuffer(mmap.mmap(file, 0, prot=mmap.PROT_READ))])
            self.keep((0, number), ref=ref)
        except Exception as error:
            self.value((0, number)).fail("it could not be put there: %s" % first_lines(error))
        finally:
            os.close(file)

    def fetch(self, number, key):
        try:
            held = self.ray.get(self.value(key).await_ref())[0]
            file = os.memfd_create("concurry-value")
        except Exception as error:
            self.driver.tell(FETCHED, number, first_lines(error))
            return
        try:
            view = memoryview(held).cast("B")
            done = 0
            while done < len(view):
                done += os.write(file, view[done : done + (64 << 20)])
            self.driver.tell(FETCHED, number, files=[file])
        except OSError as error:
            self.driver.tell(FETCHED, number, error)
        finally:
            os.close(file)

    def over(self, worker, fate, text):
        with self.lock:
            self.workers.pop(worker.number, None)
            missing = [key for key, value in self.values.items() if key[0] == worker.number and not value.came.is_set()]
            for key in missing:
                if self.values[key].unwanted:
                    self.values.pop(key)
                else:
                    self.values[key].fail("the node on which it was left is gone")
        if not self.closing:
            self.driver.tell(VALUE, worker.number, fate, text)

    def beat(self):
        while not self.closing:
            self.driver.tell(BELL)
            time.sleep(BEAT)
            with self.lock:
                old = [value for value in self.values.values() if value.is_old()]
            if old:
                threading.Thread(target=lambda: [value.stow() for value in old], daemon=True).start()

    def close(self):
        """Ends all workers and leaves the cluster; whatever hangs meanwhile."""
        self.closing = True
        own = []

        def end():
            # A cluster of this machine's own ends with this; some of it may stay behind where Ray ends it.
            for process, begun in own:
                if status(process)[1:] == [begun]:
                    try:
                        os.kill(process, signal.SIGKILL)
                    except OSError:
                        pass
            leave()

        watchdog = threading.Timer(PATIENCE, end)
        watchdog.daemon = True
        watchdog.start()
        try:
            if self.hello["address"] == "local":
                own += descendants(os.getpid())
            for pool in list(self.pools.values()):
                pool.end()
            self.ray.shutdown()
        finally:
            end()


class Pool:
    """A pool: what its workers are to be, and their places."""

    def __init__(self, bridge, hello):
        self.bridge = bridge
        self.hello = hello
        self.seats = {}
        self.over = False

    def wanted(self):
        hello = self.hello
        wanted = {"CPU": hello["num_cpus"], "GPU": hello["num_gpus"], "memory": hello["memory"]}
        wanted.update(hello["resources"])
        return {name: amount for name, amount in wanted.items() if amount}

    def check(self):
        """Whether any node can ever have such a worker."""
        hello = self.hello
        if hello["placement_group"] is not None:
            return
        wanted = self.wanted()
        nodes = [node for node in self.bridge.ray.nodes() if node["Alive"]]
        fits = lambda node: all(node["Resources"].get(name, 0) >= amount for name, amount in wanted.items())
        labels = lambda node: all(node.get("Labels", {}).get(key) == value for key, value in hello["labels"].items())
        named = lambda node: hello["node"] is None or hello["soft"] or node["NodeID"] == hello["node"]
        if any(fits(node) and labels(node) and named(node) for node in nodes):
            return
        raise Refused(
            "no node of the Ray cluster can have such a worker: asked for %s%s; the nodes have %s; ask for less, or add a node (where one is to come by itself, `place_timeout` says how long to wait for it)"
            % (amounts(wanted), self.conditions(), "; ".join(amounts(node["Resources"]) for node in nodes) or "nothing")
        )

    def conditions(self):
        hello = self.hello
        said = ["%s=%s" % pair for pair in hello["labels"].items()]
        if hello["node"] is not None:
            said.append("node %s" % hello["node"])
        return " on a node with %s" % ", ".join(said) if said else ""

    def options(self):
        hello = self.hello
        options = {"num_cpus": hello["num_cpus"], "num_gpus": hello["num_gpus"]}
        if hello["memory"]:
            options["memory"] = hello["memory"]
        if hello["resources"]:
            options["resources"] = hello["resources"]
        if hello["labels"]:
            options["label_selector"] = hello["labels"]
        from ray.util import scheduling_strategies as strategies

        if hello["placement_group"] is not None:
            group = self.bridge.ray.util.get_placement_group(hello["placement_group"])
            bundle = -1 if hello["bundle"] is None else hello["bundle"]
            options["scheduling_strategy"] = strategies.PlacementGroupSchedulingStrategy(group, bundle)
        elif hello["node"] is not None:
            options["scheduling_strategy"] = strategies.NodeAffinitySchedulingStrategy(hello["node"], hello["soft"])
        else:
            options["scheduling_strategy"] = hello["strategy"]
        return options

    def end(self):
        for seat in list(self.seats.values()):
            seat.end(self.bridge.ray)


class Value:
    """A value on the cluster, or one that is on its way there.

    One that a worker has left is at first with its actor, from where other workers on that machine have it without a copy. It
    becomes Ray's when it is needed elsewhere, when the actor is to end, and in any case after a moment.
    """

    def __init__(self):
        self.came = threading.Event()
        # Held while it goes from where it is to somewhere else.
        self.lock = threading.Lock()
        self.ref = None
        # The actor's seat, the actor, the worker's number, its call, and the number of the file.
        self.source = None
        # On which machine that is, the actor's process, and when that was begun.
        self.at = None
        self.since = None
        self.why = None
        self.unwanted = False

    def put(self, ref=None, source=None, at=None):
        self.ref, self.source, self.at = ref, source, at
        self.since = time.monotonic()
        if source is not None:
            source[0].values.add(self)
        self.came.set()

    def fail(self, why):
        self.why = why
        self.came.set()

    def is_old(self):
        return self.source is not None and time.monotonic() - self.since > BEAT

    def stow(self):
        """Has it be Ray's."""
        with self.lock:
            source, self.source = self.source, None
            if source is not None:
                seat, actor, worker, call, _ = source
                self.ref = actor.take.remote(worker, call)
                seat.values.discard(self)
            return self.ref

    def await_it(self):
        if not self.came.wait(STOWING):
            raise Lost("it did not come within %d s" % STOWING)

    def await_ref(self):
        self.await_it()
        ref = self.stow()
        if ref is None:
            raise Lost(self.why or "it was given up")
        return ref

    def end(self):
        """Nobody needs it any more."""
        with self.lock:
            source, self.source = self.source, None
            self.ref = None
            if source is not None:
                seat, actor, worker, call, _ = source
                actor.drop.remote(worker, call)
                seat.values.discard(self)

    def pass_on(self, ray, actor, number, key, at):
        """Gives it to a worker of the machine that it is on; whether it could."""
        with self.lock:
            if self.source is None or self.at is None or at is None or self.at[0] != at[0]:
                return False
            passed = actor.pass_on.remote(number, *key, self.at[1], self.at[2], self.source[4])
            return ray.get(passed, timeout=SILENCE)


class Seat:
    """A worker's place in its pool, and the actor that keeps it: successors are started where their predecessor was."""

    def __init__(self):
        self.actor = None
        # The values that are with it.
        self.values = set()

    def end(self, ray):
        actor, self.actor = self.actor, None
        refs = [value.stow() for value in list(self.values)]
        # Without those that nobody needs any more by now.
        refs = [ref for ref in refs if ref is not None]
        if refs:
            ray.wait(refs, num_returns=len(refs), timeout=SILENCE)
        if actor is not None:
            try:
                ray.kill(actor)
            except Exception:
                pass


class Worker:
    """One incarnation of a worker."""

    def __init__(self, pool, number, seat, what, stream, stderr):
        self.pool = pool
        self.bridge = pool.bridge
        self.number = number
        self.seat = seat
        self.what = what
        self.stream = stream
        self.stderr = stderr
        # How its frames travel; and why it is ended, where the driver says that.
        self.direct = what["direct"] == "1"
        self.why = None
        self.killed = False
        # Its node was offered to the driver, which may have it started at any moment; it was started.
        self.offered = False
        self.placed = False
        self.listener = None
        self.done = threading.Event()
        self.lock = threading.Lock()
        # It is started, or never will be; and the keys of the values that it was given.
        self.settled = threading.Event()
        self.given = set()
        # On which machine it is, its actor's process, and when that was begun.
        self.at = None

    def live(self):
        ray = self.bridge.ray
        try:
            fate, text = self.run(ray)
        except Refused as error:
            fate, text = "refused", str(error)
        except Lost as error:
            fate, text = "lost", str(error)
        except ray.exceptions.RayError as error:
            self.seat.end(ray)
            if not self.placed and not self.offered:
                fate, text = "refused", "Ray could not start it: %s" % first_lines(error)
            else:
                fate, text = "lost", "its Ray actor is gone (%s)" % first_lines(error)
        except Exception as error:
            self.seat.end(ray)
            fate, text = "lost", "the bridge to Ray failed it: %r" % error
        if self.why is not None:
            fate, text = "refused", self.why
        self.done.set()
        self.settled.set()
        if self.what["release"] == "1" or self.pool.over:
            self.seat.end(ray)
        # In this order: the driver asks for its fate when it sees the end.
        self.bridge.over(self, fate, text)
        try:
            self.stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        if self.listener is not None:
            # Its number may be another's as soon as it is closed.
            self.listener.join()
        self.stream.close()
        if self.stderr is not None:
            os.close(self.stderr)

    def run(self, ray):
        for attempt in range(1, ATTEMPTS + 1):
            try:
                actor = self.place(ray)
                break
            except ray.exceptions.RayActorError:
                self.seat.end(ray)
                if attempt == ATTEMPTS or self.killed or self.offered:
                    raise
                # Nothing of the user's has run there.
                time.sleep(PAUSE)
        if self.direct:
            self.stream.close()
        else:
            self.listener = threading.Thread(target=self.down, args=(ray, actor), daemon=True)
            self.listener.start()
        ask = lambda: actor.drain.remote(self.number, BEAT)
        asked = ask()
        while True:
            try:
                said = ray.get(asked, timeout=SILENCE)
            except ray.exceptions.GetTimeoutError:
                self.seat.end(ray)
                return "lost", "its node was not heard for %d s" % SILENCE
            # At once: what is asked for while this is passed on comes the sooner.
            asked = ask()
            at, view = 0, memoryview(said)
            while at < len(view):
                kind, length = struct.unpack_from(RECORD, view, at)
                at += struct.calcsize(RECORD)
                data = view[at : at + length]
                at += length
                if kind == b"D":
                    self.up(data)
                elif kind == b"X":
                    return "ended", bytes(data).decode()
                elif kind == b"K":
                    for call, file in struct.iter_unpack(KEPT, data):
                        source = (self.seat, actor, self.number, call, file)
                        self.bridge.keep((self.number, call), source=source, at=self.at)
                else:
                    printed(self.stderr if kind == b"E" else STDOUT, data)

    def up(self, data):
        try:
            self.stream.sendall(data)
        except OSError:
            # The driver has closed it, and wants to hear no more.
            self.kill()

    def place(self, ray):
        bridge, pool, hello = self.bridge, self.pool, self.pool.hello
        limit = hello["place_timeout"]
        if self.seat.actor is None:
            if limit is None:
                pool.check()
            spec = {name: hello[name] for name in ("name", "env", "exe_path", "capture_stderr", "folder")}
            spec["sha256"] = bridge.sha256
            try:
                actor = bridge.kind.options(**pool.options()).remote(spec)
            except (ValueError, TypeError) as error:
                raise Refused("Ray takes no such options: %s" % first_lines(error))
            with self.lock:
                self.seat.actor = actor
        actor = self.seat.actor
        with self.lock:
            if self.killed:
                raise Refused("it was ended before it was started")
        limit = 30.0 if limit is None else limit
        try:
            answer = ray.get(actor.begin.remote(self.number, None, self.direct), timeout=limit)
            if answer.get("need"):
                begun = actor.begin.remote(self.number, bridge.ship(), self.direct)
                answer = ray.get(begun, timeout=max(limit, 60.0))
        except ray.exceptions.GetTimeoutError:
            self.seat.end(ray)
            raise Refused(
                "Ray has not placed it within %g s: asked for %s%s; of what the cluster has (%s), free are %s; ask for less, let fewer workers run, add a node, or wait longer by `place_timeout`"
                % (
                    limit,
                    amounts(pool.wanted()),
                    pool.conditions(),
                    amounts(ray.cluster_resources()),
                    amounts(ray.available_resources()),
                )
            )
        if "offer" in answer:
            answer = self.offer(ray, actor, answer["offer"])
        if "refused" in answer:
            raise Refused(answer["refused"])
        self.direct = answer["direct"]
        self.at = answer["at"]
        self.placed = True
        self.settled.set()
        bridge.driver.tell(BEGUN, self.number, answer["pid"])
        with self.lock:
            if self.killed:
                actor.kill.remote(self.number)
        return actor

    def offer(self, ray, actor, offer):
        """Has the driver connect to the worker's node; what its start has come to."""
        with self.lock:
            if self.killed:
                raise Refused("it was ended before it was started")
            self.offered = True
        self.bridge.driver.tell(OFFER, self.number, *offer)
        answer = None
        while answer is None:
            try:
                answer = ray.get(actor.started.remote(self.number), timeout=SILENCE)
            except ray.exceptions.GetTimeoutError:
                self.seat.end(ray)
                raise Lost("its node was not heard for %d s" % SILENCE)
        return answer

    def relay(self):
        """The driver cannot connect to it."""
        with self.lock:
            actor = self.seat.actor
        if actor is not None:
            actor.relay.remote(self.number)

    def give(self, key, value):
        """Has a value brought to it, once."""
        with self.lock:
            if key in self.given:
                return
            self.given.add(key)
        threading.Thread(target=self.bring, args=(key, value), daemon=True).start()

    def bring(self, key, value):
        self.settled.wait()
        with self.lock:
            actor = self.seat.actor
        if actor is None or self.done.is_set():
            return
        ray = self.bridge.ray
        try:
            value.await_it()
            if not value.pass_on(ray, actor, self.number, key, self.at):
                ray.get(actor.give.remote(self.number, *key, value.await_ref()))
        except Exception as error:
            actor.lose.remote(self.number, *key, first_lines(error))

    def take_back(self, key):
        with self.lock:
            self.given.discard(key)
            actor = self.seat.actor
        if actor is not None and not self.done.is_set():
            actor.forget.remote(self.number, *key)

    def down(self, ray, actor):
        """Passes on what the driver says."""
        turn, under_way, total = 0, collections.deque(), 0
        while not self.done.is_set():
            batch = Batch(self.stream)
            if batch.size == 0:
                break
            while under_way and not self.done.is_set():
                few = FEW if batch.size < SMALL else MANY
                if len(under_way) < few and total <= UNDER_WAY:
                    break
                if ray.wait([under_way[0][0]], timeout=BEAT)[0]:
                    total -= under_way.popleft()[1]
                    batch.fill()
            under_way.append((actor.push.remote(self.number, turn, batch.join()), batch.size))
            turn += 1
            total += batch.size
        if not self.done.is_set():
            # The driver has closed it.
            self.kill()

    def kill(self):
        with self.lock:
            again, self.killed = self.killed, True
            actor = self.seat.actor
            begun = self.placed or self.offered
        if again or self.done.is_set():
            return
        if not begun:
            # Whoever waits for it to be placed sees that.
            self.seat.end(self.bridge.ray)
            return
        if actor is not None:
            actor.kill.remote(self.number)

        def give_up():
            if not self.done.wait(PATIENCE):
                self.seat.end(self.bridge.ray)

        threading.Thread(target=give_up, daemon=True).start()


class Batch:
    """What there is to be sent, once there is something; nothing at the end of it."""

    def __init__(self, stream):
        self.stream = stream
        self.parts = []
        self.size = 0
        if self.take(0):
            self.fill()

    def take(self, flags):
        try:
            part = self.stream.recv(MOUTHFUL, flags)
        except OSError:
            # There is nothing more, or never will be, which the next one finds out.
            return False
        self.parts.append(part)
        self.size += len(part)
        return bool(part)

    def fill(self):
        while self.size < BATCH:
            if not self.take(socket.MSG_DONTWAIT):
                if self.size < STREAM or not self.comes() or not self.take(socket.MSG_DONTWAIT):
                    return

    def comes(self):
        poll = select.poll()
        poll.register(self.stream, select.POLLIN)
        return bool(poll.poll(ABOUT * 1000))

    def join(self):
        return self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)


def exactly(link, count):
    """So many bytes of a socket."""
    data = b""
    while len(data) < count:
        piece = link.recv(count - len(data))
        if not piece:
            raise OSError("it has ended")
        data += piece
    return data


def knock(address):
    """Whether anybody is there: Ray itself would wait for that for a long time."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK).close()


def printed(where, data):
    """What a worker has printed; where nobody takes it, it is lost."""
    while where is not None and data:
        try:
            data = data[os.write(where, data) :]
        except OSError:
            return


def amounts(resources):
    shown = []
    for name, amount in sorted(resources.items()):
        if name.startswith("node:") or name == "object_store_memory":
            continue
        if name == "memory":
            shown.append("memory %.1f GiB" % (amount / (1 << 30)))
        else:
            shown.append("%s %g" % (name, amount))
    return "{%s}" % ", ".join(shown)


def first_lines(error):
    """The gist of an error: Ray's may have pages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines)[:500]
    return text or type(error).__name__


def main():
    global STDOUT
    link = socket.socket(fileno=os.dup(0))
    os.set_inheritable(link.fileno(), False)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    # Workers' output goes to the driver's stdout; what Python or Ray print does not.
    STDOUT = os.dup(1)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    driver = Driver(link)
    first = driver.hear()
    if first is None or first[0] != START or not first[3]:
        leave(1)
    bridge = Bridge(driver, told(first[2]), first[3][0])
    threading.Thread(target=bridge.beat, daemon=True).start()
    try:
        bridge.connect()
    except Refused as error:
        driver.tell(FAILED, 0, error)
        leave(1)
    except Exception as error:
        driver.tell(FAILED, 0, "the bridge to Ray failed: %r" % error)
        leave(1)
    driver.tell(READY, 0, bridge.sha256, bridge.size)
    while True:
        order = driver.hear()
        if order is None or order[:2] == (STOP, 0):
            bridge.close()
        kind, number, what, files = order
        if kind == POOL:
            bridge.open(number, told(what))
        elif kind == STOP:
            threading.Thread(target=bridge.shut, args=(number,), daemon=True).start()
        elif kind == FORK and files:
            bridge.fork(number, what, files)
        elif kind == RELAY:
            bridge.relay(number)
        elif kind == GIVE:
            bridge.give(number, (int(what["worker"]), int(what["call"])), what["lost"] == "1")
        elif kind == FORGET:
            bridge.forget((number, int(what["call"])))
        elif kind == FETCH:
            key = int(what["worker"]), int(what["call"])
            threading.Thread(target=bridge.fetch, args=(number, key), daemon=True).start()
        elif kind == PUT and files:
            threading.Thread(target=bridge.put, args=(number, files[0]), daemon=True).start()
        elif kind == LEAVE:
            bridge.kill(number, what.get("why"))


STDOUT = None
main()
