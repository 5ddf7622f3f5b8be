"""A table of our name that somebody else has made: whatever is in it, the door is guarded."""

import subprocess
import unittest

from case import PORT, LabTest, wait_for
from lab import start_http

OURS = "table inet chronoknock"


class ForeignTable(LabTest):
    def table(self, script):
        self.web = start_http(self.server, PORT)
        self.server.run(["nft", "-f", "-"], stdin=script)

    def assert_guarded(self, key):
        for version in (4, 6):
            self.assert_shut(self.client, self.server.ip(version))
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)
        self.assert_shut(self.other)

    def test_with_chains_and_no_sets(self):
        self.table(f"""{OURS} {{
            chain input {{ type nat hook output priority 0; accept; }}
            chain other {{ tcp dport {PORT} accept; }}
            }}""".replace("; accept; }", ";\naccept\n}").replace("{ tcp dport", "{\ntcp dport").replace("accept; }", "accept\n}"))
        key = self.key()
        self.guard(key)
        self.assert_guarded(key)

    def test_an_element_without_an_end_is_no_grant(self):
        key = self.key()
        guard = self.guard(key)
        guard.stop()
        for version in (4, 6):
            self.server.run(["nft", "add", "element", "inet", "chronoknock", guard.grant_set("web", version),
                             f"{{ {self.other.ip(version)} }}"])
            self.assert_open(self.other, self.server.ip(version))
        guard.start()
        for version in (4, 6):
            self.assert_shut(self.other, self.server.ip(version))
        self.first_window(2)
        self.assert_guarded(key)

    def test_of_another_process_that_owns_it(self):
        self.web = start_http(self.server, PORT)
        owner = self.server.spawn(["nft", "-i"], stdin=subprocess.PIPE)
        owner.stdin.write(b"add table inet chronoknock { flags owner; }\n")
        owner.stdin.flush()
        wait_for(lambda: "chronoknock" in self.server.run(["nft", "list", "tables"]).stdout, "the table")
        key = self.key()
        guard = self.guard(key)
        self.assert_guarded(key)
        guard.wait_log("another process owns the table")
        # The owner gone, so is his table; the next start has the name back, and leaves nothing of the other.
        owner.stop()
        self.assert_shut(self.other)
        guard.stop()
        guard.start()
        self.assert_shut(self.other)
        tables = self.server.run(["nft", "list", "tables"]).stdout
        self.assertEqual([t for t in tables.split("\n") if t], [OURS])


if __name__ == "__main__":
    unittest.main()
