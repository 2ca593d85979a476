"""Judges a server by the tables of Go's own file server tests: go_tables.py (lay-out GO ROOT | judge GO ADDRESS)

GO is the directory of net/http in a Go source tree. Three tables of its fs_test.go are read from the Go
source as it stands: ServeFileRangeTests, the conditional requests of TestServeContent, and the suffix lengths
of testServeFileRejectsInvalidSuffixLengths. `lay-out` makes the files that the tables speak of, each case
with a directory of its own, and `judge` makes the requests.

Go's cases name the entity tag that their handler sets; ours is the server's own, which is asked for first and
put in its place. Where Go's handler knows no time, the file gets the time 0, which counts as none.
"""

import os
import re
import shutil
import sys
import time
from datetime import datetime, timezone
from email import message_from_bytes
from email.utils import format_datetime
from pathlib import Path

from wire import Response, exchange, report, responses

STATUS = {
    "StatusOK": 200,
    "StatusPartialContent": 206,
    "StatusRequestedRangeNotSatisfiable": 416,
}

SETTLING = 2.5  # Seconds.


class Source:
    """The tables, cut out of fs_test.go."""

    def __init__(self, go: Path) -> None:
        self.text = (go / "fs_test.go").read_text()
        self.testdata = go / "testdata"
        self.page_time = int((self.testdata / "index.html").stat().st_mtime)
        self.file_length = int(re.search(r"testFileLen = (\d+)", self.text)[1])

    def between(self, start: str, end: str) -> str:
        return self.text.split(start, 1)[1].split(end, 1)[0]

    def ranges(self):
        """(Range, status, [(start, end)]) of ServeFileRangeTests."""
        table = self.between("var ServeFileRangeTests = ", "\n}\n")
        for row in re.finditer(r'\{r: "([^"]*)", code: (\w+)(?:, ranges: \[\]wantRange\{(.*)\})?\}', table):
            parts = re.findall(r"\{([^{}]+), ([^{}]+)\}", row[3] or "")
            yield row[1], STATUS[row[2]], [(self.number(start), self.number(end)) for start, end in parts]

    def suffixes(self):
        """(Range, status, content) of testServeFileRejectsInvalidSuffixLengths."""
        table = self.between("func testServeFileRejectsInvalidSuffixLengths(", "for _, tt := range tests")
        for row in re.finditer(r'\{"([^"]*)", (\d+), "((?:[^"\\]|\\.)*)"\}', table):
            yield row[1], int(row[2]), row[3].replace("\\n", "\n").encode()

    def conditionals(self):
        """(name, {member: expression}, {request field: value}) of TestServeContent."""
        table = self.between("tests := map[string]testCase{\n", "\n\t}\n")
        for row in re.finditer(r'^\t\t"(\w+)": \{\n(.*?)^\t\t\},$', table, re.M | re.S):
            body, asked = row[2], {}
            if block := re.search(r"reqHeader: map\[string\]string\{\n(.*?)\t\},\n", body, re.S):
                asked = {name: self.string(value) for name, value in self.members(block[1], r'"([\w-]+)"')}
                body = body.replace(block[0], "")
            yield row[1], dict(self.members(body, r"(\w+)")), asked

    @staticmethod
    def members(body: str, name: str) -> list[tuple[str, str]]:
        lines = re.sub(r"\s*//.*", "", body)
        return re.findall(rf"^\s*{name}:\s+(.*),$", lines, re.M)

    def number(self, expression: str) -> int:
        terms = expression.replace("testFileLen", str(self.file_length)).split(" - ")
        return int(terms[0]) - sum(int(term) for term in terms[1:])

    def instant(self, expression: str) -> tuple[int, int]:
        """Seconds and nanoseconds since 1970 of a Go expression."""
        plain = re.sub(r"/\*.*?\*/", "", expression)
        if date := re.fullmatch(r"time\.Date\(([\d, ]+), time\.UTC\)", plain):
            *parts, nanoseconds = (int(part) for part in date[1].split(","))
            return int(datetime(*parts, tzinfo=timezone.utc).timestamp()), nanoseconds
        if unix := re.fullmatch(r"time\.Unix\((\d+), (\d+)\)", plain):
            return int(unix[1]), int(unix[2])
        if moved := re.fullmatch(r"htmlModTime(?:\.Add\(-(\d+) \* time\.Second\))?", plain):
            return self.page_time - int(moved[1] or 0), 0
        raise ValueError(f"not a time that is known here: {expression}")

    def string(self, expression: str) -> str:
        """The value of a Go string: a literal, or a time written out."""
        if literal := re.fullmatch(r'"(.*)"|`(.*)`', expression):
            return literal[1] or literal[2] or ""
        seconds, _ = self.instant(expression.removesuffix(".UTC().Format(TimeFormat)"))
        return format_datetime(datetime.fromtimestamp(seconds, timezone.utc), usegmt=True)

    def served_as(self, members: dict[str, str]) -> tuple[str, bytes]:
        """The name and content of the file that a conditional case is about."""
        if "file" in members:
            source = self.testdata / Path(self.string(members["file"])).name
            return source.name, source.read_bytes()
        if reader := re.fullmatch(r'strings\.NewReader\("(.*)"\)', members["content"]):
            return "page.html", reader[1].encode()
        return "style.css", b"anything"  # A reader that must not be read.


def lay_out(source: Source, root: Path) -> None:
    for name in ("file", "index.html"):
        shutil.copy(source.testdata / name, root / name)
        os.utime(root / name, (1_000_000_000, 1_000_000_000))
    for name, members, _ in source.conditionals():
        file_name, content = source.served_as(members)
        path = root / name / file_name
        path.parent.mkdir()
        path.write_bytes(content)
        seconds, nanoseconds = source.instant(members.get("modtime", "time.Unix(0, 0)"))
        modified = seconds * 1_000_000_000 + nanoseconds
        os.utime(path, ns=(modified, modified))
    # A date is a strong validator only once the file could not have changed unseen (RFC 9110 section 8.8.2.2).
    time.sleep(SETTLING)


def ask(address: str, method: str, target: str, fields: dict[str, str]) -> Response:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {address}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    stream = exchange(address, ("\r\n".join(lines) + "\r\n\r\n").encode())
    (response,) = responses(stream, head_only=method == "HEAD")
    return response


def parts(response: Response) -> list[tuple[str, bytes]]:
    """(Content-Range, content) of each part of a 206, be it one or several."""
    media_type = response.fields.get("content-type", "")
    if not media_type.startswith("multipart/byteranges"):
        return [(response.fields["content-range"], response.content)]
    message = message_from_bytes(f"Content-Type: {media_type}\r\n\r\n".encode() + response.content)
    return [(part["Content-Range"], part.get_payload(decode=True)) for part in message.get_payload()]


def judge_ranges(source: Source, address: str) -> None:
    file = (source.testdata / "file").read_bytes()
    for asked, status, wanted in source.ranges():
        response = ask(address, "GET", "/file", {"Range": asked} if asked else {})
        seen = f"{response.status}"
        fits = response.status == status
        if response.status == 206:
            got = parts(response)
            seen += f" {[content_range for content_range, _ in got]}"
            fits = fits and got == [
                (f"bytes {start}-{end - 1}/{len(file)}", file[start:end]) for start, end in wanted
            ]
        report(f"range {asked}", "ok" if fits else "miss", f"{seen}, Go {status}")


def judge_suffixes(source: Source, address: str) -> None:
    for asked, status, content in source.suffixes():
        response = ask(address, "GET", "/index.html", {"Range": asked})
        # The words of an error are everybody's own.
        fits = response.status == status and (status == 416 or response.content == content)
        report(f"suffix {asked}", "ok" if fits else "miss", f"{response.status}, Go {status}")


def judge_conditionals(source: Source, address: str) -> None:
    for name, members, asked in source.conditionals():
        target = f"/{name}/{source.served_as(members)[0]}"
        own_tag = source.string(members.get("serveETag", '""')).removeprefix("W/")
        etag = ask(address, "HEAD", target, {}).fields.get("etag", "").removeprefix("W/")
        fields = {field: value.replace(own_tag, etag) if own_tag else value for field, value in asked.items()}
        status = members["wantStatus"]
        wanted = {
            "status": str(STATUS.get(status) or status),
            "content-type": source.string(members.get("wantContentType", '""')),
            "content-range": source.string(members.get("wantContentRange", '""')),
            "last-modified": source.string(members.get("wantLastMod", '""')),
        }
        for method in ("GET", "HEAD"):
            response = ask(address, method, target, fields)
            got = response.fields | {"status": str(response.status)}
            for field, value in wanted.items():
                seen = got.get(field, "")
                report(f"{name} {method} {field}", "ok" if seen == value else "miss", f"{seen!r}, Go {value!r}")


def main() -> None:
    action, go, where = sys.argv[1:]
    source = Source(Path(go))
    if action == "lay-out":
        lay_out(source, Path(where))
    else:
        judge_ranges(source, where)
        judge_suffixes(source, where)
        judge_conditionals(source, where)


main()
