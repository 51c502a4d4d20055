import threading


class FakeKafka:
    def __init__(self, records, stop):
        self.records = list(records)
        self.stop = stop
        self.handed = []
        self.committed = []
        self.closed = False

    def __call__(self, config, **_more):
        self.config = config
        return self

    def subscribe(self, topics, **callbacks):
        self.topics = topics
        self.callbacks = callbacks

    def poll(self, _timeout):
        if not self.records:
            self.stop.set()
            return None
        self.handed.append(self.records.pop(0))
        return Message(self.handed[-1])

    def store_offsets(self, offsets):
        """Take a place over that is committed at hand-over."""

    def commit(self, offsets, **_how):
        self.committed += [(part.partition, part.offset) for part in offsets]

    def seek(self, place):
        self.records.append(next(one for one in self.handed if (one.partition, one.offset) == (place.partition, place.offset)))

    def close(self):
        self.closed = True


class Message:
    def __init__(self, record):
        self.record = record

    def error(self):
        """Be no error."""

    def __getattr__(self, name):
        value = (0, self.record.time_ms) if name == "timestamp" else getattr(self.record, name)
        return lambda: value


class Script:
    def __init__(self, *steps):
        self.steps = list(steps)
        self.calls = []

    def __call__(self, *arguments, **_more):
        self.calls.append(arguments)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return step() if callable(step) else step


class Stop(threading.Event):
    def wait(self, timeout=None):
        return super().wait(min(timeout or 0.001, 0.001))
