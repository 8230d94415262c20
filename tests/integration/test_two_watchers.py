"""Two watchers on one store, a SQLite file or a real PostgreSQL: what one has requested the other does not."""

import threading

from housing_retraining.triggers.trigger import Fired, ask
from housing_server.prediction_log.records import now_us
from housing_server.prediction_log.retraining_lease import Lease
from housing_server.prediction_log.retrainings import RetrainingRecords, Trigger
from housing_server.prediction_log.store import PredictionStore


class Always:
    """A trigger that has a reason whenever it is asked."""

    kind: Trigger = "schedule"
    cooldown_seconds = 3600.0

    def look(self) -> Fired:
        """Return the reason."""
        return Fired(reason="it is time", figures={})


def test_two_watchers_lead_to_one_retraining(store: PredictionStore, store_url: str) -> None:
    """However often they look at the same time, each over connections of its own."""
    begin = threading.Barrier(2)

    def watch(name: str) -> None:
        mine = PredictionStore.open(store_url, bring_up_to_date=False)
        lease, records = Lease(mine, f"{name}:1:2.00", seconds=60), RetrainingRecords(mine)
        begin.wait()
        for _ in range(20):
            if lease.acquire():
                with lease:
                    ask([Always()], records, now_us)
        mine.close()

    watchers = [threading.Thread(target=watch, args=(name,)) for name in ("here", "there")]
    for each in watchers:
        each.start()
    for each in watchers:
        each.join()
    assert [each.trigger for each in RetrainingRecords(store).newest(9)] == ["schedule"]
