"""Admission by memory: who holds how much of the budget, and who waits for some."""

from typing import Generic, TypeVar

from mediamill.engine.messages import Grant

Holder = TypeVar("Holder")


class Memory(Generic[Holder]):
    """Shares a budget of bytes between holders, first come first served, but those who hold some go first.

    Args:
        budget: How many bytes may be held together.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._held: dict[Holder, int] = {}
        self._waiting: list[tuple[Holder, int]] = []

    def ask(self, holder: Holder, amount: int) -> list[tuple[Holder, Grant]]:
        """Ask for bytes; return who is to be told what now. No entry for the asker means that it waits."""
        if self._held.get(holder, 0) + amount > self._budget:
            return [(holder, Grant(False))]
        self._waiting.append((holder, amount))
        granted = self._grant()
        waiting = [waiter for waiter, _ in self._waiting]
        if holder in self._held and holder in waiting and all(other in waiting for other in self._held):
            # All who hold some wait for more, so none of it would ever come back.
            self._waiting.remove((holder, amount))
            granted.append((holder, Grant(False)))
        return granted

    def release(self, holder: Holder) -> list[tuple[Holder, Grant]]:
        """Give back all a holder has or waits for; return who is to be told what now."""
        self._held.pop(holder, None)
        self._waiting = [(waiting, amount) for waiting, amount in self._waiting if waiting is not holder]
        return self._grant()

    def _grant(self) -> list[tuple[Holder, Grant]]:
        granted = []
        for holder, amount in sorted(self._waiting, key=lambda wish: wish[0] not in self._held):
            if sum(self._held.values()) + amount > self._budget:
                if holder in self._held:
                    continue
                break
            self._waiting.remove((holder, amount))
            self._held[holder] = self._held.get(holder, 0) + amount
            granted.append((holder, Grant(True)))
        return granted
