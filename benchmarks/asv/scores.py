"""How well predictions fit, on data that ship with scikit-learn. Less is better everywhere, as asv takes it to be."""

from sklearn import datasets
from sklearn.model_selection import cross_val_score

from rfmlearn import RFMClassifier, RFMClassifierCV, RFMRegressor

from .problems import Compiled


class Score(Compiled):
    """Means over three folds."""

    def track_log_loss(self, data):
        """Of RFMClassifier."""
        X, y = getattr(datasets, f"load_{data}")(return_X_y=True)
        return -cross_val_score(RFMClassifier(random_state=0), X, y, cv=3, scoring="neg_log_loss").mean()

    track_log_loss.param_names = ("data",)
    track_log_loss.params = (("breast_cancer", "wine", "digits"),)
    track_log_loss.unit = "nats"

    def track_log_loss_of_search(self):
        """Of RFMClassifierCV, on wine."""
        X, y = datasets.load_wine(return_X_y=True)
        return -cross_val_score(RFMClassifierCV(random_state=0), X, y, cv=3, scoring="neg_log_loss").mean()

    track_log_loss_of_search.unit = "nats"

    def track_one_minus_r2(self, data):
        """Of RFMRegressor."""
        made = datasets.make_friedman1(600, noise=1.0, random_state=0)
        X, y = made if data == "friedman1" else datasets.load_diabetes(return_X_y=True)
        return 1 - cross_val_score(RFMRegressor(random_state=0), X, y, cv=3, scoring="r2").mean()

    track_one_minus_r2.param_names = ("data",)
    track_one_minus_r2.params = (("diabetes", "friedman1"),)
    track_one_minus_r2.unit = "1 - R2"
