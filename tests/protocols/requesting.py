"""What every vendor whose devices speak HTTP passes; its test mixes this in and names its vendor and requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import json
from zope.interface.verify import verifyObject

from tests.protocols.contract import fuzz
from tests.protocols.frames import FRAMES, frames
from waygps.errors import DecodeError
from waygps.fix import Message
from waygps.ingest.vendors import find_vendors
from waygps.interfaces import IRequests, IVendor
from waygps.request import Request, request
from waygps.vendor import Sample, Vendor

SPEAKING = [found.vendor for found in find_vendors().values() if "http" in found.vendor.transports]
NOISE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def said(vendor: IVendor, asked: Request) -> list[Message]:
    """The messages of a request."""
    return list(IRequests(vendor).messages(asked))


def claiming(asked: Request) -> list[str]:
    """The vendors that claim it."""
    return [vendor.name for vendor in SPEAKING if IRequests(vendor).claims(asked)]


class RequestsContract:
    """Mixed into a TestCase that sets ``vendor`` and ``requests``: some that it claims."""

    vendor: Vendor
    requests: list[Request]

    def test_provides_the_interfaces(self) -> None:
        """A vendor file that forgets a method is told so here, not by a device."""
        verifyObject(IVendor, self.vendor)
        verifyObject(IRequests, self.vendor)

    def test_samples(self) -> None:
        """What the vendor shows that it can do, it can do, and nobody else claims it."""
        assert self.vendor.samples
        for sample in self.vendor.samples:
            assert sample.request is not None
            assert claiming(sample.request) == [self.vendor.name]
            self.check(sample, said(self.vendor, sample.request))

    def check(self, sample: Sample, messages: list[Message]) -> None:
        fixes = [fix for message in messages for fix in message.fixes]
        assert b"".join(message.reply for message in messages) == sample.reply
        for fix, expected in zip(fixes, sample.fixes, strict=True):
            for name, value in expected.items():
                listed = datetime.fromisoformat(value).timestamp() * 1000 if name == "time" else value
                found = getattr(fix, name)
                assert abs(found - listed) < 1e-6 if isinstance(found, float) else found == listed, (name, found, listed)

    def test_its_requests_are_its_own(self) -> None:
        """At a port of all vendors each request of a device goes to its vendor."""
        for asked in self.requests:
            assert claiming(asked) == [self.vendor.name], asked

    def test_captured_requests_of_others(self) -> None:
        """A captured request of another vendor is not claimed."""
        for path in sorted(FRAMES.glob("*.jsonl")):
            for frame in frames(path.stem):
                if frame.request and path.stem != self.vendor.name:
                    asked = frame.request
                    made = request(asked["method"], asked["uri"], asked.get("headers"), (asked.get("body") or "").encode())
                    assert not self.vendor.claims(made), frame.id

    @fuzz
    @given(st.data())
    def test_noise(self, data: Any) -> None:
        """Whatever is sent raises nothing but DecodeError, and is claimed by one vendor at most."""
        asked = data.draw(st.sampled_from(self.requests))
        body = asked.body
        if data.draw(st.booleans()):
            at = data.draw(st.integers(0, len(body)))
            body = body[:at] + data.draw(st.binary(max_size=6)) + body[at + data.draw(st.integers(0, 4)) :]
        names = sorted({*asked.query, "id", "deviceid", "lat", "lon", "location", "u", "d", "timestamp"})
        query = dict(asked.query) | data.draw(
            st.dictionaries(st.sampled_from(names), st.lists(st.text(max_size=12), min_size=1, max_size=2), max_size=3)
        )
        headers = dict(asked.headers) | data.draw(st.sampled_from([{}, {"x-limit-u": "jane"}, {"x-limit-d": "/"}]))
        made = Request(method=data.draw(st.sampled_from(["GET", "POST"])), path="/", query=query, headers=headers, body=body)
        self.survives(made)

    @fuzz
    @given(st.data())
    def test_any_json(self, data: Any) -> None:
        """So does any JSON in the place of any value."""
        asked = data.draw(st.sampled_from([each for each in self.requests if each.body[:1] + each.body[-1:] == b"{}"]))
        report = json.decode(asked.body)
        for _ in range(data.draw(st.integers(1, 3))):
            inner = report
            while True:
                key = data.draw(st.sampled_from([*inner, "x"]))
                if isinstance(inner.get(key), dict) and inner[key] and data.draw(st.booleans()):
                    inner = inner[key]
                    continue
                inner[key] = data.draw(NOISE)
                break
        self.survives(request("POST", "/", {}, json.encode(report)))

    def survives(self, made: Request) -> None:
        assert len(claiming(made)) <= 1, made
        try:
            messages = said(self.vendor, made)
        except DecodeError:
            return
        for message in messages:
            assert isinstance(message.device, str)
            for fix in message.fixes:
                json.encode(fix)
                assert fix.time is None or abs(fix.time) < 10**15

    def test_nested_without_end(self) -> None:
        """A body that is nested without end is refused, and breaks nothing."""
        for body in (b'{"_type":' + b"[" * 60_000, b'{"device_id":1,"location":' + b'{"a":' * 10_000, b"[" * 60_000):
            self.survives(request("POST", "/", {"X-Limit-U": "jane"}, body))
