"""Asked on stdin for a way, a kind of work and a number of operations; answers how many seconds they took."""

import sys
import time


def plus_one(x):
    return x + 1


def echo(data):
    return data


def executor(pool, work, n):
    begun = time.perf_counter()
    if work == "round_trip":
        for x in range(n):
            assert pool.submit(plus_one, x).result() == x + 1
    elif work == "many":
        futures = [pool.submit(plus_one, x) for x in range(n)]
        assert sum(f.result() for f in futures) == n * (n + 1) // 2
    elif work == "echo":
        data = bytes(1 << 20)
        for _ in range(n):
            assert len(pool.submit(echo, data).result()) == len(data)
    return time.perf_counter() - begun


WAYS = {}


def offer():
    from concurrent.futures import ProcessPoolExecutor

    WAYS["ProcessPoolExecutor"] = lambda: ProcessPoolExecutor(1)
    try:
        import loky

        WAYS["loky"] = lambda: loky.get_reusable_executor(max_workers=1, reuse=False)
    except ImportError:
        pass
    try:
        from concurry import TaskWorker

        class Concurry:
            def __init__(self):
                self.worker = TaskWorker.options(mode="process", max_workers=1).init()

            def submit(self, function, argument):
                return self.worker.submit(function, argument)

        WAYS["concurry"] = Concurry
    except Exception:
        pass


def main():
    offer()
    print(" ".join(WAYS), flush=True)
    pools = {}
    for line in sys.stdin:
        way, work, n = line.split()
        try:
            if way not in pools:
                pools[way] = WAYS[way]()
            print(executor(pools[way], work, int(n)), flush=True)
        except Exception as error:
            print(repr(error).replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
