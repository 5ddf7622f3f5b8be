"""10,000 keys: to listening, and what a reload of them holds up."""

import os
import struct
import time

import table as t
from table import median
from world import say

_LISTENING = "listening"
_READ_AGAIN = "configuration read again"


class _Turns:
    """The longest turn of a server's loop since it was last asked, seconds: how long a batch of packets waits at most
    for what else the loop does."""

    def __init__(self, world):
        self._file = world.lab.folder / f"turns{time.monotonic_ns()}"
        self._file.write_bytes(bytes(16))
        self.environment = {"LD_PRELOAD": str(world.tools["turns.so"]), "TURNS": str(self._file)}

    def longest(self):
        with self._file.open("r+b") as file:
            nanoseconds, = struct.unpack("Q", file.read(8))
            file.seek(0)
            file.write(bytes(8))
        return nanoseconds / 1e9


def _starts(door, times):
    """Seconds from the start of the program to the line that says that it listens."""
    found = []
    for _ in range(times):
        door.server.stop()
        before = door.server.log().count(_LISTENING)
        begin = time.monotonic()
        door.server.start(wait=False)
        door.server.wait_log(_LISTENING, 60, before + 1)
        found.append(time.monotonic() - begin)
        time.sleep(1)
    door.process = door.server.process
    return found


def start(world, table, quick):
    """10,000 keys to listening; a reload of them, and the longest that it holds a batch up"""
    count, times = (1_000, 3) if quick else (10_000, 7)
    turns = _Turns(world)
    os.environ.update(turns.environment)
    try:
        with world.chronoknock(count, wait=False) as door:
            for name in turns.environment:
                del os.environ[name]
            say("start: reload")
            reloads, idle, holds = [], [], []
            for _ in range(times):
                time.sleep(1)  # tables are touched beside the loop
                turns.longest()
                time.sleep(1)
                idle.append(turns.longest())
                read, begin = door.server.log().count(_READ_AGAIN), time.monotonic()
                door.server.reload()
                door.server.wait_log(_READ_AGAIN, 60, read + 1)
                reloads.append(time.monotonic() - begin)
                time.sleep(0.3)  # what it leaves is put away
                holds.append(turns.longest())
            say("start: starts")
            starts = _starts(door, times)
    finally:
        for name in turns.environment:
            os.environ.pop(name, None)
    table.add(f"{count:,} keys: start to listening, median", median(starts), t.seconds, goal="< 0.3 s",
              met=median(starts) < 0.3)
    table.add(f"{count:,} keys: reload, median", median(reloads), t.seconds)
    table.add("  the longest that one holds a batch up, median", 1e6 * median(holds), t.micro, "a second without one",
              1e6 * median(idle), "<= 5 ms", median(holds) <= 0.005)
    table.add("  the worst of them", 1e6 * max(holds), t.micro, "a second without one", 1e6 * max(idle))
