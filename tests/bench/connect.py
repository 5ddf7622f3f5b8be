"""What `connect` costs: ssh through it to an open door and to a shut one, and scp, beside plain ones."""

import json
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))

from lab import CLOCK_ERROR, start_chronyd, start_sshd, wait_for  # noqa: E402

_OPEN_FOR = 2        # seconds: doors shut again soon
_WINDOW = 3          # granularity: so that the next knock need not wait long
_FREE = 2222         # a port of the same sshd's that is not guarded: a door that is always open


class _Pair:
    """A laptop and a server with sshd and a time server on one link, without a router between them."""

    def __init__(self, world):
        self.lab = world.lab
        self.server, self.laptop = self.lab.host("sshd"), self.lab.host("laptop")
        self.laptop.run(["ip", "link", "add", "lan", "type", "veth", "peer", "name", "lan", "netns", self.server.path])
        for host, last in ((self.server, 1), (self.laptop, 2)):
            host.run(["ip", "-batch", "-"], stdin=f"link set lan up\naddr add 10.99.0.{last}/24 dev lan\n")
        self.target = "10.99.0.1"
        wait_for(lambda: self.laptop.door(self.target, 1, seconds=0.05) == "refused", "the link")
        start_chronyd(self.server)
        self.sshd = start_sshd(self.server)
        config = self.server.home / "sshd/config"
        config.write_text(config.read_text().replace("Port 22\n", f"Port 22\nPort {_FREE}\n"))
        self.sshd.stop()
        self.sshd = self.server.spawn(["/usr/sbin/sshd", "-D", "-e", "-f", config], log=self.server.home / "sshd/log2")
        self.sshd.wait_for_text(f"0.0.0.0 port {_FREE}")
        self.key = self.lab.key("alice", granularity=_WINDOW)
        self.guard = self.lab.chronoknock(self.server, services={"ssh": f"ports = tcp/22\nopen_for = {_OPEN_FOR}"},
                                          keys={"alice": (self.key, "ssh")})
        self.lab.next_window(_WINDOW, after=time.time() + CLOCK_ERROR)
        self.proxy = [self.lab.program, "connect", "%h", "%p", "--key", self.key, "--time-server", self.target]

    def ssh(self, port, through, *command, tool="ssh"):
        """Microseconds; through: None, "relay" (connect is the connection), or "fdpass" (ssh gets it)."""
        options = ["-F", "none", "-i", self.server.home / "sshd/user", "-o", "BatchMode=yes", "-o", f"Port={port}",
                   "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
        if through:
            options += ["-o", "ProxyCommand=" + " ".join(map(str, self.proxy)) + " --fdpass" * (through == "fdpass"),
                        "-o", f"ProxyUseFdpass={'yes' if through == 'fdpass' else 'no'}"]
        begin = time.monotonic()
        self.laptop.run([tool, *options, *command], timeout=600)
        return (time.monotonic() - begin) * 1e6

    def shut(self):
        """Returns when the door is shut, and the window of the last knock over."""
        wait_for(lambda: not json.loads(self.server.run(
            ["nft", "-j", "list", "set", "inet", "chronoknock", self.guard.grant_set("ssh", 4)]).stdout
        )["nftables"][1]["set"].get("elem"), "the door to shut", 30, every=0.1)
        # A client waits for the clock's bound, too.
        self.lab.next_window(_WINDOW)


def connect(world, table, quick):
    """ssh and scp through connect, beside plain ones."""
    import table as t
    pair = _Pair(world)
    # A session that ends at once and runs no shell: what the user's startup files do takes longer, and varies.
    session = ("-s", pair.target, "sftp")
    plain, opened, shut = [], [], []
    for _ in range(4 if quick else 15):
        pair.shut()
        shut.append(pair.ssh(22, "relay", *session))
        for _ in range(3):
            plain.append(pair.ssh(_FREE, None, *session))
            opened.append(pair.ssh(_FREE, "relay", *session))
    plain, opened, shut = map(statistics.median, (plain, opened, shut))
    table.add("ssh through connect, open door", opened, t.micro, "plain ssh", plain, "<= 2 ms more",
              opened - plain <= 2000)
    table.add("ssh through connect, shut door", shut, t.micro, "open door", opened, "<= 30 ms more",
              shut - opened <= 30_000)

    size = (100 if quick else 1000) * 1_000_000
    folder = pathlib.Path("/dev/shm")
    source = folder / f"chronoknock-bench-{time.monotonic_ns()}"
    with source.open("wb") as out:
        out.truncate(size)
    try:
        for name, arguments in (("scp to", [source, f"{pair.target}:/dev/null"]),
                                ("scp from", [f"{pair.target}:{source}", "/dev/null"])):
            rates = {None: [], "relay": [], "fdpass": []}
            for turn in range(2 if quick else 5):
                for through in list(rates)[::1 if turn % 2 else -1]:
                    rates[through].append(size / pair.ssh(_FREE, through, *arguments, tool="scp"))
            direct = statistics.median(rates[None])
            for through, title in (("fdpass", "connect --fdpass"), ("relay", "connect")):
                rate = statistics.median(rates[through])
                table.add(f"{name} the server through {title}, {size // 1_000_000} MB", rate,
                          lambda v: f"{v:.0f} MB/s", "direct scp", direct, ">= 0.95", rate / direct >= 0.95)
    finally:
        source.unlink()
