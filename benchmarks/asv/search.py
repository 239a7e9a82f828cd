"""The model that chooses its settings."""

from rfmlearn import RFMClassifierCV

from .problems import Compiled, problem


class Search(Compiled):
    """300 rows."""

    number = 1
    repeat = (2, 5, 60.0)
    warmup_time = 0.0

    def setup(self):
        """Load the compiled loops."""
        self.X, self.y = problem("RFMClassifierCV", 300)
        RFMClassifierCV(random_state=0).fit(self.X[:60], self.y[:60])

    def time_search(self):
        """Seconds."""
        RFMClassifierCV(random_state=0).fit(self.X, self.y)
