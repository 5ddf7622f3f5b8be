"""An attacker who heard a knock moves every time server back, so that its window is current again."""

import math
import time
import unittest

from case import PORT, LabTest
from lab import CLOCK_ERROR, start_chronyd
from ntslab import Authority, start_nts


class MovedClock(LabTest):
    window = 4

    def setUp(self):
        super().setUp()
        self.ntp = self.lab.host("ntp")
        self.alice = self.key(granularity=self.window)

    def heard_and_over(self, time_section, time_server):
        """A server that knows the time from `time_server`, a knock that was heard, its window long over, the
        server and its time server stopped. Returns the SYNs, and when the window began."""
        guard = self.guard(self.alice, open_for=4, wait=False, sections={"time": time_section})
        self.wait_for(lambda: guard.status()["accepting"], "the server to know the time")
        t0 = self.first_window(self.window)
        heard = self.capture_knock(self.alice)
        self.client.wait_shut(self.server.ip4, PORT)
        guard.stop()
        time_server.stop()
        self.lab.until(t0 + 3 * self.window)
        return heard, t0

    def lose_state(self, guard):
        for file in guard.folder.glob("state.db*"):
            file.unlink()

    def back_to(self, moment):
        """What to set a clock back by, in whole seconds, for it to say at most `moment`."""
        return math.ceil(time.time() - moment)

    def replay(self, heard):
        self.lab.sender(self.other).send(heard)

    def test_what_was_burnt_stays_burnt(self):
        honest = start_chronyd(self.ntp)
        heard, t0 = self.heard_and_over(f"servers = {self.ntp.ip4}", honest)
        back = self.back_to(t0 + 1)
        start_chronyd(self.ntp, fake=f"-{back}s", name="moved")
        guard = self.guards[0].start()
        self.wait_for(lambda: guard.status()["accepting"], "the server to believe the moved clock")
        # By the moved clock the window is current, and the knock a while ago: not a later round of it.
        self.lab.until(t0 + back + CLOCK_ERROR + 2)
        self.replay(heard)
        guard.wait_log("a replay")
        self.assert_shut(self.client)

    def test_plain_ntp_and_a_lost_state_are_too_much(self):
        # Not wanted, but so: the README says it. What it shows besides is that the replay above was worth trying.
        honest = start_chronyd(self.ntp)
        heard, t0 = self.heard_and_over(f"servers = {self.ntp.ip4}", honest)
        self.lose_state(self.guards[0])
        back = self.back_to(t0 - 8)  # time for a busy machine to start both
        start_chronyd(self.ntp, fake=f"-{back}s", name="moved")
        guard = self.guards[0].start()
        self.wait_for(lambda: guard.status()["accepting"], "the server to believe the moved clock")
        self.lab.until(t0 + back + CLOCK_ERROR)
        self.replay(heard)
        self.assert_opens(self.client)

    def test_with_nts_a_lost_state_is_not_enough(self):
        authority = Authority(self.lab.folder)
        honest = start_nts(self.ntp, authority.certificate("good", f"IP:{self.ntp.ip4}"))
        section = f"servers = nts://{self.ntp.ip4}\nnts_ca = {authority.file}\nrequire_nts = true"
        heard, t0 = self.heard_and_over(section, honest)
        self.lose_state(self.guards[0])
        back = self.back_to(t0 - 8)  # time for a busy machine to start both
        forger = Authority(self.lab.folder, "forger")
        start_nts(self.ntp, forger.certificate("forged", f"IP:{self.ntp.ip4}"), fake=f"-{back}s", name="moved")
        guard = self.guards[0].start()
        self.wait_for(lambda: guard.status()["time"]["servers"][0]["problem"], "the server to refuse the certificate")
        self.lab.until(t0 + back + CLOCK_ERROR)
        self.replay(heard)
        self.wait_for(lambda: guard.status()["knocks"]["untimely_syns"] >= len(heard), "the SYNs to be seen")
        self.assert_shut(self.client)
        self.assertFalse(guard.status()["accepting"])


if __name__ == "__main__":
    unittest.main()
