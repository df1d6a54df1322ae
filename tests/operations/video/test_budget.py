import pytest

from mediamill.operations.video import _budget
from mediamill.operations.video._budget import Made, fit, parse_size
from mediamill.protocol.errors import InvalidJob


@pytest.mark.parametrize(("value", "size"), [
    (8_000_000, 8_000_000), ("8M", 8_000_000), ("8MiB", 8_388_608), ("1.5 kB", 1_500), ("2g", 2_000_000_000),
    ("512", 512), (None, None),
])  # fmt: skip
def test_sizes(value, size):
    assert parse_size(value) == size


@pytest.mark.parametrize("value", [0, -1, "0", "", "8X", "M", "-3M", "1e6", "8 Mbit/s"])
def test_what_is_no_size(value):
    with pytest.raises(InvalidJob, match="target_size"):
        parse_size(value)


class Encoder:
    """Stands for an encoder: writes files whose size follows from the bitrate as a function says."""

    def __init__(self, path, seconds, picture, others=5_000, smallest=2_000):
        self.path, self.seconds, self.picture, self.others, self.smallest = path, seconds, picture, others, smallest
        self.rates, self.shares = [], []

    def __call__(self, rate):
        self.rates.append(rate.bitrate)
        self.shares.append(rate.share)
        picture = self.smallest if rate.bitrate is None else round(self.picture(rate.bitrate * self.seconds / 8))
        self.path.write_bytes(b"\0" * (picture + self.others))
        return Made(picture=picture, size=picture + self.others, told=None)


def fitted(tmp_path, target, picture, **said):
    encoder = Encoder(tmp_path / "film", 10, picture, **said)
    found = fit(str(encoder.path), target, 4_000, 10, encoder)
    assert found.made.size == encoder.path.stat().st_size, "the best try is what is left in the file"
    assert found.encodes == len(encoder.rates)
    assert list(tmp_path.iterdir()) == [encoder.path]
    return found, encoder


@pytest.mark.parametrize("picture", [
    lambda asked: asked, lambda asked: asked * 1.4, lambda asked: asked * 0.6, lambda asked: 40 * asked**0.7,
    lambda asked: asked**1.2 / 8, lambda asked: asked + 20_000,
], ids=["true", "more", "less", "flat", "steep", "offset"])  # fmt: skip
@pytest.mark.parametrize("target", [100_000, 1_000_000])
def test_encoders_that_miss_are_corrected(tmp_path, target, picture):
    found, _ = fitted(tmp_path, target, picture)
    assert found.verdict == "reached"
    assert target * 0.97 <= found.made.size <= target
    assert found.encodes <= 3


def test_a_floor_above_the_target_is_said(tmp_path):
    found, encoder = fitted(tmp_path, 6_000, lambda asked: max(asked, 2_000))
    assert (found.verdict, found.made.size) == ("unreachable", 7_000)
    assert encoder.rates[-1] is None
    assert "7000 bytes" in found.reason
    assert found.report()["converged"] is False


def test_a_target_below_everything_takes_one_encode(tmp_path):
    found, encoder = fitted(tmp_path, 10, lambda asked: asked)
    assert (found.verdict, encoder.rates) == ("unreachable", [None])


def test_an_encoder_in_steps_gives_the_best_below(tmp_path):
    found, _ = fitted(tmp_path, 100_000, lambda asked: 20_000 * (asked // 20_000))
    assert (found.verdict, found.made.size) == ("below", 85_000)
    assert found.report()["deviation_percent"] == -15.0


def test_a_step_across_the_target_is_not_halved_on_and_on(tmp_path):
    found, encoder = fitted(tmp_path, 100_000, lambda asked: 96_000 if asked > 93_210 else 91_000)
    assert (found.verdict, found.made.size) == ("below", 96_000)
    assert found.encodes <= 6
    assert encoder.rates == list(dict.fromkeys(encoder.rates))


def test_an_encoder_that_always_overshoots_ends_below(tmp_path):
    found, encoder = fitted(tmp_path, 100_000, lambda asked: 96_000 if asked > 60_000 else asked)
    assert found.made.size <= 100_000
    assert len(encoder.rates) <= 10


def test_a_picture_that_takes_no_more_bits_is_not_tried_on(tmp_path):
    found, encoder = fitted(tmp_path, 10_000_000, lambda asked: min(asked, 50_000))
    assert (found.verdict, found.made.size) == ("below", 55_000)
    assert len(encoder.rates) == 2


def test_a_source_that_is_given_back_is_judged_itself(tmp_path):
    found, _ = fitted(tmp_path, 100_000, lambda asked: asked)
    assert {found.report(size)["verdict"] for size in (97_000, 100_000)} == {"reached"}
    assert (found.report(96_999)["verdict"], found.report(100_001)["verdict"]) == ("below", "unreachable")
    assert found.report(50_000)["deviation_percent"] == -50.0


def test_progress_never_falls_and_ends_with_all(tmp_path):
    _, encoder = fitted(tmp_path, 100_000, lambda asked: 96_000 if asked > 1 else 0)
    edges = [edge for share in encoder.shares for edge in share]
    assert edges == sorted(edges)
    assert _budget._shares(30.0)[-1][1] == 100.0


def test_no_bitrate_is_asked_for_that_is_refused(tmp_path):
    encoder = Encoder(tmp_path / "film", 10, lambda asked: asked)
    found = fit(str(encoder.path), 30_000, 4_000, 10, encoder, least=50_000)
    assert encoder.rates == [None]
    assert found.verdict == "below"
    assert all(rate is None or rate >= 50_000 for rate in encoder.rates)


def test_a_picture_that_gets_no_smaller_is_taken_for_the_smallest(tmp_path):
    found, encoder = fitted(tmp_path, 40_000, lambda asked: max(asked, 50_000), smallest=49_000)
    assert (found.verdict, encoder.rates[-1]) == ("unreachable", None)
    assert found.encodes <= 3


def test_a_guess_that_leaves_nothing_is_mended_by_what_is_measured(tmp_path):
    encoder = Encoder(tmp_path / "film", 10, lambda asked: asked)
    found = fit(str(encoder.path), 100_000, 200_000, 10, encoder)
    assert (encoder.rates[0], found.verdict, found.encodes) == (None, "reached", 2)
