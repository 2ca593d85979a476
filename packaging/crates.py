"""The crates that get into the binary, for the licences and the bill of materials."""

import json
import subprocess
import sys


def linked(target):
    """The packages whose code is linked, as `cargo metadata` has them: millpond, then all others by
    name. No macros, build scripts or tests."""
    # `cargo metadata` joins the features that tests ask for, so only `cargo tree` knows what is linked.
    tree = output("cargo", "tree", "--locked", "--target", target, "--edges", "normal,no-proc-macro",
                  "--prefix", "none", "--format", "{p}")
    wanted = {tuple(line.split(" ")[:2]) for line in tree.splitlines() if line}
    metadata = json.loads(output("cargo", "metadata", "--locked", "--format-version", "1",
                                 "--filter-platform", target))
    found = [package for package in metadata["packages"]
             if (package["name"], f"v{package['version']}") in wanted]
    if len(found) != len(wanted):
        sys.exit(f"packaging: cargo tree has {len(wanted)} crates, and cargo metadata {len(found)} of them")
    # The root is the one that comes from no registry.
    return sorted(found, key=lambda package: (package["source"] is not None, package["name"], package["version"]))


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
