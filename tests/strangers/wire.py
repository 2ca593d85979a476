"""HTTP/1.1 by hand, for judges that must send what no client library would.

Every script here prints one line a case: its name, `ok`, `miss` or `left-out`, and what was seen, with
tabs between. Whether a miss is a defect or a choice is for the Rust test that runs the script to say.
"""

import re
import socket
import sys
from dataclasses import dataclass


@dataclass
class Response:
    status: int
    fields: dict[str, str]
    content: bytes


def exchange(address: str, request: bytes, piece: int | None = None, patience: float = 5.0) -> bytes:
    """Sends `request` (in pieces of so many bytes), half-closes, and returns all that comes back.

    A reset after the response is no matter here; a server that neither answers nor closes is: TimeoutError.
    """
    host, port = address.rsplit(":", 1)
    received = bytearray()
    with socket.create_connection((host, int(port)), timeout=patience) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            step = piece or len(request)
            for start in range(0, len(request), step):
                peer.sendall(request[start : start + step])
            peer.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The server may refuse and close before it has read everything.
        try:
            while block := peer.recv(65536):
                received += block
        except ConnectionResetError:
            pass
    return bytes(received)


def responses(stream: bytes, head_only: bool = False) -> list[Response]:
    """Splits a stream into its final responses by Content-Length (RFC 9112 section 6.3)."""
    found = []
    while stream:
        head, separator, stream = stream.partition(b"\r\n\r\n")
        line, *field_lines = head.split(b"\r\n")
        if not separator or not (status := re.fullmatch(rb"HTTP/1\.[01] (\d{3}) .*", line)):
            raise ValueError(f"not a response: {head[:80]!r}")
        fields = dict(field.decode("latin-1").split(":", 1) for field in field_lines)
        fields = {name.lower(): value.strip() for name, value in fields.items()}
        code = int(status[1])
        if code < 200:
            continue
        has_content = not head_only and code not in (204, 304)
        length = int(fields.get("content-length", len(stream))) if has_content else 0
        if length > len(stream):
            raise ValueError(f"{length - len(stream)} bytes of content are missing")
        found.append(Response(code, fields, stream[:length]))
        stream = stream[length:]
    return found


def report(name: str, verdict: str, seen: str) -> None:
    print(name, verdict, seen.replace("\t", " ").replace("\n", " "), sep="\t")
    sys.stdout.flush()
