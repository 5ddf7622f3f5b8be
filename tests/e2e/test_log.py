"""What the server tells: enough to follow what happens, nothing that helps a stranger."""

import re
import socket
import threading
import unittest

from case import PORT, LabTest


class Log(LabTest):
    def test_a_grant_and_a_replay_are_told_without_port_or_secret(self):
        key = self.key(granularity=6)
        guard = self.guard(key, open_for=4)
        self.first_window(6)
        heard = self.capture_knock(key)
        guard.wait_log(self.client.ip4)
        granted = [line for line in guard.log().splitlines() if self.client.ip4 in line]
        self.assertEqual(len(granted), 1, granted)
        self.assertIn("alice", granted[0])
        self.assertIn("web", granted[0])
        self.client.wait_shut(self.server.ip4, PORT)
        self.lab.sender(self.other).send(heard)
        guard.wait_log("replay")
        replayed = [line for line in guard.log().splitlines() if "replay" in line]
        self.assertEqual(len(replayed), 1, replayed)
        self.assertIn(self.client.ip4, replayed[0])
        self.client.knock(self.server, key, "web")
        guard.wait_log(self.client.ip4, count=3)

        log = guard.log()
        secret = re.search(r"secret = (\w+)", key.read_text())[1]
        self.assertNotIn(secret[:8], log)
        ports = {str(p.port) for p in heard}
        self.assertEqual(ports & set(re.findall(r"\b\d{5}\b", "\n".join(granted + replayed))), set())
        status = self.server.run([self.lab.program, "status", "--json", "--control", guard.control]).stdout
        self.assertNotIn(secret[:8], status)
        self.assertEqual(ports & set(re.findall(r"\b\d{5}\b", status)), set())

    def test_replay_noise_is_one_line(self):
        key = self.key(granularity=6)
        guard = self.guard(key, open_for=4)
        self.first_window(6)
        heard = self.capture_knock(key)
        self.client.wait_shut(self.server.ip4, PORT)
        sender = self.lab.sender(self.other)
        for _ in range(300):
            sender.send(heard)
        guard.wait_log("replay")
        third = self.lab.host("third")
        self.all_seen(key, third)
        self.assertEqual(guard.count_log("replay", 1), 1)
        self.assertGreater(guard.status()["knocks"]["refused"], 100)
        self.assert_shut(self.client)

    def test_status(self):
        key = self.key()
        guard = self.guard(key)
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)
        status = guard.status()
        self.assertIsInstance(status, dict)
        self.assertIn(self.client.ip4, str(status))
        plain = self.server.run([self.lab.program, "status", "--control", guard.control]).stdout
        self.assertIn(self.client.ip4, plain)
        guard.stop()
        done = self.server.run([self.lab.program, "status", "--control", guard.control], check=False)
        self.assertEqual(done.returncode, 1)
        self.assertNotEqual(done.stderr, "")

    def test_a_full_disk_mutes_it_only_while_it_is_full(self):
        disk = self.server.home / "disk"
        disk.mkdir()
        # The log ends with a page of the disk, and there is no other.
        script = (f'mount -t tmpfs -o size=64k none {disk} && head -c 4095 /dev/zero >{disk}/log && echo >>{disk}/log && '
                  f'(cat /dev/zero >{disk}/all 2>/dev/null || true) && exec "$@" 2>>{disk}/log')
        guard = self.small_guard(self.key(), wait=False,
                                 launcher=["unshare", "-m", "sh", "-c", script, "sh", self.lab.program])

        def inside(*argv):
            return self.server.run(["nsenter", "-t", guard.process.pid, "-m", *argv]).stdout
        self.assertEqual(inside("stat", "-c", "%s", disk / "log"), "4096\n")
        inside("rm", disk / "all")
        guard.reload()
        said = self.wait_for(lambda: "configuration read again" in (log := inside("tail", "-c", "+4097", disk / "log"))
                             and log, "the log")
        self.assertRegex(said, r"\A\nwarning: [1-9]\d* lines of the log could not be written\n")
        guard.reload()
        self.wait_for(lambda: inside("tail", "-c", "+4097", disk / "log").count("configuration read again") == 2, "more")
        self.assertEqual(inside("tail", "-c", "+4097", disk / "log").count("could not be written"), 1)

    def test_a_time_server_cannot_forge_a_line(self):
        """A kiss-o'-death whose code is a line break and a terminal's escape."""
        ntp = self.lab.host("ntp")
        asked = threading.Event()
        with ntp.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("0.0.0.0", 123))

            def answer():
                while True:
                    try:
                        query, whence = server.recvfrom(512)
                    except OSError:
                        return
                    reply = bytearray(48)
                    reply[0] = 0xE4  # leap 3, version 4, mode 4; stratum 0
                    reply[12:16] = b"\n\x1b[J"
                    reply[24:32] = query[40:48]
                    reply[32:48] = query[40:48] * 2
                    server.sendto(reply, whence)
                    asked.set()

            threading.Thread(target=answer, daemon=True).start()
            guard = self.guard(self.key(), sections={"time": f"servers = {ntp.ip4}"}, wait=False)
            self.assertTrue(asked.wait(10))
            guard.wait_log(ntp.ip4)
        log = guard.log()
        self.assertNotIn("\x1b", log)
        for line in log.splitlines():
            self.assertNotRegex(line, r"^\[|^$")


if __name__ == "__main__":
    unittest.main()
