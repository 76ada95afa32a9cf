"""Channels that do something when a client writes to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from caproto import (
    AccessRights,
    AlarmSeverity,
    AlarmStatus,
    ChannelChar,
    ChannelDouble,
    ChannelEnum,
    ChannelInteger,
    ChannelString,
)


class Performs(Protocol):
    """What does what a put asks for."""

    def now(self) -> float:
        """Return the time, seconds since 1970-01-01 UTC."""
        ...

    async def perform(self, channel: Any) -> None:
        """Do it, and wait until it has ended."""
        ...


class _Served:
    """What a channel does besides keeping its value."""

    board: Performs
    on_put: Callable[[Any], Any] | None = None
    read_only = False
    ask: Callable[[], Any] | None = None
    twins: tuple[str, ...] = ()

    def check_access(self, host: str, user: str) -> AccessRights:
        """Say what a client may do."""
        return AccessRights.READ if self.read_only else AccessRights.READ | AccessRights.WRITE

    async def read(self, data_type: Any) -> Any:
        """Answer a client that asks: with the value of this moment, where there is one."""
        if self.ask is not None:
            await self.write(self.ask(), timestamp=self.board.now())  # type: ignore[attr-defined]
        return await self._read(data_type)  # type: ignore[attr-defined]

    async def write_from_dbr(
        self, data: Any, data_type: Any, metadata: Any, *, flags: int = 0
    ) -> None:
        """Take a client's value and do what it asks for; a put with callback waits for that."""
        before = self.value  # type: ignore[attr-defined]
        await super().write_from_dbr(data, data_type, metadata, flags=flags)  # type: ignore[misc]
        try:
            await self.board.perform(self)
        except Exception:
            await self.write(  # type: ignore[attr-defined]
                before, status=AlarmStatus.WRITE, severity=AlarmSeverity.MAJOR_ALARM
            )
            raise


class Number(_Served, ChannelDouble):  # type: ignore[misc]
    """A floating-point number, or an array of them."""


class Whole(_Served, ChannelInteger):  # type: ignore[misc]
    """A whole number."""


class Choice(_Served, ChannelEnum):  # type: ignore[misc]
    """One of a few words."""


class Text(_Served, ChannelString):  # type: ignore[misc]
    """A text of up to 40 characters."""


class LongText(_Served, ChannelChar):  # type: ignore[misc]
    """A text as an array of characters."""
