#!/usr/bin/env python3
"""How long the guarded port answers strangers after somebody has removed the guard, in every way there is to do that:
a SYN of a stranger about every half millisecond; open is from the first that is answered to the last. Prints the worst
and the median of so many tries of each, and what comes of many changes in a second.

    sudo CHRONOKNOCK=build/release/app/chronoknock tests/bench/reopen.py [TRIES]
"""

import json
import pathlib
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))

from door import PORT, Echo  # noqa: E402
from forms import ACK, SYN, Way, Wire  # noqa: E402
from lab import Lab, wait_for  # noqa: E402

GAP = 0.0004
OURS = "inet chronoknock"
_RELOAD = "flush ruleset\ntable inet filter {\nchain input { type filter hook input priority filter; policy accept;\n" \
          "ct state established,related accept\ntcp dport 9999 drop\n}\n}\n"


class Prober:
    """A stranger who never stops. `answered`: when the SYNs left that were answered."""

    def __init__(self, lab, server, stranger):
        self.wire = Wire(lab.router, "server", server)
        self._way = Way(stranger.ip4, server.ip4)
        self.answered, self._ended = [], False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        sent, port = {}, 1024
        while not self._ended:
            port = 1024 + (port - 1023) % 64000
            packet = self._way.ip(self._way.tcp(port, PORT))
            sent[port] = time.monotonic()
            self.wire.send(packet)
            time.sleep(GAP)
            for _, at, _, sport, flags in self.wire.answers():
                if at == PORT and flags & (SYN | ACK) == SYN | ACK and sport in sent:
                    self.answered.append(sent.pop(sport))
        self.wire.close()

    def stop(self):
        self._ended = True
        self._thread.join()


class Bench:
    def __init__(self, lab):
        self.server, self.stranger = lab.host("server"), lab.host("stranger")
        self.echo = Echo(self.server, PORT)
        self.guard = lab.chronoknock(self.server, services={"web": f"ports = tcp/{PORT}"},
                                     keys={"alice": (lab.key("alice", ports="10000-60000"), "web")})
        self.prober = Prober(lab, self.server, self.stranger)
        chains = self.objects("chain")
        self.base = [c["name"] for c in chains if "hook" in c]
        self.ways = {
            "flush ruleset": "flush ruleset", "delete table": f"delete table {OURS}", "reload of nftables.conf": _RELOAD,
            "flush chain, all": "\n".join(f"flush chain {OURS} {c['name']}" for c in chains),
            "flush chain, the hooks": "\n".join(f"flush chain {OURS} {c}" for c in self.base),
            "rules deleted": self.delete_rules, "dormant": "add table " + OURS + " { flags dormant; }",
            "an accept put first": "\n".join(f"insert rule {OURS} {c['name']} accept" for c in chains)}

    def objects(self, kind):
        said = json.loads(self.server.run(["nft", "-j", "list", "table", *OURS.split()]).stdout)
        return [o[kind] for o in said["nftables"] if kind in o]

    def delete_rules(self):
        return "\n".join(f"delete rule {OURS} {r['chain']} handle {r['handle']}" for r in self.objects("rule")
                         if r["chain"] in self.base)

    def change(self, way):
        self.server.run(["nft", "-f", "-"], stdin=(way() if callable(way) else way) + "\n")

    def shut(self, quiet=0.1):
        """Waits until no SYN has been answered for a while."""
        wait_for(lambda: time.monotonic() - max(self.prober.answered, default=0) > quiet, "the guard to be back", 30)

    def measure(self, way):
        """Seconds between the first and the last answer after a change, and a gap for what no SYN has seen."""
        self.shut()
        self.prober.answered.clear()
        before = time.monotonic()
        self.change(way)
        time.sleep(0.05)
        self.shut()
        times = [t for t in self.prober.answered if t >= before - 0.01]
        return max(times) - min(times) + GAP if times else 0.0

    def many(self, seconds):
        """The longest time of answers without a pause of 10 ms when two loops flush the ruleset."""
        self.shut()
        time.sleep(1.2)
        self.prober.answered.clear()
        loops = [self.server.spawn(["sh", "-c", "while :; do nft flush ruleset; done"], log=self.server.home / f"loop{i}")
                 for i in range(2)]
        time.sleep(seconds)
        for loop in loops:
            loop.kill()
        self.shut(1.2)
        times = sorted(self.prober.answered)
        spells, begun = [0.0], times[0] if times else 0
        for a, b in zip(times, times[1:] + [float("inf")]):
            if b - a > 0.01:
                spells.append(a - begun + GAP)
                begun = b
        return max(spells)


def main():
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with Lab() as lab:
        bench = Bench(lab)
        print(f"{'open after':28}  median ms   worst ms   not seen open, of {tries}")
        for name, way in bench.ways.items():
            took = []
            for _ in range(tries):
                took.append(bench.measure(way) * 1e3)
                time.sleep(0.1)
            print(f"{name:28} {statistics.median(took):10.1f} {max(took):10.1f} {took.count(0):6}", flush=True)
        print(f"flushed again and again for 2 s: the longest open spell {bench.many(2) * 1e3:.1f} ms")
        bench.prober.stop()
        bench.echo.close()
        for line in bench.guard.log().splitlines()[-3:]:
            print("its log:", line)


if __name__ == "__main__":
    main()
