"""The server is killed at random moments under knocks of every method that has tokens (sequences, sealed messages,
fwknop's packets, one-time passwords), replays and looks, and started again at once. Then: no token was accepted twice,
the record never began anew, the door was open to nobody without a grant, every grant ended on time, no stranger was ever
inside, and whoever has a key got in after each start.

    tests/e2e/test_crash.py               40 kills, about 80 s
    tests/e2e/test_crash.py --kills 500   the long form (or CRASH_KILLS=500); CRASH_SEED says which chance
"""

import collections
import os
import sys
import unittest

from crash_rig import OPEN_FOR, SEED, Rig

_KILLS = int(os.environ.get("CRASH_KILLS", "40"))


class Crash(Rig):
    def test_kills(self):
        print(f"CRASH_SEED={SEED} CRASH_KILLS={_KILLS}", flush=True)
        self.begin()
        self.run_through(_KILLS)
        self.end()
        opened = self.judge_the_log()
        self.assertEqual(self.judge.wrong, [], dict(self.story))

        knocks = self.judge.knocks.values()
        burnt = {who for _, _, who, _ in self.record.rows}
        let_in = {k.source for k in knocks if k.first}
        self.assertEqual(let_in - burnt, set(), "let in, and not burnt")
        refused = self.door.log().count("a replay")
        anew = self.door.log().count("record of burnt knocks begins now") - 1
        by_key = collections.Counter(key for key, who, _ in opened if who in self.judge.knocks)
        dead = sum(any(a < k.first + OPEN_FOR < b for a, b in self.dead) for k in knocks if k.first)
        unseen = {k.source for k in knocks} - let_in
        print(f"{dict(self.story)}; opened by key: {dict(by_key)}; records that began anew: {anew}; {len(let_in)} of {len(knocks)} let in, {dead} of their grants ended while the server"
              f" was dead, {len(burnt & unseen)} burnt and not let in, {len(let_in - {who for _, who, _ in opened})} let"
              f" in and not logged; {self.traffic.replayed} SYNs replayed, {refused} log lines of replays;"
              f" {self.traffic.looks} looks of strangers and {self.tries.made} tries, {self.judge.answers} SYN-ACKs, all"
              f" due; WAL left {self.record.wals} times; owner inside after {self.worst_owner:.2f} s at worst, start"
              f" {1000 * self.worst_start:.0f} ms at worst, load {os.getloadavg()[0]:.1f}", flush=True)
        self.assertEqual(anew, 0, "records that began anew")
        # That it was a trial at all, of each method.
        self.assertEqual(set(by_key), set(self.tokens))
        self.assertGreater(len(let_in), _KILLS / 4)
        self.assertGreater(refused, 0)
        self.assertGreater(self.record.wals, 0)


class TheChecks(Rig):
    """Each is seen to fail."""

    def sabotage(self, what, between=lambda: None):
        self.begin()
        failed = ""
        try:
            self.run_through(8, between)
        except AssertionError as e:
            failed = str(e)
        self.end()
        self.assertRegex(f"{failed} {self.judge.wrong}", what)

    def test_a_record_lost_is_seen(self):
        self.sabotage("after it was first seen open", self.record_lost)
        with self.assertRaises(AssertionError):
            self.judge_the_log()

    def record_lost(self):
        self.record.forget()

    def test_a_guard_removed_is_seen(self):
        self.sabotage("open to a stranger", lambda: self.server.run(["nft", "delete", "table", "inet", "chronoknock"]))

    def test_a_grant_too_long_is_seen(self):
        self.late_by = 300
        self.sabotage("after it was first seen open")


if __name__ == "__main__":
    if "--kills" in sys.argv:
        at = sys.argv.index("--kills")
        _KILLS = int(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    unittest.main()
