"""Sends gunicorn's request corpus to a server: corpus.py ADDRESS SDIST

The corpus is read from gunicorn's source package. Each case is a `.http` file, whose line ends are written
out as escapes, beside a `.py` file that says what a parser should make of it; that one is read, never run.
Each case is sent whole and byte by byte, and both must be answered alike.

Two things that the corpus asks are not HTTP. Cases that turn one of gunicorn's own settings are left out.
And gunicorn does not require Host, RFC 9112 section 3.2 does: where an HTTP/1.1 head lacks it, it is added,
so that a case is judged by what it is about.
"""

import ast
import re
import sys
import tarfile

from wire import exchange, report, responses

# A response with one of these says that the message itself was not acceptable; any other, such as
# 404 or 405, that it was understood.
REFUSALS = {400, 408, 411, 413, 414, 417, 431, 501, 505}


def cases(sdist: str):
    """Yields (name, bytes of the requests, bytes of the `.py` file beside them)."""
    with tarfile.open(sdist) as archive:
        files = {}
        for member in archive:
            if found := re.search(r"/tests/requests/((?:in)?valid/[^/]+)\.(http|py)$", member.name):
                files[found[1], found[2]] = archive.extractfile(member).read()
    for name, kind in sorted(files):
        if kind == "http":
            yield name, unescape(files[name, "http"]), files[name, "py"]


def unescape(text: bytes) -> bytes:
    """Undoes the notation of the `.http` files."""
    named = {b"\\r": b"\r", b"\\n": b"\n", b"\\t": b"\t", b"\\0": b"\0"}
    return re.sub(
        rb"\\x([0-9a-fA-F]{2})|\\[rnt0]",
        lambda escape: bytes([int(escape[1], 16)]) if escape[1] else named[escape[0]],
        text.replace(b"\n", b""),
    )


def expectation(source: bytes) -> tuple[int, list[str]]:
    """How many requests the `.py` file expects, and which of gunicorn's settings it turns."""
    count, settings = 1, []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assign(targets=[ast.Name(id="request")], value=ast.List(elts=requests)):
                count = len(requests)
            case ast.Call(func=ast.Attribute(attr="set"), args=[ast.Constant(value=setting), _]):
                settings.append(setting)
    return count, settings


def with_hosts(data: bytes, heads: int) -> bytes:
    """Adds Host to each of the first `heads` heads that is HTTP/1.1 and lacks it."""
    request_line = re.compile(rb"(?:\A|(?<=\n))[^\r\n]+ HTTP/(1\.\d)\r\n")
    lines = list(request_line.finditer(data))[:heads]
    for line in reversed(lines):
        head = data[line.end() - 2 :].partition(b"\r\n\r\n")[0]
        if line[1] == b"1.1" and not re.search(rb"(?im)^host\s*:", head):
            data = data[: line.end()] + b"Host: corpus.example\r\n" + data[line.end() :]
    return data


def judge(address: str, data: bytes, expected: int, valid: bool) -> tuple[bool, str]:
    """Whether the server makes of a case what the corpus does, and what it answered."""
    answers = []
    for piece in (None, 1):
        try:
            answers.append([response.status for response in responses(exchange(address, data, piece))])
        except (TimeoutError, ValueError) as problem:
            return False, str(problem)
    whole, bytewise = answers
    if whole != bytewise:
        return False, f"whole {whole}, byte by byte {bytewise}"
    accepted = len(whole) == expected and REFUSALS.isdisjoint(whole)
    refused = not whole or whole[-1] in REFUSALS
    return (accepted if valid else refused), f"{whole}"


def main() -> None:
    address, sdist = sys.argv[1:]
    for name, data, source in cases(sdist):
        expected, settings = expectation(source)
        if settings:
            report(name, "left-out", "turns " + ", ".join(settings))
            continue
        fits, seen = judge(address, with_hosts(data, expected), expected, name.startswith("valid/"))
        report(name, "ok" if fits else "miss", seen)


main()
