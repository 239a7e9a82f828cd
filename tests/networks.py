"""Torch modules, each with its layers as functions of their inputs in one sample."""

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional
jacrev = torch.func.jacrev

BATCH, STEPS = 5, 4
PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class Call(nn.Module):
    """A module whose forward is a function of its parts and the input."""

    def __init__(self, forward, **parts):
        super().__init__()
        self.function = forward
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x):
        return self.function(self, x)


def agop_of(jacobians, width, center=False, weights=None):
    """Loops over samples, outputs and positions; a Jacobian has outputs on its first axis, `width` on its last."""
    J = np.stack([j.detach().numpy().reshape(len(j), -1, width) for j in jacobians])
    weights = np.full(len(J), 1 / len(J)) if weights is None else weights / np.sum(weights)
    if center:
        J = J - sum(w * j for w, j in zip(weights, J, strict=True))
    total = np.zeros((width, width))
    for w, sample in zip(weights, J, strict=True):
        for output in sample:
            for g in output:
                total += w * np.outer(g, g)
    return total


# Every case: the module, samples, and for each layer the function of what its weights multiply in one sample (every
# position independent), with that input.


def mlp():
    net = nn.Sequential(
        nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)
    )
    return (
        net,
        torch.randn(7, 4),
        {"0": lambda x: (net, x), "3": lambda x: (net[3:], net[:3](x)), "5": lambda x: (net[5:], net[:5](x))},
    )


def tokens():
    net = Call(
        lambda s, x: s.out(torch.tanh(s.linear(s.embed(x)))).flatten(1),
        embed=nn.Embedding(6, 4),
        linear=nn.Linear(4, 3),
        out=nn.Linear(3, 2),
    )
    return (
        net,
        torch.randint(6, (7, STEPS)),
        {
            "linear": lambda x: (lambda h: net.out(torch.tanh(net.linear(h))).flatten(), net.embed(x)),
            "out": lambda x: (lambda h: net.out(h).flatten(), torch.tanh(net.linear(net.embed(x)))),
        },
    )


def folded():
    """Tokens of all samples on one axis, and steps before samples."""

    def forward(s, x):
        h = torch.tanh(s.linear(x.flatten(0, 1))).unflatten(0, (len(x), STEPS)).transpose(0, 1)
        return torch.tanh(s.second(h)).sum(0)

    net = Call(forward, linear=nn.Linear(4, 3), second=nn.Linear(3, 2))
    return (
        net,
        torch.randn(STEPS, STEPS, 4),
        {
            "linear": lambda x: (lambda h: torch.tanh(net.second(torch.tanh(net.linear(h)))).sum(0), x),
            "second": lambda x: (lambda h: torch.tanh(net.second(h)).sum(0), torch.tanh(net.linear(x))),
        },
    )


def in_turn(*, by_step):
    """Tokens of all samples on one axis, by step or by sample; no two steps count the same."""
    order = (lambda h: h.transpose(0, 1)) if by_step else (lambda h: h)
    scores = torch.tensor([1.0, -5.0, 3.0, 0.5])

    def forward(s, x):
        h = torch.tanh(s.linear(order(x).flatten(0, 1)))
        h = order(s.out(h).unflatten(0, order(x).shape[:2]))
        return torch.einsum("nto,t->no", torch.tanh(h), scores.to(h))

    net = Call(forward, linear=nn.Linear(4, 3), out=nn.Linear(3, 2))

    def from_hidden(h):
        return scores.to(h) @ torch.tanh(net.out(h))

    return (
        net,
        torch.randn(7, STEPS, 4),
        {
            "linear": lambda x: (lambda h: from_hidden(torch.tanh(net.linear(h))), x),
            "out": lambda x: (from_hidden, torch.tanh(net.linear(x))),
        },
    )


def siamese(*, linear):
    """Two halves of every sample in one batch, all first halves before all second ones."""
    bend = (lambda h: h) if linear else torch.tanh

    def compared(h):
        a, b = bend(h).chunk(2)
        return (a - 5 * b).sum(1, keepdim=True)

    net = Call(lambda s, x: compared(s.linear(torch.cat(x.chunk(2, dim=1)))), linear=nn.Linear(3, 4))
    return (
        net,
        torch.randn(7, 6),
        {"linear": lambda x: (lambda h: compared(net.linear(h))[0], x.unflatten(0, (2, 3)))},
    )


def uneven():
    """Two vectors of every sample and then a third one, in one batch."""

    def forward(s, x):
        h = torch.tanh(s.linear(torch.cat([x[:, :2].flatten(0, 1), x[:, 2]])))
        return h[: 2 * len(x)].unflatten(0, (-1, 2)).sum(1) * h[2 * len(x) :]

    def of_sample(h):
        h = torch.tanh(net.linear(h))
        return (h[0] + h[1]) * h[2]

    net = Call(forward, linear=nn.Linear(4, 3))
    return net, torch.randn(7, 3, 4), {"linear": lambda x: (of_sample, x)}


def convolution(**options):
    def make():
        first = nn.Conv2d(2, 4, (3, 2), **options)
        net = nn.Sequential(first, nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(3))
        X = torch.randn(7, 2, 6, 5)
        net(X)

        def patches(x):
            unfold = {key: value for key, value in options.items() if key != "groups"}
            height, width = first(x[None]).shape[2:]

            def from_patches(rows):
                parts = rows.unflatten(1, (first.groups, -1))
                weights = first.weight.flatten(1).unflatten(0, (first.groups, -1))
                y = torch.einsum("pgi,goi->pgo", parts, weights).flatten(1) + first.bias
                return net[1:](y.T.reshape(1, -1, height, width))[0]

            return from_patches, F.unfold(x[None], (3, 2), **unfold)[0].T

        return net, X, {"0": patches}

    return make


def attention(**options):
    def make():
        torch.manual_seed(1)
        widths = {"kdim": 3, "vdim": 5} if options.get("separate") else {}
        first = options.get("batch_first", True)
        part = nn.MultiheadAttention(4, 2, batch_first=first, **widths)

        def split(h):
            return (h[..., :4], h[..., :3], h[..., :5]) if widths else (h, h, h)

        def forward(s, x):
            h = x if first else x.transpose(0, 1)
            q, k, v = split(h)
            y = s.attention(q, key=k, value=v)[0]
            return torch.tanh(y).sum(1 if first else 0)

        def of(role):
            def function(x):
                inputs = dict(zip(("query", "key", "value"), split(x), strict=True))

                def masked(h):
                    given = inputs | {role: h}
                    y = part(*[given[name].unsqueeze(0 if first else 1) for name in ("query", "key", "value")])[0]
                    return torch.tanh(y.squeeze(0 if first else 1)).sum(0)

                return masked, inputs[role]

            return function

        def out(x):
            heads = _heads(part, *split(x))
            return lambda h: torch.tanh(part.out_proj(h)).sum(0), heads

        net = Call(forward, attention=part)
        X = torch.randn(BATCH, STEPS, 5 if widths else 4)
        return (
            net,
            X,
            {f"attention.{role}": of(role) for role in ("query", "key", "value")} | {"attention.out_proj": out},
        )

    return make


def _heads(part, q, k, v):
    """What the projection out of an attention layer is given."""
    weights = (
        part.in_proj_weight.chunk(3)
        if part.in_proj_weight is not None
        else (part.q_proj_weight, part.k_proj_weight, part.v_proj_weight)
    )
    q, k, v = (
        F.linear(x, W, b).unflatten(-1, (2, -1)).transpose(0, 1)
        for x, W, b in zip((q, k, v), weights, part.in_proj_bias.chunk(3), strict=True)
    )
    return (torch.softmax(q @ k.transpose(1, 2) / np.sqrt(q.shape[-1]), -1) @ v).transpose(0, 1).flatten(1)


def step_of(Layer, gates_x, gates_h, hidden, memory):
    """One step of a recurrent layer by its formulas, from the products with both weight matrices: the new states."""
    if Layer is nn.RNN:
        return torch.tanh(gates_x + gates_h), memory
    if Layer is nn.LSTM:
        i, f, g, o = (gates_x + gates_h).chunk(4)
        memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(memory), memory
    (r_x, z_x, n_x), (r_h, z_h, n_h) = gates_x.chunk(3), gates_h.chunk(3)
    z = torch.sigmoid(z_x + z_h)
    return (1 - z) * torch.tanh(n_x + torch.sigmoid(r_x + r_h) * n_h) + z * hidden, memory


def recurrent(Layer, *, batch_first=True, **options):
    """A recurrent layer, and a linear one on its states, tokens of all samples on one axis."""

    def make():
        part, head = Layer(4, 3, batch_first=batch_first, **options), nn.LazyLinear(2)

        def forward(s, x):
            states = s.rnn(x if batch_first else x.transpose(0, 1))[0]
            y = torch.tanh(s.head(states.flatten(0, 1))).unflatten(0, states.shape[:2])
            return y.sum(1 if batch_first else 0)

        def states_of(rows, layer, direction):
            """States in the order of the rows, a loop over the steps."""
            suffix = f"l{layer}" + ("_reverse" if direction else "")
            W_x, W_h, b_x, b_h = (getattr(part, f"{kind}_{suffix}") for kind in PARAMETERS)
            hidden = memory = rows.new_zeros(3)
            states = []
            for row in rows.flip(0) if direction else rows:
                hidden, memory = step_of(Layer, W_x @ row + b_x, W_h @ hidden + b_h, hidden, memory)
                states.append(hidden)
            states = torch.stack(states)
            return states.flip(0) if direction else states

        def run_layers(rows):
            for layer in range(part.num_layers):
                rows = torch.cat([states_of(rows, layer, d) for d in range(1 + part.bidirectional)], 1)
            return rows

        def read(states):
            return torch.tanh(head(states)).sum(0)

        net, X = Call(forward, rnn=part, head=head), torch.randn(BATCH, STEPS, 4)
        net(X)
        return (
            net,
            X,
            {"rnn.input": lambda x: (lambda h: read(run_layers(h)), x), "head": lambda x: (read, run_layers(x))},
        )

    return make


def cell(Cell, Layer):
    def make():
        part = Cell(4, 3)

        def run(rows, added):
            """The last state, with something added to each hidden state that the cell is given."""
            W_x, W_h, b_x, b_h = (getattr(part, kind) for kind in PARAMETERS)
            hidden = memory = rows.new_zeros(3)
            for row, more in zip(rows, added, strict=True):
                hidden = hidden + more
                hidden, memory = step_of(Layer, W_x @ row + b_x, W_h @ hidden + b_h, hidden, memory)
            return torch.tanh(hidden)

        def forward(s, x):
            state = None
            for t in range(STEPS):
                state = s.cell(x[:, t], state)
            return torch.tanh(state[0] if isinstance(state, tuple) else state)

        zeros = torch.zeros(STEPS, 3)
        net = Call(forward, cell=part)
        return (
            net,
            torch.randn(BATCH, STEPS, 4),
            {
                "cell.input": lambda x: (lambda h: run(h, zeros), x),
                "cell.hidden": lambda x: (lambda added: run(x, added), zeros),
            },
        )

    return make


CASES = {
    "mlp": mlp,
    "tokens": tokens,
    "folded": folded,
    "one axis by sample": partial(in_turn, by_step=False),
    "one axis by step": partial(in_turn, by_step=True),
    "siamese": partial(siamese, linear=False),
    "siamese, linear": partial(siamese, linear=True),
    "uneven": uneven,
    "conv": convolution(),
    "conv stride padding dilation": convolution(stride=2, padding=1, dilation=(1, 2)),
    "conv groups": convolution(groups=2),
    "attention": attention(),
    "attention, steps first": attention(batch_first=False),
    "attention, widths": attention(separate=True),
    "rnn": recurrent(nn.RNN),
    "rnn, steps first": recurrent(nn.RNN, batch_first=False),
    "gru, steps first": recurrent(nn.GRU, batch_first=False),
    "gru both ways": recurrent(nn.GRU, bidirectional=True, num_layers=2),
    "lstm": recurrent(nn.LSTM),
    "rnn cell": cell(nn.RNNCell, nn.RNN),
    "gru cell": cell(nn.GRUCell, nn.GRU),
    "lstm cell": cell(nn.LSTMCell, nn.LSTM),
}

# The outputs are linear in what these layers give, so that centred gradients are zero.
CONSTANT_GRADIENTS = [("mlp", "5"), ("tokens", "out"), ("siamese, linear", "linear")]


def build(name):
    torch.set_default_dtype(torch.float64)
    try:
        torch.manual_seed(0)
        return CASES[name]()
    finally:
        torch.set_default_dtype(torch.float32)


def expected(net, X, of_sample, **options):
    net.eval()
    jacobians = []
    for x in X:
        function, h = of_sample(x)
        jacobians.append(jacrev(function)(h))
    return agop_of(jacobians, h.shape[-1], **options)
