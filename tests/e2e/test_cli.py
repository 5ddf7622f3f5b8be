"""The command line: help, usage, keys, sequences, and asking a server for its status."""

import json
import os
import re
import socket
import stat
import struct
import subprocess
import threading
import unittest

from cli import PROGRAM, SECRET, SOURCE, Case

VECTORS = SOURCE / "tests/unit/key/vectors.json"
HELP = subprocess.run([PROGRAM, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
COMMANDS = re.findall(r"(?m)^  (\w+) ", HELP)


class Usage(Case):
    def test_help_lists_every_command_and_each_has_its_own(self):
        self.assertGreater(len(COMMANDS), 20)
        self.assertLessEqual(max(map(len, HELP.splitlines())), 80)
        for command in COMMANDS:
            self.assertRegex(HELP, rf"(?m)^  {command} +\S")
            own = self.done(command, "--help")
            self.assertTrue(own.startswith(f"Usage: chronoknock {command}"), own)
            self.assertIn("--help ", own)
            self.assertEqual(own, self.done("help", command))
            self.assertLessEqual(max(map(len, own.splitlines())), 80, own)

    def test_help_of_knock_names_every_option(self):
        text = self.done("knock", "--help")
        for option in ["--key", "--time-server", "--source", "--gap", "--rounds", "--at", "--wait", "--no-wait"]:
            self.assertIn(option + " ", text)

    def test_version(self):
        self.assertEqual(self.done("--version"), self.done("-V"))
        self.assertRegex(self.done("--version"), r"\Achronoknock \d+\.\d+\.\d+ \(commit [^\n]+\)\n\Z")

    def test_unknown_words(self):
        self.assertIn("unknown command 'konck'; did you mean knock?", self.refused("konck"))
        self.assertIn("unknown command 'dance'; chronoknock --help", self.refused("dance"))
        self.assertIn("unknown option '--sorce'; did you mean --source?", self.refused("knock", "--sorce", "::1"))
        self.assertIn("expected a command", self.refused())
        self.assertIn("\\x1b", self.refused("\x1b[2J"))
        for command in COMMANDS:
            self.assertIn("--no-such-option", self.refused(command, "--no-such-option"))
        self.assertIn("'--ke'", self.refused("sequence", "--ke", "k", "--ip", "::1"))  # no guessing

    def test_required_options(self):
        self.assertIn("--out", self.refused("keygen"))
        self.assertIn("--config", self.refused("check"))
        self.assertIn("--config", self.refused("server"))
        self.assertIn("--key", self.refused("sequence", "--ip", "::1"))
        self.assertIn("--ip", self.refused("sequence", "--key", "k"))
        self.assertIn("expected a target", self.refused("knock"))

    def test_full_disk_is_a_failure(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([PROGRAM, "--version"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual((result.returncode, result.stderr),
                         (1, "chronoknock: cannot write to standard output\n"))


class Keygen(Case):
    def fields(self, path):
        return dict(line.split(" = ") for line in path.read_text().splitlines())

    def test_defaults(self):
        path = self.folder / "k"
        self.done("keygen", "--out", path)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        fields = self.fields(path)
        self.assertEqual(len(fields.pop("secret")), 512 // 4)
        self.assertEqual(fields, {"function": "hmac-sha256", "granularity": "10", "length": "16",
                                  "ports": "1024-65535"})

    def test_every_option(self):
        path = self.folder / "k"
        self.done("keygen", "--out", path, "--bits", 2048, "--function", "hmac-sha512", "--granularity", 30,
                  "--length", 20, "--ports", "2000-3000,80", "--realm", "fleet", "--ignore", "ip")
        fields = self.fields(path)
        self.assertEqual(len(fields.pop("secret")), 2048 // 4)
        self.assertEqual(fields, {"function": "hmac-sha512", "granularity": "30", "length": "20",
                                  "ports": "80,2000-3000", "realm": "fleet", "ignore": "ip"})

    def test_length_of_a_plain_digest(self):
        self.done("keygen", "--out", self.folder / "k", "--function", "md5")
        self.assertEqual(self.fields(self.folder / "k")["length"], "8")

    def test_mode_whatever_the_umask(self):
        for mask in (0, 0o777):
            path = self.folder / f"k{mask}"
            result = self.run_program("keygen", "--out", path, preexec_fn=lambda: os.umask(mask))
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_two_keys_differ(self):
        for name in "ab":
            self.done("keygen", "--out", self.folder / name)
        self.assertNotEqual(*((self.folder / name).read_text() for name in "ab"))

    def test_never_overwrites(self):
        path = self.put("k", "mine")
        self.assertEqual(self.refused("keygen", "--out", path, status=1),
                         f"{path}: exists already, and is never overwritten")
        self.assertEqual(path.read_text(), "mine")

    def test_unfit_options(self):
        for option, value, message in [
                ("bits", "120", "--bits: expected a whole number from 128 to 65536, not '120'"),
                ("bits", "129", "--bits: expected a multiple of 8, not '129'"),
                ("function", "md6", "--function: expected hmac-DIGEST or DIGEST"),
                ("granularity", "0", "--granularity: expected a whole number from 1 to 86400, not '0'"),
                ("length", "65", "--length: expected a whole number from 2 to 64, not '65'"),
                ("ports", "x", "--ports: port: expected a whole number from 0 to 65535, not 'x'"),
                ("ignore", "port", "--ignore: expected ip, time or both, not 'port'"),
                ("realm", "r" * 256, "--realm: expected a label of at most 255 bytes"),
                ("realm", "a\nlength = 2", "--realm: expected neither # nor a line break")]:
            with self.subTest(option=option, value=value):
                self.assertTrue(self.refused("keygen", "--out", self.folder / "k", f"--{option}", value)
                                .startswith(message))
                self.assertFalse((self.folder / "k").exists())


class Sequence(Case):
    def test_known_answers(self):
        for number, case in enumerate(json.loads(VECTORS.read_text())):
            with self.subTest(number):
                fields = {name: case[name] for name in ("function", "secret", "granularity", "length", "ports")}
                fields["ignore"] = ",".join(case["ignore"])
                if case["realm"]:
                    fields["realm"] = case["realm"]
                key = self.put("k", "".join(f"{name} = {value}\n" for name, value in fields.items()))
                service = ["--service", case["service"]] if case["service"] else []
                self.assertEqual(self.done("sequence", "--key", key, "--ip", case["ip"], "--at", case["time"],
                                           *service),
                                 " ".join(map(str, case["sequence"])) + "\n")

    def test_now_by_default(self):
        key = self.put("k", SECRET + "granularity = 86400\n")
        self.assertEqual(len(self.done("sequence", "--key", key, "--ip", "::1").split()), 16)

    def test_unfit_options(self):
        key = self.put("k", SECRET)
        self.assertTrue(self.refused("sequence", "--key", key, "--ip", "home")
                        .startswith("--ip: expected an IPv4 or IPv6 address"))
        self.assertTrue(self.refused("sequence", "--key", key, "--ip", "::1", "--at", "now")
                        .startswith("--at: expected a whole number"))
        self.assertTrue(self.refused("sequence", "--key", key, "--ip", "::1", "--service", "a b")
                        .startswith("--service: expected the name of a service"))
        plain = self.put("p", SECRET + "function = md5\n")
        self.assertTrue(self.refused("sequence", "--key", plain, "--ip", "::1", "--service", "ssh")
                        .startswith("--service: expected none: a knock of this key opens all"))


class Status(Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "control.sock"
        self.server = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.server.close)
        self.server.bind(str(self.path))

    def answered(self, frame, *options, status=1):
        """What the command makes of an answer, and what it asked."""
        self.server.listen()
        asked = []

        def answer():
            with self.server.accept()[0] as client:
                size, = struct.unpack("!I", client.recv(4, socket.MSG_WAITALL))
                asked.append(json.loads(client.recv(size, socket.MSG_WAITALL)))
                client.sendall(frame)
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        said = (self.refused if status else self.done)("status", "--control", self.path, *options)
        thread.join(10)
        self.assertEqual(asked, [{"operation": "status", "arguments": {}}])
        return said

    def frame(self, answer):
        text = json.dumps(answer).encode()
        return struct.pack("!I", len(text)) + text

    def refused(self, *args, status=1):
        return super().refused(*args, status=status)

    def test_what_the_server_says(self):
        self.assertEqual(json.loads(self.answered(self.frame({"result": {"pid": 7}}), "--json", status=0)), {"pid": 7})
        self.assertEqual(self.answered(self.frame({"error": "no\x1b[J\nluck"})), "no\\x1b[J\\x0aluck")
        for unknown in ({"result": {"pid": 7}}, {"result": []}, {}):
            self.assertEqual(self.answered(self.frame(unknown)), "the server's answer is not what this program knows")

    def test_an_answer_that_was_cut_is_an_error(self):
        whole = self.frame({"result": {"version": "0.1.0", "keys": [{"name": "alice"}]}})
        for form in [["--json"], []]:
            for size in (0, 3, 20):
                self.assertEqual(self.answered(whole[:size], *form), f"the server at {self.path} broke off its answer")

    def test_a_server_that_takes_nobody_is_not_waited_for(self):
        self.server.listen(0)
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.connect(str(self.path))  # the one place
            self.assertEqual(self.refused("status", "--control", self.path),
                             f"the server at {self.path} does not answer")

    def test_the_configuration_says_where_to_ask(self):
        for text, place in [("[server]\ncontrol = other.sock\n", self.folder / "other.sock"),
                            ("[server\n[server]\ncontrol = /none/a.sock # broken elsewhere\n", "/none/a.sock")]:
            config = self.put("c", text)
            self.assertEqual(self.refused("status", "--config", config),
                             f"no server answers at {place}: No such file or directory")
        self.assertIn("cannot open", self.refused("status", "--config", "/none/c.ini", status=2))


if __name__ == "__main__":
    unittest.main()
