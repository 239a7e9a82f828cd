"""What all displays of models of tables share."""

import sys

import pytest
from display_data import numbers
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rfmlearn import RFMRegressor
from rfmlearn.inspection import AGOPDisplay, FeatureImportanceDisplay, ProjectionDisplay, RFMPathDisplay

plt = pytest.importorskip("matplotlib.pyplot")

pytestmark = pytest.mark.usefixtures("close_figures")


X_ALL, Y_ALL = numbers()
DISPLAYS = {
    "AGOPDisplay": lambda model, **where: AGOPDisplay.from_estimator(model, **where),
    "FeatureImportanceDisplay": lambda model, **where: FeatureImportanceDisplay.from_estimator(
        model, X_ALL, Y_ALL, n_repeats=1, **where
    ),
    "RFMPathDisplay": lambda model, **where: RFMPathDisplay.from_estimator(model, **where),
    "ProjectionDisplay": lambda model, **where: ProjectionDisplay.from_estimator(model, X_ALL, **where),
}
IN_FIGURES = ("AGOPDisplay", "RFMPathDisplay")


@pytest.mark.parametrize("name", DISPLAYS)
def test_not_fitted(name):
    with pytest.raises(NotFittedError):
        DISPLAYS[name](RFMRegressor())


AROUND = {
    "Pipeline": (lambda: make_pipeline(StandardScaler(), RFMRegressor(max_iter=0)), "of a Pipeline, pass the step"),
    "GridSearchCV": (
        lambda: GridSearchCV(RFMRegressor(max_iter=0), {"alpha": [1.0]}, cv=2),
        "pass its best_estimator_",
    ),
}
NEEDED = {
    "AGOPDisplay": "agop_ and coordinate_names_",
    "FeatureImportanceDisplay": "feature_importances_",
    "RFMPathDisplay": "history_",
    "ProjectionDisplay": "agop_ and coordinate_names_",
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", DISPLAYS)
def test_what_stands_around_an_estimator_has_not_what_is_drawn(name, around):
    make, advice = AROUND[around]
    model = make().fit(X_ALL, Y_ALL)
    with pytest.raises(TypeError, match=rf"must have {NEEDED[name]}.*, but {around} is without .*; .*{advice}"):
        DISPLAYS[name](model)
    with pytest.raises(NotFittedError):
        DISPLAYS[name](make())


@pytest.mark.parametrize("name", DISPLAYS)
def test_a_figure_or_axes_given_are_used_and_plot_can_be_repeated(name, regressor):
    left, right = plt.figure(layout="constrained").subfigures(1, 2)
    where = [{"fig": left}, {"fig": right}]
    if name not in IN_FIGURES:
        where = [{"ax": left.add_subplot()}, {"ax": right.add_subplot()}]
    display = DISPLAYS[name](regressor, **where[0])
    assert display.figure_ is left
    assert display.plot(**where[1]) is display
    assert display.figure_ is right
    assert len(left.axes) == len(right.axes) >= 1
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("name", DISPLAYS)
def test_without_matplotlib(name, regressor, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.setattr(RFMRegressor, "fit", None)  # not called in vain
    with pytest.raises(ImportError, match=rf'{name}.plot needs matplotlib: pip install "rfmlearn\[plot\]"'):
        DISPLAYS[name](regressor)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("AGOPDisplay", "n_directions"),
        ("AGOPDisplay", "max_names"),
        ("FeatureImportanceDisplay", "n_repeats"),
        ("FeatureImportanceDisplay", "max_features"),
    ],
)
@pytest.mark.parametrize("value", [0, 1.5, True])
def test_counts_are_positive_integers(name, parameter, value, regressor):
    Display = {"AGOPDisplay": AGOPDisplay, "FeatureImportanceDisplay": FeatureImportanceDisplay}[name]
    data = () if name == "AGOPDisplay" else (X_ALL, Y_ALL)
    with pytest.raises(ValueError, match=f"{parameter} must be an integer of at least 1, got {parameter}={value}"):
        Display.from_estimator(regressor, *data, **{parameter: value})
