#!/usr/bin/env python3
"""Measures chronoknock and prints one table: each figure beside its floor or its peer, taken in the same run.

    sudo tests/bench/run.py             all of it, some 20 minutes
    sudo tests/bench/run.py --quick     fewer knocks and shorter floods, to see that it works
    sudo tests/bench/run.py --only open cpu
    sudo tests/bench/run.py --before OTHER/app/chronoknock --quick
                                        each figure of ours beside that of another build, in turn; 2 minutes

It needs root (it makes network namespaces of its own, and touches nothing else), and for the peers Debian's packages
knockd, fwknop-server, fwknop-client and iptables. It builds nothing:

    cmake --preset release && cmake --build --preset release

Idle processors give quiet figures: see `uptime` first. Parts:
"""

import argparse
import os
import pathlib
import platform
import sys
import time
import traceback

import beside
import bystanders
import clock
import connect
import crowd
import hostile
import messages
import pair
import speed
import start
from table import Table
from world import World, say

PARTS = {part.__name__: part for part in (
    speed.table1, speed.open, speed.cpu, speed.keys, hostile.loss, hostile.disorder, hostile.noise, hostile.aimed, hostile.selectors,
    messages.messages, messages.mixed, crowd.memory, crowd.replay, crowd.many, crowd.grants, clock.clock,
    start.start, bystanders.bystanders, connect.connect, beside.backends)}
_ROOT = pathlib.Path(__file__).parents[2]


def find_tools(program):
    """The program and, in the same build, what is measured with."""
    given = program or os.environ.get("CHRONOKNOCK")
    tried = [pathlib.Path(given)] if given else [_ROOT / f"build{d}/app/chronoknock" for d in ("/release", "")]
    for path in tried:
        bench = path.parent.parent / "tests/bench"
        if path.exists() and (bench / "probe").exists():
            return {"chronoknock": path.resolve(), **{n: bench / n for n in ("probe", "flood", "count", "table1", "grant", "bystanders",
                                                             "opener", "turns.so")}}
    sys.exit(f"no {tried[0]} with its tests/bench/probe beside it; build them:\n"
             "    cmake --preset release && cmake --build --preset release")


def main():
    about = __doc__ + "".join(f"\n    {name:10}{part.__doc__.splitlines()[0]}" for name, part in PARTS.items())
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", default=list(PARTS))
    parser.add_argument("--program", help="build/release/app/chronoknock, or $CHRONOKNOCK")
    parser.add_argument("--before", metavar="PROGRAM", help="compare with another build of ours, and do no more")
    options = parser.parse_args()
    tools = find_tools(options.program)
    if os.geteuid() != 0:
        sys.exit("run it as root: it makes network namespaces")

    table = Table()
    load = os.getloadavg()[0]
    table.note(f"{os.cpu_count()} processors, Linux {platform.release()}, load {load:.2f} when it began"
               + (", quick form" if options.quick else ""))
    if load > os.cpu_count():
        say("the machine is busy with other work: expect noise")
        table.note("the machine was busy with other work: \"NO\" may be noise")
    if options.before:
        if not pathlib.Path(options.before).exists():
            sys.exit(f"no {options.before}")
        pair.compare(tools, pathlib.Path(options.before).resolve(), table, options.quick)
        print(table.text())
        sys.exit(any(row[-1] == "NO" for row in table.rows) or any("FAILED" in note for note in table.notes))
    failed = False
    for name in options.only:
        begin = time.monotonic()
        say(f"{name} ...")
        world = World(tools)
        try:
            PARTS[name](world, table, options.quick)
        except Exception as e:  # one part that fails must not lose the others
            failed = True
            table.note(f"{name} FAILED: {e!r}")
            traceback.print_exc()
        finally:
            world.close()
        say(f"{name}: {time.monotonic() - begin:.0f} s")
    print(table.text())
    sys.exit(failed)


if __name__ == "__main__":
    main()
