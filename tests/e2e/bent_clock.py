"""The clocks of a machine on which something steers, stops or sleeps, for one program (bent_clock.cpp)."""

import array
import mmap
import os
import pathlib
import signal
import time

_LIBRARY = os.environ.get("BENT_CLOCK_LIBRARY") or str(
    pathlib.Path(os.environ.get("CHRONOKNOCK", "build/release/app/chronoknock")).resolve().parents[1]
    / "tests/e2e/libbent_clock.so")
_WORDS = 8  # of eight bytes


class BentClock:
    """Seconds. The truth is this process's own clock."""

    def __init__(self, path):
        path.write_bytes(bytes(8 * _WORDS))
        self.env = {"LD_PRELOAD": _LIBRARY, "BENT_CLOCK": str(path)}
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._words = memoryview(self._map).cast("q")
        self._writes = 0
        self._since, self._rate = time.monotonic_ns(), 0
        self._gained = self._slept = self._stopped = self._set = self._kernel = 0
        self._write()

    def _begin(self):
        """The program waits for what is being written: none sees half of it, or what was an instant ago."""
        self._writes += 1
        self._words[0] = self._writes  # at once: pack_into() would write zeros first

    def _write(self):
        if self._writes % 2 == 0:
            self._begin()
        self._words[1:] = array.array("q", (self._since, self._rate, self._gained, self._slept, self._stopped, self._set,
                                            self._kernel))
        self._begin()

    def _slewed(self, now=None):
        return self._gained + ((now or time.monotonic_ns()) - self._since) * self._rate // 1_000_000

    def slew(self, ppm):
        self._begin()
        now = time.monotonic_ns()
        self._gained = self._slewed(now)
        self._since, self._rate = now, ppm
        self._write()

    def asleep(self, process, seconds, measured):
        """The machine sleeps; the kernel takes it for `measured` seconds, from a coarse clock."""
        self._halted(process, seconds)
        self._slept += int(measured * 1e9)
        self._stopped += int((seconds - measured) * 1e9)
        self._go_on(process)

    def paused(self, process, seconds):
        """The machine stands still, unseen by any of its clocks."""
        self._halted(process, seconds)
        self._stopped += int(seconds * 1e9)
        self._go_on(process)

    @staticmethod
    def _halted(process, seconds):
        process.send(signal.SIGSTOP)
        time.sleep(seconds)  # the sleep itself

    def _go_on(self, process):
        self._write()
        process.send(signal.SIGCONT)

    def set_system(self, seconds):
        """Somebody set the system clock ahead."""
        self._set += int(seconds * 1e9)
        self._write()

    def kernel_vouches(self, seconds):
        """The kernel says that its clock is synchronised, within so much; None: that it is not."""
        self._kernel = -1 if seconds is None else int(seconds * 1e9)
        self._write()

    def system_ahead(self):
        """How far its system clock is ahead of the truth."""
        return (self._slewed() - self._stopped + self._set) / 1e9
