"""What is compared when nothing is said: settings of the single models that suit different tables."""

from __future__ import annotations

from ..runtime._budget import MAX_CODED_OUTPUTS, MAX_FULL, MAX_SLOW

# Those whose every coordinate costs several powers.
_SLOW = ({"kernel": "product_laplace"}, {"kernel": "sum_power_laplace"}, {"norm_p": 1.2, "exponent": 1.0})

# In the order in which they earned their place on tables set apart for choosing: docs/model_choice.md. A third round of
# feature learning, the default of single models, earned its place once.
_SETTINGS: tuple[dict, ...] = (
    {},
    {"kernel": "gaussian", "feature_matrix": "full"},
    {"kernel": "laplace", "feature_matrix": "full", "agop_power": 0.25},
    {"kernel": "gaussian", "feature_matrix": "full", "scaling": "quantile"},
    {"scaling": "quantile"},
    {"exponent": 0.7},
    {"kernel": "laplace"},
    {"kernel": "laplace", "exponent": 1.4, "feature_matrix": "full"},
    {"kernel": "product_laplace"},
    {"kernel": "sum_power_laplace"},
    {"agop_power": 0.5, "shrinkage": 0.001, "max_iter": 3},
    {"categorical_encoding": "ordinal"},
    {"categorical_encoding": "target"},
)
# What adds little to these on average, for those who have time.
_MORE: tuple[dict, ...] = (
    {"feature_matrix": "full"},
    {"feature_matrix": "full", "scaling": "quantile"},
    {"agop_power": 0.75, "shrinkage": 1e-4},
    {"scaling": "standard"},
    {"norm_p": 1.2, "exponent": 1.0},
)
_MAX_ITER = 2

# By far the cheapest on many columns: for limits on time that leave no room for the others.
CHEAPEST: dict = {"kernel": "laplace"}


def default_settings(effort, n_coordinates, n_numeric, n_outputs, has_categories, has_other_loss=False):
    """Settings to compare, the defaults of the single model first.

    Parameters
    ----------
    effort : {"low", "medium", "high"}
    n_coordinates : int
        Of the encoded table, with indicators for categories.
    n_numeric : int
        Numeric columns.
    n_outputs : int
        Of the coded targets.
    has_categories : bool
    has_other_loss : bool, default=False
        Than squared error, by which all rounds but the last then learn features: there is one more.

    Returns
    -------
    list of dict
        Parameters of `RFMRegressor` or `RFMClassifier`.
    """
    table = n_coordinates, n_numeric, n_outputs, has_categories
    settings = {"low": _SETTINGS[:1], "medium": _SETTINGS, "high": _SETTINGS + _MORE}[effort]
    chosen = [{"max_iter": _MAX_ITER, **setting} for setting in settings if _suits(setting, *table)]
    return [setting | {"max_iter": setting["max_iter"] + has_other_loss} for setting in chosen]


def _suits(settings, n_coordinates, n_numeric, n_outputs, has_categories):
    if settings in _SLOW and n_numeric > MAX_SLOW:
        return False
    if settings.get("feature_matrix") == "full" and n_coordinates > MAX_FULL:
        return False
    coding = settings.get("categorical_encoding", "one_hot")
    return coding == "one_hot" or (has_categories and (coding != "target" or n_outputs <= MAX_CODED_OUTPUTS))
