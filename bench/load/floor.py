"""The floor: what one `recv` and one `send` of a response cost without a server around them."""

import dataclasses

from . import http, measure, servers, site

NAME = "the floor"
# More than this does not leave in one call.
LARGEST = 64 * site.KIB


@dataclasses.dataclass(frozen=True)
class Floor(servers.Server):
    """A loop that sends what millpond would, byte for byte, and looks at nothing."""

    # The millpond whose responses they are.
    of: str = ""

    def can(self, scenario):
        """One request that comes whole, and one answer that is always the same."""
        if scenario.pipelined > 1 or scenario.at_random or scenario.access_log:
            return False
        return scenario.range is not None or (scenario.size() or 0) <= LARGEST

    def prepared_for(self, scenario, root, work, core):
        """The same, with the response that millpond has for this scenario."""
        recorded = work / "response"
        own = servers.Server("millpond", self.of, (), servers.millpond)
        with servers.Running(own, root, work, core) as running:
            fields, _ = measure.check(running.port, scenario, root)
            recorded.write_bytes(_response(running.port, http.request(scenario.path, fields)))
        how = ["close"] if scenario.closes else []
        return dataclasses.replace(self, configure=lambda place: [str(place.port), str(recorded), *how])


def build(own):
    """The floor beside this millpond."""
    return Floor(NAME, servers.build(target=("--example", "floor")), (), lambda _: [], of=str(own))


def _response(port, request):
    with http.Client(port) as client:
        length = client.exchange(request).bytes
    with http.Client(port) as client:
        client.socket.sendall(request)
        taken = b""
        while len(taken) < length:
            part = client.socket.recv(length - len(taken))
            if not part:
                raise http.Broken("closed within a response")
            taken += part
        return taken
