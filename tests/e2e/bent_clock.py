"""The clocks of a machine on which something steers, stops or sleeps, for one program (bent_clock.cpp)."""

import array
import contextlib
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
        self._since, self._rate = time.monotonic_ns(), 0
        self._gained = self._slept = self._stopped = self._set = self._kernel = 0

    @contextlib.contextmanager
    def _writing(self):
        """What the body changes the program sees at once: it waits meanwhile (bent_clock.cpp)."""
        self._words[0] += 1
        yield
        self._words[1:] = array.array("q", (self._since, self._rate, self._gained, self._slept, self._stopped, self._set,
                                            self._kernel))
        self._words[0] += 1

    def _slewed(self, now=None):
        return self._gained + ((now or time.monotonic_ns()) - self._since) * self._rate // 1_000_000

    def slew(self, ppm):
        with self._writing():
            now = time.monotonic_ns()
            self._gained = self._slewed(now)
            self._since, self._rate = now, ppm

    def asleep(self, process, seconds, measured):
        """The machine sleeps; the kernel takes it for `measured` seconds, from a coarse clock."""
        self._halted(process, seconds)
        with self._writing():
            self._slept += int(measured * 1e9)
            self._stopped += int((seconds - measured) * 1e9)
        process.send(signal.SIGCONT)

    def paused(self, process, seconds):
        """The machine stands still, unseen by any of its clocks."""
        self._halted(process, seconds)
        with self._writing():
            self._stopped += int(seconds * 1e9)
        process.send(signal.SIGCONT)

    @staticmethod
    def _halted(process, seconds):
        process.send(signal.SIGSTOP)
        time.sleep(seconds)  # the sleep itself

    def set_system(self, seconds):
        """Somebody set the system clock ahead."""
        with self._writing():
            self._set += int(seconds * 1e9)

    def kernel_vouches(self, seconds):
        """The kernel says that its clock is synchronised, within so much; None: that it is not."""
        with self._writing():
            self._kernel = -1 if seconds is None else int(seconds * 1e9)

    def system_ahead(self):
        """How far its system clock is ahead of the truth."""
        return (self._slewed() - self._stopped + self._set) / 1e9
