"""Judges manifests of Kubernetes by its published schemas, in which no unknown field is allowed.

    manifests.py VERSION FILE

judges each object of the file, as it is and with the lines switched on that begin with "#" and no space;
then each of its fields, misspelt, which must be a miss; and what the schemas do not know: that what one
object says of another is so. One line a case, as in wire.py.
"""

import copy
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate
import yaml
from kubernetes_validate import utils

from wire import report

# Megabytes, read for each judgement.
utils.schema_contents = functools.cache(utils.schema_contents)

# What is in these is for users to name, and in the selector of a Service.
FREE = {"labels", "matchLabels", "requests", "limits"}


class StrictLoader(yaml.SafeLoader):
    """YAML in which no key may come twice, as in the API server's."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key} comes twice", node.start_mark)
        return super().construct_mapping(node, deep)


def problem(thing: dict, version: str) -> str | None:
    try:
        kubernetes_validate.validate(thing, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
    return None


def fields(value, path: tuple = ()) -> Iterator[tuple]:
    """The paths of all fields whose names are the schema's."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield path + (key,)
            is_free = key in FREE or (key == "selector" and "matchLabels" not in inner)
            if not is_free:
                yield from fields(inner, path + (key,))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from fields(inner, path + (index,))


def misspelt(thing: dict, path: tuple) -> dict:
    thing = copy.deepcopy(thing)
    place = thing
    for step in path[:-1]:
        place = place[step]
    place[path[-1] + "x"] = place.pop(path[-1])
    return thing


def say(case: str, is_good: bool, seen) -> None:
    report(case, "ok" if is_good else "miss", str(seen))


def name(thing: dict) -> str:
    return f"{thing['kind']} {thing['metadata']['name']}"


def judge_schemas(text: str, version: str) -> None:
    for thing in yaml.load_all(text, StrictLoader):
        found = problem(thing, version)
        say(name(thing), found is None, found or "valid")
        for path in fields(thing):
            # Without these two there is no schema to judge by.
            if path in (("apiVersion",), ("kind",)):
                continue
            where = f"{name(thing)}: {'.'.join(map(str, path))} misspelt"
            say(where, problem(misspelt(thing, path), version) is not None, "noticed")


def judge_sense(text: str) -> None:
    things = {thing["kind"]: thing for thing in yaml.load_all(text, StrictLoader)}
    deployment = things["Deployment"]
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    ports = {port["name"] for port in container["ports"]}
    environment = {each["name"]: each["value"] for each in container["env"]}

    for what, selector in {
        "the Service": things["Service"]["spec"]["selector"],
        "the Deployment": deployment["spec"]["selector"]["matchLabels"],
        "the PodDisruptionBudget": things["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        "the spread": spec["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    }.items():
        say(f"{what} selects the pods", selector.items() <= labels.items(), selector)
    for what, port in {
        "the Service": things["Service"]["spec"]["ports"][0]["targetPort"],
        "readiness": container["readinessProbe"]["httpGet"]["port"],
        "liveness": container["livenessProbe"]["httpGet"]["port"],
    }.items():
        say(f"{what} names a port", port in ports, port)
    target = things["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    same = {"apiVersion": deployment["apiVersion"], "kind": "Deployment", "name": deployment["metadata"]["name"]}
    say("the autoscaler scales the Deployment", target == same, target)
    say("the Deployment leaves their number to it", "replicas" not in deployment["spec"], "replicas")

    grace = spec["terminationGracePeriodSeconds"]
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain = int(environment["MILLPOND_SHUTDOWN_TIMEOUT"].removesuffix("s"))
    say("a pod is killed only after it has drained", grace > sleep + drain, (grace, sleep, drain))

    used = {mount["name"] for mount in container.get("volumeMounts", [])}
    defined = {volume["name"] for volume in spec.get("volumes", [])}
    say("volumes that are mounted are defined", used == defined, used | defined)


def main(version: str, file: str) -> None:
    text = Path(file).read_text()
    switched_on = re.sub(r"^( *)#(?=\S)", r"\1", text, flags=re.MULTILINE)
    for variant in (text, switched_on):
        judge_schemas(variant, version)
        judge_sense(variant)


main(*sys.argv[1:])
