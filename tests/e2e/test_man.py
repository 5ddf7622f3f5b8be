"""The manual pages: the tools take them, and they say what the program does.

Needs neither root nor a network. What the program knows it is asked itself: it names the fields and the range that it
expected when one is wrong.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).parents[2]
PROGRAM = os.environ.get("CHRONOKNOCK", str(SOURCE / "build/app/chronoknock"))
PAGES = {page.name[:-len(".scd")]: page.read_text(encoding="utf-8") for page in (SOURCE / "etc/man").glob("*.scd")}
INI, KEY, PROTOCOL, CLIENT = (PAGES[name] for name in ("chronoknock.ini.5", "chronoknock.key.5", "chronoknock-protocol.7",
                                                       "chronoknock-client.ini.5"))
# What a command's help lists, and what a page does in its OPTIONS: an option, its letter, the name of its value.
HELP_OPTION = re.compile(r"^  (?:(-\w), )?(--[\w-]+)(?: (\S+))?(?:  |$)", re.MULTILINE)
PAGE_OPTION = re.compile(r"(?:\*(-\w)\*, )?\*(--[\w-]+)\*(?: _([^_\n]+(?:_[A-Z]+)?)_)?")
SECRET = "secret = 000102030405060708090a0b0c0d0e0f\n"
# What a key file of a method must say; of otp both ends'.
LEAST = {"time-sequence": SECRET, "challenge": "method = challenge\n" + SECRET,
         "sealed": "method = sealed\ncarrier = ports, udp\n" + SECRET,
         "static": "method = static\nsequence = 7000, 8000; 9000, 9001\n",
         "fwknop": f"method = fwknop\nkey_base64 = {'A' * 22}\nhmac_key_base64 = {'A' * 22}\n",
         "otp": "method = otp\nseed = TeSt\nverifier = 99:0011223344556677\nissued = 0\n"}
OF_THE_CLIENT = "method = otp\nseed = TeSt\npassphrase = This is a test.\ncount = 100\n"
# *name* = default, or a remark in brackets; what it means stands below, indented.
FIELD = re.compile(r"^\*(\w+)\* (?:= ?(.*)|\((.*)\))\n((?:\t.*\n)+)", re.MULTILINE)


def in_words(text):
    """Without markup, on one line."""
    return " ".join(re.sub(r"[*_]", "", text).split())


def fields(text):
    """What a part of a page says of fields: name -> (default or None, meaning)."""
    return {found[1]: (found[2], in_words(found[4])) for found in FIELD.finditer(text)}


def sections():
    """Of chronoknock.ini(5): section -> fields."""
    parts = re.split(r"^## \[(.*)\]\n", INI.partition("\n# FIELDS\n")[2].partition("\n# ")[0], flags=re.MULTILINE)
    return dict(zip(parts[1::2], map(fields, parts[2::2])))


def without(text, name):
    """Lines but that of a field."""
    return "".join(line for line in text.splitlines(keepends=True) if line.partition(" ")[0] != name)


def fields_of_keys():
    """Of chronoknock.key(5): method -> fields, also those that it says are others' as well."""
    first, *others = re.split(r"^## Method (\w+)\n", KEY.partition("\n# EXAMPLES\n")[0], flags=re.MULTILINE)
    common = fields(first)
    told = {"time-sequence": common}
    for method, part in zip(others[::2], others[1::2]):
        if above := re.search(r"^(_.*) as above", part, re.MULTILINE):
            told[method] = {name: common.get(name) for name in re.findall(r"_(\w+)_", above[1])}
        elif "The fields of *time-sequence*" in part:
            told[method] = {**common, "ignore": (re.search(r"_ignore_ is _(\w+)_ unless", part)[1], common["ignore"][1])}
        else:
            told[method] = {}
        told[method] = {**told[method], "method": (None, ""), **fields(part)}
    return told


def blocks(text):
    """What stands between lines of ```."""
    return text.split("```\n")[1::2]


class Man(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="chronoknock-man-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def put(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    def run_program(self, *args):
        return subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=60)

    def check(self, changed=None, more=""):
        """`check` of a configuration in which some sections have more lines."""
        self.put("a.key", SECRET)
        lines = {"service.ssh": "ports = tcp/22\n", "key.alice": "file = a.key\nservices = ssh\n"}
        for section, text in (changed or {}).items():
            section = {"service.NAME": "service.ssh", "key.NAME": "key.alice"}.get(section, section)
            name = text.partition(" ")[0]
            lines[section] = without(lines.get(section, ""), name) + text
        text = "".join(f"[{section}]\n{text}" for section, text in lines.items())
        return self.run_program("check", "--config", self.put("a.ini", text + more))

    def profile(self, text):
        """`profile show` of a profile that has more lines."""
        self.put("k", SECRET)
        name = text.partition(" ")[0]
        kept = without("host = h\nkey = k\n", name)
        return self.run_program("profile", "show", "a", "--config", self.put("client.ini", f"[profile.a]\n{kept}{text}\n"))

    def key_complaint(self, text):
        done = self.run_program("sequence", "--key", self.put("b.key", text), "--ip", "192.0.2.7", "--at", "1")
        self.assertEqual(done.returncode, 2, done)
        return done.stderr

    def expected_names(self, complaint):
        self.assertIn("unknown field; expected ", complaint)
        names = complaint.rpartition("expected ")[2].removeprefix("one of ").strip()
        return set(re.split(r", | or ", names))

    def test_the_tools_take_them(self):
        self.assertGreaterEqual(len(PAGES), 3)
        for name, text in PAGES.items():
            with self.subTest(name):
                page = subprocess.run(["scdoc"], input=text, capture_output=True, text=True)
                self.assertEqual((page.returncode, page.stderr), (0, ""))
                # groff complains where a page happens to end within one.
                self.assertEqual(page.stdout.count("\n.TS"), 0, "expected no tables")
                for width in ("72", "80", "100"):
                    shown = subprocess.run(["man", "--warnings=w", "-l", "-"], input=page.stdout, capture_output=True,
                                           text=True, env=dict(os.environ, MANWIDTH=width, LC_ALL="C.UTF-8"))
                    self.assertEqual((shown.returncode, shown.stderr), (0, ""), width)

    def test_each_names_pages_that_exist(self):
        for name, text in PAGES.items():
            for page, section in re.findall(r"\*(chronoknock[\w.-]*)\*\((\d)\)", text):
                self.assertIn(f"{page}.{section}", PAGES, name)

    def commands(self):
        """Of the program's own table: name -> what it does."""
        listed = self.run_program("--help").stdout.partition("Commands:\n")[2].partition("\n\n")[0]
        return dict(line.split(maxsplit=1) for line in listed.splitlines())

    def test_a_page_for_every_command_and_no_other(self):
        pages = {name[:-2].removeprefix("chronoknock-"): name[-1] for name in PAGES
                 if name.startswith("chronoknock-") and name[-1] in "18"}
        self.assertEqual(set(pages), set(self.commands()))
        overview = PAGES["chronoknock.1"].partition("\n# COMMANDS\n")[2].partition("\n# ")[0]
        told = re.findall(r"^\*chronoknock-(\w+)\*\((\d)\)\n\t", overview, re.MULTILINE)
        self.assertEqual(sorted(told), sorted(pages.items()))

    def test_the_options_of_a_page_are_those_of_help(self):
        tried = 0
        for command in [None, *self.commands()]:
            page = next(text for name, text in PAGES.items() if name[:-2] == (f"chronoknock-{command}" if command else "chronoknock"))
            said = page.partition("\n# OPTIONS\n")[2].partition("\n# ")[0]
            shown = self.run_program(*filter(None, [command]), "--help").stdout
            known = HELP_OPTION.findall(shown.partition("\nOptions:\n")[2])
            told = PAGE_OPTION.findall(said)
            with self.subTest(command):
                self.assertIn(("-h", "--help", ""), known)
                if command:  # chronoknock(1) has --help for all
                    known.remove(("-h", "--help", ""))
                    told = [option for option in told if option[1] != "--help"]
                self.assertEqual(sorted(told), sorted(known))
                tried += len(known)
        self.assertGreater(tried, 150)

    def test_the_options_in_a_synopsis_exist(self):
        for command in self.commands():
            page = next(text for name, text in PAGES.items() if name[:-2] == f"chronoknock-{command}")
            said = page.partition("\n# SYNOPSIS\n")[2].partition("\n# ")[0]
            with self.subTest(command):
                self.assertIn(f"*chronoknock {command}", said)
                known = self.run_program(command, "--help").stdout
                for option in re.findall(r"\*(--[\w-]+)\*", said):
                    self.assertRegex(known, rf"(?m)^  {option}( |$)")

    def test_every_section_and_field_of_the_configuration(self):
        told = sections()
        complaint = self.check({"nonsense": ""}).stderr
        names = complaint.partition("unknown section; expected ")[2].strip()
        self.assertEqual(set(told), set(re.split(r", | or ", names)))
        for section in told:
            with self.subTest(section):
                known = self.expected_names(self.check({section: "nonsense = 1\n"}).stderr)
                self.assertEqual(set(told[section]), known)

    def test_every_default_of_the_configuration(self):
        bare = self.check()
        self.assertEqual(bare.returncode, 0, bare.stderr)
        tried = 0
        for section, told in sections().items():
            for name, (default, _) in told.items():
                if default is None:
                    continue
                with self.subTest(section=section, field=name):
                    same = self.check({section: f"{name} = {default}\n"})
                    self.assertEqual((same.stdout, same.stderr, same.returncode), (bare.stdout, bare.stderr, 0))
                    tried += 1
        self.assertGreater(tried, 15)

    def test_every_range_of_the_configuration(self):
        tried = 0
        for section, told in sections().items():
            for name, (_, meaning) in told.items():
                complaint = self.check({section: f"{name} = ?\n"}).stderr
                if bounds := re.search(r"from (\w+ to \w+)", complaint):
                    with self.subTest(section=section, field=name):
                        self.assertIn(bounds[1], meaning)
                        tried += 1
        self.assertGreater(tried, 7)

    def test_every_field_default_and_range_of_a_profile(self):
        told = fields(CLIENT.partition("\n# FIELDS\n")[2].partition("\n# ")[0])
        self.assertEqual(set(told), self.expected_names(self.profile("nonsense = 1").stderr))
        bare = self.profile("")
        self.assertEqual(bare.returncode, 0, bare.stderr)
        for name, (default, meaning) in told.items():
            with self.subTest(name):
                if default is not None:
                    same = self.profile(f"{name} = {default}")
                    self.assertEqual((same.stdout, same.stderr), (bare.stdout, ""))
                if bounds := re.search(r"from (\w+ to \w+)", self.profile(f"{name} = ?").stderr):
                    self.assertIn(bounds[1], meaning)

    def test_every_method_and_field_of_a_key_file(self):
        methods = self.key_complaint("method = ?\n").rpartition("expected ")[2].strip().split(", ")
        self.assertIn("time-sequence", methods)
        for method in methods:
            with self.subTest(method):
                self.assertRegex(PROTOCOL, rf"(?m)^## {re.escape(method)}$")
                known = self.expected_names(self.key_complaint(f"method = {method}\nnonsense = 1\n"))
                self.assertEqual(set(fields_of_keys()[method]), known)
        self.assertEqual(set(fields_of_keys()), set(methods))

    def test_every_default_and_range_of_a_key_file(self):
        def shown(method, text):
            """What the program makes of a key: its knock, where that is the same each time, and what check says. Neither tells
            of fwknop's port, of otp's ports, or when a pad was issued."""
            more = {"sealed": ["--nonce", "00112233"]}.get(method, [])
            sequence = self.run_program("sequence", "--key", self.put("b.key", text), "--ip", "192.0.2.7", "--at", "18", *more)
            check = self.check({"key.alice": "file = b.key\nallow_weak = true\n"})
            self.assertIn(0, (sequence.returncode, check.returncode), (sequence, check))
            return sequence.stdout if method != "fwknop" else "", check.stdout, sequence.returncode, check.returncode
        tried = 0
        for method, told in fields_of_keys().items():
            for name, (default, meaning) in told.items():
                least = without(OF_THE_CLIENT if f"\n{name} =" in OF_THE_CLIENT else LEAST[method], name)
                with self.subTest(method=method, field=name):
                    complaint = self.key_complaint(least + f"{name} = {'?' * 600}\n")
                    self.assertIn(f"{name}: ", complaint)
                    for bounds in re.findall(r"\d+ to \d+|at most \d+", complaint):
                        self.assertIn(bounds, meaning)
                        tried += 1
                    if default is not None:
                        self.assertEqual(shown(method, least + f"{name} = {default}\n"), shown(method, least))
                        tried += 1
        self.assertGreater(tried, 50)

    def test_the_worked_example(self):
        shown = blocks(PROTOCOL.partition("\n# EXAMPLE\n")[2].partition("\n# STANDARDS\n")[0])
        keys = [self.put(f"{i}.key", text) for i, text in enumerate(b for b in shown if "secret = " in b)]
        knocks = [" ".join(b.split()) for b in shown if re.fullmatch(r"(\d{4,5}\s+)+", b)]
        asked = [(keys[0], "192.0.2.7", "ssh"), (keys[0], "2001:db8::7", "ssh"), (keys[0], "192.0.2.7", ""),
                 (keys[1], "2001:db8::7", "")]
        made = [self.run_program("sequence", "--key", key, "--ip", ip, "--at", "1800000005", "--service", service)
                for key, ip, service in asked]
        self.assertEqual(knocks, [done.stdout.strip() for done in made])

    def test_the_figure_of_the_budget(self):
        said = re.search(r"With the defaults .* it is (\d+) bits", in_words(PROTOCOL))
        self.assertRegex(self.check().stdout, rf"budget +{said[1]}\.")

    def test_the_examples(self):
        for block in blocks(CLIENT.partition("\n# EXAMPLES\n")[2]):
            (self.folder / "keys").mkdir()
            self.put("keys/home.key", SECRET)
            done = subprocess.run([PROGRAM, "profile", "show", "home", "--config", self.put("example.ini", block)],
                                  env=dict(os.environ, HOME=str(self.folder)), capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            shutil.rmtree(self.folder / "keys")
        self.put("laptop.key", SECRET)
        (self.folder / "keys").mkdir()
        shutil.copy(self.folder / "laptop.key", self.folder / "keys")
        for block in blocks(INI.partition("\n# EXAMPLES\n")[2]):
            done = self.run_program("check", "--config", self.put("example.ini", block))
            self.assertEqual(done.returncode, 0, done.stderr)
        for block in blocks(KEY.partition("\n# EXAMPLES\n")[2]):
            service = "tcp/22" if "method = fwknop" in block else ""
            done = self.run_program("sequence", "--key", self.put("example.key", block), "--ip", "192.0.2.7",
                                    "--service", service)
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
