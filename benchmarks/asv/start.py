"""What a new process pays."""


class Start:
    """Each in a process of its own."""

    number = 1
    repeat = (5, 10, 20.0)

    def timeraw_import(self):
        """Import of the package where scikit-learn is there already."""
        return "import rfmlearn", "import sklearn.base, sklearn.utils.validation"

    def timeraw_first_fit(self):
        """First fit of a process, with compiled loops in the cache."""
        setup = "import numpy as np, rfmlearn; X = np.random.default_rng(0).standard_normal((200, 10)); y = X[:, 0] > 0"
        return "rfmlearn.RFMClassifier().fit(X, y)", setup
