"""Memory at rest, per idle connection and over time; start-up time; size of the binary."""

import contextlib
import os
import random
import statistics
import subprocess
import threading
import time

from . import http, measure, processes, scenarios, servers, site

IDLE_CONNECTIONS = 10_000
STARTS = 30


def at_rest(server, root, work, core):
    """Memory before and with many idle connections, each of which had one response."""
    with servers.Running(server, root, work, core) as running:
        time.sleep(0.5)
        pids = running.tree()
        rest = processes.pss_kib(pids)
        request = http.request("1k.html")
        with contextlib.ExitStack() as connections:
            clients = []
            for _ in range(IDLE_CONNECTIONS):
                client = connections.enter_context(http.Client(running.port))
                _expect_200(client.exchange(request))
                clients.append(client)
            time.sleep(0.5)
            idle = processes.pss_kib(pids)
            # All of them are still there.
            for client in clients[:: IDLE_CONNECTIONS // 100]:
                _expect_200(client.exchange(request))
        time.sleep(0.5)
        after = processes.pss_kib(pids)
    return {
        "rest_kib": rest,
        "idle_connections_kib": idle,
        "bytes_per_idle_connection": (idle - rest) * 1024 / IDLE_CONNECTIONS,
        "after_kib": after,
        "start_ms": start_up(server, root, work, core),
        "binary_mib": os.stat(server.binary).st_size / site.MIB,
    }


def start_up(server, root, work, core):
    """Milliseconds from exec to the first response: the median of many starts."""
    times = []
    for _ in range(STARTS):
        with servers.Running(server, root, work, core, ready=False) as running:
            times.append(running.wait_until_ready() * 1000)
    return statistics.median(times)


def over_time(server, root, work, minutes, server_core, client_core):
    """Memory every ten seconds under mixed load, while the files change beneath the cache."""
    site.build_small(root, site.CHURN_FILES)
    script = work / "mixed.lua"
    script.write_text(_MIXED % site.CHURN_FILES)
    samples = []
    with servers.Running(server, root, work, server_core) as running:
        measure.check(running.port, scenarios.SCENARIOS[0], root)
        stop = threading.Event()
        churn = threading.Thread(target=_replace_files, args=(root, stop))
        churn.start()
        try:
            with processes.on_core(client_core):
                arguments = ["wrk", "-t1", "-c64", f"-d{int(minutes * 60)}s", "--timeout", "60s", "-s", str(script)]
                load = subprocess.Popen([*arguments, f"http://127.0.0.1:{running.port}"], stdout=subprocess.PIPE, text=True)
            pids, started = running.tree(), time.monotonic()
            while load.poll() is None:
                samples.append((time.monotonic() - started, processes.pss_kib(pids)))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    load.wait(10)
            said = load.stdout.read()
        finally:
            stop.set()
            churn.join()
        if load.returncode != 0 or "Socket errors" in said:
            raise measure.Wrong(f"mixed load failed:\n{said}")
        measure.check(running.port, scenarios.SCENARIOS[0], root)
    return {"seconds_and_kib": samples}


def _replace_files(root, stop):
    """Replaces files by rename, as a deployment does."""
    chance = random.Random(9111)
    temporary = root / ".replacement"
    while not stop.wait(0.01):
        temporary.write_bytes(chance.randbytes(site.SMALL_FILE_BYTES))
        temporary.rename(root / site.small_file(chance.randrange(site.CHURN_FILES)))


def _expect_200(response):
    if response.status != 200:
        raise measure.Wrong(f"status {response.status} on an idle connection")


# Of a hundred requests: small files for the most part, and some of everything else.
_MIXED = """
local kinds = {
  {75, function() return wrk.format("GET", ("/small/%%05d.html"):format(math.random(0, %d - 1))) end},
  {80, function() return wrk.format("GET", "/100k.jpg") end},
  {81, function() return wrk.format("GET", "/1m.jpg") end},
  {86, function() return wrk.format("GET", "/100k.jpg", {Range = "bytes=5000-5999"}) end},
  {89, function() return wrk.format("GET", "/100k.jpg", {Range = "bytes=0-9,5000-5999,-100"}) end},
  {92, function() return wrk.format("GET", "/missing/" .. math.random(1, 1000000)) end},
  {95, function() return wrk.format("GET", "/16k.html") end},
  {97, function() return wrk.format("POST", "/1k.html", nil, ("x"):rep(3000)) end},
  {100, function() return wrk.format("GET", "/1k.html", {Connection = "close"}) end},
}
init = function() math.randomseed(9110) end
request = function()
  local chance = math.random(1, 100)
  for _, kind in ipairs(kinds) do
    if chance <= kind[1] then return kind[2]() end
  end
end
"""
