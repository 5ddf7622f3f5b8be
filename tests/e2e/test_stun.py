"""A knock from behind NAT, for the address that STUN servers say the server will see."""

import ipaddress
import unittest

from case import PORT, LabTest
from natlab import Home, StunServer, public_address, start_coturn

DOOR = "198.51.100.1"
FIRST, SECOND = "198.51.100.11", "198.51.100.12"


class Stun(LabTest):
    def setUp(self):
        super().setUp()
        self.home = Home(self.lab)
        self.laptop = self.home.laptop
        public_address(self.server, DOOR)
        public_address(self.other, FIRST)
        public_address(self.client, SECOND)
        self.sniffer = self.lab.sniffer(self.server)

    def stun(self, ip=FIRST, **options):
        server = StunServer({FIRST: self.other, SECOND: self.client}[ip], ip, **options)
        self.addCleanup(server.close)
        return server

    def knock(self, key, *options, target=DOOR, **more):
        return self.laptop.knock(target, key, "web", *options, check=False, **more)

    def assert_nothing_sent(self):
        self.assertEqual(self.sniffer.syns(target=DOOR), [])

    def refused(self, *options):
        """The message of a knock of which nothing was sent."""
        self.sniffer.packets()
        said = self.knock(self.key("a"), *options)
        self.assertEqual((said.returncode, said.stdout), (1, ""), said.stderr)
        self.assert_nothing_sent()
        return said.stderr

    def test_coturn_tells_the_address(self):
        key = self.key()
        start_coturn(self.other, FIRST)
        self.small_guard(key)
        self.assert_shut(self.laptop, DOOR)
        blind = self.knock(key, "--wait", PORT, "--wait-limit", "1s")
        self.assertEqual(blind.returncode, 3, blind.stderr)
        self.assertIn(f"made for {self.home.private}, and a router on the way replaces", blind.stderr)
        self.assertIn("--stun", blind.stderr)
        said = self.knock(key, "--stun", FIRST, "--wait", PORT)
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        self.assertIn(f"knocked on {DOOR} from {self.home.public}: ", said.stdout)
        self.assertIn(f"port {PORT} open", said.stdout)

    def test_two_coturns_in_a_profile_agree(self):
        key = self.key()
        start_coturn(self.other, FIRST)
        start_coturn(self.client, SECOND, 5349)
        self.small_guard(key)
        profiles = self.laptop.home / "client.ini"
        profiles.write_text(f"[profile.work]\nhost = {DOOR}\nkey = {key}\nservice = web\ntime_servers = none\n"
                            f"stun = {FIRST}, {SECOND}:5349\n", encoding="ascii")
        said = self.laptop.run([self.lab.program, "knock", "work", "--config", profiles, "--wait", PORT])
        self.assertIn(f"from {self.home.public}: ", said.stdout)

    def test_who_lies_is_caught_by_the_other(self):
        self.stun(FIRST)
        self.stun(SECOND, address="192.0.2.66")
        said = self.refused("--stun", FIRST, "--stun", SECOND)
        self.assertIn(f"do not agree: {FIRST} says {self.home.public}, {SECOND} says 192.0.2.66", said)

    def test_who_is_silent_or_refuses_agrees_with_nobody(self):
        self.stun(FIRST)
        self.stun(SECOND, refuses=500)
        self.assertIn(f"no address from STUN: {SECOND}: it refused: 500 busy",
                      self.refused("--stun", FIRST, "--stun", SECOND))
        self.assertIn(f"no address from STUN: {DOOR}: Connection refused", self.refused("--stun", DOOR))
        self.stun(SECOND, address=None, port=3479)
        self.assertIn(f"{SECOND}:3479: no answer", self.refused("--stun", f"{SECOND}:3479"))

    def test_whose_knock_names_whom_it_opens_for_believes_no_single_server(self):
        """With for_others a server that lies would let itself in."""
        key = self.key("a", method="sealed", granularity=30)
        asked = self.stun(FIRST, address="192.0.2.66").asked
        for servers in (("--stun", FIRST), ("--stun", FIRST, "--stun", f"{FIRST}:3479")):
            said = self.knock(key, *servers)
            self.assertEqual((said.returncode, said.stdout), (1, ""), said.stderr)
            self.assertIn("one STUN server is not enough for this key", said.stderr)
        self.assertEqual(asked, [])
        # Another name of the same host, as inet_aton(3) reads it: a witness by name alone.
        other_name = str(int(ipaddress.ip_address(FIRST)))
        said = self.knock(key, "--stun", FIRST, "--stun", other_name)
        self.assertEqual((said.returncode, said.stdout), (1, ""), said.stderr)
        self.assertIn("the names of the STUN servers lead to one address; one STUN server is not enough", said.stderr)
        self.assertGreaterEqual(len(asked), 2)
        self.assert_nothing_sent()
        doctor = self.laptop.run([self.lab.program, "doctor", DOOR, "--key", key, "--time-server", "none", "--stun", FIRST],
                                 check=False)
        self.assertEqual(doctor.returncode, 1)
        self.assertIn("wrong   one STUN server is not enough", doctor.stdout)
        self.stun(SECOND)
        self.assertIn("do not agree", self.knock(key, "--stun", FIRST, "--stun", SECOND).stderr)
        self.assertEqual(self.knock(key, "--stun", FIRST, "--source", self.home.public).returncode, 0)

    def test_one_servers_word_is_called_so(self):
        self.stun(FIRST)
        self.stun(SECOND)
        key = self.key()
        said = "by the word of one STUN server alone"
        self.assertIn(said, self.knock(key, "--stun", FIRST, "--verbose").stderr)
        self.assertNotIn(said, self.knock(key, "--stun", FIRST).stderr)
        self.assertNotIn(said, self.knock(key, "--stun", FIRST, "--stun", SECOND, "--verbose").stderr)
        for servers, alone in ((("--stun", FIRST), True), (("--stun", FIRST, "--stun", SECOND), False)):
            out = self.laptop.run([self.lab.program, "doctor", DOOR, "--key", key, "--time-server", "none", *servers],
                                  check=False).stdout
            self.assertEqual("one server's word alone" in out, alone, out)

    def test_asked_again_when_a_request_is_lost(self):
        key = self.key()
        asked = self.stun(FIRST, deaf=1).asked
        self.small_guard(key)
        self.assertIn(f"from {self.home.public}: ", self.knock(key, "--stun", FIRST).stdout)
        self.assert_opens(self.laptop, DOOR)
        self.assertGreaterEqual(len(asked), 2)

    def test_an_old_server_will_do(self):
        self.stun(FIRST, old=True)
        self.assertIn(f"from {self.home.public}: ", self.knock(self.key(), "--stun", FIRST).stdout)

    def test_not_asked_where_it_is_not_needed(self):
        asked = self.stun(FIRST, address="192.0.2.66").asked
        key, anybodys = self.key(), self.key("b", ignore="ip")
        for name, given, options, target, source in [
                ("--source is given", key, ("--source", self.home.public), DOOR, self.home.public),
                ("the key ignores it", anybodys, (), DOOR, self.home.private),
                ("within a private network", key, (), self.server.ip4, self.home.private)]:
            with self.subTest(name):
                said = self.knock(given, "--stun", FIRST, *options, target=target)
                self.assertEqual(said.returncode, 0, said.stderr)
                self.assertIn(f"from {source}: ", said.stdout)
                self.assertEqual(asked, [])

    def test_asked_while_the_time_is(self):
        """Both answer late: the one question does not wait for the other's answer."""
        slow = self.stun(FIRST, late=4).asked
        deaf = self.stun(SECOND, address=None, port=123).asked  # no time server, but asked like one
        said = self.knock(self.key(), "--stun", FIRST, time_server=SECOND)
        self.assertEqual(said.returncode, 1)
        self.assertLess(abs(slow[0] - deaf[0]), 3)


if __name__ == "__main__":
    unittest.main()
