"""Admission by memory: who holds how much of the budget, and who waits for some."""

from typing import Generic, TypeVar

from mediamill.engine.messages import Grant

Holder = TypeVar("Holder")


class Memory(Generic[Holder]):
    """Shares a budget of bytes between holders, first come first served.

    Args:
        budget: How many bytes may be held together.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._held: dict[Holder, int] = {}
        self._waiting: list[tuple[Holder, int]] = []

    def ask(self, holder: Holder, amount: int) -> list[tuple[Holder, Grant]]:
        """Ask for bytes; return who is to be told what now. No entry for the asker means that it waits."""
        if amount > self._budget:
            return [(holder, Grant(False))]
        self._waiting.append((holder, amount))
        return self._grant()

    def release(self, holder: Holder) -> list[tuple[Holder, Grant]]:
        """Give back all a holder has or waits for; return who is to be told what now."""
        self._held.pop(holder, None)
        self._waiting = [(waiting, amount) for waiting, amount in self._waiting if waiting is not holder]
        return self._grant()

    def _grant(self) -> list[tuple[Holder, Grant]]:
        granted = []
        while self._waiting:
            holder, amount = self._waiting[0]
            if sum(self._held.values()) + amount > self._budget:
                break
            self._waiting.pop(0)
            self._held[holder] = self._held.get(holder, 0) + amount
            granted.append((holder, Grant(True)))
        return granted
