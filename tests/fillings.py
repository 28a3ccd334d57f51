"""What the databases of several tests begin with; each is made once and then copied."""

from yikatong.core.platform import Platform
from yikatong.medical import reference
from yikatong.medical.sandbox import service as sandbox
from yikatong.population import service as population


async def three_hundred_people(platform: Platform) -> None:
    await population.make(platform, 300, 3, lambda _: None)


async def providers(platform: Platform) -> None:
    await reference.load_reference(platform)


async def providers_and_people(platform: Platform) -> None:
    await reference.load_reference(platform)
    await population.make(platform, 60, 3, lambda _: None)


async def whole_sandbox(platform: Platform) -> None:
    await reference.load_reference(platform)
    await sandbox.prepare(platform)
    await population.make(platform, 100, 1, lambda _: None)


async def whole_sandbox_hashed_quickly(platform: Platform) -> None:
    """For tests with `quick_hashes`: PINs that were hashed so are right for nobody else."""
    await whole_sandbox(platform)
