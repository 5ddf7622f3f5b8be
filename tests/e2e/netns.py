"""Network namespaces without names: each lives as long as a descriptor or a process in it does,
so nothing is left behind however a test ends, and any number of tests run side by side."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1


def _check(status, what):
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def wait_for(condition, what, seconds=15.0, every=0.005):
    """Asks until the condition gives something true, and returns that; fails after so many seconds. what: a text, or
    what gives one then. It asks once more after the end: a stall, even amid a question, is no answer."""
    deadline = time.monotonic() + seconds
    while True:
        late = time.monotonic() > deadline
        value = condition()
        if value:
            return value
        if late:
            raise AssertionError(f"waited {seconds:g} s in vain for: {what() if callable(what) else what}")
        time.sleep(every)


class Namespace:
    """One network namespace; `inside()` puts the calling thread into it."""

    _home = None

    def __init__(self):
        if Namespace._home is None:
            Namespace._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _check(_libc.unshare(_CLONE_NEWNET), "unshare (are you root?)")
        try:
            self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        finally:
            _check(_libc.setns(Namespace._home, _CLONE_NEWNET), "setns")
        # For `ip link ... netns PATH`, whoever runs it.
        self.path = f"/proc/{os.getpid()}/fd/{self.fd}"
        self.processes = []

    @contextlib.contextmanager
    def inside(self):
        _check(_libc.setns(self.fd, _CLONE_NEWNET), "setns")
        try:
            yield
        finally:
            _check(_libc.setns(Namespace._home, _CLONE_NEWNET), "setns")

    def socket(self, *args):
        """A socket of this namespace; it stays there, wherever it is used."""
        with self.inside():
            return socket.socket(*args)

    def sysctl(self, name, value):
        with self.inside(), open("/proc/sys/" + name.replace(".", "/"), "w", encoding="ascii") as f:
            f.write(str(value))

    def _enter(self):
        # Between fork and exec of a child. It dies with us, however we die.
        _libc.setns(self.fd, _CLONE_NEWNET)
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def spawn(self, argv, log, env=None, stdin=subprocess.DEVNULL):
        """Starts a process that goes on in the background, its output going to the file `log`."""
        process = Process(argv, log, env, stdin, self._enter)
        self.processes.append(process)
        return process

    def run(self, argv, env=None, check=True, timeout=60, stdin=""):
        """Runs a command to its end and returns its CompletedProcess; fails if it did, unless told not to."""
        done = subprocess.run([str(a) for a in argv], input=stdin, text=True, capture_output=True,
                              env={**os.environ, **(env or {})}, preexec_fn=self._enter,
                              timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, argv))}: exit status {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return done

    def close(self):
        for process in self.processes:
            process.kill()
        os.close(self.fd)


class Process:
    """A process in the background. stdout and stderr go to one file, read back by `text`."""

    def __init__(self, argv, log, env, stdin, enter):
        self.argv = [str(a) for a in argv]
        self.log = log
        with open(log, "ab") as out:
            self._popen = subprocess.Popen(self.argv, stdin=stdin, stdout=out, stderr=out,
                                           env={**os.environ, **(env or {})}, preexec_fn=enter)
        self.pid = self._popen.pid
        self.stdin = self._popen.stdin

    def text(self):
        with open(self.log, encoding="utf-8", errors="backslashreplace") as f:
            return f.read()

    def alive(self):
        return self._popen.poll() is None

    def cpu(self):
        """Seconds of CPU that it has used."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as f:
            user, system = f.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def wait_for_text(self, what, seconds=15.0):
        def seen():
            text = self.text()
            if what in text:
                return text
            if not self.alive():
                raise AssertionError(f"{self.argv[0]} ended before it said {what!r}:\n{text}")
            return None
        return wait_for(seen, f"{self.argv[0]} to say {what!r}; it said:\n{self.text()}", seconds)

    def send(self, number):
        self._popen.send_signal(number)

    def stop(self, number=signal.SIGTERM, seconds=15.0):
        """Sends a signal, waits for the end, returns the exit status."""
        if self.alive():
            self.send(number)
        return self._popen.wait(seconds)

    def kill(self):
        if self.alive():
            self._popen.kill()
        self._popen.wait()
        if self.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.stdin.close()
