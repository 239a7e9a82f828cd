"""What lies in sdist and wheel. Run by `make build`, which names their folder in RFMLEARN_DIST."""

import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

import rfmlearn

ROOT = Path(__file__).parents[1]
DIST = os.environ.get("RFMLEARN_DIST")
if not DIST:
    pytest.skip("no RFMLEARN_DIST, a folder with sdist and wheel", allow_module_level=True)
# What of the repository is left out of the sdist: files that tell sites and tools what to do, and recorded figures.
NOT_SHIPPED = (".git", ".pre-commit-config.yaml", ".readthedocs.yaml", "MANIFEST.in", "benchmarks/results/")


def only(pattern):
    """The one file that there should be."""
    (path,) = Path(DIST).glob(pattern)
    return path


@pytest.fixture(scope="module")
def sources():
    """All files of the repository but those that git ignores."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a repository")
    return {name for name in listed if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def sdist():
    """Members of the sdist, without the leading folder."""
    with tarfile.open(only("*.tar.gz")) as archive:
        members = [m for m in archive.getmembers() if m.isfile()]
    folder = f"rfmlearn-{rfmlearn.__version__}/"
    assert all(m.name.startswith(folder) for m in members)
    assert {(m.uname, m.gname) for m in members} <= {("root", "root")}
    return {m.name.removeprefix(folder) for m in members}


@pytest.fixture(scope="module")
def wheel():
    """Members of the wheel."""
    return zipfile.ZipFile(only("*.whl")).namelist()


def test_wheel_is_the_package_and_its_metadata(wheel, sources):
    package = {name for name in sources if name.startswith("rfmlearn/")}
    info = f"rfmlearn-{rfmlearn.__version__}.dist-info"
    metadata = {f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "top_level.txt", "licenses/LICENSE")}
    assert len(wheel) == len(set(wheel))
    assert set(wheel) == package | metadata
    assert "rfmlearn/py.typed" in wheel


def test_wheel_runs_on_every_platform():
    assert only("*.whl").name == f"rfmlearn-{rfmlearn.__version__}-py3-none-any.whl"


def test_sdist_has_what_the_repository_has(sdist, sources):
    shipped = {name for name in sources if not name.startswith(NOT_SHIPPED)}
    made = {name for name in sdist - sources if name.startswith("rfmlearn.egg-info/")}
    assert sdist - made - {"MANIFEST.in", "PKG-INFO"} == shipped
    assert {"LICENSE", "rfmlearn/py.typed", "tests/data/cntk.npz"} <= sdist
