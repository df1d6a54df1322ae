from hypothesis import given, settings
from hypothesis import strategies as st

from mediamill.engine.memory import Memory
from mediamill.engine.messages import Grant

YES, NO = Grant(True), Grant(False)


def test_what_fits_is_granted_at_once() -> None:
    memory: Memory[str] = Memory(10)
    assert memory.ask("a", 10) == [("a", YES)]


def test_what_never_fits_is_refused_at_once() -> None:
    memory: Memory[str] = Memory(10)
    assert memory.ask("a", 11) == [("a", NO)]
    assert memory.ask("b", 10) == [("b", YES)]


def test_who_waits_is_told_when_enough_is_given_back() -> None:
    memory: Memory[str] = Memory(10)
    assert memory.ask("a", 6) == [("a", YES)]
    assert memory.ask("b", 6) == []
    assert memory.release("a") == [("b", YES)]


def test_who_came_first_is_served_first_also_before_smaller_ones() -> None:
    memory: Memory[str] = Memory(10)
    memory.ask("a", 6)
    assert memory.ask("b", 8) == []
    assert memory.ask("c", 1) == []
    assert memory.release("a") == [("b", YES), ("c", YES)]


def test_who_gave_up_waiting_makes_room_for_the_next() -> None:
    memory: Memory[str] = Memory(10)
    memory.ask("a", 6)
    memory.ask("b", 8)
    memory.ask("c", 4)
    assert memory.release("b") == [("c", YES)]


def test_a_holder_may_ask_for_more_but_not_wait_for_itself() -> None:
    memory: Memory[str] = Memory(10)
    assert memory.ask("a", 6) == [("a", YES)]
    assert memory.ask("a", 4) == [("a", YES)]
    assert memory.ask("a", 1) == [("a", NO)]
    assert memory.release("a") == []
    assert memory.ask("b", 10) == [("b", YES)]


def test_giving_back_nothing_is_nothing() -> None:
    assert Memory[str](10).release("a") == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), max_size=40))
@settings(deadline=None)
def test_the_budget_holds_and_everybody_is_told_once(steps: list[tuple[int, int]]) -> None:
    memory: Memory[int] = Memory(10)
    held: dict[int, int] = {}
    asked: dict[int, int] = {}
    for holder, amount in steps:
        if holder in held or holder in asked:
            held.pop(holder, None)
            asked.pop(holder, None)
            replies = memory.release(holder)
        else:
            asked[holder] = amount
            replies = memory.ask(holder, amount)
        for told, grant in replies:
            wanted = asked.pop(told)
            assert grant.granted is (wanted <= 10)
            if grant.granted:
                held[told] = wanted
        assert sum(held.values()) <= 10
    while held:
        holder, _ = held.popitem()
        held.update((told, asked.pop(told)) for told, _ in memory.release(holder))
    assert not asked
