import re

import pytest

from mediamill.protocol import errors
from mediamill.protocol.errors import BY_CODE, CODES, MediaError

PROTOCOL_CODES = """
invalid_json, line_too_long, invalid_job, unknown_operation, duplicate_id, input_not_found, input_unreadable,
unsupported_format, corrupt_input, limit_exceeded, path_denied, output_exists, output_unwritable, disk_full,
password_required, target_unreachable, dependency_missing, encode_failed, timeout, cancelled, worker_crashed,
out_of_memory, overloaded, shutting_down, internal
"""
RETRYABLE = {"disk_full", "worker_crashed", "overloaded", "shutting_down"}
USAGE = {"invalid_json", "line_too_long", "invalid_job", "unknown_operation"}


def test_the_list_of_codes_is_closed() -> None:
    assert list(CODES) == PROTOCOL_CODES.replace(",", " ").split()


def test_each_code_has_exactly_one_exception() -> None:
    kinds = MediaError.__subclasses__()
    assert sorted(kind.code for kind in kinds) == sorted(CODES)
    assert {code: kind.code for code, kind in BY_CODE.items()} == {code: code for code in CODES}
    assert not [kind for direct in kinds for kind in direct.__subclasses__()]


def test_each_exception_is_drawn_in_the_modules_tree() -> None:
    assert errors.__doc__ is not None
    assert {kind.__name__ for kind in BY_CODE.values()} <= set(re.findall(r"\w+", errors.__doc__))


@pytest.mark.parametrize("code", CODES)
def test_each_code_says_what_happened_and_the_way_out_in_sentences(code: str) -> None:
    for sentence in (CODES[code].meaning, CODES[code].way_out, BY_CODE[code].__doc__ or ""):
        assert re.fullmatch(r"[A-Z`].{8,}\.", sentence), sentence


@pytest.mark.parametrize("code", CODES)
def test_each_code_says_whether_to_retry_and_how_a_command_exits(code: str) -> None:
    assert CODES[code].retryable is (code in RETRYABLE)
    assert CODES[code].exit_status == (2 if code in USAGE else 70 if code == "internal" else 1)
    assert BY_CODE[code]("Why.").retryable is CODES[code].retryable


def test_an_error_keeps_what_it_was_raised_with() -> None:
    error = errors.InvalidJob("No.", field="f", received=1, expected="2", suggestion="s", detail="d")
    assert (str(error), error.message) == ("No.", "No.")
    assert (error.field, error.received, error.expected, error.suggestion, error.detail) == ("f", 1, "2", "s", "d")
