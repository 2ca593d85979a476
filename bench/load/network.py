"""A network of its own, in which the machine's firewall and connection tracking do not weigh in."""

import fcntl
import os
import socket
import struct
import sys

# linux/sockios.h and linux/if.h
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
# struct ifreq: a name, and flags in what is a union.
IFREQ = "16sh22x"

INSIDE = "MILLPOND_BENCH_INSIDE"


def enter(prepare):
    """Starts this program anew in a network namespace, unless it is in one; needs root.

    First comes what to `prepare` with the machine's network, which the one inside has no way to.
    """
    if os.environ.pop(INSIDE, None):
        _bring_up_loopback()
        return
    prepare()
    os.environ[INSIDE] = "1"
    try:
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    except FileNotFoundError:
        sys.exit("bench: unshare is not installed; Debian has it in `util-linux`")


def _bring_up_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        name = b"lo"
        answer = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack(IFREQ, name, 0))
        _, flags = struct.unpack(IFREQ, answer)
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack(IFREQ, name, flags | IFF_UP))
