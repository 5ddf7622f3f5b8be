"""Metrics: what promtool, Prometheus and a strict reader of OpenMetrics make of them, who gets them, and who cannot do
harm by asking."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import time
import unittest

from case import PORT, LabTest

SOURCE = pathlib.Path(__file__).parents[2]
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
NAME = re.compile(r"chronoknock_\w+")
SAMPLE = re.compile(r"^(chronoknock_\w+)(\{[^}]*\})? (\S+)$", re.MULTILINE)
HTTP = 9753
# Debian's, whichever Python runs the tests.
STRICT = """import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
print(json.dumps({f.name: f.type for f in text_string_to_metric_families(sys.stdin.read())}))
"""


def samples(text):
    """name and labels -> value"""
    return {name + labels: float(value) for name, labels, value in SAMPLE.findall(text)}


class Metrics(LabTest):
    def setUp(self):
        super().setUp()
        self.file = self.lab.folder / "metrics" / "chronoknock.prom"
        self.file.parent.mkdir()
        self.socket = self.lab.folder / "metrics.sock"

    def metered(self, listen=f"127.0.0.1:{HTTP}", **options):
        lines = f"file = {self.file}\ninterval = 1s\n" + (f"listen = {listen}\n" if listen else "")
        return self.small_guard(self.key(), sections={"metrics": lines}, **options)

    def ask(self, target="/metrics", accept=None, host="127.0.0.1", port=HTTP):
        with self.server.inside():
            connection = http.client.HTTPConnection(host, port, timeout=10)
            connection.connect()
        connection.request("GET", target, headers={"Accept": accept} if accept else {})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read().decode()

    def ask_socket(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(10)
            s.connect(str(self.socket))
            s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            got = b""
            while part := s.recv(65536):
                got += part
            return got.decode()

    def promtool(self, text):
        """What it complains of."""
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def test_what_happened_is_told_in_a_file_and_by_http(self):
        guard = self.metered()
        self.client.knock(self.server, self.lab.folder / "alice.key", "web")
        self.assert_opens(self.client)
        granted = 'chronoknock_knocks_total{outcome="granted"}'
        told = self.wait_for(lambda: self.file.exists() and (s := samples(self.file.read_text())).get(granted) and s,
                             "the grant in the file")
        self.assertEqual(told[granted], 1)
        self.assertEqual(told['chronoknock_key_grants_total{key="alice"}'], 1)
        self.assertAlmostEqual(told['chronoknock_key_last_grant_timestamp_seconds{key="alice"}'], time.time(), delta=30)
        self.assertEqual(told["chronoknock_grant_delay_seconds_count"], 1)
        self.assertEqual(told['chronoknock_grant_delay_seconds_bucket{le="10.0"}'], 1)
        self.assertTrue(0 < told["chronoknock_grant_delay_seconds_sum"] < 10)
        self.assertEqual((told["chronoknock_accepting"], told["chronoknock_live_grants"]), (1, 1))
        self.assertGreater(told["chronoknock_stranger_syns_total"], 4)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o644)
        self.assertEqual([p.name for p in self.file.parent.iterdir() if not p.name.startswith(".")], [self.file.name])

        self.assertEqual(self.promtool(self.file.read_text()), (0, ""))
        status, kind, text = self.ask()
        self.assertEqual((status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"))
        self.assertEqual(self.promtool(text), (0, ""))
        self.assertEqual(samples(text)[granted], 1)
        # That it can complain: of a name as another has it.
        self.assertNotEqual(self.promtool(text.replace("_delay_seconds", "_delay_ms"))[1], "")

        # No secret, no port of a knock, no address.
        secret = re.search(r"secret = (\w+)", (self.lab.folder / "alice.key").read_text())[1]
        self.assertNotIn(secret[:8], text)
        self.assertNotIn(self.client.ip4, text)
        self.assertNotRegex(text, r"\d+\.\d+\.\d+\.\d+")
        self.assertNotIn("metrics", guard.log())

        guard.stop()
        self.assertFalse(self.file.exists())

    def test_a_strict_reader_takes_openmetrics(self):
        self.metered()
        self.client.knock(self.server, self.lab.folder / "alice.key", "web")
        self.assert_opens(self.client)
        self.wait_for(lambda: "key_grants_total{" in self.ask()[2], "the grant")
        status, kind, text = self.ask(accept=OPENMETRICS)
        self.assertEqual((status, kind), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"))
        done = subprocess.run(["/usr/bin/python3", "-c", STRICT], input=text, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        families = json.loads(done.stdout)
        self.assertEqual(families["chronoknock_knocks"], "counter")
        self.assertEqual(families["chronoknock_grant_delay_seconds"], "histogram")
        # That it is strict: of counters named in the other form.
        done = subprocess.run(["/usr/bin/python3", "-c", STRICT], input=self.ask()[2], capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        _, _, classic = self.ask()
        self.assertEqual(set(samples(text)), set(samples(classic)))

    def test_prometheus_scrapes_it(self):
        self.metered()
        self.client.knock(self.server, self.lab.folder / "alice.key", "web")
        self.assert_opens(self.client)
        config = self.lab.folder / "prometheus.yml"
        config.write_text(f"global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: knocks\n"
                          f"  static_configs: [{{targets: ['127.0.0.1:{HTTP}']}}]\n", encoding="ascii")
        prometheus = self.server.spawn(["prometheus", f"--config.file={config}", "--web.listen-address=127.0.0.1:9090",
                                        f"--storage.tsdb.path={self.lab.folder}/tsdb"])

        def query(expression):
            from urllib.parse import quote
            try:
                with self.server.inside():
                    c = http.client.HTTPConnection("127.0.0.1", 9090, timeout=5)
                    c.connect()
                c.request("GET", "/api/v1/query?query=" + quote(expression))
                got = c.getresponse()
            except (OSError, http.client.HTTPException):
                return None
            if got.status == 503:  # it is starting
                return None
            answer = json.loads(got.read())
            self.assertEqual(answer["status"], "success", (expression, answer))
            return answer["data"]["result"]
        granted = 'chronoknock_knocks_total{outcome="granted"}'
        self.wait_for(lambda: query(granted), f"prometheus to scrape; it said:\n{prometheus.text()}", 60)
        # What is not answered within the interval makes all that there was stale, until the next time.
        for expression in (granted, "up"):
            self.wait_for(lambda e=expression: [s["value"][1] for s in query(e) or []] == ["1"], expression, 60)
        # Each expression of the dashboard is one to Prometheus.
        for expression in self.dashboard():
            for variable, value in (("$__rate_interval", "5s"), ("$__range", "1h"), ("$instance", ".*")):
                expression = expression.replace(variable, value)
            self.wait_for(lambda e=expression: query(e) is not None, expression, 60)
        self.wait_for(lambda: query("histogram_quantile(0.5, chronoknock_grant_delay_seconds_bucket)"), "a quantile", 60)

    def test_node_exporter_reads_the_file(self):
        self.metered(listen=None)
        self.wait_for(self.file.exists, "the file")
        exporter = self.server.spawn(["prometheus-node-exporter", "--collector.disable-defaults",
                                      "--collector.textfile", f"--collector.textfile.directory={self.file.parent}",
                                      "--web.listen-address=127.0.0.1:9100"])
        self.wait_for(lambda: self.server.door("127.0.0.1", 9100) == "open",
                      f"node_exporter; it said:\n{exporter.text()}")
        text = self.ask(port=9100)[2]
        self.assertEqual(samples(text)["chronoknock_accepting"], 1)
        self.assertIn("# TYPE chronoknock_knocks_total counter\n", text)
        self.assertIn("# TYPE chronoknock_grant_delay_seconds histogram\n", text)
        self.assertIn("node_textfile_scrape_error 0\n", text)
        self.assertIn(f'node_textfile_mtime_seconds{{file="{self.file}"}}', text)

    @staticmethod
    def dashboard():
        board = json.loads((SOURCE / "etc/grafana-dashboard.json").read_text(encoding="utf-8"))
        return [t["expr"] for p in board["panels"] for t in p["targets"]]

    def test_the_dashboard_names_what_there_is(self):
        self.metered()
        self.client.knock(self.server, self.lab.folder / "alice.key", "web")
        self.assert_opens(self.client)
        told = self.wait_for(lambda: "key_grants_total{" in (text := self.ask()[2]) and text, "the grant")
        there = set(NAME.findall("\n".join(samples(told))))
        named = set(NAME.findall("\n".join(self.dashboard())))
        self.assertGreater(len(named), 15)
        self.assertEqual(named - there, set())
        self.assertEqual(there - named, set())

    def test_who_hangs_or_floods_harms_nobody(self):
        guard = self.metered()
        with self.server.inside():
            silent = [socket.create_connection(("127.0.0.1", HTTP)) for _ in range(100)]
            loud = [socket.create_connection(("127.0.0.1", HTTP)) for _ in range(20)]
        for s in loud:
            s.setblocking(False)
            try:
                s.send(b"GET /metrics HTTP/1.1\r\nA: " + b"a" * 2_000_000)
            except OSError:
                pass
        self.assertEqual(self.ask()[0], 200)  # at once
        before = time.monotonic()
        self.client.knock(self.server, self.lab.folder / "alice.key", "web")
        self.assert_opens(self.client)
        self.assertLess(time.monotonic() - before, 5)
        descriptors = len(os.listdir(f"/proc/{guard.process.pid}/fd"))
        self.assertLess(descriptors, 100)
        for s in silent + loud:
            s.close()
        used = guard.process.cpu()
        for _ in range(300):
            self.assertEqual(self.ask()[0], 200)
        self.assertLess(guard.process.cpu() - used, 2)
        self.assertEqual(self.ask("/")[0], 404)
        self.assertTrue(guard.process.alive())

    def test_a_unix_socket_and_a_reload_that_changes_the_place(self):
        guard = self.metered(listen=f"unix:{self.socket}")
        self.assertIn("200 OK", self.ask_socket())
        self.assertEqual(stat.S_IMODE(self.socket.stat().st_mode), 0o666)
        text = guard.config.read_text()
        guard.config.write_text(text.replace(f"unix:{self.socket}", f"[::1]:{HTTP}").replace(
            f"file = {self.file}\n", ""))
        guard.process.send(signal.SIGHUP)
        guard.wait_log("configuration read again")
        self.assertEqual(self.ask(host="::1")[0], 200)
        self.wait_for(lambda: not self.socket.exists() and not self.file.exists(), "the old ones to go")

    def test_what_cannot_be_done_is_told_and_holds_up_no_knock(self):
        with self.server.inside():
            taken = socket.create_server(("127.0.0.1", HTTP))
        self.file.parent.chmod(0o555)
        guard = self.metered()
        guard.wait_log("[metrics] file: ")
        guard.wait_log(f"[metrics] listen: 127.0.0.1:{HTTP}: ")
        self.client.knock(self.server, self.lab.folder / "alice.key", "web")
        self.assert_opens(self.client)
        taken.close()
        self.file.parent.chmod(0o755)
        self.wait_for(lambda: self.server.door("127.0.0.1", HTTP) == "open", "the port")
        self.wait_for(self.file.exists, "the file")

    def test_another_place_than_this_machine_is_refused(self):
        for place in ("0.0.0.0:9753", f"{self.server.ip4}:9753", "[::]:9753", "9753"):
            guard = self.lab.chronoknock(self.server, services={"web": f"ports = tcp/{PORT}"},
                                         keys={"alice": (self.key(), "web")}, start=False,
                                         sections={"metrics": f"listen = {place}"})
            done = self.server.run([self.lab.program, "check", "--config", guard.config], check=False)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, r"\A\S+: \S+:\d+: \[metrics\] listen: expected unix:PATH, 127.0.0.1:PORT or "
                                          r"\[::1\]:PORT: metrics are told to this machine alone[^\n]*\n\Z")


if __name__ == "__main__":
    unittest.main()
