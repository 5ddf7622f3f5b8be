"""Debian's fwknopd, and our client that knocks at it."""

import unittest

from case import PORT
from fwknop_case import SPA_PORT, FwknopTest, tool
from lab import start_http
from loss import KNOCKS, lose, lost, most_failures


class Fwknopd(FwknopTest):
    def prepare(self, open_for=300):
        """The daemon's configuration, a guarded door, and the key for both."""
        self.folder = self.server.home / "fwknopd"
        self.folder.mkdir(mode=0o700)
        self.access, self.config = self.folder / "access.conf", self.folder / "fwknopd.conf"
        self.access.write_text(f"SOURCE ANY\nKEY_BASE64 {self.cipher}\nHMAC_KEY_BASE64 {self.mac}\n"
                               f"OPEN_PORTS tcp/{PORT}\nREQUIRE_SOURCE_ADDRESS Y\nFW_ACCESS_TIMEOUT {open_for}\n",
                               encoding="ascii")
        self.config.write_text(f"PCAP_INTF eth0;\nPCAP_FILTER udp port {SPA_PORT};\nFWKNOP_RUN_DIR {self.folder};\n"
                               f"FWKNOP_CONF_DIR {self.folder};\n", encoding="ascii")
        for file in (self.access, self.config):
            file.chmod(0o600)
        start_http(self.server, PORT)
        for rule in (["-A", "INPUT", "-m", "conntrack", "--ctstate", "ESTABLISHED", "-j", "ACCEPT"],
                     ["-A", "INPUT", "-p", "tcp", "--dport", PORT, "-j", "DROP"]):
            self.server.run([tool("iptables"), "-w", *rule])
        return self.fwknop_key()

    def daemon(self):
        return self.server.spawn(
            [tool("fwknopd"), "-f", "-c", self.config, "-a", self.access, "-r", self.folder, "-p", self.folder / "pid",
             "-d", self.folder / "digest"], log=self.folder / "out")

    def opens(self, host, key, *options, source=None):
        host.knock(self.server, key, f"tcp/{PORT}", *options)
        return host.door(self.server.ip4, PORT, source, seconds=0.3) == "open"

    def until_it_opens(self, daemon, key):
        """It does not say when it is ready."""
        self.wait_for(lambda: self.opens(self.other, key), f"fwknopd to open; it said:\n{daemon.text()}", 30)

    def test_our_client_opens_it(self):
        key = self.prepare()
        daemon = self.daemon()
        self.assert_shut(self.client)
        self.until_it_opens(daemon, key)
        self.assert_shut(self.client)
        self.wait_for(lambda: self.opens(self.client, key, "--open-for", "77s"), "fwknopd to open for so long", 30)
        self.assertRegex(self.server.run([tool("iptables"), "-S"]).stdout, r"_exp_\d+")
        daemon.wait_for_text("expires at")

    def test_our_packet_opens_it_once(self):
        key = self.prepare(open_for=2)
        daemon = self.daemon()
        self.until_it_opens(daemon, key)
        packet = bytes.fromhex(self.client.run([self.lab.program, "sequence", "--key", key, "--ip", self.client.ip4,
                                                "--service", f"tcp/{PORT}"]).stdout).decode("ascii")
        self.send(self.client, packet)
        self.assert_opens(self.client)
        self.client.wait_shut(self.server.ip4, PORT)

        def is_replay():
            before = daemon.text().count("Replay detected")
            self.send(self.client, packet)
            self.wait_for(lambda: daemon.text().count("Replay detected") > before, daemon.text())
            self.assert_shut(self.client)
        is_replay()
        daemon.stop()
        daemon = self.daemon()
        self.until_it_opens(daemon, key)
        is_replay()

    def test_strangers_and_other_addresses(self):
        key = self.prepare()
        daemon = self.daemon()
        self.until_it_opens(daemon, key)
        packet = bytes.fromhex(self.client.run([self.lab.program, "sequence", "--key", key, "--ip", "192.0.2.1",
                                                "--service", f"tcp/{PORT}"]).stdout).decode("ascii")
        self.send(self.client, packet)
        self.new_secrets()
        self.client.knock(self.server, self.fwknop_key("stranger"), f"tcp/{PORT}")
        third = self.lab.host("third")
        self.wait_for(lambda: self.opens(third, key), "fwknopd to open after that")
        self.assert_shut(self.client)

    def test_loss(self):
        key = self.prepare()
        daemon = self.daemon()
        self.until_it_opens(daemon, key)
        self.client.add_addresses("10.99.0.0/16")
        sources = [f"10.99.0.{n}" for n in range(1, KNOCKS + 1)]
        lose(self.lab)
        for source in sources:
            self.client.knock(self.server, key, f"tcp/{PORT}", "--source", source)
        self.assertGreater(lost(self.lab), 0)

        due = KNOCKS - most_failures(1)

        def opened():
            rules = self.server.run([tool("iptables"), "-w", "-S"]).stdout
            return sum(f"-s {source}/32" in rules for source in sources)
        self.wait_for(lambda: opened() >= due, f"{due} of {KNOCKS} knocks to open", 30, every=0.2)


if __name__ == "__main__":
    unittest.main()
