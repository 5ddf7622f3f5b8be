"""uninvite and revoke as a server is asked: what an uninvite that was broken off left, and what is told."""

import unittest

from people import FakeServer


class Asked(FakeServer):
    def server_with(self, served, record=(), coded=True, more=None):
        """One that goes by some keys, and has a record of others. Returns what it is asked to change."""
        ended = {"grants": 0, "coming": 0, "connections": 0, "fleet_waits": False, **(more or {})}
        served = list(served)

        def answer(operation, arguments):
            if operation == "status":
                return {"result": {"keys": [{"name": n} for n in served]}}
            if operation == "reload":
                record_now.extend(served)
                served.clear()
                return {"result": {"changes": []}}
            if arguments.get("key") in served + record_now:
                return {"result": ended}
            if "address" in arguments:
                return {"result": {**ended, "grants": 2}}
            return {"error": f"no key '{arguments['key']}'", **({"code": "nothing-to-end"} if coded else {})}
        record_now = list(record)
        asked = self.serve(answer)
        return lambda: [(r["operation"], *r.get("arguments", {}).values()) for r in asked if r["operation"] != "status"]

    def test_uninvite_again_when_the_server_has_not_taken_it_up(self):
        asked = self.server_with(["admin", "alice", "alice.2"])
        self.assertEqual(self.change("uninvite", "alice", "--cut").stdout, "")
        self.assertEqual(asked()[:3], [("reload", False), ("revoke", "alice", True), ("revoke", "alice.2", True)])
        self.assertNotIn("admin", str(asked()))

    def test_uninvite_again_when_the_server_has_taken_it_up(self):
        asked = self.server_with(["admin"], ["alice.2"])
        self.assertIn("grants ended, and the connections cut", self.change("uninvite", "alice", "--cut").stderr)
        self.assertIn(("revoke", "alice.2", True), asked())
        self.assertNotIn("reload", [operation for operation, *_ in asked()])

    def test_uninvite_again_of_the_last_key(self):
        asked = self.server_with(["alice"])
        self.change("uninvite", "alice")
        self.assertEqual(asked()[0], ("reload", True))

    def test_uninvite_of_half_a_person(self):
        """A kill between two of the files."""
        self.invite("alice")
        self.change("invite", "alice", "--renew")
        (self.etc / "conf.d/alice.ini").unlink()
        asked = self.server_with(["admin"], ["alice"])
        self.change("uninvite", "alice", "--cut")
        self.assertEqual(asked(), [("reload", False), ("revoke", "alice", True), ("revoke", "alice.2", True)])

    def test_uninvite_of_a_renewed_keys_old_ones_leaves_it_alone(self):
        self.invite("alice")
        self.change("invite", "alice", "--renew")
        (self.etc / "conf.d/alice.ini").unlink()
        asked = self.server_with(["admin", "alice", "alice.2"])
        self.change("uninvite", "alice", "--old")
        self.assertEqual(asked(), [("reload", False), ("revoke", "alice", False)])

    def test_uninvite_of_nobody(self):
        no_key = f"chronoknock: {self.config}: no [key.nobody]"
        self.assertEqual(self.change("uninvite", "nobody", status=2).stderr, no_key + "\n")
        for coded in (True, False):  # an older server has no codes
            asked = self.server_with(["admin"], coded=coded)
            said = self.change("uninvite", "nobody", "--json", status=2)
            self.assertEqual((said.stdout, said.stderr), ("", no_key + ", and the running server knows of none\n"))
            self.assertNotIn("reload", [operation for operation, *_ in asked()])
            self.control.unlink()

    def test_both_say_what_is_not_cut(self):
        self.invite("alice")
        self.server_with(["admin", "alice"], more={"addresses_forgotten": True})
        words = ("TCP connections that no other key's record explains are cut as well; UDP peers of forgotten addresses are "
                 "not: `chronoknock revoke ADDRESS --cut` cuts them\n")
        self.assertIn(words, self.change("revoke", "alice", "--cut").stderr)
        self.assertNotIn("UDP", self.change("revoke", "alice").stderr)
        self.assertIn(words, self.change("uninvite", "alice", "--cut").stderr)

    def test_a_key_named_like_an_address_that_is_gone(self):
        """The record knows it yet; whoever names it may well mean the address."""
        name = "192.0.2.7"
        asked = self.server_with([], [name])
        self.assertEqual(self.change("revoke", name).stdout, "2 grants ended\n")
        self.assertEqual(asked(), [("revoke", name, False)] * 2)
        self.control.unlink()
        self.server_with([name])
        self.assertEqual(self.change("revoke", name).stdout, "0 grants ended\n")
        self.control.unlink()
        self.server_with([], coded=False)
        self.assertEqual(self.change("revoke", name).stdout, "2 grants ended\n")


if __name__ == "__main__":
    unittest.main()
