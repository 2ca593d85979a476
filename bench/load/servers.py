"""millpond and its peers: how each is configured, started and stopped.

Each serves from one core with what its manual offers for static files: content or descriptors
cached where it can, no limit on the requests of a connection, no compression, and an access log
only where the scenario asks for one.
"""

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from . import http, processes

# Room for 10,000 idle ones; nginx closes idle connections when only a sixteenth is left.
CONNECTIONS = 11_000
# lighttpd allows itself half as many connections.
DESCRIPTORS = 20_000


class Failed(Exception):
    """A server did not start, or not stop as it should."""


@dataclass(frozen=True)
class Place:
    """Where one run of a server finds and leaves its things."""

    root: Path
    work: Path
    port: int
    access_log: Optional[Path]


@dataclass(frozen=True)
class Server:
    """One server program."""

    name: str
    binary: str
    version_arguments: tuple
    # Writes the configuration, returns the arguments.
    configure: Callable
    logs_access: bool = True

    def version(self):
        """The first thing like a version that it says about itself."""
        said = subprocess.run(
            [self.binary, *self.version_arguments], capture_output=True, text=True, check=False
        )
        found = re.search(r"\d+\.\d+(\.\d+)?", said.stdout + said.stderr)
        return found.group() if found else "unknown"

    def can(self, scenario):
        """Whether it is to be measured in this scenario."""
        return self.logs_access or not scenario.access_log

    def prepared_for(self, _scenario, _root, _work, _core):
        """This server, ready for a scenario."""
        return self


class Running:
    """A started server; stops with the `with` block."""

    def __init__(self, server, root, work, core, access_log=False, ready=True):
        log = work / "access.log" if access_log else None
        if log:
            log.unlink(missing_ok=True)
        self.server = server
        self.place = Place(root, work, _free_port(), log)
        self.errors = work / "stderr"
        arguments = [server.binary, *server.configure(self.place)]
        environment = {**os.environ, "HOME": str(work), "XDG_DATA_HOME": str(work), "XDG_CONFIG_HOME": str(work)}
        # All that is worth a warning, and access records.
        environment["RUST_LOG"] = "warn,millpond::access=info"
        with self.errors.open("wb") as errors, processes.on_core(core):
            self.started = time.perf_counter()
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=environment,
                start_new_session=True,
            )
        try:
            if ready:
                self.wait_until_ready()
        except BaseException:
            self._kill()
            raise

    @property
    def port(self):
        """Where it listens, on 127.0.0.1."""
        return self.place.port

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self._kill()
            if failure is None:
                raise Failed(f"{self.server.name} did not stop within 10 seconds of SIGTERM") from None
        if failure is None and self.server.name == "millpond" and self.errors.stat().st_size:
            raise Failed(f"millpond complained:\n{self.errors.read_text()}")

    def wait_until_ready(self, path="1k.html"):
        """Returns the seconds from its start to its first response."""
        deadline = self.started + 10
        while time.perf_counter() < deadline:
            if self.process.poll() is not None:
                break
            try:
                with http.Client(self.port) as client:
                    client.exchange(http.request(path))
                    return time.perf_counter() - self.started
            except ConnectionRefusedError:
                time.sleep(0.0001)
        raise Failed(f"{self.server.name} did not start:\n{self.errors.read_text()}")

    def tree(self):
        """Its processes."""
        return processes.tree(self.process.pid)

    def _kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def build(profile="release", target=("--bin", "millpond")):
    """Builds millpond, or what is measured beside it; returns where cargo says that it is."""
    said = subprocess.run(
        ["cargo", "build", "--profile", profile, *target, "--message-format=json-render-diagnostics"],
        cwd=Path(__file__).resolve().parent,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    messages = [json.loads(line) for line in said.stdout.splitlines()]
    built = [message["executable"] for message in messages if message.get("executable")]
    if said.returncode != 0 or not built:
        raise Failed(f"{target[-1]} does not build")
    return built[-1]


# Servers that look at a cached file at most once a second. They are measured only if they are named.
NAMED_ONLY = {"millpond once a second", "nginx once a second"}


def installed(own):
    """The servers that this machine has: our own binary first, nginx second."""
    peers = [
        Server("millpond", str(own), ("--version",), millpond),
        Server("millpond once a second", str(own), ("--version",), _millpond_once_a_second),
    ]
    for name, version, configure, logs in [
        ("nginx", "-v", nginx, True),
        # Small responses cost more without, large ones less: both are nginx at its best.
        ("nginx without tcp_nopush", "-v", _nginx_without_nopush, True),
        ("nginx once a second", "-v", _nginx_once_a_second, True),
        ("h2o", "--version", _h2o, True),
        ("lighttpd", "-v", _lighttpd, True),
        ("caddy", "version", _caddy, True),
        # It logs to its standard error only, among other things.
        ("static-web-server", "--version", _static_web_server, False),
    ]:
        # Debian keeps servers where not every user looks.
        binary = shutil.which(name.partition(" ")[0], path=os.environ["PATH"] + ":/usr/local/sbin:/usr/sbin")
        if binary:
            peers.append(Server(name, binary, (version,), configure, logs))
    return [peer for peer in peers if Path(peer.binary).exists()]


def millpond(place):
    """Its arguments."""
    log = place.access_log or "off"
    return [
        str(place.root), "--listen", f"127.0.0.1:{place.port}",
        "--access-log", str(log), "--access-log-format", "combined",
    ]  # fmt: skip


def _millpond_once_a_second(place):
    return [*millpond(place), "--check-interval", "1s"]


def _nginx_once_a_second(place):
    return nginx(place, valid="1s")


def millpond_with_sites(count):
    """The same with so many sites, each of a host of its own."""

    def configure(place):
        hosts = ["127.0.0.1", *(f"www.site-{number}.example" for number in range(1, count))]
        sites = (f'[[site]]\nhosts = "{host}"\nroot = "{place.root}"\n' for host in hosts)
        _, *arguments = millpond(place)
        return ["--config", str(write(place, "".join(sites))), *arguments]

    return configure


# What a client sends that knows the password of `millpond_with_password`.
AUTHORIZATION = ("Authorization", "Basic " + base64.b64encode(b"alice:secret").decode())
_USERS = (
    "alice:$6$/KMGzpZPdYchQp9d$"
    "ucX7fTKwzqabEEH9uL4tQhjE.buT.4VJZ86zX3rSOgLy3myZJGf4E7PAP2H9ryMm/9nZPkFe4ALiYS1e2azTz/\n"
)


def millpond_with_password(place):
    """The same behind a password."""
    users = place.work / "users"
    users.write_text(_USERS)
    users.chmod(0o644)
    return [*millpond(place), "--auth-file", str(users)]


def _nginx_without_nopush(place):
    return nginx(place, nopush="off")


def nginx(place, nopush="on", workers=1, valid="60s"):
    """Its arguments."""
    return ["-p", str(place.work), "-c", str(write(place, nginx_configuration(place, nopush, workers, valid)))]


def nginx_configuration(place, nopush="on", workers=1, valid="60s"):
    """Its settings, as text."""
    # A worker drops to a user who may lack the way into a temporary directory.
    user = "user root;" if os.getuid() == 0 else ""
    log = f"{place.access_log} combined" if place.access_log else "off"
    return f"""
{user}
daemon off;
worker_processes {workers};
pid {place.work}/nginx.pid;
error_log stderr error;
events {{ worker_connections {CONNECTIONS}; }}
http {{
    include /etc/nginx/mime.types;
    sendfile on;
    tcp_nopush {nopush};
    tcp_nodelay on;
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    # Not buffered: a record is written when its response is.
    access_log {log};
    # Nobody else keeps a second log of what was not found.
    log_not_found off;
    open_file_cache max=12000 inactive=300s;
    open_file_cache_valid {valid};
    open_file_cache_min_uses 1;
    {_nginx_temporary(place)}
    server {{
        listen 127.0.0.1:{place.port} backlog=4096;
        root {place.root};
    }}
}}
"""


def _nginx_temporary(place):
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return " ".join(f"{kind}_temp_path {place.work}/nginx-temporary;" for kind in kinds)


def _h2o(place):
    return ["-c", str(write(place, h2o_configuration(place)))]


def h2o_configuration(place):
    """Its settings, as text."""
    log = f"access-log: {place.access_log}" if place.access_log else ""
    user = "user: root" if os.getuid() == 0 else ""
    return f"""
{user}
num-threads: 1
max-connections: {CONNECTIONS}
http1-request-timeout: 300
listen: {{ host: 127.0.0.1, port: {place.port} }}
{log}
hosts:
  default:
    paths:
      "/": {{ file.dir: {place.root} }}
"""


def _lighttpd(place):
    modules, log = ('"mod_accesslog"', f'accesslog.filename = "{place.access_log}"') if place.access_log else ("", "")
    return ["-D", "-f", str(write(place, f"""
server.modules = ( {modules} )
{log}
server.document-root = "{place.root}"
server.bind = "127.0.0.1"
server.port = {place.port}
server.listen-backlog = 4096
server.max-fds = {DESCRIPTORS}
server.max-connections = {CONNECTIONS}
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = 300
server.network-backend = "sendfile"
server.stat-cache-engine = "simple"
etag.use-inode = "enable"
static-file.etags = "enable"
mimetype.assign = ( ".html" => "text/html", ".jpg" => "image/jpeg", ".bin" => "application/octet-stream" )
"""))]


def _caddy(place):
    log = f"log {{\n output file {place.access_log} {{\n roll_disabled\n }}\n }}" if place.access_log else ""
    return ["run", "--adapter", "caddyfile", "--config", str(write(place, f"""
{{
    admin off
    auto_https off
}}
http://127.0.0.1:{place.port} {{
    bind 127.0.0.1
    root * {place.root}
    file_server
    {log}
}}
"""))]


def _static_web_server(place):
    return [
        "--host", "127.0.0.1", "--port", str(place.port), "--root", str(place.root),
        "--threads-multiplier", "1", "--compression", "false", "--log-level", "error",
    ]  # fmt: skip


def write(place, text):
    """Writes a configuration; returns its path."""
    path = place.work / f"configuration-{place.port}"
    path.write_text(text)
    return path


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
