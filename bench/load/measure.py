"""One measurement: a fresh server, checked, warmed up, put under load, checked again."""

import statistics

from . import http, processes, scenarios, servers, site, wrk

WARM_UP_SECONDS = 1
# From here on the requests under way at the end are a share of the whole that must be counted.
LARGE = 64 * site.KIB


class Wrong(Exception):
    """A server that must not be measured, because its responses are not those asked for."""


def sample(server, scenario, root, work, seconds, server_core, client_core):
    """One sample of a server in a scenario, as a dictionary of figures."""
    server = server.prepared_for(scenario, root, work, server_core)
    with servers.Running(server, root, work, server_core, scenario.access_log) as running:
        fields, validators, response_bytes = check_all(running.port, scenario, root)
        if scenario.at_random:
            visit_all(running.port)

        def load_for(seconds):
            return wrk.run(running.port, scenario, fields, seconds, client_core, work, validators=validators)

        load_for(WARM_UP_SECONDS)
        pids = running.tree()
        before = processes.cpu_microseconds(pids)
        load = load_for(seconds)
        cpu = processes.cpu_microseconds(pids) - before
        _check_counts(load, scenario, response_bytes)
        check(running.port, scenario, root)
        large = (scenario.size() or 0) > LARGE and scenario.status == 200
        requests = load.bytes / response_bytes if large else load.requests
        figures = {
            "requests_per_second": requests / load.seconds,
            "cpu_us": cpu / requests,
            "p50_us": load.p50_us,
            "p99_us": load.p99_us,
            "pss_kib": processes.pss_kib(pids),
            "server_busy": cpu / load.seconds / 1e6,
            "client_busy": load.client_cpu_us / load.seconds / 1e6,
        }
    if scenario.access_log:
        # Counted when it has stopped, for some keep records in a buffer.
        with running.place.access_log.open("rb") as log:
            records = sum(1 for _ in log)
        if records < load.requests:
            raise Wrong(f"{records} access records of {load.requests} requests")
    return figures


def check(port, scenario, root):
    """Raises `Wrong` unless the responses are the right ones.

    Returns the fields to ask with and one response.
    """
    return _check_paths(port, scenario, root)[-1]


def check_all(port, scenario, root):
    """Checks like `check`.

    Returns the fields of all requests, the validator of each of several paths, and the bytes of a response,
    on average.
    """
    checked = _check_paths(port, scenario, root)
    count = len(scenario.fields)
    if not scenario.paths:
        fields, response = checked[-1]
        return fields, (), response.bytes
    validators = [fields[count:] for fields, _ in checked]
    total = sum(response.bytes for _, response in checked)
    return scenario.fields, validators, total / len(checked)


def _check_paths(port, scenario, root):
    paths = scenario.paths or [scenario.path]
    if scenario.at_random:
        paths = [site.small_file(number) for number in range(0, site.SMALL_FILES, site.SMALL_FILES // 20)]
    try:
        return [_check_path(port, scenario, root, path) for path in paths]
    except (http.Broken, OSError) as error:
        raise Wrong(str(error)) from error


def visit_all(port):
    """Asks for every small file once: how soon chance visits all depends on the server's speed."""
    with http.Client(port) as client:
        for number in range(site.SMALL_FILES):
            client.exchange(http.request(site.small_file(number)))


def _check_path(port, scenario, root, path):
    fields = list(scenario.fields)
    if scenario.range:
        fields.append(("Range", "bytes={}-{}".format(*scenario.range)))
    with http.Client(port) as client:
        if scenario.revalidates:
            fields.append(_validator(client.exchange(http.request(path))))
        client.socket.sendall(http.request(path, fields) * scenario.pipelined)
        for _ in range(scenario.pipelined):
            response = client.response()
            _check_response(response, scenario, root / path)
        if scenario.closes and not client.closed():
            raise Wrong("the connection does not close")
        if scenario.closes and response.fields.get("connection", "").lower() != "close":
            # RFC 9112 §9.6; wrk counts the end that it was not told of as a failure.
            raise Wrong("the connection closes without a word of it in the response")
    return fields, response


def _validator(response):
    """The field that asks whether this response is still current."""
    if "etag" in response.fields:
        return "If-None-Match", response.fields["etag"]
    if "last-modified" in response.fields:
        return "If-Modified-Since", response.fields["last-modified"]
    raise Wrong("a response without a validator")


def _check_response(response, scenario, path):
    if response.status != scenario.status:
        raise Wrong(f"status {response.status} instead of {scenario.status}")
    if scenario.status == 404:
        return
    content = path.read_bytes()
    if scenario.status == 304:
        content = b""
    if scenario.range:
        first, last = scenario.range
        expected = f"bytes {first}-{last}/{len(content)}"
        if response.fields.get("content-range") != expected:
            raise Wrong(f"Content-Range {response.fields.get('content-range')} instead of {expected}")
        content = content[first : last + 1]
    if response.content != content:
        raise Wrong(f"{len(response.content)} bytes that are not the file's")


def _check_counts(load, scenario, response_bytes):
    """Every response had the length and the kind of status of the one that was looked at.

    wrk looks at no content and counts statuses from 400 on; a response of another kind would
    have another length.
    """
    if load.failures:
        raise Wrong(f"{load.failures} failures under load")
    if load.statuses != (load.requests if scenario.status >= 400 else 0):
        raise Wrong(f"{load.statuses} of {load.requests} responses of status 400 or above")
    underway = scenario.connections * scenario.pipelined * response_bytes
    # Entity tags may differ in length from file to file.
    tolerance = underway + 0.01 * load.bytes
    if abs(load.bytes - load.requests * response_bytes) > tolerance:
        raise Wrong(f"{load.bytes} bytes for {load.requests} responses of {response_bytes:.0f}")


SMALL_REQUESTS = scenarios.Scenario("small", "1 KiB beside downloads", connections=8)


def percentiles(times):
    """The median, the 99th percentile and the longest, in milliseconds."""
    if len(times) < 2:
        return (1000 * sum(times),) * 3
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return cuts[49] * 1000, cuts[98] * 1000, max(times) * 1000
