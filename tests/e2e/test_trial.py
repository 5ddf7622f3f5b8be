"""`server --trial`: nobody is locked out for ever, whatever becomes of the server."""

import signal
import time
import unittest

from asking import AskingTest
from case import PORT, WINDOW

TRIAL = 12  # seconds: a start and a knock must fit in


class Trial(AskingTest):
    def on_trial(self, seconds=TRIAL, unauthorized="drop", **options):
        self.alice = self.key()
        guard = self.small_guard(self.alice, open_for=60, wait=False, start=False,
                                 sections={"firewall": f"unauthorized = {unauthorized}"}, **options)
        self.try_out(guard, seconds)
        return guard

    def try_out(self, guard, seconds=TRIAL):
        guard.process = self.server.spawn([self.lab.program, "server", "--config", guard.config, "--trial", f"{seconds}s"],
                                          log=guard.folder / "log")
        self.began = time.monotonic()
        self.wait_for(guard._up, "the server to answer", 20)

    def trial_over(self):
        return time.monotonic() - self.began > TRIAL

    def test_unconfirmed_the_guard_goes_and_the_server_with_it(self):
        guard = self.on_trial()
        self.assert_shut(self.client)
        self.assertLessEqual(guard.status()["trial"], TRIAL)
        self.assertIn("unless `chronoknock confirm`", self.ask(guard, "status"))
        self.wait_for(self.trial_over, "the end of the trial", TRIAL + 5)
        for version in (4, 6):
            self.client.wait_open(self.server.ip(version), PORT, seconds=15)
        self.wait_for(lambda: not guard.process.alive(), "the server to end")
        self.assertEqual(guard.process.stop(), 0)
        guard.wait_log("nobody has confirmed it")
        self.assertNotIn("chronoknock", self.server.run(["nft", "list", "tables"]).stdout)
        self.assertFalse((guard.folder / "guard.nft").exists(), "a boot would set it up")

    def killed(self, unauthorized, meets):
        guard = self.on_trial(unauthorized=unauthorized)
        line = None
        self.first_window(WINDOW)
        self.client.knock(self.server, self.alice, "web")
        self.assert_opens(self.client)
        line = self.client.connect(self.server.ip4, PORT)
        self.assert_shut(self.other, meets=meets)
        guard.sigkill()
        self.assert_shut(self.other, meets=meets)
        self.wait_for(self.trial_over, "the end of the trial", TRIAL + 5)
        for version in (4, 6):
            self.other.wait_open(self.server.ip(version), PORT, seconds=15)
            with self.other.connect(self.server.ip(version), PORT) as passed:
                passed.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertIn(b"200 OK", passed.recv(65536))
        line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b"200 OK", line.recv(65536))
        return guard

    def test_a_killed_server_locks_nobody_out(self):
        guard = self.killed("drop", "silent")
        guard.start()  # a start without a trial is the owner's word
        self.assert_shut(self.other)

    def test_a_killed_server_that_answered_by_resets_locks_nobody_out(self):
        self.killed("reset", "refused")

    def test_confirmed_it_stays(self):
        guard = self.on_trial()
        self.assertFalse((guard.folder / "guard.nft").exists())
        self.first_window(WINDOW)
        self.client.knock(self.server, self.alice, "web")
        self.assert_opens(self.client)
        self.assertEqual(self.ask(guard, "confirm"), "confirmed: the guard stays\n")
        self.assertNotIn("trial", guard.status())
        self.wait_for((guard.folder / "guard.nft").exists, "the guard to be kept for the next boot")
        self.assertIn("no trial", self.ask(guard, "confirm", status=1))
        self.wait_for(self.trial_over, "the end of the trial that there was", TRIAL + 5)
        self.assert_open(self.client)
        self.assert_shut(self.other)
        self.assertTrue(guard.process.alive())
        guard.sigkill()
        self.assert_shut(self.other)

    def test_neither_a_reload_nor_a_repair_prolongs_it(self):
        guard = self.on_trial()
        self.assertIn("changed", self.ask(guard, "reload"))
        self.server.run(["nft", "delete", "table", "inet", "chronoknock"])
        guard.wait_log("setting it up again")
        self.other.wait_shut(self.server.ip4, PORT)
        guard.sigkill()
        self.wait_for(self.trial_over, "the end of the trial", TRIAL + 5)
        self.other.wait_open(self.server.ip4, PORT, seconds=15)

    def test_what_was_confirmed_before_comes_back(self):
        guard = self.on_trial()
        self.ask(guard, "confirm")
        self.assertEqual(guard.process.stop(signal.SIGTERM), 0)
        self.assert_shut(self.other)
        self.try_out(guard, 5)
        self.wait_for(lambda: not guard.process.alive(), "the trial and the server to end", 15)
        self.assert_shut(self.other)

    def test_a_stop_takes_the_guard_away(self):
        guard = self.on_trial()
        self.assertEqual(guard.process.stop(signal.SIGTERM), 0)
        self.assert_open(self.other)


if __name__ == "__main__":
    unittest.main()
