"""provenance.json: where the data come from and what may be done with them.

Source: OASIS Data Provenance Metadata 1.0, committee draft (prov-meta-1.0/json/data-provenance.json).
"""

import uuid
from typing import Any

from prox_assets.publishing.about.croissant import described
from prox_assets.publishing.manifest import PublishedManifest

PROVENANCE = "provenance.json"

_SCHEMA = "https://docs.oasis-open.org/dps/prov-meta/v1.0/schema/data-provenance.json"
_NOT_STATED = "not stated"


def provenance(manifest: PublishedManifest) -> dict[str, Any]:
    """Return the record; what nobody has said is "not stated"."""
    settings, said = manifest.written_with, manifest.written_with.responsible_ai
    who = settings.publisher
    home = f"https://huggingface.co/datasets/{settings.repo_id}" if settings.repo_id else f"urn:prox:{settings.name}"
    purpose = "; ".join(said.use_cases) or "Pre-training of language models."
    version = str(len(manifest.history))
    publisher = {"name": who.name if who else _NOT_STATED, "namespace": who.url if who and who.url else home}
    issuer = {"legal-name": publisher["name"]} | ({"url": who.url} if who and who.url else {})
    return {
        "$schema": _SCHEMA,
        "set": {
            "category": "ai-training-data",
            "schema-version": "1.0",
            "publisher": publisher | ({"contact-details": who.contact} if who and who.contact else {}),
            "label": settings.title,
            "tracking": {
                "current-release-date": manifest.history[-1].at,
                "id": f"{settings.name}-{manifest.identity}",
                "initial-release-date": manifest.history[0].at,
                "revision-history": [
                    {"date": change.at, "number": str(number), "summary": change.what}
                    for number, change in enumerate(manifest.history, 1)
                ],
                "status": "final",
                "version": version,
                "generator": {"engine": {"name": "prox_assets", "version": manifest.prox_assets}},
            },
            "notes": [{"category": "details", "text": text} for text in _done(manifest)],
        },
        "source": {
            "about": {
                "content": described(manifest),
                "purpose": purpose,
                **({"scope": "; ".join(said.limitations)} if said.limitations else {}),
            },
            "id": {
                "uuids": [str(uuid.uuid5(uuid.NAMESPACE_URL, f"{home}#{manifest.identity}"))],
                "hashes": [
                    {"path": file.path, "tree-hashes": [{"algorithm": "sha-256", "value": file.sha256}]}
                    for file in manifest.files
                ],
            },
            "issuer": [issuer],
            "location": home,
            "name": settings.title,
            "data-version": version,
        },
        "provenance": {
            "origin": [
                {"legal-name": source.name} | ({"url": source.url} if source.url else {}) for source in settings.sources
            ],
            "origin-geography": [{"country": country} for country in said.geography or (_NOT_STATED,)],
            "date": manifest.history[-1].at[:10],
            "generation-method": [
                {"code": "web-scraping-crawling", "long-description": said.collection or _NOT_STATED},
                {
                    "code": "other",
                    "long-description": "Refined by programs that a small model or rules wrote for each document.",
                },
            ],
            "format": ["other"],
        },
        "use": {
            "intended-purpose": [{"code": "pre-training", "long-description": purpose}],
            "license": list(dict.fromkeys([settings.own_licence, *(source.licence for source in settings.sources)])),
        },
    }


def _done(manifest: PublishedManifest) -> list[str]:
    return [
        f"{config.name}: {config.documents} documents in, {config.published} published; refined by "
        + ", ".join(f"{refiner.name} ({refiner.level}, {refiner.fingerprint})" for refiner in config.refiners)
        + "; executed by the rules "
        + ", ".join(policy.fingerprint for policy in config.policies)
        for config in manifest.configs
    ]
