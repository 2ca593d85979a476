"""The directory that every server serves: the same bytes in every run."""

import os
import random
import time

KIB = 1024
MIB = 1024 * KIB

FILES = {
    "1k.html": KIB,
    "16k.html": 16 * KIB,
    "100k.jpg": 100 * KIB,
    "1m.jpg": MIB,
    "100m.bin": 100 * MIB,
}
# A page and what it loads: style sheets, scripts, fonts and images, in the sizes of usual websites.
PAGE = {"page/index.html": 24 * KIB}
PAGE |= {f"page/style-{number}.css": size * KIB for number, size in enumerate((8, 30))}
PAGE |= {f"page/script-{number}.js": size * KIB for number, size in enumerate((3, 12, 45, 60))}
PAGE |= {f"page/font-{number}.woff2": size * KIB for number, size in enumerate((18, 28))}
PAGE |= {f"page/image-{number:02}.jpg": (4 + 17 * number % 60) * KIB for number in range(32)}
FILES |= PAGE
SMALL_FILES = 10_000
SMALL_FILE_BYTES = 4 * KIB
# Twice what millpond's cache may hold by default, in bytes and in files.
CHURN_FILES = 32_000


def small_file(number):
    """The path of one of the many small files."""
    return f"small/{number:05}.html"


def build(root):
    """Writes the files of all scenarios."""
    noise = random.Random(9110)
    (root / "page").mkdir(exist_ok=True)
    for name, size in FILES.items():
        _write(root / name, noise.randbytes(size))
    # As many downloads at once as there are clients, each of a file of its own.
    for client in range(1, 4):
        os.link(root / "100m.bin", root / f"100m-{client}.bin")
    build_small(root, SMALL_FILES, noise)
    # Files that changed within the last two seconds are not trusted to stay as they are.
    time.sleep(2)


def build_small(root, count, noise=None):
    """Writes small files up to this number; those that exist stay."""
    noise = noise or random.Random(9112)
    (root / "small").mkdir(exist_ok=True)
    for number in range(count):
        path = root / small_file(number)
        if not path.exists():
            _write(path, noise.randbytes(SMALL_FILE_BYTES))


def _write(path, content):
    path.write_bytes(content)
    # As after any deployment that is not of this very second: validators are strong.
    day_ago = time.time() - 86_400
    os.utime(path, (day_ago, day_ago))
