"""Sharpness-aware minimisation against a hand calculation, around several optimisers."""

import pytest
import torch

from posterv2.training.sam import perturbed, step


def test_perturbed_moves_up_the_gradient_and_back() -> None:
    first, second = (torch.nn.Parameter(torch.tensor(values)) for values in ([0.1, 0.2], [0.3]))
    frozen = torch.nn.Parameter(torch.tensor([9.0]))
    first.grad, second.grad = torch.tensor([3.0, 0.0]), torch.tensor([4.0])
    with perturbed([first, second, frozen], rho=0.5):  # the norm over all is 5
        torch.testing.assert_close(first.data, torch.tensor([0.1 + 0.5 * 3 / 5, 0.2]))
        torch.testing.assert_close(second.data, torch.tensor([0.3 + 0.5 * 4 / 5]))
    assert first.tolist() == torch.tensor([0.1, 0.2]).tolist()
    assert second.tolist() == torch.tensor([0.3]).tolist()
    assert frozen.tolist() == [9.0]


def test_weights_come_back_when_the_second_pass_fails() -> None:
    weight = torch.nn.Parameter(torch.tensor([0.1]))
    weight.grad = torch.tensor([1.0])
    with pytest.raises(KeyboardInterrupt), perturbed([weight], rho=0.5):
        raise KeyboardInterrupt
    assert weight.item() == torch.tensor(0.1).item()


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop])
def test_the_step_is_the_optimisers_own_at_the_perturbed_gradient(kind: type[torch.optim.Optimizer]) -> None:
    weight = torch.nn.Parameter(torch.tensor([2.0, -1.0]))
    twin = torch.nn.Parameter(weight.detach().clone())
    optimizer, plain = kind([weight], lr=0.1), kind([twin], lr=0.1)  # pyright: ignore[reportCallIssue]
    calls = []

    def closure(perturbed: bool) -> None:
        assert perturbed == (len(calls) % 2 == 1)
        calls.append(weight.detach().clone())
        (weight**4).sum().backward()

    for _ in range(3):
        step(optimizer, closure, rho=0.05)
        gradient = 4 * twin.detach() ** 3
        twin.grad = 4 * (twin.detach() + 0.05 * gradient / gradient.norm()) ** 3
        plain.step()
    torch.testing.assert_close(weight, twin)
    assert len(calls) == 6


def test_rho_zero_is_a_plain_step_and_clips() -> None:
    weight = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    calls = []

    def closure(perturbed: bool) -> None:
        calls.append(None)
        (0.5 * weight.square().sum()).backward()  # the gradient is the weight itself, its norm is 5

    step(torch.optim.SGD([weight], lr=1.0), closure, rho=0, clip_norm=1.0)
    torch.testing.assert_close(weight.data, torch.tensor([3.0 - 0.6, 4.0 - 0.8]))
    assert len(calls) == 1
