"""Processor time, memory and cores of a process and all that it started."""

import contextlib
import os
import resource
import time
from pathlib import Path


@contextlib.contextmanager
def on_core(core):
    """Runs the block, and every process started in it, on one core, or on each of a set."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, core if isinstance(core, set) else {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tree(root):
    """The process and its living descendants."""
    children = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                stat = Path(entry.path, "stat").read_text()
                # The name in parentheses may hold spaces; the parent is the second field behind it.
                parent = int(stat.rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def cpu_microseconds(pids):
    """User and system time of these processes, threads that ended included.

    The same sum as utime + stime of /proc/PID/stat, but from the kernel's clock of the process,
    which counts nanoseconds instead of hundredths of a second. The clock's number is what
    clock_getcpuclockid(3) returns.
    """
    return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in pids) / 1000


def pss_kib(pids):
    """Proportional set size: private pages, and shared ones divided by those who share them."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


def raise_descriptor_limit(wanted):
    """Raises the limit on open descriptors, which children inherit; returns what was got."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return wanted
    soft = max(soft, min(wanted, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft
