"""The ansatz against the pre-activation tangent kernel and the initial weights, by Jacobians of torch."""

import copy

import numpy as np
import pytest
from networks import build

from rfmlearn.neural import neural_feature_ansatz

torch = pytest.importorskip("torch")
nn = torch.nn

pytestmark = pytest.mark.usefixtures("one_torch_thread")
KERNEL = "pre-activation tangent kernel"


def pearson(A, B):
    return np.corrcoef(A.ravel(), B.ravel())[0, 1]


def trained(seed=0):
    initial, X, _ = build("mlp")
    net = copy.deepcopy(initial)
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, dtype=torch.float64)
    return net.eval(), initial.eval(), X


def kernel_by_jacobians(net, X, k, center=False):
    """Loop over samples: outer products of df / d(pre-activation of layer k)."""
    jacobians = []
    for x in X:
        J = torch.autograd.functional.jacobian(net[k + 1 :], net[: k + 1](x).clone()) if k < 5 else torch.eye(3)
        jacobians.append(J.double().numpy())
    jacobians = np.array(jacobians)
    if center:
        jacobians = jacobians - jacobians.mean(axis=0)
    return sum(J.T @ J for J in jacobians) / len(X)


def without_inplace(net):
    """Jacobians by parts of the network need inputs that stay as they are."""
    for part in net:
        if isinstance(part, nn.ReLU):
            part.inplace = False
    return net


@pytest.mark.parametrize("center", [False, True])
def test_tangent_kernel(center):
    net, initial, X = map(lambda part: without_inplace(part) if isinstance(part, nn.Module) else part, trained())
    ansatz = neural_feature_ansatz(net, X, initial=initial, against=KERNEL, center=center, batch_size=3)
    assert (ansatz.power, ansatz.against, ansatz.center) == (1.0, KERNEL, center)
    for layer, k in zip(ansatz.layers, (0, 3, 5), strict=True):
        W, W0 = (n[k].weight.detach().numpy() for n in (net, initial))
        K = kernel_by_jacobians(net, X, k)
        A, change = (W - W0 if center else W), W - W0
        np.testing.assert_allclose(layer.tangent_kernel, K, atol=1e-10)
        np.testing.assert_allclose(layer.nfm, A.T @ A)
        np.testing.assert_allclose(layer.agop, A.T @ K @ A, atol=1e-10)
        assert layer.correlation == pytest.approx(pearson(A.T @ A, A.T @ K @ A), abs=1e-8)
        assert layer.correlation_change == pytest.approx(pearson(change.T @ change, change.T @ K @ change), abs=1e-8)
        assert layer.nfm_kept == pytest.approx(pearson(W.T @ W, W0.T @ W0), abs=1e-8)
        if k < 5:
            centered = A.T @ kernel_by_jacobians(net, X, k, center=True) @ A
            assert layer.correlation_centered == pytest.approx(pearson(A.T @ A, centered), abs=1e-8)
        if center:
            assert layer.correlation_initial is None
        else:
            K0 = kernel_by_jacobians(initial, X, k)
            assert layer.correlation_initial == pytest.approx(pearson(W0.T @ W0, W0.T @ K0 @ W0), abs=1e-8)


def test_the_agop_is_the_tangent_kernel_between_weights():
    for name in ("mlp", "conv", "conv groups", "siamese"):
        net, X, _ = build(name)
        pairs = [neural_feature_ansatz(net, X, against=other, power=0.5).layers for other in ("agop", KERNEL)]
        for by_agop, by_kernel in zip(*pairs, strict=True):
            np.testing.assert_allclose(by_agop.agop, by_kernel.agop, atol=1e-10)
            assert by_agop.correlation == pytest.approx(by_kernel.correlation, abs=1e-8)
            assert by_agop.tangent_kernel is None


@pytest.mark.parametrize("center", [False, True])
def test_against_initial_weights(center):
    net, initial, X = trained()
    ansatz = neural_feature_ansatz(net, X, initial=initial, against="initial", center=center)
    for layer in ansatz.layers:
        W, W0 = (n[int(layer.name)].weight.detach().numpy() for n in (net, initial))
        A = W - W0 if center else W
        assert layer.correlation == pytest.approx(pearson(A.T @ A, W0.T @ W0), abs=1e-8)
        assert (layer.correlation_centered, layer.correlation_initial) == (None, None)
    if not center:
        assert layer.correlation == pytest.approx(layer.nfm_kept)


def test_centred_ansatz_against_the_agop_is_that_of_the_change():
    net, initial, X = trained()
    plain, centred = (neural_feature_ansatz(net, X, initial=initial, center=c) for c in (False, True))
    assert [x.correlation_change for x in plain.layers] == [x.correlation for x in centred.layers]
    assert plain.power == centred.power == 0.5


def test_tables_name_both_sides():
    pytest.importorskip("pandas")
    net, initial, X = trained()
    options = dict(initial=initial, layers="0")
    titles = [
        str(neural_feature_ansatz(net, X, against=against, center=center, power=power, **options)).splitlines()[0]
        for against, center, power in [
            ("agop", False, None),
            ("agop", True, 1),
            (KERNEL, True, None),
            (KERNEL, False, 0.5),
            ("initial", False, None),
        ]
    ]
    assert [title.removeprefix("Neural feature ansatz: ").removesuffix(", 7 samples") for title in titles] == [
        "W^T W against AGOP^0.5",
        "(W - W0)^T (W - W0) against AGOP^1",
        "(W - W0)^T (W - W0) against (W - W0)^T K (W - W0)",
        "W^T W against (W^T K W)^0.5",
        "W^T W against W0^T W0",
    ]
    frame = neural_feature_ansatz(net, X, against="initial", **options).to_frame()
    assert list(frame.columns[2:]) == ["correlation", "correlation_change", "nfm_kept"]


def test_layers_of_unknown_kernel_are_left_out():
    net, X, _ = build("attention")
    with pytest.warns(UserWarning, match="tangent kernel of layer 'attention.* is not known") as record:
        ansatz = neural_feature_ansatz(net, X, against=KERNEL)
    assert [layer.name for layer in ansatz.layers] == ["attention.out_proj"]
    assert len(record) == 3
    assert {warning.filename for warning in record} == {__file__}
    with pytest.raises(ValueError, match=r"known at linear layers and convolutions, not at any of \['attention.key'\]"):
        neural_feature_ansatz(net, X, against=KERNEL, layers="attention.key")


LINEAR = nn.Linear(2, 2)
ERRORS = [
    ({"against": "ntk"}, ValueError, "against must be one of 'agop', 'initial', .* got 'ntk'"),
    ({"against": "initial"}, ValueError, "against='initial' compares with the weights of before training: give them"),
    ({"center": True}, ValueError, "center=True compares with the weights of before training: give them, as initial"),
    ({"center": "yes"}, TypeError, "center must be an instance of"),
    ({"against": KERNEL, "power": -1}, ValueError, "power == -1, must be > 0"),
]


@pytest.mark.parametrize(("options", "error", "message"), ERRORS)
def test_errors(options, error, message):
    with pytest.raises(error, match=message):
        neural_feature_ansatz(LINEAR, torch.zeros(3, 2), **options)


def test_modules_without_numbers():
    with pytest.raises(ValueError, match="parameter 'weight' of module lies on the device 'meta', which holds no numb"):
        neural_feature_ansatz(nn.Linear(2, 2, device="meta"), torch.zeros(3, 2))
