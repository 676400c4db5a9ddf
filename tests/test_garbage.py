"""The garbage collector as the server sets it."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from waygps.garbage import THRESHOLDS, GarbageCollection


class GarbageTests(SynchronousTestCase):
    def test_set_at_the_end_of_the_start(self) -> None:
        """Once the server has started its own objects are not looked at any more, and fixes rarely."""
        before = gc.get_threshold()
        self.addCleanup(gc.set_threshold, *before)
        self.addCleanup(gc.unfreeze)
        GarbageCollection().startService()
        assert gc.get_threshold()[:2] == THRESHOLDS[:2]
        assert gc.get_freeze_count() > 0
        assert gc.isenabled()
