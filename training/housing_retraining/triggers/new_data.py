"""The trigger *new data*: enough rows are pending."""

from housing_retraining.data_versions.row_table import TABLE, RowTable
from housing_retraining.triggers.trigger import Fired
from housing_server.prediction_log.retrainings import Trigger


class NewData:
    """Looks at the table of all rows."""

    kind: Trigger = "new_data"

    def __init__(self, rows: RowTable, *, new_rows: int, cooldown_seconds: float) -> None:
        """Create it; nothing is read yet.

        Args:
            rows: the table.
            new_rows: how many new rows are enough.
            cooldown_seconds: how long after a request it requests nothing.
        """
        self.cooldown_seconds = cooldown_seconds
        self._rows, self._new_rows = rows, new_rows

    def look(self) -> Fired | None:
        """Count the rows that no retraining has tried."""
        count = self._rows.count("pending")
        if count < self._new_rows:
            return None
        files = self._rows.sources("pending")
        return Fired(
            reason=f"{count:,} new rows from {len(files)} file{'s' * (len(files) != 1)}, at least {self._new_rows:,} "
            "are required",
            figures={"new_rows": count, "files": files, TABLE: self._rows.identity()},
        )
