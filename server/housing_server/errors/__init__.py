"""The errors of this package, as one tree.

ServingError
├── StartError               the service cannot start or continue: one line for the operator, non-zero exit
│   ├── InvalidSettings
│   ├── InvalidKeys
│   ├── PortInUse
│   ├── RegistryUnavailable
│   ├── ModelNotFound
│   └── ModelRejected
│       └── ModelNotAllowed
├── ScoringError             a file cannot be scored: one line for its owner, non-zero exit
│   ├── UnreadableTable
│   ├── UnwritableOutput
│   ├── ClusterUnavailable
│   └── ScoringFailed
└── RequestError             one call cannot be answered: a status for the caller
    ├── CredentialsMissing
    ├── CredentialsInvalid
    ├── CredentialsExpired
    ├── RoleRequired
    ├── RateExceeded
    ├── QuotaExceeded
    ├── InvalidRequest
    ├── UndecodableMessage
    ├── MessageTooLarge
    ├── EncodingNotSupported
    ├── MethodNotFound
    ├── ServiceNotFound
    ├── DeadlinePassed
    ├── ModelNotLoaded
    ├── ModelProfileNotFound
    ├── ModelCardNotFound
    ├── ModelFailed
    ├── Overloaded
    ├── PredictionLogUnavailable
    ├── PredictionNotFound
    ├── QueryTooSlow
    ├── ExplanationNotAvailable
    ├── RetrainingNotFound
    ├── TooManyRetrainings
    ├── ModelVersionNotFound
    ├── ModelVersionRefused
    ├── NoEarlierChampion
    ├── ChampionChanged
    ├── ModelPinned
    ├── ModelRegistryUnavailable
    ├── ServiceUnavailable
    ├── RelayedError
    ├── ShuttingDown
    └── InternalError
"""

from housing_server.errors.access import (
    CredentialsExpired,
    CredentialsInvalid,
    CredentialsMissing,
    QuotaExceeded,
    RateExceeded,
    RoleRequired,
)
from housing_server.errors.base import RequestError, ServingError
from housing_server.errors.model import (
    ChampionChanged,
    ExplanationNotAvailable,
    ModelCardNotFound,
    ModelFailed,
    ModelNotLoaded,
    ModelPinned,
    ModelProfileNotFound,
    ModelRegistryUnavailable,
    ModelVersionNotFound,
    ModelVersionRefused,
    NoEarlierChampion,
)
from housing_server.errors.records import (
    PredictionLogUnavailable,
    PredictionNotFound,
    QueryTooSlow,
    RetrainingNotFound,
    TooManyRetrainings,
)
from housing_server.errors.requests import (
    DeadlinePassed,
    EncodingNotSupported,
    FieldViolation,
    InvalidRequest,
    MessageTooLarge,
    MethodNotFound,
    ServiceNotFound,
    UndecodableMessage,
)
from housing_server.errors.service import InternalError, Overloaded, RelayedError, ServiceUnavailable, ShuttingDown
from housing_server.errors.starting import (
    ClusterUnavailable,
    InvalidKeys,
    InvalidSettings,
    ModelNotAllowed,
    ModelNotFound,
    ModelRejected,
    PortInUse,
    RegistryUnavailable,
    ScoringError,
    ScoringFailed,
    StartError,
    UnreadableTable,
    UnwritableOutput,
)

__all__ = [
    "ChampionChanged",
    "ClusterUnavailable",
    "CredentialsExpired",
    "CredentialsInvalid",
    "CredentialsMissing",
    "DeadlinePassed",
    "EncodingNotSupported",
    "ExplanationNotAvailable",
    "FieldViolation",
    "InternalError",
    "InvalidKeys",
    "InvalidRequest",
    "InvalidSettings",
    "MessageTooLarge",
    "MethodNotFound",
    "ModelCardNotFound",
    "ModelFailed",
    "ModelNotAllowed",
    "ModelNotFound",
    "ModelNotLoaded",
    "ModelPinned",
    "ModelProfileNotFound",
    "ModelRegistryUnavailable",
    "ModelRejected",
    "ModelVersionNotFound",
    "ModelVersionRefused",
    "NoEarlierChampion",
    "Overloaded",
    "PortInUse",
    "PredictionLogUnavailable",
    "PredictionNotFound",
    "QueryTooSlow",
    "QuotaExceeded",
    "RateExceeded",
    "RegistryUnavailable",
    "RelayedError",
    "RequestError",
    "RetrainingNotFound",
    "RoleRequired",
    "ScoringError",
    "ScoringFailed",
    "ServiceNotFound",
    "ServiceUnavailable",
    "ServingError",
    "ShuttingDown",
    "StartError",
    "TooManyRetrainings",
    "UndecodableMessage",
    "UnreadableTable",
    "UnwritableOutput",
]
