"""What we hand to people to start from works as it stands."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import types
import unittest

from case import LabTest
from demo import container
from lab import start_sshd

_SOURCE = pathlib.Path(__file__).parents[2]
_ETC = _SOURCE / "etc"


class Samples(LabTest):
    def sample(self):
        """etc/chronoknock.ini with a key that exists, state and control in the lab, and no time server to reach."""
        key = self.lab.folder / "laptop.key"
        self.client.run([self.lab.program, "keygen", "--out", key])
        text = (_ETC / "chronoknock.ini").read_text(encoding="utf-8")
        text = re.sub(r"^#   (?=\[key\.laptop\]|file = /etc/chronoknock/keys|(services|mode|knock_delay|allow_weak) )", "",
                      text, flags=re.MULTILINE)
        self.assertIn("\n[key.laptop]\nfile = ", text)
        return key, text.replace("/etc/chronoknock/keys/laptop.key", str(key))

    def check(self, text):
        path = self.lab.folder / "sample.ini"
        path.write_text(text, encoding="utf-8")
        return self.server.run([self.lab.program, "check", "--config", path]).stdout

    def test_the_configuration(self):
        _, text = self.sample()
        self.assertIn("laptop", self.check(text))

    def test_the_defaults_it_shows_are_the_defaults(self):
        """Every field that it shows behind a '#' may stand there, and changes nothing."""
        _, text = self.sample()
        shown = re.compile(r"^# (\w+ = )", re.MULTILINE)
        self.assertGreater(len(shown.findall(text)), 10)
        no_default = re.compile(r"^# always_allow = .*\n", re.MULTILINE)
        self.assertEqual(self.check(shown.sub(r"\1", no_default.sub("", text))), self.check(text))

    def test_the_clients_configuration(self):
        """It is one, also with every default that it shows."""
        folder = self.lab.folder / "client"
        (folder / "keys").mkdir(parents=True)
        self.client.run([self.lab.program, "keygen", "--out", folder / "keys/home.key"])
        text = (_ETC / "client.ini").read_text(encoding="utf-8")
        shown = re.compile(r"^# (?=\w+ = )", re.MULTILINE)
        self.assertGreater(len(shown.findall(text)), 8)
        for one in (text, shown.sub("", text)):
            (folder / "client.ini").write_text(one, encoding="utf-8")
            said = self.client.run([self.lab.program, "profile", "show", "home", "--config", folder / "client.ini"]).stdout
            self.assertIn("server.example", said)

    def test_it_guards_ssh(self):
        key, text = self.sample()
        start_sshd(self.server)
        guard = self.lab.chronoknock(self.server, services={}, keys={}, start=False)
        self.guards.append(guard)
        text = re.sub(r"^servers = .*", "", text, flags=re.MULTILINE)
        text = text.replace("[server]", f"[server]\nstate = {guard.state}\ncontrol = {guard.control}")
        guard.config.write_text(text, encoding="utf-8")
        guard.start()
        self.assert_shut(self.client, port=22)
        self.first_window(10)
        self.client.knock(self.server, key, "ssh")
        self.assert_opens(self.client, port=22)
        self.assert_shut(self.other, port=22)

    def test_the_health_checks_ask_where_the_configuration_says(self):
        checks = [json.loads(re.search(pattern, (_SOURCE / "docker" / name).read_text(encoding="utf-8"))[1])
                  for name, pattern in (("Dockerfile", r"HEALTHCHECK[^[]*(\[.*?\])"),
                                        ("compose.yaml", r"test: (\[.*?\])"),
                                        ("chronoknock.container", r"HealthCmd=(\[.*?\])"))]
        checks[1].remove("CMD")
        guard = self.small_guard(self.key(), wait=False)
        for healthy in (True, False):
            for check in checks:
                # In the container the configuration is where each command looks for it.
                self.assertEqual(check, ["chronoknock", "status"])
                done = self.server.run([self.lab.program, *check[1:], "--config", guard.config], check=False)
                self.assertEqual(done.returncode == 0, healthy, (check, done.stderr))
            guard.stop()


class Containers(unittest.TestCase):
    def test_compose_and_podman_give_what_the_demo_runs_with(self):
        compose, quadlet = ((_SOURCE / "docker" / name).read_text(encoding="utf-8")
                            for name in ("compose.yaml", "chronoknock.container"))
        words = container("image", types.SimpleNamespace(folder="/lab"))[1]
        demo = " ".join(words)
        granted = words[words.index("--cap-add") + 1].split(",")
        self.assertEqual(re.search(r"cap_add: \[(.*)\]", compose)[1].split(", "), granted)
        self.assertEqual(re.search(r"(?m)^AddCapability=(.*)$", quadlet)[1].split(), granted)
        for in_compose, in_quadlet, in_demo in (
                ("cap_drop: [ALL]", "DropCapability=all", "--cap-drop all"),
                ("network_mode: host", "Network=host", "--network host"),
                ('security_opt: ["no-new-privileges:true"]', "NoNewPrivileges=true", "--security-opt no-new-privileges"),
                ("read_only: true", "ReadOnly=true", "--read-only"), ("nofile: 1024", "Ulimit=nofile=1024:1024", "nofile=1024:1024"),
                ('tmpfs: ["/run/chronoknock:mode=0755"]', "Tmpfs=/run/chronoknock:mode=0755", "--tmpfs /run/chronoknock:mode=0755")):
            self.assertIn(in_compose, compose)
            self.assertIn(in_quadlet, quadlet)
            self.assertIn(in_demo, demo)
        for volume in ("/etc/chronoknock:/etc/chronoknock:ro", "/var/lib/chronoknock:/var/lib/chronoknock"):
            self.assertIn(f"- {volume}", compose)
            self.assertIn(f"Volume={volume}\n", quadlet)

    def test_podman_makes_a_unit_of_the_quadlet(self):
        program = pathlib.Path("/usr/libexec/podman/quadlet")
        if not program.exists():
            self.skipTest("podman has no quadlet here, as in Debian 12")
        made = subprocess.run([program, "-dryrun"], env={"QUADLET_UNIT_DIRS": str(_SOURCE / "docker")}, capture_output=True, text=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn("\nType=notify\n", made.stdout)
        start = re.search(r"^ExecStart=(.*)$", made.stdout, re.MULTILINE)[1] + " "
        for option in ("--network host", "--cap-drop all", "--cap-add net_admin", "--security-opt=no-new-privileges", "--read-only",
                       "--tmpfs /run/chronoknock:mode=0755", "--ulimit nofile=1024:1024", "--sdnotify=container",
                       "-v /etc/chronoknock:/etc/chronoknock:ro", "-v /var/lib/chronoknock:/var/lib/chronoknock",
                       r'--health-cmd "[\"chronoknock\", \"status\"]"'):
            self.assertIn(f" {option} ", start)

    def test_docker_takes_the_compose_file(self):
        if not shutil.which("docker-compose"):
            self.skipTest("there is no docker-compose")
        made = subprocess.run(["docker-compose", "-f", _SOURCE / "docker/compose.yaml", "config"], env=dict(os.environ, COMMIT="0a1b"),
                              capture_output=True, text=True)
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        self.assertIn("COMMIT: 0a1b\n", made.stdout)


if __name__ == "__main__":
    unittest.main()
