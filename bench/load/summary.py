"""The table and the plot at the head of docs/performance.md: what a newcomer reads in ten seconds."""

import html
import statistics

# A second configuration of a server (its name has more words) is left to the tables of measurements.
_SERVERS = ["millpond", "nginx", "h2o", "lighttpd", "caddy", "static-web-server"]


def table(results):
    """The figures of the plot, and some more, as a Markdown table."""
    columns = [
        ("CPU time, 1 KiB", lambda name: _scenario(results, "1k", name), _microseconds),
        ("CPU time, 1 MiB", lambda name: _scenario(results, "1m", name), _microseconds),
        ("memory at rest", lambda name: _memory(results, "rest_kib", name), _mebibytes),
        ("memory, 10,000 connections", lambda name: _memory(results, "idle_connections_kib", name), _mebibytes),
        ("start", lambda name: _memory(results, "start_ms", name), lambda value: f"{value:.1f} ms"),
        ("program", lambda name: _memory(results, "binary_mib", name), lambda value: f"{value:.1f} MiB"),
    ]
    lines = [["", *(title for title, _, _ in columns)], ["---"] + ["---:"] * len(columns)]
    for name in _measured(results):
        lines.append([name, *(_shown(figure(name), show) for _, figure, show in columns)])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def plot(results):
    """Three groups of bars as an SVG. Less is better in each, and each begins at 0."""
    groups = [
        ("CPU time for a request of 1 KiB", lambda name: _scenario(results, "1k", name), _microseconds),
        ("CPU time for a request of 1 MiB", lambda name: _scenario(results, "1m", name), _microseconds),
        ("Memory with 10,000 idle connections", lambda name: _memory(results, "idle_connections_kib", name), _mebibytes),
    ]
    names = _measured(results)
    parts, top = [], 36
    for title, figure, show in groups:
        values = {name: figure(name) for name in names}
        most = max(value for value in values.values() if value is not None)
        parts.append(_text(_LEFT, top, title, "title"))
        for name in names:
            top += _STEP
            parts.append(_bar(name, values[name], most, show, top))
        top += 2 * _STEP
    machine = results["machine"]
    note = f"Less is better. {machine['date']}, {machine['cores']} cores of {machine['processor']}, {machine['kernel']}."
    parts.append(_text(_LEFT, top - 4, note, "note"))
    return _frame(top + 16, "".join(parts))


_WIDTH = 620
_LEFT = 24
# Where bars begin, and how long the longest is: a figure stands to the right of each.
_BARS, _LONGEST = 168, 350
_STEP = 23

# The colours are those of the pictures beside it, by day and by night.
_STYLE = """
text { font: 15px system-ui, "Segoe UI", Roboto, sans-serif; fill: #1c3034 }
.title { font-weight: 600; font-size: 16px }
.note { font-size: 13px; fill: #4d6265 }
.own { font-weight: 600 }
.page { fill: #faf8f3 }
rect { fill: #a9b8b6 }
rect.own { fill: #17605f }
@media (prefers-color-scheme: dark) {
text { fill: #e4edea }
.note { fill: #9fb4b5 }
.page { fill: #0f1b21 }
rect { fill: #4b6068 }
rect.own { fill: #8ed1c8 }
}
"""


def _frame(height, content):
    label = "Bar charts of CPU time and memory; the table beside them has the figures."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-label="{label}">\n<style>{_STYLE}</style>\n'
        f'<rect class="page" width="{_WIDTH}" height="{height}" rx="12"/>\n{content}</svg>\n'
    )


def _bar(name, value, most, show, top):
    kind = "own" if name == _SERVERS[0] else "other"
    label = _text(_BARS - 10, top, name, kind, 'text-anchor="end"')
    if value is None:
        return label + _text(_BARS, top, "not measured", "note")
    length = max(2, round(_LONGEST * value / most))
    bar = f'<rect class="{kind}" x="{_BARS}" y="{top - 12}" width="{length}" height="15" rx="2"/>\n'
    return label + bar + _text(_BARS + length + 8, top, show(value), kind)


def _text(left, top, text, kind, attributes=""):
    attributes = f" {attributes}" if attributes else ""
    return f'<text class="{kind}" x="{left}" y="{top}"{attributes}>{html.escape(text, quote=False)}</text>\n'


def _measured(results):
    return [name for name in _SERVERS if name in results["memory"]]


def _scenario(results, key, name):
    return _median(results["scenarios"].get(key, {}).get(name), "cpu_us")


def _memory(results, figure, name):
    return _median(results["memory"].get(name), figure)


def _median(samples, figure):
    return statistics.median(sample[figure] for sample in samples) if samples else None


def _shown(value, show):
    return "–" if value is None else show(value)


def _microseconds(value):
    return f"{value:.1f} µs" if value < 100 else f"{value:.0f} µs"


def _mebibytes(kib):
    return f"{kib / 1024:.1f} MiB" if kib < 100 * 1024 else f"{kib / 1024:.0f} MiB"
