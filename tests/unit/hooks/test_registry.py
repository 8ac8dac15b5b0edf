"""Gathering fires, which hooks leave at any time and from any thread."""

from __future__ import annotations

import pytest


@pytest.fixture
def registry():
    from meterize_hooks.accounts import Accounts
    from meterize_hooks.losses import Losses
    from meterize_hooks.registry import Registry

    return Registry(Accounts(None), Losses())


@pytest.fixture
def hook(registry):
    from meterize_hooks.hook import OnceHook

    hook = OnceHook("d/f/1", "f", "d")
    registry._hooks[hook.id] = hook
    return hook


def fire(registry, hook, generation):
    registry._fires[hook, generation] = ("a", 1.0)
    hook.fired = generation


def test_the_late_one_of_two_threads_is_no_second_use(registry, hook):
    fire(registry, hook, 1)
    assert registry.snapshot() == {"d/f/1": 1}
    fire(registry, hook, 1)
    assert registry.snapshot() == {"d/f/1": 1}
    assert list(registry.untold) == [("d/f/1", 1)]


def test_a_late_one_from_before_it_was_armed_again(registry, hook):
    fire(registry, hook, 1)
    registry.rearm()
    fire(registry, hook, 2)
    registry.gather()
    registry._fires[hook, 1] = ("late", 1.0)
    assert registry.snapshot() == {"d/f/1": 2}


def test_arming_again_what_has_not_fired_changes_nothing(registry, hook):
    registry.rearm()
    registry.rearm()
    assert hook.generation == 1


def test_a_child_begins_with_nothing(registry, hook):
    fire(registry, hook, 1)
    registry.gather()
    fire(registry, hook, 1)
    registry.restart()
    assert registry.snapshot() == {"d/f/1": 0}
    assert not registry.untold
    fire(registry, hook, hook.generation)
    assert registry.snapshot() == {"d/f/1": 1}
