"""Floods a network with what looks like packets of multicast DNS, from its own port and from any other."""

import random
import socket
import struct
import sys

GROUP = ("224.0.0.251", 5353)
PACKETS = 20_000


def name(*labels):
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def packet(generator):
    if generator.random() < 0.5:
        return generator.randbytes(generator.randrange(0, 1400))
    # Counts, pointers that lead anywhere, and questions for names that are there.
    counts = [generator.choice([0, 1, 5, 255, 65535]) for _ in range(4)]
    head = struct.pack(">HHHHHH", generator.randrange(65536), generator.choice([0, 0x8400, 0x200]), *counts)
    part = generator.choice([name(b"millpond", b"local"), b"\xc0\x0c", b"\x01a\xc0\x0c", name(b"_http", b"_tcp", b"local")])
    entry = part + struct.pack(">HH", generator.choice([1, 12, 28, 33, 255]), generator.choice([1, 0x8001]))
    return head + entry * generator.randrange(1, 40)


def main():
    generator = random.Random(1)
    sockets = []
    for port in (5353, 0):
        it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        it.bind(("", port))
        it.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[1]))
        sockets.append(it)
    for number in range(PACKETS):
        sockets[number % 2].sendto(packet(generator), GROUP)
    print("sent", PACKETS)


main()
