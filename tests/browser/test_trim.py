"""Cuts with coded edges play in a browser: through the seams, and sought on either side of them."""

import pytest

from fixtures.samples import reels
from fixtures.samples.reels import Film, Picture

CODINGS = [("libx264", "mp4", {"g": "10", "bf": "3", "preset": "veryfast"}),
           ("libvpx-vp9", "webm", {"g": "10", "deadline": "realtime"})]  # fmt: skip
CLOCK = """new Promise(done => {
    const film = document.querySelector("video");
    film.onseeked = () => {
        const canvas = document.createElement("canvas"); canvas.width = 160; canvas.height = 120;
        const context = canvas.getContext("2d"); context.drawImage(film, 0, 0);
        const bar = context.getImageData(0, 112, 160, 8).data;
        done(bar.reduce((sum, one, at) => at %% 4 ? sum : sum + one, 0) / (bar.length / 4));
    };
    film.currentTime = %s;
})"""
PLAYED = """new Promise(done => {
    const film = document.querySelector("video");
    film.onended = () => done([film.currentTime, film.error === null]);
    film.onerror = () => done([film.currentTime, false]);
    film.muted = true; film.currentTime = 0; film.play();
})"""


@pytest.mark.parametrize(("codec", "suffix", "options"), CODINGS)
def test_cuts_play(page, site, done, tmp_path, codec, suffix, options):
    film = Film(format=suffix, picture=Picture(codec=codec, options=options))
    (tmp_path / f"a.{suffix}").write_bytes(reels.write(film))
    result = done("video_trim", input=tmp_path / f"a.{suffix}", output=tmp_path / f"b.{suffix}", start=0.5, end=1.38)
    assert result.metadata["reencoded"] == "edges"
    opened = page(200, 200)
    opened.open(site.page("a.html", '<video preload="auto"></video>'))
    ready = (
        "new Promise(d => {const f = document.querySelector('video'); f.readyState > 1 ? d(1) : f.onloadeddata = d})"
    )
    opened.evaluate(f"{ready}.then(() => 1)")
    assert opened.evaluate("document.querySelector('video').duration") == pytest.approx(0.88, abs=0.02)
    for time in (0.02, 0.22, 0.34, 0.62, 0.86):
        assert opened.evaluate(CLOCK % time) / 255 == pytest.approx((0.5 + time) / 2, abs=0.06)
    ended, fine = opened.evaluate(PLAYED)
    assert fine
    assert ended == pytest.approx(0.88, abs=0.03)
