"""Whether the library installs without a compiler: python -m tests.wheels

Asks the package index for wheels of all that it needs, for each system and Python. Run by hand.
"""

import subprocess
import sys
import tempfile

from packaging.requirements import Requirement

from .test_house import PROJECT

LINUX = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014")
SYSTEMS = {  # sys_platform, platform_machine: names of platforms
    ("linux", "x86_64"): [f"{name}_x86_64" for name in LINUX],
    ("linux", "aarch64"): [f"{name}_aarch64" for name in LINUX],
    ("darwin", "arm64"): ["macosx_14_0_arm64"],
    ("win32", "AMD64"): ["win_amd64"],
}
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


def main() -> None:
    missing = 0
    for (system, machine), platforms in SYSTEMS.items():
        for python in PYTHONS:
            about = {
                "sys_platform": system,
                "platform_machine": machine,
                "python_version": python,
            }
            wanted = [
                f"{needed.name}{needed.specifier}"
                for needed in map(Requirement, PROJECT["dependencies"])
                if not needed.marker or needed.marker.evaluate(about)
            ]
            for requirement in wanted:
                if not _has_wheel(requirement, platforms, python):
                    missing += 1
                    print(f"no wheel of {requirement} for {system}, {machine}, Python {python}")
    raise SystemExit(1 if missing else 0)


def _has_wheel(requirement: str, platforms: list[str], python: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        options = ["--dry-run", "--ignore-installed", "--no-deps", "--only-binary=:all:"]
        options += ["--python-version", python, "--target", folder]
        options += [f"--platform={platform}" for platform in platforms]
        command = [sys.executable, "-m", "pip", "install", "-q", *options, requirement]
        return subprocess.run(command, capture_output=True).returncode == 0


if __name__ == "__main__":
    main()
