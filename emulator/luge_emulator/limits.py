"""The service's limits on a channel: requests and bytes in a second."""
from __future__ import annotations

import time

from luge_emulator.errors import ApiError


class Bucket:
    """A token bucket that holds one second's worth."""

    def __init__(self, per_second: float) -> None:
        self._rate = self._left = per_second
        self._at = time.monotonic()

    def take(self, amount: float) -> bool:
        """False if it is not there; an amount beyond a whole second's worth passes when the bucket is full, and is owed afterwards."""
        now = time.monotonic()
        self._left = min(self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < min(amount, self._rate):
            return False
        self._left -= amount
        return True


class ChannelLimits:
    """Soft in the service; here they are exact when `strict` is set."""

    def __init__(self, requests_per_second: float, bytes_per_second: float) -> None:
        self._requests, self._bytes = Bucket(requests_per_second), Bucket(bytes_per_second)

    def check(self, size: int) -> None:
        if not self._requests.take(1) or not self._bytes.take(size):
            raise ApiError(429, "390701", "Request rate exceeds max. Try later.")
