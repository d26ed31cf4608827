"""The Helm chart: what Helm makes of several values, held against the schemas of Kubernetes and the programs."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.extensions.papers.sizing import LEAST_SERVER
from cekalwatch.server.settings.settings import ServerSettings
from deploy.container.__main__ import ACCOUNT_ID, IMAGES
from tests.support.repository import ROOT
from tests.support.tools.helm_render import CHART, rendered

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not pytest.importorskip("helm_python", reason="Helm's library has no wheel here"), reason=""),
]

Answers = dict[str, dict[str, str] | str]
KUBERNETES = ("1.27", "1.30", "1.33", "1.37")
TWO: dict[str, Any] = yaml.safe_load((CHART / "ci/two-servers-values.yaml").read_text())
DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
PAGE = (ROOT / "docs/kubernetes.md").read_text()


def changed(**paths: Any) -> dict[str, Any]:
    """The values of two servers, with others at `a__b`."""
    values = copy.deepcopy(TWO)
    for path, value in paths.items():
        *way, last = path.split("__")
        inner = values
        for name in way:
            inner = inner.setdefault(name, {})
        inner[last] = value
    return values


SERVICE_MONITOR = {
    "enabled": True,
    "certificate": "prometheus-tls",
    "serverName": "cekal.batam.local",
    "labels": {"team": "ops"},
}
SOUND = {
    "two servers": TWO,
    "one server": changed(server__replicas=1, server__certificates=["cekalwatch-tls-0"]),
    "none, as for an upgrade of the tables": changed(server__replicas=0, upgradeTables=True),
    "without the console": changed(console__enabled=False),
    "metrics": changed(
        metrics={"enabled": True, "serviceMonitor": SERVICE_MONITOR}, networkPolicy__prometheus={"name": "monitoring"}
    ),
    "without the operator of Prometheus": changed(metrics={"enabled": True}),
    "without policies": changed(networkPolicy={"enabled": False}),
    "images by digest": changed(images__server={"repository": "batam.local/server", "digest": f"sha256:{1:064x}"}),
    "volumes and tokens": changed(
        server__claims=[{"claim": "list", "path": "/list", "readOnly": True}, {"claim": "backups", "path": "/backups"}],
        server__environmentSecrets=["tokens"],
        networkPolicy__others=[{"network": "10.9.0.1/32", "port": 443}],
    ),
}  # fmt: skip
REFUSED = {
    "no settings": (changed(server__settings=""), "settings"),
    "a password in the address": (changed(server__database__hosts=["cekal:secret@pg.batam.local:5432"]), "hosts"),
    "a password as a value": (changed(server__database__password="secret"), "password"),
    "a master key as a value": (changed(server__masterKey={"value": "c2VjcmV0", "key": "a"}), "masterKey"),
    "an address in the settings": (changed(server__settings='database_url = "postgresql://a:b@c/d"\n'), "settings"),
    "fewer certificates than servers": (changed(server__replicas=3), "a certificate of its own"),
    "a console without a certificate": (changed(console__certificate=""), "certificate"),
    "a moving tag": (changed(images__server={"repository": "r", "tag": "latest"}), "tag"),
    "a misspelt value": (changed(server__replica=2), "replica"),
    "policies that name nobody": (changed(networkPolicy__devices=[]), "devices"),
    "a monitor without a certificate": (
        changed(metrics={"enabled": True, "serviceMonitor": {"enabled": True}}),
        "certificate",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def answers() -> Answers:
    cases = {**SOUND, **{name: values for name, (values, _) in REFUSED.items()}}
    return dict(zip(cases, rendered(list(cases.values())), strict=True))


def manifests(answer: dict[str, str] | str) -> list[dict[str, Any]]:
    assert isinstance(answer, dict), answer
    return [one for file, text in answer.items() if file.endswith(".yaml") for one in yaml.safe_load_all(text) if one]


def of(found: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (one,) = (one for one in found if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return one


def pods(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (one["spec"]["template"]["spec"] for one in found if one["kind"] in ("StatefulSet", "Deployment", "Job"))


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def test_every_manifest_is_as_kubernetes_wants_it(answers: Answers, subtests: pytest.Subtests):
    import kubernetes_validate  # takes seconds to load, as jsonschema does, for all who collect tests

    for name in SOUND:
        found = manifests(answers[name])
        assert len({(one["kind"], one["metadata"]["name"]) for one in found}) == len(found)
        for version in KUBERNETES if name in ("two servers", "metrics") else KUBERNETES[-1:]:
            with subtests.test(name, version=version):
                for one in found:
                    if one["kind"] != "ServiceMonitor":  # of an operator, and in no schema of Kubernetes
                        kubernetes_validate.validate(one, version, strict=True)
    wrong = of(manifests(answers["two servers"]), "StatefulSet", "port-server")
    wrong["spec"]["template"]["spec"]["containers"][0]["port"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES[-1], strict=True)


@pytest.mark.parametrize("name", REFUSED)
def test_values_that_cannot_work_are_refused_with_their_name(answers: Answers, name: str):
    said = answers[name]
    assert isinstance(said, str), "Helm takes them"
    assert REFUSED[name][1] in said


def test_no_pod_has_more_rights_than_it_needs(answers: Answers):
    for name in SOUND:
        for pod in pods(manifests(answers[name])):
            security = pod["securityContext"]
            assert (security["runAsNonRoot"], security["runAsUser"], security["fsGroup"]) == (
                True,
                ACCOUNT_ID,
                ACCOUNT_ID,
            )
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}
            assert pod["automountServiceAccountToken"] is False
            for one in containers(pod):
                assert one["securityContext"] == {
                    "readOnlyRootFilesystem": True,
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                }
                assert one["resources"]["requests"]
                assert one["resources"]["limits"]["memory"]


def test_secrets_are_references_and_reach_no_variable(answers: Answers):
    for name in SOUND:
        found = manifests(answers[name])
        assert not [one for one in found if one["kind"] == "Secret"]
        for pod in pods(found):
            for one in containers(pod):
                given = {variable["name"]: variable.get("value", "") for variable in one.get("env", [])}
                address = given.get("CEKALWATCH_SERVER_DATABASE_URL", "//cekalwatch@")
                assert re.search(r"//[^:@/]+@", address), "no password"
                assert "secretKeyRef" not in json.dumps(one.get("env", []))


def environment(one: dict[str, Any]) -> dict[str, str]:
    """The variables of a container, as the kubelet fills them in."""
    pod = {"metadata.name": "port-server-1"}
    given: dict[str, str] = {}
    for variable in one["env"]:
        source = variable.get("valueFrom", {})
        if "fieldRef" in source:
            given[variable["name"]] = pod[source["fieldRef"]["fieldPath"]]
        elif "resourceFieldRef" in source:
            assert source["resourceFieldRef"]["containerName"] == one["name"]
            given[variable["name"]] = one["resources"]["requests"]["cpu"]
        else:
            given[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda found: given[found[1]], variable["value"])
    return given


def test_variables_are_settings_of_the_programs(answers: Answers, monkeypatch: pytest.MonkeyPatch):
    found = manifests(answers["metrics"])
    pod = of(found, "StatefulSet", "port-server")["spec"]["template"]["spec"]
    for one in (*pod["initContainers"][1:], *pod["containers"]):
        for name, value in environment(one).items():
            monkeypatch.setenv(name, value)
    settings = ServerSettings.load()
    assert (settings.server_name, settings.threads, settings.listen) == ("port-server-1", 2, "0.0.0.0:50051")
    assert settings.model_pack == "standard"
    mounted = {one["name"]: one["mountPath"] for one in pod["containers"][0]["volumeMounts"]}
    given = {
        f"{mounted[volume['name']]}/{file['path']}"
        for volume in pod["volumes"]
        for source in volume.values()
        if isinstance(source, dict) and volume["name"] in mounted
        for file in source.get("items", [])
    }
    assert {f"{settings.tls_dir}/{name}" for name in ("certificate.pem", "key.pem", "authority.pem")} <= given
    assert str(settings.revocations) in given
    assert re.findall(r"sslrootcert=([^&]+)", settings.database_url)[0] in given
    (console,) = of(found, "Deployment", "port-console")["spec"]["template"]["spec"]["containers"]
    for name, value in environment(console).items():
        monkeypatch.setenv(name, value)
    own = ConsoleSettings()
    assert own.hosts == ("konsol.batam.local",)
    assert own.server_addresses == tuple(f"port-server-{number}.port-server.cekal.svc:50051" for number in (0, 1))


def test_settings_that_the_chart_sets_are_refused_in_the_text(answers: Answers):
    """What both set would be a riddle: variables come first."""
    import jsonschema

    pod = of(manifests(answers["two servers"]), "StatefulSet", "port-server")["spec"]["template"]["spec"]
    names = [variable["name"] for variable in pod["containers"][0]["env"]]
    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]["server"]["properties"]["settings"]
    for name in names:
        setting = name.removeprefix("CEKALWATCH_SERVER_").lower()
        if setting == "pod_name" or "__" in setting:
            continue
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(f'target_fpir = 1e-3\n{setting} = "x"\n', schema)
    jsonschema.validate(TWO["server"]["settings"], schema)
    tomllib.loads(TWO["server"]["settings"])


def test_one_server_stops_at_a_time_and_two_are_on_two_nodes(answers: Answers):
    found = manifests(answers["two servers"])
    servers = of(found, "StatefulSet", "port-server")["spec"]
    labels = servers["template"]["metadata"]["labels"]
    assert of(found, "PodDisruptionBudget", "port-server")["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": labels},
    }
    (away,) = servers["template"]["spec"]["affinity"]["podAntiAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    assert (away["topologyKey"], away["labelSelector"]["matchLabels"]) == ("kubernetes.io/hostname", labels)
    assert servers["updateStrategy"] == {"type": "RollingUpdate"}
    for number in (0, 1):
        service = of(found, "Service", f"port-server-{number}")["spec"]
        assert service["selector"] == labels | {"statefulset.kubernetes.io/pod-name": f"port-server-{number}"}
        assert service["externalTrafficPolicy"] == "Local"


def test_servers_reach_what_they_are_told_and_nobody_else_reaches_them(answers: Answers):
    found = manifests(answers["volumes and tokens"])
    policy = of(found, "NetworkPolicy", "port-server")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    reached = [
        (block["ipBlock"]["cidr"], port["port"])
        for rule in policy["egress"]
        for block in rule.get("to", [])
        for port in rule["ports"]
    ]
    assert reached == [("10.3.0.0/28", 5432), ("10.9.0.1/32", 443)]
    assert [port["port"] for rule in policy["ingress"] for port in rule["ports"]] == [50051], "metrics are off"
    with_metrics = of(manifests(answers["metrics"]), "NetworkPolicy", "port-server")["spec"]["ingress"][-1]
    assert with_metrics["from"] == [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]


def test_metrics_are_scraped_with_a_certificate(answers: Answers):
    found = manifests(answers["metrics"])
    monitor = of(found, "ServiceMonitor", "port-server")
    assert monitor["metadata"]["labels"]["team"] == "ops"
    (endpoint,) = monitor["spec"]["endpoints"]
    assert (endpoint["scheme"], endpoint["tlsConfig"]["serverName"]) == ("https", "cekal.batam.local")
    service = of(found, "Service", "port-server")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert not [
        one for one in manifests(answers["without the operator of Prometheus"]) if one["kind"] == "ServiceMonitor"
    ]


def test_defaults_are_the_smallest_server_of_the_calculator():
    cores, gigabytes = LEAST_SERVER
    assert DEFAULTS["server"]["resources"]["requests"] == {"cpu": str(cores), "memory": f"{gigabytes}Gi"}


def test_the_chart_has_the_version_and_images_of_the_programs():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert (chart["version"], chart["appVersion"]) == (version, version)
    assert {one["repository"] for one in (DEFAULTS["images"]["server"], DEFAULTS["images"]["console"])} == {
        image.name for image in IMAGES.values()
    }


def test_the_page_explains_every_value():
    def names(values: dict[str, Any], path: str = "") -> Iterator[str]:
        for name, value in values.items():
            inner = (
                isinstance(value, dict)
                and value
                and path.count(".") < 1
                and name not in ("resources", "service", "storage")
            )
            yield from names(value, f"{path}{name}.") if inner else (f"{path}{name}",)

    assert [name for name in names(DEFAULTS) if f"`{name}" not in PAGE] == []
