#!/usr/bin/env python3
"""Many hosts of a fleet against a real etcd of three members with TLS on this machine, as members without firewalls in one
process: sudo tests/bench/fleet_scale.py [HOSTS RATE SECONDS [FLEETS]], each fleet with its prefix in the one cluster; by
itself 200 hosts in 40 fleets, 1,000 knocks a second, for a minute.

Also: knock to open on the host that is knocked, and on the others, by real servers: `fleet_scale.py doors [KNOCKS]`."""

import os
import pathlib
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))

from etcdlab import Cluster, Fleet, Sequences  # noqa: E402
from lab import Lab  # noqa: E402

TOOL = pathlib.Path(os.environ.get("CHRONOKNOCK", pathlib.Path(__file__).parents[2] / "build/app/chronoknock"))
LOAD = pathlib.Path(os.environ.get("FLEET_LOAD", TOOL.parents[1] / "tests/bench/fleet_load"))


def scale(hosts, rate, seconds, fleets=1):
    os.environ.setdefault("GOGC", "400")  # for the members, as chronoknock-fleet(8) says; 100 is Go's own choice
    with Lab() as lab:
        members = [lab.host(f"e{i}") for i in range(3)]
        client = lab.host("client")
        cluster = Cluster(lab, members, options=["--quota-backend-bytes", str(2 << 30)])
        cert, key = cluster.authority.certificate("client", client.ip4)
        before = [m.process.cpu() for m in cluster.members]
        done = client.run([LOAD, "--endpoints", ",".join(m.endpoint for m in cluster.members), "--ca",
                           cluster.authority.ca, "--cert", cert, "--key", key, "--hosts", hosts, "--rate", rate,
                           "--seconds", seconds, "--prefixes", fleets], check=False, timeout=seconds + 300)
        print(done.stdout + done.stderr, end="")
        for m, b in zip(cluster.members, before):
            print(f"{m.name}: {m.process.cpu() - b:.1f} s of CPU")
        return done.returncode


def doors(knocks):
    """Milliseconds from the last SYN of a knock to the first connection that is let in, by host."""
    with Lab() as lab:
        key = Sequences(lab)
        members = [lab.host(f"e{i}") for i in range(3)]
        hosts = [lab.host(n) for n in ("alpha", "beta", "gamma")]
        client = lab.host("client")
        client.add_addresses("10.96.0.0/12")
        cluster = Cluster(lab, members)
        fleet = Fleet(lab, cluster, hosts, key.file, open_for=5)
        sender = lab.sender(client)
        lab.next_window(key.GRANULARITY, after=time.time() + 1)
        knocked, others = [], []
        for i in range(knocks):
            source = f"10.96.{i // 250}.{i % 250 + 1}"
            packets = key.packets(source, hosts[i % 3].ip4)
            opened = {}

            def watch(h, source=source, opened=opened):
                while h not in opened and time.monotonic() - begin[0] < 5:
                    if client.door(h.ip4, fleet.port, source, 0.002) == "open":
                        opened[h] = time.monotonic()
            begin = [time.monotonic()]
            threads = [threading.Thread(target=watch, args=(h,)) for h in hosts]
            sender.send(packets)
            begin[0] = time.monotonic()
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            for h in hosts:
                if h in opened:
                    (knocked if h is hosts[i % 3] else others).append((opened[h] - begin[0]) * 1000)
        for name, took in (("knocked", knocked), ("others", others)):
            took.sort()
            print(f"{name}: {len(took)} opened, median {statistics.median(took):.1f} ms, p99 "
                  f"{took[int(len(took) * 0.99) - 1]:.1f} ms")
    return 0


def main():
    words = sys.argv[1:]
    if words[:1] == ["doors"]:
        return doors(int(words[1]) if len(words) > 1 else 100)
    return scale(*[int(w) for w in words or ("200", "1000", "60", "40")])


if __name__ == "__main__":
    sys.exit(main())
