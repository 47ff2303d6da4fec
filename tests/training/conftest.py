import pytest
import torch


@pytest.fixture
def rows():
    """Rows around (2, -1)."""
    torch.manual_seed(1)
    return torch.tensor([2.0, -1.0]) + torch.randn(500, 2)
