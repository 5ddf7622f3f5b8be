"""Time comes from time servers, whatever the clocks of both ends say."""

import sqlite3
import unittest

from case import PORT, WINDOW, LabTest
from lab import start_chronyd
from services import faketime_env


class Clock(LabTest):
    def setUp(self):
        super().setUp()
        self.ntp = self.lab.host("ntp")

    def from_ntp(self, more="interval = 16"):
        return {"time": f"servers = {self.ntp.ip4}\n{more}"}

    def knocks_until_open(self, key, **options):
        def tried():
            self.client.knock(self.server, key, "web", **options)
            return self.client.door(self.server.ip4, PORT) == "open"
        self.wait_for(tried, "a knock to open the door", 20)

    def test_a_client_an_hour_behind(self):
        start_chronyd(self.ntp)
        key = self.key()
        self.locked_out_by_its_own_clock_alone(key, faketime_env("-1h"))

    def test_a_client_an_hour_ahead(self):
        # Of the time that all others go by. (With a faked clock that runs ahead, libfaketime stops a program's
        # timers.)
        start_chronyd(self.ntp, fake="-1h")
        key = self.key()
        self.locked_out_by_its_own_clock_alone(key, {})

    def locked_out_by_its_own_clock_alone(self, key, clock):
        guard = self.guard(key, sections=self.from_ntp(), wait=False)
        self.wait_for(lambda: guard.status()["time"]["state"] == "synchronised", "the server to know the time")
        self.first_window(WINDOW)
        self.client.knock(self.server, key, "web", env=clock)
        self.other.knock(self.server, key, "web", time_server=self.ntp.ip4)
        self.assert_opens(self.other)
        self.assert_shut(self.client)
        self.client.knock(self.server, key, "web", time_server=self.ntp.ip4, env=clock)
        self.assert_opens(self.client)

    def test_a_server_an_hour_off(self):
        start_chronyd(self.ntp)
        key = self.key()
        guard = self.guard(key, sections=self.from_ntp(), start=False, wait=False)
        guard.start(env=faketime_env("-1h"))
        self.lab.next_window(WINDOW)
        self.knocks_until_open(key)

    def test_started_before_its_time_server(self):
        key = self.key()
        guard = self.guard(key, sections=self.from_ntp())
        self.client.knock(self.server, key, "web")
        self.assert_shut(self.client)
        self.lab.next_window(WINDOW)
        self.client.knock(self.server, key, "web")
        self.assert_shut(self.client)
        self.assertTrue(guard.process.alive())
        start_chronyd(self.ntp)
        self.knocks_until_open(key)

    def test_require_false_trusts_the_system_clock_meanwhile(self):
        key = self.key()
        self.guard(key, sections=self.from_ntp("require = false"))
        self.knocks_until_open(key)

    def test_a_time_server_that_goes_away_locks_nobody_out(self):
        chronyd = start_chronyd(self.ntp)
        key = self.key()
        self.guard(key, sections=self.from_ntp())
        self.knocks_until_open(key)
        chronyd.stop()
        self.other.knock(self.server, key, "web")
        self.assert_opens(self.other)

    def test_a_clock_that_was_ahead_at_first_locks_nobody_out(self):
        key = self.key()
        guard = self.guard(key, start=False, wait=False)
        guard.start(env=faketime_env("+1h"))
        guard.stop()
        guard.start()
        self.first_window(WINDOW)
        self.knocks_until_open(key)

    def test_a_reboot_after_a_clean_stop_takes_the_present_window(self):
        # The mark of a boot is in the state file: another boot shows there.
        key = self.key(granularity=8)
        guard = self.guard(key, wait=False)
        self.first_window(8)
        guard.stop()
        boot = sqlite3.connect(guard.state)
        self.assertEqual(boot.execute("select boot from floor").fetchall(), [("any",)])
        boot.close()
        guard.start()
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)

    def test_the_client_says_when_no_time_server_answers(self):
        key = self.key()
        done = self.client.knock(self.server, key, "web", time_server=self.ntp.ip4, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(self.ntp.ip4, done.stderr)

    def test_over_ipv6(self):
        start_chronyd(self.ntp)
        key = self.key()
        self.guard(key, sections={"time": f"servers = [{self.ntp.ip6}]:123"})
        self.knocks_until_open(key, time_server=self.ntp.ip6)


if __name__ == "__main__":
    unittest.main()
