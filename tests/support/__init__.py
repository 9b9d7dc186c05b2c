"""What the tests share; the checks of registry against bucket say what they found."""

import pytest

pytest.register_assert_rewrite("tests.support.stores")
