"""Models to report on, and pages of HTML taken apart."""

from html.parser import HTMLParser

import numpy as np
import pytest

from rfmlearn import RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV

pd = pytest.importorskip("pandas")

SCRIPT = "<script>alert(1)</script>"
VOID = {"meta", "img", "br"}


def mixed(n=60):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=[SCRIPT, "a&b", 'quote " $x$'])
    X.loc[::9, "a&b"] = np.nan
    return X.assign(color=pd.Categorical(np.array(["red", "<b>blue</b>"])[np.arange(n) % 2]))


X = mixed()
NUMBERS = X[SCRIPT] * 2.0 + (np.arange(60) % 2)
CLASSES = np.array(["yes & no", SCRIPT, "maybe"])[np.digitize(NUMBERS, [-1.0, 1.0])]
SETTINGS = {"settings": [{"max_iter": 1}, {"kernel": "gaussian", "max_iter": 1}], "cv": 2, "random_state": 0}
MODELS = {
    "regressor": lambda: RFMRegressor(max_iter=2).fit(X[:40], NUMBERS[:40]),
    "classifier": lambda: RFMClassifier(max_iter=2).fit(X[:40], CLASSES[:40]),
    "regressor cv": lambda: RFMRegressorCV(**SETTINGS).fit(X[:40], NUMBERS[:40]),
    "classifier cv": lambda: RFMClassifierCV(**SETTINGS).fit(X[:40], CLASSES[:40]),
}
TARGETS = {
    "regressor": NUMBERS,
    "classifier": CLASSES,
    "regressor cv": NUMBERS,
    "classifier cv": CLASSES,
}


class Page(HTMLParser):
    """Elements of a page, which must be balanced: headings, tables as lists of rows, images, text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.headings, self.tables, self.text = [], [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag in ("h1", "h2", "h3"):
            self.headings.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data
        elif {"h1", "h2", "h3"} & set(self.open):
            self.headings[-1] += data

    def rows(self, header):
        """Rows of the table with this header, by their first cell."""
        (found,) = (rows for rows in self.tables if rows[0] == header)
        return {first: rest for first, *rest in found[1:]}


def read(path):
    text = path.read_text(encoding="utf-8")
    return text, Page(text)
