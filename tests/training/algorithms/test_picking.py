import torch

from openqwq.training.algorithms.picking import picked_rows


def test_picked_rows_are_those_of_indexing() -> None:
    rows = torch.randn(7, 3, 2)
    for indices in (torch.tensor([[0, 6, 6], [3, 0, 1]]), torch.tensor([5]), torch.zeros(0, dtype=torch.long)):
        assert torch.equal(picked_rows(rows, indices), rows[indices])
    assert torch.equal(picked_rows(rows[:, 0, 0], torch.tensor([2, 2])), rows[[2, 2], 0, 0])


def test_the_gradient_of_a_row_that_many_picked_is_the_same_in_every_run_of_two_threads() -> None:
    torch.manual_seed(0)
    indices = torch.randint(0, 8, (4096,))
    gradient = torch.randn(4096, 4, 16)

    def found() -> torch.Tensor:
        rows = torch.randn(4096, 4, 16, requires_grad=True)
        picked_rows(rows, indices).backward(gradient)  # type: ignore[no-untyped-call]
        assert rows.grad is not None
        return rows.grad

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first = found()
        assert all(torch.equal(found(), first) for _ in range(20))
    finally:
        torch.set_num_threads(threads)
    exact = torch.zeros(4096, 4, 16, dtype=torch.float64).index_add(0, indices, gradient.double())
    torch.testing.assert_close(first.double(), exact, rtol=1e-4, atol=1e-4)
