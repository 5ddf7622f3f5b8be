"""Each way of knocking where one packet of twenty gets lost, both ways: as many of many knocks open as
chronoknock-protocol(7) says, CLIENT."""

import unittest

from lab import wait_for
from loss import KNOCKS, lose, lost, most_failures
from ways import WAYS, WaysTest, each_way

AT_A_TIME = 10


class Loss(WaysTest):
    def check(self, kind):
        way = kind(self, granularity=10)
        guard = way.start(keys=1 if way.shared else KNOCKS, open_for=120)
        lose(self.lab)
        sources = [self.fresh(way.versions[n % len(way.versions)]) for n in range(KNOCKS)]
        at_a_time = 1 if way.one_time else AT_A_TIME
        for begin in range(0, KNOCKS, at_a_time):
            started = [self.client.spawn(way.argv(source, key=way.keys[(begin + n) % len(way.keys)][0]),
                                         log=self.client.home / f"knock{begin + n}")
                       for n, source in enumerate(sources[begin:begin + at_a_time])]
            self.assertEqual([p.text() for p in started if p.stop(0, 30) != 0], [])
        packets = lost(self.lab)

        def opened():
            return {source for source in sources if f" to {source}, " in guard.log()}
        failures = most_failures(way.ports)
        wait_for(lambda: len(opened()) >= KNOCKS - failures,
                 f"all of {KNOCKS} knocks but {failures} to open, {packets} packets having been lost")
        for source in opened():
            self.opens(source)
        self.assertGreater(packets, 0)
        print(f"{len(opened())} of {KNOCKS} opened ({KNOCKS - failures} due); {packets} packets were lost")


each_way(Loss, WAYS, "check")


if __name__ == "__main__":
    unittest.main()
