"""Load from wrk: one thread, one core, and its own counts in full."""

import json
import resource
import subprocess
from dataclasses import dataclass

from . import processes, site


class Missing(Exception):
    """wrk is not installed."""


@dataclass
class Load:
    """What wrk counted."""

    requests: int
    bytes: int
    seconds: float
    p50_us: float
    p99_us: float
    statuses: int
    # Connections, reads, writes that failed, and responses that came too late.
    failures: int
    client_cpu_us: float


def version():
    """Of the wrk that is installed."""
    try:
        said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Missing("wrk is not installed; Debian has it as `wrk`") from None
    return (said.stdout + said.stderr).split()[1].partition("-")[0].removeprefix("debian/")


def run(port, scenario, fields, seconds, core, work, url=None, validators=()):
    """Asks for a scenario, with these fields, for so long; by another URL than that of the port if one is given.

    A scenario of several paths may have a field more for each of them.
    """
    script = work / "wrk.lua"
    script.write_text(_script(scenario, fields, validators))
    # Connections are dealt out to threads, of which there is one; a download may be slow.
    arguments = ["wrk", "-t1", f"-c{scenario.connections}", f"-d{seconds}s", "--timeout", "60s", "-s", str(script)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with processes.on_core(core):
        said = subprocess.run([*arguments, url or f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if said.returncode != 0 or not said.stdout.strip().endswith("}"):
        raise RuntimeError(f"wrk failed:\n{said.stdout}{said.stderr}")
    counted = json.loads(said.stdout.splitlines()[-1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Load(**counted, client_cpu_us=cpu * 1e6)


def _script(scenario, fields, validators):
    lines = [f'wrk.path = "/{scenario.path}"']
    lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in fields]
    if scenario.pipelined > 1:
        lines.append(_PIPELINED % scenario.pipelined)
    if scenario.paths:
        of_each = validators or [()] * len(scenario.paths)
        requests = [f"{{{json.dumps('/' + path)}, {{{_table(own)}}}}}" for path, own in zip(scenario.paths, of_each, strict=True)]
        lines.append(_IN_TURN % ", ".join(requests))
    if scenario.at_random:
        lines.append(_AT_RANDOM % (site.SMALL_FILES, "/small/%05d.html"))
    lines.append(_DONE)
    return "\n".join(lines)


def _table(fields):
    return ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in fields)


_PIPELINED = """
local requests
init = function() requests = string.rep(wrk.format(), %d) end
request = function() return requests end
"""

_IN_TURN = """
local requests, number = {}, 0
init = function()
  for i, it in ipairs({%s}) do
    for name, value in pairs(it[2]) do wrk.headers[name] = value end
    requests[i] = wrk.format("GET", it[1])
  end
end
request = function()
  number = number %% #requests + 1
  return requests[number]
end
"""

_AT_RANDOM = """
local requests, number = {}, 0
init = function()
  math.randomseed(9110)
  local files = %d
  for i = 1, 4 * files do requests[i] = wrk.format("GET", ("%s"):format(math.random(0, files - 1))) end
end
request = function()
  number = number %% #requests + 1
  return requests[number]
end
"""

_DONE = """
done = function(summary, latency)
  local e = summary.errors
  io.write(("\\n" .. [[{"requests": %d, "bytes": %.0f, "seconds": %.6f, "p50_us": %d, "p99_us": %d, ]] ..
    [["statuses": %d, "failures": %d}]] .. "\\n"):format(summary.requests, summary.bytes, summary.duration / 1e6,
    latency:percentile(50), latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
end
"""
