"""Knocks on the hosts of a fleet, copies of each sent to two and three of them at once, while members of its cluster are
cut off, stopped and killed at random: no token is taken twice, no grant is left open, and soon after each healing all
hosts agree. In short by test_fleet_soak.py, at length by tests/bench/fleet_soak.py."""

import ipaddress
import json
import random
import time

from etcdlab import Cluster, Fleet, Sequences, Wires
from lab import Lab, wait_for

NET = "10.96.0.0/12"
FIRST = int(ipaddress.ip_address("10.96.0.1"))
OPEN_FOR = 12
AGREE_WITHIN = 5.0


class Soak:
    def __init__(self, seed, say=print):
        self.random, self.say = random.Random(seed), say
        self.lab = Lab()
        self.key = Sequences(self.lab)
        members = [self.lab.host(f"e{i}") for i in range(3)]
        self.hosts = [self.lab.host(name) for name in ("alpha", "beta", "gamma")]
        self.client = self.lab.host("client")
        self.client.add_addresses(NET)
        self.cluster = Cluster(self.lab, members)
        self.wires = Wires(self.lab)
        self.fleet = Fleet(self.lab, self.cluster, self.hosts, self.key.file, open_for=OPEN_FOR)
        self.sender = self.lab.sender(self.client)
        self.lab.next_window(self.key.GRANULARITY, after=time.time() + 1)
        self.sources, self.copies, self.slowest_to_agree, self.kinds = [], 0, 0.0, {}

    def knock(self, many):
        """One knock of an address that has not knocked yet, on one host, or copies on several at once."""
        source = str(ipaddress.ip_address(FIRST + len(self.sources)))
        self.sources.append(source)
        targets = self.random.sample(self.hosts, many)
        t0 = self.key.window()
        each = [self.key.packets(source, h.ip4, t0) for h in targets]
        for packets in zip(*each):  # side by side
            self.sender.send(packets)
        self.copies += many

    def fault(self):
        """One of what may happen: (name, what ends it)."""
        kind = self.random.choice(["host cut off", "host cut off from two", "member cut off", "member's link down",
                                   "member stopped", "member killed", "two members stopped"])
        members, host = self.random.sample(self.cluster.members, 2), self.random.choice(self.hosts)
        one, others = members[0], [m.host for m in self.cluster.members if m is not members[0]]
        if kind == "host cut off":
            self.wires.cut(*((host, m.host) for m in self.cluster.members))
            heal = self.wires.heal
        elif kind == "host cut off from two":
            self.wires.cut(*((host, m.host) for m in members))
            heal = self.wires.heal
        elif kind == "member cut off":
            self.wires.cut(*((one.host, other) for other in others))
            heal = self.wires.heal
        elif kind == "member's link down":
            self.wires.down(one.host)
            heal = lambda: self.wires.up(one.host)  # noqa: E731
        elif kind == "member stopped":
            one.pause()
            heal = one.go_on
        elif kind == "two members stopped":
            for m in members:
                m.pause()
            heal = lambda: [m.go_on() for m in members]  # noqa: E731
        else:
            one.kill()
            heal = one.start
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        return kind, heal

    def open_at(self, door):
        """Addresses that are let in, and not just for a moment yet."""
        listed = json.loads(door.host.run([self.lab.program, "grants", "--json", "--control", door.control]).stdout)
        return {g["address"] for g in listed["list"] if g["left"] > 1.5}

    def logs(self):
        return "\n".join(f"--- {d.host.name}\n{d.log()}" for d in self.fleet.doors.values())

    def agree(self):
        """Waits until all hosts have the same open; how long that took."""
        begin = time.monotonic()
        doors = list(self.fleet.doors.values())

        def same():
            first = [self.open_at(d) for d in doors]
            return all(one == first[0] for one in first[1:])
        wait_for(same, lambda: "all hosts to agree: " + str({d.host.name: len(self.open_at(d)) for d in doors}) + "\n"
                 + "\n".join(d.log()[-2000:] for d in doors), AGREE_WITHIN + 10, 0.1)
        return time.monotonic() - begin

    def round(self, knocks):
        kind, heal = self.fault()
        try:
            for _ in range(knocks):
                self.knock(self.random.choice([1, 2, 2, 3]))
                time.sleep(self.random.uniform(0, 0.15))
        finally:
            heal()
        took = self.agree()
        self.slowest_to_agree = max(self.slowest_to_agree, took)
        self.say(f"{kind}: {knocks} knocks, all agree {took:.1f} s after healing")

    def granted(self):
        """(knocks that hosts took by their own counters, addresses that were ever let in)."""
        own, let_in = 0, set()
        for d in self.fleet.doors.values():
            own += d.status()["knocks"]["granted"]
            entries = json.loads(d.host.run([self.lab.program, "history", "--json", "--limit", "10000", "--control",
                                             d.control]).stdout)["entries"]
            let_in |= {e["address"] for e in entries if e["what"] == "granted"}
        return own, let_in

    def run(self, rounds, knocks_each):
        for _ in range(rounds):
            self.round(knocks_each)
        # When all is well again every knock counts.
        self.cluster.wait()
        for d in self.fleet.doors.values():
            wait_for(lambda d=d: self.fleet.state(d)["state"] in ("connected", "degraded") and
                     self.fleet.state(d)["watching"], "the cluster to be back", 20, 0.1)
        before = len(self.sources)
        for _ in range(5):
            self.knock(3)
            time.sleep(0.05)
        last = set(self.sources[before:])
        wait_for(lambda: all(last <= self.open_at(d) for d in self.fleet.doors.values()), "the last knocks to open", 10, 0.1)
        own, let_in = self.granted()
        assert own == len(let_in), f"{own} knocks were taken for {len(let_in)} addresses:\n" + self.logs()
        assert let_in <= set(self.sources)
        # And all is over in its time.
        time.sleep(OPEN_FOR + 1)
        for d in self.fleet.doors.values():
            listed = json.loads(d.host.run([self.lab.program, "grants", "--json", "--control", d.control]).stdout)
            assert listed["live"] == 0, listed
        assert self.slowest_to_agree <= AGREE_WITHIN, f"they took {self.slowest_to_agree:.1f} s to agree"
        # Replays of all, on every host, earn nothing.
        t0 = self.key.window()
        for source in self.random.sample(sorted(let_in), min(50, len(let_in))):
            for h in self.hosts:
                self.sender.send(self.key.packets(source, h.ip4, t0 - 20))
        assert self.granted()[0] == own
        self.say(f"{len(self.sources)} knocks, {self.copies} copies, {rounds} faults {self.kinds}: {own} taken, each once; "
                 f"at most {self.slowest_to_agree:.1f} s until all hosts agreed")
        return own

    def close(self):
        self.lab.close()
