"""Has redbot and httplint judge responses of a server: lint.py ADDRESS PATH...

Each path is fetched by redbot plainly, as a range and with its own entity tag, which makes redbot ask for
more on its own account (a range, other content codings, If-None-Match, If-Modified-Since). httplint reads
responses to the same requests from the wire, and to HEAD and methods that are answered without a file.
A note of level bad or warning is a miss; one line says that a response had none.
"""

import sys
import time
from configparser import ConfigParser

import thor
from httplint import HttpRequestLinter, HttpResponseLinter, levels
from redbot.resource import HttpResource

from wire import exchange, report, responses

REDBOT_CONFIG = {"enable_local_access": "True"}  # It refuses loopback addresses otherwise.
REDBOT_PATIENCE = 60  # Seconds for all that redbot does.


def redbot_resources(address: str, wanted: list[tuple[str, list]]) -> list[HttpResource]:
    """Has redbot check every wanted (target, fields), one after the other in one run of its loop."""
    config = ConfigParser()
    config.read_dict({"redbot": REDBOT_CONFIG})
    resources = []

    def check_next() -> None:
        if len(resources) == len(wanted):
            thor.stop()
            return
        target, fields = wanted[len(resources)]
        resource = HttpResource(config["redbot"])
        resources.append(resource)
        resource.set_request(f"http://{address}{target}", headers=fields)
        resource.on("check_done", lambda: thor.schedule(0, check_next))
        resource.check()

    thor.schedule(0, check_next)
    thor.schedule(REDBOT_PATIENCE, thor.stop)
    thor.run()
    return resources


def redbot_notes(resource: HttpResource):
    """What redbot found in one resource: in its first response and in those to its own requests."""
    if resource.fetch_error or not resource.check_done:
        raise ValueError(f"redbot could not read {resource.request.uri}: {resource.fetch_error}")
    yield from resource.response.notes
    for check in resource.subreqs.values():
        yield from check.response.notes


def httplint_notes(address: str, method: str, target: str, fields: list[tuple[str, str]]):
    """What httplint finds in one response, read from the wire."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {address}", "User-Agent: strangers", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in fields]
    stream = exchange(address, "\r\n".join(lines).encode() + b"\r\n\r\n")
    (answer,) = responses(stream, head_only=method == "HEAD")

    request = HttpRequestLinter(start_time=time.time())
    request.process_request_topline(method.encode(), f"http://{address}{target}".encode(), b"1.1")
    request.process_headers([(b"User-Agent", b"strangers")] + [(n.encode(), v.encode()) for n, v in fields])
    request.finish_content(True)

    head = stream.partition(b"\r\n\r\n")[0].split(b"\r\n")
    version, status, phrase = head[0].removeprefix(b"HTTP/").split(b" ", 2)
    linter = HttpResponseLinter(start_time=time.time(), _related=request)
    linter.is_head_response = method == "HEAD"
    linter.base_uri = f"http://{address}{target}"
    linter.process_response_topline(version, status, phrase)
    linter.process_headers([tuple(part.strip() for part in line.split(b":", 1)) for line in head[1:]])
    linter.feed_content(answer.content)
    linter.finish_content(True)
    yield from linter.notes


def judge(name: str, notes) -> None:
    """Reports the notes that find fault, subnotes included, each once."""
    faults = {}
    pending = list(notes)
    while pending:
        note = pending.pop(0)
        pending += note.subnotes
        if note.level in (levels.BAD, levels.WARN):
            faults[type(note).__name__] = f"[{note.level.value}] {note.summary}"
    for kind, summary in faults.items():
        report(f"{name} {kind}", "miss", summary)
    if not faults:
        report(name, "ok", "no note of level bad or warning")


def ways(address: str, target: str) -> dict[str, list[tuple[str, str]]]:
    """The fields of each GET and HEAD that is made of a target."""
    plain = exchange(address, f"GET {target} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    etag = responses(plain)[0].fields.get("etag", '"none"')
    return {
        "whole": [],
        "range": [("Range", "bytes=0-99")],
        "ranges": [("Range", "bytes=0-9,50-59")],
        "unsatisfiable": [("Range", "bytes=99999999-")],
        "unchanged": [("If-None-Match", etag)],
        "failed": [("If-Match", '"other"')],
    }


def main() -> None:
    address, *targets = sys.argv[1:]
    gets = [(target, way, fields) for target in targets for way, fields in ways(address, target).items()]
    resources = redbot_resources(address, [(target, fields) for target, _, fields in gets])
    for (target, way, _), resource in zip(gets, resources, strict=True):
        judge(f"redbot GET {target} {way}", redbot_notes(resource))
    for target, way, fields in gets:
        for method in ("GET", "HEAD"):
            judge(f"httplint {method} {target} {way}", httplint_notes(address, method, target, fields))
    for target in targets:
        for method in ("OPTIONS", "POST", "PROPFIND"):
            judge(f"httplint {method} {target}", httplint_notes(address, method, target, []))


main()
