"""A component whose attributes are a pydantic model, and which a mistake in its defs.yaml does not take down.

Dagster loads all components of a project or none. Here a component with a wrong setting becomes one asset that says
what is wrong and where, so the project's other corpora go on. `dg check defs` fails on it all the same.
"""

import logging
import os
import re
from functools import cache
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import dagster as dg
from dagster.components.core.decl import YamlDecl
from dagster.components.resolved.errors import ResolutionException
from pydantic import BaseModel, GetJsonSchemaHandler, RootModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from prox_assets.orchestration.defs_yaml.problems import ATTRIBUTES, Positions, Problem, problems_of
from prox_assets.orchestration.defs_yaml.schema import schema_of
from prox_assets.orchestration.preview_warnings import without_preview_warnings
from prox_assets.orchestration.resources import resources_of_project
from prox_assets.refiners.errors import RefinerError

SettingsT = TypeVar("SettingsT", bound=BaseModel)

BROKEN = "broken_configuration"
# Dagster sets it for `dg check defs`, so that code can tell (`dg check defs --help`).
VALIDATING = "DAGSTER_IS_DEFS_VALIDATION_CLI"
# A pydantic error is a ValueError; what a template cannot resolve is an error of Dagster's own.
MISTAKES = (ValueError, RefinerError, dg.DagsterError, ResolutionException)

_logger = logging.getLogger(__name__)


class SettingsError(ValueError):
    """A defs.yaml says something wrong; the message names file, line, setting and what may stand there."""


class SettingsComponent(dg.Component, Generic[SettingsT]):
    """A component made of the settings in its defs.yaml.

    Attributes:
        settings_model: The model of `attributes`.
        name_setting: The setting that names a component; no two of a project may have the same.
        resource_names: The resources that its definitions use (resources.py).
    """

    settings_model: ClassVar[type[BaseModel]]
    name_setting: ClassVar[str]
    resource_names: ClassVar[tuple[str, ...]]

    def __init__(self, settings: SettingsT, positions: Positions | None = None) -> None:
        self.settings = settings
        self._positions = positions

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """Return the model of `attributes`: it takes anything, because `load` judges; its schema says what is right."""
        return _attributes_of(cls.settings_model)

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Resolve templates in the attributes and build the component.

        Raises:
            SettingsError: There are no attributes, or an invalid one, and Dagster does not load a project but checks
                it; a project gets a component in its place that shows the error.
        """
        positions = cast("Positions | None", context.resolution_context.source_position_tree)
        given = attributes.root if isinstance(attributes, RootModel) else None
        written = given if isinstance(given, dict) else {}
        try:
            required = [name for name, field in cls.settings_model.model_fields.items() if field.is_required()]
            if required and not written:
                raise ValueError(f"{cls.__name__} needs attributes: {' and '.join(required)} at least")
            resolved = cast("dict[str, Any]", context.resolution_context.at_path(ATTRIBUTES).resolve_value(written))
            settings = cast("SettingsT", cls.settings_model.model_validate(resolved))
            cls.check(settings)
            if positions is not None:
                cls._check_name(getattr(settings, cls.name_setting), context)
        except MISTAKES as error:
            problems = problems_of(error, cls.settings_model, written, positions)
            if positions is None or VALIDATING in os.environ:
                raise SettingsError("\n".join(map(str, problems))) from error
            name = written.get(cls.name_setting)
            # Dagster asks a component for nothing but its definitions.
            return cast("Self", BrokenComponent(problems, name if isinstance(name, str) else None))
        return cls(settings, positions)

    @classmethod
    def _check_name(cls, name: str, context: dg.ComponentLoadContext) -> None:
        """Raise an error if another file of the project has this name: Dagster would then load nothing at all."""
        key = cls.name_setting
        unnamed = cls.settings_model.model_fields[key].default
        for decl in context.component_tree.find_root_decl().iterate_all_component_decls():
            if not isinstance(decl, YamlDecl) or decl.loc == context.component_loc or decl.component_type is not cls:
                continue
            attributes = decl.component_file_model.attributes if decl.component_file_model else None
            if (attributes or {}).get(key, unnamed) == name:
                raise ValueError(f"{key} {name!r} is that of {decl.context.path}, too: each needs its own")

    @classmethod
    def check(cls, settings: SettingsT) -> None:
        """Raise whatever is wrong with settings that are valid one by one."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build the definitions, with the resources that the project does not define itself."""
        try:
            with without_preview_warnings():
                own = self.definitions_in(context)
        except MISTAKES as error:
            written = self.settings.model_dump(mode="json", exclude_unset=True)
            problems = problems_of(error, self.settings_model, written, self._positions)
            if self._positions is None or VALIDATING in os.environ:
                raise SettingsError("\n".join(map(str, problems))) from error
            return BrokenComponent(problems, getattr(self.settings, self.name_setting)).build_defs(context)
        return dg.Definitions.merge(own, dg.Definitions(resources=resources_of_project(context, self.resource_names)))

    def definitions_in(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return what the settings stand for in a project, without resources."""
        return self.definitions()

    def definitions(self) -> dg.Definitions:
        """Return what the settings stand for, whatever else the project has, without resources."""
        raise NotImplementedError


class BrokenComponent(dg.Component):
    """Stands in for a component whose defs.yaml is wrong: one asset that cannot be run and says what is wrong."""

    def __init__(self, problems: list[Problem], name: str | None) -> None:
        self.problems = problems
        self.name = name

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the asset `{folder}/broken_configuration`, in the group of the corpus or lab."""
        for problem in self.problems:
            _logger.error("%s", problem)
        place = context.component_path
        folder = [*place.file_path.relative_to(context.defs_module_path).parts]
        if place.instance_key:
            folder.append(str(place.instance_key))  # a further document of the same file
        listed = "\n".join(f"- {_as_code(str(problem))}" for problem in self.problems)
        broken = dg.AssetSpec(
            [*folder, BROKEN],
            description=f"**This configuration is wrong, so its assets are missing.**\n\n{listed}\n\n"
            "Correct the file, then choose *Reload definitions*. `dg check yaml` and `dg check defs` show the same.",
            group_name=re.sub(r"\W+", "_", self.name or "_".join(folder), flags=re.ASCII),
            kinds={"broken"},
        )
        return dg.Definitions(assets=[broken])


def _as_code(text: str) -> str:
    """Return text as Markdown code: it quotes what somebody has written into a file."""
    flat = " ".join(text.split()).replace("`", "\u02cb")
    return f"`{flat}`"


@cache
def _attributes_of(settings: type[BaseModel]) -> type[BaseModel]:
    class Attributes(RootModel[Any]):
        @classmethod
        def __get_pydantic_json_schema__(
            cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
        ) -> JsonSchemaValue:
            return handler(settings.__pydantic_core_schema__)

        @classmethod
        def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401 (pydantic's own)
            return schema_of(settings)

    return Attributes
