"""The neural feature ansatz, by its formulas and against AGOPs of layers."""

import copy
import warnings

import numpy as np
import pytest
import scipy.linalg
from networks import CASES, Call, build

from rfmlearn.neural import module_agop, neural_feature_ansatz

torch = pytest.importorskip("torch")
nn = torch.nn
jacrev = torch.func.jacrev

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.mark.parametrize("name", CASES)
def test_names_and_matrices(name):
    net, X, layers = build(name)
    ansatz = neural_feature_ansatz(net, X, batch_size=3)
    assert [layer.name for layer in ansatz.layers if layer.name in layers] == list(layers)
    for layer in ansatz.layers:
        assert layer.nfm.shape == layer.agop.shape == (layer.shape[1], layer.shape[1])
        np.testing.assert_allclose(layer.agop, module_agop(net, X, layer=layer.name, batch_size=4), atol=1e-12)


def chosen_samples():
    """The first layer sees a sample only if its first number is positive."""

    def forward(s, x):
        chosen = x[:, 0] > 0
        return torch.zeros(len(x), 2).masked_scatter(chosen[:, None], torch.tanh(s.first(x[chosen]))) + s.second(x)

    return Call(forward, first=nn.Linear(3, 2), second=nn.Linear(3, 2))


@pytest.mark.parametrize("batch_size", [1, 4])
def test_centring_needs_all_samples_at_all_positions(batch_size):
    torch.manual_seed(0)
    net, X = chosen_samples(), torch.randn(9, 3)
    X[0, 0], X[1, 0] = 1.0, -1.0
    message = r"layer 'first' .* centred AGOP is NaN"
    with pytest.warns(UserWarning, match=message) as record:
        assert np.isnan(module_agop(net, X, layer="first", center=True, batch_size=batch_size)).all()
    assert record[0].filename == __file__
    with pytest.warns(UserWarning, match=message) as record:
        layers = neural_feature_ansatz(net, X, initial=copy.deepcopy(net), batch_size=batch_size).layers
    assert [warning.filename for warning in record] == [__file__]
    assert np.isnan(layers[0].correlation_centered)
    alone = [module_agop(net, X[[i]], layer="first") for i in range(9) if X[i, 0] > 0]
    np.testing.assert_allclose(layers[0].agop, np.sum(alone, axis=0) / 9, rtol=1e-5)


def pearson(A, B):
    return np.corrcoef(A.ravel(), B.ravel())[0, 1]


@pytest.mark.parametrize("power", [0.5, 1, 0.3])
def test_correlations_by_their_formulas(power):
    initial, X, _ = build("mlp")
    net = copy.deepcopy(initial)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, dtype=torch.float64)
    ansatz = neural_feature_ansatz(net, X, initial=initial, power=power)
    assert [layer.shape for layer in ansatz.layers] == [(6, 4), (5, 6), (3, 5)]
    for layer in ansatz.layers:
        W, W0 = (n[int(layer.name)].weight.detach().numpy() for n in (net, initial))

        def root(module, center=False, name=layer.name):
            return scipy.linalg.fractional_matrix_power(module_agop(module, X, layer=name, center=center), power).real

        np.testing.assert_allclose(layer.nfm, W.T @ W)
        found = layer.correlation, layer.correlation_initial, layer.correlation_change, layer.nfm_kept
        change = (W - W0).T @ (W - W0)
        reference = [
            pearson(W.T @ W, root(net)),
            pearson(W0.T @ W0, root(initial)),
            pearson(change, root(net)),
            pearson(W.T @ W, W0.T @ W0),
        ]
        np.testing.assert_allclose(found, reference, atol=1e-5)
        if layer.name == "5":
            assert np.isnan(layer.correlation_centered)
        else:
            assert layer.correlation_centered == pytest.approx(pearson(W.T @ W, root(net, center=True)), abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_correlation_with_a_constant_matrix_is_nan(dtype):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 2)).to(dtype)
    initial = copy.deepcopy(net)
    nn.init.constant_(net[0].weight, 0.1)
    first, last = neural_feature_ansatz(net, torch.randn(30, 7), initial=initial).layers
    assert np.isnan([first.correlation, first.correlation_centered, first.correlation_change, first.nfm_kept]).all()
    assert np.isfinite([first.correlation_initial, last.correlation]).all()


def test_initial_of_another_dtype():
    net, X, _ = build("mlp")
    initial = copy.deepcopy(net).float()
    for trained, before in ((net, initial), (initial, net)):
        layer = neural_feature_ansatz(trained, X, initial=before).layers[0]
        assert layer.correlation_initial == pytest.approx(layer.correlation, abs=1e-5)


def test_one_layer_by_its_name():
    net, X, _ = build("mlp")
    assert [layer.name for layer in neural_feature_ansatz(net, X, layers="3").layers] == ["3"]


def test_last_linear_layer_is_its_own_agop():
    net, X, _ = build("mlp")
    layer = neural_feature_ansatz(net, X, power=1).layers[-1]
    np.testing.assert_allclose(layer.agop, layer.nfm)
    assert layer.correlation == pytest.approx(1.0)


def test_balanced_linear_network_fulfils_the_ansatz():
    """For two linear layers with W1 W1^T = W2^T W2, the first has W1^T W1 = AGOP^(1/2) exactly."""
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.normal(size=(n, 3)))[0] for n in (4, 6))
    s = np.sqrt([3.0, 2.0, 1.0])
    net = nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 4)).double()
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor(s[:, None] * V.T))
        net[1].weight.copy_(torch.tensor(U * s))
    layer = neural_feature_ansatz(net, rng.normal(size=(5, 6))).layers[0]
    assert layer.correlation == pytest.approx(1.0)


def test_drawn_samples():
    net, X, _ = build("mlp")
    rows = np.sort(np.random.RandomState(3).choice(7, 4, replace=False))
    ansatz = neural_feature_ansatz(net, X, n_samples=4, random_state=3, layers=["0"])
    assert ansatz.n_samples == 4
    np.testing.assert_allclose(ansatz.layers[0].agop, module_agop(net, X[rows], layer="0"))
    assert neural_feature_ansatz(net, X, n_samples=40).n_samples == 7


def test_table():
    pytest.importorskip("pandas")
    net, X, _ = build("attention")
    ansatz = neural_feature_ansatz(net, X, initial=copy.deepcopy(net))
    frame = ansatz.to_frame()
    assert list(frame.index) == ["attention.query", "attention.key", "attention.value", "attention.out_proj"]
    assert list(frame.columns[2:]) == [
        "correlation",
        "correlation_centered",
        "correlation_initial",
        "correlation_change",
        "nfm_kept",
    ]
    assert frame.loc["attention.key", "correlation"] == ansatz.layers[1].correlation
    lines = str(ansatz).splitlines()
    assert lines[1].split() == ["layer", "kind", "shape", "correlation", "centered", "initial", "change", "nfm_kept"]
    assert lines[3].startswith("attention.key")
    assert f"{ansatz.layers[1].correlation:.3f}" in lines[3]
    assert "correlation_initial" not in neural_feature_ansatz(net, X).to_frame()


def skipping():
    """The second layer is not called, the third does not see single samples."""
    return Call(
        lambda s, x: s.first(x) + s.third(torch.ones(1, 2)),
        first=nn.Linear(2, 2),
        second=nn.Linear(2, 2),
        third=nn.Linear(2, 2),
    )


def test_layers_without_samples_are_left_out():
    net, X = skipping(), torch.randn(5, 2)
    with pytest.warns(UserWarning) as record:
        ansatz = neural_feature_ansatz(net, X)
    assert [str(warning.message).split("'")[1] for warning in record] == ["second", "third"]
    assert all(warning.filename == __file__ for warning in record)
    assert [layer.name for layer in ansatz.layers] == ["first"]
    with pytest.raises(ValueError, match="layer 'second' is not reached in the forward pass"):
        module_agop(net, X, layer="second")


LINEAR = nn.Linear(2, 2)


def scripted(module):
    """A module that torch has compiled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(module)


SUPPORTED = "Linear, Conv1d, Conv2d, Conv3d, MultiheadAttention, RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell"
ANSATZ_ERRORS = [
    (nn.Flatten(), {}, ValueError, f"module, a Flatten, has no supported layer; supported are {SUPPORTED}"),
    (
        scripted(nn.Sequential(LINEAR)),
        {},
        ValueError,
        "module, a .*ScriptModule, has no supported layer",
    ),
    (Call(lambda s, x: x, l=LINEAR), {}, ValueError, r"passes through none of the layers \['l'\]"),
    (LINEAR, {"layers": []}, ValueError, "layers is empty: give at least one name, or None"),
    (LINEAR, {"layers": "no"}, ValueError, "no layer 'no'"),
    (LINEAR, {"layers": 3}, TypeError, "layers must be a name, a list of names or None, got a int"),
    (LINEAR, {"initial": 3}, TypeError, "initial must be a torch.nn.Module, got a int"),
    (LINEAR, {"initial": nn.Linear(2, 3)}, ValueError, r"layer 'linear' of shape \(2, 2\) .* one of shape \(3, 2\)"),
    (LINEAR, {"initial": nn.Sequential(nn.Linear(2, 2))}, ValueError, "initial must .* 'linear' .* none of that name"),
    (LINEAR, {"power": 0}, ValueError, "power == 0, must be > 0"),
    (LINEAR, {"layers": ["no"]}, ValueError, "no layer 'no'"),
    (LINEAR, {"n_samples": 0}, ValueError, "n_samples == 0, must be >= 1"),
]


@pytest.mark.parametrize(("module", "options", "error", "message"), ANSATZ_ERRORS)
def test_errors_of_the_ansatz(module, options, error, message):
    with pytest.raises(error, match=message):
        neural_feature_ansatz(module, torch.zeros(3, 2), **options)


def test_packed_sequences_are_refused():
    net = Call(lambda s, x: s.gru(nn.utils.rnn.pack_sequence(list(x)))[1][0], gru=nn.GRU(2, 2))
    with pytest.raises(TypeError, match=r"input of layer 'gru.input' must be a tensor, got a PackedSequence"):
        neural_feature_ansatz(net, torch.zeros(3, 4, 2))
