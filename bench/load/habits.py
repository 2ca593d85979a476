"""Hostile habits of HTTP clients, each a coroutine that takes the port: one connection, or one burst of them.

They are bounded, on loopback, and at a modest rate. Whatever the server does to such a client is right.
"""

import asyncio
import contextlib
import random
import re
import socket
import struct

KIB = 1024
LARGE_BYTES = 20 * KIB * KIB
FILES = {"index.html": 2 * KIB, "style.css": 9 * KIB, "photo.jpg": 300 * KIB, "large.bin": LARGE_BYTES}
# Connections of one burst.
BURST = 300


def write_files(root):
    """Writes the site that they ask for."""
    for name, size in FILES.items():
        (root / name).write_bytes(random.Random(name).randbytes(size))


async def get(port, name):
    """The content of a file, over a connection of its own."""
    async with connected(port) as (reader, writer):
        writer.write(request(name, "Connection: close\r\n"))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"Content-Length: (\d+)", head).group(1))
        return await reader.readexactly(length)


@contextlib.asynccontextmanager
async def connected(port, buffer=None, source=None):
    """A connection, perhaps with a small buffer to receive into, perhaps from another address."""
    peer = socket.socket()
    if buffer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    if source:
        peer.bind((source, 0))
    peer.setblocking(False)
    writer = None
    try:
        await asyncio.get_running_loop().sock_connect(peer, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=peer, limit=64 * KIB)
        yield reader, writer
    finally:
        if writer:
            writer.transport.abort()
        peer.close()


def request(name, fields=""):
    return f"GET /{name} HTTP/1.1\r\nHost: millpond\r\n{fields}\r\n".encode()


async def slow_head(port):
    """A head that never ends, a byte at a time, until the server has had enough."""
    async with connected(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: millpond\r\nX: ")
        while not reader.at_eof():
            writer.write(b"x")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await reader.read(KIB)


async def slow_content(port):
    """Content that is promised, and comes a byte at a time."""
    async with connected(port) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: millpond\r\nContent-Length: 500\r\n\r\n")
        while not reader.at_eof():
            writer.write(b"x")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await reader.read(KIB)


async def silent(port):
    """Connects and says nothing."""
    async with connected(port) as (reader, _):
        await reader.read()


async def unread(port):
    """Asks for what is large, and does not read it."""
    async with connected(port, buffer=4 * KIB) as (_, writer):
        writer.transport.pause_reading()
        writer.write(request("large.bin"))
        await asyncio.sleep(45)


async def slow_reader(port, bytes_a_second=KIB):
    """Asks for what is large, and reads a little of it at a time."""
    loop = asyncio.get_running_loop()
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
        peer.setblocking(False)
        await loop.sock_connect(peer, ("127.0.0.1", port))
        await loop.sock_sendall(peer, request("large.bin"))
        while await loop.sock_recv(peer, bytes_a_second):
            await asyncio.sleep(1)


async def idle(port):
    """Asks once, and keeps the connection."""
    async with connected(port) as (reader, writer):
        writer.write(request("index.html"))
        await reader.read()


async def reset(port):
    """Breaks off in the middle of a response, with a reset."""
    async with connected(port) as (reader, writer):
        writer.write(request("large.bin"))
        await reader.readexactly(10 * KIB)
        peer = writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def half_close(port):
    """Closes its own side right behind the request."""
    async with connected(port) as (reader, writer):
        writer.write(request("style.css"))
        writer.write_eof()
        await reader.read()


async def many_ranges(port):
    """Asks for more ranges than anybody needs, overlapping and out of order."""
    ranges = ",".join(f"{random.randrange(9000)}-" for _ in range(random.choice([2, 50, 1000])))
    async with connected(port) as (reader, writer):
        writer.write(request("style.css", f"Range: bytes={ranges}\r\nConnection: close\r\n"))
        await drained(reader)


async def pipelined(port):
    """Sends hundreds of requests at once."""
    async with connected(port) as (reader, writer):
        writer.write(request("index.html") * 300 + request("missing", "Connection: close\r\n"))
        await drained(reader)


async def nonsense(port):
    """Says what is not HTTP, or breaks its grammar."""
    said = random.choice(
        [
            random.randbytes(300),
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"GET /" + b"a" * 20_000,
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000,
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 9000,
        ]
    )
    async with connected(port) as (reader, writer):
        writer.write(said)
        writer.write_eof()
        await drained(reader)


async def burst(port):
    """Many connections at once, each from an address of its own, that leave at once."""
    async with contextlib.AsyncExitStack() as all_of_them:
        for _ in range(BURST):
            source = f"127.{random.randrange(1, 250)}.{random.randrange(250)}.{random.randrange(1, 250)}"
            await all_of_them.enter_async_context(connected(port, source=source))


async def drained(reader):
    """Reads to the end, some seconds at most."""
    async with asyncio.timeout(10):
        while await reader.read(64 * KIB):
            pass


# Each takes a moment.
ODD = (reset, half_close, many_ranges, pipelined, nonsense)
