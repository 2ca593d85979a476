"""What is asked of every server: a table of requests, their load and their right answers."""

from dataclasses import dataclass
from typing import Optional

from . import site

# What Chromium sends for a page that it has a cookie for.
BROWSER_FIELDS = (
    ("Connection", "keep-alive"),
    ("Cache-Control", "max-age=0"),
    ("sec-ch-ua", '"Chromium";v="142", "Not_A Brand";v="99"'),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", '"Linux"'),
    ("Upgrade-Insecure-Requests", "1"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-User", "?1"),
    ("Sec-Fetch-Dest", "document"),
    ("Referer", "http://127.0.0.1:8080/guide/"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-GB,en;q=0.9,de;q=0.8"),
    ("Cookie", "theme=dark; session=2f1c9a70d7c54a5e8f0b"),
)  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """One row of the tables."""

    key: str
    title: str
    path: str = "1k.html"
    connections: int = 64
    fields: tuple = ()
    status: int = 200
    # Requests in one write.
    pipelined: int = 1
    # Requested in turn, in place of the one path.
    paths: tuple = ()
    # The path stands for all of `small/`, in an order that is the same for every server.
    at_random: bool = False
    # A conditional request with the validator that this server gave.
    revalidates: bool = False
    # First and last byte.
    range: Optional[tuple] = None
    access_log: bool = False
    # Processor time per request, in nginx's.
    target: Optional[float] = None

    @property
    def closes(self):
        """Whether each request has a connection of its own."""
        return ("Connection", "close") in self.fields

    def size(self):
        """Bytes of the file; of several, on average."""
        if self.paths:
            return sum(site.FILES[path] for path in self.paths) / len(self.paths)
        return site.SMALL_FILE_BYTES if self.at_random else site.FILES.get(self.path)


SCENARIOS = [
    Scenario("1k", "1 KiB, 64 connections", target=0.65),
    Scenario("browser", "1 KiB, a browser's fields", fields=BROWSER_FIELDS, target=0.65),
    Scenario("1k-512", "1 KiB, 512 connections", connections=512, target=0.75),
    Scenario("pipelined", "1 KiB, 16 pipelined", pipelined=16, target=0.20),
    Scenario("connect", "1 KiB, a new connection each", fields=(("Connection", "close"),), target=0.85),
    Scenario("random", "10,000 files of 4 KiB at random", path=site.small_file(0), at_random=True, target=0.80),
    Scenario("16k", "16 KiB", path="16k.html", target=0.80),
    Scenario("100k", "100 KiB", path="100k.jpg", target=1.0),
    Scenario("1m", "1 MiB", path="1m.jpg", connections=16, target=0.6),
    Scenario("100m", "100 MiB, 4 clients", path="100m.bin", connections=4, target=1.0),
    Scenario("304", "304, by its own validator", status=304, revalidates=True, target=0.75),
    Scenario("404", "404", path="missing.html", status=404, target=0.75),
    Scenario("range", "a range of 1,000 bytes", path="100k.jpg", status=206, range=(5000, 5999), target=0.75),
    Scenario("page", "a page and 40 files, 6 connections", connections=6, paths=tuple(site.PAGE), fields=BROWSER_FIELDS),
    Scenario("page-304", "the same page again, by 304", connections=6, paths=tuple(site.PAGE), fields=BROWSER_FIELDS, status=304, revalidates=True),
    Scenario("log", "1 KiB, access log on", access_log=True, target=0.70),
]
