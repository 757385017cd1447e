"""The `prox_assets.LakeOverview` component: all corpora of the lake at a glance, as one asset."""

import dagster as dg
from dagster.components.core.decl import YamlDecl

from prox_assets.orchestration.assets.lake_overview import build_lake_overview, build_overview_schedule
from prox_assets.orchestration.components.refined_corpus import RefinedCorpus
from prox_assets.orchestration.defs_yaml.settings_component import SettingsComponent
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.orchestration.settings.overview import OverviewSettings


class LakeOverview(SettingsComponent[OverviewSettings]):
    """All corpora of the lake at a glance: one page after the reports of the project's corpora.

    It shows every corpus that the lake has, also those of other projects; the corpora of this project are judged by
    their own settings.
    """

    settings_model = OverviewSettings
    name_setting = "name"
    resource_names = ("lake",)

    def definitions_in(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build the asset and its schedule."""
        return overview_definitions(self.settings, _corpora_of_project(context))


def overview_definitions(settings: OverviewSettings, corpora: list[CorpusSettings]) -> dg.Definitions:
    """Return the overview of a lake.

    Args:
        settings: The overview's.
        corpora: Those of the corpora whose reports are assets of the project.
    """
    schedule = build_overview_schedule(settings)
    return dg.Definitions(
        assets=[build_lake_overview(settings, corpora)], schedules=[schedule] if schedule is not None else []
    )


def _corpora_of_project(context: dg.ComponentLoadContext) -> list[CorpusSettings]:
    """Return the settings of the project's corpora; one whose defs.yaml is wrong has no report to wait for."""
    tree = context.component_tree
    decls = tree.find_root_decl().iterate_all_component_decls()
    places = [decl.loc for decl in decls if isinstance(decl, YamlDecl) and decl.component_type is RefinedCorpus]
    found = [tree.load_component(place) for place in places]
    return [component.settings for component in found if isinstance(component, RefinedCorpus)]
