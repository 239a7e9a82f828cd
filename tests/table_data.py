"""Tables for tests: one in each library, and what an encoder makes of them."""

import pytest

from rfmlearn.tables._encoder import ColumnEncoder
from rfmlearn.tables._frames import check_table


def frames(data):
    """The same table in each installed library."""
    tables = [pytest.importorskip("pandas").DataFrame(data)]
    try:
        import polars
    except ImportError:
        return tables
    return [*tables, polars.DataFrame(data, strict=False)]


def encode(X, sample_weight=None, Encoder=ColumnEncoder, **parameters):
    encoder = Encoder(**parameters)
    return encoder.fit_transform(check_table(X), sample_weight).dense(), encoder
