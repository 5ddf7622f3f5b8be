"""What a message that is none costs: datagrams of a sealed knock's length with tags that nobody has."""

import base64
import random
import secrets
import statistics
import time

import table as t
from lab import CLOCK_ERROR
from world import DOOR, GRANULARITY, POOL, Daemon, Door

_MESSAGE = 57  # bytes of a sealed knock


class OtherDoor(Door):
    """chronoknock's server with keys of any methods, given as files."""

    def __init__(self, world, keys):  # pylint: disable=super-init-not-called
        self.world = world
        for file in world.server.home.glob("chronoknock/state.db*"):
            file.unlink()
        self.server = world.lab.chronoknock(
            world.server, services={"web": f"ports = tcp/{DOOR}\nopen_for = 30"},
            keys={f"k{i}": (file, "web", "allow_weak = true") for i, file in enumerate(keys)})
        self.process = self.server.process
        world.lab.next_window(GRANULARITY, after=time.time() + CLOCK_ERROR)

    def stop(self):
        Daemon.stop(self)
        self.world.server.run(["nft", "delete", "table", "inet", "chronoknock"], check=False)


def _sealed(world, name):
    """They come as SYNs and as datagrams to any port."""
    return world.lab.key(name, method="sealed", carrier="ports, udp", granularity=GRANULARITY, ports=POOL)


def _static(world, name):
    ports = random.sample(range(1024, 65536), 3)
    return _write(world, name, "method = static\nsequence = {},udp/{},{}\n".format(*ports))


def _fwknop(world, name):
    cipher, mac = (base64.b64encode(secrets.token_bytes(n)).decode() for n in (32, 64))
    return _write(world, name, f"method = fwknop\nkey_base64 = {cipher}\nhmac_key_base64 = {mac}\n")


def _otp(world, name):
    client, server = (world.lab.folder / f"{name}.{end}" for end in ("client", "key"))
    world.client.run([world.tools["chronoknock"], "keygen", "--method", "otp", "--out", client, "--server-out", server,
                      "--carrier", "udp"])
    return server


def _write(world, name, text):
    path = world.lab.folder / f"{name}.key"
    path.write_text(text, encoding="ascii")
    path.chmod(0o600)
    return path


_METHODS = {
    "time-sequence": lambda world, name: world.lab.key(name, granularity=GRANULARITY, ports=POOL),
    "static": _static,
    "sealed": _sealed,
    "fwknop": _fwknop,
    "otp": _otp,
    "challenge": lambda world, name: world.lab.key(name, method="challenge", granularity=GRANULARITY, ports=POOL)}


def mixed(world, table, quick):
    """CPU a stranger's packet, 1,000 keys of each method on one server, beside each method alone"""
    keys, length, rounds = (50, 2, 1) if quick else (1_000, 4, 3)
    files = {method: [make(world, f"{method}{i}") for i in range(keys)] for method, make in _METHODS.items()}
    subjects = {**files, "all": sum(files.values(), [])}
    floods = {"a SYN": {}, f"a {_MESSAGE}-byte datagram": {"udp": _MESSAGE}}
    costs = {kind: {subject: [] for subject in subjects} for kind in floods}
    for _ in range(rounds):
        for subject, some in subjects.items():
            with OtherDoor(world, some) as door:
                for kind, of in floods.items():
                    costs[kind][subject].append(door.cpu_and_losses(length, sources=0, ports=POOL, **of)[0])
    for kind, of in costs.items():
        middle = {subject: statistics.median(some) for subject, some in of.items()}
        together = middle.pop("all")
        dearest = max(middle, key=middle.get)
        alone = middle[dearest]
        table.add(f"{keys:,} keys of each method: CPU {kind}", together, t.fine, f"the dearest alone, {dearest}", alone,
                  "<= 1.5 times", together <= 1.5 * alone)


def messages(world, table, quick):
    """CPU a datagram of a sealed knock's length and a random tag, beside a SYN's, 1 and 1,000 keys"""
    length = 2 if quick else 6
    ports = "1024-48127"  # those of the carrier ports
    for keys in (1, 1_000):
        with OtherDoor(world, [_sealed(world, f"s{keys}-{i}") for i in range(keys)]) as door:
            # In turn, so that what else the machine does is in both.
            rounds = [(door.cpu_and_losses(length, sources=0, ports=ports)[0],
                       door.cpu_and_losses(length, sources=0, ports=ports, udp=_MESSAGE)[0]) for _ in range(3)]
            decryptions = door.status().get("matching", {}).get("decryptions", 0)
        syn, datagram = (min(costs) for costs in zip(*rounds))
        what = f"{keys:,} sealed key{'s' if keys > 1 else ''}: CPU a {_MESSAGE}-byte datagram with a random tag"
        table.add(what, datagram, t.fine, "a SYN", syn, "<= 2 times", datagram <= 2 * syn)
        table.add(f"{keys:,} sealed key{'s' if keys > 1 else ''}: decryptions in that (tags hit by chance)",
                  decryptions, t.number)
