"""fwknop's packets: Debian's fwknop opens our server, our client opens it, and what earns nothing."""

import base64
import re
import secrets
import string
import unittest

from case import PORT
from fwknop_case import APART, SPA_PORT, FwknopTest, tool


class Fwknop(FwknopTest):
    def test_debians_client_opens(self):
        guard = self.start()
        self.assert_shut(self.client)
        self.fwknop(self.client)
        self.assert_opens(self.client)
        self.assert_shut(self.other)
        guard.wait_log(f"key phone opens web for 30s to {self.client.ip4}, packet of 2")
        told = re.sub(r"\d\d:\d\d:\d\d|pid \d+", "", guard.log())
        for secret in (str(SPA_PORT), self.cipher[:8], self.mac[:8]):
            self.assertNotIn(secret, told)

    def test_duration_is_bounded_by_the_service(self):
        guard = self.start(more="max_open_for = 2m")
        self.fwknop(self.client, "-f", "90")
        guard.wait_log("opens web for 90s")
        self.fwknop(self.client, "-f", "3600")
        guard.wait_log("opens web for 120s")

    def test_replay(self):
        guard = self.start()
        packet = self.packet()
        self.send(self.client, packet)
        self.assert_opens(self.client)
        self.is_refused(guard, self.client, packet, "a replay")
        guard.stop()
        guard.restart()
        self.is_refused(guard, self.client, packet, "a replay", count=2)
        guard.sigkill()
        guard.restart()
        self.is_refused(guard, self.client, packet, "a replay", count=3)
        guard.stop()
        for file in guard.folder.glob("state.db*"):
            file.unlink()
        guard.restart()
        guard.wait_log("the record of burnt knocks begins now", count=2)
        self.is_refused(guard, self.client, packet, "its window began before this server's record")
        self.assertEqual(guard.count_log("opens web", 1), 1)

    def test_empty_record_takes_packets_that_no_earlier_one_could_have(self):
        guard = self.start(earlier=False)
        guard.wait_log("the record of burnt knocks begins now")
        self.fwknop(self.client)
        guard.wait_log("its window began before this server's record")
        self.assert_shut(self.client)
        self.wait_for(lambda: self.fwknop(self.client, "--time-offset-plus", f"{APART}s")
                      and self.client.door(self.server.ip4, PORT, seconds=0.2) == "open", "a later packet to open")

    def test_changed_packet_is_nothing(self):
        guard = self.start()
        packet = self.packet()
        self.send(self.client, packet)
        self.assert_opens(self.client)
        digits = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
        # The last digit of what is encrypted, and of the HMAC: 44 and 1 from the end. Two bits of the latter are spare.
        for place in (len(packet) - 44, len(packet) - 1):
            for digit in digits:
                if digit != packet[place]:
                    self.send(self.client, packet[:place] + digit + packet[place + 1:])
        self.all_seen(guard)
        self.assertNotIn("refused", guard.log())
        self.assertEqual(guard.count_log("opens web", 2), 2)

    def test_old_and_future(self):
        guard = self.start()
        for option in ("--time-offset-minus", "--time-offset-plus"):
            self.fwknop(self.client, option, f"{APART + 10}s")
        guard.wait_log("outside its window", count=1)
        self.all_seen(guard)
        self.assert_shut(self.client)
        for option in ("--time-offset-minus", "--time-offset-plus"):
            before = guard.log().count("opens web")
            self.fwknop(self.client, option, f"{APART - 10}s")
            guard.wait_log("opens web", count=before + 1)

    def test_captured_and_sent_from_elsewhere(self):
        guard = self.start()
        packet = self.packet()
        self.send(self.other, packet)
        guard.wait_log("it is for another address than it came from: that takes for_others")
        self.assert_shut(self.other)
        self.assert_shut(self.client)
        self.send(self.client, packet)  # it is worth what it was
        self.assert_opens(self.client)

    def test_unnamed_address_takes_for_others(self):
        guard = self.start()
        self.fwknop(self.client, "-s")
        guard.wait_log("it names no address to open for: that takes for_others")
        self.assert_shut(self.client)

    def test_for_others(self):
        self.start("for_others = true")
        self.fwknop(self.client, address=self.other.ip4)
        self.assert_opens(self.other)
        self.assert_shut(self.client)
        self.fwknop(self.client, "-s")
        self.assert_opens(self.client)

    def test_commands_and_translations_are_refused(self):
        guard = self.start()
        mark = self.lab.folder / "ran"
        self.client.run([tool("fwknop"), "--no-rc-file", "--no-save-args", "-C", f"touch {mark}", "-a", self.client.ip4,
                         "-D", self.server.ip4, "--key-base64-rijndael", self.cipher, "--key-base64-hmac", self.mac,
                         "--use-hmac"])
        guard.wait_log("it asks for a command to be run, which is never done")
        self.fwknop(self.other, "-N", f"{self.client.ip4}:{PORT}")
        guard.wait_log("it asks for a translation of addresses, which is never made")
        self.fwknop(self.router_side(), ports="tcp/23")
        guard.wait_log("none of its services has a port that it asks for")
        self.assertFalse(mark.exists())
        self.assertNotIn("opens web", guard.log())

    def router_side(self):
        """A third address: of each the first refusal is told at once."""
        return self.lab.host("third")

    def test_wrong_keys_are_nothing(self):
        guard = self.start()
        right = self.mac
        self.mac = base64.b64encode(secrets.token_bytes(64)).decode()
        self.fwknop(self.client)
        self.mac = right
        self.all_seen(guard)
        self.assertNotIn("refused", guard.log())
        # With the key of the HMAC alone it is known to be ours, and not to be read.
        self.cipher = base64.b64encode(secrets.token_bytes(32)).decode()
        self.fwknop(self.client)
        guard.wait_log("it cannot be decrypted with the key_base64 of its key")
        self.assert_shut(self.client)

    def test_every_digest(self):
        """Keys side by side on one port, of Debian's client and ours."""
        held = {}
        for digest in ("md5", "sha1", "sha256", "sha384", "sha512"):
            self.new_secrets()
            held[digest] = (self.fwknop_key(digest, f"hmac_digest = {digest}\n"), self.cipher, self.mac)
        guard = self.start(keys={digest: (key, "web") for digest, (key, *_) in held.items()})
        for digest, (key, self.cipher, self.mac) in held.items():
            self.fwknop(self.client, "--hmac-digest-type", digest, "-m", digest)
            guard.wait_log(f"key {digest} opens web for 30s to {self.client.ip4}")
            self.other.knock(self.server, key, f"tcp/{PORT}")
            guard.wait_log(f"key {digest} opens web for 30s to {self.other.ip4}")
        self.assertNotIn("refused", guard.log())

    def test_our_client_opens_our_server(self):
        key = self.fwknop_key()
        guard = self.start("for_others = true", key=key, more="max_open_for = 1h")
        self.client.knock(self.server, key, f"tcp/{PORT}", "--open-for", "10m")
        self.assert_opens(self.client)
        guard.wait_log("opens web for 600s")
        self.client.knock(self.server.ip6, key, f"tcp/{PORT}", "--for", self.other.ip4)
        self.assert_opens(self.other)
        # It never waits for a window: no two packets are the same.
        self.client.knock(self.server, key, f"tcp/{PORT}", "--no-wait")
        guard.wait_log(f"opens web for 30s to {self.client.ip4}")

    def test_what_is_printed_opens(self):
        key = self.fwknop_key()
        self.start(key=key)
        printed = self.client.run([self.lab.program, "sequence", "--key", key, "--ip", self.client.ip4, "--service",
                                   f"tcp/{PORT}"]).stdout
        self.send(self.client, bytes.fromhex(printed).decode("ascii"))
        self.assert_opens(self.client)

    def test_our_client_says_what_it_cannot_do(self):
        key = self.fwknop_key()
        for service, target, options, why in (
                ("", self.server.ip4, (), "SERVICE: expected 1 to 40 ports like tcp/22,udp/53, each once"),
                ("web", self.server.ip4, (), "SERVICE: expected 1 to 40 ports like tcp/22,udp/53, each once"),
                ("tcp/22", self.server.ip6, (), "fwknop's packets have room for an IPv4 address only"),
                ("tcp/22", self.server.ip4, ("--close",), "--close: expected none")):
            done = self.client.knock(target, key, service, *options, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(why, done.stderr)

    def test_lost_packet_is_sent_again(self):
        key = self.fwknop_key()
        self.start(key=key)
        self.lab.router_rules(f"udp dport {SPA_PORT} numgen inc mod 2 == 0 counter drop")
        self.client.knock(self.server, key, f"tcp/{PORT}", "--rounds", "2")
        self.assert_opens(self.client)
        self.assertRegex(self.lab.router.run(["nft", "list", "table", "inet", "lab"]).stdout, "packets 1 ")

if __name__ == "__main__":
    unittest.main()
