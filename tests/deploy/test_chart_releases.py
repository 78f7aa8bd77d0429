"""Two releases side by side, names of any length, and upgrades."""

from __future__ import annotations

import re

from tests.deploy.charts import PROFILES, Object, of_kind, pods, render

LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
LONG = "a-release-whose-name-has-as-many-characters-as-helm-x"


def _names(objects: tuple[Object, ...]) -> set[tuple[str, str]]:
    return {(each["kind"], each["metadata"]["name"]) for each in objects}


def test_two_releases_share_no_name_and_no_pod() -> None:
    """In one namespace: objects differ by name, pods by the instance label of every selector."""
    one, two = (render("dev-one-node", release=release) for release in ("one", "two"))
    assert _names(one) & _names(two) == set()
    for objects, release in ((one, "one"), (two, "two")):
        selectors = [each["spec"]["selector"] for each in objects if each["kind"] == "Service"]
        assert all(selector["app.kubernetes.io/instance"] == release for selector in selectors)
        policies = [each["spec"]["podSelector"] for each in objects if each["kind"] == "NetworkPolicy"]
        assert all(each["matchLabels"]["app.kubernetes.io/instance"] == release for each in policies)


def test_every_object_lies_in_the_release_s_namespace() -> None:
    """Nothing of it belongs to the cluster."""
    for profile in PROFILES:
        assert {each["metadata"].get("namespace") for each in render(profile)} == {"ns"}


def test_names_are_labels_however_long_the_release_s_is() -> None:
    """53 characters are helm's limit; a training's pod gets 26 more than the name, and stays within 63."""
    objects = render("everything-on", 'fullnameOverride=""', release=LONG)
    own = [each for each in objects if "labels" in each["metadata"]]
    assert all(LABEL.match(each["metadata"]["name"]) for each in own)
    prefix = of_kind(objects, "Deployment")["grouper"]["metadata"]["name"].removesuffix("-grouper")
    assert len(f"{prefix}-evaluate-0123456789ab-999") <= 63


def test_long_names_that_begin_alike_stay_apart() -> None:
    """What is cut off is in a digest."""
    one, two = (render("minimal", release=LONG[:-1] + end) for end in "yz")
    assert _names(one) & _names(two) == set()


def test_an_upgrade_of_the_chart_changes_no_pod() -> None:
    """Neither the chart's version nor its labels stand in a pod template; the images' version does."""
    for deployment in of_kind(render("gpu-prod"), "Deployment").values():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(labels)


def test_other_models_are_another_job() -> None:
    """A Job cannot be changed: an upgrade that tried would fail."""
    jobs = [
        next(name for name, _ in pods(render("gpu-prod", *change)) if "-pull-" in name)
        for change in (
            (),
            ('modelCache.models=["facebook/sam3"]',),
            ('image.tag="2"',),
            ('logLevel="debug"',),
        )
    ]
    assert jobs[0] == jobs[3]
    assert len(set(jobs)) == 3
