import pytest

IMG = 'src="a.png" alt="" width="1" height="2" loading="lazy" decoding="async"'


@pytest.mark.parametrize(
    "html",
    [
        f"<img {IMG}>",
        f'<img {IMG} class="a &quot;b&quot; &amp; &#65;">',
        f'<img {IMG} srcset="a.png 1x, b.png 1.5x">',
        f'<img {IMG} srcset="a.png 100w, b%20c.png 200w" sizes="100vw">',
        f'<picture>\n  <source type="image/webp" srcset="a.webp 1x">\n  <img {IMG}>\n</picture>',
        '<link rel="icon" href="/a.png" sizes="16x16" type="image/png">',
    ],
)
def test_what_is_valid_passes(complaints, html):
    assert complaints(html) == []


@pytest.mark.parametrize(
    "html",
    [
        '<img src="a.png">',
        f"<img {IMG} hidden>",
        f"<img {IMG} class='a'>",
        f'<img {IMG} class="a"b">',
        f'<img {IMG} class="a & b">',
        f'<img {IMG} class="a" class="b">',
        f'<img {IMG} sizes="100vw">',
        f'<img {IMG} srcset="a.png 100w">',
        f'<img {IMG} srcset="a.png 1x" sizes="100vw">',
        f'<img {IMG} srcset="a.png 1x, b.png 200w">',
        f'<img {IMG} srcset="a.png 1x, b.png 1.0x">',
        f'<img {IMG} srcset="a.png 0w" sizes="100vw">',
        f'<img {IMG} srcset="a b.png 1x">',
        f'<img {IMG} srcset=",a.png, 1x">',
        f'<img {IMG}'.replace("a.png", "a b.png") + ">",
        f'<picture><img {IMG}><source type="image/webp" srcset="a.webp 1x"></picture>',
        '<picture><source type="image/webp" srcset="a.webp 1x"></picture>',
        f"<picture><img {IMG}>",
        f"<picture><img {IMG}><img {IMG}></picture>",
        f"<p><img {IMG}></p>",
        '<link rel="icon" href="">',
        '<link rel="manifest" href="/a" sizes="1x1">',
    ],
)  # fmt: skip
def test_what_is_not_does_not(complaints, html):
    assert complaints(html) != []
