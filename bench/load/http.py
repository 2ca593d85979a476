"""A small strict client, for what must be true before anybody is measured."""

import socket
from dataclasses import dataclass


class Broken(Exception):
    """The peer did not speak HTTP as asked."""


@dataclass
class Response:
    """One response, and how many bytes it took on the wire."""

    status: int
    fields: dict
    content: bytes
    bytes: int


class Client:
    """One connection that persists."""

    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def exchange(self, request):
        """Sends one GET request, reads its response."""
        self.socket.sendall(request)
        return self.response()

    def response(self):
        """Reads the next response."""
        while b"\r\n\r\n" not in self.rest:
            self._receive()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {}
        for line in lines:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        status = int(first.split()[1])
        length = 0 if status in (204, 304) else self._content_length(fields)
        # Copied once: a file may have a hundred megabytes.
        parts, missing = [self.rest[:length]], length - len(self.rest)
        self.rest = self.rest[length:]
        while missing > 0:
            part = self.socket.recv(min(missing, 1 << 20))
            if not part:
                raise Broken("closed within the content")
            parts.append(part)
            missing -= len(part)
        return Response(status, fields, b"".join(parts), len(head) + 4 + length)

    def closed(self):
        """Whether the peer closes now, having sent nothing more."""
        return not self.rest and self.socket.recv(1) == b""

    def _receive(self):
        part = self.socket.recv(65_536)
        if not part:
            raise Broken("closed before the end of a head")
        self.rest += part

    @staticmethod
    def _content_length(fields):
        try:
            return int(fields["content-length"])
        except KeyError:
            raise Broken("a response without Content-Length") from None


def request(path, fields=()):
    """The bytes of a GET request, with the same fields as wrk sends them."""
    lines = [f"GET /{path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in fields)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
