"""The version: in one place, and with the commit that it was built from, as far as that can be known."""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

from cli import SOURCE, Case

VERSION = re.search(r"^project\(chronoknock VERSION (\S+)", (SOURCE / "CMakeLists.txt").read_text(), re.MULTILINE)[1]
NAMELESS = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]


class Program(Case):
    def test_it_names_version_and_commit(self):
        told = self.done("--version")
        self.assertRegex(told, rf"\Achronoknock {re.escape(VERSION)} \(commit (unknown|[0-9a-f]{{12}}(, changed)?)\)\n\Z")
        self.assertEqual(told, self.done("-V"))
        if (SOURCE / ".git").exists() and shutil.which("git"):
            commit = re.search(r"commit (\w+)", told)[1]
            subprocess.run(["git", "-c", f"safe.directory={SOURCE}", "-C", SOURCE, "cat-file", "-e", f"{commit}^{{commit}}"], check=True)

    def test_the_version_stands_in_one_place(self):
        for folder in ("app", "lib", "docker", "etc"):
            for path in (SOURCE / folder).rglob("*"):
                if path.is_file():
                    self.assertNotRegex(path.read_text(encoding="utf-8"), rf"\b{re.escape(VERSION)}\b(?!\.)", path)

    def test_the_changelog_is_of_this_version(self):
        newest = re.search(r"^## \[([^\]]+)\]", (SOURCE / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)[1]
        self.assertIn(newest, (VERSION, "Unreleased"))


@unittest.skipUnless(shutil.which("git") and shutil.which("cmake"), "needs git and cmake")
class Commit(Case):
    """What app/version.cmake finds, in trees made for it."""

    def setUp(self):
        super().setUp()
        self.env.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null")
        self.tree = self.folder / "tree"
        (self.tree / "etc").mkdir(parents=True)
        shutil.copy(SOURCE / "etc/.gitattributes", self.tree / "etc")
        (self.tree / "etc/commit").write_text("$Format:%H$\n")  # this tree may be an archive itself

    def git(self, *args, folder=None):
        done = subprocess.run(["git", *NAMELESS, *args], cwd=folder or self.tree, env=self.env, capture_output=True,
                              check=True)
        return done.stdout

    def commit(self):
        self.git("init", "-q")
        self.git("add", ".")
        self.git("commit", "-q", "-m", "all")
        return self.git("rev-parse", "HEAD").decode()[:12]

    def found(self, tree=None, path=None, **options):
        """The commit that a build of a tree would name."""
        out = self.folder / "commit.hpp"
        env = dict(self.env, **({"PATH": path} if path is not None else {}))
        subprocess.run([shutil.which("cmake"), "-D", f"SOURCE={tree or self.tree}", "-D", f"OUT={out}",
                        *(f"-D{name}={value}" for name, value in options.items()), "-P", SOURCE / "app/version.cmake"],
                       env=env, check=True, capture_output=True)
        return re.fullmatch(r'#define CHRONOKNOCK_COMMIT "(.*)"\n', out.read_text())[1]

    def test_of_a_work_tree(self):
        commit = self.commit()
        self.assertEqual(self.found(), commit)
        (self.tree / "not of git").write_text("")
        self.assertEqual(self.found(), commit)
        (self.tree / "etc/commit").write_text("another\n")
        self.assertEqual(self.found(), commit + ", changed")
        self.git("commit", "-q", "-a", "-m", "changed")
        self.assertNotIn(self.found(), (commit, commit + ", changed"))

    def test_of_an_archive(self):
        commit = self.commit()
        unpacked = self.folder / "unpacked"
        unpacked.mkdir()
        subprocess.run(["tar", "-x", "-C", unpacked], input=self.git("archive", "HEAD"), check=True)
        self.assertEqual(self.found(unpacked), commit)
        self.assertEqual(self.found(unpacked, COMMIT="debian 1"), "debian 1")
        # Whoever keeps it in a repository of his own does not change what it is.
        self.git("init", "-q", folder=unpacked)
        self.git("add", ".", folder=unpacked)
        self.git("commit", "-q", "-m", "theirs", folder=unpacked)
        self.assertEqual(self.found(unpacked), commit)

    def test_unknown_breaks_nothing(self):
        self.assertEqual(self.found(), "unknown")
        (self.tree / "etc/commit").unlink()
        self.assertEqual(self.found(), "unknown")
        self.git("init", "-q")
        self.assertEqual(self.found(), "unknown")  # no commit yet
        shutil.rmtree(self.tree / ".git")
        (self.tree / "file").write_text("")
        self.git("init", "-q", folder=self.folder)
        self.git("add", "tree", folder=self.folder)
        self.git("commit", "-q", "-m", "of the folder around it", folder=self.folder)
        self.assertEqual(self.found(), "unknown")

    def test_without_git(self):
        self.commit()
        nothing = self.folder / "bin"
        nothing.mkdir()
        # find_program looks into the system's folders as well: a git that fails stands before them.
        (nothing / "git").write_text("#!/bin/sh\nexit 1\n")
        (nothing / "git").chmod(0o755)
        self.assertEqual(self.found(path=f"{nothing}:{os.environ['PATH']}"), "unknown")

    def test_what_the_builder_says_counts_first(self):
        commit = self.commit()
        self.assertEqual(self.found(COMMIT=""), commit)
        self.assertEqual(self.found(COMMIT="0123456789abcdef0123456789abcdef01234567"), "0123456789ab")
        self.assertEqual(self.found(COMMIT="debian 1"), "debian 1")


if __name__ == "__main__":
    unittest.main()
