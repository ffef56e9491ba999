"""The second reader of the specification agrees on every vector."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent
VECTORS = HERE / "specs" / "vectors"


@pytest.mark.skipif(not shutil.which("npm"), reason="node and npm are not here")
def test_the_javascript_verifier_passes_every_vector(tmp_path):
    copy = tmp_path / "verifier-js"
    shutil.copytree(
        HERE / "examples" / "verifier-js", copy, ignore=shutil.ignore_patterns("node_modules")
    )
    npm = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(npm, cwd=copy, check=True, timeout=300)
    run = subprocess.run(
        ["node", "run.js", str(VECTORS)], cwd=copy, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    passed, failed, skipped = map(
        int, re.findall(r"(\d+) passed, (\d+) failed, (\d+) skipped", run.stdout)[0]
    )
    macaroons = len(list(VECTORS.glob("macaroon-*.json")))
    assert (failed, skipped) == (0, macaroons)
    assert passed == len(list(VECTORS.glob("*.json"))) - macaroons >= 200
