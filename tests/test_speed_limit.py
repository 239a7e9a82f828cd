"""Optimisation with a speed for each layer."""

import copy

import numpy as np
import pytest

from rfmlearn.neural import SpeedLimited

torch = pytest.importorskip("torch")
nn = torch.nn

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def network(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 4), nn.Tanh()), nn.Linear(4, 1))
        return net, torch.randn(20, 3)


def backward(net, X, scale=1.0):
    loss = scale * net(X).square().mean()
    loss.backward()
    return loss


def norm(layer):
    return torch.cat([p.grad.flatten() for p in layer.parameters()]).double().norm().item()


@pytest.mark.parametrize("scale", [1.0, 1e-25, 1e15])
@pytest.mark.parametrize("speeds", [[500.0, 0.002, 0.1], (1, 2, 3), np.ones(3), 0.5, {"2.0": 3.0}])
def test_gradients_have_the_norms(speeds, scale):
    net, X = network()
    limited = SpeedLimited(torch.optim.SGD(net.parameters(), lr=0.0), net, speeds)
    backward(net, X, scale)
    before = {name: p.grad.clone() for name, p in net.named_parameters()}
    limited.step()
    for name in ("0", "2.0", "3"):
        layer = net.get_submodule(name)
        if name in limited.speeds:
            assert norm(layer) == pytest.approx(limited.speeds[name], rel=1e-5)
        for kind, parameter in layer.named_parameters():
            old, new = before[f"{name}.{kind}"].double().flatten(), parameter.grad.double().flatten()
            if name in limited.speeds:  # the direction is kept
                assert (old @ new / (old.norm() * new.norm())).item() == pytest.approx(1.0, abs=1e-6)
            else:
                assert torch.equal(before[f"{name}.{kind}"], parameter.grad)


def test_steps_are_those_of_the_optimiser():
    net, X = network()
    other = copy.deepcopy(net)
    limited = SpeedLimited(torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), net, 0.3)
    plain = torch.optim.SGD(other.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(limited.optimizer, 0.5)
    rates = []
    for _ in range(4):
        rates.append(limited.param_groups[0]["lr"])
        limited.zero_grad()
        assert all(p.grad is None for p in net.parameters())
        backward(net, X)
        limited.step()
        plain.zero_grad()
        backward(other, X)
        for name in ("0", "2.0", "3"):
            layer = other.get_submodule(name)
            size = norm(layer)
            for p in layer.parameters():
                p.grad *= 0.3 / size
        plain.step()
        scheduler.step()
        plain.param_groups[0]["lr"] *= 0.5
    for a, b in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    assert rates == [0.1, 0.05, 0.025, 0.0125]
    state = limited.state_dict()
    fresh = SpeedLimited(torch.optim.SGD(net.parameters(), lr=1.0), net, 0.3)
    fresh.load_state_dict(state)
    assert fresh.param_groups[0]["lr"] == limited.param_groups[0]["lr"]


def test_closures():
    net, X = network()
    limited = SpeedLimited(torch.optim.LBFGS(net.parameters(), lr=0.1, max_iter=2), net, 0.3)

    def closure():
        limited.zero_grad()
        return backward(net, X)

    first = limited.step(closure).item()
    assert norm(net[3]) == pytest.approx(0.3, rel=1e-5)
    assert limited.step(closure).item() < first


def test_shared_missing_and_zero_gradients():
    net, X = network()
    net[3].weight = net[2][0].weight  # of 4 x 4: the last layer gives four outputs
    net[3].bias.requires_grad_(False)
    limited = SpeedLimited(torch.optim.SGD(net.parameters(), lr=0.1), net, {"0": 1.0, "2.0": 2.0})
    limited.step()  # nothing has a gradient yet
    backward(net, X, 0.0)
    limited.step()
    assert norm(net[0]) == 0
    limited.zero_grad()
    backward(net, X)
    limited.limit()
    assert norm(net[2]) == pytest.approx(2.0, rel=1e-5)


def test_gradients_that_are_not_finite():
    net, X = network()
    limited = SpeedLimited(torch.optim.SGD(net.parameters(), lr=0.1), net, 1.0)
    backward(net, X * np.inf)
    with pytest.raises(ValueError, match="gradient of layer '0' has NaN or infinity: lower the rate or"):
        limited.step()
    backward(net, X)
    net[0].bias.grad = torch.full_like(net[0].bias, np.nan)  # behind a gradient that is finite
    with pytest.raises(ValueError, match="gradient of layer '0' has NaN"):
        limited.limit()


def test_sparse_gradients():
    net = nn.Embedding(5, 2, sparse=True)
    net(torch.tensor([1, 2, 1])).sum().backward()
    SpeedLimited(torch.optim.SGD(net.parameters(), lr=0.1), net, 3.0).limit()
    assert net.weight.grad.to_dense().norm() == pytest.approx(3.0)


NET, _ = network()
SGD = torch.optim.SGD(NET.parameters(), lr=0.1)
NAMES = r"\['0', '2.0', '3'\]"
BAD = [
    ((3, NET, 1.0), TypeError, "optimizer must be a torch.optim.Optimizer, got a int"),
    ((SGD, 3, 1.0), TypeError, "module must be a torch.nn.Module, got a int"),
    ((SGD, NET, "fast"), TypeError, "speeds must be a number, a sequence or a dict, got a str"),
    ((SGD, NET, [1.0, 2.0]), ValueError, f"one for each of the 3 layers {NAMES}, got 2"),
    ((SGD, NET, {"1": 2.0}), ValueError, f"speeds name a layer '1', but layers with parameters are {NAMES}"),
    ((SGD, NET, {}), ValueError, f"speeds is empty: name at least one of the layers {NAMES}"),
    ((SGD, NET, -1.0), ValueError, "speed of layer '0' == -1.0, must be > 0"),
    ((SGD, NET, [1.0, np.nan, 1.0]), ValueError, "speed of layer '2.0'"),
    ((SGD, NET, [1.0, "2", 1.0]), TypeError, "speed of layer '2.0' must be an instance of"),
]


@pytest.mark.parametrize(("given", "error", "message"), BAD)
def test_bad_input(given, error, message):
    with pytest.raises(error, match=message):
        SpeedLimited(*given)


def test_optimisers_that_do_not_mind_the_size_of_gradients():
    with pytest.warns(UserWarning, match="Adam divides by the size of gradients, so that speeds do next to nothing"):
        SpeedLimited(torch.optim.Adam(NET.parameters()), NET, 1.0)
