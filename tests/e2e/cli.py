"""What the tests of the command line have in common: they run the program, without root and without a network."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).parents[2]
PROGRAM = os.environ.get("CHRONOKNOCK", str(SOURCE / "build/app/chronoknock"))
SECRET = "secret = 000102030405060708090a0b0c0d0e0f\n"


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
