"""The truth stays within the server's bound whatever happens to the machine's clocks: another daemon slews them, the
machine sleeps, or stands still and is set right afterwards. (Only the program's clocks are bent: bent_clock.cpp. This
machine's own are not to be touched.)"""

import time
import unittest

from bent_clock import BentClock
from case import LabTest
from lab import start_chronyd


class Bent(LabTest):
    def setUp(self):
        super().setUp()
        servers = []
        for n in range(3):
            host = self.lab.host(f"ntp{n}")
            start_chronyd(host)
            servers.append(host.ip4)
        self.clock = BentClock(self.lab.folder / "clock")
        self.door = self.guard(self.key(), sections={"time": f"servers = {', '.join(servers)}\ninterval = 64"},
                               start=False, wait=False)
        self.door.start(env=self.clock.env)
        self.wait_for(lambda: self.time()["state"] == "synchronised", "the time", 20)

    def time(self):
        return self.door.status()["time"]

    def assert_true(self):
        """What the server takes for the time has the truth within its bound."""
        before = self.clock.system_ahead()
        said = self.time()
        after = self.clock.system_ahead()
        ahead, bound = -said["offset"], said["error"]
        least, most = min(before, after) - bound, max(before, after) + bound
        self.assertTrue(least <= ahead <= most, f"system clock said to be {ahead:.4f} s ahead; it is {after:.4f}, bound {bound:.4f}")
        return said

    def assert_true_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.assert_true()

    def test_the_bent_clock_bends(self):
        self.clock.set_system(100)
        self.wait_for(lambda: abs(self.time()["offset"] + 100) < 1, "the system clock to be seen ahead", 10)

    def test_another_daemon_slews(self):
        for ppm in (80_000, -80_000, 500):
            self.clock.slew(ppm)
            self.assert_true_for(8)

    def test_a_sleep_is_seen_at_once_and_asked_about(self):
        for seconds, measured in ((1.5, 2.3), (2.5, 1.7)):
            for _ in range(3):  # it may have asked already when we come to look
                self.clock.asleep(self.door.process, seconds, measured)
                error = self.assert_true()["error"]
                if error > abs(seconds - measured):
                    break
            self.assertGreater(error, abs(seconds - measured))
            self.wait_for(lambda: self.assert_true()["error"] < 0.2, "an answer after the sleep", 10)

    def test_a_pause_shows_when_the_system_clock_is_set(self):
        self.clock.paused(self.door.process, 4)
        self.clock.set_system(4)
        self.assertGreater(self.assert_true()["error"], 3)
        self.wait_for(lambda: self.assert_true()["error"] < 0.2, "an answer after the pause", 30)


if __name__ == "__main__":
    unittest.main()
