"""By what moment the certificates of NTS servers are judged, on machines whose clock is behind.

The certificates here are valid from and for whatever a test wants; the program's build date is taken to be near today.
"""

import unittest

from case import LabTest
from lab import start_chronyd
from ntslab import Authority, start_nts
from services import faketime_env

YEARS_BEHIND = "-5y"  # a board without a battery
JUDGED = r", judged by \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, the time of "
AHEAD = "+20d"        # the time servers' time where the system clock and the build date have to be behind it


class Certificates(LabTest):
    def setUp(self):
        super().setUp()
        self.ntp = self.lab.host("ntp")
        self.authority = Authority(self.lab.folder, since="-10y", days=7300)
        self.alice = self.key()

    def certificate(self, name, since, days, host=None):
        return self.authority.certificate(name, f"IP:{(host or self.ntp).ip4}", since, days)

    def nts(self, *hosts):
        return ", ".join(f"nts://{h.ip4}" for h in hosts or [self.ntp])

    def start(self, servers, clock=None, more=""):
        guard = self.small_guard(self.alice, start=False, wait=False, sections={
            "time": f"servers = {servers}\nnts_ca = {self.authority.file}\ninterval = 1\n{more}"})
        return guard.start(env=faketime_env(clock) if clock else None)

    def asked(self, guard, server=0):
        return guard.status()["time"]["servers"][server]

    def wait_refused(self, guard, why, server=0, seconds=30):
        def refused():
            problem = self.asked(guard, server)["problem"]
            return problem if "the certificate is not accepted" in problem else None
        self.assertRegex(self.wait_for(refused, "the certificate to be refused", seconds), why)

    def wait_accepted(self, guard, server=0, seconds=30):
        self.wait_for(lambda: self.asked(guard, server)["authenticated"], "an answer under keys", seconds)

    def test_valid_today_on_a_machine_years_behind(self):
        start_nts(self.ntp, self.certificate("good", "-1y", 730))
        guard = self.start(self.nts(), YEARS_BEHIND)
        self.wait_accepted(guard)
        self.assertTrue(guard.status()["accepting"])

    def test_expired_though_the_system_clock_would_take_it(self):
        start_nts(self.ntp, self.certificate("expired", "-60d", 30))
        guard = self.start(self.nts(), "-45d")
        self.wait_refused(guard, "certificate has expired" + JUDGED + "the program's build")
        self.assertFalse(guard.status()["accepting"])

    def test_first_fixes_unchecked_are_asked_for_and_counted(self):
        server = start_nts(self.ntp, self.certificate("new", "+10d", 30), fake=AHEAD)
        guard = self.start(self.nts(), YEARS_BEHIND)
        self.wait_refused(guard, "certificate is not yet valid" + JUDGED + "the program's build")
        self.assertFalse(guard.status()["accepting"])
        guard.stop()
        guard = self.start(self.nts(), YEARS_BEHIND, "first_fix_unchecked = 1")
        self.wait_accepted(guard)
        self.assertTrue(guard.status()["accepting"])
        # Valid by the system clock and the build date, but not by the time that there was a fix of.
        server.stop()
        start_nts(self.ntp, self.certificate("old", "-10d", 20), fake=AHEAD, name="again")
        self.wait_refused(guard, "certificate has expired", seconds=60)

    def test_the_estimate_judges_where_there_is_one(self):
        plain, late = self.lab.host("plain"), self.lab.host("late")
        plain.add_addresses(net4="10.78.0.0/24")
        start_chronyd(plain, fake=AHEAD)
        guard = self.start("10.78.0.1, 10.78.0.2, 10.78.0.3, " + self.nts(self.ntp, late))
        self.wait_for(lambda: guard.status()["accepting"], "the time from plain servers")
        start_nts(self.ntp, self.certificate("old", "-10d", 20), fake=AHEAD)
        start_nts(late, self.certificate("new", "+10d", 30, late), fake=AHEAD)
        self.wait_refused(guard, "certificate has expired" + JUDGED + "the time servers", 3)
        self.wait_accepted(guard, 4)

    def test_the_record_knows_a_later_time(self):
        plain = self.lab.host("plain")
        start_chronyd(plain, fake=AHEAD)
        guard = self.start(plain.ip4)
        self.wait_for(lambda: guard.status()["accepting"], "the time from a plain server")
        guard.stop()
        start_nts(self.ntp, self.certificate("new", "+10d", 30), fake=AHEAD)
        guard = self.start(self.nts(), YEARS_BEHIND)
        self.wait_accepted(guard)

    def test_a_record_in_the_future_is_named(self):
        """It shuts out servers that are right: status and log say what it is that judged them."""
        plain = self.lab.host("plain")
        start_chronyd(plain, fake=AHEAD)
        guard = self.start(plain.ip4)
        self.wait_for(lambda: guard.status()["accepting"], "the time from a plain server")
        guard.stop()
        start_nts(self.ntp, self.certificate("good", "-1d", 10))
        guard = self.start(self.nts())
        self.wait_refused(guard, "certificate has expired" + JUDGED + "the newest knock in the record")
        self.assertRegex(guard.log(), "certificate has expired" + JUDGED + "the newest knock in the record")

    def test_authorities_that_root_alone_can_read(self):
        """The helper reads them, at each reload anew."""
        start_nts(self.ntp, self.certificate("good", "-1y", 730))
        self.lab.folder.chmod(0o755)
        hidden = self.lab.folder / "hidden"
        hidden.mkdir(mode=0o700)
        authorities = hidden / "ca.pem"
        authorities.write_bytes(self.authority.file.read_bytes())
        authorities.chmod(0o600)
        guard = self.small_guard(self.alice, start=False, wait=False, sections={
            "server": "user = 65534", "time": f"servers = {self.nts()}\nnts_ca = {authorities}\ninterval = 1"})
        guard.start()
        self.wait_accepted(guard)
        authorities.write_bytes(Authority(self.lab.folder, "another").file.read_bytes())
        guard.reload()
        guard.wait_log("configuration read again")
        self.wait_refused(guard, "certificate is not accepted")

    def test_a_common_name_is_no_name(self):
        start_nts(self.server, self.authority.certificate("localhost", None, "-1y", 730))
        guard = self.start("nts://localhost")
        self.wait_refused(guard, "hostname mismatch")


if __name__ == "__main__":
    unittest.main()
