"""As much of Ray as the bridge of mode `ray` uses, on this machine and without a cluster: for tests where Ray is not.

A cluster is two nodes of four CPUs, which live and die with the process that joins it. An actor is a process that is
forked, so that it can be killed and stopped like one of Ray's; it ends when the one that made it does.
"""

import gc
import os
import pickle
import queue
import signal
import socket
import struct
import sys
import threading
import time

from . import exceptions, util

__version__ = "2.60.0"


class Node:
    def __init__(self, name, resources):
        self.name = name
        self.total = resources
        self.free = dict(resources)


NODES = []
FREED = threading.Condition()
OWN_NODE = None


def init(address=None, **options):
    if address != "stub":
        raise ConnectionError("nobody listens at %s" % address)
    NODES.append(Node("stub-node-1", {"CPU": 4.0, "memory": float(4 << 30), "first": 8.0}))
    NODES.append(Node("stub-node-2", {"CPU": 4.0, "memory": float(4 << 30), "second": 8.0}))


def shutdown():
    for actor in list(ALIVE):
        actor._end()


def nodes():
    return [{"NodeID": node.name, "Alive": True, "Resources": dict(node.total), "Labels": {}} for node in NODES]


def sums(of):
    total = {}
    for node in NODES:
        for name, amount in of(node).items():
            total[name] = total.get(name, 0) + amount
    return total


def cluster_resources():
    return sums(lambda node: node.total)


def available_resources():
    return sums(lambda node: node.free)


class Context:
    def get_node_id(self):
        return OWN_NODE


def get_runtime_context():
    return Context()


# -- results


class Ref:
    def __init__(self):
        self.done = threading.Event()
        self.value = None
        self.error = None

    def set(self, value=None, error=None):
        self.value, self.error = value, error
        self.done.set()


def put(value):
    ref = Ref()
    ref.set(value)
    return ref


def get(ref, timeout=None):
    if not ref.done.wait(timeout):
        raise exceptions.GetTimeoutError("not within %s s" % timeout)
    if ref.error is not None:
        raise ref.error
    return ref.value


def wait(refs, num_returns=1, timeout=None):
    done = [ref for ref in refs if ref.done.wait(timeout)]
    return done, [ref for ref in refs if ref not in done]


# -- actors


def method(concurrency_group):
    def mark(function):
        function.concurrency_group = concurrency_group
        return function

    return mark


def remote(**options):
    return lambda kind: ActorClass(kind, options, {})


class ActorClass:
    def __init__(self, kind, made, options):
        self.kind, self.made, self.wanted = kind, made, options

    def options(self, **options):
        return ActorClass(self.kind, self.made, options)

    def remote(self, *args):
        return Actor(self, args)


ALIVE = set()


class Actor:
    def __init__(self, kind, args):
        self.lock = threading.Lock()
        self.waiting = []
        self.refs = {}
        self.last = 0
        self.link = None
        self.pid = None
        self.dead = False
        ALIVE.add(self)
        threading.Thread(target=self._place, args=(kind, args), daemon=True).start()

    def __getattr__(self, name):
        return Method(self, name)

    def _place(self, kind, args):
        wanted = {"CPU": kind.wanted.get("num_cpus", 0), "memory": kind.wanted.get("memory", 0)}
        wanted.update(kind.wanted.get("resources", {}))
        spread = kind.wanted.get("scheduling_strategy") == "SPREAD"
        named = getattr(kind.wanted.get("scheduling_strategy"), "node_id", None)

        def fits(node):
            if named is not None and node.name != named:
                return False
            return all(node.free.get(name, 0) >= amount for name, amount in wanted.items())

        with FREED:
            while not self.dead:
                found = [node for node in NODES if fits(node)]
                if spread:
                    found.sort(key=lambda node: -node.free["CPU"])
                if found:
                    break
                FREED.wait(0.1)
            if self.dead:
                return
            node = found[0]
            for name, amount in wanted.items():
                node.free[name] = node.free.get(name, 0) - amount
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            serve(kind, args, node.name, theirs.detach())
        theirs.close()
        with self.lock:
            self.pid, self.link = pid, ours
            waiting, self.waiting = self.waiting, []
            for call in waiting:
                self._write(call)
            killed = self.dead
        if killed:
            os.kill(pid, signal.SIGKILL)
        try:
            while True:
                number, ok, value = receive(ours)
                with self.lock:
                    ref = self.refs.pop(number, None)
                if ref is not None:
                    ref.set(value) if ok else ref.set(error=exceptions.RayTaskError(value))
        except EOFError:
            pass
        os.waitpid(pid, 0)
        self._end()
        with FREED:
            for name, amount in wanted.items():
                node.free[name] += amount
            FREED.notify_all()

    def call(self, name, args):
        ref = Ref()
        try:
            args = [get(arg) if isinstance(arg, Ref) else arg for arg in args]
        except Exception as error:
            ref.set(error=error)
            return ref
        with self.lock:
            if self.dead:
                ref.set(error=exceptions.ActorDiedError("The actor died."))
                return ref
            self.last += 1
            self.refs[self.last] = ref
            call = (self.last, name, args)
            if self.link is None:
                self.waiting.append(call)
            else:
                self._write(call)
        return ref

    def _write(self, call):
        try:
            send(self.link, call)
        except OSError:
            # It is gone, and its reader sees that.
            pass

    def _end(self):
        with self.lock:
            self.dead = True
            refs, self.refs = self.refs, {}
            pid = self.pid
        ALIVE.discard(self)
        for ref in refs.values():
            ref.set(error=exceptions.ActorDiedError("The actor died unexpectedly."))
        if pid is not None:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass


def kill(actor):
    actor._end()


class Method:
    def __init__(self, actor, name):
        self.actor, self.name = actor, name

    def remote(self, *args):
        return self.actor.call(self.name, args)


# -- inside of an actor's process


class Behind(socket.socket):
    """A socket on a node whose ports are others outside: who knows them is asked for the name of one that listens."""

    def listen(self, *args):
        super().listen(*args)
        host, port = super().getsockname()[:2]
        with socket.socket(socket.AF_UNIX) as gateway:
            gateway.connect(os.environ["STUB_GATEWAY"])
            gateway.sendall(b"%d\n" % port)
            self.outside = (host, int(gateway.makefile().readline()))

    def getsockname(self):
        return self.outside


def send(link, what):
    data = pickle.dumps(what, protocol=5)
    link.sendall(struct.pack("<Q", len(data)) + data)


def receive(link):
    def exactly(count):
        data = bytearray()
        while len(data) < count:
            try:
                piece = link.recv(min(count - len(data), 1 << 20))
            except OSError:
                piece = b""
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    return pickle.loads(exactly(struct.unpack("<Q", exactly(8))[0]))


def serve(kind, args, node, number):
    """An actor's process; never returns. It was forked, and what it has of its maker's it lets go of."""
    global OWN_NODE
    OWN_NODE = node
    if "STUB_GATEWAY" in os.environ:
        socket.socket = Behind
    # Sockets of its maker's that were lost there would be closed by their numbers, which are others' here.
    gc.disable()
    try:
        null = os.open("/dev/null", os.O_RDWR)
        link = os.dup2(number, 3) if number != 3 else 3
        os.closerange(4, 4096)
        os.dup2(2, 1)
        link = socket.socket(fileno=link)
        os.set_inheritable(3, False)
        actor = kind.kind(*args)
        writing = threading.Lock()
        queues = {}

        def work(calls):
            while True:
                number, name, given = calls.get()
                try:
                    answer = (number, True, getattr(actor, name)(*given))
                except Exception as error:
                    answer = (number, False, repr(error))
                with writing:
                    send(link, answer)

        for group, count in kind.made["concurrency_groups"].items():
            queues[group] = queue.SimpleQueue()
            for _ in range(count):
                threading.Thread(target=work, args=(queues[group],), daemon=True).start()
        while True:
            call = receive(link)
            queues[getattr(kind.kind, call[1]).concurrency_group].put(call)
    finally:
        os._exit(0)
