"""What keys and services say of grants: how many a key may have, for whom, how far around an address, until when."""

import unittest

from asking import AskingTest
from case import WINDOW


class MaxGrants(AskingTest):
    def test_one_more_than_a_key_may_have_is_refused(self):
        alice, bob = self.key(), self.key("bob")
        keys = {"alice": (alice, "web", "max_grants = 1"), "bob": (bob, "web")}
        guard = self.small_guard(alice, keys=keys, open_for=60)
        self.knocks(alice)
        refused = self.other.knock(self.server, alice, "web")
        self.assertEqual(refused.returncode, 0)  # the client learns nothing
        why = "its key has 1 grant, and max_grants is 1"
        guard.wait_log(f"refused a knock from {self.other.ip4}, key alice")
        self.assertIn(why, guard.log())
        self.assert_shut(self.other)
        self.wait_for(lambda: [e for e in self.ask_json(guard, "history", "--key", "alice")["entries"]
                               if e["what"] == "refused" and e["why"] == why and e["address"] == self.other.ip4],
                      "the history to have it")
        self.assertEqual({k["name"]: k.get("max_grants") for k in guard.status()["keys"]}, {"alice": 1, "bob": None})
        self.assertIn("1 grant at a time", self.server.run([self.lab.program, "check", "--config", guard.config]).stdout)
        # Who has one may renew it, and another key has its own.
        self.first_window(WINDOW)
        granted = guard.status()["knocks"]["granted"]
        self.client.knock(self.server, alice, "web")
        self.wait_for(lambda: guard.status()["knocks"]["granted"] == granted + 1, "a grant to be renewed")
        self.knocks(bob, self.other)

        # It counts after a restart that nobody planned, too, and no more once it has ended.
        self.ask(guard, "revoke", self.other.ip4)
        guard.sigkill()
        guard.start()
        self.first_window(WINDOW)
        before = guard.status()["knocks"]["refused"]
        self.other.knock(self.server, alice, "web")
        self.wait_for(lambda: guard.status()["knocks"]["refused"] > before, "it to be refused")
        self.assert_shut(self.other)
        self.ask(guard, "revoke", "alice")
        self.first_window(WINDOW)
        self.knocks(alice, self.other)

        # A reload takes the limit up; who is in stays in.
        guard.write({"web": "ports = tcp/8080\nopen_for = 60"}, {"alice": (alice, "web", "max_grants = 2")},
                    {"knock": "tracked = 1024"})
        self.assertIn("max_grants 2", self.ask(guard, "reload"))
        self.first_window(WINDOW)
        self.knocks(alice)
        self.assert_open(self.other)


if __name__ == "__main__":
    unittest.main()
