"""Ctrl-C for commands that go on until it comes."""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupts:
    """While it is entered, a Ctrl-C that Python drops still ends the next pause.

    Python writes off an exception that strikes in a finalizer (`Exception ignored in …`), KeyboardInterrupt too, and a
    client closes sockets in finalizers: about one Ctrl-C in 300 met one while it polled without a pause.
    """

    def __init__(self) -> None:
        self._seen = False
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = signal.getsignal(signal.SIGINT)
        # A command in the background (`nohup`, `&`) ignores the signal, and goes on doing so.
        if self._before is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._before)

    def pause(self, seconds: float) -> None:
        """Sleep; raises KeyboardInterrupt at once when a Ctrl-C came before."""
        if self._seen:
            raise KeyboardInterrupt
        time.sleep(seconds)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._seen = True
        raise KeyboardInterrupt
