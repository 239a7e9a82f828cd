"""What the recorder of training measures, by the formulas, and that it leaves the training alone."""

import copy
import warnings

import numpy as np
import pytest
from networks import CASES, Call, build

from rfmlearn.neural import TrainingRecorder, neural_feature_ansatz, target_linearity

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional

pytestmark = pytest.mark.usefixtures("one_torch_thread")
KERNEL = "pre-activation tangent kernel"


def perceptron(dtype=torch.float64, n=40, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1))
        X = torch.randn(n, 3, dtype=dtype)
    return net.to(dtype), X, X[:, 0] * X[:, 1] + X[:, 2]


def pearson(A, B):
    return np.corrcoef(A.ravel(), B.ravel())[0, 1]


def train(net, X, y, recorder=None, n_steps=5, lr=0.05):
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
    for step in range(n_steps):
        if recorder is not None:
            recorder(step)
        optimizer.zero_grad()
        F.mse_loss(net(X)[:, 0], y).backward()
        optimizer.step()
    return net


def test_measures_by_their_formulas():
    net, X, y = perceptron()
    initial = copy.deepcopy(net)
    recorder = TrainingRecorder(net, X, y, learning_rate=0.3, batch_size=7, keep_matrices=True)
    train(net, X, y)
    records = recorder.record(5)
    assert [record["layer"] for record in records] == recorder.layers == ["0", "3", "5"]
    ansatz = neural_feature_ansatz(net, X, initial=initial, against=KERNEL).layers
    net.eval()
    h = X.clone().requires_grad_()
    hidden = {"0": h, "3": net[:3](h).clone(), "5": net[:5](h)}
    loss = {name: F.mse_loss(net[int(name) :](x)[:, 0], y) for name, x in hidden.items()}
    for record, layer in zip(records, ansatz, strict=True):
        name = record["layer"]
        assert record["nfa"] == pytest.approx(layer.correlation)
        assert record["nfa_centered"] == pytest.approx(layer.correlation_change)
        assert record["loss"] == pytest.approx(loss[name].item())
        x, J = (
            hidden[name].detach().numpy(),
            torch.autograd.grad(loss[name], hidden[name], retain_graph=True)[0].numpy(),
        )
        assert record["target_linearity"] == pytest.approx(target_linearity(x, y.numpy()))
        V = (x - 0.3 * J).T @ (x - 0.3 * J) - x.T @ x
        kept = recorder.matrices[5, name]
        np.testing.assert_allclose(kept["virtual_covariance"], V, atol=1e-10)
        W, W0 = net[int(name)].weight.detach().numpy(), initial[int(name)].weight.detach().numpy()
        np.testing.assert_array_equal(kept["weights"], W)
        np.testing.assert_allclose(W.T @ kept["tangent_kernel"] @ W, layer.agop, atol=1e-10)
        assert record["virtual_covariance"] == pytest.approx(pearson(W.T @ W, V))
        assert record["weight_change"] == pytest.approx(np.linalg.norm(W - W0) / np.linalg.norm(W))


@pytest.mark.parametrize("padding", [{}, {"padding": 1, "padding_mode": "circular"}, {"padding": "same"}])
@pytest.mark.parametrize("n_dims", [1, 2])
def test_gram_matrices_change_as_virtual_covariances_say(n_dims, padding):
    """To first order in the learning rate, for a step of gradient descent on the loss of all samples."""
    torch.manual_seed(0)
    convolution = (nn.Conv1d, nn.Conv2d)[n_dims - 1]
    net = nn.Sequential(convolution(4, 6, 3, groups=2, **padding), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3)).double()
    X, y = torch.randn(9, 4, *[5] * n_dims, dtype=torch.float64), torch.randint(3, (9,))
    net(X)
    rate = 1e-6
    recorder = TrainingRecorder(net, X, y, learning_rate=rate, keep_matrices=True, batch_size=4)
    with pytest.warns(UserWarning, match=r"target linearity at layer '\d' is about 1 .* features of 9 samples") as told:
        recorder()
    assert {warning.filename for warning in told} == {__file__}
    F.cross_entropy(net(X), y).backward()
    torch.optim.SGD(net.parameters(), lr=rate).step()
    recorder()
    for name in recorder.layers:
        before, after = (recorder.matrices[step, name]["weights"] for step in (0, 1))
        V = recorder.matrices[0, name]["virtual_covariance"]
        change = after.T @ after - before.T @ before
        if name == "0":  # two groups, whose weights do not meet
            keep = np.kron(np.eye(2), np.ones((len(V) // 2, len(V) // 2))) > 0
            V, change = V * keep, change * keep
        np.testing.assert_allclose(change, V, atol=1e-4 * np.abs(V).max())
    last = recorder.history[-1]
    assert last["virtual_change"] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_layer(name):
    net, X, layers = build(name)
    n_outputs = net(X).reshape(len(X), -1).shape[1]
    y = torch.randn(len(X), n_outputs)
    recorder = TrainingRecorder(net, X, y, batch_size=3, loss=lambda out, y: F.mse_loss(out.flatten(1).to(y), y))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "target linearity at layer")
        records = {record["layer"]: record for record in recorder()}
    ansatz = neural_feature_ansatz(net, X, power=1)
    for layer in ansatz.layers:
        record = records[layer.name]
        np.testing.assert_allclose(record["nfa"], layer.correlation, atol=1e-8)
        by_output = layer.kind == "linear" or layer.kind.startswith("conv")
        assert np.isfinite(record["nfa_centered"]) == by_output
        known = not layer.name.endswith("out_proj")
        assert np.isfinite(record["virtual_covariance"]) == known
        assert np.isfinite(record["target_linearity"]) == known
    assert list(records) == [layer.name for layer in ansatz.layers]
    assert set(layers) <= set(records)


def test_training_goes_on_as_if_nobody_looked():
    net, X, y = perceptron(torch.float32)
    watched, alone = copy.deepcopy(net), copy.deepcopy(net)
    watched[1].eval()
    alone[1].eval()
    recorder = TrainingRecorder(watched, X, y)
    for module, given in ((watched, recorder), (alone, None)):
        torch.manual_seed(3)
        train(module, X, y, given)
    for a, b in zip(watched.parameters(), alone.parameters(), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a.grad, b.grad)
    assert [part.training for part in watched.modules()] == [part.training for part in alone.modules()]
    assert len(recorder.history) == 15
    assert not recorder.matrices


def drawing():
    """Draws whatever mode it is in."""
    return Call(lambda s, x: s.l(x + torch.randn(x.shape)), l=nn.Linear(2, 2))


def test_random_numbers_are_left_alone():
    X = torch.randn(20, 2)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    recorder = TrainingRecorder(drawing(), X, X.clone())
    torch.manual_seed(0)
    recorder()
    assert torch.equal(torch.get_rng_state(), state)


def test_steps():
    net, X, y = perceptron()
    recorder = TrainingRecorder(net, X, y, every=3, layers="0")
    assert [len(recorder()) for _ in range(7)] == [1, 0, 0, 1, 0, 0, 1]
    assert recorder(8) == []
    assert [record["step"] for record in recorder(12)] == [12]
    assert [record["step"] for record in recorder.history] == [0, 3, 6, 12]
    assert recorder.record(13)[0]["layer"] == "0"
    with pytest.raises(ValueError, match="step must increase, got 0 after 13: count steps over all epochs, or make"):
        recorder(0)
    for step, error in ((1.5, TypeError), (-3, ValueError)):
        with pytest.raises(error, match="step"):
            recorder(step)


def test_what_is_measured():
    net, X, y = perceptron()
    always = {"step", "layer", "weight_change"}
    virtual = {"virtual_covariance", "virtual_change"}
    for options, keys in [
        ({}, {"loss", "nfa", "nfa_centered", "target_linearity", *virtual}),
        ({"y": None}, {"nfa", "nfa_centered"}),
        ({"measures": "nfa_centered"}, {"loss", "nfa_centered"}),
        ({"measures": ["virtual_covariance"]}, {"loss", *virtual}),
        ({"measures": "target_linearity"}, {"loss", "target_linearity"}),
    ]:
        recorder = TrainingRecorder(net, X, **{"y": y, **options})
        assert set(recorder()[0]) == always | keys
    first = TrainingRecorder(net, X, y)()[0]
    assert np.isnan([first["nfa_centered"], first["virtual_change"]]).all()
    assert first["weight_change"] == 0
    before = copy.deepcopy(net)
    train(net, X, y)
    late = TrainingRecorder(net, X, y, initial=before)()[0]
    assert 0 < late["weight_change"]
    assert np.isfinite(late["nfa_centered"])


def test_labels_and_drawn_samples():
    net, X, y = perceptron()
    net[5] = nn.Linear(5, 3).double()
    labels = torch.bucketize(y, torch.tensor([-0.5, 0.5]))
    recorder = TrainingRecorder(net, X.numpy(), labels.numpy(), n_samples=30, random_state=1)
    (first, *_) = recorder()
    rows = np.sort(np.random.RandomState(1).choice(40, 30, replace=False))
    expected = target_linearity(X[rows].numpy(), labels[rows].numpy(), task="classification")
    assert first["target_linearity"] == pytest.approx(expected)
    assert first["loss"] == pytest.approx(F.cross_entropy(net.eval()(X[rows]), labels[rows]).item())
    frame = pytest.importorskip("pandas").DataFrame(recorder.history)
    assert recorder.to_frame().equals(frame)


def test_module_that_moves():
    net, X, y = perceptron()
    recorder = TrainingRecorder(net, X, y, measures="nfa")
    recorder()
    net.float()
    np.testing.assert_allclose(recorder()[0]["nfa"], recorder.history[0]["nfa"], atol=1e-5)
    net.to("meta")
    with pytest.raises(ValueError, match=r"step 2 cannot be recorded: parameter '0.weight' .* on the device 'meta'"):
        recorder()
    with pytest.raises(ValueError, match=r"parameter '0.weight' of module lies on the device 'meta', .* to_empty"):
        TrainingRecorder(net, X, y)


def test_divergence_is_told_of():
    net, X, y = perceptron()
    recorder = TrainingRecorder(net, X, y)
    recorder()
    with torch.no_grad():
        net[0].weight[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"step 1 cannot be recorded: .*NaN"):
        recorder()
    only = TrainingRecorder(net, X, y, measures="target_linearity")
    with pytest.raises(ValueError, match="step 0 cannot be recorded: the loss is nan: training has diverged, or"):
        only()
    assert len(recorder.history) == 3


def test_a_step_is_recorded_as_a_whole_or_not_at_all(monkeypatch):
    from rfmlearn.neural import _recorder

    net, X, y = perceptron()
    recorder, other = (TrainingRecorder(net, X, y, keep_matrices=True) for _ in range(2))
    recorder()
    other()
    train(net, X, y)
    with monkeypatch.context() as patched:
        patched.setattr(_recorder, "target_linearity", lambda H, *_, **__: target_linearity(H[:, :0], y))
        with pytest.raises(ValueError, match="step 3 cannot be recorded"):
            recorder(3)
    assert list(recorder.matrices) == [(0, "0"), (0, "3"), (0, "5")]
    for step in (4, 5):
        np.testing.assert_equal(recorder(step), other(step))


NET, X, y = perceptron()
LABELS = torch.zeros(40, dtype=torch.int64)
BAD = [
    ((3, X), {}, TypeError, "module must be a torch.nn.Module, got a int"),
    ((NET, X, y), {"layers": ["0", "7"]}, ValueError, r"no layer '7' with weights .*, there are \['0', '3', '5'\]"),
    ((NET, X), {"measures": "target_linearity"}, ValueError, "target_linearity needs targets: give y, or leave it out"),
    ((NET, X, y), {"measures": ["nfm"]}, ValueError, r"measures must be some of 'nfa', .*, got \['nfm'\]"),
    ((NET, X, y), {"measures": []}, ValueError, r"measures must be some of 'nfa', .*, got \[\]"),
    ((NET, X, y[:9]), {}, ValueError, r"y must have a target for each of the 40 samples, got shape \(9,\)"),
    ((NET, X, y * np.inf), {}, ValueError, "y contains NaN or infinity"),
    ((NET, X * np.nan, y), {}, ValueError, "X contains NaN or infinity"),
    ((NET, X, ["a"] * 40), {}, TypeError, "y must be a tensor or an array of numbers, got a list"),
    ((NET, X, y), {"every": 0}, ValueError, "every == 0, must be >= 1"),
    ((NET, X, y), {"power": 0}, ValueError, "power == 0, must be > 0"),
    ((NET, X, y), {"learning_rate": "big"}, TypeError, "learning_rate must be an instance of"),
    ((NET, X, y), {"loss": "mse"}, TypeError, "loss must be a function of outputs and targets or None, got a str"),
    ((NET, X, y), {"initial": nn.Linear(2, 2)}, ValueError, "initial must have a layer '0' of shape"),
    ((nn.Flatten(), X, y), {}, ValueError, "module, a Flatten, has no supported layer"),
]


@pytest.mark.parametrize(("given", "options", "error", "message"), BAD)
def test_bad_input(given, options, error, message):
    with pytest.raises(error, match=message):
        TrainingRecorder(*given, **options)


@pytest.mark.parametrize(
    ("y", "loss", "error", "message"),
    [
        (
            LABELS,
            None,
            ValueError,
            r"outputs of shape \(40, 1\) and y of shape \(40,\) and torch.int64 no loss is meant",
        ),
        (torch.zeros(40, 2), None, ValueError, r"y of shape \(40, 2\) and torch.float32 no loss is meant by default"),
        (y, lambda out, y: (out[:, 0] - y) ** 2, TypeError, r"one number, the mean over samples, got shape \(40,\)"),
        (y, lambda out, y: 3.0, TypeError, "loss must return a tensor with one number, .*, got a float"),
        (y, lambda out, y: y.sum(), ValueError, "the loss cannot be differentiated: it depends on no layer"),
    ],
)
def test_losses_that_do_not_fit(y, loss, error, message):
    with pytest.raises(error, match=message):
        TrainingRecorder(NET, X, y, loss=loss)()


def test_layers_without_samples_are_left_out():
    net = Call(lambda s, x: s.first(x), first=nn.Linear(3, 1), second=nn.Linear(3, 1))
    with pytest.warns(UserWarning, match="layer 'second' is not reached .*: it is left out") as record:
        recorder = TrainingRecorder(net, X.float(), y.float())
    assert recorder.layers == ["first"]
    assert record[0].filename == __file__


def test_half_precision_and_reversed_arrays():
    net, X, y = perceptron(torch.bfloat16)
    assert np.isfinite(TrainingRecorder(net, X, y).record(0)[0]["target_linearity"])
    net, X, y = perceptron()
    backwards = TrainingRecorder(net, X.numpy()[::-1], y.numpy()[::-1]).record(0)[0]
    assert backwards["nfa"] == pytest.approx(TrainingRecorder(net, X, y).record(0)[0]["nfa"])


@pytest.mark.parametrize("wrong", [-100, 2])
def test_labels_without_an_output(wrong):
    y = torch.tensor([0, 1] * 5)
    y[3] = wrong
    with pytest.raises(ValueError, match=r"labels in y go from .* but the module has 2 outputs"):
        TrainingRecorder(nn.Sequential(nn.Linear(3, 2)), torch.ones(10, 3), y).record(0)
