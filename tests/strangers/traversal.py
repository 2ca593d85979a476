"""Tries to climb out of a served directory: traversal.py ADDRESS DIRECTORY WORDS...

DIRECTORY is empty at first; its `a/b/c/root` is what the server serves. The files that the words are after lie
outside, at every step up from the root, as well as inside, so that a response tells which one was reached.
Each word of wfuzz's lists is sent as a target of its own, after a directory and in absolute form. A word is
a miss when a byte from outside comes back, when a success is not the inner file, or when the server hangs.
"""

import sys
from pathlib import Path

from wire import exchange, report, responses

SERVED = "a/b/c/root"
INSIDE, OUTSIDE = b"inside the root", b"OUTSIDE THE ROOT"

# What the lists look for. Some name only a place for it, `{FILE}`.
PREY = ["etc/passwd", "etc/shadow", "etc/hosts", "boot.ini", "winnt/desktop.ini", "conf/server.xml", "index.html"]


def lay_out(directory: Path) -> None:
    root = directory / SERVED
    for place in (directory, *(directory / SERVED).parents[:3], root, root / "docs"):
        inner = place.is_relative_to(root)
        for name in PREY:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(INSIDE if inner else OUTSIDE)


def targets(word: bytes):
    """The request targets that a word becomes, those with what a request line cannot hold as well."""
    names = [word.replace(b"{FILE}", name.encode()) for name in PREY[:4]] if b"{FILE}" in word else [word]
    for name in names:
        slashed = name if name.startswith(b"/") else b"/" + name
        yield slashed
        yield b"/docs" + slashed
        yield b"http://climber.example" + slashed
        yield name


def judge(address: str, target: bytes, secrets: list[bytes]) -> tuple[bool, str | None]:
    """Whether a target reached a file inside, and what is wrong with its response, if something is."""
    host = b"Host: climber.example\r\nConnection: close\r\n\r\n"
    stream = exchange(address, b"GET " + target + b" HTTP/1.1\r\n" + host)
    if any(secret in stream for secret in secrets):
        return False, f"bytes from outside: {stream[-80:]!r}"
    answers = responses(stream)
    for response in answers:
        if response.status == 200 and response.content != INSIDE:
            return False, f"a success with {response.content[:80]!r}"
    return any(response.status == 200 for response in answers), None


def main() -> None:
    address, directory, *lists = sys.argv[1:]
    lay_out(Path(directory))
    # Words that climb far enough are after the machine's own files.
    secrets = [OUTSIDE, Path("/etc/passwd").read_bytes().splitlines()[0]]
    for path in lists:
        words = sorted(set(Path(path).read_bytes().splitlines()))
        tried, reached, faults = 0, 0, {}
        for target in (target for word in words for target in targets(word)):
            tried += 1
            try:
                inside, fault = judge(address, target, secrets)
            except (TimeoutError, ValueError) as problem:
                inside, fault = False, str(problem)
            reached += inside
            if fault:
                faults[target] = fault
        for target, fault in faults.items():
            report(f"{Path(path).name} {target!r}", "miss", fault)
        summary = f"{len(words)} words, {tried} targets, {reached} reached a file inside"
        report(Path(path).name, "miss" if faults else "ok", summary)


main()
