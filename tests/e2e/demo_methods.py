"""Every way of knocking, shown: each opens a door once, and what an eavesdropper heard of it, sent again in the same
name, opens nothing.

    demo_methods.py PROGRAM    (etc/quickstart.sh --all-methods calls it)
"""

import pathlib
import socket
import sys
import time

from demo import Failed, say, show
from lab import CLOCK_ERROR, Lab, start_http, wait_for

_PORT = 8080
_OPEN_FOR = 2
_WINDOW = 2

# Method, what keygen is told besides, what knock is told besides.
_WAYS = (
    ("time-sequence", ["--granularity", str(_WINDOW)], []),
    ("static", [], []),
    ("sealed", ["--granularity", str(_WINDOW), "--carrier", "ports"], []),
    ("sealed", ["--granularity", str(_WINDOW), "--carrier", "udp"], []),
    ("sealed", ["--granularity", str(_WINDOW), "--carrier", "icmp"], []),
    ("sealed", ["--granularity", str(_WINDOW), "--carrier", "dns", "--zone", "knock.example.org"], []),
    # Ahead by what it may be: of a record that has just begun only such a packet cannot be older.
    ("fwknop", [], lambda: [f"tcp/{_PORT}", "--at", str(int(time.time()) + 119)]),
    ("otp", ["--carrier", "udp"], []),
    ("challenge", ["--granularity", str(_WINDOW)], []),
)


class Way:
    """A way of knocking with a key of its own."""

    def __init__(self, lab, method, fields, options):
        carrier = fields[fields.index("--carrier") + 1] if "--carrier" in fields else ""
        self.title = method + (f" by {carrier}" if carrier else "")
        self.name = f"{method}-{carrier}" if carrier else method
        self.options = options
        self.key = lab.folder / f"{self.name}.key"
        self.server_key = self.key
        lab.router.run([lab.program, "keygen", "--method", method, "--out", self.key, *fields])
        other = pathlib.Path(f"{self.key}.server")
        if other.exists():
            self.server_key = other


def show_way(lab, way, guard, server, laptop, stranger):
    say(f"\n{way.title}")
    show("the laptop's connection", laptop.door(server.ip4, _PORT, seconds=0.3), "silent")
    ear = lab.sniffer(server)
    options = way.options() if callable(way.options) else way.options
    laptop.knock(server, way.key, *(options or [""]))
    laptop.wait_open(server.ip4, _PORT, seconds=3)
    show("the laptop's connection, after the knock", laptop.door(server.ip4, _PORT), "open")
    show("the stranger's", stranger.door(server.ip4, _PORT, seconds=0.3), "silent")
    heard = [p for p in ear.raw(server.ip4) if _is_of_knock(p, laptop)]
    laptop.wait_shut(server.ip4, _PORT, seconds=_OPEN_FOR + 4)
    logged, seen = len(guard.log()), guard.status()["packets"]["seen"]
    sent = lab.sender(stranger).send(heard)
    wait_for(lambda: guard.status()["packets"]["seen"] >= seen + sent > seen, "the server to see the packets again", 5)
    show(f"the laptop's, after a stranger sent the {sent} packets again", laptop.door(server.ip4, _PORT), "silent")
    for line in guard.log()[logged:].splitlines():
        say("  | " + line)


def _is_of_knock(packet, laptop):
    """An IPv4 packet of the laptop, but for those to the door."""
    at = (packet[0] & 15) * 4
    to_door = packet[9] in (socket.IPPROTO_TCP, socket.IPPROTO_UDP) and \
        int.from_bytes(packet[at + 2:at + 4], "big") == _PORT
    return packet[0] >> 4 == 4 and packet[12:16] == socket.inet_aton(laptop.ip4) and not to_door


def demo(lab):
    server, laptop, stranger = lab.host("server"), lab.host("laptop"), lab.host("stranger")
    start_http(server, _PORT)
    ways = [Way(lab, *way) for way in _WAYS]
    say(f"A server ({server.ip4}) guards port {_PORT} with {len(ways)} keys, each of another way of knocking;\n"
        "a stranger hears every packet and sends it again, in the laptop's name, byte for byte.")
    guard = lab.chronoknock(
        server, services={"web": f"ports = tcp/{_PORT}\nopen_for = {_OPEN_FOR}"},
        keys={way.name: (way.server_key, "web", "allow_weak = true") for way in ways})
    lab.next_window(_WINDOW, after=time.time() + CLOCK_ERROR)
    for way in ways:
        show_way(lab, way, guard, server, laptop, stranger)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: demo_methods.py PROGRAM")
    try:
        with Lab(sys.argv[1]) as lab:
            demo(lab)
    except (Failed, AssertionError) as e:
        sys.exit(f"\nIt does not work: {e}")
    say("\nAll of it worked. Nothing is left behind: the namespaces are gone.")


if __name__ == "__main__":
    main()
