"""Start and stop of the whole."""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.fakes import FakeReactor, logged
from waygps.services import Greeting, OrderedServices, in_order


class Recorded(Service):
    """A service that says what happens to it, and takes its time where the test wants that."""

    def __init__(self, name: str, story: list[str]) -> None:
        self.name = name
        self.story = story
        self.starting: Deferred[None] | None = None
        self.stopping: Deferred[None] | None = None

    def startService(self) -> Any:
        super().startService()
        self.story.append(f"start {self.name}")
        return self.starting

    def stopService(self) -> Any:
        super().stopService()
        self.story.append(f"stop {self.name}")
        return self.stopping


class OrderedServicesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.story: list[str] = []
        self.parts = [Recorded(name, self.story) for name in ("database", "web", "ports")]
        self.whole = in_order(self.reactor, self.parts)

    def test_interface(self) -> None:
        """twistd can run it, and stop it by its parts' names."""
        verifyObject(IService, self.whole)
        assert self.whole.getServiceNamed("web") is self.parts[1]

    def test_order(self) -> None:
        """The ports open last and close first."""
        self.whole.startService()
        assert self.story == ["start database", "start web", "start ports"]
        self.successResultOf(self.whole.stopService())
        assert self.story[3:] == ["stop ports", "stop web", "stop database"]
        assert not any(part.running for part in self.parts)

    def test_each_is_waited_for(self) -> None:
        """No port opens before the database is ready, and the database stays until the ports have closed."""
        ready: Deferred[None] = Deferred()
        self.parts[0].starting = ready
        self.whole.startService()
        assert self.story == ["start database"]
        ready.callback(None)
        assert self.story[-1] == "start ports"
        closed: Deferred[None] = Deferred()
        self.parts[2].stopping = closed
        stopped = self.whole.stopService()
        assert self.story[-1] == "stop ports"
        self.assertNoResult(stopped)
        closed.callback(None)
        self.successResultOf(stopped)
        assert self.story[-1] == "stop database"

    def failing_start(self) -> list[str]:
        self.parts[1].starting = fail(RuntimeError("no disk"))
        with logged() as lines:
            self.whole.startService()
        assert len(self.flushLoggedErrors(RuntimeError)) == 1
        return lines

    def test_failing_start(self) -> None:
        """A part that cannot start stops the program, with its name in the log; what would come after it never starts."""
        lines = self.failing_start()
        assert any(line.startswith("web did not start: stopping") for line in lines)
        assert self.reactor.stops == 1
        assert "start ports" not in self.story

    def test_failing_start_stops_the_started(self) -> None:
        """What had started before the failure is stopped in order."""
        self.failing_start()
        self.successResultOf(self.whole.stopService())
        assert self.story == ["start database", "start web", "stop web", "stop database"]

    def test_failing_start_before_the_loop(self) -> None:
        """A part that fails at once, before the program's loop runs, stops the program as soon as it does."""
        self.reactor.running = False
        self.failing_start()
        self.reactor.run()
        assert self.reactor.stops == 1

    def test_failing_stop(self) -> None:
        """A part that fails to stop does not keep the others from stopping, and is named."""
        self.whole.startService()
        self.parts[2].stopping = fail(RuntimeError("stuck"))
        with logged() as lines:
            self.successResultOf(self.whole.stopService())
        assert self.story[-2:] == ["stop web", "stop database"]
        assert any(line.startswith("ports did not stop") for line in lines)
        assert len(self.flushLoggedErrors(RuntimeError)) == 1

    def test_stop_while_starting(self) -> None:
        """A stop in the middle of a start stops what began, and nothing more is started."""
        ready: Deferred[None] = Deferred()
        self.parts[0].starting = ready
        self.whole.startService()
        self.successResultOf(self.whole.stopService())
        ready.callback(None)
        assert self.story == ["start database", "stop database"]

    def test_start_again(self) -> None:
        """What was stopped can be started again."""
        self.whole.startService()
        self.successResultOf(self.whole.stopService())
        self.whole.startService()
        assert self.story[-3:] == ["start database", "start web", "start ports"]

    def test_empty(self) -> None:
        """Nothing starts and stops as well as something."""
        nothing = OrderedServices(self.reactor)
        nothing.startService()
        assert self.successResultOf(nothing.stopService()) is None


class GreetingTests(SynchronousTestCase):
    def test_last_word(self) -> None:
        """The banner is printed when everything before it has started, and not earlier."""
        story: list[str] = []
        database = Recorded("database", story)
        ready: Deferred[None] = Deferred()
        database.starting = ready
        whole = in_order(FakeReactor(), [database, Greeting(lambda: story.append("hello"))])
        whole.startService()
        assert story == ["start database"]
        ready.callback(None)
        assert story == ["start database", "hello"]
