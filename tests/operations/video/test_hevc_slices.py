"""H.265 headers written here element by element, with all that encoders may say in them (ITU-T H.265, 7.3)."""

import random

import pytest

from mediamill.operations.video._hevc_slices import Headers


class Writer:
    """Bits, as the standard names their codes."""

    def __init__(self, bits=""):
        self.bits = bits

    def u(self, value, count=1):
        self.bits += f"{value:0{count}b}" if count else ""
        return value

    def ue(self, value):
        digits = f"{value + 1:b}"
        self.bits += "0" * (len(digits) - 1) + digits
        return value

    def se(self, value):
        self.ue(2 * value - 1 if value > 0 else -2 * value)

    def unit(self, kind, layer=1, after=b""):
        """Return it as a unit: with a stop bit, padded, and free of start codes."""
        bits = self.bits + "1"
        bits += "0" * (-len(bits) % 8)
        made, zeros = bytearray(), 0
        for byte in int(bits, 2).to_bytes(len(bits) // 8, "big") + after:
            if zeros == 2 and byte < 4:
                made.append(3)
                zeros = 0
            made.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return bytes((kind << 1, layer)) + made


def coin(rng):
    return rng.randrange(2)


def scaling(w, rng):
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if w.u(coin(rng)):
                if size > 1:
                    w.se(rng.randint(-7, 200))
                for _ in range(min(64, 1 << (4 + (size << 1)))):
                    w.se(rng.randint(-128, 127))
            else:
                w.ue(rng.randrange(2))


def references(w, rng, sets, *, explicit):
    """Write a set of reference pictures, on its own or by how it differs from another; return their places."""
    if sets and w.u(coin(rng)):
        back = rng.randint(1, len(sets)) if explicit else 1
        if explicit:
            w.ue(back - 1)
        negative, positive = sets[-back]
        sign, size = coin(rng), rng.randint(1, 3)
        w.u(sign)
        w.ue(size - 1)
        places = []
        for place in (*negative, *positive, 0):
            moved = place + (-size if sign else size)
            if w.u(coin(rng)) or w.u(coin(rng)):
                places.append(moved)
        places = [place for place in places if place]
        return sorted((one for one in places if one < 0), reverse=True), sorted(one for one in places if one > 0)
    counts = rng.randrange(4), rng.randrange(3)
    w.ue(counts[0])
    w.ue(counts[1])
    found = []
    for count, way in zip(counts, (-1, 1), strict=True):
        place, places = 0, []
        for _ in range(count):
            step = rng.randint(1, 4)
            w.ue(step - 1)
            w.u(coin(rng))
            place += way * step
            places.append(place)
        found.append(places)
    return tuple(found)


def sequence(rng):
    """Return a sequence parameter set, and what slices have to know of it."""
    w = Writer()
    w.u(0, 4)
    layers = w.u(rng.randrange(3), 3)
    w.u(1)
    w.u(rng.getrandbits(96), 96)
    if layers:
        flags = [(coin(rng), coin(rng)) for _ in range(layers)] + [(0, 0)] * (8 - layers)
        for profile, level in flags:
            w.u(profile)
            w.u(level)
        for profile, level in flags:
            w.u(rng.getrandbits(88 * profile) if profile else 0, 88 * profile)
            w.u(level, 8 * level)
    number = w.ue(rng.randrange(16))
    chroma = w.ue(rng.randrange(4))
    separate = w.u(coin(rng)) if chroma == 3 else 0
    width, height = w.ue(8 * rng.randint(8, 300)), w.ue(8 * rng.randint(8, 300))
    if w.u(coin(rng)):
        for _ in range(4):
            w.ue(rng.randrange(5))
    w.ue(2)
    w.ue(2)
    order = w.ue(rng.randint(0, 8)) + 4
    for _ in range(layers + 1 if w.u(coin(rng)) else 1):
        w.ue(4)
        w.ue(2)
        w.ue(5)
    size = 3 + w.ue(0) + w.ue(rng.randint(1, 3))
    for _ in range(4):
        w.ue(rng.randrange(3))
    if w.u(coin(rng)) and w.u(coin(rng)):
        scaling(w, rng)
    w.u(coin(rng))
    offset = w.u(coin(rng))
    if w.u(coin(rng)):
        w.u(0x77, 8)
        w.ue(0)
        w.ue(2)
        w.u(1)
    sets = []
    for _ in range(w.ue(rng.choice((0, 1, 2, 5, 11)))):
        sets.append(references(w, rng, sets, explicit=False))
    lasting = None
    if w.u(coin(rng)):
        lasting = w.ue(rng.randrange(4))
        for _ in range(lasting):
            w.u(rng.getrandbits(order), order)
            w.u(coin(rng))
    temporal = w.u(coin(rng))
    w.u(1)
    w.u(0)
    w.u(0)
    blocks = -(-width // 2**size) * -(-height // 2**size)
    said = {"chroma": chroma if not separate else 0, "separate": separate, "order": order, "offset": offset}
    said |= {"sets": sets, "lasting": lasting, "temporal": temporal, "address": (blocks - 1).bit_length()}
    return w.unit(33), number, said


def picture(rng, belongs):
    """Return a picture parameter set, and what slices have to know of it."""
    w = Writer()
    number = w.ue(rng.randrange(64))
    w.ue(belongs)
    said = {"dependent": w.u(coin(rng)), "shown": w.u(coin(rng)), "extra": w.u(rng.randrange(3), 3)}
    w.u(0, 2)
    w.ue(0)
    w.ue(3)
    w.se(-4)
    w.u(0)
    skip = w.u(coin(rng))
    if w.u(coin(rng)):
        w.ue(1)
    w.se(3)
    w.se(-2)
    said["chroma_qp"] = w.u(coin(rng))
    w.u(5, 3)
    tiles, rows = w.u(coin(rng)), w.u(coin(rng))
    if tiles:
        columns, lines = w.ue(rng.randrange(3)), w.ue(rng.randrange(3))
        if not w.u(coin(rng)):
            for _ in range(columns + lines):
                w.ue(rng.randrange(4))
        w.u(1)
    said |= {"entries": tiles or rows, "across": w.u(coin(rng)), "override": 0, "sharp": 0}
    if w.u(coin(rng)):
        said["override"], said["sharp"] = w.u(coin(rng)), w.u(coin(rng))
        if not said["sharp"]:
            w.se(1)
            w.se(-1)
    if w.u(coin(rng)):
        scaling(w, rng)
    w.u(0)
    w.ue(0)
    said |= {"extended": w.u(coin(rng)), "lists": 0}
    if w.u(coin(rng)):
        ranges = w.u(coin(rng))
        w.u(0, 7)
        if ranges:
            if skip:
                w.ue(1)
            w.u(0)
            said["lists"] = w.u(coin(rng))
            if said["lists"]:
                w.ue(0)
                w.ue(0)
                w.se(1)
                w.se(1)
            w.ue(0)
            w.ue(0)
    return w.unit(34), number, said


def named(w, rng, sps):
    """Write the pictures a slice names; return what it says where it names none."""
    count = len(sps["sets"])
    if count and w.u(coin(rng)):
        w.u(rng.randrange(count), (count - 1).bit_length())
    else:
        if not count:
            w.u(0)
        references(w, rng, sps["sets"], explicit=True)
    none = Writer()
    none.u(0)
    if count:
        none.u(0)
    none.ue(0)
    none.ue(0)
    if sps["lasting"] is not None:
        listed = w.ue(rng.randrange(3)) if sps["lasting"] else 0
        for at in range(listed + w.ue(rng.randrange(3))):
            if at < listed:
                w.u(0, (sps["lasting"] - 1).bit_length())
            else:
                w.u(rng.getrandbits(sps["order"]), sps["order"])
                w.u(1)
            if w.u(coin(rng)):
                w.ue(rng.randrange(9))
        if sps["lasting"]:
            none.ue(0)
        none.ue(0)
    return none.bits


def rest(w, rng, sps, pps):
    """Write what follows them in an intra slice."""
    if sps["temporal"]:
        w.u(coin(rng))
    offset = 0
    if sps["offset"]:
        offset = w.u(coin(rng))
        if sps["chroma"]:
            offset |= w.u(coin(rng))
    w.se(rng.randint(-20, 20))
    if pps["chroma_qp"]:
        w.se(1)
        w.se(-3)
    if pps["lists"]:
        w.u(1)
    sharp = pps["sharp"]
    if pps["override"] and w.u(coin(rng)):
        sharp = w.u(coin(rng))
        if not sharp:
            w.se(2)
            w.se(-2)
    if pps["across"] and (offset or not sharp):
        w.u(coin(rng))


@pytest.mark.parametrize("seed", range(120))
def test_all_a_header_may_say_is_kept_but_for_the_pictures_it_names(seed):
    rng = random.Random(seed)
    sequence_unit, of_sequence, sps = sequence(rng)
    picture_unit, of_picture, pps = picture(rng, of_sequence)
    headers = Headers([sequence_unit, picture_unit])
    for kind in (16, 17, 18, 21):
        before, middle, after = Writer(), "", Writer()
        first = coin(rng)
        prior = coin(rng)
        before.ue(of_picture)
        dependent = 0
        if not first:
            if pps["dependent"]:
                dependent = before.u(coin(rng))
            before.u(rng.getrandbits(sps["address"]) if sps["address"] else 0, sps["address"])
        names = Writer()
        if not dependent:
            before.u(0, pps["extra"])
            before.ue(2)
            before.u(1, pps["shown"])
            before.u(1, 2 * sps["separate"])
            before.u(rng.getrandbits(sps["order"]), sps["order"])
            middle = named(names, rng, sps)
            rest(after, rng, sps, pps)
        entries = after.ue(rng.randrange(4)) if pps["entries"] else 0
        if entries:
            length = after.ue(rng.randrange(32)) + 1
            for _ in range(entries):
                after.u(rng.getrandbits(length), length)
        if pps["extended"]:
            size = after.ue(rng.randrange(3))
            after.u(rng.getrandbits(8 * size) if size else 0, 8 * size)
        data = bytes(rng.choice((0, 0, 0, 1, 3, 255)) for _ in range(rng.randrange(1, 60))) + b"\x80"
        found = Writer(f"{first}{prior}{before.bits}{names.bits}{after.bits}").unit(kind, 2, data)
        wanted = Writer(f"{first}0{before.bits}{middle}{after.bits}").unit(18, 2, data)
        assert headers.spliced(found) == wanted


def test_what_is_no_slice_of_such_a_picture_is_refused():
    rng = random.Random(1)
    sequence_unit, of_sequence, _ = sequence(rng)
    picture_unit, of_picture, _ = picture(rng, of_sequence)
    headers = Headers([sequence_unit, picture_unit])
    other = Writer("10")
    other.ue(of_picture + 1)
    short = Writer("10")
    short.ue(of_picture)
    for unit in (other.unit(21), short.unit(21), other.unit(19), other.unit(1), other.unit(21)[:2]):
        with pytest.raises(ValueError, match="a "):
            headers.spliced(unit)
    with pytest.raises(ValueError, match="a unit"):
        Headers([sequence_unit[:12]])
