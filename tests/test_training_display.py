"""Display of what a recorder of training has seen."""

import sys

import numpy as np
import pytest
from display_data import draw

from rfmlearn.inspection import TrainingDisplay

pytestmark = pytest.mark.usefixtures("close_figures")


def history():
    rng = np.random.default_rng(0)
    keys = ("nfa", "nfa_centered", "target_linearity", "virtual_covariance")
    return [
        {"step": step, "layer": layer, "loss": 1 / (1 + step), **dict(zip(keys, rng.uniform(-1, 1, 4), strict=True))}
        for step in (0, 10, 20)
        for layer in ("first", "second")
    ]


def test_lines_are_the_records():
    display = draw(TrainingDisplay(history()).plot())
    assert display.layers == ["first", "second"]
    assert list(display.axes_) == ["loss", "nfa", "nfa_centered", "target_linearity", "virtual_covariance"]
    for name, ax in display.axes_.items():
        layers = ["first"] if name == "loss" else ["first", "second"]
        assert len(ax.lines) == len(layers)
        for line, layer in zip(ax.lines, layers, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), [0, 10, 20])
            expected = [record[name] for record in history() if record["layer"] == layer]
            np.testing.assert_array_equal(line.get_ydata(), expected)
            low, high = ax.get_ylim()
            assert name == "target_linearity" or (low <= min(expected) and max(expected) <= high)
    legend = display.axes_["nfa"].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["first", "second"]
    assert display.axes_["nfa_centered"].get_legend() is None


@pytest.mark.parametrize("xscale", ["linear", "log"])
def test_some_measures_of_a_recorder(xscale):
    torch = pytest.importorskip("torch")
    from rfmlearn.neural import TrainingRecorder

    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    recorder = TrainingRecorder(net, torch.randn(30, 2), torch.randn(30), every=5)
    with pytest.raises(ValueError, match="got 0 records with nothing: call the recorder while the network is trained"):
        TrainingDisplay.from_recorder(recorder)
    recorder(0)
    recorder(5)
    display = draw(TrainingDisplay.from_recorder(recorder, measures=["target_linearity", "nfa"], xscale=xscale))
    assert list(display.axes_) == ["target_linearity", "nfa"]
    drawn = display.axes_["nfa"].lines[1].get_ydata()
    np.testing.assert_array_equal(drawn, [record["nfa"] for record in recorder.history if record["layer"] == "2"])
    # The centred ansatz is NaN throughout, since nothing was trained.
    assert "nfa_centered" not in display.measures


def test_missing_values_and_a_given_figure():
    import matplotlib.pyplot as plt

    records = [{"step": 3, "layer": "a_$x$", "nfa": None}, {"step": 4, "layer": "a_$x$", "nfa": 0.2, "loss": np.nan}]
    fig = plt.figure(layout="constrained")
    display = draw(TrainingDisplay(records).plot(fig=fig, xscale="log"))
    assert display.figure_ is fig
    assert display.measures == ["nfa"]
    np.testing.assert_array_equal(display.values("nfa", "a_$x$"), [np.nan, 0.2])


def test_errors(monkeypatch):
    with pytest.raises(TypeError, match=r"recorder must be a rfmlearn.neural.TrainingRecorder, got a list"):
        TrainingDisplay.from_recorder(history())
    with pytest.raises(ValueError, match="history must be records of a TrainingRecorder, with step and layer"):
        TrainingDisplay([{"step": 0, "nfa": 0.3}])
    display = TrainingDisplay(history())
    with pytest.raises(ValueError, match=r"measures must be some of those recorded, loss, nfa, .*, got 'nfm'"):
        display.plot(measures="nfm")
    with pytest.raises(ValueError, match=r"measures must be some of those recorded, .*, got none"):
        display.plot(measures=[])
    with pytest.raises(ValueError, match="xscale must be 'linear' or 'log', got 'symlog'"):
        display.plot(xscale="symlog")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'TrainingDisplay.plot needs matplotlib: pip install "rfmlearn\[plot\]"'):
        display.plot()
