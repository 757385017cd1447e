"""A lake on a local folder and one on a real S3 server on loopback."""

import boto3
import pytest

from prox_assets.lake.lake import Lake


@pytest.fixture
def s3_lake(s3_endpoint):
    """An empty lake in a bucket."""
    client = boto3.client("s3", endpoint_url=s3_endpoint)
    client.create_bucket(Bucket="lakes")
    yield Lake("s3://lakes/one", {"client_kwargs": {"endpoint_url": s3_endpoint}})
    for entry in client.list_objects_v2(Bucket="lakes").get("Contents", []):
        client.delete_object(Bucket="lakes", Key=entry["Key"])
    client.delete_bucket(Bucket="lakes")


@pytest.fixture(params=["local", "s3"])
def lake(request, tmp_path):
    """The same lake twice: whatever holds for a folder holds for an object store."""
    return Lake(str(tmp_path / "lake")) if request.param == "local" else request.getfixturevalue("s3_lake")
