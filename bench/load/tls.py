"""HTTPS: what each server is configured with, and what is asked of it.

All have the same certificate (ECDSA P-256), TLS 1.2 and 1.3, and the same suites to choose from.
"""

import dataclasses
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import processes, servers, wrk
from .scenarios import Scenario

SUITES = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305"


@dataclass(frozen=True)
class Row:
    """One row of the table: who asks, and for what."""

    title: str
    scenario: Scenario
    # openssl resumes its session, which wrk never does.
    resumes: str = ""


ROWS = [
    Row("1 KiB, 64 connections", Scenario("1k", "1 KiB")),
    Row("a new connection each, full handshake", Scenario("connect", "connect", fields=(("Connection", "close"),))),
    Row("a new connection each, resumed (TLS 1.3)", Scenario("resumed", "resumed"), resumes="-tls1_3"),
    Row("a new connection each, resumed (TLS 1.2)", Scenario("resumed12", "resumed"), resumes="-tls1_2"),
    Row("100 KiB", Scenario("100k", "100 KiB", path="100k.jpg")),
    Row("1 MiB", Scenario("1m", "1 MiB", path="1m.jpg", connections=16)),
    Row("100 MiB, 4 clients", Scenario("100m", "100 MiB", path="100m.bin", connections=4)),
]


def make_certificate(directory):
    """A certificate for localhost and its key, beside each other in one file as well."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    (directory / "both.pem").write_text(certificate.read_text() + key.read_text())


def over_tls(peers):
    """Those of the servers that speak TLS, configured for it; and HAProxy, which has one answer alone."""
    able = [dataclasses.replace(peer, configure=CONFIGURE[peer.name]) for peer in peers if peer.name in CONFIGURE]
    binary = shutil.which("haproxy", path="/usr/local/sbin:/usr/sbin:/usr/bin")
    if binary:
        able.append(servers.Server("haproxy", binary, ("-v",), _haproxy))
    return able


def can(server, row):
    """HAProxy serves no files."""
    return server.name != "haproxy" or row.scenario.path == "1k.html"


def sample(server, row, root, work, seconds, server_core, client_core):
    """Microseconds of the server's processor time per request, and requests per second."""
    with servers.Running(server, root, work, server_core, ready=False) as running:
        url = f"https://127.0.0.1:{running.port}"
        _wait_until_ready(running, f"{url}/{row.scenario.path}", root)
        _load(running, row, url, 1, client_core, work)
        pids = running.tree()
        before = processes.cpu_microseconds(pids)
        requests, elapsed = _load(running, row, url, seconds, client_core, work)
        cpu = processes.cpu_microseconds(pids) - before
        return {"cpu_us": cpu / requests, "requests_per_second": requests / elapsed}


def _load(running, row, url, seconds, core, work):
    if row.resumes:
        return _resume(running.port, row, seconds, core)
    load = wrk.run(running.port, row.scenario, row.scenario.fields, seconds, core, work, url=url)
    if load.failures or load.statuses:
        raise servers.Failed(f"{load.failures} failures, {load.statuses} errors")
    # Downloads that are under way at the end count for as much as has come.
    size = row.scenario.size()
    return (load.bytes / size if size > 64 * 1024 else load.requests), load.seconds


def _resume(port, row, seconds, core):
    with processes.on_core(core):
        began = time.monotonic()
        said = subprocess.run(
            ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-reuse", row.resumes,
             "-www", f"/{row.scenario.path}", "-time", str(seconds)],
            capture_output=True, text=True, check=False,
        ).stdout  # fmt: skip
        elapsed = time.monotonic() - began
    counted = re.findall(r"(\d+) connections in ([\d.]+) real seconds, (\d+) bytes read", said)
    if not counted:
        raise servers.Failed(f"openssl s_time failed:\n{said}")
    return int(counted[-1][0]), elapsed


def _wait_until_ready(running, url, root):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        fetched = subprocess.run(["curl", "--silent", "--insecure", "--max-time", "5", url], capture_output=True, check=False)
        if fetched.returncode == 0:
            path = root / Path(url).name
            if fetched.stdout != path.read_bytes() and running.server.name != "haproxy":
                raise servers.Failed("the response is not the file")
            return
        time.sleep(0.05)
    raise servers.Failed(f"{running.server.name} did not start:\n{running.errors.read_text()}")


def _millpond(place):
    return [
        str(place.root), "--listen", f"https://127.0.0.1:{place.port}", "--access-log", "off",
        "--tls-certificate", str(place.work / "certificate.pem"), "--tls-key", str(place.work / "key.pem"),
    ]  # fmt: skip


def _nginx(place):
    text = servers.nginx_configuration(place).replace(
        f"listen 127.0.0.1:{place.port} backlog=4096;",
        f"""listen 127.0.0.1:{place.port} ssl backlog=4096;
        ssl_certificate {place.work}/certificate.pem;
        ssl_certificate_key {place.work}/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers {SUITES};
        ssl_session_cache shared:tls:10m;""",
    )
    return ["-p", str(place.work), "-c", str(servers.write(place, text))]


def _h2o(place):
    text = servers.h2o_configuration(place).replace(
        f"port: {place.port} }}",
        f"port: {place.port}, ssl: {{ certificate-file: {place.work}/certificate.pem, key-file: {place.work}/key.pem, "
        f'cipher-suite: "{SUITES}", neverbleed: OFF }} }}',
    )
    return ["-c", str(servers.write(place, text))]


def _caddy(place):
    return ["run", "--adapter", "caddyfile", "--config", str(servers.write(place, f"""
{{
    admin off
    auto_https off
}}
https://127.0.0.1:{place.port} {{
    bind 127.0.0.1
    tls {place.work}/certificate.pem {place.work}/key.pem
    root * {place.root}
    file_server
}}
"""))]


def _haproxy(place):
    return ["-db", "-f", str(servers.write(place, f"""
global
    maxconn 4000
    nbthread 1
    ssl-default-bind-ciphers {SUITES}
defaults
    mode http
    timeout client 300s
    timeout connect 10s
    timeout server 300s
frontend tls
    bind 127.0.0.1:{place.port} ssl crt {place.work}/both.pem alpn http/1.1
    http-request return status 200 content-type text/html file {place.root}/1k.html
"""))]


CONFIGURE = {"millpond": _millpond, "nginx": _nginx, "h2o": _h2o, "caddy": _caddy}
