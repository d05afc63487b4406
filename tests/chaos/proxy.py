"""Network faults between processes: one link for each pair that talks, through which all its
connections go, and on which bytes are delayed, held back, swallowed or cut off.

What cannot happen to a connection does not happen here: bytes keep their order and none is lost
from the middle; a link that has swallowed some cuts its connections in the end.

`Network` is the caller's side. The links run in a process of their own (this file, started by
itself): among the threads of the caller they would be what slows the stack down.
"""

import collections
import heapq
import json
import os
import selectors
import socket
import struct
import subprocess
import sys
import threading
import time

CHUNK = 65536
BACKLOG = 1 << 20  # bytes of one direction under way, at most


class Network:
    """All links. Thread safe; `add` and `play` block, `play` until the fault is over."""

    def __init__(self):
        self._process = subprocess.Popen([sys.executable, os.path.abspath(__file__)],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lock = threading.Lock()

    def _ask(self, **order):
        with self._lock:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def add(self, name, target, path=None):
        """The address that stands for `target` (a unix socket's path, or host and port) now."""
        return self._ask(do="add", name=name, target=target, path=path)

    def play(self, name, fault, seconds):
        self._ask(do="begin", name=name, fault=fault, seconds=seconds)
        time.sleep(seconds)
        self._ask(do="end", name=name)

    def heal(self):
        self._ask(do="heal")

    def stop(self):
        self._process.stdin.close()
        self._process.wait(10)


class Link:
    def __init__(self, name, target):
        self.name, self.target = name, target
        self.connections = set()
        self.fault, self.delay = "", 0.0


class Direction:
    """Bytes from one socket to the other, each chunk with the moment from which it may go."""

    def __init__(self, connection, source, sink):
        self.connection, self.source, self.sink = connection, source, sink
        self.waiting = collections.deque()
        self.size = 0
        self.ended = False  # the source has closed its side
        self.closed = False


class Connection:
    def __init__(self, link, near, far):
        self.link = link
        self.ways = {near: Direction(self, near, far), far: Direction(self, far, near)}


class Proxy:
    """One thread, one selector."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.links = {}
        self.due = []  # (moment, number, Direction)
        self.number = 0
        self.orders = b""

    def run(self):
        os.set_blocking(0, False)
        self.selector.register(0, selectors.EVENT_READ, None)
        while True:
            wait = max(0.0, self.due[0][0] - time.monotonic()) if self.due else None
            for key, mask in self.selector.select(wait):
                if key.data is None:
                    if not self.obey():
                        return
                elif isinstance(key.data, Link):
                    self.accept(key.fileobj, key.data)
                else:
                    self.move(key.fileobj, key.data, mask)
            while self.due and self.due[0][0] <= time.monotonic():
                self.flush(heapq.heappop(self.due)[2])

    # -- orders -----------------------------------------------------------------------------------
    def obey(self):
        data = os.read(0, CHUNK)
        if not data:
            return False
        *lines, self.orders = (self.orders + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            answer = getattr(self, "do_" + order.pop("do"))(**order)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
        return True

    def do_add(self, name, target, path):
        listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        listener.bind(path or ("127.0.0.1", 0))
        if path:
            os.chmod(path, 0o777)
        listener.listen(128)
        listener.setblocking(False)
        link = self.links[name] = Link(name, target if isinstance(target, str) else tuple(target))
        self.selector.register(listener, selectors.EVENT_READ, link)
        return path or list(listener.getsockname())

    def do_begin(self, name, fault, seconds):
        link = self.links[name]
        if fault == "cut":
            self.cut(link)
        else:
            link.fault, link.delay = fault, 0.02 + seconds / 20
        return True

    def do_end(self, name):
        link = self.links[name]
        fault, link.fault = link.fault, ""
        if fault == "half_open":
            self.cut(link)
        for connection in list(link.connections):
            for way in list(connection.ways.values()):
                self.flush(way)
        return True

    def do_heal(self):
        return all(self.do_end(name) for name in self.links)

    # -- connections ------------------------------------------------------------------------------
    def accept(self, listener, link):
        near, _ = listener.accept()
        far = socket.socket(socket.AF_UNIX if isinstance(link.target, str) else socket.AF_INET)
        try:
            far.settimeout(0.5)  # on this machine: at once, or its host is in trouble
            far.connect(link.target)
        except OSError:
            near.close()
            far.close()
            return
        connection = Connection(link, near, far)
        link.connections.add(connection)
        for sock in (near, far):
            sock.setblocking(False)
            if sock.family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(sock, selectors.EVENT_READ, connection)

    def move(self, sock, connection, mask):
        if mask & selectors.EVENT_WRITE:
            for way in list(connection.ways.values()):
                if way.sink is sock:
                    self.flush(way)
        if mask & selectors.EVENT_READ and connection in connection.link.connections:
            self.read(connection.ways[sock])

    def read(self, way):
        link = way.connection.link
        try:
            data = way.source.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            return self.close(way.connection)
        if data and link.fault == "half_open":
            return None
        if not data:
            way.ended = True
        at = 0.0
        if data and link.fault == "delay":
            at = time.monotonic() + link.delay
            self.number += 1
            heapq.heappush(self.due, (at, self.number, way))
        way.waiting.append((at, data))
        way.size += len(data)
        return self.flush(way)

    def flush(self, way):
        """Writes what may go; then watches for what the two sockets wait for."""
        if way.connection not in way.connection.link.connections:
            return
        blocked = False
        try:
            while way.waiting and way.connection.link.fault != "hold":
                at, data = way.waiting[0]
                if at > time.monotonic():
                    break
                if not data:
                    way.waiting.popleft()
                    way.closed = True
                    way.sink.shutdown(socket.SHUT_WR)
                    break
                sent = way.sink.send(data)
                way.size -= sent
                if sent == len(data):
                    way.waiting.popleft()
                else:
                    way.waiting[0] = (0.0, data[sent:])
        except BlockingIOError:
            blocked = True
        except OSError:
            return self.close(way.connection)
        if all(w.closed for w in way.connection.ways.values()):
            return self.close(way.connection)
        self.watch(way, blocked)

    def watch(self, way, blocked):
        back = way.connection.ways[way.sink]
        reading = 0 if way.ended or way.size > BACKLOG else selectors.EVENT_READ
        writing = selectors.EVENT_WRITE if blocked else 0
        self.set_events(way.source, selectors.EVENT_READ, reading, way.connection)
        self.set_events(back.source, selectors.EVENT_WRITE, writing, way.connection)

    def set_events(self, sock, of, wanted, connection):
        try:
            now = self.selector.get_key(sock).events
        except KeyError:
            now = 0
        events = (now & ~of) | wanted
        if events == now:
            return
        if not events:
            self.selector.unregister(sock)
        elif not now:
            self.selector.register(sock, events, connection)
        else:
            self.selector.modify(sock, events, connection)

    def close(self, connection):
        if connection not in connection.link.connections:
            return
        connection.link.connections.discard(connection)
        for sock in connection.ways:
            self.set_events(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, 0, connection)
            sock.close()

    def cut(self, link):
        """RST rather than FIN: what was not read yet is lost, as when a host goes down."""
        for connection in list(link.connections):
            for sock in connection.ways:
                if sock.family == socket.AF_INET:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close(connection)


if __name__ == "__main__":
    Proxy().run()
