"""The report as a page: valid, complete, nothing from outside, and right in a real browser."""

import base64
import html
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from report_pages import CLASSES, MODELS, NUMBERS, SCRIPT, TARGETS, Page, X, read
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from rfmlearn import RFMClassifier, RFMRegressor, __version__
from rfmlearn.inspection import write_report
from rfmlearn.inspection.report._html import table
from rfmlearn.inspection.report._scores import _up_to_one

image = pytest.importorskip("matplotlib.image")
pd = pytest.importorskip("pandas")

BROWSER = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
ALWAYS = ["Data", "Scores of the fit", "Warnings of the fit", "What was chosen", "Parameters", "Importance of columns"]
DRAWN = {"regressor", "classifier cv"}


@contextmanager
def no_drawing():
    """Figures are made, but not drawn, which is most of the time that a report takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matplotlib.figure.Figure.savefig", lambda self, file, **_: file.write(b"\x89PNG"))
        yield


@pytest.fixture
def undrawn():
    """For what does not depend on the pictures."""
    with no_drawing():
        yield


@pytest.fixture(scope="module")
def models():
    """Fitted once; not to be changed."""
    return {kind: make() for kind, make in MODELS.items()}


@pytest.fixture(scope="module", params=MODELS)
def written(request, models, tmp_path_factory):
    """A model, its targets, and the pages with and without rows; of each kind of picture one is drawn."""
    model, y = models[request.param], TARGETS[request.param]
    folder = tmp_path_factory.mktemp("reports")
    with nullcontext() if request.param in DRAWN else no_drawing():
        with_rows = write_report(model, folder / "rows.html", X[40:], y[40:])
    with no_drawing():
        without = write_report(model, str(folder / "none.html"))
    return model, y, with_rows, without


def test_sections(written):
    model, _, with_rows, without = written
    expected = [type(model).__name__, *ALWAYS, "AGOP"]
    if hasattr(model, "history_"):
        expected.append("Rounds of feature learning")
    assert read(without)[1].headings == expected
    page = read(with_rows)[1]
    confusion = ["Confusion matrix"] if hasattr(model, "classes_") else []
    expected[2:2] = ["Scores on the rows given", *confusion]
    assert page.headings == [*expected, "Rows on the leading directions"]
    assert f"rfmlearn {__version__}" in page.text


def test_valid_and_self_contained(written):
    for path in written[2:]:
        text, page = read(path)
        assert text.startswith('<!DOCTYPE html>\n<html lang="en">')
        tags = [tag for tag, _ in page.elements]
        for tag in ("html", "head", "title", "body", "header", "main", "h1"):
            assert tags.count(tag) == 1
        assert not {"script", "link", "iframe", "b"} & set(tags)
        assert not re.search(r"url\(|@import|https?://", text)
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
        assert links == [f"#{name}" for name in ids]
        assert ("meta", {"charset": "utf-8"}) in page.elements
        assert any(attributes.get("name") == "viewport" for tag, attributes in page.elements if tag == "meta")


def test_pictures(written):
    for path, n_rows in zip(written[2:], (1, 0), strict=True):
        images = [attributes for tag, attributes in read(path)[1].elements if tag == "img"]
        assert len(images) == 1 + hasattr(written[0], "history_") + n_rows
        for attributes in images:
            assert len(attributes["alt"]) > 30
            kind, _, data = attributes["src"].partition(",")
            assert kind == "data:image/png;base64"
            assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")


@pytest.mark.parametrize("written", sorted(DRAWN), indirect=True)
def test_pictures_are_drawn(written):
    for attributes in (attributes for tag, attributes in read(written[2])[1].elements if tag == "img"):
        pixels = image.imread(BytesIO(base64.b64decode(attributes["src"].partition(",")[2])))
        assert min(pixels.shape[:2]) > 100 and np.ptp(pixels[..., :3]) > 0.5


def test_names_are_text(written):
    model, _, path, _ = written
    text, page = read(path)
    assert SCRIPT not in text and html.escape(SCRIPT) in text
    rows = page.rows(["column", "importance", ""])
    assert set(rows) == set(X.columns)
    for name, share in zip(X.columns, model.feature_importances_, strict=True):
        assert rows[name] == [f"{share:.4g}", ""]
    widths = [attributes["style"] for tag, attributes in page.elements if tag == "div" and "style" in attributes]
    assert widths[0] == "width: 100.0%" and len(widths) == 4


def test_data(written):
    model, _, path, _ = written
    rows = read(path)[1].rows(["data", "value"])
    expected = {"training rows": 40, "columns": 4, "numeric columns": 3, "categorical columns": 1, "coordinates": 6}
    assert {name: int(rows[name][0]) for name in expected} == expected
    if hasattr(model, "classes_"):
        assert rows["target"] == [f"3 classes: {', '.join(model.classes_)}"]
    else:
        assert rows["target"] == ["a number"]


def test_scores_by_loops(written):
    model, y, path, _ = written
    page, truth = read(path)[1], np.asarray(y)[40:]
    rows = {name: float(value) for name, (value, _) in page.rows(["score", "value", "meaning"]).items()}
    if not hasattr(model, "classes_"):
        errors = np.ravel(truth - model.predict(X[40:]))
        assert rows["MAE"] == pytest.approx(sum(map(abs, errors)) / len(errors), rel=1e-3)
        assert rows["R2"] == pytest.approx(model.score(X[40:], truth), rel=1e-3)
        assert rows["RMSE"] == pytest.approx(np.sqrt(sum(errors**2) / len(errors)), rel=1e-3)
        return
    classes, probabilities = list(model.classes_), model.predict_proba(X[40:])
    log_loss = brier = 0.0
    for name, p in zip(truth, probabilities, strict=True):
        log_loss -= np.log(p[classes.index(name)]) / len(truth)
        brier += sum((p[k] - (classes[k] == name)) ** 2 for k in range(3)) / len(truth)
    assert rows["accuracy"] == pytest.approx(model.score(X[40:], truth), rel=1e-3)
    assert rows["log-loss"] == pytest.approx(log_loss, rel=1e-3)
    assert rows["Brier score"] == pytest.approx(brier, rel=1e-3)
    matrix = page.rows(["true class", *classes])
    predicted = model.predict(X[40:])
    for name in classes:
        counts = [sum((truth == name) & (predicted == other)) for other in classes]
        assert [int(count) for count in matrix[name]] == counts


def test_what_the_fit_knows(written):
    model, _, path, _ = written
    page = read(path)[1]
    if hasattr(model, "members_"):
        rows = page.rows(["score", "value"])
        assert rows["best single machine, out-of-fold"] == [f"{model.best_score_:.4g}"]
        assert rows["average of the members, out-of-fold"] == [f"{model.ensemble_score_:.4g}"]
        assert model.summary() in page.text
        members = next(rows for rows in page.tables if rows[0] == ["weight", "rounds", "ridge", "kernel", "settings"])
        assert [row[0] for row in members[1:]] == [f"{weight:.4g}" for weight in sorted(model.weights_)[::-1]]
        return
    kept = model.history_[model.n_iter_]
    assert page.rows(["loss", "value"])["leave-one-out"] == [f"{kept['leave_one_out_loss']:.4g}"]
    chosen = page.rows(["quantity", "value"])
    assert chosen["ridge"] == [f"{model.alpha_:.4g}"]
    assert chosen["round kept"] == [str(model.n_iter_)]
    assert f"bandwidth={model.kernel_.bandwidth:.4g}" in chosen["kernel"][0]


def test_parameters(written):
    model, _, path, _ = written
    rows = read(path)[1].rows(["parameter", "given", "default"])
    given, default = model.get_params(), type(model)().get_params()
    assert set(rows) == set(given)
    assert rows["verbose"] == ["False", "False"]
    changed = [given[name] != default[name] for name in rows]
    assert any(changed) and changed == sorted(changed, reverse=True)


def test_a_fit_without_warnings(written):
    assert "<h2>Warnings of the fit</h2>\n<p>none</p>" in read(written[3])[0]


@pytest.mark.usefixtures("undrawn")
def test_warnings_of_the_fit(tmp_path):
    model = RFMRegressor(max_iter=0).fit(np.arange(9.0)[:, None], np.arange(9.0))
    model.fit_warnings_ = ["the ridge & more", SCRIPT]
    text, _ = read(write_report(model, tmp_path / "a.html"))
    assert f"<ul><li>the ridge &amp; more</li><li>{html.escape(SCRIPT)}</li></ul>" in text


@pytest.mark.usefixtures("undrawn")
def test_two_outputs(tmp_path):
    Y = np.c_[NUMBERS, NUMBERS**2]
    model = RFMRegressor(max_iter=0).fit(X[:40], Y[:40])
    page = read(write_report(model, tmp_path / "a.html", X[40:], Y[40:]))[1]
    assert page.rows(["data", "value"])["target"] == ["2 numbers"]
    (r2, _) = page.rows(["score", "value", "meaning"])["R2"]
    assert float(r2) == pytest.approx(model.score(X[40:], Y[40:]), rel=1e-3)
    assert page.headings[-1] == "Rows on the leading directions"


@pytest.mark.usefixtures("undrawn")
def test_only_the_largest_of_many_columns_and_classes(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(66, 40)), np.arange(66) % 22
    model = RFMClassifier(max_iter=0).fit(X, y)
    page = read(write_report(model, tmp_path / "many.html", X, y))[1]
    assert len(page.rows(["column", "importance", ""])) == 30
    assert "The 30 largest of 40." in page.text
    assert "Confusion matrix" not in page.headings
    assert page.rows(["data", "value"])["target"][0].endswith("18, 19, and 2 more")


def test_constant_columns_and_constant_target(tmp_path):
    constant = RFMRegressor(max_iter=1).fit(np.ones((9, 2)), np.arange(9.0))
    page = read(write_report(constant, tmp_path / "a.html", np.ones((9, 2)), np.arange(9.0)))[1]
    assert "All columns were constant in training" in page.text
    flat = RFMRegressor(max_iter=1).fit(np.arange(9.0)[:, None], np.ones(9))
    assert "AGOP" in read(write_report(flat, tmp_path / "b.html"))[1].headings


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("kind", ["regressor", "classifier"])
@pytest.mark.parametrize("column", [lambda y: np.asarray(y)[:, None], lambda y: pd.DataFrame({"y": y})])
def test_targets_in_a_column_give_colors(kind, column, models, tmp_path):
    y = TARGETS[kind]
    page = read(write_report(models[kind], tmp_path / "a.html", X[40:], column(y[40:])))[1]
    assert "coloured by target" in page.text


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (1.0, "1"),
        (0.99996, "0.99996"),
        (0.9999999612, "0.999999961"),
        (0.5, "0.5"),
        (0.12345, "0.1235"),
        (-2.5, "-2.5"),
    ],
)
def test_only_what_is_perfect_is_one(score, expected):
    assert _up_to_one(score) == expected


def test_one_row_has_no_r2(models, tmp_path):
    page = read(write_report(models["regressor"], tmp_path / "a.html", X[40:41], NUMBERS[40:41]))[1]
    rows = page.rows(["score", "value", "meaning"])
    assert rows["R2"] == ["undefined", "it needs two rows"]
    assert float(rows["MAE"][0]) >= 0


def stop_never(iterate):
    return False


@pytest.mark.usefixtures("undrawn")
def test_parameters_without_addresses(tmp_path):
    parts = {"callback": stop_never, "random_state": np.random.RandomState(0)}
    model = RFMRegressor(max_iter=0, **parts).fit(X[:40], NUMBERS[:40])
    text, page = read(write_report(model, tmp_path / "a.html"))
    rows = page.rows(["parameter", "given", "default"])
    assert rows["callback"] == [f"{__name__}.stop_never", "None"]
    assert rows["random_state"] == ["RandomState(MT19937)", "None"]
    assert " at 0x" not in text


def test_names_that_the_font_lacks(tmp_path):
    table = X.set_axis([SCRIPT, "\u65e5\u672c\u8a9e", "b", "c"], axis=1)
    model = RFMRegressor(max_iter=1).fit(table, NUMBERS)
    page = read(write_report(model, tmp_path / "a.html", table, NUMBERS))[1]
    assert "\u65e5\u672c\u8a9e" in page.rows(["column", "importance", ""])


@pytest.mark.usefixtures("undrawn")
def test_columns_without_names_are_warned_of_once(tmp_path):
    numeric = X.iloc[:, [0, 2]]
    model = RFMRegressor(max_iter=0).fit(numeric, NUMBERS)
    with pytest.warns(UserWarning, match="X does not have valid feature names") as caught:
        write_report(model, tmp_path / "a.html", numeric.to_numpy(), NUMBERS)
    assert len(caught) == 1


def test_whose_picture_it_is(written):
    model, _, path, _ = written
    several = len(getattr(model, "members_", [])) > 1
    assert ("while importances are averages of all members" in read(path)[1].text) == several


def test_without_matplotlib_nothing_is_scored(models, tmp_path, monkeypatch):
    model = models["regressor"]
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(RFMRegressor, "predict", None)
    with pytest.raises(ImportError, match=r'the report needs matplotlib: pip install "rfmlearn\[plot\]"'):
        write_report(model, tmp_path / "a.html", X, NUMBERS)


def test_cells_are_escaped():
    rows = Page(table(["a", "<td>"], [("<td", 0.123456), ("<b>x</b>", "<td>&amp;")])).tables[0]
    assert rows == [["a", "<td>"], ["<td", "0.1235"], ["<b>x</b>", "<td>&amp;"]]


@pytest.mark.usefixtures("undrawn")
def test_no_figure_is_left_open(models, tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    before = plt.get_fignums()
    write_report(models["regressor"], tmp_path / "a.html", X, NUMBERS)
    assert plt.get_fignums() == before


def test_bad_input(models, tmp_path):
    model, path = models["classifier"], tmp_path / "a.html"
    with pytest.raises(NotFittedError):
        write_report(RFMClassifier(), path)
    with pytest.raises(TypeError, match=r"estimator must be one of RFMRegressor, .*, got Ridge"):
        write_report(Ridge().fit([[0.0], [1.0]], [0.0, 1.0]), path)
    with pytest.raises(ValueError, match=r"path must be a file to write, but '.*' is a folder"):
        write_report(model, tmp_path)
    with pytest.raises(ValueError, match=r"path must be in a folder that exists, but '.*nowhere' does not"):
        write_report(model, tmp_path / "nowhere" / "a.html")
    with pytest.raises(ValueError, match="X was given without y: pass both or neither"):
        write_report(model, path, X)
    with pytest.raises(ValueError, match="y was given without X: pass both or neither"):
        write_report(model, path, y=CLASSES)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        write_report(model, path, X, CLASSES[:5])
    with pytest.raises(
        ValueError, match="y has labels that are not among the classes: maybe not, never; these are <sc"
    ):
        write_report(model, path, X[:2], ["never", "maybe not"])
    with pytest.raises(ValueError, match="y has a missing label"):
        write_report(model, path, X[:2], ["maybe", None])
    with pytest.raises(ValueError, match=r"y must be one column of labels, got shape \(2, 2\)"):
        write_report(model, path, X[:2], [["maybe", "maybe"]] * 2)
    assert not path.exists()


@pytest.mark.skipif(BROWSER is None, reason="no chromium")
def test_in_a_browser(models, tmp_path):
    """What the browser makes of the page, and whether it has decoded all images, which a script beside it asks."""
    path = write_report(models["classifier"], tmp_path / "page.html", X, CLASSES)
    asking = """<script>
    window.alert = () => document.body.dataset.alerted = "yes";
    window.onload = () => {
      document.body.dataset.images = [...document.images].filter(i => i.complete && i.naturalWidth > 100).length;
      document.body.dataset.quirks = document.compatMode;
      document.body.dataset.overflow = document.documentElement.scrollWidth > window.innerWidth;
    };
    </script></head>"""
    copy = tmp_path / "copy.html"
    copy.write_text(path.read_text(encoding="utf-8").replace("</head>", asking, 1), encoding="utf-8")
    picture = tmp_path / "page.png"
    dom = browse(copy, tmp_path, "--dump-dom")
    browse(path, tmp_path, f"--screenshot={picture}")
    page = Page(dom)
    assert page.headings == read(path)[1].headings
    (body,) = (attributes for tag, attributes in page.elements if tag == "body")
    n_images = sum(tag == "img" for tag, _ in page.elements)
    assert n_images >= 2
    assert body == {"data-images": str(n_images), "data-quirks": "CSS1Compat", "data-overflow": "false"}
    assert {SCRIPT, "a&b"} <= set(page.rows(["column", "importance", ""]))
    pixels = image.imread(picture)
    assert pixels.shape[1] == 420 and np.ptp(pixels[..., :3]) > 0.5


def browse(path, folder, action):
    quiet = ("gpu", "quic", "background-networking", "component-update", "sync")
    arguments = ["--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in quiet)]
    arguments += [f"--user-data-dir={folder / 'profile'}", "--window-size=420,900", "--hide-scrollbars", action]
    command = [BROWSER, *arguments, Path(path).as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout
