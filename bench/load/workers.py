"""What more workers cost and give: 1 KiB requests over 32 connections, on both cores together with the client."""

import dataclasses
import os
from pathlib import Path

from . import measure, processes, servers, wrk

REQUESTS = dataclasses.replace(measure.SMALL_REQUESTS, connections=32)
COUNTS = (1, 2, 4, 8)
NGINX_COUNTS = (1, 2)


def variants(chosen):
    """Servers with several numbers of workers, of those that were chosen."""
    return [variant for server in chosen for variant in _variants(server)]


def _variants(server):
    def with_workers(count, configure):
        return dataclasses.replace(server, name=f"{server.name}, {count}", configure=configure)

    if server.name == "millpond":
        return [
            with_workers(count, lambda place, count=count: [*servers.millpond(place), "--workers", str(count)])
            for count in COUNTS
        ]
    if server.name == "nginx":
        return [
            with_workers(count, lambda place, count=count: servers.nginx(place, workers=count))
            for count in NGINX_COUNTS
        ]
    return []


def sample(server, root, work, seconds, server_core, client_core):
    """Processor time per request, requests per second, and how evenly the workers share them."""
    cores = {server_core, client_core}
    with servers.Running(server, root, work, cores) as running:
        fields, _ = measure.check(running.port, REQUESTS, root)
        wrk.run(running.port, REQUESTS, fields, measure.WARM_UP_SECONDS, cores, work)
        pids = running.tree()
        before, ticks = processes.cpu_microseconds(pids), _ticks(pids)
        load = wrk.run(running.port, REQUESTS, fields, seconds, cores, work)
        cpu = processes.cpu_microseconds(pids) - before
        spent = [after - ticks.get(task, 0) for task, after in _ticks(pids).items()]
        if load.failures:
            raise measure.Wrong(f"{load.failures} requests failed")
        return {
            "requests_per_second": load.requests / load.seconds,
            "cpu_us": cpu / load.requests,
            "greatest_share": max(spent) / max(sum(spent), 1),
            "pss_kib": processes.pss_kib(pids),
        }


def _ticks(pids):
    """Hundredths of a second of processor time of each thread."""
    ticks = {}
    for pid in pids:
        for task in os.scandir(f"/proc/{pid}/task"):
            fields = Path(task.path, "stat").read_text().rpartition(")")[2].split()
            ticks[task.name] = int(fields[11]) + int(fields[12])
    return ticks
