"""Markdown tables of what was measured, and their places in a page."""

import datetime
import os
import platform
import re
import statistics
from pathlib import Path

BASE = "nginx"


def machine(versions, settings):
    """What must be known to read the figures."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    kernel = ".".join(os.uname().release.split(".")[:2])
    return {
        "date": datetime.date.today().isoformat(),
        "processor": model.group(1) if model else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": f"Linux {kernel}",
        "versions": versions,
        **settings,
    }


def tables(results, scenarios):
    """The text of each marked part that there are figures for, by its name."""
    parts = {"machine": _machine(results["machine"]), "wrong": _wrong(results["wrong"])}
    if results.get("scenarios"):
        parts["cpu"] = _cpu(results["scenarios"], scenarios)
        for name, figure, show, title in _FIGURES:
            parts[name] = _figures(results["scenarios"], scenarios, figure, show, title)
        parts["busy"] = _busy(results["scenarios"], scenarios)
    if results.get("fairness"):
        parts["fairness"] = _fairness(results["fairness"])
    if results.get("memory"):
        parts["memory"] = _memory(results["memory"])
    if results.get("over_time"):
        parts["over-time"] = _over_time(results["over_time"])
    if results.get("workers"):
        parts["workers"] = _workers(results["workers"])
    return parts


def write(page, parts):
    """Puts each part between its markers in the page; the rest of the page stays as it is."""
    text = page.read_text()
    for name, part in parts.items():
        opening, closing = f"<!-- bench: {name} -->\n", "<!-- /bench -->"
        start = text.find(opening)
        end = text.find(closing, start)
        if start < 0 or end < 0:
            raise ValueError(f"{page} has no place for {name}: {opening.strip()} … {closing}")
        text = f"{text[: start + len(opening)]}\n{part}\n{text[end:]}"
    page.write_text(text)


def _machine(machine):
    # A second configuration of a server has its name and more words.
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if " " not in name)
    rounds = "One round"
    if machine["rounds"] > 1:
        rounds = f"Medians of {machine['rounds']} rounds, with the least and the greatest (–)"
    return (
        f"{machine['date']}: {machine['cores']} cores of {machine['processor']}, {machine['kernel']}; {versions}. "
        f"{rounds}; each measurement took {machine['seconds']} s.\n"
    )


def _wrong(wrong):
    """Who is missing from a table, and why."""
    if not wrong:
        return "Every server's responses were right in every scenario.\n"
    reasons = {(server, what): error.splitlines()[0] for server, what, error in wrong}
    return "".join(f"- {server}, {what}: {error}.\n" for (server, what), error in reasons.items())


def _cpu(measured, scenarios):
    """Ratios, because they hold on other machines too; microseconds where ratios start from."""
    names = _names(measured)
    header = ["processor time per request", "target"]
    header += [f"{name}, µs" if name == BASE else name for name in names]
    rows = []
    for scenario in _present(measured, scenarios):
        of = measured[scenario.key]
        base = _median(of, BASE, "cpu_us")
        cells = [scenario.title, f"≤ {scenario.target:.2f}" if scenario.target else ""]
        for name in names:
            if name == BASE or base is None:
                cells.append(_spread(of, name, "cpu_us", _microseconds))
            else:
                cells.append(_spread(of, name, "cpu_us", lambda value, base=base: f"{value / base:.2f}"))
        rows.append(cells)
    return _table(header, rows)


def _figures(measured, scenarios, figure, show, title):
    """A figure of every server, with its ratio to nginx's."""
    names = _names(measured)
    rows = []
    for scenario in _present(measured, scenarios):
        of = measured[scenario.key]
        base = _median(of, BASE, figure)
        cells = [scenario.title]
        for name in names:
            cell = _spread(of, name, figure, show)
            value = _median(of, name, figure)
            if name != BASE and base and value is not None:
                cell = f"{cell} ×{value / base:.2f}"
            cells.append(cell)
        rows.append(cells)
    return _table([title, *names], rows)


def _busy(measured, scenarios):
    """How busy both sides were: where the client's core is full, the client sets the pace."""
    names = _names(measured)
    rows = []
    for scenario in _present(measured, scenarios):
        cells = [scenario.title]
        for name in names:
            server = _median(measured[scenario.key], name, "server_busy")
            client = _median(measured[scenario.key], name, "client_busy")
            cells.append("–" if server is None else f"{server:.0%} / {client:.0%}")
        rows.append(cells)
    return _table(["server's core / client's core", *names], rows)


def _fairness(measured):
    header = ["", "99th percentile alone, µs", "beside downloads", "median beside", "requests/s", "downloads, MiB/s", "slowest to fastest download"]
    rows = []
    for name in measured:
        base = _median(measured, BASE, "p99_us")
        beside = _spread(measured, name, "p99_us", _microseconds)
        if base and name != BASE and measured[name]:
            beside += f" ×{_median(measured, name, 'p99_us') / base:.2f}"
        rows.append([
            name,
            _spread(measured, name, "alone_p99_us", _microseconds),
            beside,
            _spread(measured, name, "p50_us", _microseconds),
            _spread(measured, name, "requests_per_second", _count),
            _spread(measured, name, "downloaded_mib_per_second", _count),
            _spread(measured, name, "slowest_download_share", lambda share: f"{share:.2f}"),
        ])  # fmt: skip
    return _table(header, rows)


def _memory(measured):
    header = ["", "at rest, KiB", "with 10,000 idle connections", "bytes for each", "after they left", "exec to first response, ms", "binary, MiB"]
    rows = []
    for name in measured:
        rows.append([
            name,
            _spread(measured, name, "rest_kib", _count),
            _spread(measured, name, "idle_connections_kib", _count),
            _spread(measured, name, "bytes_per_idle_connection", _count),
            _spread(measured, name, "after_kib", _count),
            _spread(measured, name, "start_ms", lambda value: f"{value:.1f}"),
            _spread(measured, name, "binary_mib", lambda value: f"{value:.2f}"),
        ])  # fmt: skip
    return _table(header, rows)


def _over_time(measured):
    rows = []
    for name, samples in measured.items():
        taken = samples[0]["seconds_and_kib"] if samples else []
        if not taken:
            continue
        # The cache fills first.
        full = [sample for sample in taken if sample[0] >= taken[-1][0] / 4] or taken
        slope = 0.0
        if len(full) > 1:
            slope = statistics.linear_regression([seconds / 60 for seconds, _ in full], [kib for _, kib in full]).slope
        kib = [value for _, value in full]
        rows.append([
            name, f"{taken[-1][0] / 60:.1f}", _count(taken[0][1]), _count(full[0][1]), _count(min(kib)),
            _count(max(kib)), _count(kib[-1]), f"{slope:+.1f}",
        ])  # fmt: skip
    header = ["", "minutes", "at first, KiB", "after a quarter", "least since", "greatest since", "at the end", "trend since, KiB a minute"]
    return _table(header, rows)


def _workers(measured):
    header = ["workers", "processor time per request, µs", "requests/s", "greatest share of one worker", "memory, KiB"]
    rows = []
    for name in measured:
        rows.append([
            name,
            _spread(measured, name, "cpu_us", _microseconds),
            _spread(measured, name, "requests_per_second", _count),
            _spread(measured, name, "greatest_share", lambda share: f"{share:.0%}"),
            _spread(measured, name, "pss_kib", _count),
        ])  # fmt: skip
    return _table(header, rows)


def _names(measured):
    names = []
    for of in measured.values():
        names += [name for name in of if name not in names]
    return names


def _present(measured, scenarios):
    return [scenario for scenario in scenarios if scenario.key in measured]


def _values(of, name, figure):
    # wrk gives 0 for a percentile of nothing: no response was whole before the end.
    return [sample[figure] for sample in of.get(name, ()) if sample[figure] or figure not in ("p50_us", "p99_us")]


def _median(of, name, figure):
    values = _values(of, name, figure)
    return statistics.median(values) if values else None


def _spread(of, name, figure, show):
    """The median and, where they look different from it, the least and the greatest."""
    values = _values(of, name, figure)
    if not values:
        return "–"
    median, least, greatest = show(statistics.median(values)), show(min(values)), show(max(values))
    return median if least == greatest else f"{median} ({least}–{greatest})"


def _table(header, rows):
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _count(value):
    return f"{value:,.0f}"


def _microseconds(value):
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _mebibytes(kib):
    return f"{kib / 1024:.1f}"


_FIGURES = [
    ("requests", "requests_per_second", _count, "requests per second"),
    ("latency", "p99_us", _microseconds, "99th percentile, µs"),
    ("memory-under-load", "pss_kib", _mebibytes, "memory after the load, MiB"),
]
