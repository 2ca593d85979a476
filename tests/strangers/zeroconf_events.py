"""What python-zeroconf sees of websites in the network, a line each: what came, where it is, what went."""

import sys
import time

from zeroconf import ServiceBrowser, ServiceListener, Zeroconf


class Printer(ServiceListener):
    def add_service(self, zeroconf, kind, name):
        found = zeroconf.get_service_info(kind, name, timeout=3000)
        if found is None:
            print("unresolved", name, flush=True)
            return
        addresses = " ".join(sorted(found.parsed_addresses()))
        path = (found.properties.get(b"path") or b"").decode()
        print("added", name, found.server, found.port, path, addresses, flush=True)

    def update_service(self, zeroconf, kind, name):
        pass

    def remove_service(self, zeroconf, kind, name):
        print("removed", name, flush=True)


def main():
    zeroconf = Zeroconf(interfaces=sys.argv[1:])
    ServiceBrowser(zeroconf, "_http._tcp.local.", Printer())
    print("ready", flush=True)
    time.sleep(60)


main()
