"""What an eavesdropper gets out of a knock: nothing, whatever happens to the server meanwhile."""

import time
import unittest

from case import PORT, WINDOW, LabTest
from lab import CLOCK_ERROR, syn


class Replay(LabTest):
    """Each replay is sent while its window is still good, the grant it earned being over."""

    window = 6

    def setUp(self):
        super().setUp()
        self.alice = self.key(granularity=self.window)

    def guarded(self, **options):
        guard = self.guard(self.alice, open_for=4, wait=False, **options)
        self.first_window(self.window)
        return guard

    def replay(self, heard, refused_as="replay"):
        """Sends what was heard again, from where the attacker is, and checks that it is without effect."""
        guard = self.guards[0]
        before = guard.log().count(refused_as)
        self.lab.sender(self.other).send(heard)
        guard.wait_log(refused_as, count=before + 1)
        self.assert_shut(self.client, heard[0].target)
        self.assert_shut(self.other, heard[0].target)

    def shut_again(self, target=None):
        self.client.wait_shut(target or self.server.ip4, PORT)

    def test_at_once(self):
        self.guarded()
        for target in (self.server.ip4, self.server.ip6):
            with self.subTest(target=target):
                heard = self.capture_knock(self.alice, target)
                self.shut_again(target)
                self.replay(heard)

    def test_it_does_not_extend_a_grant(self):
        guard = self.guarded()
        heard = self.capture_knock(self.alice)
        opened = time.time()

        def judged():
            knocks = guard.status()["knocks"]
            return knocks["repeated"] + knocks["refused"]
        before = judged()
        # So soon after the knock it is taken for a later round of it, and as worthless.
        self.lab.until(opened + 0.5)
        self.lab.sender(self.other).send(heard)
        self.wait_for(lambda: judged() > before, "the server to judge the replay")
        self.lab.until(opened + 4.2)
        self.assert_shut(self.client)  # for 0.3 s more it would be open

    def test_after_a_restart(self):
        guard = self.guarded()
        heard = self.capture_knock(self.alice)
        guard.stop()
        guard.start()
        self.shut_again()
        self.replay(heard)

    def test_after_sigkill(self):
        guard = self.guarded()
        heard = self.capture_knock(self.alice)
        guard.sigkill()
        guard.start()
        self.shut_again()
        self.replay(heard)

    def test_with_the_state_file_deleted(self):
        guard = self.guarded()
        heard = self.capture_knock(self.alice)
        guard.stop()
        for file in guard.folder.glob("state.db*"):
            file.unlink()
        guard.start()
        self.shut_again()
        self.lab.sender(self.other).send(heard)
        # No knock of that window is worth anything any more, so the server need not say replay.
        self.lab.next_window(self.window)
        self.all_seen(self.alice)
        self.assert_shut(self.client)

    def test_from_another_address(self):
        """The ports as heard, but the attacker's own address: that is not even a knock."""
        self.guarded()
        heard = self.capture_knock(self.alice)
        self.lab.sender(self.other).send([syn(self.other.ip4, self.server.ip4, p.port) for p in heard])
        self.lab.next_window(self.window)
        third = self.lab.host("third")
        self.all_seen(self.alice, third)
        self.assert_shut(self.other)


class Windows(LabTest):
    def test_the_previous_window_is_good_and_an_older_one_is_not(self):
        key = self.key()
        self.guard(key)
        for _ in range(5):
            first = self.lab.next_window(WINDOW)
            third = first + 2 * WINDOW
            self.lab.until(first + WINDOW)
            self.client.knock(self.server, key, "web", "--at", first)
            if time.time() < third:  # it was sent in time
                break
        self.assert_opens(self.client)
        self.lab.until(third + CLOCK_ERROR + 0.1)
        self.other.knock(self.server, key, "web", "--at", first)
        self.all_seen(key, self.lab.host("third"))
        self.assert_shut(self.other)

    def test_a_window_to_come_is_refused(self):
        key = self.key(granularity=10)
        self.guard(key, wait=False)
        now = self.first_window(10)
        self.client.knock(self.server, key, "web", "--at", now + 2 * 10)
        self.all_seen(key)
        self.assert_shut(self.client)

    def test_a_first_start_takes_no_window_that_began_before_it(self):
        key = self.key(granularity=4)
        began = self.lab.next_window(4)
        guard = self.guard(key, wait=False)
        self.client.knock(self.server, key, "web", "--at", began)
        guard.wait_log("began before")
        self.assert_shut(self.client)
        self.first_window(4)
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)


if __name__ == "__main__":
    unittest.main()
