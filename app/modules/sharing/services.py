"""Opens files to others and closes them again. What a grant is worth, `files.visibility` decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.core.audit import Action, record
from app.core.database import Database
from app.core.exceptions import FieldError, Invalid
from app.modules.auth.principal import Principal, Scope
from app.modules.files.models import FileGrant, GrantAccess, GranteeKind
from app.modules.files.repository import FileRepository
from app.modules.files.services.attempts import attempt
from app.modules.files.services.records import owned, refusal
from app.modules.sharing.exceptions import GrantNotFound, TooManyGrants
from app.modules.sharing.grantees import Grantee
from app.modules.sharing.repository import GrantRepository

# Enough for every single reader of a file; more are a group.
MAX_GRANTS = 1000


@dataclass(frozen=True)
class Granted:
    """A grant as it is now, and whether there was none before."""

    grant: FileGrant
    is_new: bool


class GrantService:
    """Keeps the grants of files that the caller owns.

    Each change is made under the file's lock, as are changes and removals of the file: a grant never comes to a
    file that is just going, and whoever changes the file by a grant has finished before it's taken away, or finds
    it gone.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def grants(self, principal: Principal, file_id: UUID) -> Sequence[FileGrant]:
        """To whom a file is open, users before groups, each by name.

        Raises:
            FileNotFound: there is none that the caller sees.
            Forbidden: it isn't the caller's own.
        """
        principal.require(Scope.READ)
        async with self._database.transaction() as session:
            files = FileRepository(session)
            if await files.owned(principal, file_id) is None:
                raise await refusal(files, principal, file_id, "Only the file's owner sees to whom it's granted.")
            return await GrantRepository(session, file_id).all()

    async def grant(self, principal: Principal, file_id: UUID, grantee: Grantee, access: GrantAccess) -> Granted:
        """Open a file to somebody, from the commit on; what was granted so already stays as it is.

        Raises:
            FileNotFound, Forbidden: as above.
            Invalid: it's for the file's owner.
            TooManyGrants: the file is open to as many as any may be.
        """
        principal.require(Scope.READ)
        granted_by = principal.require(Scope.WRITE)
        async with attempt(self._database, principal, Action.GRANT_PUT, file_id) as session:
            file = await owned(FileRepository(session), principal, file_id)
            if grantee == Grantee(GranteeKind.USER, file.owner_id):
                errors = (FieldError("path.principal", "is the file's owner, who may do everything already"),)
                raise Invalid("A file isn't granted to its owner; name somebody else.", errors=errors)
            grants = GrantRepository(session, file_id)
            known = await grants.get(grantee)
            if known is not None and known.access == access:
                return Granted(known, is_new=False)
            details = {"grantee": str(grantee), "access": access}
            record(session, principal.actor, Action.GRANT_PUT, file_id=file_id, owner_id=file.owner_id, details=details)
            if known is not None:
                known.access, known.granted_by = access, granted_by
                return Granted(known, is_new=False)
            if await grants.count() >= MAX_GRANTS:
                raise TooManyGrants(f"The file has {MAX_GRANTS} grants already; revoke some, or grant it to a group.")
            grant = FileGrant(
                file_id=file_id,
                grantee_kind=grantee.kind,
                grantee=grantee.name,
                access=access,
                granted_by=granted_by,
            )
            await grants.add(grant)
            return Granted(grant, is_new=True)

    async def revoke(self, principal: Principal, file_id: UUID, grantee: Grantee) -> None:
        """Close a file to somebody, from the commit on.

        Raises:
            FileNotFound, Forbidden: as above.
            GrantNotFound: it isn't granted to this one.
        """
        async with attempt(self._database, principal, Action.GRANT_DELETE, file_id) as session:
            file = await owned(FileRepository(session), principal, file_id)
            if not await GrantRepository(session, file_id).remove(grantee):
                raise GrantNotFound
            details = {"grantee": str(grantee)}
            record(
                session, principal.actor, Action.GRANT_DELETE, file_id=file_id, owner_id=file.owner_id, details=details
            )
