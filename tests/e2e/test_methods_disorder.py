"""Each way of knocking where packets come in another order than they were sent in, as chronoknock-protocol(7) says under
"What each stops, and what not": ports in any order, messages in any order, one-time tokens in theirs only."""

import unittest

from case import PORT
from disorder import Mixer
from ways import WAYS, WaysTest, each_way

KNOCKS = 8


class Packets(WaysTest):
    """The packets of one knock."""

    def check(self, kind):
        way = kind(self)
        way.start(keys=1 if way.shared else KNOCKS)
        mixer = self.lab.keep(Mixer(self.lab, self.client, self.server, PORT))
        for n in range(KNOCKS):
            source = self.fresh(way.versions[n % len(way.versions)])
            way.knock(source, key=way.keys[n % len(way.keys)][0])
            self.opens(source)
        self.assertGreater(mixer.mixed, KNOCKS)

    def test_strict_sequence_is_broken(self):
        way = WAYS["static"](self)
        way.fields += ("mode = strict",)
        guard = way.start()
        source = self.fresh()
        ports = way.keys[0][0].read_text().split("sequence = ")[1].strip().split(",")
        wrong = [ports[1], ports[0], ports[2]]
        self.client.run([self.lab.program, "knock", self.server.ip4, "--source", source, "--rounds", "1", "--gap", "5",
                         "--ports", ",".join(wrong)])
        other = self.fresh()
        way.knock(other, "--gap", "5")
        self.opens(other)
        self.shut(source)
        self.assertEqual(guard.count_log("opens web", 1), 1)


each_way(Packets, [name for name, way in WAYS.items() if way.ports > 1], "check")


class Knocks(WaysTest):
    """The knocks of one key: the later one comes first."""

    def check(self, kind):
        way = kind(self)
        guard = way.start()
        self.lab.router_rules(f'iifname "client" tcp dport != {PORT} drop\niifname "client" meta l4proto != tcp drop')
        sniffer = self.lab.sniffer(self.client)
        taken = {}
        for version in (way.versions[0], way.versions[-1]):
            source = self.fresh(version)
            sniffer.raw()
            way.knock(source, "--rounds", "1")
            taken[source] = self.heard(sniffer, source)
        for source, packets in reversed(taken.items()):
            self.send_and_wait(way, guard, packets)
            if way.one_time and source != list(taken)[-1]:
                self.shut(source)  # it was passed over
            else:
                self.opens(source)


each_way(Knocks, [name for name, way in WAYS.items() if way.shared and name != "static"], "check")


if __name__ == "__main__":
    unittest.main()
