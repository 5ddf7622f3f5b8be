"""Why a door did not open: each failure says the likeliest reason, and they differ where the facts do."""

import time
import unittest

from case import PORT, WINDOW, LabTest
from lab import start_chronyd
from services import faketime_env

# What each reason is known by.
REASONS = {
    "key": "does not take this key",
    "first start": "just been started for the first time",
    "state": "before: the server has no time at present",
    "service": "the server has no service of that name, or not for this key",
    "no way": "there is no way to",
    "dead": "nothing came back from",
    "clock": "nobody knows how far that is off",
    "nothing listens": "but nothing listens there",
    "closed": "answers as a closed port does",
}


class Reasons(LabTest):
    def setUp(self):
        super().setUp()
        start_chronyd(self.other)

    def knock(self, key, service="web", *options, target=None, **more):
        more.setdefault("time_server", self.other.ip4)
        return self.client.knock(target or self.server, key, service, *options, check=False, **more)

    def shut_reason(self, key, service="web", *options, port=PORT, limit="5s", **more):
        """Which of the reasons a knock that opens nothing gives, and its message."""
        said = self.knock(key, service, "--wait", port, "--wait-limit", limit, *options, **more)
        self.assertEqual(said.returncode, 3, said.stdout + said.stderr)
        message = said.stderr.splitlines()[-1]
        self.assertRegex(message, rf"^chronoknock: port {port} did not open within {limit}: [^;]+; .+")
        known = [name for name, text in REASONS.items() if text in message]
        self.assertEqual(len(known), 1, message)
        return known[0], message

    def open_and_shut(self, key):
        """The key opens the door as it should, and the door shuts."""
        said = self.knock(key, "web", "--wait", PORT)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.client.wait_shut(self.server.ip4, PORT)

    def test_a_wrong_key(self):
        self.small_guard(self.key())
        reason, message = self.shut_reason(self.key("mallory"))
        self.assertEqual(reason, "key")
        self.assertRegex(message, r"is there \((\d+) of \d+ packets were answered\)")
        self.assertIn("'web'", message)

    def test_a_host_that_is_not_there(self):
        nobody = self.server.ip4 + "9"
        reason, message = self.shut_reason(self.key(granularity=10), limit="12s", target=nobody)
        self.assertEqual(reason, "no way")
        self.assertIn(f"{nobody}: No route to host", message)

    def test_a_host_that_keeps_silent(self):
        self.lab.router_rules(f"ip daddr {self.server.ip4} drop")
        self.assertEqual(self.shut_reason(self.key())[0], "dead")
        # Without a port to try it is no success either; hosts that drop what nobody listens for are no failure.
        said = self.knock(self.key("b"))
        self.assertEqual(said.returncode, 0)
        self.assertRegex(said.stderr, r"none of the \d+ SYNs was answered")

    def test_what_arrives_needs_no_word(self):
        self.assertEqual(self.knock(self.key()).stderr, "")

    def test_an_unknown_service(self):
        key = self.key()
        self.small_guard(key, open_for=2)
        self.open_and_shut(key)
        reason, message = self.shut_reason(key, "nosuch")
        self.assertEqual(reason, "service")
        self.assertIn("never 'nosuch'", message)

    def test_a_server_without_time(self):
        key = self.key()
        guard = self.small_guard(key, open_for=2)
        self.open_and_shut(key)
        guard.stop()
        guard.write({"web": f"ports = tcp/{PORT}\nopen_for = 2"}, {"alice": (key, "web")},
                    {"knock": "tracked = 1024", "time": f"servers = {self.server.ip4}:9"})
        guard.restart()
        self.assertEqual(self.shut_reason(key)[0], "state")

    def test_the_first_knock_after_a_first_start_opens(self):
        key = self.key(granularity=4)
        self.small_guard(key, wait=False)
        said = self.knock(key, "web", "--wait", PORT)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn(f"port {PORT} open", said.stdout)

    def test_too_short_a_wait_after_a_first_start(self):
        key = self.key(granularity=3600)
        self.lab.until(time.time() - time.time() % 1)
        self.small_guard(key, wait=False)
        reason, message = self.shut_reason(key, limit="1s")
        self.assertEqual(reason, "first start")
        self.assertIn("--wait-limit", message)

    def test_a_clock_that_is_off(self):
        key = self.key()
        self.small_guard(key)
        reason, message = self.shut_reason(key, time_server="none", env=faketime_env("-100s"))
        self.assertEqual(reason, "clock")
        self.assertIn("--time-server", message)
        # With time servers that clock does no harm.
        said = self.knock(key, "web", "--wait", PORT, env=faketime_env("-100s"))
        self.assertEqual(said.returncode, 0, said.stderr)

    def test_a_door_that_is_open_already(self):
        """A wrong key is not reported to have opened it."""
        key = self.key()
        self.small_guard(key)
        self.knock(key, "web", "--wait", PORT)
        said = self.knock(self.key("mallory"), "web", "--wait", PORT)
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        self.assertIn("no knock was needed", said.stdout)
        self.assertNotIn("knocked", said.stdout)

    def test_a_window_that_has_been_used(self):
        key = self.key(granularity=3600)
        self.knock(key)
        said = self.knock(key, "web", "--no-wait")
        self.assertEqual(said.returncode, 1)
        self.assertIn("the sequence of this window has been used; the next begins in", said.stderr)

    def test_nothing_behind_the_door(self):
        key = self.key()
        self.small_guard(key, services={"web": "ports = tcp/8081"})
        self.assertEqual(self.shut_reason(key, port=8081)[0], "nothing listens")

    def test_a_port_that_nobody_guards(self):
        self.assertEqual(self.shut_reason(self.key(), port=8081)[0], "closed")

    def test_connect_says_it_too(self):
        self.small_guard(self.key())
        said = self.client.run([self.lab.program, "connect", self.server.ip4, PORT, "--key", self.key("mallory"),
                                "--time-server", self.other.ip4, "--wait-limit", "3s"], check=False)
        self.assertEqual((said.returncode, said.stdout), (3, ""))
        self.assertIn(REASONS["key"], said.stderr)


class KnocksAgain(LabTest):
    def test_each_window_until_the_limit(self):
        """What a server without time does not take, the next window's knock is taken for, once it has some."""
        key = self.key()
        guard = self.small_guard(key, sections={"time": f"servers = {self.other.ip4}\ninterval = 1"}, wait=False)
        start = time.time()
        knock = self.client.spawn(self.client.knock_argv(self.server, key, "web", "--wait", PORT, "--wait-limit", "30s"),
                                  log=self.client.home / "knock.log")
        self.lab.until(start + 2 * WINDOW)
        self.assertTrue(knock.alive())
        start_chronyd(self.other)
        knock.wait_for_text(f"port {PORT} open", 30)
        self.assertEqual(guard.status()["time"]["state"], "synchronised")


if __name__ == "__main__":
    unittest.main()
