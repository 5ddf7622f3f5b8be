"""Configuring the build where libraries have archives and where they have none (both as Debian's packages would leave them)."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

_SOURCE = pathlib.Path(__file__).parents[2]
# /usr/lib as it is, less some files, for one command.
_WITHOUT = r"""
set -e
mount -t tmpfs none "$0"
mkdir "$0/upper" "$0/work"
mount -t overlay -o "lowerdir=/usr/lib,upperdir=$0/upper,workdir=$0/work" overlay /usr/lib
for name in $WITHOUT; do find /usr/lib -name "$name" -delete; done
exec "$@"
"""


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("cmake") and shutil.which("ninja"),
                     "needs a mount namespace, cmake and ninja")
class Linking(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="chronoknock-build-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def linked(self, without="", **env):
        """What the program is linked with."""
        (self.folder / "over").mkdir()
        done = subprocess.run(["unshare", "--mount", "sh", "-c", _WITHOUT, self.folder / "over", "cmake", "-S", _SOURCE, "-B",
                               self.folder / "build", "-G", "Ninja"], capture_output=True, text=True,
                              env=dict(os.environ, WITHOUT=without, **env))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        text = (self.folder / "build/build.ninja").read_text()
        return re.search(r"^build app/chronoknock:.*?LINK_LIBRARIES = (.*?)$", text, re.MULTILINE | re.DOTALL)[1].split()

    def test_what_has_no_archive_is_linked_from_its_shared_library(self):
        archives = ("libboost*.a", "libssl.a", "libcrypto.a", "libre2.a", "libsqlite3.a", "libpcap.a", "libcap-ng.a",
                    "libseccomp.a", "libstdc++.a")
        found = self.linked(" ".join(archives))
        # The C library's librt.a, which Debian 13's Boost asks for, is empty.
        self.assertEqual([f for f in found if f.startswith("/") and f.endswith(".a") and not f.endswith("/librt.a")], [])
        for name in ("boost_log", "ssl", "crypto", "re2", "sqlite3"):
            self.assertTrue(any(f"/lib{name}.so" in f for f in found), name)

    def test_openssl_alone_has_none(self):
        found = self.linked("libssl.a libcrypto.a")
        self.assertTrue(any(f.endswith("/libcrypto.so") for f in found))
        self.assertTrue(any(f.endswith("/libboost_log.a") for f in found))

    def test_what_an_archive_needs_is_linked_too(self):
        """RE2 is built on Abseil from 2023 on: only pkg-config --static says so."""
        there = subprocess.run(["pkg-config", "--variable=pcfiledir", "re2"], capture_output=True, text=True, check=True)
        described = (pathlib.Path(there.stdout.strip()) / "re2.pc").read_text()
        (self.folder / "re2.pc").write_text(described + "\nLibs.private: -labsl_example\n")
        found = self.linked(PKG_CONFIG_PATH=str(self.folder))
        archive = next(n for n, f in enumerate(found) if f.endswith("/libre2.a"))
        self.assertIn("-labsl_example", found[archive:])


class Reproducible(unittest.TestCase):
    def test_two_folders_give_the_same_bytes(self):
        """Of a part of the program (the whole: tests/reproducible.sh), which says where in it something went wrong."""
        done = subprocess.run([_SOURCE / "tests/reproducible.sh", "supervisor", "lib/libsupervisor.a", "RelWithDebInfo"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("the same twice", done.stdout)


if __name__ == "__main__":
    unittest.main()
