"""The application of the tests: made once, then given the platform of each test.

Registering the routes of all rooms takes most of a second, and hundreds of tests want them.
"""

from litestar import Litestar

from yikatong import app
from yikatong.core.platform import Platform

_make = app.create_app
_made: list[Litestar] = []


def create_app(platform: Platform) -> Litestar:
    """As `app.create_app`: knows nothing of what another one of the same platform learnt."""
    # Some tests have a platform without a database, or with one of their own making.
    if _made and getattr(_made[0].state["platform"].database, "_closed", True):
        # Nobody can be using the last one any more.
        state = _made[0].state
        state.clear()
        state.update(app.offices(platform))
    else:
        _made[:] = [_make(platform)]
    return _made[0]


def at_hand(platform: Platform) -> Litestar:
    """The application made last, where it is of this platform."""
    if _made and _made[0].state["platform"] is platform:
        return _made[0]
    return create_app(platform)


app.create_app = create_app
serve = app.serve
