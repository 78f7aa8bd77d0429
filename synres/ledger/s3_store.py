"""An S3 bucket as an ArtifactStore, over the minio SDK; nothing else imports it.

The SDK's `put_object` turns an `If-None-Match` given as metadata into `x-amz-meta-if-none-match` and then
overwrites without a word. So conditional writes take the SDK's request path below it (`_execute`), which
sends headers as they are. A contract test watches both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from minio import Minio
from minio.credentials.providers import IamAwsProvider, Provider, StaticProvider
from minio.error import MinioException, S3Error
from minio.helpers import check_bucket_name

from synres.errors import ArtifactMissing, InvalidInput, SettingInvalid, StoreFull, StoreUnavailable
from synres.ledger.keys import check_key, check_prefix
from synres.ports import StoredObject
from synres.settings import StoreSettings

_MISSING = {"NoSuchKey", "NoSuchBucket"}
_FULL = {"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage"}
_REFUSED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
_BUCKET_THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
_LOST = {"PreconditionFailed", "ConditionalRequestConflict"}
_CONNECTIONS = 16
_CONNECT_S = 5.0  # whoever waits is told within seconds that nobody is there


class S3Store:
    """Keys of `bucket` under `prefix`. The bucket is made by the first write, where the keys permit it.

    A conditional write whose answer was lost on the way is asked again and may then say False although it
    wrote: whoever gets False must look at what is there.
    """

    def __init__(self, bucket: str, prefix: str, settings: StoreSettings) -> None:
        try:
            check_bucket_name(bucket)
        except ValueError as error:
            raise InvalidInput(f"{bucket!r} cannot be an S3 bucket: {error}") from error
        self.url = f"s3://{bucket}/{prefix}".rstrip("/")
        self._bucket = bucket
        self._prefix = f"{check_key(prefix)}/" if prefix else ""
        self._client = Minio(
            settings.s3_endpoint,
            secure=settings.s3_tls,
            region=settings.s3_region,
            credentials=_credentials(settings),
            http_client=_http(settings.s3_timeout_s),
        )
        if settings.s3_path_style is True:
            self._client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
        elif settings.s3_path_style is False:
            self._client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]

    def get(self, key: str) -> bytes:
        return self.get_with_etag(key)[0]

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        with self._errors(key):
            response = self._client._execute("GET", self._bucket, self._path(key))
            return response.data, response.headers["etag"]

    def head(self, key: str) -> StoredObject | None:
        try:
            with self._errors(key):
                found = self._client.stat_object(self._bucket, self._path(key))
        except ArtifactMissing:
            return None
        modified = found.last_modified
        return StoredObject(key, found.size or 0, modified.timestamp() if modified else 0.0)

    def put(self, key: str, data: bytes) -> None:
        with self._errors(key):
            self._write(key, data, {})

    def put_if_absent(self, key: str, data: bytes) -> bool:
        return self._write_if(key, data, {"If-None-Match": "*"})

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        # some stores take If-Match on a missing key for a create
        return self.head(key) is not None and self._write_if(key, data, {"If-Match": etag})

    def list(self, prefix: str) -> Iterator[StoredObject]:
        full = self._prefix + check_prefix(prefix)
        try:
            with self._errors(prefix):
                for found in self._client.list_objects(self._bucket, full, recursive=True):
                    modified = found.last_modified
                    key = (found.object_name or "").removeprefix(self._prefix)
                    yield StoredObject(key, found.size or 0, modified.timestamp() if modified else 0.0)
        except ArtifactMissing:
            return

    def delete(self, key: str) -> None:
        try:
            with self._errors(key):
                self._client.remove_object(self._bucket, self._path(key))
        except ArtifactMissing:
            return

    def _path(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _write_if(self, key: str, data: bytes, condition: dict[str, str]) -> bool:
        try:
            with self._errors(key):
                self._write(key, data, condition)
        except _ConditionLost:
            return False
        return True

    def _write(self, key: str, data: bytes, condition: dict[str, str]) -> None:
        path = self._path(key)
        try:
            self._client._execute("PUT", self._bucket, path, body=data, headers={**condition})
        except S3Error as error:
            if error.code != "NoSuchBucket":
                raise
            self._make_bucket()
            self._client._execute("PUT", self._bucket, path, body=data, headers={**condition})

    def _make_bucket(self) -> None:
        try:
            self._client.make_bucket(self._bucket)
        except S3Error as error:
            if error.code not in _BUCKET_THERE:
                raise

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except S3Error as error:
            raise self._translated(error, key) from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise StoreUnavailable(f"{self.url}: no good answer for {key or 'listing'}: {error}") from error

    def _translated(self, error: S3Error, key: str) -> Exception:
        code = error.code or ""
        if code in _LOST:
            return _ConditionLost(f"{self.url}/{key}: {code}")
        if code in _MISSING:
            return ArtifactMissing(key)
        if code in _FULL:
            return StoreFull(f"{self.url}: {code}: {error.message}")
        if code in _REFUSED:
            return SettingInvalid(f"{self.url}: {code}: check SYNRES_S3_ACCESS_KEY and SYNRES_S3_SECRET_KEY")
        return StoreUnavailable(f"{self.url}: {code}: {error.message}")


class _ConditionLost(StoreUnavailable):
    """The store refused a conditional write because its condition did not hold."""


def _credentials(settings: StoreSettings) -> Provider:
    if settings.s3_access_key is None:
        return IamAwsProvider()
    secret = settings.s3_secret_key
    return StaticProvider(settings.s3_access_key, secret.get_secret_value() if secret else "")


def _http(timeout_s: float) -> urllib3.PoolManager:
    return urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=min(timeout_s, _CONNECT_S), read=timeout_s),
        maxsize=_CONNECTIONS,
        retries=urllib3.Retry(total=2, backoff_factor=0.1, status_forcelist=(500, 502, 503, 504)),
    )
