"""Display of rows on the directions that matter most."""

from types import SimpleNamespace

import numpy as np
import pytest
from display_data import draw, numbers
from sklearn.ensemble import RandomForestRegressor

from rfmlearn import AGOPFeatureMap, RFMClassifier, RFMRegressor
from rfmlearn.inspection import ProjectionDisplay

plt = pytest.importorskip("matplotlib.pyplot")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

pytestmark = pytest.mark.usefixtures("close_figures")


@pytest.mark.parametrize("which", ["single", "ensemble"])
def test_projections_against_loops(which, regressor, ensemble):
    model, (X, y) = (regressor if which == "single" else ensemble), numbers()
    display = draw(ProjectionDisplay.from_estimator(model, X, y))
    if which == "single":
        encoder, agop = model._encoder, model.agop_
    else:
        heaviest = max(model.members_, key=lambda member: member.weight)
        encoder, agop = heaviest.encoder, heaviest.agop.array
        assert f"largest weight, {heaviest.weight:.2g}" in display.ax_.get_title()
    points = encoder.transform(X).dense()
    _, vectors = np.linalg.eigh(agop)
    for k in range(2):
        direction = vectors[:, -1 - k]
        direction = direction * np.sign(max(direction, key=abs))
        for i in range(len(X)):
            assert display.projections[i, k] == pytest.approx(sum(points[i] * direction), abs=1e-10)
    (drawn,) = display.ax_.collections
    np.testing.assert_array_equal(drawn.get_offsets(), display.projections)
    np.testing.assert_array_equal(drawn.get_array(), y)


def test_classes_have_a_legend():
    X, y = numbers()
    names = np.array(["_no", "yes $"])[(y > 0).astype(int)]
    display = draw(ProjectionDisplay.from_estimator(RFMClassifier(max_iter=1).fit(X, names), X, names))
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [" _no", r"yes \$"]
    for name, drawn in zip(["_no", "yes $"], display.ax_.collections, strict=True):
        np.testing.assert_array_equal(drawn.get_offsets(), display.projections[names == name])


def colors_by_name(display):
    return {drawn.get_label(): (tuple(drawn.get_facecolor()[0]), len(drawn.get_offsets())) for drawn in points(display)}


def points(display):
    return display.ax_.collections


def test_colors_do_not_depend_on_the_classes_present():
    X, _ = numbers()
    y = np.array(["a", "b", "c"])[np.arange(60) % 3]
    model = RFMClassifier(max_iter=0).fit(X, y)
    everything = colors_by_name(draw(ProjectionDisplay.from_estimator(model, X, y)))
    some = colors_by_name(draw(ProjectionDisplay.from_estimator(model, X[y != "a"], y[y != "a"])))
    assert list(everything) == ["a", "b", "c"] and len(set(everything.values())) == 3
    assert some == {name: everything[name] for name in "bc"}


def test_of_many_classes_the_first_nine_have_colors():
    classes = np.arange(13)
    y = np.repeat(np.delete(classes, 3), 2)
    display = draw(ProjectionDisplay(np.zeros((len(y), 2)), y, classes=classes).plot())
    names = [*map(str, range(9)), "4 other classes"]
    assert [name for name, _ in display.groups()] == names
    for k, (_, rows) in enumerate(display.groups()):
        assert set(y[rows]) == ({9, 10, 11, 12} if k == 9 else {k} - {3})
    assert list(colors_by_name(display)) == [name for name in names if name != "3"]


MISSING = {
    "numbers": ([1.0, np.nan, 3.0], None),
    "objects": ([1, None, 3], None),
    "nullable numbers": (pd.Series([1, None, 3], dtype="Int64"), None),
    "labels": (["a", None, "b"], ["a", "b"]),
    "nullable labels": (pd.Series([1, None, 2], dtype="Int64"), [1, 2]),
    "category": (pd.Series(["a", None, "b"], dtype="category"), ["a", "b"]),
    "polars": (pl.Series(["a", None, "b"]), ["a", "b"]),
    "many classes": (["a", None, "l"], list("abcdefghijkl")),
}


@pytest.mark.parametrize("kind", MISSING)
def test_rows_of_missing_targets_are_gray(kind):
    y, classes = MISSING[kind]
    display = draw(ProjectionDisplay(np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]), y, classes=classes).plot())
    (missing,) = [drawn for drawn in points(display) if drawn.get_label() == "missing"]
    assert missing.get_offsets().tolist() == [[2.0, 3.0]]
    red, green, blue, _ = missing.get_facecolor()[0]
    assert red == green == blue
    assert sum(len(drawn.get_offsets()) for drawn in points(display)) == 3
    assert "missing" in [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_all_targets_missing():
    for classes in (None, ["a"]):
        display = draw(ProjectionDisplay(np.zeros((2, 2)), [None, None], classes=classes).plot())
        assert sum(len(drawn.get_offsets()) for drawn in points(display)) == 2


@pytest.mark.parametrize("estimator", [None, RFMRegressor(max_iter=0), RandomForestRegressor(2)])
def test_classes_of_a_feature_map_are_those_it_was_fitted_to(estimator):
    X, _ = numbers()
    y = np.arange(60) % 12
    feature_map = AGOPFeatureMap(estimator, step=1.0, task="classification" if estimator is None else "auto").fit(X, y)
    display = ProjectionDisplay.from_estimator(feature_map, X[:30], y[:30] % 3)
    expected = range(12) if estimator is None else range(3)
    assert list(display.classes) == list(expected)


@pytest.mark.parametrize(("target", "classes"), [("numbers", False), ("names", True), ("few numbers", True)])
def test_targets_of_a_transformer(regressor, target, classes):
    """Neither classifier nor regressor, like a feature map."""
    X, y = numbers()
    y = {"numbers": y, "names": np.where(y > 0, "a", "b"), "few numbers": (y > 0).astype(int)}[target]
    parts = {name: getattr(regressor, name) for name in ("agop_", "coordinate_names_", "_encoder", "_check_X")}
    feature_map = SimpleNamespace(fit=None, **parts, __sklearn_is_fitted__=lambda: True, __sklearn_tags__=tags)
    display = draw(ProjectionDisplay.from_estimator(feature_map, X, y))
    assert (display.classes is not None) == classes


def tags():
    return SimpleNamespace(estimator_type="transformer", requires_fit=True)


def test_a_single_direction():
    X, y = numbers(d=1)
    display = draw(ProjectionDisplay.from_estimator(RFMRegressor(max_iter=1).fit(X, y), X))
    assert display.projections.shape == (60, 1)
    np.testing.assert_array_equal(display.ax_.collections[0].get_offsets()[:, 1], np.arange(60))
    assert display.ax_.get_ylabel() == "row"


@pytest.mark.parametrize("Model", [RFMRegressor, RFMClassifier])
def test_targets_in_a_column(Model):
    X, y = numbers()
    y = y if Model is RFMRegressor else (y > 0).astype(int)
    model = Model(max_iter=0).fit(X, y)
    for column in (y[:, np.newaxis], pd.DataFrame({"y": y})):
        np.testing.assert_array_equal(ProjectionDisplay.from_estimator(model, X, column).y, y)


@pytest.mark.parametrize(
    ("Model", "y", "message"),
    [
        (RFMRegressor, np.zeros(3), "inconsistent numbers of samples"),
        (RFMRegressor, np.zeros((60, 2)), r"y must have shape \(60,\) .* \(60, 2\); of several outputs, pass one"),
        (RFMRegressor, ["a"] * 60, "y must be numbers, .* 'a'"),
        (RFMRegressor, np.full(60, np.inf), "y must be finite or missing"),
        (RFMClassifier, np.full(60, "b"), "labels that are not among the classes: b; these are False, True"),
        (RFMClassifier, np.zeros((60, 2)), r"y must have shape \(60,\)"),
    ],
)
def test_targets_that_do_not_fit(Model, y, message):
    X, target = numbers()
    model = Model(max_iter=0).fit(X, target > 0 if Model is RFMClassifier else target)
    with pytest.raises(ValueError, match=message):
        ProjectionDisplay.from_estimator(model, X, y)
    assert plt.get_fignums() == []


def test_projections_of_three_directions():
    with pytest.raises(ValueError, match=r"shape \(m, 1\) or \(m, 2\), got \(5, 3\)"):
        ProjectionDisplay(np.zeros((5, 3)))
