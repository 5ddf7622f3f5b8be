"""What the tests of the log as a source have in common: a firewall's log, and who writes it."""

import shutil

from case import POOL, LabTest
from lab import wait_for

GROUP = 7


def log_syns(host, statement):
    """Has a host's firewall log what may be part of a knock."""
    host.run(["nft", "-f", "-"], stdin=f"""
        add table inet firewall
        delete table inet firewall
        table inet firewall {{ chain input {{ type filter hook prerouting priority -300;
            tcp dport {POOL} tcp flags & (syn | ack) == syn {statement}
            udp dport {POOL} {statement}
        }}
        }}""")


def start_ulogd(host, log):
    """ulogd writes what the rules hand to the log group into the file, in netfilter's LOG format."""
    folder = host.home / "ulogd"
    folder.mkdir()
    config = folder / "conf"
    config.write_text(f"""
[global]
logfile="{folder}/log"
loglevel=3
stack=group:NFLOG,base:BASE,interface:IFINDEX,address:IP2STR,print:PRINTPKT,file:LOGEMU
[group]
group={GROUP}
[file]
file="{log}"
sync=1
""", encoding="ascii")
    daemon = host.spawn([shutil.which("ulogd") or "/usr/sbin/ulogd", "-c", config], log=folder / "out")
    wait_for(log.exists, f"ulogd to open the file; it said:\n{daemon.text()}")
    log_syns(host, f'log group {GROUP} queue-threshold 1 prefix "knock"')
    return daemon


class LogTest(LabTest):
    def setUp(self):
        super().setUp()
        self.log = self.server.home / "firewall.log"

    def log_guard(self, key=None, capture="", **options):
        options.setdefault("wait", True)
        return self.small_guard(key or self.key(), sections={"capture": f"log = {self.log}\n{capture}"}, **options)

    def rules(self, statement):
        log_syns(self.server, statement)

    def start_ulogd(self):
        return start_ulogd(self.server, self.log)

    def lines(self, matched, guard):
        """Waits until the server has read so many lines of connection attempts."""
        wait_for(lambda: guard.status()["log"]["lines_matched"] >= matched, f"{matched} lines to be read")

    def written(self, packets, target=None):
        """Lines of the kernel's about packets of an eavesdropper's."""
        return "".join(
            f"Nov 28 16:25:10 server kernel: [  100.000001] knock: IN=eth0 OUT= MAC=02:00 SRC={p.source} "
            f"DST={target or p.target} LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT={p.source_port} "
            f"DPT={p.port} WINDOW=64240 RES=0x00 SYN URGP=0 \n" for p in packets)

    def append(self, text):
        with open(self.log, "a", encoding="latin-1") as f:
            f.write(text)
