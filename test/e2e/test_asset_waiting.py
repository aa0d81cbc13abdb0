"""What a DAG that is started by assets waits for: told where one looks at the DAG."""
from test_asset_runs import all_of, consumer, producer, ready, states, trigger
from test_scheduler import start, stop

from conftest import wait_until


def test_shown_and_why(tw):
    producer(tw, "pa", "a")
    producer(tw, "pb", "b")
    consumer(tw, "c", all_of("a", "b"))
    tw.env["TRADEWIND_DAGS"] = tw.path("dags")
    p = start(tw)
    ready(tw, "pa", "pb", "c")
    assert "Its next run waits for asset a and asset b\n" in tw("dags", "show", "c").stdout
    assert tw("tasks", "why", "c", "c").stdout == "It has not run yet: its first run waits for asset a and asset b\n"
    trigger(tw, "pa")
    told = "waits for asset b; there: asset a (1 event)\n"
    assert "Its next run " + told in tw("dags", "show", "c").stdout
    assert tw("tasks", "why", "c", "c").stdout == "It has not run yet: its first run " + told
    trigger(tw, "pb")
    wait_until(lambda: states(tw, "c") == ["success"])
    trigger(tw, "pa")
    assert tw("tasks", "why", "c", "c").stdout.endswith("The DAG's next run " + told)
    assert "waits for" not in tw("dags", "show", "pa").stdout and "waits for" not in tw("dags", "show", "c", "-f", "dot").stdout
    stop(p)
