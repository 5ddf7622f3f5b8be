"""Completions in real shells: what each offers where, of the scripts that the program prints. Needs no root."""

import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import struct
import subprocess
import termios
import time
import unittest

from cli import PROGRAM, Case

PATIENCE = 60  # on a busy machine a shell takes its time
HELP = subprocess.run([PROGRAM, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
COMMANDS = re.findall(r"(?m)^  (\w+) ", HELP)


def options_of(command):
    """As --help lists them, short and long."""
    told = subprocess.run([PROGRAM, command, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = re.findall(r"(?m)^  (?:(-\w), )?(--[\w-]+)", told.partition("\nOptions:\n")[2])
    return {name for pair in found for name in pair if name}


class Terminal:
    """A shell at a terminal; a key of its own writes the line as it stands into a file."""

    def __init__(self, argv, env, folder):
        self.read = folder / "line"
        self.fd, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 200, 2000, 0, 0))
        self.shell = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=folder,
                                      start_new_session=True)
        os.close(theirs)
        self.seen = b""

    def close(self):
        self.shell.kill()
        self.shell.wait()
        os.close(self.fd)

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def line(self):
        """What the line is, once all that was typed is done."""
        self.type("\x18p")
        end = time.monotonic() + PATIENCE
        while not self.read.exists():
            if time.monotonic() > end:
                raise AssertionError(f"no line comes; seen: {self.seen[-2000:]!r}")
            if select.select([self.fd], [], [], 0.02)[0]:
                self.seen += os.read(self.fd, 65536)
        text = self.read.read_text()
        self.read.unlink()
        return text.rstrip("\n")


@unittest.skipUnless(pathlib.Path(PROGRAM).exists(), "needs the program")
class Shell(Case):
    SHELL = None

    def setUp(self):
        super().setUp()
        if not shutil.which(self.SHELL):
            self.skipTest(f"needs {self.SHELL}")
        (self.folder / "bin").mkdir()
        (self.folder / "bin/chronoknock").symlink_to(os.path.abspath(PROGRAM))
        self.env.update(PATH=f"{self.folder}/bin:{os.environ['PATH']}", TERM="dumb", LC_ALL="C.UTF-8")
        self.script = self.put("script", self.done("completions", self.SHELL))
        self.place = self.folder / "place"
        (self.place / "inner").mkdir(parents=True)
        for name in ("alpha.ini", "alpine.key", "beta.key"):
            (self.place / name).write_text("")
        profiles = self.folder / ".config/chronoknock"
        profiles.mkdir(parents=True)
        (profiles / "client.ini").write_text("".join(f"[profile.{name}]\nhost = h\nkey = k\n" for name in ("home", "homely", "away")))

    def assert_offers(self, line, *expected):
        self.assertEqual(sorted(self.offers(line)), sorted(expected), line)

    def test_commands(self):
        offered = {word for word in self.offers("chronoknock ") if not word.startswith("-")}
        self.assertEqual(offered, {*COMMANDS, "help"})
        self.assert_offers("chronoknock con", "confirm", "connect")
        self.assert_offers("chronoknock help con", "confirm", "connect")
        self.assert_offers("chronoknock nothing ")

    def test_every_option_of_every_command(self):
        for command in COMMANDS:
            with self.subTest(command):
                offered = set(self.offers(f"chronoknock {command} --"))
                self.assertEqual(offered, {o for o in options_of(command) if o.startswith("--")})
        self.assert_offers("chronoknock knock home --time", "--time-server")
        self.assert_offers("chronoknock connect home 22 --fd", "--fdpass")

    def test_files(self):
        self.assert_offers("chronoknock check --config al", "alpha.ini", "alpine.key")
        self.assert_offers("chronoknock connect home 22 --key b", "beta.key")
        self.assert_offers("chronoknock check --config=alph", "--config=alpha.ini")
        self.assert_offers("chronoknock import knockd al", "alpha.ini", "alpine.key")
        self.assert_offers("chronoknock import al", "alpha.ini", "alpine.key")
        self.assertEqual([name.rstrip("/") for name in self.offers("chronoknock import x --out ")], ["inner"])

    def test_words(self):
        self.assert_offers("chronoknock import kn", "knockd")
        self.assert_offers("chronoknock completions ", "bash", "fish", "zsh")
        self.assert_offers("chronoknock knock home --carrier ", "dns", "icmp", "ports", "udp")
        self.assert_offers("chronoknock knock home --pair ", "auto")
        complaint = self.refused("keygen", "--out", self.folder / "k", "--method", "?")
        known = re.search(r"expected one of (.*), not", complaint)[1].split(", ")
        self.assert_offers("chronoknock keygen --method ", *known)
        self.assert_offers("chronoknock invite bob --renew --method se", "sealed")

    def test_profiles(self):
        self.assert_offers("chronoknock connect ho", "home", "homely")
        self.assert_offers("chronoknock doctor ", "away", "home", "homely")
        self.assert_offers("chronoknock profile ", "add", "list", "remove", "show")
        self.assert_offers("chronoknock profile show h", "home", "homely")
        self.assert_offers("chronoknock knock --stun other --json -4 a", "away")
        self.assert_offers("chronoknock connect home h")     # a port
        self.assert_offers("chronoknock knock --gap h")      # a number
        (self.folder / ".config/chronoknock/client.ini").unlink()
        self.assert_offers("chronoknock connect ")

    def test_a_name_is_only_a_name(self):
        (self.folder / ".config/chronoknock/client.ini").write_text(
            "".join(f"[profile.{name}]\nhost = h\nkey = k\n" for name in ("home", "x$(touch${IFS}ran)", "x`touch${IFS}ran`", "x;y*")))
        offered = self.offers("chronoknock connect ")
        self.assertIn("home", offered)
        self.assertFalse((self.place / "ran").exists())


class AtTerminal(Shell):
    def setUp(self):
        super().setUp()
        self.shell = self.start()
        self.addCleanup(self.shell.close)

    def ready(self, shell):
        """The setup has been read."""
        end = time.monotonic() + PATIENCE
        while not (self.place / "ready").exists():
            if time.monotonic() > end:
                raise AssertionError(f"the shell does not begin: {shell.seen!r}")
            if select.select([shell.fd], [], [], 0.02)[0]:
                shell.seen += os.read(shell.fd, 65536)
        (self.place / "ready").unlink()
        return shell

    def offers(self, line):
        """All that completing a line inserts in place of its last word, without the ends that zsh takes back."""
        kept, _, word = line.rpartition(" ")
        self.shell.type(line + "\x18a")
        whole = self.shell.line()
        self.shell.type("\x15")
        self.assertEqual(self.shell.line(), "")
        self.assertTrue(whole.startswith(kept + " "), whole)
        offered = [found.rstrip("=") for found in whole[len(kept) + 1:].split()]
        return [] if offered == ([word] if word else []) else offered


class Bash(AtTerminal):
    SHELL = "bash"

    def start(self):
        shell = Terminal(["bash", "--noprofile", "--norc", "-i"], self.env, self.place)
        setup = self.put("setup", f"""PS1= PS2=
source {self.script}
bind 'set enable-bracketed-paste off' 'set mark-directories on'
bind 'set mark-directories on'
bind '"\\C-xa": insert-completions'
write_line() {{ printf '%s\\n' "$READLINE_LINE" >line.new; mv line.new line; }}
bind -x '"\\C-xp": write_line'
touch ready
""")
        shell.type(f"source {setup}\n")
        return self.ready(shell)


class Zsh(AtTerminal):
    SHELL = "zsh"

    def start(self):
        shell = Terminal(["zsh", "-f", "-i"], self.env, self.place)
        setup = self.put("setup", f"""PS1= PS2=
autoload -Uz compinit
compinit -u -D
source {self.script}
unsetopt auto_remove_slash
zle -C all-matches complete-word _generic
zstyle ':completion:all-matches::::' completer _all_matches _complete
zstyle ':completion:all-matches:*' insert yes
bindkey '^Xa' all-matches
write-line() {{ print -r -- "$BUFFER" >line.new; mv line.new line }}
zle -N write-line
bindkey '^Xp' write-line
bindkey '^U' kill-whole-line
touch ready
""")
        shell.type(f"source {setup}\n")
        return self.ready(shell)


class Fish(Shell):
    SHELL = "fish"

    def offers(self, line):
        asked = subprocess.run(["fish", "--no-config", "-c", f"source {self.script}; complete -C '{line}'"],
                               capture_output=True, text=True, env=self.env, cwd=self.place, timeout=PATIENCE)
        self.assertEqual((asked.returncode, asked.stderr), (0, ""))
        return [row.partition("\t")[0] for row in asked.stdout.splitlines()]


del Shell, AtTerminal  # what they have in common is no test


if __name__ == "__main__":
    unittest.main()
