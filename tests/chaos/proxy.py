"""Network faults between processes: one link for each pair that talks, through which all its
connections go, and on which bytes are delayed, held back, swallowed or cut off.

What cannot happen to a connection does not happen here: bytes keep their order and none is lost
from the middle; a link that has swallowed some cuts its connections in the end.
"""

import asyncio
import contextlib
import os
import socket
import struct
import threading

CHUNK = 65536
FAULTS = ["delay", "hold", "half_open", "cut"]


class Link:
    """One listener and its connections. All but `play` runs in the network's loop."""

    def __init__(self, name, target):
        self.name = name
        self.target = target    # a unix socket's path, or (host, port)
        self.address = None     # where the link listens, in the same form
        self._delay = 0.0
        self._open = asyncio.Event()
        self._open.set()
        self._swallow = False
        self._writers = set()

    async def listen(self, path=None):
        if path:
            self._server = await asyncio.start_unix_server(self._serve, path)
            os.chmod(path, 0o777)
            self.address = path
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.address = self._server.sockets[0].getsockname()[:2]

    async def _serve(self, reader, writer):
        await self._open.wait()
        try:
            if isinstance(self.target, str):
                there, out = await asyncio.open_unix_connection(self.target)
            else:
                there, out = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, out)
        self._writers.add(pair)
        try:
            await asyncio.gather(self._pump(reader, out), self._pump(there, writer))
        finally:
            self._writers.discard(pair)
            for w in pair:
                w.transport.abort()

    async def _pump(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while data := await reader.read(CHUNK):
                if self._delay:
                    await asyncio.sleep(self._delay)
                await self._open.wait()
                if self._swallow:
                    continue
                writer.write(data)
                await writer.drain()
            # Its peer has closed: what is on its way the other way still arrives.
            if writer.can_write_eof():
                writer.write_eof()

    def cut(self):
        for pair in list(self._writers):
            for w in pair:
                _reset(w)

    async def play(self, fault, seconds):
        if fault == "delay":
            self._delay = 0.02 + seconds / 20
            await asyncio.sleep(seconds)
            self._delay = 0.0
        elif fault == "hold":
            self._open.clear()
            await asyncio.sleep(seconds)
            self._open.set()
        elif fault == "half_open":
            self._swallow = True
            await asyncio.sleep(seconds)
            self.cut()
            self._swallow = False
        else:
            self.cut()

    def heal(self):
        self._delay = 0.0
        self._open.set()
        if self._swallow:
            self.cut()
            self._swallow = False


def _reset(writer):
    """RST rather than FIN: what was written and not read yet is lost, as when a host goes down."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Network:
    """All links, in a loop of their own. Thread safe."""

    def __init__(self):
        self.links = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def add(self, name, target, path=None):
        """The address that stands for `target` now."""

        async def make():
            link = Link(name, target)
            await link.listen(path)
            return link

        self.links[name] = self._do(make()).result(10)
        return self.links[name].address

    def play(self, name, fault, seconds):
        """Returns when the fault is over."""
        self._do(self.links[name].play(fault, seconds)).result(seconds + 30)

    def heal(self):
        for link in self.links.values():
            self._loop.call_soon_threadsafe(link.heal)

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
