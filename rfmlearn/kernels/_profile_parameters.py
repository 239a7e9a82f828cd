"""Parameters of the profiles that the compiled loops know, by whose type they are compiled."""

from __future__ import annotations

import math
from typing import NamedTuple

LOG2_E = 1.0 / math.log(2.0)


class Power(NamedTuple):
    """``exp2(-rate S^exponent)``; `scale` times ``S^(exponent - 1)`` times that is the weight."""

    exponent: float
    rate: float
    scale: float


class Polynomial(NamedTuple):
    """``(const + rate S)^degree``; `scale` times the power of one degree less is the weight."""

    const: float
    rate: float
    degree: int
    scale: float
