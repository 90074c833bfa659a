"""The locks say what pyproject.toml asks for, and nothing is installed without a hash."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-gpu.lock",
    "requirements-uv.lock",
)
BLOCK = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+) \\\n(?P<rest>(?:    .*\n?)*)", re.M
)


def pins(lock: str) -> dict[str, Version]:
    text = (ROOT / lock).read_text()
    return {canonicalize_name(m["name"]): Version(m["version"]) for m in BLOCK.finditer(text)}


def asked_by_us(lock: str) -> set[str]:
    text = (ROOT / lock).read_text()
    return {
        canonicalize_name(m["name"])
        for m in BLOCK.finditer(text)
        if "triptych (pyproject.toml)" in m["rest"]
    }


def wanted(*extras: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("requirements.lock", ("prod",)),
        ("requirements-dev.lock", ("prod", "dev")),
        ("requirements-gpu.lock", ("gpu",)),
    ],
)
def test_a_lock_pins_exactly_what_pyproject_asks_for(lock: str, extras: tuple[str, ...]) -> None:
    locked = pins(lock)
    asked = [requirement for requirement in wanted(*extras) if requirement.name != "torch"]
    assert {canonicalize_name(r.name) for r in asked} == asked_by_us(lock)
    for requirement in asked:
        version = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}"


def test_the_development_lock_holds_every_pin_of_the_base_lock() -> None:
    base, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert base
    assert {name: dev.get(name) for name in base} == base


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    text = (ROOT / lock).read_text()
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == len(re.findall(r"^\S+==", text, re.M))
    assert all("--hash=sha256:" in m["rest"] for m in blocks)


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_brings_torch_or_what_only_its_cuda_builds_need(lock: str) -> None:
    brought = set(pins(lock))
    assert brought & {"torch", "torchvision", "triton"} == set()
    assert [name for name in brought if name.startswith(("nvidia-", "cuda-"))] == []


@pytest.mark.parametrize("lock", sorted(set(LOCKS) - {"requirements-gpu.lock"}))
def test_only_the_generation_lock_brings_what_stands_on_torch(lock: str) -> None:
    assert {"diffusers", "transformers", "accelerate", "peft"} & set(pins(lock)) == set()


def test_generation_moves_no_pin_of_the_other_locks() -> None:
    """It is installed on top of them, into one environment."""
    generation = pins("requirements-gpu.lock")
    for lock in ("requirements.lock", "requirements-dev.lock"):
        other = pins(lock)
        common = generation.keys() & other.keys()
        assert "numpy" in common
        assert {name: generation[name] for name in common} == {n: other[n] for n in common}


def test_set_up_installs_the_torch_that_pyproject_pins() -> None:
    (torch,) = (requirement for requirement in wanted("gpu") if requirement.name == "torch")
    script = (ROOT / ".ci" / "setup").read_text()
    assert re.findall(r"^TORCH=(.+)$", script, re.M) == [str(torch.specifier).removeprefix("==")]
