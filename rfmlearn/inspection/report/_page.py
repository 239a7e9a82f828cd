"""A report of a fitted estimator as one HTML page."""

from __future__ import annotations

from html import escape
from importlib.metadata import version
from pathlib import Path
from string import Template

from sklearn.utils.validation import check_is_fitted

from ...rfm._classifier import RFMClassifier
from ...rfm._regressor import RFMRegressor
from ...search._classifier import RFMClassifierCV
from ...search._regressor import RFMRegressorCV
from .._matplotlib import require_matplotlib
from .._row_targets import one_column
from ._scores import check_rows
from ._sections import sections

_CLASSES = RFMRegressor, RFMClassifier, RFMRegressorCV, RFMClassifierCV

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font-family: system-ui, sans-serif; line-height: 1.45; color: #222; background: #fff;
       max-width: 62rem; margin: 0 auto; padding: 0 1rem 3rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; }
h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #ccc; }
h3 { font-size: 1rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.3rem 1rem; padding: 0; list-style: none; }
a { color: #005a8f; }
.note { color: #555; font-size: 0.9rem; max-width: 46rem; }
.wide { overflow-x: auto; margin: 0.8rem 0; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.7rem; text-align: left; vertical-align: top; border-bottom: 1px solid #e4e4e4; }
tbody th { font-weight: normal; }
td.bar { width: 14rem; min-width: 8rem; vertical-align: middle; }
td.bar div { height: 0.8rem; background: #0072b2; }
pre { font-size: 0.8rem; }
img { display: block; height: auto; max-width: max(100%, 40rem); }
</style>
</head>
<body>
<header>
<h1>$name</h1>
<p class="note">rfmlearn $version</p>
<nav aria-label="Sections"><ul>
$links
</ul></nav>
</header>
<main>
$sections
</main>
</body>
</html>
""")


def write_report(estimator, path, X=None, y=None):
    """Write what a fitted estimator learned as one self-contained HTML file.

    Data, scores, warnings of the fit, choices and parameters, importances of columns, and pictures: of the average
    gradient outer product, of the rounds, and, of rows given, their projection on the leading directions. The file
    needs no other and no network.

    Parameters
    ----------
    estimator : RFMRegressor, RFMClassifier, RFMRegressorCV or RFMClassifierCV
        Fitted.
    path : str or path-like
        File to write; one that exists is replaced.
    X : array-like or DataFrame of shape (m, n_features), default=None
        Rows to score and to draw, best such as the estimator was not fitted to.
    y : array-like of shape (m,) or (m, n_outputs), default=None
        Their targets, none missing. Of one output they give the colours of the projection.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is of another class.
    ValueError
        If `path` is a folder or in one that does not exist, or X and y do not belong together.
    ImportError
        Without matplotlib; ``pip install "rfmlearn[plot]"`` brings it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_diabetes
    >>> from rfmlearn import RFMRegressor
    >>> from rfmlearn.inspection import write_report
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = RFMRegressor().fit(X[:100], y[:100])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(model, Path(folder) / "model.html", X[100:150], y[100:150]).name
    'model.html'
    """
    if not isinstance(estimator, _CLASSES):
        allowed = ", ".join(Class.__name__ for Class in _CLASSES)
        raise TypeError(f"estimator must be one of {allowed}, got {type(estimator).__name__}.")
    check_is_fitted(estimator)
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"path must be a file to write, but {str(path)!r} is a folder.")
    if not path.parent.is_dir():
        raise ValueError(f"path must be in a folder that exists, but {str(path.parent)!r} does not.")
    require_matplotlib("the report")
    y = None if y is None else one_column(y)
    check_rows(estimator, X, y)
    path.write_text(_page(type(estimator).__name__, sections(estimator, X, y)), encoding="utf-8", errors="replace")
    return path


def _page(name, parts):
    """The page of a name and of sections, pairs of a title and HTML."""
    links, bodies = [], []
    for number, (title, content) in enumerate(parts, 1):
        links.append(f'<li><a href="#section-{number}">{escape(title)}</a></li>')
        bodies.append(f'<section id="section-{number}">\n<h2>{escape(title)}</h2>\n{content}\n</section>')
    return _PAGE.substitute(
        title=escape(f"{name}, report of rfmlearn"),
        name=escape(name),
        version=escape(version("rfmlearn")),
        links="\n".join(links),
        sections="\n".join(bodies),
    )
