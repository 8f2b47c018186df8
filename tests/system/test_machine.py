"""What a container lets a process use, from made-up control groups of both versions."""

from pathlib import Path

import pytest

from scaling_search.system import machine


def control_group(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def test_version_2_counts_the_limits_of_all_groups_above(tmp_path: Path) -> None:
    control_group(
        tmp_path / "pods", memory__max=1000, memory__current=300, memory__stat="anon 1\ninactive_file 100"
    )
    control_group(
        tmp_path / "pods/mine", memory__max="max", memory__current=200, memory__stat="inactive_file 0"
    )
    assert machine._cgroup_memory(tmp_path, "0::/pods/mine\n") == [(1000, 200)]


def test_version_1_has_its_own_names_and_a_number_for_no_limit(tmp_path: Path) -> None:
    own = "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n"
    files = {"memory__usage_in_bytes": 600, "memory__stat": "total_inactive_file 50"}
    control_group(tmp_path / "memory", memory__limit_in_bytes=9223372036854771712, **files)
    control_group(tmp_path / "memory/docker/abc", memory__limit_in_bytes=800, **files)
    assert machine._cgroup_memory(tmp_path, own) == [(800, 550)]


def test_where_paths_are_the_hosts_the_containers_root_counts(tmp_path: Path) -> None:
    files = {"memory__usage_in_bytes": 0, "memory__stat": ""}
    control_group(tmp_path / "memory", memory__limit_in_bytes=700, **files)
    assert machine._cgroup_memory(tmp_path, "4:memory:/docker/not-mounted-here\n") == [(700, 0)]


def test_the_lesser_of_host_and_container_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    free = machine.available_memory()
    assert 0 < free <= machine.psutil.virtual_memory().total
    monkeypatch.setattr(machine, "_cgroup_memory", lambda *_: [(1000, 400), (5000, 100)])
    assert machine.available_memory() == 600
    monkeypatch.setattr(machine, "_cgroup_memory", lambda *_: [(1000, 1400)])
    assert machine.available_memory() == 0


def test_a_share_of_the_cores_counts_in_both_versions(tmp_path: Path) -> None:
    control_group(tmp_path / "pods", cpu__max="150000 100000")
    control_group(tmp_path / "pods/mine", cpu__max="max 100000")
    assert machine._cgroup_cores(tmp_path, "0::/pods/mine\n") == [1.5]
    control_group(tmp_path / "cpu/docker", cpu__cfs_quota_us=50000, cpu__cfs_period_us=100000)
    control_group(tmp_path / "cpu/docker/free", cpu__cfs_quota_us=-1, cpu__cfs_period_us=100000)
    assert machine._cgroup_cores(tmp_path, "3:cpu,cpuacct:/docker/free\n") == [0.5]


def test_cores_are_at_least_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_cgroup_cores", lambda *_: [0.1])
    assert machine.cores() == 1
    monkeypatch.setattr(machine, "_cgroup_cores", lambda *_: [])
    assert machine.cores() >= 1
