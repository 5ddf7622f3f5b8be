"""Knocks on the hosts of a fleet, copies of each sent to two and three of them at once, while members of its cluster and
hosts are cut off, stopped and killed at random, and grants are revoked: no token is taken twice, no grant is left open,
none that was revoked, and soon after each healing all hosts agree. In short by test_fleet_soak.py, at length by
tests/bench/fleet_soak.py."""

import contextlib
import ipaddress
import json
import random
import signal
import time

from etcdlab import Cluster, Fleet, Sequences, Wires
from lab import Lab, wait_for

NET = "10.96.0.0/12"
FIRST = int(ipaddress.ip_address("10.96.0.1"))
OPEN_FOR = 12
GRANULARITY = 10  # so that replays of a round are in time
AGREE_WITHIN = 5.0
REVOKE_EVERY = 3  # rounds
LATE = 3.5  # it is told how hosts disagree


class Soak:
    def __init__(self, seed, say=print, agree_within=AGREE_WITHIN):
        self.random, self.say, self.agree_within = random.Random(seed), say, agree_within
        self.lab = Lab()
        self.key = Sequences(self.lab, granularity=GRANULARITY)
        members = [self.lab.host(f"e{i}") for i in range(3)]
        self.hosts = [self.lab.host(name) for name in ("alpha", "beta", "gamma")]
        self.client = self.lab.host("client")
        self.client.add_addresses(NET)
        self.cluster = Cluster(self.lab, members)
        self.wires = Wires(self.lab)
        self.fleet = Fleet(self.lab, self.cluster, self.hosts, self.key.file, open_for=OPEN_FOR)
        self.doors = list(self.fleet.doors.values())
        self.away = None  # the door whose server is stopped or killed
        self.sender = self.lab.sender(self.client)
        self.lab.next_window(self.key.GRANULARITY, after=time.time() + 1)
        self.sources, self.copies, self.replays, self.revoked = [], 0, 0, 0
        self.until_well, self.until_agreed, self.kinds = [], [], {}  # seconds after each healing
        self.taken, self.let_in = {}, set()  # address -> hosts that took its knock; all that were ever let in
        self.ended = {}  # address -> when it was revoked

    def send(self, source, targets, t0):
        each = [self.key.packets(source, h.ip4, t0) for h in targets]
        for packets in zip(*each):  # side by side
            self.sender.send(packets)

    def knock(self, many):
        """One knock of an address that has not knocked yet, on one host, or copies on several at once."""
        source = str(ipaddress.ip_address(FIRST + len(self.sources)))
        t0 = self.key.window()
        self.sources.append((source, t0))
        self.send(source, self.random.sample(self.hosts, many), t0)
        self.copies += many

    def fault(self):
        """One of what may happen: (name, what ends it)."""
        kind = self.random.choice(["host cut off", "host cut off from two", "host's link down", "host stopped",
                                   "host killed", "member cut off", "member's link down", "member stopped",
                                   "member killed", "two members stopped", "two members killed"])
        members, host = self.random.sample(self.cluster.members, 2), self.random.choice(self.hosts)
        one, others = members[0], [m.host for m in self.cluster.members if m is not members[0]]
        door = self.fleet.doors[host]
        if kind == "host cut off":
            self.wires.cut(*((host, m.host) for m in self.cluster.members))
            heal = self.wires.heal
        elif kind == "host cut off from two":
            self.wires.cut(*((host, m.host) for m in members))
            heal = self.wires.heal
        elif kind == "host's link down":
            self.wires.down(host)
            heal = lambda: self.wires.up(host)  # noqa: E731
        elif kind == "host stopped":
            door.process.send(signal.SIGSTOP)
            self.away = door
            heal = lambda: door.process.send(signal.SIGCONT)  # noqa: E731
        elif kind == "host killed":
            door.sigkill()
            self.away = door
            heal = door.restart
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
            killed = members[:2 if kind == "two members killed" else 1]
            for m in killed:
                m.kill()
            heal = lambda: [m.start() for m in killed]  # noqa: E731
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        return kind, heal

    def ask(self, door, *argv):
        return json.loads(door.host.run([self.lab.program, *argv, "--json", "--control", door.control]).stdout)

    def open_at_all(self):
        """By host, the addresses that it lets in; and those of all hosts that are let in for a while yet. A grant that
        ends while one host after the other is asked is no difference between them."""
        listed, ends = {}, {}
        for d in self.doors:
            begin = time.monotonic()
            grants = self.ask(d, "grants")["list"]
            listed[d.host.name] = {g["address"] for g in grants}
            for g in grants:
                ends[g["address"]] = max(ends.get(g["address"], 0), begin + g["left"])
        until = time.monotonic() + 1
        return listed, {a for a, end in ends.items() if end > until}

    def revoke_one(self):
        """Ends the grant of an address that some host has let in, by some host."""
        able = [d for d in self.doors if d is not self.away]
        has, asked = self.random.choice(able), self.random.choice(able)
        # One that has long to go: else it tells nothing that it is shut.
        candidates = sorted(g["address"] for g in self.ask(has, "grants")["list"] if g["left"] > 8)
        if not candidates:
            return
        address = self.random.choice(candidates)
        done = asked.host.run([self.lab.program, "revoke", address, "--control", asked.control], check=False)
        # A host that has not heard of the grant, and hears of all that there is, finds none to end.
        if done.returncode == 0:
            self.ended[address] = time.time()
            self.revoked += 1

    def logs(self):
        return "\n".join(f"--- {d.host.name}\n{d.log()}" for d in self.doors)

    def agree(self):
        """Waits until all hosts have the same open, and nothing that was revoked; how long that took."""
        begin = time.monotonic()

        def same():
            listed, lasting = self.open_at_all()
            return all(lasting <= one for one in listed.values()) and not lasting & set(self.ended)

        told = []

        def watched():
            if not told and time.monotonic() - begin > LATE:
                told.append(True)
                self.say("late: " + unlike())
            return same()

        def unlike():
            sets, lasting = self.open_at_all()
            revoked, some = lasting & set(self.ended), lasting - set.intersection(*sets.values())
            lines = [f"all hosts to agree: {({name: sorted(one & some) for name, one in sets.items()})}, revoked and open: "
                     f"{sorted(revoked)}"]
            for d in self.doors:
                lines += [f"{d.host.name}: {line[:200]}" for line in d.log().split("\n")
                          if any(f" {a}," in line for a in some | revoked) or "ended" in line or "fleet's" in line][-30:]
                lines.append(f"{d.host.name}: {self.fleet.state(d)}")
            return "\n".join(lines)
        wait_for(watched, unlike, self.agree_within + 10, 0.1)
        return time.monotonic() - begin

    def round(self, number, knocks):
        kind, heal = self.fault()
        first = len(self.sources)
        pace = self.random.choice([0.05, 0.15, 0.4])
        try:
            for i in range(knocks):
                self.knock(self.random.choice([1, 2, 2, 3]))
                time.sleep(self.random.uniform(0, pace))
                if number % REVOKE_EVERY == 0 and i == knocks // 2:
                    self.revoke_one()
        finally:
            heal()
            self.away = None
        begin = time.monotonic()
        wait_for(lambda: self.cluster.ctl("get", "x", check=False).returncode == 0, "the cluster to answer", 30, 0.1)
        well = time.monotonic() - begin  # it has chosen a leader
        took = well + self.agree()
        self.until_well.append(well)
        self.until_agreed.append(took)
        # Copies of all, in time yet, on all hosts: what was refused for want of a cluster may be taken now, once.
        for source, t0 in self.sources[first:]:
            self.send(source, self.hosts, t0)
            self.replays += len(self.hosts)
        self.agree()
        self.count()
        self.say(f"{number}: {kind}: {knocks} knocks, the cluster answers {well:.1f} s after healing, all agree {took:.1f} s after it")

    def count(self):
        """Reads from the hosts' histories who took and who let in; no knock is taken by two."""
        for d in self.doors:
            for e in self.ask(d, "history", "--limit", "2000")["entries"]:
                if e["what"] != "granted":
                    continue
                address = e["address"]
                self.let_in.add(address)
                # The host that took it opens for all of the time, others for what is left.
                if e["until"][0] - e["when"] >= OPEN_FOR - 0.0005:
                    self.taken.setdefault(address, set()).add((d.host.name, e["number"]))
        twice = {a: who for a, who in self.taken.items() if len(who) > 1}
        assert not twice, f"taken twice: {twice}\n" + self.logs()

    def run(self, rounds, knocks_each):
        for number in range(1, rounds + 1):
            self.round(number, knocks_each)
        # When all is well again every knock counts.
        self.cluster.wait()
        for d in self.doors:
            wait_for(lambda d=d: self.fleet.state(d)["state"] in ("connected", "degraded") and
                     self.fleet.state(d)["watching"], "the cluster to be back", 20, 0.1)
        before = len(self.sources)
        for _ in range(5):
            self.knock(3)
            time.sleep(0.05)
        last = {source for source, _ in self.sources[before:]}
        wait_for(lambda: all(last <= one for one in self.open_at_all()[0].values()), "the last knocks to open", 10, 0.1)
        self.count()
        assert last <= set(self.taken), last - set(self.taken)
        assert self.let_in <= {source for source, _ in self.sources}
        assert set(self.taken) <= self.let_in
        # And all is over in its time.
        time.sleep(OPEN_FOR + 1)
        for d in self.doors:
            listed = self.ask(d, "grants")
            assert listed["live"] == 0, listed
        agreed, well = sorted(self.until_agreed), sorted(self.until_well)
        late = [(w, a) for w, a in zip(self.until_well, self.until_agreed) if a - w > self.agree_within]
        self.say(f"{len(self.sources)} knocks as {self.copies} copies, {self.replays} replays, {rounds} faults "
                 f"{self.kinds}, {self.revoked} revoked: {len(self.let_in)} let in, of which {len(self.taken)} were taken "
                 f"by one host each, and {len(self.let_in) - len(self.taken)} by a try whose answer was lost; none was "
                 f"taken twice, none left open; until all hosts agreed after a healing: median "
                 f"{agreed[len(agreed) // 2]:.1f} s, at most {agreed[-1]:.1f} s; until the cluster answered at most "
                 f"{well[-1]:.1f} s")
        assert not late, f"they took longer than {self.agree_within} s from when the cluster answered: {late}"
        return len(self.let_in)

    def close(self):
        for d in self.doors:
            with contextlib.suppress(OSError):
                d.process.send(signal.SIGCONT)
        self.lab.close()
