"""Versions, and changes of champion and canary, as messages of the contract."""

from collections.abc import Mapping, Sequence

from housing.v1 import model_service_pb2 as pb
from housing_server.model_store.uri import ModelUri
from housing_server.model_versions.version import RegisteredVersion
from housing_server.prediction_log.model_changes import ModelChange
from housing_server.prediction_log.records import timestamp


def versions_response(
    model: ModelUri, versions: Sequence[RegisteredVersion], aliases: Mapping[str, str], objections: Mapping[str, str]
) -> pb.ListModelVersionsResponse:
    """Return the response of ListModelVersions.

    Args:
        model: the model that the service serves.
        versions: its versions, the newest first.
        aliases: the version that each alias names.
        objections: what speaks against versions, by version.
    """
    named: dict[str, list[str]] = {}
    for alias, version in aliases.items():
        named.setdefault(version, []).append(alias)
    return pb.ListModelVersionsResponse(
        model_name=model.name,
        alias=model.alias,
        champion_version=aliases.get(model.alias, "") if model.alias else model.version,
        versions=[
            pb.ModelVersion(
                version=each.version,
                run_id=each.run_id,
                aliases=sorted(named.get(each.version, [])),
                registered_at=timestamp(each.registered_at_us),
                test_rmse=each.test_rmse,
                objection=objections.get(each.version, ""),
            )
            for each in versions
        ],
    )


def change_message(change: ModelChange) -> pb.ModelChange:
    """Convert a change."""
    return pb.ModelChange(
        change_id=change.change_id,
        changed_at=timestamp(change.changed_at_us),
        kind=pb.ModelChangeKind.Value(f"MODEL_CHANGE_KIND_{change.kind.upper()}"),
        from_version=change.from_version or "",
        to_version=change.to_version,
        changed_by=change.changed_by,
        reason=change.reason,
        retraining_id=change.retraining_id or "",
        failure=change.failure or "",
        from_share=change.from_share,
        to_share=change.to_share,
    )
