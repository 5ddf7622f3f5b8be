"""What the compiler and the linker were asked for against exploits, read from the program as it was built."""

import pathlib
import re
import subprocess
import unittest

import cli

PROGRAM = pathlib.Path(cli.PROGRAM)

# ENDBR64: where an indirect jump may land (Intel CET).
_LANDING_PAD = bytes.fromhex("f30f1efa")


def readelf(*options):
    return subprocess.run(["readelf", "--wide", *options, PROGRAM], capture_output=True, text=True, check=True).stdout


class Hardening(unittest.TestCase):
    def setUp(self):
        self.dynamic = readelf("--dynamic")
        if "__asan_init" in readelf("--symbols"):
            self.skipTest("a build with sanitizers is for tests alone")

    def test_position_independent(self):
        self.assertRegex(readelf("--file-header"), r"Type:\s+DYN \(Position-Independent Executable file\)")

    def test_full_relro(self):
        self.assertIn("GNU_RELRO", readelf("--program-headers"))
        self.assertRegex(self.dynamic, r"\(FLAGS(_1)?\)\s.*(BIND_NOW|\bNOW\b)")

    def test_no_stack_or_segment_is_executable_and_writable(self):
        for kind, flags in re.findall(r"^\s+(\w+)\s+0x\S+ 0x\S+ 0x\S+ 0x\S+ 0x\S+ ([R ][W ][E ]) ",
                                      readelf("--program-headers"), re.MULTILINE):
            with self.subTest(segment=kind):
                self.assertFalse("W" in flags and "E" in flags)
        self.assertRegex(readelf("--program-headers"), r"GNU_STACK\s.* RW  ")

    def test_stack_protector_and_fortified_functions(self):
        symbols = readelf("--dyn-syms")
        self.assertIn("__stack_chk_fail", symbols)
        fortified = set(re.findall(r"\b(__\w+_chk)\b", symbols))
        self.assertGreater(len(fortified), 3, fortified)

    def test_fortified_as_far_as_objects_know_their_size_at_run_time(self):
        """Level 3, and not 2: by the commands that the build was made by; the symbols are the same."""
        ninja = PROGRAM.parent.parent / "build.ninja"
        if not ninja.exists():
            self.skipTest("the program lies beside no build")
        flags = re.findall(r"^  FLAGS = (.*)$", ninja.read_text(encoding="utf-8"), re.MULTILINE)
        compiled = [f for f in flags if "-std=c++20" in f]
        self.assertGreater(len(compiled), 10)
        for wanted in ("-D_FORTIFY_SOURCE=3", "-fstack-protector-strong", "-fstack-clash-protection", "-fPI[CE]"):
            self.assertEqual([f for f in compiled if not re.search(wanted, f)], [], wanted)

    def test_landing_pads(self):
        """CET, where the machine has it. The linker marks a program as using it only if all it is made of does, what comes
        from Debian's archives too, and that does not: ours is looked at."""
        if "X86-64" not in readelf("--file-header"):
            self.skipTest("CET is x86-64's")
        symbols = readelf("--symbols")
        ours = re.findall(r"^\s*\d+: ([0-9a-f]{16})\s+\d+ FUNC\s+\S+\s+\S+\s+\d+ (_ZN11chronoknock3app\d+run_\w+)$", symbols,
                          re.MULTILINE)
        self.assertGreater(len(ours), 15)
        segments = [tuple(int(n, 16) for n in m) for m in re.findall(
            r"^\s+LOAD\s+(0x\S+) (0x\S+) 0x\S+ (0x\S+)", readelf("--program-headers"), re.MULTILINE)]
        image = PROGRAM.read_bytes()
        for at, name in ours:
            address = int(at, 16)
            offset = next(o + address - v for o, v, size in segments if v <= address < v + size)
            self.assertEqual(image[offset:offset + 4], _LANDING_PAD, name)


if __name__ == "__main__":
    unittest.main()
