"""A replay of each way of knocking, in both families: at once, after a restart, after SIGKILL, with the state file lost."""

import unittest

from case import PORT
from ways import WAYS, WaysTest, each_way


class Replay(WaysTest):
    def check(self, kind):
        way = kind(self)
        guard = way.start(keys=6, open_for=4)
        keys = [client for client, _ in way.keys]
        taken = {}
        sniffer = self.lab.sniffer(self.server)
        for version in way.versions:
            source = self.fresh(version)
            sniffer.raw()
            way.knock(source, key=keys[0] if way.shared else keys.pop())
            self.opens(source)
            taken[source] = self.heard(sniffer, source)
            self.assertGreaterEqual(len(taken[source]), way.ports - (way.method == "challenge"))
        for source in taken:
            self.client.wait_shut(self.target(source), PORT, source)

        def earns_nothing(when):
            granted = guard.status()["knocks"]["granted"]
            for source, packets in taken.items():
                with self.subTest(when=when, source=source):
                    self.send_and_wait(way, guard, packets)
                    self.shut(source)
            self.assertEqual(guard.status()["knocks"]["granted"], granted)

        def still_opens():
            source = self.fresh()
            way.knock(source, key=keys[0] if way.shared else keys.pop())
            self.opens(source)

        earns_nothing("at once")
        still_opens()
        guard.stop()
        guard.restart()
        earns_nothing("after a restart")
        still_opens()
        guard.sigkill()
        guard.restart()
        earns_nothing("after SIGKILL")
        still_opens()
        guard.sigkill()
        for end in ("", "-wal", "-shm"):
            guard.state.with_name(guard.state.name + end).unlink(missing_ok=True)
        guard.restart()
        guard.wait_log("the record of burnt knocks begins now", count=2)
        earns_nothing("with the state file lost")


each_way(Replay, [name for name in WAYS if name != "static"], "check")


if __name__ == "__main__":
    unittest.main()
