#!/usr/bin/env python3
"""Breaks the rules of the time, one at a time, and tells which test notices.

    tests/mutants.py [--build DIR] [--days N] [--check] [NAME...]

A copy of the sources is built in DIR (default: build/mutants). Each mutant is one replacement, whose text must
be there exactly once (--check sees to that and ends). The unit tests are asked first, and the simulation if they see nothing. The exit status
is 1 if a mutant lived, 2 if one could not be made."""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIB = "lib/timesync/"

# name, file, what stands there, what is put in its place
MUTANTS = [
    ("origin unchecked by the peer", "peer.cpp", "if (!query_ || x.transmit != *query_) {", "if (!query_) {"),
    ("origin unchecked in the answer", "sample.cpp",
     "if (h.origin != x.transmit) return refusal::wrong_origin;", ""),
    ("query stays open after an answer", "peer.cpp",
     "frequency_estimate& f) {\n    query_.reset();\n", "frequency_estimate& f) {\n"),
    ("a corrected clock replaces", "clock.cpp",
     "set({std::min(said.low, expected->low), std::max(said.high, expected->high), said.offset}, now);",
     "set(said, now);"),
    ("no hold of steps", "clock.cpp", "if (!believed(moved, now, fresh)) return {verdict::held, moved};", ""),
    ("the slope unclamped", "clock.cpp", "std::clamp(regression(best, newest), least, most)",
     "regression(best, newest)"),
    ("reach ignored", "synchroniser.cpp", "|| peers_[i].reach() == 0) continue;", ") continue;"),
    ("no leap", "leap_watch.cpp", "if (phase_ == phase::announced && ", "if (false && "),
    ("a leap is over with the first answer", "leap_watch.cpp",
     "return phase_ == phase::passing && transmit < at_ + repeated ? size", "return false ? size"),
    ("a leap left out comes too late", "synchroniser.cpp", "case leap_watch::step::begins:\n        widen(",
     "case leap_watch::step::begins:\n        if (false) widen("),
    ("unproven kisses at once", "peer.cpp", "if (x.authenticated || (nts_ && *k == kiss::nts_nak))",
     "if (true)"),
    ("unproven refusals for a day", "peer.cpp", "if (!authenticated) return slow_down(longest_unproven, ",
     "if (false) return slow_down(longest_unproven, "),
    ("unproven kisses slow down to hours", "peer.cpp", "longest_unproven = seconds(256)",
     "longest_unproven = seconds(16384)"),
    ("one machine has many votes", "synchroniser.cpp", "return !same_machine(server);", "return true;"),
    ("each port is a machine", "synchroniser.cpp",
     "other.where()->ip != p.where()->ip", "*other.where() != *p.where()"),
    ("a departure counts as stamped", "packet_times.cpp",
     "*stamp - before.system - bent(before, after)", "*stamp - before.system"),
    ("an arrival counts as stamped", "packet_times.cpp",
     "now.system - *stamp - bent(before, now)", "now.system - *stamp"),
    ("a stamp of another time counts", "packet_times.cpp",
     "return stamp && *stamp >= from.system && *stamp <= to.system;", "return stamp.has_value();"),
    ("a pool asks one address twice", "addresses.cpp", "if (contains(used, e)) continue;", ""),
    ("a pool keeps liars", "peer.cpp", "if (!pool_ || false_ < false_for_good", "if (true || false_ < false_for_good"),
    ("a pool keeps the unreachable", "peer.cpp", "++silent_for_ % 8 == 0 || pool_;", "++silent_for_ % 8 == 0;"),
    ("a pool forgets whom it gave up", "synchroniser.cpp", "if (p.where()) left.add(*p.where());", ""),
    ("a sleep widens nothing", "synchroniser.cpp",
     "widen(slack, slack, r.at);", ""),
    ("short sleeps unseen", "clock_watch.cpp", "if (slept >= least_sleep)", "if (slept >= seconds(10))"),
    ("a pause widens nothing", "synchroniser.cpp", "widen(nanoseconds(0), std::min", "if (false) widen(nanoseconds(0), std::min"),
    ("queries from before a sleep count", "synchroniser.cpp", "    hurry(r.at);\n    return out;", "    return out;"),
    ("slewing is a jump", "clock_watch.cpp", "std::max(least_step, slewed)", "least_step / 100"),
    ("wakes without limit", "peer.cpp", "if (now >= burst_at_ + std::max(between_bursts, least_)) return hurry(now);",
     "return hurry(now);"),
    ("a network that comes back wakes nobody", "synchroniser.cpp",
     "if (why == reason::knock || !p.answers()) p.wake(now);", "(void)p;"),
    ("one that answers again wakes nobody", "synchroniser.cpp", "if (was_silent)", "if (false)"),
    ("a refused port is asked on", "peer.cpp", "if (state_ == peer_state::burst) burst_left_ = 1;\n    unanswered(",
     "return failed(why, now);\n    unanswered("),
    ("a line for each jump", "peer.cpp", "(!contradicted_ || x.received >= *contradicted_ + between_lines)", "true"),
    ("the kernel is not asked", "system_clock.cpp", "return k.readable && !k.unsynchronised;",
     "(void)k; return false;"),
    ("the kernel is believed without reason", "system_clock.cpp", "k.readable && !k.unsynchronised", "k.readable"),
    ("the unknown oscillator at 60 ppm", "settings.hpp", "unknown = 500e-6", "unknown = 60e-6"),
    ("the known oscillator at 3 ppm", "settings.hpp", "double known = 5e-6", "double known = 3e-6"),
    ("the known oscillator at 1 ppm", "settings.hpp", "double known = 5e-6", "double known = 1e-6"),
]


def run(*argv, **kw):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **kw)


def copy_changed(source, target):
    """With a date of its own, and only if it differs: what was built of a mutant that was cut off is built anew."""
    target = pathlib.Path(target)
    content = pathlib.Path(source).read_bytes()
    if not target.exists() or target.read_bytes() != content:
        target.write_bytes(content)


def build(tree):
    return run("cmake", "--build", tree / "build", "-j1", "--target", "test_timesync")


def noticed(tree, days):
    """The first test that fails, or nothing."""
    program = tree / "build/tests/unit/test_timesync"
    environment = dict(os.environ, CHRONOKNOCK_SIMULATED_DAYS=str(days))
    for which, patience in (("!time_simulation", 20), ("time_simulation", 60 + days)):
        try:
            said = run(program, "--color_output=no", "-t", which, env=environment, timeout=patience)
        except subprocess.TimeoutExpired:
            return "(hangs)"
        if said.returncode:
            names = re.findall(r'error: in "([^"]+)"', said.stdout)
            return names[0] if names else f"(exit status {said.returncode})"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/mutants")
    parser.add_argument("--days", type=int, default=250)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    tree = options.build.resolve()
    chosen = [m for m in MUTANTS if not options.names or m[0] in options.names]

    unfit = [m for m in chosen if (ROOT / LIB / m[1]).read_text().count(m[2]) != 1]
    for name, file, old, _ in unfit:
        print(f"{name}: {file} does not have exactly once: {old!r}")
    if unfit or options.check:
        return 2 if unfit else 0
    tree.mkdir(parents=True, exist_ok=True)
    for part in ("lib", "app", "tests", "etc"):
        shutil.copytree(ROOT / part, tree / part, dirs_exist_ok=True, copy_function=copy_changed)
    for part in ROOT.glob("CMake*"):
        copy_changed(part, tree / part.name)
    made = run("cmake", "-S", tree, "-B", tree / "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
               "-DCMAKE_CXX_FLAGS_DEBUG=-O1", "-DCHRONOKNOCK_TESTS=ON", "-DCHRONOKNOCK_WERROR=OFF")
    made = made if made.returncode else build(tree)
    if made.returncode or noticed(tree, options.days):
        print("as it is, it does not build or fails:\n" + made.stdout[-2000:])
        return 2

    lived = 0
    for name, file, old, new in chosen:
        path = tree / LIB / file
        before = path.read_text()
        path.write_text(before.replace(old, new))
        begun = time.monotonic()
        made = build(tree)
        if made.returncode:
            print(f"{name}: does not build\n{made.stdout[-2000:]}")
            return 2
        by = noticed(tree, options.days)
        lived += by is None
        print(f"{name:45} {by or 'LIVES'}  ({time.monotonic() - begun:.0f} s)", flush=True)
        path.write_text(before)
    print(f"{len(chosen)} mutants, {lived} lived")
    return 1 if lived else 0


if __name__ == "__main__":
    sys.exit(main())
