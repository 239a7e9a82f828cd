"""Values of columns, targets, weights and groups, plain and hostile.

Each is a function of a generator and of normal numbers z, one for each row, to which what it makes is related.
"""

from __future__ import annotations

import datetime
import decimal

import numpy as np


def spread(rng, z, low, high):
    """Numbers of the sizes 10^low to 10^high."""
    return z * 10.0 ** rng.uniform(low, high)


def some(rng, values, other, share=0.2):
    """The values, of which a share is something else; as objects if need be."""
    values = np.array(values, dtype=object)
    values[rng.random(len(values)) < share] = other
    return values


def floats_with(rng, z, other, share=0.2):
    return some(rng, z, other, share).astype(float)


def words(rng, z, levels):
    """A level for each row, by the order of z."""
    values = np.empty(len(z), dtype=object)
    for row, place in enumerate(np.clip((z + 2) / 4 * len(levels), 0, len(levels) - 1).astype(int)):
        values[row] = levels[place]
    return values


def days(z):
    return np.datetime64("2020-02-27") + np.round(100 * z).astype("timedelta64[D]")


def extremes(rng, z):
    return rng.choice([1.7e308, -1.7e308, 1e300, 5e-324, -5e-324, 0.0, -0.0, 1.0, 2.2e-308], len(z))


NUMBERS = {
    "normal": lambda rng, z: z,
    "whole": lambda rng, z: np.round(3 * z).astype(int),
    "bools": lambda rng, z: z > 0,
    "constant": lambda rng, z: np.full(len(z), rng.choice([0.0, 1.0, -1e300, 1e-300, 0.1])),
    "nearly constant": lambda rng, z: 1.0 + 1e-14 * np.round(z),
    "offset": lambda rng, z: 10.0 ** rng.uniform(5, 16) + z,
    "NaN": lambda rng, z: floats_with(rng, z, np.nan),
    "mostly NaN": lambda rng, z: floats_with(rng, z, np.nan, 0.95),
    "all NaN": lambda rng, z: np.full(len(z), np.nan),
    "infinite": lambda rng, z: floats_with(rng, z, rng.choice([np.inf, -np.inf]), 0.1),
    "large": lambda rng, z: spread(rng, z, 15, 40),
    "huge": lambda rng, z: spread(rng, z, 100, 307),
    "tiny": lambda rng, z: spread(rng, z, -307, -15),
    "denormal": lambda rng, z: np.round(5 * z) * 5e-324,
    "all sizes": lambda rng, z: z * 10.0 ** rng.uniform(-305, 305, len(z)),
    "extremes": extremes,
    "one outlier": lambda rng, z: np.where(np.arange(len(z)) == 0, spread(rng, z, 3, 300), z),
    "few values": lambda rng, z: np.sign(np.round(z)),
    "identifiers": lambda rng, z: 2**53 + rng.permutation(len(z)),
    "float32": lambda rng, z: z.astype(np.float32),
    "float16": lambda rng, z: (100 * z).astype(np.float16),
    "large float32": lambda rng, z: spread(rng, z, 10, 37).astype(np.float32),
    "bytes of colour": lambda rng, z: np.clip(128 + 60 * z, 0, 255).astype(np.uint8),
}
UNICODE = ["é", "e\u0301", "\x00", "\U0001f600", "\ud800", "‮abc", " ", "\n", "NaN", "None"]
TEXTS = {
    "words": lambda rng, z: words(rng, z, ["low", "middle", "high"]),
    "many words": lambda rng, z: np.array([f"row {rng.integers(10**6)}" for _ in z], dtype=object),
    "empty": lambda rng, z: words(rng, z, ["", "a", " "]),
    "always empty": lambda rng, z: np.full(len(z), "", dtype=object),
    "unicode": lambda rng, z: words(rng, z, list(rng.permutation(UNICODE)[:4])),
    "None": lambda rng, z: some(rng, words(rng, z, ["a", "b"]), None),
    "only None": lambda rng, z: np.full(len(z), None, dtype=object),
    "NaN in text": lambda rng, z: some(rng, words(rng, z, ["a", "b"]), np.nan),
    "numbers as text": lambda rng, z: np.array([f"{v:.2f}" for v in z], dtype=object),
    "a question mark": lambda rng, z: np.array(["?"] + [f"{v:.2f}" for v in z[1:]], dtype=object),
    "dates as text": lambda rng, z: days(z).astype(str).astype(object),
    "dates": lambda rng, z: days(z).astype("datetime64[ns]"),
    "missing dates": lambda rng, z: np.where(z > 0, days(z), np.datetime64("NaT")).astype("datetime64[ns]"),
    "date objects": lambda rng, z: np.array(days(z).astype(datetime.date), dtype=object),
    "durations": lambda rng, z: np.round(100 * z).astype("timedelta64[s]").astype("timedelta64[ns]"),
    "mixed": lambda rng, z: np.array([rng.choice([1, 2.5, True]) if v > 0 else "one" for v in z], dtype=object),
    "numbers as objects": lambda rng, z: z.astype(object),
    "whole numbers and None": lambda rng, z: some(rng, np.round(z).astype(int), None),
    "bytes": lambda rng, z: words(rng, z, [b"a", b"b"]),
    "decimals": lambda rng, z: np.array([decimal.Decimal(f"{v:.3f}") for v in z], dtype=object),
    "tuples": lambda rng, z: words(rng, z, [(1, 2), (3,)]),
    "huge whole numbers": lambda rng, z: np.array([10**40 * int(v > 0) for v in z], dtype=object),
    "complex": lambda rng, z: z + 1j,
}


def two_outputs(rng, z):
    return np.column_stack([z, 1e3 * rng.normal(size=len(z))])


TARGETS = {
    "normal": lambda rng, z: z,
    "whole": lambda rng, z: np.round(10 * z).astype(int),
    "bools": lambda rng, z: z > 0,
    "two outputs": two_outputs,
    "two outputs of any size": lambda rng, z: two_outputs(rng, z) * 10.0 ** rng.uniform(-300, 300, 2),
    "one column": lambda rng, z: z[:, None],
    "constant": NUMBERS["constant"],
    "nearly constant": NUMBERS["nearly constant"],
    "offset": NUMBERS["offset"],
    "large": NUMBERS["large"],
    "huge": NUMBERS["huge"],
    "tiny": NUMBERS["tiny"],
    "denormal": NUMBERS["denormal"],
    "all sizes": NUMBERS["all sizes"],
    "extremes": NUMBERS["extremes"],
    "one outlier": NUMBERS["one outlier"],
    "float32": NUMBERS["float32"],
    "float16": NUMBERS["float16"],
    "identifiers": NUMBERS["identifiers"],
    "NaN": NUMBERS["NaN"],
    "infinite": NUMBERS["infinite"],
    "None": lambda rng, z: some(rng, z, None),
    "text": TEXTS["words"],
    "numbers as text": TEXTS["numbers as text"],
    "dates": TEXTS["dates"],
    "complex": TEXTS["complex"],
    "objects": TEXTS["numbers as objects"],
    "too short": lambda rng, z: z[:-1],
    "three dimensions": lambda rng, z: np.ones((len(z), 2, 2)),
}
LABELS = {
    "two": lambda rng, z: (z > 0).astype(int),
    "three": lambda rng, z: np.digitize(z, [-0.5, 0.5]),
    "words": TEXTS["words"],
    "fixed words": lambda rng, z: np.where(z > 0, "yes", "no"),
    "bools": NUMBERS["bools"],
    "floats": lambda rng, z: np.where(z > 0, 1.0, -1.0),
    "large whole": lambda rng, z: np.where(z > 0, 2**62, -(2**62)),
    "rare": lambda rng, z: (np.arange(len(z)) == rng.integers(len(z))).astype(int),
    "two rare": lambda rng, z: np.where(np.arange(len(z)) < 2, np.arange(len(z)) + 1, 0),
    "a class for each row": lambda rng, z: np.arange(len(z)),
    "one class": lambda rng, z: np.full(len(z), rng.choice([0, 1, -5])),
    "none for one": TEXTS["None"],
    "NaN": lambda rng, z: floats_with(rng, np.round(z), np.nan),
    "text and numbers": lambda rng, z: some(rng, words(rng, z, ["a", "b"]), 1),
    "empty text": TEXTS["empty"],
    "unicode": TEXTS["unicode"],
    "bytes": TEXTS["bytes"],
    "normal": NUMBERS["normal"],
    "huge": NUMBERS["huge"],
    "dates": TEXTS["dates"],
    "one column": lambda rng, z: (z > 0).astype(int)[:, None],
    "two columns": lambda rng, z: np.column_stack([z > 0, z < 0]).astype(int),
    "too short": lambda rng, z: (z > 0)[:-1],
}
WEIGHTS = {
    "ones": lambda rng, z: np.ones(len(z)),
    "twos": lambda rng, z: np.full(len(z), 2),
    "any": lambda rng, z: rng.exponential(size=len(z)),
    "equal": lambda rng, z: np.full(len(z), 10.0 ** rng.uniform(-300, 300)),
    "sum to one": lambda rng, z: np.full(len(z), 1 / len(z)),
    "repetitions": lambda rng, z: rng.integers(0, 4, len(z)),
    "some zero": lambda rng, z: rng.exponential(size=len(z)) * (rng.random(len(z)) < 0.5),
    "one positive": lambda rng, z: (np.arange(len(z)) == 0).astype(float),
    "all sizes": lambda rng, z: 10.0 ** rng.uniform(-300, 300, len(z)),
    "tiny": lambda rng, z: 10.0 ** rng.uniform(-320, -300, len(z)),
    "huge": lambda rng, z: np.full(len(z), 10.0 ** rng.uniform(300, 308)),
    "one huge": lambda rng, z: np.where(np.arange(len(z)) == 0, 1e307, 1.0),
    "float32": lambda rng, z: rng.random(len(z)).astype(np.float32),
    "bools": lambda rng, z: z > -1,
    "zero": lambda rng, z: np.zeros(len(z)),
    "negative": lambda rng, z: z,
    "NaN": NUMBERS["NaN"],
    "infinite": lambda rng, z: np.abs(NUMBERS["infinite"](rng, z)),
    "too short": lambda rng, z: np.ones(len(z) - 1),
    "text": lambda rng, z: np.full(len(z), "heavy"),
    "None in it": lambda rng, z: some(rng, np.ones(len(z)), None),
    "a number": lambda rng, z: 3.0,
}
GROUPS = {
    "few": lambda rng, z: rng.integers(0, 4, len(z)),
    "words": lambda rng, z: np.array([f"g{k}" for k in rng.integers(0, 5, len(z))]),
    "many": lambda rng, z: np.arange(len(z)),
    "one": lambda rng, z: np.zeros(len(z), int),
    "mixed": lambda rng, z: words(rng, z, ["a", 1, 2.5]),
    "tuples": TEXTS["tuples"],
    "None": lambda rng, z: some(rng, words(rng, z, ["a", "b"]), None),
    "NaN": lambda rng, z: floats_with(rng, np.round(z), np.nan),
    "too short": lambda rng, z: np.zeros(len(z) - 1, int),
}
# Where nothing hostile is wanted.
PLAIN = {"NUMBERS": ("normal", "whole", "float32"), "LABELS": ("two", "three", "fixed words"), "TARGETS": ("normal",)}
