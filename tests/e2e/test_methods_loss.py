"""Each way of knocking where one packet of twenty gets lost, both ways: as many of many knocks open as
chronoknock-protocol(7) says, CLIENT."""

import math
import re
import unittest

from lab import wait_for
from ways import WAYS, WaysTest, each_way

LOSS = 0.05
KNOCKS = 60
ROUNDS = 5      # at the most, while something has not been answered
AT_A_TIME = 10
_NEVER = 1e-6   # so seldom may the test fail with a program that keeps to the page


def most_failures(ports):
    """The most knocks that do not open, of so many packets each: more come less than once in a million times."""
    fails = 1 - (1 - LOSS ** ROUNDS) ** ports
    above, most = 1.0, -1
    while above > _NEVER:
        most += 1
        above -= math.comb(KNOCKS, most) * fails ** most * (1 - fails) ** (KNOCKS - most)
    return most


class Loss(WaysTest):
    def check(self, kind):
        way = kind(self, granularity=10)
        guard = way.start(keys=1 if way.shared else KNOCKS, open_for=120)
        self.lab.router_rules(f"""tcp dport 8080 accept
            tcp sport 8080 accept
            meta l4proto {{ tcp, udp, icmp, ipv6-icmp }} numgen random mod 100 < {round(100 * LOSS)} counter drop""")
        sources = [self.fresh(way.versions[n % len(way.versions)]) for n in range(KNOCKS)]
        at_a_time = 1 if way.one_time else AT_A_TIME
        for begin in range(0, KNOCKS, at_a_time):
            started = [self.client.spawn(way.argv(source, key=way.keys[(begin + n) % len(way.keys)][0]),
                                         log=self.client.home / f"knock{begin + n}")
                       for n, source in enumerate(sources[begin:begin + at_a_time])]
            self.assertEqual([p.text() for p in started if p.stop(0, 30) != 0], [])
        counted = self.lab.router.run(["nft", "list", "table", "inet", "lab"]).stdout
        lost = int(re.search(r"packets (\d+) ", counted).group(1))
        self.lab.router_rules("accept")

        def opened():
            return {source for source in sources if f" to {source}, " in guard.log()}
        failures = most_failures(way.ports)
        wait_for(lambda: len(opened()) >= KNOCKS - failures,
                 f"all of {KNOCKS} knocks but {failures} to open, {lost} packets having been lost")
        for source in opened():
            self.opens(source)
        self.assertGreater(lost, 0)
        print(f"{len(opened())} of {KNOCKS} opened ({KNOCKS - failures} due); {lost} packets were lost")


each_way(Loss, WAYS, "check")


if __name__ == "__main__":
    unittest.main()
