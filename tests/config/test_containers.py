"""Images and compose file fit the product: torch's version, what is copied, what is started."""

import re
import tomllib
from pathlib import Path

from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
COMPOSE = (DOCKER / "compose.yaml").read_text()


def test_the_workers_image_has_the_torch_that_pyproject_pins() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert f"torch=={re.findall(r'^ARG TORCH=(.+)$', DOCKERFILE, re.M)[0]}" in extras["gpu"]


def test_all_that_the_image_copies_is_there_and_let_through() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.M)
    assert {"annotate", "generation", "requirements-gpu.lock"} < set(copied)
    let_through = re.findall(r"^!(.+)$", (DOCKER / "Dockerfile.dockerignore").read_text(), re.M)
    assert sorted(let_through) == sorted(copied)
    assert all((ROOT / name).exists() for name in copied)


def test_every_command_is_one_of_manage_py() -> None:
    started = re.findall(r'\["python", "manage\.py", "(\w+)"', DOCKERFILE + COMPOSE)
    assert sorted(started) == ["sweep", "up", "worker"]
    assert set(started) <= set(get_commands())


def test_every_stage_that_a_service_is_built_from_is_there() -> None:
    stages = set(re.findall(r"^FROM .+ AS (.+)$", DOCKERFILE, re.M))
    built = set(re.findall(r"^ +target: (.+)$", COMPOSE, re.M))
    assert built == {"site", "worker"}
    assert built <= stages
    # Without --target it is the site that is built.
    assert re.findall(r"^FROM .+ AS (.+)$", DOCKERFILE, re.M)[-1] == "site"
