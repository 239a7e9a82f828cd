"""Statements that the examples on concepts come with."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

pd = pytest.importorskip("pandas")

FOLDER = Path(__file__).parents[1] / "examples" / "concepts"
CONCEPTS = ["sentiment", "formality", "language", "topic", "certainty"]
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the examples are not here")


@pytest.fixture(params=CONCEPTS)
def statements(request):
    return pd.read_csv(FOLDER / f"{request.param}.csv")


def test_two_hundred_of_a_class_half_of_them_held_out(statements):
    counts = statements.groupby(["label", "split"]).size()
    assert len(counts) == 4 and (counts == 100).all()
    assert not statements["statement"].duplicated().any()


def test_pairs_have_both_labels_and_are_on_one_side(statements):
    pairs = statements.groupby(np.arange(len(statements)) // 2)
    assert (pairs["label"].nunique() == 2).all() and (pairs["split"].nunique() == 1).all()


def test_no_word_or_sign_gives_a_class_away(statements):
    """No word, nor what a statement ends with, tells more than seven in ten; of languages words do."""
    first = (statements["label"] == statements["label"][0]).to_numpy()
    ends = statements["statement"].str[-1]
    assert max((first == (ends == end)).mean() for end in ends.unique()) < 0.6
    if set(statements["label"]) != {"French", "English"}:
        has = (
            CountVectorizer(binary=True, token_pattern=r"\b\w+\b").fit_transform(statements["statement"]).toarray() > 0
        )
        agree = (has == first[:, None]).mean(axis=0)
        assert max(agree.max(), 1 - agree.min()) < 2 / 3
