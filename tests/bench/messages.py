"""What a message that is none costs: datagrams of a sealed knock's length with tags that nobody has."""

import time

import table as t
from lab import CLOCK_ERROR
from world import DOOR, GRANULARITY, POOL, Daemon, Door

_MESSAGE = 57  # bytes of a sealed knock


class SealedDoor(Door):
    """chronoknock's server with keys of the method sealed, which come as SYNs and as datagrams to any port."""

    def __init__(self, world, keys):  # pylint: disable=super-init-not-called
        self.world = world
        folder = world.lab.folder / f"sealed{time.monotonic_ns()}"
        folder.mkdir()
        self.keys = [world.lab.key(f"{folder.name}/k{i}", method="sealed", carrier="ports, udp", granularity=GRANULARITY,
                                   ports=POOL) for i in range(keys)]
        for file in world.server.home.glob("chronoknock/state.db*"):
            file.unlink()
        self.server = world.lab.chronoknock(
            world.server, services={"web": f"ports = tcp/{DOOR}\nopen_for = 30"},
            keys={f"k{i}": (file, "web") for i, file in enumerate(self.keys)})
        self.process = self.server.process
        world.lab.next_window(GRANULARITY, after=time.time() + CLOCK_ERROR)

    def stop(self):
        Daemon.stop(self)
        self.world.server.run(["nft", "delete", "table", "inet", "chronoknock"], check=False)


def messages(world, table, quick):
    """CPU a datagram of a sealed knock's length and a random tag, beside a SYN's, 1 and 1,000 keys"""
    length = 2 if quick else 6
    ports = "1024-48127"  # those of the carrier ports
    for keys in (1, 1_000):
        with SealedDoor(world, keys) as door:
            # In turn, so that what else the machine does is in both.
            rounds = [(door.cpu_and_losses(length, sources=0, ports=ports)[0],
                       door.cpu_and_losses(length, sources=0, ports=ports, udp=_MESSAGE)[0]) for _ in range(3)]
            decryptions = door.status().get("matching", {}).get("decryptions", 0)
        syn, datagram = (min(costs) for costs in zip(*rounds))
        what = f"{keys:,} sealed key{'s' if keys > 1 else ''}: CPU a {_MESSAGE}-byte datagram with a random tag"
        table.add(what, datagram, t.fine, "a SYN", syn, "<= 2 times", datagram <= 2 * syn)
        table.add(f"{keys:,} sealed key{'s' if keys > 1 else ''}: decryptions in that", decryptions, t.number, goal="0",
                  met=decryptions == 0)
