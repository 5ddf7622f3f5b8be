"""The soak of a fleet in short: tests/bench/fleet_soak.py has it at length."""

import sys
import unittest

from fleetsoak import Soak


class FleetSoak(unittest.TestCase):
    def test_knocks_under_random_faults(self):
        # A machine with other work to do stalls for seconds: how soon they agree the long one judges.
        soak = Soak(seed=15, say=lambda text: print(text, file=sys.stderr), agree_within=15)
        self.addCleanup(soak.close)
        self.assertGreater(soak.run(rounds=6, knocks_each=10), 20)


if __name__ == "__main__":
    unittest.main()
