"""Each figure of ours beside that of another build of ours, in turn, so that what else the machine does hits both.

Two labs stand side by side, one for each program. A round takes each figure once from both, one right after the other, in
the order AB, then BA. What else runs only ever adds to a figure, so the lower quartile of the rounds stands for it; the
ratio comes with the range that a bootstrap over the rounds gives for it in 9 of 10 cases. "NO" is said where all of that
is over the goal, "unsure" where the ratio is: take more rounds then, or a quieter machine. How much is noise shows when a
program is compared with itself.
"""

import contextlib
import json
import random
import statistics
import time
import traceback

import table as t
from world import GRANULARITY, World, cpu_seconds, say

GOAL = 1.05
_KNOCKS = 10         # a round, a program
_RATE = 150_000      # SYNs a second: less than any build loses some at
_AIMED = {"source": "11.0.0.1", "sources": 4096}


def ratio_of(pairs):
    """Of the lower quartiles."""
    a, b = (sorted(values)[(len(pairs) - 1) // 4] for values in zip(*pairs))
    return a / b


def interval_of(pairs):
    """Where the ratio is, in 9 of 10 cases."""
    chance = random.Random(1)
    ratios = sorted(ratio_of(chance.choices(pairs, k=len(pairs))) for _ in range(1000))
    return ratios[50], ratios[949]


def _seen(door):
    for _ in range(10):
        try:
            return door.losses()[0]
        except json.JSONDecodeError:  # with 10,000 keys it is long, and a busy machine too slow to take it in time
            say("status: cut short; asking again")
    return door.losses()[0]


def _cpu_a_syn(door, seconds, **flood):
    """Microseconds for each SYN that it saw."""
    seen, cpu = _seen(door), cpu_seconds(door.pid)
    door.cpu_per_packet(seconds, rate=_RATE, **flood)
    return (cpu_seconds(door.pid) - cpu) * 1e6 / (_seen(door) - seen)


def _knock(door):
    found = [f for f in door.knock(_KNOCKS) if f is not None]
    if len(found) < _KNOCKS * 0.9:
        raise AssertionError(f"{_KNOCKS - len(found)} of {_KNOCKS} knocks did not open")
    return statistics.median(found)


def _start_again(door):
    """Microseconds of CPU that a start takes, until all is done: builds differ in what they do before they say so."""
    door.server.stop()
    door.server.start()
    door.process = door.server.process
    before, spent = 0, cpu_seconds(door.pid)
    while spent - before > 0.002:
        time.sleep(0.2)
        before, spent = spent, cpu_seconds(door.pid)
    return spent * 1e6


class Pairs:
    """name -> [(ours, the other's), ...], a pair a round."""

    def __init__(self):
        self.found, self.show = {}, {}

    def take(self, name, show, measure, doors, turn):
        """doors: (ours, the other's)"""
        values = [None, None]
        for which in (0, 1) if turn % 2 == 0 else (1, 0):
            values[which] = measure(doors[which])
        self.found.setdefault(name, []).append(values)
        self.show[name] = show

    def into(self, table):
        for name, pairs in self.found.items():
            ratio, (low, high) = ratio_of(pairs), interval_of(pairs)
            ours, others = (sorted(values)[(len(pairs) - 1) // 4] for values in zip(*pairs))
            met = "yes" if high <= GOAL else "NO" if low > GOAL else "unsure" if ratio > GOAL else "likely"
            table.add(name, ours, self.show[name], "before", others, f"<= {GOAL}", met,
                      ratio=f"{ratio:.3f} ({low:.3f} to {high:.3f})")


def compare(tools, before, table, quick):
    """Knock to open, CPU a SYN, start and memory, with 1 and 10,000 keys: ours beside `before`, a program."""
    worlds = []
    try:
        for program in (tools["chronoknock"], before):
            worlds.append(World({**tools, "chronoknock": program}))
        for keys in (1, 10_000):
            pairs = Pairs()
            try:
                _measure(worlds, keys, pairs, rounds=12 if quick else 40, starts=5 if quick else 9,
                         seconds=0.3 if quick else 1)
            except Exception as e:  # what was measured is worth having
                table.note(f"{keys} keys FAILED: {e!r}")
                traceback.print_exc()
            pairs.into(table)
    finally:
        for world in worlds:
            world.close()


def _measure(worlds, keys, pairs, rounds, starts, seconds):
    name = f"{keys:,} key{'s' if keys > 1 else ''}: "
    with contextlib.ExitStack() as stack:
        doors = [stack.enter_context(world.chronoknock(keys, wait=False)) for world in worlds]
        for turn in range(starts):
            say(f"{name}start {turn + 1} of {starts}")
            pairs.take(name + "CPU of a start", t.micro, _start_again, doors, turn)
            pairs.take(name + "memory", t.mib, lambda d: d.resident(), doors, turn)
        # An empty state file makes older windows worthless.
        worlds[0].lab.next_window(GRANULARITY)
        worlds[0].lab.next_window(GRANULARITY)
        for door in doors:
            door.knock(2)
        phase = random.Random(2)
        for turn in range(rounds):
            say(f"{name}round {turn + 1} of {rounds}")
            # New windows cost 20 ms with 10,000 keys; rounds in step with them would hit the same program each time.
            time.sleep(phase.uniform(0, GRANULARITY))
            pairs.take(name + "knock to open, median", t.micro, _knock, doors, turn)
            pairs.take(name + "CPU a SYN, random sources", t.fine, lambda d: _cpu_a_syn(d, seconds, sources=0), doors,
                       turn)
            pairs.take(name + "CPU a SYN, 4,096 sources in turn", t.fine,
                       lambda d: _cpu_a_syn(d, seconds, **_AIMED), doors, turn)
        pairs.take(name + "memory after the floods", t.mib, lambda d: d.resident(), doors, 0)
