"""What our components have in common: a pydantic model of their settings is the schema of `attributes` in defs.yaml."""

from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import dagster as dg
from pydantic import BaseModel

SettingsT = TypeVar("SettingsT", bound=BaseModel)


class SettingsComponent(dg.Component, Generic[SettingsT]):
    """A component made of the settings in its defs.yaml."""

    settings_model: ClassVar[type[BaseModel]]

    def __init__(self, settings: SettingsT) -> None:
        self.settings = settings

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """Return the schema of `attributes` in defs.yaml."""
        return cls.settings_model

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Resolve templates in the attributes and build the component.

        Raises:
            ValueError: There are no attributes, or a resolved one is invalid.
        """
        if attributes is None:
            required = [name for name, field in cls.settings_model.model_fields.items() if field.is_required()]
            raise ValueError(f"{cls.__name__} needs attributes: {' and '.join(required)} at least")
        given = attributes.model_dump(mode="json", exclude_unset=True)
        resolved = cast("dict[str, Any]", context.resolution_context.resolve_value(given))
        return cls(cast("SettingsT", cls.settings_model.model_validate(resolved)))
