"""The embedded S3 server (MiniStack): starts it on loopback and makes the key and the bucket that the app uses.

MiniStack never checks the signature of its root key, hence a user with a key of its own. The user and its key
are in the server's memory until it is asked to stop; after `kill -9` there is a new key. `store_gate` refuses
everybody else inside the server's process.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.embedded import processes
from app.embedded.exceptions import EmbeddedError, PartMissingError
from app.embedded.ports import LOOPBACK, free_port, is_listening
from app.embedded.state import read_state, write_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CORSRuleTypeDef

NAME = "store"
REGION = "us-east-1"
USER_NAME = "holdfast"
SIGNING_USER_NAME = "holdfast-signing"
ANY_LOCAL_ORIGIN = ("http://localhost:*", "http://127.0.0.1:*")
EXPOSED_HEADERS = (
    "ETag", "Location", "Content-Range", "Accept-Ranges", "x-amz-version-id", "x-amz-checksum-sha256",
)  # fmt: skip
PREFLIGHT_LIVES_SECONDS = 600
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
READY_TIMEOUT_SECONDS = 60.0
DEFAULT_STORE_VENV = Path(__file__).parents[2] / ".venv-store"
GATE_SCRIPT = Path(__file__).with_name("store_gate.py")


@dataclass(frozen=True)
class AccessKey:
    """An access key of the store."""

    id: str
    secret: str


@dataclass(frozen=True)
class ObjectStore:
    """A starting or running server."""

    child: processes.Child
    port: int
    state_path: Path
    root_key: AccessKey

    @property
    def endpoint_url(self) -> str:
        """Its address on loopback."""
        return f"http://{LOOPBACK}:{self.port}"

    def wait_ready(self) -> AccessKey:
        """Wait until it answers, then give a key that it accepts: the previous one if it still does.

        Raises:
            PartFailedError: when it ends first or takes too long.
        """
        self.child.wait_until(lambda: is_listening(self.port), timeout_seconds=READY_TIMEOUT_SECONDS)
        try:
            return self._usable_key()
        except (BotoCoreError, ClientError) as error:
            raise self.child.failure(f"started, but did not give a key ({error})") from error

    def _usable_key(self) -> AccessKey:
        state = read_state(self.state_path)
        previous = AccessKey(state["access_key_id"], state["secret_access_key"]) if "access_key_id" in state else None
        if previous and self._accepts(previous):
            write_state(self.state_path, state | {"port": self.port})
            return previous
        key = self._make_key(USER_NAME, POLICY)
        write_state(self.state_path, {"port": self.port, "access_key_id": key.id, "secret_access_key": key.secret})
        return key

    def signing_key(self, bucket_name: str) -> AccessKey:
        """Give a key that can only write objects into one bucket: it signs what clients get.

        This server does what unsigned headers of a presigned request say, with the rights of the key: a client
        that adds `x-amz-copy-source` to its upload would otherwise read anybody's object.
        """
        state = read_state(self.state_path)
        if "signing_access_key_id" in state:
            # Made together with the other key, which was just accepted, and forgotten together with it.
            return AccessKey(state["signing_access_key_id"], state["signing_secret_access_key"])
        statement = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket_name}/*"}
        key = self._make_key(SIGNING_USER_NAME, {"Version": "2012-10-17", "Statement": [statement]})
        signing = {"signing_access_key_id": key.id, "signing_secret_access_key": key.secret}
        write_state(self.state_path, state | signing)
        return key

    def _accepts(self, key: AccessKey) -> bool:
        try:
            s3_client(self.endpoint_url, key).list_buckets()
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 401, 403}:
                return False
            raise
        return True

    def _make_key(self, user_name: str, policy: Mapping[str, object]) -> AccessKey:
        iam = _client("iam", self.endpoint_url, self.root_key)
        try:
            iam.create_user(UserName=user_name)
        except iam.exceptions.EntityAlreadyExistsException:
            for old in iam.list_access_keys(UserName=user_name)["AccessKeyMetadata"]:
                iam.delete_access_key(UserName=user_name, AccessKeyId=old["AccessKeyId"])
        iam.put_user_policy(UserName=user_name, PolicyName="s3", PolicyDocument=json.dumps(policy))
        made = iam.create_access_key(UserName=user_name)["AccessKey"]
        return AccessKey(made["AccessKeyId"], made["SecretAccessKey"])


def start_object_store(
    data_dir: Path, *, store_venv: Path | None = None, persist: bool = True, public_url: str | None = None
) -> ObjectStore:
    """Start the server of this folder; `wait_ready` before using it.

    Args:
        data_dir: the folder, whose lock the caller holds.
        public_url: where clients reach it besides loopback, such as through a proxy; its host is let in.
        store_venv: the server's own virtual environment; by default `.venv-store` beside `app`.
        persist: False keeps the objects in memory only, for tests.

    Raises:
        PartMissingError: when it is not installed.
        PartFailedError: when one of an earlier start can't be stopped.
    """
    python = (store_venv or DEFAULT_STORE_VENV) / "bin" / "python"
    if not python.exists():
        raise PartMissingError(
            f"the embedded S3 server is not installed ({python} is missing): run `make install`, or set S3_BUCKET_NAME"
        )
    processes.stop_previous(data_dir, NAME, signal.SIGTERM)
    folder = data_dir / NAME
    for path in (folder, folder / "tmp"):
        path.mkdir(mode=0o700, exist_ok=True)
    state_path = data_dir / "store.json"
    port = free_port(read_state(state_path).get("port"))
    root_key = AccessKey(f"ROOT{secrets.token_hex(20).upper()}", secrets.token_urlsafe(30))
    persistence = "1" if persist else "0"
    environ = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "LOG_LEVEL": "WARNING",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": LOOPBACK,
        "AUTH": "true",
        "SERVICES": "s3,iam,sts",
        "S3_PERSIST": persistence,
        "PERSIST_STATE": persistence,
        "S3_DATA_DIR": str(folder / "objects"),
        "STATE_DIR": str(folder / "state"),
        "AWS_ACCESS_KEY_ID": root_key.id,
        "AWS_SECRET_ACCESS_KEY": root_key.secret,
        "GATE_HOSTS": urlsplit(public_url or "").hostname or "",
        # What it would otherwise open or touch besides S3: an MQTT and an SFTP port, the machine's containers.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{folder / 'no-docker.sock'}",
    }
    child = processes.start(
        NAME,
        [python, "-I", GATE_SCRIPT],
        data_dir=data_dir,
        working_dir=folder,
        environ=environ,
        stop_signal=signal.SIGTERM,
    )
    return ObjectStore(child, port, state_path, root_key)


def ensure_bucket(endpoint_url: str, key: AccessKey, bucket_name: str) -> None:
    """Make the bucket if it isn't there yet."""
    client = s3_client(endpoint_url, key)
    try:
        client.head_bucket(Bucket=bucket_name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:  # noqa: PLR2004 - HTTP's not found
            raise
        client.create_bucket(Bucket=bucket_name)


def cors_origins(environ: Mapping[str, str]) -> list[str]:
    """The origins whose pages may use the store: those that may use the service; empty when none are named.

    Raises:
        EmbeddedError: they can't be read.
    """
    text = environ.get("CORS_ORIGINS", "").strip()
    if not text.startswith("["):
        return [word.strip() for word in text.split(",") if word.strip()]
    try:
        return [str(word) for word in json.loads(text)]
    except ValueError as error:
        raise EmbeddedError("CORS_ORIGINS: give words with commas between them, or a JSON list") from error


def allow_origins(endpoint_url: str, key: AccessKey, bucket_name: str, origins: Sequence[str]) -> None:
    """Let pages of these origins use presigned URLs. The server forgets it when killed: say it at every start.

    Args:
        endpoint_url: where it listens.
        key: of the bucket's owner.
        bucket_name: made before.
        origins: as browsers send them, each with at most one `*`; none of them means any port of this machine.
    """
    rule: CORSRuleTypeDef = {
        "AllowedOrigins": list(origins or ANY_LOCAL_ORIGIN),
        "AllowedMethods": ["PUT", "POST", "GET", "HEAD"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": list(EXPOSED_HEADERS),
        "MaxAgeSeconds": PREFLIGHT_LIVES_SECONDS,
    }
    s3_client(endpoint_url, key).put_bucket_cors(Bucket=bucket_name, CORSConfiguration={"CORSRules": [rule]})


def s3_client(endpoint_url: str, key: AccessKey) -> S3Client:
    """Make a client for an embedded store, which no variable or file of the shell's owner changes."""
    return cast("S3Client", _client("s3", endpoint_url, key))


def _client(service: str, endpoint_url: str, key: AccessKey) -> Any:  # noqa: ANN401 - botocore builds the class at run time
    variables = {
        name: (None, None, default, conversion)
        for name, (_, _, default, conversion) in botocore.session.Session.SESSION_VARIABLES.items()
    }
    for name in ("config_file", "credentials_file"):
        variables[name] = (None, None, os.devnull, None)
    session = boto3.Session(botocore_session=botocore.session.Session(session_vars=variables), region_name=REGION)
    return session.client(
        service,
        endpoint_url=endpoint_url,
        aws_access_key_id=key.id,
        aws_secret_access_key=key.secret,
        config=Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"total_max_attempts": 3, "mode": "standard"},
            s3={"addressing_style": "path"},
            signature_version="s3v4" if service == "s3" else None,
            proxies={},
        ),
    )
