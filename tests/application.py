"""The application of the tests: made once, then given the platform of each test.

Registering the routes of all rooms takes most of a second, and hundreds of tests want them.
"""

from litestar import Litestar

from yikatong import app
from yikatong.core.platform import Platform

_make = app.create_app
_made: list[Litestar] = []


def create_app(platform: Platform) -> Litestar:
    """As `app.create_app`, or the last one: of this platform, or where its own is closed."""
    if _made:
        state = _made[0].state
        if state["platform"] is platform:
            return _made[0]
        if state["platform"].database._closed:
            state.clear()
            state.update(app.offices(platform))
            return _made[0]
    _made[:] = [_make(platform)]
    return _made[0]


app.create_app = create_app
serve = app.serve
