"""Display of rounds and of layers."""

import numpy as np
import pytest
from display_data import draw, numbers

from rfmlearn import DeepRFMClassifier, DeepRFMRegressor, RFMRegressor
from rfmlearn.inspection import RFMPathDisplay

pytestmark = pytest.mark.usefixtures("close_figures")


def test_path_of_an_estimator():
    X, y = numbers()
    model = RFMRegressor(max_iter=3).fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    display = draw(RFMPathDisplay.from_estimator(model))
    assert list(display.axes_) == ["loss", "alignment", "effective_rank"]
    keys = {
        "training": "train_loss",
        "leave-one-out": "leave_one_out_loss",
        "validation": "validation_loss",
    }
    lines = {line.get_label(): line for line in display.axes_["loss"].lines}
    for text, key in keys.items():
        np.testing.assert_array_equal(lines[text].get_xdata(), [0, 1, 2, 3])
        np.testing.assert_array_equal(lines[text].get_ydata(), [record[key] for record in model.history_])
    for name in ("alignment", "effective_rank"):
        drawn = display.axes_[name].lines[0].get_ydata()
        np.testing.assert_array_equal(drawn, [record[name] for record in model.history_])
    for ax in display.axes_.values():
        (kept,) = [line for line in ax.lines if line.get_label() == "round kept"]
        assert list(kept.get_xdata()) == [model.n_iter_] * 2


def test_rounds_of_which_something_is_missing():
    history = [{"n_iter": 0, "leave_one_out_loss": None}, {"n_iter": 1, "leave_one_out_loss": 0.5}]
    display = draw(RFMPathDisplay(history).plot())
    assert list(display.axes_) == ["loss"]
    np.testing.assert_array_equal(display.values("leave_one_out_loss"), [np.nan, 0.5])
    assert [text.get_text() for text in display.axes_["loss"].get_legend().get_texts()] == ["leave-one-out"]


@pytest.mark.parametrize("history", [[], [{"seconds": 1.0}], [{"train_loss": 1.0}], [{"n_iter": 0}]])
def test_histories_without_rounds(history):
    with pytest.raises(ValueError, match="history must be records with n_iter or layer and some of train_loss"):
        RFMPathDisplay(history)


def test_rounds_of_several_layers():
    history = [{"layer": layer, "n_iter": n_iter, "train_loss": 1.0} for layer in range(2) for n_iter in range(2)]
    with pytest.raises(ValueError, match=r"increasing n_iter, got \[0, 1, 0, 1\]: pass one layer"):
        RFMPathDisplay(history)


@pytest.mark.parametrize("Deep", [DeepRFMRegressor, DeepRFMClassifier])
def test_path_of_layers(Deep):
    X, y = numbers()
    y = y > 0 if Deep is DeepRFMClassifier else y
    model = Deep(n_layers=3, n_random_features=8, random_state=0).fit(X, y, X_val=X[:9], y_val=y[:9])
    display = draw(RFMPathDisplay.from_estimator(model))
    panels = {"loss": ["train_loss", "leave_one_out_loss", "validation_loss"], "effective_rank": ["effective_rank"]}
    if Deep is DeepRFMClassifier:
        panels |= {"nc1": ["nc1", "nc1_mapped"], "nc2": ["nc2", "nc2_mapped"]}
    assert list(display.axes_) == list(panels)
    for panel, keys in panels.items():
        *lines, kept = display.axes_[panel].lines
        assert list(kept.get_xdata()) == [model.best_layer_] * 2
        assert display.axes_[panel].get_xlabel() == "layer"
        for line, key in zip(lines, keys, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2])
            np.testing.assert_array_equal(line.get_ydata(), [record[key] for record in model.history_])


def test_an_estimator_without_rounds(ensemble):
    with pytest.raises(TypeError, match=r"must have history_, .* but RFMRegressorCV is without history_"):
        RFMPathDisplay.from_estimator(ensemble)
