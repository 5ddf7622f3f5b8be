"""The documents at the top: what they link to, name and quote exists. Needs neither root nor a network."""

import ast
import functools
import re
import subprocess
import unittest

from cli import PROGRAM, SOURCE

TEXTS = {name: (SOURCE / name).read_text(encoding="utf-8")
         for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")}
TEST = re.compile(r"`(test_\w+)(?:\.(?!py)(\w+))?(?:\.py)?(?:\.(test_\w+))?`")
# A path of the tree in a code span, alone or behind sudo or before arguments.
PATH = re.compile(r"`(?:sudo )?((?:app|lib|tests|etc|docker|\.ci)/[\w./-]+\w)[^`]*`")


@functools.cache
def help_of(*command):
    done = subprocess.run([PROGRAM, *command, "--help"], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


@functools.cache
def classes(path):
    """Of a module of tests: class -> its functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {c.name: {f.name for f in c.body if isinstance(f, ast.FunctionDef)} for c in tree.body
            if isinstance(c, ast.ClassDef)}


def quoted(text):
    """Code spans, and blocks, which are indented or fenced."""
    text = re.sub(r"^```\w*\n(.*?)^```$", lambda block: re.sub("^", "    ", block[1], flags=re.M), text, flags=re.M | re.S)
    return re.findall(r"`([^`\n]+)`", text) + re.findall(r"^    (.*)$", text, re.MULTILINE)


class Documents(unittest.TestCase):
    def test_links(self):
        for name, text in TEXTS.items():
            for target in re.findall(r"\]\(([^)#\s]+)\)", text):
                if "://" not in target:
                    self.assertTrue((SOURCE / target).exists(), f"{name}: {target}")

    def test_each_leads_to_the_others(self):
        for name in TEXTS:
            if name != "README.md":
                self.assertIn(f"]({name})", TEXTS["README.md"])

    def test_paths(self):
        tried = 0
        for name, text in TEXTS.items():
            for path in PATH.findall(text):
                if "NAME" not in path:
                    self.assertTrue((SOURCE / path).exists(), f"{name}: {path}")
                    tried += 1
        self.assertGreater(tried, 30)

    def test_tests_that_are_named(self):
        tried = 0
        for name, text in TEXTS.items():
            for module, group, test in TEST.findall(text):
                with self.subTest(document=name, test=".".join((module, group, test))):
                    path = SOURCE / f"tests/e2e/{module}.py"
                    self.assertTrue(path.exists())
                    if group:
                        names = classes(path)
                        self.assertIn(group, names)
                        self.assertTrue(not test or test in names[group])
                    tried += 1
        self.assertGreater(tried, 70)

    def test_commands_and_options_that_are_quoted(self):
        tried = 0
        for name, text in TEXTS.items():
            for code in quoted(text):
                for command, rest in re.findall(r"(?:^|[ '\"(])chronoknock (?!chronoknock)([a-z]+)\b([^|&;`']*)", code):
                    with self.subTest(document=name, code=code):
                        self.assertIsNotNone(help_of(command))
                        for option in re.findall(r"(?<!\S)(--[a-z][\w-]*)", rest):
                            if option != "--help":
                                self.assertRegex(help_of(command), rf"(?m)^  (-\w, )?{option}( |$)")
                        tried += 1
        self.assertGreater(tried, 30)


if __name__ == "__main__":
    unittest.main()
