from concurrent.futures import ThreadPoolExecutor

from vshop.kit.chaos.switches import Switch

MANY = 24


def test_concurrent_changes_of_one_switch_get_their_own_revisions(console, follow) -> None:
    provider, _ = follow(console, "orders")
    shares = [round(number / 100, 2) for number in range(1, MANY + 1)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda share: console.put(f"orders-lost?probability={share}"), shares))
    assert [answer.status_code for answer in answers] == [200] * MANY
    lines = console.journal.lines()
    assert [line.revision for line in lines] == list(range(1, MANY + 1))
    assert sorted(line.probability for line in lines) == shares
    assert provider.switches == {"orders-lost": Switch(on=True, probability=lines[-1].probability)}


def test_concurrent_changes_of_two_switches(console, follow) -> None:
    orders, _ = follow(console, "orders")
    auth, _ = follow(console, "auth-stub")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(console.put, ["orders-lost", "auth-late"] * (MANY // 2)))
    assert [answer.status_code for answer in answers] == [200] * MANY
    assert console.on() == set(orders.switches) == set(auth.switches) == {"auth-late", "orders-lost"}
    assert [line.revision for line in console.journal.lines()] == list(range(1, MANY + 1))


def test_reads_do_not_wait_for_acknowledgements(impatient, follow) -> None:
    follow(impatient, "orders")
    impatient.add_silent_follower("orders/deaf")
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(impatient.put, "orders-lost")
        read = pool.submit(impatient.request, "GET", "/chaos")
        assert read.result(5).status_code == 200
        assert slow.result(5).status_code == 504
