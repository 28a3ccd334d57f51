"""Types of documents, and what can be wrong with them."""

from datetime import date, datetime
from typing import Final, Literal

import msgspec

from yikatong.core.errors import NotFound, Text, YikatongError

DocumentKind = Literal[
    "id_document",
    "household_register",
    "photo",
    "residence_permit",
    "labour_contract",
    "work_record",
    "employer_letter",
    "study_certificate",
    "death_certificate",
    "agent_id",
    "letter_of_authority",
    "guardianship_proof",
    "change_certificate",
    "old_card",
    "medical_bill",
    "declaration",
    "application_form",
    "other",
]
KINDS: Final[dict[DocumentKind, Text]] = {
    "id_document": Text("身份证件", "id document"),
    "household_register": Text("户口簿", "household register"),
    "photo": Text("照片", "photo"),
    "residence_permit": Text("居住证", "residence permit"),
    "labour_contract": Text("劳动合同", "labour contract"),
    "work_record": Text("职工档案、缴费凭证", "work file, receipts of contributions"),
    "employer_letter": Text("单位的书面约定或告知", "agreement with or notice to the employer"),
    "study_certificate": Text("在读证明", "study certificate"),
    "death_certificate": Text("死亡证明", "death certificate"),
    "agent_id": Text("代办人身份证件", "the agent's id document"),
    "letter_of_authority": Text("委托书", "letter of authority"),
    "guardianship_proof": Text("监护关系证明", "proof of guardianship"),
    "change_certificate": Text("公安机关变更证明", "certificate of change by the police"),
    "old_card": Text("原社保卡", "the old card"),
    "medical_bill": Text("医疗费票据", "medical bill"),
    "declaration": Text("个人承诺书", "declaration"),
    "application_form": Text("申请表", "application form"),
    "other": Text("其他材料", "other"),
}
"""材料种类, as pages and lists call them."""

MediaType = Literal["application/pdf", "image/jpeg", "image/png", "image/webp"]
ENDINGS: Final[dict[MediaType, str]] = {
    "application/pdf": "pdf",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
}


class Matter(msgspec.Struct, frozen=True):
    """What documents are about (事项): its kind, such as "person_change", and its number."""

    kind: str
    matter_id: int


class Document(msgspec.Struct, frozen=True):
    """A document (材料) without its content."""

    person_id: int
    document_id: int
    matter: Matter
    kind: DocumentKind
    media_type: MediaType
    size: int
    """Bytes."""
    filename: str
    """As its sender called it, made harmless; may be empty."""
    added_at: datetime
    added_by_kind: str
    added_by: str
    delete_on: date | None
    """When it is deleted; None while its matter goes on."""


class Held(msgspec.Struct, frozen=True):
    """A document of a matter, to be told apart and fetched among many."""

    person_id: int
    document_id: int
    matter_id: int
    media_type: MediaType
    size: int
    """Bytes."""


class Opened(msgspec.Struct, frozen=True):
    """A document with its content, as it was sent in."""

    document: Document
    content: bytes


class NoSuchDocument(NotFound):
    """This person has no such document, or it was deleted in time."""

    code = "no_such_document"

    def __init__(self) -> None:
        super().__init__(
            zh="没有这份材料，或已按期删除",
            en="there is no such document, or its time was over and it was deleted",
            field="document_id",
        )


class NoSuchMatter(NotFound):
    """Documents belong to something a person asks for, and there is no such thing."""

    code = "no_such_matter"

    def __init__(self) -> None:
        super().__init__(
            zh="没有这项业务，材料要附在已受理的业务上",
            en="there is no such matter; documents are added to one that was taken",
            field="matter",
        )


class TooManyDocuments(YikatongError):
    """One more than a matter, or a person, may have."""

    code = "too_many_documents"
    status = 409

    def __init__(self, most: int, field: str) -> None:
        super().__init__(
            zh=f"最多 {most} 份材料，多页可合并成一个 PDF",
            en=f"at most {most} documents; put several pages into one PDF",
            field=field,
        )
