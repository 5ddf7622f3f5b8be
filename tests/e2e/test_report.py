"""The page of `report`: what it shows of what happened, that it needs nothing from elsewhere, and how Chromium draws
it where there is no network."""

import html
import os
import pathlib
import re
import sqlite3
import stat
import struct
import time
import unittest
import zlib

from case import PORT, LabTest
from lab import Namespace

ELSEWHERE = re.compile(r"://|<script|<link|<img|<iframe|<object|<embed|@import|url\(|\bsrc=|\bhref=|\bon\w+=")


def pixels(path):
    """Rows of a PNG of 8 bits, as bytes, and how many of these a pixel has (W3C PNG, sections 9 and 11)."""
    data = path.read_bytes()
    at, packed, wide, channels = 8, b"", 0, 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            wide, _, bits, colour = struct.unpack(">IIBB", body[:10])
            channels = {2: 3, 6: 4}[colour]
            assert bits == 8
        elif kind == b"IDAT":
            packed += body
        at += size + 12
    raw, step, rows = zlib.decompress(packed), wide * channels + 1, []
    above = bytearray(step - 1)
    for start in range(0, len(raw), step):
        how, row = raw[start], bytearray(raw[start + 1:start + step])
        for i in range(len(row)):
            left = row[i - channels] if i >= channels else 0
            over, corner = above[i], above[i - channels] if i >= channels else 0
            if how == 1:
                row[i] = row[i] + left & 255
            elif how == 2:
                row[i] = row[i] + over & 255
            elif how == 3:
                row[i] = row[i] + (left + over) // 2 & 255
            elif how == 4:
                guess = left + over - corner
                row[i] = row[i] + min((left, over, corner), key=lambda v: abs(guess - v)) & 255
        rows.append(row)
        above = row
    return rows, channels


class Planted(LabTest):
    def test_a_journal_beside_the_record_deletes_nothing(self):
        """SQLite deletes a file that a hot journal names (its super-journal; sqlite.org/fileformat2.html and pager.c):
        one that the server's user has put there must not do it with root's rights."""
        self.lab.folder.chmod(0o755)
        folder = self.server.home / "chronoknock"
        folder.mkdir()
        state, victim = folder / "state.db", self.server.home / "victim"
        victim.write_text("root's")
        with sqlite3.connect(state) as db:
            db.execute("create table history(x)")
        db.close()
        self.plant(state, victim)
        for path in (state, pathlib.Path(f"{state}-journal")):
            os.chown(path, 65534, 65534)
        os.chown(folder, 0, 65534)
        folder.chmod(0o1770)
        guard = self.small_guard(self.key(), wait=False, start=False, state=state, sections={"server": "user = 65534"})
        page = self.lab.folder / "page.html"
        report = [self.lab.program, "report", "--config", guard.config, "--out", page]
        self.assertEqual(self.server.run(report, check=False).returncode, 1)
        self.assertTrue(victim.exists())
        # The same journal, when SQLite has the rights: it would have.
        self.plant(state, victim)
        os.chown(f"{state}-journal", 0, 0)
        with sqlite3.connect(state) as db:
            db.execute("select * from history").fetchall()
        self.assertFalse(victim.exists())

    def plant(self, state, victim):
        size = struct.unpack(">H", state.read_bytes()[16:18])[0]
        magic, name = bytes.fromhex("d9d505f920a163d7"), os.fsencode(victim)
        head = (magic + struct.pack(">IIIII", 0, 1234, state.stat().st_size // size, 512, size)).ljust(512, b"\0")
        tail = struct.pack(">I", 0x40000000 // size + 1) + name + struct.pack(">II", len(name), sum(name)) + magic
        pathlib.Path(f"{state}-journal").write_bytes(head + tail)


class Report(LabTest):
    def report(self, guard, *options, check=True, out=None):
        self.page = out or self.lab.folder / "page.html"
        return self.server.run([self.lab.program, "report", "--config", guard.config, "--out", self.page, *options],
                               check=check)

    def used(self):
        """A server that granted a knock, and was asked again by who had heard it."""
        key = self.key(granularity=6)
        guard = self.small_guard(key, open_for=4)
        self.first_window(6)
        heard = self.capture_knock(key)
        self.client.wait_shut(self.server.ip4, PORT)
        self.lab.sender(self.other).send(heard)
        guard.wait_log("replay")
        return guard

    def shown(self):
        return self.page.read_text(encoding="ascii")

    def test_what_happened_is_shown(self):
        guard = self.used()

        def told():
            self.report(guard)
            return 'class="badge refused"' in self.shown() and 'class="badge granted"' in self.shown()
        self.wait_for(told, "both in the record", every=0.3)
        page = self.shown()
        self.assertIn("<b>accepting</b>", page)
        self.assertRegex(page, r'<tr><th scope="row">alice</th><td title="20[^"]* UTC">\d+ s ago</td>'
                               r'<td class="number">1</td>')
        self.assertIn("1 granted", page)
        self.assertIn("1 refused", page)
        self.assertIn(self.client.ip4, page)
        self.assertNotRegex(page, ELSEWHERE)
        self.assertEqual(stat.S_IMODE(self.page.stat().st_mode), 0o600)
        secret = re.search(r"secret = (\w+)", (self.lab.folder / "alice.key").read_text())[1]
        self.assertNotIn(secret[:8], page)

        # A clean stop writes what the sums of five minutes have so far.
        guard.stop()
        self.report(guard)
        page = self.shown()
        self.assertIn("not reached", page)
        self.assertIn("1 granted", page)
        strangers = int(re.search(r"<span>Strangers</span><b>([\d,]+)</b>", page)[1].replace(",", ""))
        self.assertGreater(strangers, 4)
        self.assertIn('<polygon class="band"', page)
        guard.start()  # the record is as good as before
        self.assertNotIn("lack", guard.log())

    def test_far_back_and_not_so_far(self):
        guard = self.used()
        guard.stop()
        with sqlite3.connect(guard.state) as db:
            db.execute("update history set at = at - 2 * 86400 * 1000000000")
        db.close()
        self.report(guard, "--since", "1d")
        self.assertNotIn('class="badge granted"', self.shown())
        self.assertIn("2 days ago", self.shown())  # a key's last use is shown however far back
        self.report(guard, "--since", "3d")
        self.assertIn('class="badge granted"', self.shown())
        for wrong in ("0d", "3651d", "d", "x", "30s"):
            done = self.report(guard, "--since", wrong, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, r"\Achronoknock: --since: expected [^\n]+\n\Z")

    def test_text_stays_text(self):
        guard = self.used()
        guard.stop()
        evil = "</title></svg><script>document.title='taken'</script>\"><img src=x onerror=alert(1)>"
        with sqlite3.connect(guard.state) as db:
            db.execute("update history set key = ?, services = ?, why = ?", (evil, evil, evil))
        db.close()
        self.report(guard)
        page = self.shown()
        self.assertIn(html.escape(evil, quote=True).replace("&#x27;", "&#39;"), page)
        self.assertNotIn("<script", page)
        self.assertNotIn("taken'</script>", self.browse("--dump-dom"))

    def test_a_file_is_replaced_whole_or_not_at_all(self):
        guard = self.used()
        page = self.lab.folder / "kept.html"
        page.write_text("old")
        with open(page, encoding="ascii") as reader:
            self.report(guard, out=page)
            self.assertEqual(reader.read(), "old")  # who had it open reads on
        self.assertTrue(page.read_text().startswith("<!DOCTYPE html>"))
        for place in (self.lab.folder, "/dev/null", self.lab.folder / "none" / "page.html"):
            done = self.report(guard, out=place, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, r"\Achronoknock: [^\n]+\n\Z")
        self.assertTrue(stat.S_ISCHR(pathlib.Path("/dev/null").stat().st_mode))
        self.assertEqual(list(self.lab.folder.glob(".*")), [])
        done = self.server.run([self.lab.program, "report", "--config", guard.config, "--out", "-"])
        self.assertTrue(done.stdout.endswith("</html>\n"))
        guard.config.write_text(f"[server]\nstate = {self.lab.folder}/none.db\n")
        done = self.report(guard, out=page, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("none.db", done.stderr)
        self.assertFalse((self.lab.folder / "none.db").exists())

    def browse(self, *options):
        """Chromium, where it reaches nothing."""
        alone = Namespace()
        self.addCleanup(alone.close)
        profile = self.lab.folder / "chromium"
        done = alone.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                          "--no-first-run", "--hide-scrollbars", f"--user-data-dir={profile}", *options,
                          f"file://{self.page}"], timeout=120, env={"HOME": str(self.lab.folder)})
        return done.stdout

    def brightness(self, picture):
        rows, channels = pixels(picture)
        return sum(rows[-1][:channels * 40][i] for i in range(channels * 40) if i % channels < 3) / 120

    def test_chromium_draws_it(self):
        guard = self.used()
        guard.stop()
        # A month of it.
        now = time.time_ns()
        with sqlite3.connect(guard.state) as db:
            for i in range(2000):
                db.execute("insert or replace into series values (?, ?, ?, ?, ?, ?, ?, ?)",
                           (now - i * 600 * 10**9, 600 * 10**9, i % 700, i % 3, i % 5 // 4, 0, (i % 40 - 20) * 10**5,
                            2 * 10**6 + i % 7 * 10**5))
        db.close()
        self.report(guard)
        netlog = self.lab.folder / "netlog.json"
        dom = self.browse("--dump-dom", f"--log-net-log={netlog}")
        self.assertGreater(dom.count('<rect class="strangers"'), 30)
        self.assertGreater(dom.count('<rect class="granted"'), 30)
        self.assertIn('<polygon class="band"', dom)
        self.assertEqual(dom.count("<svg"), dom.count("</svg>"))
        for asked in re.findall(r'"url":"([^"]*)"', netlog.read_text(encoding="utf-8", errors="replace")):
            self.assertNotRegex(asked, r"page\.html.+|favicon", asked)

        shots = {}
        for name, size, *more in (("wide", "1100,1400"), ("phone", "390,1800"),
                                  ("dark", "1100,1400", "--blink-settings=preferredColorScheme=0")):
            shots[name] = self.lab.folder / f"{name}.png"
            self.browse(f"--screenshot={shots[name]}", f"--window-size={size}", *more)
        self.assertGreater(self.brightness(shots["wide"]), 200)
        self.assertLess(self.brightness(shots["dark"]), 60)
        self.assertGreater(shots["phone"].stat().st_size, 20_000)


if __name__ == "__main__":
    unittest.main()
