"""What a clone installs comes from the public registries alone, and by digest."""

import json
import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parent.parent
PYTHON_HOSTS = {"pypi.org", "files.pythonhosted.org"}
NODE_HOST = "registry.npmjs.org"


def test_python_packages() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    for package in lock["package"]:
        if package["source"] == {"editable": "."}:
            continue
        assert urlsplit(package["source"]["registry"]).hostname in PYTHON_HOSTS
        for file in [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]:
            assert urlsplit(file["url"]).hostname in PYTHON_HOSTS
            assert file["hash"].startswith("sha256:")


def test_node_packages() -> None:
    lock = json.loads((ROOT / "tests/conformance/node/package-lock.json").read_text(encoding="utf-8"))
    installed = {path: package for path, package in lock["packages"].items() if path}
    assert installed
    for path, package in installed.items():
        assert urlsplit(package["resolved"]).hostname == NODE_HOST, path
        assert package["integrity"].startswith("sha512-"), path


def test_the_installer() -> None:
    lines = [line for line in (ROOT / ".ci/uv.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert re.fullmatch(r"uv==[0-9.]+ \\", lines[0])
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in lines[1:])
    builder = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    assert [requirement.partition(">")[0] for requirement in builder] == ["uv_build"], (
        "built by what uv carries, nothing more"
    )
