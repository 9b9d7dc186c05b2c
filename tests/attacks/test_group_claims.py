"""A group's name with a space in it makes nobody a member of the groups that its words name."""

from uuid import uuid4

import httpx

from tests.support.tokens import signed


def test_a_group_named_in_text_opens_nothing_that_its_words_were_granted(service, alice, upload):
    group = f"finance-{uuid4().hex}"
    file_id = upload(b"figures")["id"]
    assert alice.put(f"/files/{file_id}/grants/group:{group}", json={"access": "read"}).is_success

    def status(groups) -> int:
        headers = {"Authorization": f"Bearer {signed(sub='intern', groups=groups)}"}
        return httpx.get(f"{service.base_url}/api/v1/files/{file_id}/download", headers=headers).status_code

    assert status(f"friends of {group}") == 404
    assert status(f"{group} alumni") == 404
    # Its members still read, whether the claim is a list or one name.
    assert (status([group]), status(group)) == (200, 200)
