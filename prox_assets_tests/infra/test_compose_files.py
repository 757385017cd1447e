"""The compose files against Dockerfile, project and good sense; what runs is in test_running_deployment.py."""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from prox_assets_tests.infra.deployment_files import (
    COMPOSE,
    COMPOSE_GPU,
    INFRA,
    MissingVariableError,
    compose_services,
    read_compose,
    read_dockerfile,
)

SECRET = re.compile("PASSWORD|SECRET|TOKEN|KEY")
FILES = [COMPOSE, COMPOSE_GPU]
PASSWORD = {"DAGSTER_POSTGRES_PASSWORD": "x"}


def services(path: Path) -> dict[str, dict[str, Any]]:
    return read_compose(path)["services"]


def example_variables() -> dict[str, str]:
    """Every variable of env.example, also those that are commented out, with its value there."""
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", (INFRA / "env.example").read_text(), flags=re.MULTILINE))


def test_a_missing_password_is_refused_and_the_message_says_what_to_do() -> None:
    with pytest.raises(
        MissingVariableError, match=r"DAGSTER_POSTGRES_PASSWORD: copy infra/env\.example to infra/\.env"
    ):
        compose_services({})
    with pytest.raises(MissingVariableError):
        compose_services({"DAGSTER_POSTGRES_PASSWORD": ""})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_secrets_come_from_the_environment_only(path: Path) -> None:
    for name, service in services(path).items():
        for variable, value in (service.get("environment") or {}).items():
            if SECRET.search(variable):
                assert value is None or value.startswith(f"${{{'DAGSTER_POSTGRES_PASSWORD'}:?"), (name, variable)


def test_the_example_of_an_env_file_holds_no_secret_and_is_kept_out_of_git_when_filled_in() -> None:
    secrets = {name: value for name, value in example_variables().items() if SECRET.search(name)}
    assert "DAGSTER_POSTGRES_PASSWORD" in secrets
    assert set(secrets.values()) == {""}
    assert ".env" in (INFRA / ".gitignore").read_text().splitlines()


def test_the_example_of_an_env_file_names_every_variable_that_the_compose_files_read_and_no_other() -> None:
    text = "".join(path.read_text() for path in FILES)
    handed_on = {
        name
        for path in FILES
        for service in services(path).values()
        for name, value in (service.get("environment") or {}).items()
        if value is None
    }
    assert set(example_variables()) == set(re.findall(r"\$\{(\w+)", text)) | handed_on


def test_what_the_example_shows_as_optional_is_what_the_compose_file_takes_anyway() -> None:
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", "".join(path.read_text() for path in FILES)))
    host_folders = {"PROX_LAKE_VOLUME", "PROX_RAW"}  # examples of another choice than the default
    shown = {name: value for name, value in example_variables().items() if name in defaults.keys() - host_folders}
    assert shown == {name: value for name, value in defaults.items() if name not in host_folders}


def test_published_ports_are_on_loopback() -> None:
    published = [port for service in compose_services(PASSWORD).values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:3000:3000"]
    assert all("ports" not in service for service in services(COMPOSE_GPU).values())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_image_of_ours_is_built_from_a_target_of_the_dockerfile_with_its_name(path: Path) -> None:
    stages = {line.stage for line in read_dockerfile(INFRA / "Dockerfile")}
    ours = {name: service for name, service in services(path).items() if service["image"].startswith("prox-assets:")}
    assert ours
    for name, service in ours.items():
        target = service["build"]["target"]
        assert target in stages, name
        assert service["image"] == f"prox-assets:{target}", name


def test_every_command_of_our_images_is_installed_with_the_project() -> None:
    folder = str(Path(sys.executable).parent)
    programs = {}
    for name, service in compose_services(PASSWORD).items():
        if not service["image"].startswith("prox-assets:"):
            continue
        commands = [service["command"]]
        if commands[0][0] == "sh":
            commands = [line.split() for line in commands[0][-1].splitlines()]
        if "healthcheck" in service:
            commands.append(service["healthcheck"]["test"][1:])
        programs[name] = {command[0] for command in commands}
    assert programs == {
        "migrate": {"dagster"},
        "code-location": {"dagster"},
        "daemon": {"dagster-daemon"},
        "webserver": {"dagster-webserver", "python"},
    }
    missing = {program for found in programs.values() for program in found if not shutil.which(program, path=folder)}
    assert missing == set()


def test_nothing_starts_before_the_database_is_migrated() -> None:
    everything = compose_services(PASSWORD)
    assert everything["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in everything.keys() - {"postgres", "migrate"}:
        assert everything[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}, name


def test_every_named_volume_is_declared_and_used() -> None:
    mounts = [mount.split(":")[0] for one in compose_services(PASSWORD).values() for mount in one.get("volumes", [])]
    assert {mount for mount in mounts if "/" not in mount} == set(read_compose(COMPOSE)["volumes"])
    assert all((INFRA / mount).is_dir() for mount in mounts if "/" in mount)


def test_the_webserver_and_the_daemon_look_for_the_code_where_the_code_location_serves_it() -> None:
    [server] = [entry["grpc_server"] for entry in read_compose(INFRA / "workspace.yaml")["load_from"]]
    command = compose_services(PASSWORD)[server["host"]]["command"]
    assert str(server["port"]) == command[command.index("-p") + 1]
    assert server["location_name"] == "prox_assets"


def test_the_gpu_overlay_changes_only_the_code_location_and_gives_it_one_device() -> None:
    assert list(services(COMPOSE_GPU)) == ["code-location"]
    [device] = services(COMPOSE_GPU)["code-location"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert len(device["device_ids"]) == 1
