"""Estimators with gradients in closed form, problems for them, and their gradients by differences."""

import math
import warnings

import naive
import numpy as np
import pytest
from sklearn import decomposition, discriminant_analysis, linear_model, neural_network, preprocessing, svm
from sklearn.compose import TransformedTargetRegressor
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor, kernels
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline

from rfmlearn import DeepRFMClassifier, DeepRFMRegressor, RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV

METHODS = {"prediction": "predict", "probability": "predict_proba", "decision": "decision_function"}


def data(rng, m=8, n=60, d=3):
    """Rows to fit to, targets of each kind, and rows to look at; columns have scales of their own."""
    scale = np.array([1.0, 0.5, 3.0, 2.0])[:d]
    X, Z = rng.normal(size=(n, d)) * scale, rng.normal(size=(40 * m, d)) * scale
    # Some kernels have a cusp wherever two points share a coordinate.
    Z = Z[(np.abs(Z[:, None] - X) > 0.01 * scale).all(axis=(1, 2))][:m]
    assert len(Z) == m
    smooth = np.sin(X[:, 0]) + X[:, 1] * X[:, 2] / 3
    classes = np.digitize(smooth + 0.1 * rng.normal(size=n), [-0.4, 0.5])
    targets = {
        "one": smooth,
        "two": np.column_stack([smooth, X[:, 0] ** 2]),
        "positive": np.exp(0.3 * smooth),
        "classes2": np.array(["no", "yes"])[(classes > 0).astype(int)],
        "classes3": classes,
        "labels": np.column_stack([classes > 0, X[:, 0] > 0]).astype(int),
    }
    return X, targets, Z


def fit(model, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether an optimiser has converged is not looked at here
        return model.fit(X, y)


def expected_gradient(model, output, Z, h=1e-4):
    call = getattr(model, METHODS[output])
    return naive.five_point_gradient(lambda at: call(at).reshape(len(at), -1), Z, h)


def assert_near(actual, expected, tolerance):
    assert actual.shape == expected.shape and actual.dtype == np.float64
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def case(model, target, *outputs, tolerance=1e-7):
    """One instance for each output; the name tells the class and the parameters that are set."""
    set_apart = {
        name: value for name, value in model.get_params(deep=False).items() if value != getattr(type(model)(), name)
    } if not hasattr(model, "steps") and not hasattr(model, "estimator") else {}  # fmt: skip
    label = "-".join([type(model).__name__, *(f"{name}={value}" for name, value in set_apart.items()), target])
    return [pytest.param(model, target, output, tolerance, id=f"{label}-{output}") for output in outputs]


LINEAR = [
    *case(linear_model.LinearRegression(), "two", "prediction"),
    *(
        instance
        for name in ("Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV", "BayesianRidge")
        for instance in case(getattr(linear_model, name)(), "one", "prediction")
    ),
    *case(linear_model.ARDRegression(), "one", "prediction"),
    *case(linear_model.HuberRegressor(), "one", "prediction"),
    *case(linear_model.SGDRegressor(random_state=0), "one", "prediction"),
    *case(svm.LinearSVR(random_state=0), "one", "prediction"),
    *case(linear_model.PoissonRegressor(), "positive", "prediction"),
    *case(linear_model.GammaRegressor(), "positive", "prediction"),
    *case(linear_model.TweedieRegressor(), "positive", "prediction"),
    *case(linear_model.TweedieRegressor(power=1.5), "positive", "prediction"),
    *case(linear_model.TweedieRegressor(link="log"), "positive", "prediction"),
    *(
        instance
        for target in ("classes2", "classes3")
        for model, outputs in [
            (linear_model.LogisticRegression(), ("decision", "probability")),
            (linear_model.LogisticRegressionCV(Cs=2, cv=2), ("probability",)),
            (discriminant_analysis.LinearDiscriminantAnalysis(), ("decision", "probability")),
            (linear_model.SGDClassifier("log_loss", alpha=0.1, random_state=0), ("decision", "probability")),
            (linear_model.SGDClassifier(random_state=0), ("decision",)),
            (linear_model.RidgeClassifier(), ("decision",)),
            (linear_model.RidgeClassifierCV(), ("decision",)),
            (linear_model.Perceptron(random_state=0), ("decision",)),
            (svm.LinearSVC(random_state=0), ("decision",)),
        ]
        for instance in case(model, target, *outputs)
    ),
]
KERNEL_MACHINES = [
    *(
        instance
        for name in ("linear", "rbf", "laplacian", "polynomial", "poly", "sigmoid")
        for instance in case(KernelRidge(kernel=name, gamma=0.1, degree=2, coef0=0.7), "two", "prediction")
    ),
    *case(KernelRidge(kernel="rbf"), "one", "prediction"),
    *case(KernelRidge(kernel="laplacian"), "one", "prediction"),
    *(
        instance
        for name in ("linear", "rbf", "poly", "sigmoid")
        for model, target in [
            (svm.SVR(kernel=name, coef0=0.3), "one"),
            (svm.NuSVR(kernel=name, gamma="auto"), "one"),
            (svm.SVC(kernel=name, coef0=0.3), "classes2"),
            (svm.SVC(kernel=name, gamma=0.2, decision_function_shape="ovo"), "classes3"),
            (svm.SVC(kernel=name, gamma=0.2), "classes3"),
            (svm.NuSVC(kernel=name, nu=0.2), "classes3"),
        ]
        for instance in case(model, target, "prediction" if target == "one" else "decision")
    ),
]
GP_KERNELS = [
    kernels.RBF(1.3),
    kernels.RBF([1.0, 0.7, 3.0]),
    kernels.Matern([1.0, 0.7, 3.0], nu=0.5),
    *(kernels.Matern(1.5, nu=nu) for nu in (0.3, 0.8, 1.5, 2.5, 3.2, math.inf)),
    kernels.RationalQuadratic(1.4, 0.6),
    kernels.ExpSineSquared(2.0, 5.0) + kernels.WhiteKernel(30.0),  # of distance, it is not positive definite
    kernels.DotProduct(0.8) ** 2 + kernels.WhiteKernel(0.1),
    kernels.ConstantKernel(2.0) * kernels.RBF(2.0) * kernels.DotProduct(1.0) + kernels.Matern(2.0),
]
GAUSSIAN_PROCESSES = [
    *(
        pytest.param(GaussianProcessRegressor(kernel, alpha=1e-2, optimizer=None), "one", "prediction", 1e-7, id=f"{k}")
        for k, kernel in enumerate(GP_KERNELS)
    ),
    *case(GaussianProcessRegressor(alpha=0.1, normalize_y=True), "two", "prediction"),
    *(
        pytest.param(GaussianProcessClassifier(kernel, optimizer=None), target, "probability", 1e-6, id=f"{k}-{target}")
        for target in ("classes2", "classes3")
        for k, kernel in [
            (0, GP_KERNELS[1]),
            (1, GP_KERNELS[-1]),
            (2, GP_KERNELS[-2]),
            (3, kernels.WhiteKernel(0.2) * kernels.DotProduct(1.0) + kernels.RBF(1.0)),
        ]
    ),
]
NETWORKS = [
    *(
        instance
        for activation in ("identity", "logistic", "tanh", "relu")
        for model, target, outputs in [
            (neural_network.MLPRegressor, "two", "prediction"),
            (neural_network.MLPClassifier, "classes2", "probability"),
            (neural_network.MLPClassifier, "classes3", "probability"),
            (neural_network.MLPClassifier, "labels", "probability"),
        ]
        for instance in case(
            model(
                hidden_layer_sizes=(7, 5),
                activation=activation,
                solver="lbfgs",
                alpha=1e-3,
                max_iter=30,
                random_state=1,
            ),
            target,
            outputs,
        )
    ),
    *case(
        neural_network.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", max_iter=30, random_state=0),
        "one",
        "prediction",
    ),
]
SCALERS = [
    preprocessing.StandardScaler(),
    preprocessing.StandardScaler(with_std=False),
    preprocessing.MinMaxScaler((-2, 1)),
    preprocessing.MaxAbsScaler(),
    preprocessing.RobustScaler(unit_variance=True),
    preprocessing.RobustScaler(with_scaling=False),
    decomposition.PCA(2, whiten=True),
    decomposition.PCA(),
    decomposition.TruncatedSVD(2, random_state=0),
    "passthrough",
]
COMPOSITES = [
    *(
        pytest.param(make_pipeline(step, svm.SVC(gamma=0.3)), "classes3", "decision", 1e-7, id=f"{step}")
        for step in SCALERS
    ),
    pytest.param(
        make_pipeline(preprocessing.StandardScaler(), decomposition.PCA(2), None, KernelRidge(kernel="rbf")),
        *("two", "prediction", 1e-7),
        id="several steps",
    ),
    pytest.param(
        GridSearchCV(make_pipeline(preprocessing.StandardScaler(), svm.SVR()), {"svr__C": [1, 3]}, cv=2),
        *("one", "prediction", 1e-7),
        id="grid search",
    ),
    pytest.param(
        make_pipeline(
            preprocessing.MinMaxScaler(),
            RandomizedSearchCV(linear_model.LogisticRegression(), {"C": [1, 3]}, n_iter=1, cv=2, random_state=0),
        ),
        *("classes3", "probability", 1e-7),
        id="random search in a pipeline",
    ),
    pytest.param(TransformedTargetRegressor(KernelRidge(kernel="rbf")), "one", "prediction", 1e-7, id="trivial target"),
]
SCALINGS = [None, "standard", "robust", "quantile"]
SETTINGS = [{"max_iter": 1}, {"kernel": "gaussian", "max_iter": 1, "scaling": "quantile"}]
LAYERS = {"n_layers": 3, "n_random_features": 15, "random_state": 0}
OURS = [
    *(
        instance
        for scaling in SCALINGS
        for instance in case(RFMRegressor("gaussian", scaling=scaling, max_iter=1), "two", "prediction")
    ),
    *(
        instance
        for form in ("full", "diagonal", "block")
        for instance in case(RFMRegressor(feature_matrix=form, max_iter=1, exponent=1.4), "one", "prediction")
    ),
    *(
        instance
        for kernel in ("laplace", "product_laplace", "sum_power_laplace")
        for instance in case(RFMRegressor(kernel, max_iter=1), "one", "prediction", tolerance=1e-6)
    ),
    *(
        instance
        for target in ("classes2", "classes3")
        for instance in [
            *case(RFMClassifier(max_iter=1), target, "decision", "probability"),
            *case(RFMClassifierCV(SETTINGS, cv=2, random_state=0), target, "decision", "probability"),
        ]
    ),
    *case(RFMRegressorCV(SETTINGS, cv=2, random_state=0), "two", "prediction"),
    *case(DeepRFMRegressor(scaling="robust", **LAYERS), "two", "prediction", tolerance=1e-6),
    *case(DeepRFMRegressor(random_features="fourier", **LAYERS), "one", "prediction", tolerance=1e-6),
    *case(DeepRFMClassifier(**LAYERS), "classes3", "decision", "probability", tolerance=1e-6),
]
