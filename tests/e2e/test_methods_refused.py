"""What each way of knocking refuses in both families: strangers' keys, a knock that is sent from elsewhere before it
arrives, old and future ones. After each the way still opens."""

import time
import unittest

from case import PORT
from ways import WAYS, WaysTest, each_way, from_elsewhere


class Refused(WaysTest):
    def check_strangers(self, kind):
        way = kind(self)
        guard = way.start(keys=2)
        stranger = way.make_key("stranger")[0]
        for version in way.versions:
            source = self.fresh(version)
            self.sent(way.argv(source, key=stranger))
            self.opens_and_nothing_else(way, guard, [source])

    def sent(self, argv):
        """A knock that is sent, whatever becomes of it: that of a challenge key fails if it is not answered."""
        done = self.client.run(argv, check=False)
        self.assertTrue(done.returncode == 0 or "did not answer the request" in done.stderr, done.stderr)

    def opens_and_nothing_else(self, way, guard, shut, version=4):
        """A good knock opens, so what came before it was judged; to those others it is shut."""
        self.good = getattr(self, "good", 0) + 1
        source = self.fresh(version)
        way.knock(source, key=way.keys[-self.good][0] if not way.shared else None)
        self.opens(source)
        for other in shut:
            self.shut(other)
        self.assertEqual(guard.count_log("opens web", self.good), self.good)

    def check_elsewhere(self, kind):
        """Caught on its way and sent first by somebody else: what names no address opens for him, as the page says."""
        way = kind(self)
        guard = way.start(keys=4)
        sniffer = self.lab.sniffer(self.client)
        thief = {4: self.other.ip4, 6: self.other.ip6}
        for n, version in enumerate(way.versions):
            source = self.fresh(version)
            self.lab.router_rules(f'iifname "client" tcp dport != {PORT} drop\niifname "client" meta l4proto != tcp drop')
            sniffer.raw()
            self.sent(way.argv(source, "--rounds", "1", key=way.keys[n if not way.shared else 0][0]))
            taken = self.heard(sniffer, source)
            self.assertGreater(len(taken), 0)
            self.send_and_wait(way, guard, [from_elsewhere(p, thief[version]) for p in taken])
            self.lab.router_rules("accept")
            if way.bound:
                self.assert_shut(self.other, self.server.ip(version))
                self.opens_and_nothing_else(way, guard, [source], version)
            else:
                self.assert_opens(self.other, self.server.ip(version))
                self.shut(source)

    def check_untimely(self, kind):
        way = kind(self)
        guard = way.start(keys=4)
        for n, version in enumerate(way.versions):
            source = self.fresh(version)
            # As long as a window may not have begun by the server's clock, one that is too old is not.
            time.sleep(max(0, 2 - time.time() % way.granularity))
            for at in way.untimely(int(time.time())):
                self.sent(way.argv(source, "--at", at, key=way.keys[n if not way.shared else 0][0]))
            self.opens_and_nothing_else(way, guard, [source], version)


each_way(Refused, WAYS, "check_strangers", "strangers")
each_way(Refused, WAYS, "check_elsewhere", "sent_from_elsewhere")
each_way(Refused, [name for name, way in WAYS.items() if way.timed], "check_untimely", "old_and_future")


if __name__ == "__main__":
    unittest.main()
