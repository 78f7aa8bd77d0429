"""Every error that synres raises on purpose; each class has a stable code and a stable exit code.

SynresError
├── InvalidInput              what the user gave us is wrong; the message names it and the mend
│   ├── SpecInvalid           the run spec: names line, field and nearest right name
│   ├── SettingInvalid        an environment variable
│   ├── UnsafePath            a path that is absolute, holds `..`, or leaves its folder by a link
│   ├── MixturePartEmpty      a mixture part has a ratio and no data
│   ├── NotFound              a run, item, backend or file that does not exist
│   └── DeadlineRequired      a stage call without a deadline
├── RejectedItem              bad data: a pure function of the bytes; becomes a rejection with a reason
├── BackendUnavailable        a backend's packages or weights are missing, or its digest is wrong
├── StoreError
│   ├── StoreUnavailable      refused, timed out, or slow: try again
│   ├── StoreFull             no space, or quota reached
│   ├── ArtifactMissing       a key or digest that is not there
│   ├── ArtifactCorrupt       the bytes do not match their digest, or a record cannot be read
│   └── LedgerVersionMismatch a run folder written by another version
├── ServiceError
│   ├── ServiceUnavailable    no answer: down, draining, or died under the call; try again
│   ├── Overloaded            full; says when to return
│   ├── DeadlineExceeded      the deadline passed
│   ├── CallCancelled         the caller went away
│   ├── Unauthenticated       the shared token or API key is missing, wrong or expired
│   ├── PermissionDenied      an API key asks for what only the shared token may
│   ├── ModelMismatch         the action names another model or stage version
│   ├── RankLost              another process of the same training died or fell silent; try again
│   └── InternalError         a fault of ours behind a service
└── RunStopped
    ├── TooManyFailures       `max_failed_fraction` passed
    ├── CostCapReached        a cost cap passed
    ├── RunCancelled          somebody asked for it
    └── TrainingFailed        loss not finite, job died, or checkpoint unreadable
"""

from __future__ import annotations


class SynresError(Exception):
    """Root. `code` is stable and UPPER_SNAKE; `exit_code` is what `synres` returns to the shell."""

    code = "SYNRES_ERROR"
    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInput(SynresError):
    code = "INVALID_INPUT"
    exit_code = 2


class SpecInvalid(InvalidInput):
    code = "SPEC_INVALID"


class SettingInvalid(InvalidInput):
    code = "SETTING_INVALID"


class UnsafePath(InvalidInput):
    code = "UNSAFE_PATH"


class MixturePartEmpty(InvalidInput):
    code = "MIXTURE_PART_EMPTY"


class NotFound(InvalidInput):
    code = "NOT_FOUND"


class DeadlineRequired(InvalidInput):
    code = "DEADLINE_REQUIRED"


class RejectedItem(SynresError):
    """Bad data: `reason` is lower_snake, hashed into the Merkle root; the message never is."""

    code = "REJECTED_ITEM"
    exit_code = 2

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason


class BackendUnavailable(SynresError):
    code = "BACKEND_UNAVAILABLE"
    exit_code = 3


class StoreError(SynresError):
    code = "STORE_ERROR"
    exit_code = 4


class StoreUnavailable(StoreError):
    code = "STORE_UNAVAILABLE"


class StoreFull(StoreError):
    code = "STORE_FULL"


_MISSING = " is not in the store; run again to compute it anew"


class ArtifactMissing(StoreError):
    """`key` is the store key or `sha256` digest that is not there."""

    code = "ARTIFACT_MISSING"

    def __init__(self, key: str) -> None:
        # a job tells its code and this sentence, not the key
        self.key = key.removesuffix(_MISSING)
        super().__init__(self.key + _MISSING)


class ArtifactCorrupt(StoreError):
    code = "ARTIFACT_CORRUPT"


class LedgerVersionMismatch(StoreError):
    code = "LEDGER_VERSION_MISMATCH"


class ServiceError(SynresError):
    code = "SERVICE_ERROR"
    exit_code = 5


class ServiceUnavailable(ServiceError):
    code = "SERVICE_UNAVAILABLE"


class Overloaded(ServiceError):
    """`retry_after_s` is when to come back, in seconds."""

    code = "OVERLOADED"

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeadlineExceeded(ServiceError):
    code = "DEADLINE_EXCEEDED"


class CallCancelled(ServiceError):
    code = "CALL_CANCELLED"


class Unauthenticated(ServiceError):
    code = "UNAUTHENTICATED"


class PermissionDenied(ServiceError):
    code = "PERMISSION_DENIED"


class ModelMismatch(ServiceError):
    code = "MODEL_MISMATCH"


class RankLost(ServiceError):
    code = "RANK_LOST"


class InternalError(ServiceError):
    code = "INTERNAL"


class RunStopped(SynresError):
    code = "RUN_STOPPED"
    exit_code = 6


class TooManyFailures(RunStopped):
    code = "TOO_MANY_FAILURES"


class CostCapReached(RunStopped):
    code = "COST_CAP_REACHED"


class RunCancelled(RunStopped):
    code = "RUN_CANCELLED"


class TrainingFailed(RunStopped):
    code = "TRAINING_FAILED"
