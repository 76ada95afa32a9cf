"""Process variables over Channel Access, with whatever one likes behind them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from operando.simulations.ioc_channels import Choice, LongText, Number, Text, Whole

#: Longest text of a long string, as areaDetector has it for paths.
_PATH_LENGTH = 256


class Outcome(Protocol):
    """Something that was begun and ends later, as an ophyd status."""

    def add_callback(self, callback: Callable[[Any], None]) -> None:
        """Have a function called with this when it has ended."""
        ...

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what went wrong."""
        ...


class Pending:
    """An outcome that somebody else will end."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[Any], None]] = []
        self._ended = False
        self._error: BaseException | None = None
        self._lock = threading.Lock()

    def end(self, error: BaseException | None = None) -> None:
        """End it; a second time does nothing."""
        with self._lock:
            if self._ended:
                return
            self._ended, self._error = True, error
        for callback in self._callbacks:
            callback(self)

    def add_callback(self, callback: Callable[[Any], None]) -> None:
        """Have a function called with this when it has ended."""
        with self._lock:
            ended = self._ended
            if not ended:
                self._callbacks.append(callback)
        if ended:
            callback(self)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what went wrong."""
        return self._error


Put = Callable[[Any], Outcome | None]


class Board:
    """The process variables of an IOC.

    Parameters
    ----------
    prefix : str
        Begin of every name.
    now : callable
        Time for the time stamps, seconds since 1970-01-01 UTC.

    Notes
    -----
    What happens at a client's put runs on one thread of its own, one put after the other, as in
    an IOC's driver: so the simulated devices see the same order of calls as in one process. What
    takes time returns an `Outcome`, and the put's callback waits for it.
    """

    def __init__(self, prefix: str, now: Callable[[], float]) -> None:
        self.prefix = prefix
        self.pvdb: dict[str, Any] = {}
        self.now = now
        self._driver = ThreadPoolExecutor(1, thread_name_prefix="operando-ioc")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begin: list[Callable[[], Awaitable[None]]] = []

    def number(
        self,
        name: str,
        value: float = 0.0,
        *,
        put: Put | None = None,
        units: str = "",
        limits: tuple[float, float] = (0.0, 0.0),
        rbv: bool = False,
        read_only: bool = False,
        ask: Callable[[], float] | None = None,
    ) -> None:
        """Add a floating-point number; `rbv` adds the read-back that follows it.

        `ask` gives the value whenever a client gets it.
        """
        low, high = limits
        facts = {"units": units, "lower_ctrl_limit": low, "upper_ctrl_limit": high}
        self._add(name, lambda: Number(value=float(value), precision=6, **facts), put, read_only)
        self.pvdb[self.prefix + name].ask = ask
        if rbv:
            self._twin(name, lambda: Number(value=float(value), precision=6, **facts))

    def whole(
        self,
        name: str,
        value: int = 0,
        *,
        put: Put | None = None,
        rbv: bool = False,
        read_only: bool = False,
    ) -> None:
        """Add a whole number."""
        self._add(name, lambda: Whole(value=int(value)), put, read_only)
        if rbv:
            self._twin(name, lambda: Whole(value=int(value)))

    def choice(
        self,
        name: str,
        choices: Sequence[str],
        value: str | None = None,
        *,
        put: Put | None = None,
        rbv: bool = False,
        read_only: bool = False,
    ) -> None:
        """Add one of a few words."""
        facts = {"enum_strings": list(choices), "value": value or choices[0]}
        self._add(name, lambda: Choice(**facts), put, read_only)
        if rbv:
            self._twin(name, lambda: Choice(**facts))

    def text(
        self, name: str, value: str = "", *, put: Put | None = None, read_only: bool = False
    ) -> None:
        """Add a text of up to 40 characters."""
        self._add(name, lambda: Text(value=value), put, read_only)

    def long_text(
        self,
        name: str,
        value: str = "",
        *,
        put: Put | None = None,
        length: int = _PATH_LENGTH,
        rbv: bool = False,
        read_only: bool = False,
        ask: Callable[[], str] | None = None,
    ) -> None:
        """Add a text of any length, as an array of characters."""

        def make() -> LongText:
            return LongText(value=value, max_length=length, string_encoding="utf-8")

        self._add(name, make, put, read_only)
        self.pvdb[self.prefix + name].ask = ask
        if rbv:
            self._twin(name, make)

    def array(
        self,
        name: str,
        length: int,
        *,
        put: Put | None = None,
        units: str = "",
        value: Sequence[float] = (0.0,),
        read_only: bool = False,
        ask: Callable[[], Sequence[float]] | None = None,
    ) -> None:
        """Add an array of floating-point numbers."""
        self._add(
            name,
            lambda: Number(value=list(value), max_length=length, units=units, precision=6),
            put,
            read_only,
        )
        self.pvdb[self.prefix + name].ask = ask

    def also(self, name: str, alias: str) -> None:
        """Serve one process variable under another name as well."""
        self.pvdb[self.prefix + alias] = self.pvdb[self.prefix + name]

    def get(self, name: str) -> Any:
        """Return a value; words of a choice come as words."""
        return self.pvdb[self.prefix + name].value

    def post(self, name: str, value: Any, timestamp: float | None = None) -> None:
        """Publish a value, from any thread.

        Parameters
        ----------
        name : str
            Without the prefix.
        value : object
            The new value.
        timestamp : float, optional
            Now if not given.
        """
        if self._loop is None:
            return
        stamp = self.now() if timestamp is None else timestamp
        channel = self.pvdb[self.prefix + name]

        def write() -> None:
            assert self._loop is not None
            self._loop.create_task(channel.write(value, timestamp=stamp))

        self._loop.call_soon_threadsafe(write)

    def at_start(self, task: Callable[[], Awaitable[None]]) -> None:
        """Have a coroutine function run while the IOC does."""
        self._begin.append(task)

    async def perform(self, channel: Any) -> None:
        """Do what a put asks for, and wait until it has ended."""
        for twin in channel.twins:
            await self.pvdb[twin].write(channel.value, timestamp=self.now())
        if channel.on_put is None:
            return
        loop = asyncio.get_running_loop()
        outcome = await loop.run_in_executor(self._driver, channel.on_put, channel.value)
        if outcome is None:
            return
        ended: asyncio.Future[BaseException | None] = loop.create_future()

        def tell(status: Any) -> None:
            loop.call_soon_threadsafe(ended.set_result, outcome.exception())

        outcome.add_callback(tell)
        error = await ended
        if error is not None:
            raise error

    async def began(self) -> None:
        """Take note that the server runs, and do what is to be done while it does."""
        self._loop = asyncio.get_running_loop()
        await asyncio.gather(*(task() for task in self._begin))

    def _add(
        self, name: str, make: Callable[[], Any], put: Put | None, read_only: bool = False
    ) -> None:
        channel = make()
        channel.board, channel.on_put, channel.read_only = self, put, read_only
        self.pvdb[self.prefix + name] = channel

    def _twin(self, name: str, make: Callable[[], Any]) -> None:
        self._add(f"{name}_RBV", make, None, read_only=True)
        self.pvdb[self.prefix + name].twins = (f"{self.prefix}{name}_RBV",)
