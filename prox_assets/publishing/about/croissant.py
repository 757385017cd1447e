"""croissant.json: the data set for machines, in Croissant 1.1 with the vocabulary for responsible AI.

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and croissant-rai-spec.html.
"""

from typing import Any

from prox_assets.publishing.manifest import ConfigNotes, PublishedManifest

CROISSANT = "croissant.json"

_TYPES = {"string": "sc:Text", "int64": "sc:Integer", "float64": "sc:Float", "bool": "sc:Boolean"}

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant(manifest: PublishedManifest) -> dict[str, Any]:
    """Return the description of a data set; its files are named relative to it."""
    settings = manifest.written_with
    found: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": settings.name,
        "description": described(manifest),
        "license": settings.licence_url or settings.own_licence,
        "version": f"{len(manifest.history)}.0.0",
        "datePublished": manifest.history[0].at[:10],
        "dateModified": manifest.history[-1].at[:10],
        "isLiveDataset": False,
        "keywords": ["prox", "pretraining", *settings.tags],
        "distribution": [*_files(manifest), *_sets(manifest)],
        "recordSet": [_records(manifest, config) for config in manifest.configs if manifest.splits(config.name)],
        **_responsible(manifest),
    }
    if manifest.languages:
        found["inLanguage"] = list(manifest.languages)
    if settings.repo_id:
        found["url"] = f"https://huggingface.co/datasets/{settings.repo_id}"
    if settings.publisher:
        who = {"@type": "sc:Organization", "name": settings.publisher.name}
        found["creator"] = who | ({"url": settings.publisher.url} if settings.publisher.url else {})
        found["publisher"] = found["creator"]
    return found


def described(manifest: PublishedManifest) -> str:
    """Return what the data set is, in a sentence or two."""
    own = manifest.written_with.description
    counted = f"{manifest.rows:,} documents of web text, refined with ProX by programs that a refiner wrote for each."
    if not manifest.files:
        counted = f"The programs, without the text, that a refiner wrote with ProX for {manifest.rows:,} documents."
    return f"{own} {counted}" if own else counted


def _files(manifest: PublishedManifest) -> list[dict[str, Any]]:
    return [
        {
            "@type": "cr:FileObject",
            "@id": file.path,
            "name": file.path,
            "contentUrl": file.path,
            "contentSize": f"{file.bytes} B",
            "encodingFormat": "application/x-parquet",
            "sha256": file.sha256,
        }
        for file in manifest.files
    ]


def _sets(manifest: PublishedManifest) -> list[dict[str, Any]]:
    return [
        {
            "@type": "cr:FileSet",
            "@id": f"{config.name}-files",
            "name": f"{config.name}-files",
            "description": f"The files of the configuration {config.name}.",
            "encodingFormat": "application/x-parquet",
            "includes": f"data/{config.name}/*.parquet",
        }
        for config in manifest.configs
        if manifest.splits(config.name)
    ]


def _records(manifest: PublishedManifest, config: ConfigNotes) -> dict[str, Any]:
    def field(name: str, description: str, kind: str, extract: dict[str, str], **more: Any) -> dict[str, Any]:  # noqa: ANN401
        return {
            "@type": "cr:Field",
            "@id": f"{config.name}/{name}",
            "name": f"{config.name}/{name}",
            "description": description,
            "dataType": kind,
            "source": {"fileSet": {"@id": f"{config.name}-files"}, "extract": extract, **more},
        }

    columns = [
        field(column.name, column.description, _TYPES[column.dtype], {"column": column.name})
        for column in manifest.features
    ]
    split = field(
        "split",
        "Split of the document, from the name of its file.",
        "sc:Text",
        {"fileProperty": "fullpath"},
        transform={"regex": r"data/[^/]+/(\w+)-\d+-of-\d+\.parquet$"},
    )
    return {
        "@type": "cr:RecordSet",
        "@id": config.name,
        "name": config.name,
        "description": f"{config.published} documents of corpus {config.name}.",
        "key": {"@id": f"{config.name}/doc_id"},
        "field": [split, *columns],
    }


def _responsible(manifest: PublishedManifest) -> dict[str, Any]:
    """Return the fields for responsible AI: what was measured, and what people said; nothing is made up."""
    settings = manifest.written_with
    said = settings.responsible_ai
    done = [
        f"{config.name}: {config.documents} documents, of which {config.dropped} were dropped by the refiner and "
        f"{config.outcomes()['kept_edited']} edited; {config.published} are published."
        for config in manifest.configs
    ]
    tools = sorted(
        {
            " ".join(filter(None, (refiner.name, refiner.model, refiner.revision, refiner.fingerprint)))
            for config in manifest.configs
            for refiner in config.refiners
        }
    )
    fields: dict[str, Any] = {
        "rai:dataCollection": said.collection or ", ".join(source.name for source in settings.sources),
        "rai:dataPreprocessingProtocol": done,
        "rai:machineAnnotationTools": tools,
        "rai:dataBiases": list(said.biases),
        "rai:dataLimitations": [
            "Refining is a model's judgement, line by line: it removes some good text and keeps some noise.",
            *said.limitations,
        ],
        "rai:personalSensitiveInformation": list(said.personal_information),
        "rai:dataUseCases": list(said.use_cases),
        "rai:dataSocialImpact": said.social_impact,
        "rai:dataReleaseMaintenancePlan": said.maintenance
        or "Documents that are withdrawn are taken out, and do not come back in later versions.",
    }
    return {name: value for name, value in fields.items() if value}
