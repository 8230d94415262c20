"""Conversions between messages of model versions and plain values."""

from housing.v1 import model_service_pb2 as pb
from housing_client.model_versions import ModelChange, ModelChangePage, ModelVersion, ModelVersions
from housing_client.times import moment_of


def promote_request(
    version: str, reason: str, force: bool, changed_by: str, champion_version: str
) -> pb.PromoteModelVersionRequest:
    """Create the request of PromoteModelVersion."""
    return pb.PromoteModelVersionRequest(
        version=version, reason=reason, force=force, changed_by=changed_by, champion_version=champion_version
    )


def rollback_request(reason: str, changed_by: str, champion_version: str) -> pb.RollbackModelRequest:
    """Create the request of RollbackModel."""
    return pb.RollbackModelRequest(reason=reason, changed_by=changed_by, champion_version=champion_version)


def changes_request(page_size: int) -> pb.ListModelChangesRequest:
    """Create the request for the first page of ListModelChanges."""
    return pb.ListModelChangesRequest(page_size=page_size)


def model_versions(response: pb.ListModelVersionsResponse) -> ModelVersions:
    """Convert the response of ListModelVersions."""
    return ModelVersions(
        model_name=response.model_name,
        alias=response.alias,
        champion_version=response.champion_version,
        versions=tuple(map(_version, response.versions)),
    )


def change_page(response: pb.ListModelChangesResponse) -> ModelChangePage:
    """Convert the response of ListModelChanges."""
    return ModelChangePage(changes=tuple(map(_change, response.changes)), next_page_token=response.next_page_token)


def promotion(response: pb.PromoteModelVersionResponse) -> ModelChange | None:
    """Convert the response of PromoteModelVersion; None when nothing was changed."""
    return _change(response.change) if response.HasField("change") else None


def rollback(response: pb.RollbackModelResponse) -> ModelChange:
    """Convert the response of RollbackModel."""
    return _change(response.change)


def _version(found: pb.ModelVersion) -> ModelVersion:
    return ModelVersion(
        version=found.version,
        run_id=found.run_id,
        aliases=tuple(found.aliases),
        registered_at=moment_of(found.registered_at),
        test_rmse=found.test_rmse if found.HasField("test_rmse") else None,
        objection=found.objection,
    )


def _change(found: pb.ModelChange) -> ModelChange:
    return ModelChange(
        change_id=found.change_id,
        changed_at=moment_of(found.changed_at),
        kind=pb.ModelChangeKind.Name(found.kind).removeprefix("MODEL_CHANGE_KIND_").lower(),
        from_version=found.from_version,
        to_version=found.to_version,
        changed_by=found.changed_by,
        reason=found.reason,
        retraining_id=found.retraining_id,
        failure=found.failure,
        from_share=found.from_share if found.HasField("from_share") else None,
        to_share=found.to_share if found.HasField("to_share") else None,
    )
