"""The command line: help, usage, keys, sequences, and the message and exit status of every malformed file.

Needs neither root nor a network: what a message says of a field is tested in full by tests/unit/config and
tests/unit/key; here each field is wrong once, and the program must say so in one line and do nothing else.
"""

import json
import os
import pathlib
import shutil
import socket
import stat
import struct
import subprocess
import tempfile
import threading
import unittest

SOURCE = pathlib.Path(__file__).parents[2]
PROGRAM = os.environ.get("CHRONOKNOCK", str(SOURCE / "build/app/chronoknock"))
VECTORS = SOURCE / "tests/unit/key/vectors.json"
SECRET = "secret = 000102030405060708090a0b0c0d0e0f\n"
COMMANDS = ["server", "check", "knock", "keygen", "sequence", "time", "status", "guard"]


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="chronoknock-cli-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.env = dict(os.environ, HOME=str(self.folder), XDG_STATE_HOME="", XDG_CONFIG_HOME="")

    def run_program(self, *args, **options):
        return subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, env=self.env,
                              timeout=60, **options)

    def put(self, name, text, mode=0o600):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def done(self, *args):
        result = self.run_program(*args)
        self.assertEqual((result.returncode, result.stderr), (0, ""), args)
        return result.stdout

    def refused(self, *args, status=2):
        """The one line that says why."""
        result = self.run_program(*args)
        self.assertEqual((result.returncode, result.stdout), (status, ""), (args, result.stderr))
        self.assertRegex(result.stderr, r"\Achronoknock: [^\n]+\n\Z")
        return result.stderr[len("chronoknock: "):-1]


class Usage(Case):
    def test_help_lists_every_command_and_each_has_its_own(self):
        text = self.done("--help")
        for command in COMMANDS:
            self.assertRegex(text, rf"(?m)^  {command} +\S")
            own = self.done(command, "--help")
            self.assertTrue(own.startswith(f"Usage: chronoknock {command}"), own)
            self.assertIn("--help ", own)

    def test_help_of_knock_names_every_option(self):
        text = self.done("knock", "--help")
        for option in ["--key", "--time-server", "--source", "--gap", "--rounds", "--at", "--wait", "--no-wait"]:
            self.assertIn(option + " ", text)

    def test_version(self):
        self.assertRegex(self.done("--version"), r"\Achronoknock \d+\.\d+\.\d+\S*\n\Z")

    def test_unknown_words(self):
        self.assertIn("unknown command 'knok'", self.refused("knok"))
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


class KeyFiles(Case):
    """Each malformed key file is refused the same by both ends."""

    def check_refused(self, key, message):
        config = self.put("c", f"[service.s]\nports = tcp/1\n[key.a]\nfile = {key}\nservices = s\n")
        for args in (["sequence", "--key", key, "--ip", "::1"],
                     ["knock", "127.0.0.1", "--key", key, "--time-server", "none"]):
            self.assertEqual(self.refused(*args), message)
        for command in ("check", "server"):
            self.assertEqual(self.refused(command, "--config", config), f"{config}:4: [key.a] file: {message}")

    def test_every_field(self):
        for text, message in [
                (SECRET + "function = md6\n", "2: function: expected hmac-DIGEST or DIGEST, with a fixed-length "
                                              "digest that OpenSSL has (sha256), not 'md6'"),
                (SECRET + "ignore = port\n", "2: ignore: expected ip, time or both, not 'port'"),
                (SECRET + "granularity = 86401\n",
                 "2: granularity: expected a whole number from 1 to 86400, not '86401'"),
                (SECRET + "length = 1\n", "2: length: expected a whole number from 2 to 64, not '1'"),
                (SECRET + "function = md5\nlength = 9\n",
                 "3: length: expected a whole number from 2 to 8, not '9'"),
                (SECRET + "ports =\n", "2: ports: expected at least one port or range of ports"),
                (SECRET + "realm = " + "r" * 256 + "\n", "2: realm: expected a label of at most 255 bytes"),
                ("secret = 00\n", "1: secret: expected at least 128 bits and at most 524288, not 8"),
                ("secret = xx\n", "1: secret: expected an even number of hexadecimal digits"),
                (SECRET + SECRET, "2: field secret stands twice"),
                (SECRET + "[key]\n", "2: expected no section in a key file"),
                (SECRET + "noise\n", "2: expected name = value"),
                ("length = 4\n", " secret: expected, and missing")]:
            with self.subTest(text):
                key = self.put("k", text)
                self.check_refused(key, f"{key}:{message}")

    def test_unknown_field_and_missing_file(self):
        key = self.put("k", SECRET + "colour = red\n")
        self.assertTrue(self.refused("sequence", "--key", key, "--ip", "::1")
                        .startswith(f"{key}:2: colour: unknown field; expected method, function"))
        self.check_refused(self.folder / "none", f"{self.folder}/none: cannot open: No such file or directory")

    def test_what_is_no_regular_file_is_not_waited_for(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo, 0o600)
        for key in (fifo, "/dev/zero"):
            self.check_refused(key, f"{key}: expected a regular file")
        for command in ("check", "server"):
            self.assertEqual(self.refused(command, "--config", fifo), f"{fifo}: expected a regular file")

    def test_loose_permissions(self):
        key = self.put("k", SECRET, 0o640)
        self.check_refused(key, f"{key}: mode 0640 lets others than the owner read or write the key; expected "
                                "chmod 600, or --allow-loose-permissions")
        config = self.put("c", f"[service.s]\nports = tcp/1\n[key.a]\nfile = {key}\nservices = s\n")
        allow = "--allow-loose-permissions"
        self.assertEqual(self.run_program("check", "--config", config, allow).returncode, 0)
        self.done("sequence", "--key", key, "--ip", "::1", allow)

    def test_no_message_tells_a_secret(self):
        for text in (SECRET.strip() + "xx\n", SECRET.replace(" =", ""), SECRET[9:]):
            result = self.run_program("sequence", "--key", self.put("k", text), "--ip", "::1")
            self.assertEqual(result.returncode, 2)
            self.assertNotIn("00010203", result.stderr)


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


class Configuration(Case):
    MINIMAL = "[service.ssh]\nports = tcp/22\n[key.alice]\nfile = a.key\nservices = ssh\n"

    def setUp(self):
        super().setUp()
        self.put("a.key", SECRET)
        self.put("b.key", SECRET.replace("00", "ff"))
        self.put("weak.key", SECRET.replace("00", "ee") + "length = 4\n")
        self.put("timeless.key", SECRET.replace("00", "dd") + "ignore = time\n")

    def test_what_it_means(self):
        config = self.put("c", self.MINIMAL)
        result = self.run_program("check", "--config", config)
        self.assertEqual(result.returncode, 0)
        for part in ("service ssh", "tcp/22", "opened by   alice", "key alice", f"{self.folder}/a.key",
                     "16 of 64512 ports by hmac-sha256", "budget", "the system clock, trusted"):
            self.assertIn(part, result.stdout)
        self.assertRegex(result.stdout, r"budget +1[01]\d\.\d bits")
        self.assertNotIn("00010203", result.stdout)

    def test_doubts(self):
        self.put("fast.key", SECRET.replace("00", "cc") + "granularity = 1\nignore = ip\n")
        config = self.put("c", self.MINIMAL + "[key.f]\nfile = fast.key\nservices = ssh\n"
                          "[key.w]\nfile = weak.key\nservices = ssh\nallow_weak = true\n"
                          "[service.web]\nports = tcp/80\n[firewall]\nalways_allow = ::/0\n")
        result = self.run_program("check", "--config", config)
        self.assertEqual(result.returncode, 0, result.stderr)
        for doubt in ("[key.f] granularity: 1s is not comfortably above", "[key.f] ignore = ip",
                      "[key.w] allow_weak: its budget is below 60 bits", "[service.web] is opened by no key",
                      "[firewall] always_allow: ::/0 lets everybody in"):
            self.assertIn("chronoknock: warning: " + doubt, result.stderr)

    def test_every_malformed_field(self):
        extra = "[service.web]\nports = tcp/80\n"
        bob = "[key.bob]\nfile = b.key\nservices = ssh\n"
        for text, message in [
                ("[server]\nstate =", "7: [server] state: expected a path"),
                ("[server]\ncontrol =", "7: [server] control: expected a path"),
                ("[capture]\ninterface =", "7: [capture] interface: expected at least one interface"),
                ("[time]\nservers = a b", "7: [time] servers: expected HOST[:PORT] or nts://HOST[:PORT]"),
                ("[time]\ninterval = 0", "7: [time] interval: expected a duration from 1s"),
                ("[time]\nrequire = 1", "7: [time] require: expected true or false"),
                ("[time]\nmax_error = 0", "7: [time] max_error: expected a duration from 1ms"),
                ("[time]\nmax_step = 0", "7: [time] max_step: expected a duration from 1ms"),
                ("[time]\nrequire_nts = true", "7: [time] require_nts: expected a server nts://HOST"),
                ("[time]\nnts_ca =", "7: [time] nts_ca: expected a path"),
                ("[knock]\nmode = x", "7: [knock] mode: expected set or strict"),
                ("[knock]\nmemory = 1", "7: [knock] memory: expected a whole number from 2"),
                ("[knock]\ntimeout = 0", "7: [knock] timeout: expected a duration from 100ms"),
                ("[knock]\ntracked = 0", "7: [knock] tracked: expected a whole number from 1"),
                ("[firewall]\nbackend = x", "7: [firewall] backend: expected "),
                ("[firewall]\nunauthorized = x", "7: [firewall] unauthorized: expected drop or reset"),
                ("[firewall]\nalways_allow = x", "7: [firewall] always_allow: expected an IPv4 or IPv6 address"),
                ("[firewall]\non_stop = x", "7: [firewall] on_stop: expected keep or remove"),
                (extra.replace("tcp/80", "80"), "7: [service.web] ports: expected tcp/PORT"),
                (extra.replace("80", "22"), "7: [service.web] ports: expected ports of no other service"),
                (extra + "open_for = 0", "8: [service.web] open_for: expected a duration from 100ms"),
                (extra + "uses = x", "8: [service.web] uses: expected a whole number from 0"),
                (bob.replace("b.key", ""), "7: [key.bob] file: expected a path"),
                (bob.replace("b.key", "a.key"), "7: [key.bob] file: expected a key of its own"),
                (bob.replace("b.key", "timeless.key"), "7: [key.bob] file: expected a key whose knocks change with the time"),
                (bob.replace("b.key", "weak.key"), " [key.bob] file: a security budget of "),
                (bob.replace("= ssh", "= x"), "8: [key.bob] services: expected names of services"),
                (bob + "knock_delay = x", "9: [key.bob] knock_delay: expected a duration from 0s"),
                (bob + "allow_weak = x", "9: [key.bob] allow_weak: expected true or false"),
                ("[key.bob]\nfile = b.key", "6: [key.bob] services: expected, and missing"),
                ("[key.bob]\nservices = ssh", "6: [key.bob] file: expected, and missing"),
                ("[time]\nserver = a", "7: [time] server: unknown field"),
                ("[tim]", "6: [tim] unknown section"),
                ("[time]\n[time]", "7: section [time] stands twice"),
                ("[time]\ninterval = 64\ninterval = 64", "8: [time] interval: stands twice")]:
            with self.subTest(text):
                config = self.put("c", self.MINIMAL + text + "\n")
                for command in ("check", "server"):
                    message_given = self.refused(command, "--config", config)
                    self.assertTrue(message_given.startswith(f"{config}:{message}"), message_given)

    def test_missing_file(self):
        self.assertEqual(self.refused("check", "--config", "/none/c.ini"),
                         "/none/c.ini: cannot open: No such file or directory")


class Knock(Case):
    def setUp(self):
        super().setUp()
        self.key = self.put("k", SECRET + "granularity = 3600\n")

    def test_second_knock_in_a_window_has_to_wait(self):
        first = self.done("knock", "127.0.0.1", "--key", self.key, "--time-server", "none")
        self.assertEqual(first, "knocked on 127.0.0.1 from 127.0.0.1: 32 SYNs in 2 rounds\n")
        again = ["knock", "127.0.0.1", "--key", self.key, "--time-server", "none", "--no-wait"]
        self.assertIn("the sequence of this window has been used", self.refused(*again, status=1))
        self.done("knock", "127.0.0.1", "ssh", *again[2:])  # another sequence
        self.done(*again, "--at", "1000")                   # no memory
        self.done(*again, "--source", "203.0.113.5")        # another address

    def test_state_is_the_users_own_and_not_needed(self):
        self.done("knock", "127.0.0.1", "--key", self.key, "--time-server", "none")
        database = self.folder / ".local/state/chronoknock/client.db"
        self.assertEqual(stat.S_IMODE(database.parent.stat().st_mode), 0o700)
        self.env["HOME"] = "/proc/none"
        result = self.run_program("knock", "127.0.0.1", "--key", self.key, "--time-server", "none")
        self.assertEqual(result.returncode, 0)
        self.assertIn("going on without", result.stderr)

    def test_wait_tells_of_the_door(self):
        with socket.create_server(("127.0.0.1", 0)) as door:
            port = door.getsockname()[1]
            text = self.done("knock", "127.0.0.1", "--key", self.key, "--time-server", "none", "--wait", port)
        self.assertRegex(text, rf"\nport {port} open [\d.]+ m?s after the last SYN\n\Z")

    def test_wait_gives_up(self):
        with socket.create_server(("127.0.0.1", 0)) as door:
            port = door.getsockname()[1]
        result = self.run_program("knock", "127.0.0.1", "--key", self.key, "--time-server", "none",
                                  "--wait", port, "--wait-limit", "300ms")
        self.assertEqual((result.returncode, result.stderr),
                         (1, f"chronoknock: port {port} did not open within 300ms\n"))

    def test_rounds_and_profile(self):
        folder = self.folder / ".config/chronoknock"
        folder.mkdir(parents=True)
        shutil.copy(self.key, folder / "home.key")
        (folder / "client.ini").write_text("[profile.home]\nhost = ::1\nkey = home.key\nservice = ssh\n"
                                           "time_servers = none\nrounds = 3\n")
        self.assertEqual(self.done("knock", "home"), "knocked on ::1 from ::1: 48 SYNs in 3 rounds\n")
        self.assertEqual(self.done("knock", "home", "web", "--rounds", "1"),
                         "knocked on ::1 from ::1: 16 SYNs in 1 round\n")
        self.assertIn("no [profile.work]; with --key FILE the target is a host", self.refused("knock", "work"))
        (folder / "client.ini").write_text("[profile.home]\nhost = ::1\n")
        self.assertEqual(self.refused("knock", "home"),
                         f"{folder}/client.ini:1: [profile.home] key: expected, and missing")

    def test_unfit_options(self):
        for option, value, message in [
                ("rounds", "0", "--rounds: expected a whole number from 1 to 64"),
                ("gap", "x", "--gap: expected a duration"),
                ("source", "x", "--source: expected an IPv4 or IPv6 address"),
                ("wait", "65536", "--wait: expected a whole number from 1 to 65535"),
                ("wait-limit", "0", "--wait-limit: expected a duration"),
                ("time-server", "a b", "--time-server: expected HOST[:PORT] or nts://HOST[:PORT]"),
                ("at", "-1", "--at: expected a whole number from 0")]:
            with self.subTest(option):
                self.assertTrue(self.refused("knock", "127.0.0.1", "--key", self.key, f"--{option}={value}")
                                .startswith(message))

    def test_families(self):
        self.assertIn("no address of the wanted family",
                      self.refused("knock", "127.0.0.1", "--key", self.key, "-6", status=1))
        self.assertIn("no address of the wanted family",
                      self.refused("knock", "::1", "--key", self.key, "--source", "192.0.2.1", status=1))

    def test_no_time_no_knock(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
            deaf.bind(("127.0.0.1", 0))
            message = self.refused("knock", "127.0.0.1", "--key", self.key, "--time-server",
                                   f"127.0.0.1:{deaf.getsockname()[1]}", status=1)
        self.assertIn("--time-server none", message)


if __name__ == "__main__":
    unittest.main()
