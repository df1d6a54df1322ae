"""A validator of the HTML that operations return: what the standard's "Images" and "Links" say of it, and its syntax.

It knows the few elements there are, and complains of any other. `srcset` is split by the standard's own algorithm.
"""

import re
from html.entities import html5
from html.parser import HTMLParser

IMAGE = {"src", "srcset", "sizes", "width", "height", "alt", "class", "loading", "decoding", "style"}
ALLOWED = {
    "picture": {"class"},
    "source": {"srcset", "sizes", "type", "media", "width", "height"},
    "img": IMAGE,
    "link": {"rel", "href", "type", "sizes"},
    "meta": {"name", "content"},
}
VOID = ("source", "img", "link", "meta")
CHOICES = {"loading": ("lazy", "eager"), "decoding": ("async", "sync", "auto")}
URL = re.compile(r"(?:[!$&'()*+,\-./:;=?@_~0-9A-Za-z#\[\]]|%[0-9A-Fa-f]{2}|[\u00a0-\U0010fffd])+")
TAG = re.compile(r"""<[a-z]+( [a-z-]+(="[^"]*")?)*>""")


def complaints(html: str) -> list[str]:
    """Return what is wrong with a fragment."""
    validator = _Validator()
    validator.feed(html)
    validator.close()
    return validator.found + [f"<{name}> is not closed" for name in validator.open]


def candidates(srcset: str) -> list[tuple[str, str]]:
    """Split a `srcset` as browsers do: URLs with their descriptors."""
    found, at = [], 0
    while True:
        at += len(re.match(r"[\s,]*", srcset[at:])[0])
        if at >= len(srcset):
            return found
        url = re.match(r"\S+", srcset[at:])[0]
        at += len(url)
        descriptor = ""
        if url.endswith(","):
            url = url.rstrip(",")
        else:
            descriptor = re.match(r"[^,]*", srcset[at:])[0]
            at += len(descriptor)
        found.append((url, descriptor.strip()))


class _Validator(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=False)
        self.found = []
        self.open = []
        self._image_seen = False

    def handle_starttag(self, tag, attrs):
        text = self.get_starttag_text()
        self._must(TAG.fullmatch(text) and "\0" not in text, f"syntax: {text}")
        if not self._must(tag in ALLOWED, f"unknown element {tag}"):
            return
        names = [name for name, _ in attrs]
        self._must(len(set(names)) == len(names), f"an attribute twice: {text}")
        self._must(set(names) <= ALLOWED[tag], f"attributes of {tag}: {names}")
        for reference in re.findall(r"&([^;\s]*;?)", text):
            known = reference in html5 or re.fullmatch(r"#(\d+|x[0-9a-f]+);", reference)
            self._must(known, f"ambiguous ampersand: {text}")
        getattr(self, f"_{tag}")(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        self._must(self.open and self.open.pop() == tag, f"</{tag}> closes nothing")
        self._must(tag != "picture" or self._image_seen, "a picture without an img")

    def handle_data(self, data):
        self._must(not data.strip(), f"text: {data!r}")

    def handle_startendtag(self, tag, attrs):
        self.found.append(f"self-closing {tag}")

    def _must(self, holds, complaint):
        if not holds:
            self.found.append(complaint)
        return holds

    def _picture(self, attributes):
        self._image_seen = False

    def _source(self, attributes):
        self._must(self.open == ["picture"] and not self._image_seen, "a source outside or behind the img")
        self._must(re.fullmatch(r"image/[a-z+-]+", attributes.get("type", "")), f"type: {attributes}")
        self._must("srcset" in attributes, "a source without srcset")
        self._candidates(attributes)

    def _img(self, attributes):
        self._must(not (self.open == ["picture"] and self._image_seen), "two img in a picture")
        self._image_seen = True
        self._must(URL.fullmatch(attributes.get("src", "")), f"src: {attributes.get('src')}")
        self._must("alt" in attributes, "an img without alt")
        for name in ("width", "height"):
            self._must(re.fullmatch(r"[1-9]\d*", attributes.get(name, "")), f"{name}: {attributes.get(name)}")
        for name, choices in CHOICES.items():
            self._must(attributes.get(name) in choices, f"{name}: {attributes.get(name)}")
        self._candidates(attributes)

    def _candidates(self, attributes):
        if "srcset" not in attributes:
            self._must("sizes" not in attributes, "sizes without srcset")
            return
        found = candidates(attributes["srcset"])
        kinds = {descriptor[-1:] for _, descriptor in found}
        self._must(found and kinds in ({"w"}, {"x"}), f"descriptors: {attributes['srcset']}")
        values = [descriptor[:-1] for _, descriptor in found]
        number = r"[1-9]\d*" if kinds == {"w"} else r"\d+(\.\d+)?"
        if self._must(all(re.fullmatch(number, value) for value in values), f"descriptors: {values}"):
            self._must(len({float(value) for value in values}) == len(values), f"a descriptor twice: {values}")
        self._must(("sizes" in attributes) == (kinds == {"w"}), "sizes go with w descriptors, and only with them")
        for url, _ in found:
            self._must(URL.fullmatch(url) and not url.startswith(","), f"URL: {url}")

    def _link(self, attributes):
        self._must(attributes.get("rel") in ("icon", "apple-touch-icon", "manifest"), f"rel: {attributes}")
        self._must(URL.fullmatch(attributes.get("href", "")), f"href: {attributes.get('href')}")
        sizes = attributes.get("sizes")
        fits = sizes is None or re.fullmatch(r"any|[1-9]\d*x[1-9]\d*( [1-9]\d*x[1-9]\d*)*", sizes)
        self._must(fits and (sizes is None or "icon" in attributes.get("rel", "")), f"sizes: {sizes}")

    def _meta(self, attributes):
        self._must(attributes.keys() == {"name", "content"}, f"meta: {attributes}")
