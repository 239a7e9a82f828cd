"""Recursive Feature Machines beside gradient boosting, a random forest and a support vector machine.

The tables ship with scikit-learn, so nothing is downloaded; ``--csv path --target column`` adds one of yours. Every
model has its default parameters, and one train/test split with a fixed seed scores them all. What RFM learned goes to a
picture.
"""

import argparse
import warnings
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss, r2_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR

from rfmlearn import RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV

SEED = 0
MAX_ROWS = 10_000  # of a CSV file; more are sampled, so that the demo stays short
MAX_CLASSES = 20  # a target of whole numbers with more distinct values is a quantity
MIN_CLASS_ROWS = 5
MAX_CATEGORIES = 255  # what HistGradientBoosting takes
MAX_BARS = 12
HIGHER_IS_BETTER = {"accuracy", "R2"}
BAR_COLOR = "#3b6ea5"


@dataclass(frozen=True)
class Data:
    """A table and its target."""

    name: str
    X: pd.DataFrame
    y: np.ndarray
    is_classification: bool

    def split(self):
        """Return the training and the test parts of X and y."""
        stratify = self.y if self.is_classification else None
        return train_test_split(self.X, self.y, stratify=stratify, random_state=SEED)


def shipped_tables():
    """Return the tables inside scikit-learn."""
    loaders = {"breast cancer": load_breast_cancer, "wine": load_wine, "digits": load_digits, "diabetes": load_diabetes}
    tables = []
    for name, load in loaders.items():
        X, y = load(return_X_y=True, as_frame=True)
        tables.append(Data(name, X, y.to_numpy(), is_classification=load is not load_diabetes))
    return tables


def read_table(path, target, console):
    """Return the table in a CSV file; raise ValueError, with a message for the user, if it cannot be used."""
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if target not in frame:
        raise ValueError(f"{path} has no column {target!r}; its columns are: {', '.join(map(str, frame))}")
    frame = frame.dropna(subset=[target])
    is_classification = holds_classes(frame[target])
    if is_classification:
        frame = without_rare_classes(frame, target)
    if len(frame) > MAX_ROWS:
        console.print(f"{path}: {MAX_ROWS:,} rows drawn at random from {len(frame):,}.", markup=False)
        frame = frame.sample(MAX_ROWS, random_state=SEED)
        frame = without_rare_classes(frame, target) if is_classification else frame
    if len(frame) < 20 or frame[target].nunique() < 2:
        raise ValueError(f"{path} has too few rows, or too few values of {target!r}, to learn from")
    X = usable_columns(frame.drop(columns=target).reset_index(drop=True), path, console)
    y = frame[target].astype(str).to_numpy(object) if is_classification else frame[target].to_numpy(float)
    return Data(Path(path).name, X, y, is_classification)


def holds_classes(y):
    """Tell whether a target names classes: not numbers, or whole numbers of which there are few."""
    if pd.api.types.is_bool_dtype(y) or not pd.api.types.is_numeric_dtype(y):
        return True
    return y.nunique() <= MAX_CLASSES and bool((y == y.round()).all())


def without_rare_classes(frame, target):
    """Return the rows whose class is common enough to be split."""
    return frame[frame.groupby(target)[target].transform("size") >= MIN_CLASS_ROWS]


def usable_columns(X, path, console):
    """Return X with categories in place of strings, without columns that are empty or look like names or text."""
    X = X.copy()
    for column in X:
        if pd.api.types.is_bool_dtype(X[column]):
            X[column] = X[column].astype(float)
        elif pd.api.types.is_numeric_dtype(X[column]):
            X[column] = X[column].replace([np.inf, -np.inf], np.nan)
        else:
            X[column] = X[column].astype("category")
    is_used = X.notna().any() & ((X.dtypes != "category") | (X.nunique() <= MAX_CATEGORIES))
    if not is_used.all():
        left_out = ", ".join(map(str, X.columns[~is_used]))
        console.print(
            f"{path}: left out, as empty or of more than {MAX_CATEGORIES} distinct strings: {left_out}.", markup=False
        )
    if not is_used.any():
        raise ValueError(f"{path} has no column to learn from")
    return X.loc[:, is_used]


def encoded(model):
    """Return a pipeline that one-hot encodes categories, and imputes and scales numbers, before the model."""
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
        remainder=make_pipeline(SimpleImputer(), StandardScaler()),
    )
    return make_pipeline(columns, model)


def make_models(is_classification):
    """Return the models by name: RFM first, which like HistGradientBoosting need no preprocessing."""
    if is_classification:
        return {
            "RFM": RFMClassifier(random_state=SEED),
            "RFM, CV": RFMClassifierCV(random_state=SEED),
            "HistGradientBoosting": HistGradientBoostingClassifier(
                categorical_features="from_dtype", random_state=SEED
            ),
            "random forest": encoded(RandomForestClassifier(random_state=SEED, n_jobs=-1)),
            "SVC": encoded(SVC()),
        }
    return {
        "RFM": RFMRegressor(random_state=SEED),
        "RFM, CV": RFMRegressorCV(random_state=SEED),
        "HistGradientBoosting": HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=SEED),
        "random forest": encoded(RandomForestRegressor(random_state=SEED, n_jobs=-1)),
        "SVR": encoded(SVR()),
    }


def warm_up():
    """Fit RFM on tiny tables, so that the compilation of its loops is not timed: all settings, in both precisions."""
    rng = np.random.default_rng(SEED)
    numbers = pd.DataFrame(rng.standard_normal((60, 3)), columns=["a", "b", "c"])
    mixed = numbers.assign(a=numbers["a"].where(numbers["a"] < 1), d=pd.Categorical(["x", "y", "z"] * 20))
    y = numbers["a"].to_numpy()
    for X in (numbers, mixed):
        RFMRegressor(random_state=SEED).fit(X, y).predict(X)
        RFMClassifier(random_state=SEED).fit(X, y > 0).predict_proba(X)
        RFMRegressorCV(cv=2, random_state=SEED).fit(X, y).predict(X)


def evaluate(model, data):
    """Fit a model on the training part, and return its scores and times on the test part."""
    X_train, X_test, y_train, y_test = data.split()
    start = perf_counter()
    model.fit(X_train, y_train)
    fitted = perf_counter()
    predicted = model.predict(X_test)
    times = {"fit, s": fitted - start, "predict, s": perf_counter() - fitted}
    if not data.is_classification:
        return {"R2": r2_score(y_test, predicted), "RMSE": root_mean_squared_error(y_test, predicted), **times}
    has_probabilities = hasattr(model, "predict_proba")
    loss = log_loss(y_test, model.predict_proba(X_test), labels=model.classes_) if has_probabilities else np.nan
    return {"accuracy": accuracy_score(y_test, predicted), "log-loss": loss, **times}


def result_table(data, results):
    """Return a table of scores and times by model, the best of each column in bold."""
    results = pd.DataFrame(results).T
    X_train, X_test, _, _ = data.split()
    kind = f"{len(np.unique(data.y))} classes" if data.is_classification else "regression"
    title = (
        f"{data.name}: {kind}, {data.X.shape[1]} columns, {len(X_train):,} rows to learn from, {len(X_test):,} to test"
    )
    table = Table(title=title, title_justify="left", title_style="bold", min_width=78)
    table.add_column("model")
    for column in results:
        table.add_column(column, justify="right")
        shown = results[column].map(
            lambda value: "-" if np.isnan(value) else f"{value:.4g}" if abs(value) >= 100 else f"{value:.3f}"
        )
        best = results[column].max() if column in HIGHER_IS_BETTER else results[column].min()
        is_best = shown == shown[results[column] == best].iloc[0]
        results[column] = shown.where(~is_best, "[bold]" + shown + "[/bold]")
    for name, row in results.iterrows():
        table.add_row(name, *row)
    return table


def run(tables, console):
    """Score every model on every table; return the tables of results and the fitted RFM models."""
    result_tables, learned = [], []
    bar = (TextColumn("{task.description:<42}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar, console=console, transient=True) as progress:
        task = progress.add_task("compiling", total=sum(len(make_models(data.is_classification)) for data in tables))
        warm_up()
        for data in tables:
            models, results = make_models(data.is_classification), {}
            for name, model in models.items():
                progress.update(task, description=f"{escape(data.name)}: {name}")
                results[name] = evaluate(model, data)
                progress.advance(task)
            result_tables.append(result_table(data, results))
            learned.append(models["RFM"])
    return result_tables, learned


def draw_pixels(figure, model):
    """Draw the importance of the pixels of digits, and the leading eigenvectors of the AGOP, as images."""
    figure.suptitle("digits: what the classifier looks at", fontweight="bold")
    values, vectors = np.linalg.eigh(model.agop_)
    shares = values[::-1] / values.sum()
    axes = figure.subplots(1, 5)
    axes[0].imshow(model.feature_importances_.reshape(8, 8), cmap="magma")
    axes[0].set_title("feature importances", fontsize=10)
    for i, ax in enumerate(axes[1:]):
        vector = np.zeros(64)  # constant pixels have no coordinate
        vector[model.coordinate_columns_] = vectors[:, -1 - i]
        limit = np.abs(vector).max()
        ax.imshow(vector.reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.set_title(f"AGOP eigenvector {i + 1} ({shares[i]:.0%})", fontsize=10)
    for ax in axes:
        ax.set(xticks=[], yticks=[])


def draw_importances(ax, name, model):
    """Draw the largest feature importances as bars."""
    importances = pd.Series(model.feature_importances_, index=model.feature_names_in_).nlargest(MAX_BARS)[::-1]
    labels = [label if len(label) <= 22 else label[:21] + "…" for label in importances.index]
    ax.barh(range(len(labels)), importances, color=BAR_COLOR)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_title(name, fontweight="bold")
    ax.set_xlabel("feature importance")
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="y", length=0)


def draw(tables, learned, path):
    """Save a picture of what the RFM models learned."""
    names = [data.name for data in tables]
    bars = [(name, model) for name, model in zip(names, learned, strict=True) if name != "digits"]
    figure = plt.figure(figsize=(4.2 * len(bars), 7.2), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.3])
    draw_pixels(top, learned[names.index("digits")])
    for ax, (name, model) in zip(bottom.subplots(1, len(bars)), bars, strict=True):
        draw_importances(ax, name, model)
    figure.savefig(path, dpi=130)


def main():
    """Run the demonstration."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csv", metavar="PATH", help="a CSV file to learn from as well")
    parser.add_argument("--target", metavar="COLUMN", help="the column of the CSV file to predict")
    parser.add_argument("--picture", metavar="PATH", default="demo.png", help="where to save the picture")
    args = parser.parse_args()
    if (args.csv is None) != (args.target is None):
        parser.error("--csv and --target go together")
    console = Console(highlight=False)
    tables = shipped_tables()
    if args.csv:
        try:
            tables.append(read_table(args.csv, args.target, console))
        except ValueError as error:
            parser.error(str(error))
    matplotlib.use("agg")
    warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")  # categories unseen in training, and such
    result_tables, learned = run(tables, console)
    for table in result_tables:
        console.print(table, "")
    console.print("Default parameters, best in bold. One split: small differences are chance.")
    console.print("RFM, CV chose kernel, scaling and more by cross-validation, and averages the best.")
    console.print("RFM was compiled by tiny fits first, so its times are those of a second call.")
    draw(tables, learned, args.picture)
    console.print(f"What RFM learned: {args.picture}", markup=False)


if __name__ == "__main__":
    main()
