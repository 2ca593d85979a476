"""Whether downloads keep others waiting: 1 KiB requests beside four clients of 100 MiB files."""

import multiprocessing
import os
import socket
import time

from . import http, measure, servers, site, wrk

DOWNLOADS = ["100m.bin", "100m-1.bin", "100m-2.bin", "100m-3.bin"]


def sample(server, root, work, seconds, server_core, client_core):
    """The 99th percentile of small requests alone and beside downloads, and what both achieved."""
    with servers.Running(server, root, work, server_core) as running:
        fields, _ = measure.check(running.port, measure.SMALL_REQUESTS, root)

        def load():
            return wrk.run(running.port, measure.SMALL_REQUESTS, fields, seconds, client_core, work)

        alone = load()
        counters = [multiprocessing.Value("Q", 0) for _ in DOWNLOADS]
        downloads = [
            multiprocessing.Process(target=_download, args=(running.port, path, counter, client_core), daemon=True)
            for path, counter in zip(DOWNLOADS, counters)
        ]
        for download in downloads:
            download.start()
        time.sleep(0.5)
        before, started = [counter.value for counter in counters], time.perf_counter()
        beside = load()
        elapsed = time.perf_counter() - started
        received = [counter.value - start for counter, start in zip(counters, before)]
        failed = [download for download in downloads if not download.is_alive()]
        for download in downloads:
            download.terminate()
            download.join()
    if failed or alone.failures or beside.failures:
        raise measure.Wrong("requests failed beside downloads")
    if min(received) == 0:
        raise measure.Wrong("a download stood still")
    return {
        "alone_p99_us": alone.p99_us,
        "p50_us": beside.p50_us,
        "p99_us": beside.p99_us,
        "requests_per_second": beside.requests / beside.seconds,
        "downloaded_mib_per_second": sum(received) / site.MIB / elapsed,
        "slowest_download_share": min(received) / max(received),
    }


def _download(port, path, counter, core):
    """Downloads over and over, without looking at the bytes: the server is what shall be busy."""
    os.sched_setaffinity(0, {core})
    size = site.FILES["100m.bin"]
    request = http.request(path)
    buffer = bytearray(site.MIB)
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        while True:
            connection.sendall(request)
            head = connection.recv(4096, socket.MSG_PEEK)
            connection.recv(head.index(b"\r\n\r\n") + 4)
            missing = size
            while missing:
                # The kernel drops what it would have copied (tcp(7)).
                part = connection.recv_into(buffer, min(missing, len(buffer)), socket.MSG_TRUNC)
                if part == 0:
                    raise http.Broken("closed within the content")
                missing -= part
                counter.value += part
