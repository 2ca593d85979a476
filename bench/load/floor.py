"""The floor: what the system calls for a response cost without a server around them."""

import dataclasses

from . import http, measure, servers, site

NAME = "the floor"
# More than this follows its head by `sendfile`, as it does from millpond.
COPIED = 64 * site.KIB


@dataclasses.dataclass(frozen=True)
class Floor(servers.Server):
    """A loop that sends what millpond would, byte for byte, and looks at nothing."""

    # The millpond whose responses they are.
    of: str = ""

    def can(self, scenario):
        """One request that comes whole, and one answer that is always the same."""
        return scenario.pipelined == 1 and not scenario.at_random and not scenario.access_log

    def prepared_for(self, scenario, root, work, core):
        """The same, with the response that millpond has for this scenario."""
        recorded = work / "response"
        own = servers.Server("millpond", self.of, (), servers.millpond)
        with servers.Running(own, root, work, core) as running:
            fields, _ = measure.check(running.port, scenario, root)
            response = _response(running.port, http.request(scenario.path, fields))
        how = ["close"] if scenario.closes else []
        if scenario.status == 200 and scenario.size() > COPIED:
            response = response[: -scenario.size()]
            how = [str(root / scenario.path)]
        recorded.write_bytes(response)
        return dataclasses.replace(self, configure=lambda place: [str(place.port), str(recorded), *how])


def build(own):
    """The floor beside this millpond."""
    return Floor(NAME, servers.build(target=("--example", "floor")), (), lambda _: [], of=str(own))


def _response(port, request):
    with http.Client(port) as client:
        length = client.exchange(request).bytes
    with http.Client(port) as client:
        client.socket.sendall(request)
        taken = bytearray()
        while len(taken) < length:
            part = client.socket.recv(length - len(taken))
            if not part:
                raise http.Broken("closed within a response")
            taken += part
        return bytes(taken)
