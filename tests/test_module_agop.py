"""AGOP of torch modules, against Jacobians of single samples."""

import copy
import sys

import numpy as np
import pytest
from networks import CASES, CONSTANT_GRADIENTS, Call, agop_of, build, expected
from sklearn.neural_network import MLPRegressor

from rfmlearn.neural import module_agop, neural_feature_ansatz

torch = pytest.importorskip("torch")
nn = torch.nn
jacrev = torch.func.jacrev

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.mark.parametrize("name", CASES)
def test_layers_against_jacobians_of_single_samples(name):
    net, X, layers = build(name)
    weights = np.arange(len(X)) + 0.5
    for layer, of_sample in layers.items():
        for center in (False, True):
            found = module_agop(net, X, layer=layer, center=center, sample_weight=weights, batch_size=3)
            assert found.dtype == np.float64
            reference = expected(net, X, of_sample, center=center, weights=weights)
            np.testing.assert_allclose(found, reference, rtol=1e-9, atol=1e-12)
            if not (center and (name, layer) in CONSTANT_GRADIENTS):
                assert np.trace(reference) > 1e-6


@pytest.mark.parametrize("center", [False, True])
def test_input_against_jacobians(center):
    net, X, _ = build("conv")
    found = module_agop(net, X, center=center, batch_size=4)
    net.eval()
    reference = agop_of([jacrev(net)(x[None])[0].flatten(1) for x in X], 60, center=center)
    np.testing.assert_allclose(found, reference, rtol=1e-9, atol=1e-12)


def test_input_of_one_number():
    X = torch.tensor([1.0, 2.0, 4.0])
    np.testing.assert_allclose(module_agop(Call(lambda s, x: x**2), X), [[28.0]])


def test_mlp_of_sklearn_against_differences():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    model = MLPRegressor(
        hidden_layer_sizes=(8,), activation="tanh", solver="lbfgs", max_iter=2000, tol=1e-2, random_state=0
    )
    model.fit(X, np.c_[X[:, 0] * X[:, 1], X[:, 2]])
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)).double()
    with torch.no_grad():
        for layer, W, b in zip((net[0], net[2]), model.coefs_, model.intercepts_, strict=True):
            layer.weight.copy_(torch.tensor(W.T))
            layer.bias.copy_(torch.tensor(b))
    step, jacobians = 1e-3, []
    for x in X:
        f = [model.predict(x + k * step * np.eye(3)) for k in (-2, -1, 1, 2)]
        jacobians.append(torch.tensor((f[0] - 8 * f[1] + 8 * f[2] - f[3]).T / (12 * step)))
    np.testing.assert_allclose(module_agop(net, X), agop_of(jacobians, 3), rtol=1e-7)
    np.testing.assert_allclose(module_agop(net, X, layer="0"), agop_of(jacobians, 3), rtol=1e-7)


def test_weights_are_repetitions():
    net, X, _ = build("mlp")
    weights = np.array([0, 1, 2, 3, 0, 1, 2])
    repeated = X[np.repeat(np.arange(7), weights)]
    for center in (False, True):
        found = module_agop(net, X, layer="3", center=center, sample_weight=weights, batch_size=2)
        np.testing.assert_allclose(found, module_agop(net, repeated, layer="3", center=center), atol=1e-12)


def test_projections_are_right_on_average():
    net, X, _ = build("mlp")
    wide = nn.Sequential(net, nn.Linear(3, 70).double())
    exact = module_agop(wide, X, layer="0.3", n_projections=70)
    draws = [module_agop(wide, X, layer="0.3", n_projections=10, random_state=seed) for seed in range(60)]
    error = np.std(draws, axis=0) / np.sqrt(len(draws))
    assert np.all(np.abs(np.mean(draws, axis=0) - exact) < 5 * error)
    assert np.all(error < 0.2 * np.abs(exact).max())
    by_default = module_agop(wide, X, layer="0.3", random_state=0)
    np.testing.assert_array_equal(by_default, module_agop(wide, X, layer="0.3", n_projections=64, random_state=0))
    assert not np.allclose(by_default, exact)


def test_module_is_left_as_it_was():
    net, X, _ = build("mlp")
    net.train()
    net[3].eval()
    net[0].weight.requires_grad_(False)
    net[0].bias.grad = torch.ones(6, dtype=torch.float64)
    X_before, state = X.clone(), copy.deepcopy(net.state_dict())
    with torch.no_grad():
        neural_feature_ansatz(net, X)
        module_agop(net, X)
        assert not torch.is_grad_enabled()
    assert [part.training for part in net] == [True, True, True, False, True, True]
    assert not net[0].weight.requires_grad
    assert net[3].weight.requires_grad
    assert net[3].weight.grad is None
    assert torch.equal(net[0].bias.grad, torch.ones(6, dtype=torch.float64))
    assert torch.equal(X, X_before)
    assert not X.requires_grad
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in net.modules())


def test_frozen_parameters_give_the_same():
    net, X, _ = build("attention")
    names = [layer.name for layer in neural_feature_ansatz(net, X).layers]
    before = [module_agop(net, X, layer=name) for name in names]
    net.requires_grad_(False)
    for name, agop in zip(names, before, strict=True):
        np.testing.assert_allclose(module_agop(net, X, layer=name), agop, atol=1e-12)


def test_input_changed_in_place_is_a_copy():
    net = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(2, 1))
    X = torch.tensor([[-1.0, 2.0], [3.0, -4.0]])
    found = module_agop(net, X)
    assert X.min() == -4.0
    W = net[1].weight.detach().double().numpy()
    np.testing.assert_allclose(found, np.diag(W[0] ** 2) / 2, rtol=1e-6)


def test_arrays_are_cast():
    net = nn.Linear(3, 2)
    X = np.random.default_rng(0).normal(size=(5, 3))
    X.flags.writeable = False
    W = net.weight.detach().double().numpy()
    np.testing.assert_allclose(module_agop(net, X), W.T @ W, rtol=1e-6)
    np.testing.assert_allclose(module_agop(net, X.tolist()), W.T @ W, rtol=1e-6)


def test_inference_mode_does_no_harm():
    net, X, _ = build("mlp")
    expected = module_agop(net, X, layer="3")
    with torch.inference_mode():
        np.testing.assert_array_equal(module_agop(net, X.clone(), layer="3"), expected)
        np.testing.assert_array_equal(neural_feature_ansatz(net, 1 * X).layers[1].agop, expected)
        module_agop(net, 1 * X)
        assert torch.is_inference_mode_enabled()


LINEAR = nn.Linear(2, 2)
ERRORS = [
    (lambda: (lambda x: x, torch.zeros(3, 2), {}), TypeError, "module must be a torch.nn.Module, got a function"),
    (lambda: (LINEAR, torch.zeros(3, 2), {"layer": "1"}), ValueError, r"no layer '1' .* there are \['linear'\]"),
    (lambda: (LINEAR, torch.zeros(3, 2), {"batch_size": 0}), ValueError, "batch_size == 0, must be >= 1"),
    (lambda: (LINEAR, torch.zeros(3, 2), {"batch_size": None}), TypeError, "batch_size must be an instance of"),
    (lambda: (LINEAR, torch.zeros(3, 2), {"n_projections": 1.5}), TypeError, "n_projections must be an instance of"),
    (lambda: (LINEAR, torch.zeros(3, 2), {"sample_weight": [1, -1, 1]}), ValueError, "Negative values in data"),
    (lambda: (LINEAR, torch.zeros(3, 2), {"sample_weight": [1, 1]}), ValueError, "sample_weight.shape"),
    (lambda: (LINEAR, torch.zeros(0, 2), {}), ValueError, r"at least one sample along its first axis, got .*\(0, 2\)"),
    (lambda: (LINEAR, torch.full((3, 2), np.nan), {}), ValueError, "X contains NaN or infinity"),
    (
        lambda: (LINEAR, np.array([["a", "b"]]), {}),
        TypeError,
        "X must be a tensor or an array of numbers, got a ndarray",
    ),
    (lambda: (nn.Embedding(3, 2), torch.zeros(3, dtype=int), {}), ValueError, "X must be floating .* torch.int64"),
    (lambda: (nn.GRU(2, 2), torch.zeros(3, 1, 2), {}), TypeError, "module must return a tensor, got a tuple"),
    (
        lambda: (Call(lambda s, x: x.sum()), torch.zeros(3, 2), {}),
        ValueError,
        r"one output for each sample .* shape \(\)",
    ),
    (lambda: (Call(lambda s, x: x.detach()), torch.zeros(3, 2), {}), ValueError, "cannot be differentiated"),
    (lambda: (Call(lambda s, x: s.l(x.detach()), l=LINEAR), torch.zeros(3, 2), {}), ValueError, "no gradient .* to X"),
    (
        lambda: (
            Call(lambda s, x: s.l(x).detach() + s.m(x), l=LINEAR, m=nn.Linear(2, 2)),
            torch.zeros(3, 2),
            {"layer": "l"},
        ),
        ValueError,
        "no gradient with respect to the input of layer 'l'",
    ),
    (
        lambda: (
            Call(lambda s, x: torch.sqrt(s.l(x)), l=nn.Linear(2, 2, bias=False)),
            torch.zeros(3, 2),
            {"layer": "l"},
        ),
        ValueError,
        "NaN or infinite gradients with respect to the input of layer 'l'",
    ),
]


@pytest.mark.parametrize(("case", "error", "message"), ERRORS)
def test_errors_of_module_agop(case, error, message):
    module, X, options = case()
    with pytest.raises(error, match=message):
        module_agop(module, X, **options)


@pytest.mark.parametrize("function", [module_agop, neural_feature_ansatz])
def test_without_torch(function, monkeypatch):
    """That an import takes no torch is in test_import."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=rf'{function.__name__} needs torch: pip install "rfmlearn\[torch\]"'):
        function(None, None)
