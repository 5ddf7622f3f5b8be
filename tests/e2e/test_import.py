"""From knockd and fwknop: their files become ours, and Debian's own clients open."""

import pathlib
import re
import unittest

from case import LabTest
from cli import Case
from lab import start_http
from services import faketime_env
from test_fwknop import APART, tool

SSH = 22
KNOCKD_CONF = pathlib.Path("/etc/knockd.conf")
ACCESS_CONF = pathlib.Path("/etc/fwknop/access.conf")
DOOR = """
[openSSH]
    sequence = 7000,8000,9000
    command = /sbin/iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT
"""


class Imported(LabTest):
    def run_import(self, *args):
        """Imports on the server and lets `check` have a look."""
        self.folder = self.server.home / "imported"
        said = self.server.run([self.lab.program, "import", *args, "--out", self.folder]).stdout
        self.config = self.folder / "chronoknock.ini"
        self.server.run([self.lab.program, "check", "--config", self.config])
        return said

    def start(self, earlier=False):
        """A server on what was imported, its state in the lab; its record began early enough for packets of now."""
        guard = self.lab.chronoknock(self.server, services={}, keys={}, start=False)
        self.guards.append(guard)
        text = re.sub(r"(?m)^file = ", f"file = {self.folder}/", self.config.read_text(encoding="utf-8"))
        guard.config.write_text(f"[server]\nstate = {guard.state}\ncontrol = {guard.control}\n[knock]\ntracked = 1024\n{text}",
                                encoding="utf-8")
        if earlier:
            guard.start(env=faketime_env(f"-{2 * APART}s"))
            guard.wait_log("the record of burnt knocks begins now")
            guard.stop()
        return guard.start()

    def test_knockd_conf_as_debian_ships_it(self):
        self.web = start_http(self.server, SSH)
        said = self.run_import("knockd", KNOCKD_CONF)
        self.assertIn("[closeSSH] command: the door is not carried over: it closes", said)
        self.assertIn("[openHTTPS] command: the door is not carried over: it runs knock_add", said)
        guard = self.start()
        self.assert_shut(self.client, port=SSH)
        self.client.run(["knock", "-d", "5", self.server.ip4, "9000", "8000", "7000"])
        self.client.run(["knock", "-d", "5", self.server.ip4, "7000", "9000", "8000"])
        self.client.run(["knock", "-d", "5", self.server.ip4, "7000", "8000", "9000"])
        self.assert_opens(self.client, port=SSH)
        self.assert_shut(self.other, port=SSH)
        self.assertEqual(guard.count_log("key openSSH opens ssh for 30s", 1), 1)

    def test_one_time_sequences(self):
        self.web = start_http(self.server, SSH)
        (self.server.home / "pad").write_text("#1000,1001,1002,1003\n 2000,2001,2002,2003\n 3000,3001:udp,3002,3003\n")
        conf = self.server.home / "knockd.conf"
        conf.write_text(DOOR.replace("sequence = 7000,8000,9000", "one_time_sequences = pad"), encoding="ascii")
        self.run_import(conf)
        guard = self.start()
        self.client.run(["knock", "-d", "5", self.server.ip4, "1000", "1001", "1002", "1003"])
        self.other.run(["knock", "-d", "5", self.server.ip4, "2000", "2001", "2002", "2003"])
        self.assert_opens(self.other, port=SSH)
        self.assert_shut(self.client, port=SSH)
        self.client.run(["knock", "-d", "5", self.server.ip4, "3000", "3001:udp", "3002", "3003"])
        self.assert_opens(self.client, port=SSH)
        self.assertEqual(guard.count_log("opens ssh", 2), 2)

    def test_access_conf_of_fwknop_key_gen(self):
        """What Debian ships, with the keys that fwknop made."""
        self.web = start_http(self.server, SSH)
        made = dict(re.findall(r"(\w*KEY_BASE64): (\S+)", self.server.run([tool("fwknop"), "--key-gen"]).stdout))
        text = ACCESS_CONF.read_text(encoding="utf-8")
        for name, value in made.items():
            text = re.sub(rf"(?m)^({name}\s+)__CHANGEME__", rf"\g<1>{value}", text)
        conf = self.server.home / "access.conf"
        conf.write_text(text, encoding="utf-8")
        said = self.run_import(conf)
        self.assertIn("OPEN_PORTS: there are none", said)
        for secret in made.values():
            self.assertNotIn(secret[:8], said)
        self.start(earlier=True)
        self.assert_shut(self.client, port=SSH)
        self.client.run([tool("fwknop"), "--no-rc-file", "--no-save-args", "-A", "tcp/22", "-a", self.client.ip4, "-D",
                         self.server.ip4, "--key-base64-rijndael", made["KEY_BASE64"], "--key-base64-hmac",
                         made["HMAC_KEY_BASE64"], "--use-hmac"])
        self.assert_opens(self.client, port=SSH)
        self.assert_shut(self.other, port=SSH)

    def test_access_conf_with_passphrases(self):
        self.web = start_http(self.server, SSH)
        conf = self.server.home / "access.conf"
        conf.write_text("SOURCE ANY\nOPEN_PORTS tcp/22\nKEY a long enough phrase\nHMAC_KEY another phrase as long\n"
                        "HMAC_DIGEST_TYPE SHA512\nFW_ACCESS_TIMEOUT 45\nREQUIRE_SOURCE_ADDRESS Y\n", encoding="ascii")
        self.run_import("fwknop", conf)
        guard = self.start(earlier=True)
        self.client.run([tool("fwknop"), "--no-rc-file", "--no-save-args", "-A", "tcp/22", "-a", self.client.ip4, "-D",
                         self.server.ip4, "--key-rijndael", "a long enough phrase", "--key-hmac",
                         "another phrase as long", "--use-hmac", "--hmac-digest-type", "sha512"])
        self.assert_opens(self.client, port=SSH)
        guard.wait_log("opens ssh for 45s")


class Command(Case):
    def test_files_and_modes(self):
        out = self.folder / "new/folder"
        said = self.done("import", self.put("k", DOOR), "--out", out)
        self.assertEqual(said.splitlines()[:2], [f"made {out}/keys/openSSH.key", f"made {out}/chronoknock.ini"])
        for file in (out / "keys/openSSH.key", out / "chronoknock.ini"):
            self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertEqual((out / "keys/openSSH.key").read_text(), "method = static\nsequence = 7000, 8000, 9000\n")
        for port in ("7000", "8000", "9000"):
            self.assertNotIn(port, said)

    def test_nothing_is_overwritten_and_all_is_made_or_nothing(self):
        for taken in ("chronoknock.ini", "keys/two.key"):
            with self.subTest(taken):
                out = self.folder / taken.replace("/", "-")
                (out / taken).parent.mkdir(parents=True)
                (out / taken).write_text("mine")
                conf = self.put("k", DOOR + DOOR.replace("openSSH", "two").replace("9000", "9001"))
                said = self.refused("import", conf, "--out", out, status=1)
                self.assertEqual(said, f"{out}/{taken}: exists already, and is never overwritten")
                self.assertEqual([str(f.relative_to(out)) for f in out.rglob("*") if f.is_file()], [taken])
                self.assertEqual((out / taken).read_text(), "mine")

    def test_nothing_is_left_where_nothing_can_be_made(self):
        for text, said in (("[a]\nsequence = 1,2\ncommand = /bin/true\n",
                            "k: nothing of it can be carried over; {}:3: [a] command: the door is not carried over: it runs "
                            "true, and only rules of iptables that accept are understood"),
                           ("SOURCE ANY\nKEY_BASE64 __CHANGEME__\n",
                            "k: nothing of it can be carried over; {}:1: SOURCE: the stanza is not carried over: KEY_BASE64: "
                            "expected 16 to 128 bytes in base64")):
            conf = self.put("k", text)
            out = self.folder / "out"
            self.assertEqual(self.refused("import", conf, "--out", out), f"{self.folder}/" + said.format(conf))
            self.assertFalse(out.exists())

    def test_usage(self):
        conf = self.put("k", DOOR)
        out = self.folder / "out"
        self.assertIn("expected knockd or fwknop before the file, not 'ssh'", self.refused("import", "ssh", conf, "--out", out))
        self.assertIn("expected knockd.conf or access.conf", self.refused("import", "--out", out))
        self.assertIn("cannot open", self.refused("import", self.folder / "none", "--out", out))
        self.assertIn("nothing of it can be carried over", self.refused("import", "fwknop", conf, "--out", out))
        self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
