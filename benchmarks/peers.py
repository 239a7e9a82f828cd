"""The models that are compared, by short names, each with its default settings.

Boosting gets category columns as its library wants them, but HistGradientBoosting refuses those of more than 255
levels: their levels are numbered for it. Models without a front end of their own get imputed, standardised and one-hot
coded columns; xrfm and Nystroem, which see many rows, only the 255 most frequent levels of each, the rest as one.
"""

from __future__ import annotations

import importlib

import numpy as np
from scipy.stats import loguniform, randint, uniform
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC, SVR

from rfmlearn import RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV

# Module to import; pip gives it under the same name.
PACKAGES = {
    "lgbm": "lightgbm",
    "xgb": "xgboost",
    "catboost": "catboost",
    "xrfm": "xrfm",
    "lgbm_tuned": "lightgbm",
    "catboost_tuned": "catboost",
}
MODELS = ("rfm", "rfmcv", "rfmcv_low", "rfmcv_high", "rfmcv_trees", "krr", "hgb", "rf", "svm", "nystroem", *PACKAGES)

# Twenty settings are drawn from each of these, and compared in five folds.
_LGBM_GRID = {
    "n_estimators": [100, 200, 400, 800],
    "learning_rate": loguniform(0.01, 0.2),
    "num_leaves": randint(4, 128),
    "min_child_samples": randint(2, 60),
    "subsample": uniform(0.5, 0.5),
    "subsample_freq": [1],
    "colsample_bytree": uniform(0.4, 0.6),
    "reg_lambda": loguniform(1e-3, 30),
}
_CATBOOST_GRID = {
    "iterations": [300, 600, 1000],
    "learning_rate": loguniform(0.01, 0.2),
    "depth": randint(3, 9),
    "l2_leaf_reg": loguniform(0.3, 30),
    "random_strength": loguniform(0.1, 10),
    "bagging_temperature": uniform(0, 1),
}
_N_SETTINGS, _N_FOLDS = 20, 5

_HGB_LEVELS = 255  # more are refused
_MOST_LEVELS = 256  # a dense array of thousands of levels and many rows does not fit into memory


def import_package(name):
    """The module that a model comes from, imported only now."""
    package = PACKAGES[name]
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"model {name!r} needs a package: pip install {package} ({error})") from error


def make_model(name, classes, X, seed=0, n_threads=1):
    """The estimator of a name, not fitted.

    Parameters
    ----------
    name : str
        One of `MODELS`. "rfmcv_trees" has HistGradientBoosting and extremely randomized trees as further members.
        "krr" is kernel ridge regression: the model "rfm" without feature learning.
    classes : bool
        Whether to classify.
    X : DataFrame
        Training rows: whose columns are categories is seen from them.
    seed : int, default=0
        Seed of all that is random.
    n_threads : int, default=1
        Threads, for models that do not go by the limit of BLAS or OpenMP.
    """
    match name:
        case "rfm":
            return (RFMClassifier if classes else RFMRegressor)(random_state=seed)
        case "rfmcv":
            return (RFMClassifierCV if classes else RFMRegressorCV)(random_state=seed)
        case "rfmcv_low" | "rfmcv_high":
            effort = name.removeprefix("rfmcv_")
            return (RFMClassifierCV if classes else RFMRegressorCV)(effort=effort, random_state=seed)
        case "rfmcv_trees":
            forest = ExtraTreesClassifier if classes else ExtraTreesRegressor
            forest = make_pipeline(_preprocess(_MOST_LEVELS), forest(300, min_samples_leaf=2, random_state=seed))
            extra = [make_model("hgb", classes, X, seed), forest]
            return (RFMClassifierCV if classes else RFMRegressorCV)(extra_members=extra, random_state=seed)
        case "krr":
            return (RFMClassifier if classes else RFMRegressor)(max_iter=0, random_state=seed)
        case "hgb":
            model = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
            model = model(categorical_features="from_dtype", random_state=seed)
            many = [name for name in X.select_dtypes("category") if len(X[name].cat.categories) > _HGB_LEVELS]
            return make_pipeline(_levels_as_numbers(X, many), model) if many else model
        case "rf":
            model = RandomForestClassifier if classes else RandomForestRegressor
            return make_pipeline(_preprocess(), model(500, n_jobs=n_threads, random_state=seed))
        case "svm":
            model = SVC(random_state=seed) if classes else SVR()
            step = type(model).__name__.lower()
            grid = {f"{step}__C": [0.1, 1, 10, 100], f"{step}__gamma": ["scale", 0.01, 0.1]}
            return GridSearchCV(make_pipeline(_preprocess(), model), grid, cv=3, n_jobs=n_threads)
        case "lgbm":
            package = import_package(name)
            model = package.LGBMClassifier if classes else package.LGBMRegressor
            return model(random_state=seed, n_jobs=n_threads, verbose=-1)
        case "xgb":
            package = import_package(name)
            model = package.XGBClassifier if classes else package.XGBRegressor
            return model(random_state=seed, n_jobs=n_threads, enable_categorical=True)
        case "catboost":
            package = import_package(name)
            model = package.CatBoostClassifier if classes else package.CatBoostRegressor
            model = model(
                cat_features=list(X.select_dtypes("category")),
                random_seed=seed,
                thread_count=n_threads,
                verbose=False,
                allow_writing_files=False,
            )
            return make_pipeline(FunctionTransformer(_categories_as_text), model)
        case "lgbm_tuned":
            return _tuned(make_model("lgbm", classes, X, seed, n_threads), "", _LGBM_GRID, classes, seed)
        case "catboost_tuned":
            model = make_model("catboost", classes, X, seed, n_threads)
            return _tuned(model, f"{model.steps[-1][0]}__", _CATBOOST_GRID, classes, seed)
        case "nystroem":
            model = LogisticRegression(max_iter=1000) if classes else Ridge()
            return make_pipeline(_preprocess(_MOST_LEVELS), Nystroem(n_components=1000, random_state=seed), model)
        case "xrfm":
            model = import_package(name).xRFM(device="cpu", random_state=seed, n_threads=n_threads, verbose=False)
            return make_pipeline(_preprocess(_MOST_LEVELS), _HoldOut(model, classes, seed))
    raise ValueError(f"models are {', '.join(MODELS)}; got {name!r}.")


def _tuned(model, prefix, grid, classes, seed):
    """A model with the best of random settings by log-loss, or squared error, in folds."""
    grid = {prefix + name: values for name, values in grid.items()}
    scoring = "neg_log_loss" if classes else "neg_mean_squared_error"
    return RandomizedSearchCV(model, grid, n_iter=_N_SETTINGS, scoring=scoring, cv=_N_FOLDS, random_state=seed)


def _preprocess(max_levels=None):
    numeric = make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())
    categorical = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False, min_frequency=2, max_categories=max_levels),
    )
    return make_column_transformer(
        (numeric, make_column_selector(dtype_include=np.number)),
        (categorical, make_column_selector(dtype_exclude=np.number)),
    )


def _levels_as_numbers(X, names):
    """Number the levels of some columns in their order; others stay as they are."""
    levels = [X[name].cat.categories for name in names]
    encoder = OrdinalEncoder(categories=levels, handle_unknown="use_encoded_value", unknown_value=np.nan)
    step = make_column_transformer((encoder, names), remainder="passthrough", verbose_feature_names_out=False)
    return step.set_output(transform="pandas")


def _categories_as_text(X):
    text = {
        name: X[name].astype(object).where(X[name].notna(), "missing").astype(str)
        for name in X.select_dtypes("category")
    }
    return X.assign(**text)


class _HoldOut(BaseEstimator):
    """A model that wants rows for validation in its fit: a fifth of the training rows, by class."""

    def __init__(self, model, classes, seed):
        self.model, self.classes, self.seed = model, classes, seed

    def fit(self, X, y):
        """Hold rows out and fit."""
        stratify = y if self.classes and np.bincount(y).min() > 1 else None
        X, X_val, y, y_val = train_test_split(X, y, test_size=0.2, random_state=self.seed, stratify=stratify)
        self.model.fit(X, y, X_val, y_val)
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        """Numbers or labels."""
        return np.ravel(self.model.predict(X))

    def predict_proba(self, X):
        """Probabilities of classes."""
        return self.model.predict_proba(X)
