"""A lake on a local folder and one on a real S3 server on loopback."""

import boto3
import pytest
from moto.server import ThreadedMotoServer

from prox_assets.lake.lake import Lake


@pytest.fixture(scope="session")
def s3_endpoint():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_lake(s3_endpoint, monkeypatch):
    """An empty lake in a bucket; credentials in the environment, as a deployment has them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
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
