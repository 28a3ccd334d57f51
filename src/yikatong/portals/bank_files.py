"""Files for outside banks (行外银行代发文件) on the page of a run: made and downloaded, the answer taken in."""

from typing import Any, Final

from litestar import Request, Response, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Stream

from yikatong.benefits.runs import files
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.core.problems import of_a_file
from yikatong.portals.operations import RUNS, run_of, show_run
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import same_site
from yikatong.portals.staff_sign_in import require_staff
from yikatong.portals.view import SECURITY_HEADERS, View

_FILE: Final = f"{RUNS}/{{run_id:int}}/files/{{bank:str}}"
_SHOWN: Final = 12


@post(_FILE, include_in_schema=False)
async def make(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    run_id: FromPath[int],
    bank: FromPath[str],
) -> Response[Any] | Stream:
    """The file, with hash and signature; asked again it says the same lines."""
    same_site(request)
    session, caller = await require_staff(
        request, platform, "run.prepare", form_at=f"{RUNS}/{run_id}"
    )
    one = await run_of(platform, run_id)
    caller.require("run.prepare", one.region)
    try:
        content = await files.begin(platform, run_id, bank, caller.name)
    except YikatongError as error:
        errors, status, headers = answer_wrong(View.of(request), error, "banks")
        wrong = ({"banks": next(iter(errors.values()))}, status, headers)
        return await show_run(request, platform, session, caller, run_id, wrong)
    headers = {
        **SECURITY_HEADERS,
        "Content-Disposition": f'attachment; filename="run-{run_id}-{bank}.csv"',
    }
    return Stream(content, media_type="text/csv; charset=utf-8", headers=headers)


@post(
    f"{_FILE}/answer",
    include_in_schema=False,
    request_max_body_size=files.ANSWER_BYTES_MAX + 2**16,
)
async def answer(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    run_id: FromPath[int],
    bank: FromPath[str],
) -> Response[Any]:
    """What the bank says became of the lines; the same file twice does nothing the second time."""
    same_site(request)
    session, caller = await require_staff(
        request, platform, "run.prepare", form_at=f"{RUNS}/{run_id}"
    )
    one = await run_of(platform, run_id)
    caller.require("run.prepare", one.region)
    try:
        content = await _sent(request)
        taken = await files.take_answer(platform, run_id, bank, content, caller.name)
    except YikatongError as error:
        errors, status, headers = answer_wrong(View.of(request), error, "file")
        where, text = next(iter(errors.items()))
        if where.startswith("row "):
            number = where.removeprefix("row ")
            text = View.of(request).text("bank_file_row", number=number, what=text)
        wrong = ({f"answer-{bank[:_SHOWN]}": text}, status, headers)
        return await show_run(request, platform, session, caller, run_id, wrong)
    told = f"{taken.credited}-{taken.returned}-{taken.known}"
    return Redirect(f"{RUNS}/{run_id}?taken={told}#banks", status_code=303)


async def _sent(request: Request[Any, Any, Any]) -> bytes:
    upload = (await of_a_file(request.form())).get("answer")
    content = await upload.read() if isinstance(upload, UploadFile) else b""
    if not content:
        raise InvalidInput(
            "file", zh="请选择银行的回盘文件", en="choose the file the bank answered with"
        )
    return content


routes: Final = [make, answer]
