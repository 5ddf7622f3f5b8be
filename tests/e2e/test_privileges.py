"""What the server keeps: one capability, no way to more, a key once in memory, descriptors for the guard."""

import os
import pathlib
import resource
import socket
import unittest

from case import PORT, LabTest

_NET_ADMIN = 1 << 12
_NET = _NET_ADMIN | (1 << 13)  # and CAP_NET_RAW


def memory_of(pid):
    """All that a process can read of its own memory, mapping by mapping."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem, open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        for line in maps:
            span, mode = line.split()[:2]
            start, end = (int(x, 16) for x in span.split("-"))
            if not mode.startswith("r") or "[v" in line:
                continue
            data = bytearray()
            while start + len(data) < end:
                try:
                    mem.seek(start + len(data))
                    data += mem.read(end - start - len(data))
                except OSError:
                    break
            yield bytes(data)


class Privileges(LabTest):
    def status_of(self, guard):
        text = pathlib.Path(f"/proc/{guard.process.pid}/status").read_text(encoding="ascii")
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def test_one_capability_and_no_way_to_more(self):
        guard = self.small_guard(self.key(), wait=False)
        said = self.status_of(guard)
        for which in ("CapPrm", "CapEff"):
            self.assertEqual(int(said[which], 16), _NET_ADMIN, which)
        for which in ("CapInh", "CapBnd", "CapAmb"):
            self.assertEqual(int(said[which], 16), 0, which)
        self.assertEqual(said["NoNewPrivs"], "1")
        self.assertEqual(resource.prlimit(guard.process.pid, resource.RLIMIT_CORE), (0, 0))
        # What is not dumpable another process of the same user may not look into, without CAP_SYS_PTRACE.
        read = self.server.run(["capsh", "--drop=cap_sys_ptrace", "--", "-c",
                                f"head -c 1 /proc/{guard.process.pid}/mem"], check=False)
        self.assertIn("Permission denied", read.stderr)
        # And it works: the table comes back by nft, run by the helper.
        self.server.run(["nft", "flush", "ruleset"])
        self.wait_for(lambda: "chronoknock" in self.server.run(["nft", "list", "tables"]).stdout, "the guard")

    def not_root(self):
        """A server of a user with ambient capabilities."""
        key = self.key()
        self.lab.folder.chmod(0o755)
        guard = self.small_guard(key, wait=False, start=False, launcher=[
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+net_admin,+net_raw",
            "--ambient-caps=+net_admin,+net_raw", self.lab.program])
        for path in (self.server.home, guard.folder, guard.config, key):
            os.chown(path, 65534, 65534)
        guard.start()
        return guard

    def test_not_root_with_the_two_handed_down(self):
        """The helper hands them to nft."""
        guard = self.not_root()
        self.assertEqual(int(self.status_of(guard)["CapEff"], 16), _NET_ADMIN)
        helper = pathlib.Path(f"/proc/{guard.status()['privileges']['helper']}/status").read_text(encoding="ascii")
        self.assertIn(f"CapAmb:\t{_NET:016x}", helper)
        self.server.run(["nft", "flush", "ruleset"])
        self.wait_for(lambda: "chronoknock" in self.server.run(["nft", "list", "tables"]).stdout, "the guard")
        self.assert_shut(self.other)

    def test_what_root_alone_may_know_of_translation_costs_rules(self):
        """Whoever may not read whether iptables-legacy translates guards published ports as if it did."""
        with self.server.inside():
            names = pathlib.Path("/proc/thread-self/net/ip_tables_names")
            if not names.exists() or names.read_text(encoding="ascii"):
                self.skipTest("iptables-legacy is not there, or at work")
        guard = self.not_root()
        last = guard.folder / "guard.nft"
        self.wait_for(last.exists, "guard.nft")
        for text in (self.server.run(["nft", "list", "table", "inet", "chronoknock"]).stdout, last.read_text()):
            self.assertIn("ct status dnat", text)

    def copies(self, guard, secret):
        """How often a secret stands in memory, as bytes and as text."""
        raw = text = 0
        for part in memory_of(guard.process.pid):
            raw += part.count(secret)
            text += part.count(secret.hex().encode())
        return raw, text

    def test_a_secret_stands_in_memory_once_at_most_and_not_after_it_is_gone(self):
        secrets = {name: os.urandom(64) for name in ("alice", "bob", "carol")}
        files = {name: self.key(name, secret=s.hex(), function="hmac-sha256" if name != "bob" else "sha256")
                 for name, s in secrets.items()}
        services = {"web": f"ports = tcp/{PORT}"}
        guard = self.small_guard(files["alice"], services=services, keys={n: (f, "web") for n, f in files.items()})
        self.client.knock(self.server, files["alice"], "web")
        self.assert_opens(self.client)
        for name, secret in secrets.items():
            raw, text = self.copies(guard, secret)
            self.assertLessEqual(raw, 1, name)
            self.assertEqual(text, 0, name)
        guard.write(services, {"carol": (files["carol"], "web")}, {"knock": "tracked = 1024"})
        guard.reload()
        guard.wait_log("configuration read again")
        self.first_window(2)
        self.other.knock(self.server, files["carol"], "web")
        self.assert_opens(self.other)
        self.assertLessEqual(self.copies(guard, secrets["carol"])[0], 1)
        for name in ("alice", "bob"):
            self.assertEqual(self.copies(guard, secrets[name]), (0, 0), name)


class Descriptors(LabTest):
    def test_the_guard_comes_back_with_no_descriptor_free(self):
        guard = self.small_guard(self.key(), wait=False)
        pid = guard.process.pid
        most = max(int(d) for d in os.listdir(f"/proc/{pid}/fd"))
        # All up to the highest one in use, and connections that fill the gaps.
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most + 1, most + 1))
        held = []
        self.addCleanup(lambda: [s.close() for s in held])
        with self.server.inside():
            for _ in range(most + 5):
                s = socket.socket(socket.AF_UNIX)
                s.settimeout(0.2)
                try:
                    s.connect(str(guard.control))
                except OSError:
                    s.close()
                    break
                held.append(s)
        for _ in range(5):
            self.server.run(["nft", "flush", "ruleset"])
            self.wait_for(lambda: "chronoknock" in self.server.run(["nft", "list", "tables"]).stdout,
                          f"the guard; the log:\n{guard.log()}")
            for version in (4, 6):
                self.assert_shut(self.other, self.server.ip(version))

    def with_nft(self, script, **options):
        """The server with another nft."""
        fake = self.server.home / "nft"
        fake.write_text("#!/bin/sh\n" + script)
        fake.chmod(0o755)
        return self.small_guard(self.key(), wait=False, launcher=[
            "unshare", "-m", "sh", "-c",
            f'cp /usr/sbin/nft {self.server.home}/real && mount --bind {fake} /usr/sbin/nft && exec "$@"', "sh",
            self.lab.program], **options)

    def test_nft_inherits_nothing(self):
        seen = self.server.home / "seen"
        self.with_nft(f'ls -l /proc/$$/fd >>{seen}\nexec {self.server.home}/real "$@"\n')
        self.server.run(["nft", "flush", "ruleset"])  # by now the capture and all sockets are open
        self.wait_for(lambda: seen.read_text().count("total") >= 2, "nft to be run again")
        self.wait_for(lambda: "chronoknock" in self.server.run(["nft", "list", "tables"]).stdout, "the guard")
        text = seen.read_text()
        for what in ("socket:", "eventpoll", "packet", "timerfd", "eventfd"):
            self.assertNotIn(what, text)

    def with_nft_that_hangs(self, **options):
        """As often as its file has lines."""
        hang, real = self.server.home / "hang", self.server.home / "real"
        return hang, self.with_nft(f'[ -s {hang} ] && {{ sed -i 1d {hang}; exec sleep 1000; }}\nexec {real} "$@"\n',
                                   **options)

    def test_an_nft_that_hangs_says_nothing_of_the_table(self):
        """It is not made anew: the connections that it admitted go on."""
        hang, guard = self.with_nft_that_hangs()
        admitted = "192.0.2.1 . 1025 . 22 timeout 1d expires 1d"
        self.server.run(["nft", "add", "element", "inet", "chronoknock", "tcp4", f"{{ {admitted} }}"])
        hang.write_text("once\ntwice\nthrice\n")
        self.server.run(["nft", "flush", "chain", "inet", "chronoknock", "guard"])
        self.wait_for(lambda: hang.read_text() == "", "the third nft to hang", 60)
        guard.wait_log("the table is set up again", 30)
        self.assertNotIn("made anew", guard.log())
        self.assertIn("192.0.2.1 . 1025 . 22",
                      self.server.run(["nft", "list", "set", "inet", "chronoknock", "tcp4"]).stdout)

    def test_an_nft_that_hangs_is_killed(self):
        hang, guard = self.with_nft_that_hangs()
        hang.write_text("once\n")
        self.server.run(["nft", "flush", "ruleset"])
        guard.wait_log("had to be killed after 10s", 20)
        self.wait_for(lambda: "chronoknock" in self.server.run(["nft", "list", "tables"]).stdout, "the guard")
        self.assert_shut(self.other)


if __name__ == "__main__":
    unittest.main()
