"""What a hit must know of the hits before it: open visits, ids sent before, first devices, unique clicks.

A question is a row of `questions.py`; `State.resolve` answers the questions of one or many hits at once. There are two
implementations: `memory.py` for a single process, and `redis_state.py`, by which several processes share one state and
which answers a batch in one round trip. `open_state` makes the one that the settings ask for. A process makes one state
at its start (`config.process`) and hands it to its endpoints.
"""
