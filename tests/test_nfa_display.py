"""Display of the neural feature ansatz."""

import copy
import sys

import numpy as np
import pytest
from networks import build

from rfmlearn.inspection import _neural_features
from rfmlearn.neural import LayerAnsatz, NeuralFeatureAnsatz

torch = pytest.importorskip("torch")


@pytest.fixture
def plt():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    plt = pytest.importorskip("matplotlib.pyplot")
    yield plt
    plt.close("all")


@pytest.mark.parametrize("with_initial", [False, True])
def test_display(plt, with_initial):
    net, X, _ = build("attention")
    initial = copy.deepcopy(net) if with_initial else None
    display = _neural_features.NFADisplay.from_module(net, X, initial=initial, random_state=0)
    display.figure_.canvas.draw()
    layers = display.ansatz.layers
    ax = display.axes_["correlations"]
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    measures = {"trained": "correlation", "trained, centred": "correlation_centered"}
    measures |= {"before training": "correlation_initial"} if with_initial else {}
    assert set(drawn) == set(measures)
    for label, measure in measures.items():
        np.testing.assert_array_equal(drawn[label], [getattr(layer, measure) for layer in layers])
    assert [text.get_text() for text in ax.get_xticklabels()] == [layer.name for layer in layers]
    assert len(display.axes_["nfm"]) == len(display.axes_["agop"]) == 3
    for layer, nfm_ax, agop_ax in zip(layers[:3], display.axes_["nfm"], display.axes_["agop"], strict=True):
        np.testing.assert_array_equal(nfm_ax.images[0].get_array(), layer.nfm)
        root = agop_ax.images[0].get_array()
        np.testing.assert_allclose(root @ root, layer.agop, atol=1e-10)


def test_display_in_a_given_figure_with_missing_values(plt):
    layer = LayerAnsatz("0", "linear", (2, 1), np.ones((1, 1)), np.ones((1, 1)), float("nan"), float("nan"))
    fig = plt.figure(layout="constrained")
    display = _neural_features.NFADisplay(NeuralFeatureAnsatz([layer], 0.5, 10))
    assert display.plot(fig) is display
    fig.canvas.draw()
    assert display.figure_ is fig
    assert len(fig.axes) == 3
    assert display.axes_["correlations"].get_ylim() == (-0.05, 1.05)


def test_display_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    net, X, _ = build("mlp")
    with pytest.raises(ImportError, match=r'NFADisplay.plot needs matplotlib: pip install "rfmlearn\[plot\]"'):
        _neural_features.NFADisplay.from_module(net, X)


@pytest.mark.parametrize(
    ("options", "sides"),
    [
        ({}, (r"$W^T W$", r"$\mathrm{AGOP}^{0.5}$")),
        (
            {"against": "pre-activation tangent kernel", "center": True},
            ("$(W - W_0)^T (W - W_0)$", "$(W - W_0)^T K (W - W_0)$"),
        ),
        ({"against": "initial"}, (r"$W^T W$", r"$W_0^T W_0$")),
    ],
)
def test_display_names_both_sides(plt, options, sides):
    net, X, _ = build("mlp")
    initial = copy.deepcopy(net)
    with torch.no_grad():
        net[0].weight += torch.randn(net[0].weight.shape, dtype=torch.float64)
        net[3].weight += torch.randn(net[3].weight.shape, dtype=torch.float64)
    options = {"layers": ["0", "3"], **options}
    display = _neural_features.NFADisplay.from_module(net, X, initial=initial, **options)
    display.figure_.canvas.draw()
    left, right = sides
    assert display.axes_["correlations"].get_title() == f"correlation of {left} with {right}"
    assert display.axes_["nfm"][0].get_title() == f"0\n{left}"
    assert display.axes_["agop"][0].get_title() == right
