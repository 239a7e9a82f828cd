"""Fit and prediction of single models: time and memory."""

from .problems import SINGLE, Compiled, problem


class Fit(Compiled):
    """With defaults: five rounds at most."""

    param_names = ("model", "n")
    params = (tuple(SINGLE), (200, 2000))

    def setup(self, model, n):
        """Load the compiled loops."""
        self.X, self.y = problem(model, n)
        SINGLE[model](random_state=0).fit(self.X[:100], self.y[:100])

    def time_fit(self, model, n):
        """Seconds."""
        SINGLE[model](random_state=0).fit(self.X, self.y)


class Predict(Compiled):
    """Of 2,000 new rows."""

    param_names = ("model", "n")
    params = (tuple(SINGLE), (200, 2000))

    def setup(self, model, n):
        """Fit what is to predict."""
        X, y = problem(model, n + 2000)
        self.new = X[n:]
        self.model = SINGLE[model](random_state=0).fit(X[:n], y[:n])
        self.model.predict(self.new[:10])

    def time_predict(self, model, n):
        """Seconds."""
        self.model.predict(self.new)


class Memory(Compiled):
    """Largest size of the process, with 4,000 rows; one Gram matrix of theirs takes 128 MB."""

    param_names = ("model",)
    params = (tuple(SINGLE),)

    def setup(self, model):
        """Make the data."""
        self.X, self.y = problem(model, 4000)

    def peakmem_fit(self, model):
        """Bytes."""
        SINGLE[model](random_state=0).fit(self.X, self.y)

    def peakmem_fit_float32(self, model):
        """Bytes, where the table has single precision."""
        SINGLE[model](random_state=0).fit(self.X.astype("float32"), self.y)
